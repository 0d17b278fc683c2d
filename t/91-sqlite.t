#!/usr/bin/perl
# 91-sqlite.t - SQLite in a server: writers of several workers, clients that leave during a transaction or an endless query,
# deadlines, locks of other programs, ten thousand statements; what `galley ps` shows; nothing is left over.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;

my $dir = temp_dir();
mkdir "$dir/migrations";
write_file("$dir/migrations/0001-all.sql",
    'create table total (value integer not null); insert into total values (0); create table line (number integer primary key);');

sub start {
    my ($file, %how) = @_;
    return Galley::Test->start('t/apps/ledger', workers => $how{workers} // 1,
        env => { LEDGER => "sqlite:$dir/$file" . ($how{options} // ''), LEDGER_MIGRATIONS => "$dir/migrations" });
}

# Send without reading.
sub ask {
    my ($server, $method, $path) = @_;
    my $client = $server->connect;
    $client->send("$method $path HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n");
    return $client;
}

sub total { return $_[0]->request(GET => '/total')->{body} =~ /"value":(-?\d+)/ ? $1 : 'none' }

sub waits_in {
    my ($server, $what) = @_;
    return wait_until("a coroutine in $what", sub { grep { ($_->{waiting}{what} // '') =~ $what } @{ $server->rpc('coroutines')->{coroutines} } });
}

subtest 'writers of three workers' => sub {
    my $server = start('writers.db', workers => 3, options => '?synchronous=off');
    my @clients = map { $server->connect } 1 .. 24;
    for my $round (1 .. 5) {
        $_->send("POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n") for @clients;
        my %count;
        $count{ $_->read_response(timeout => 30 * slow())->{status} }++ for @clients;
        is_deeply(\%count, { 200 => 24 }, "round $round: each has written");
    }
    $_->close for @clients;
    is(total($server), 120, 'and none has overwritten another');
    is($server->stop, 0, 'stops');
};

my $server = start('one.db', options => '?busy_timeout=200');
my $pid = ($server->worker_pids)[0];
$server->request(POST => '/add');
my @both = map { ask($server, GET => '/endless') } 1 .. 2;    # so that every connection has been opened
ok($server->wait_stat('pool_connections_open', 3), 'all three connections are open');
$_->close for @both;
ok($server->wait_stat('coroutines_live', 0), 'and at rest');
my $descriptors = descriptors_of($pid);

subtest 'a client that leaves during a transaction' => sub {
    for my $how (qw(close reset)) {
        my $cancelled = $server->stat('requests_cancelled');
        my $client = ask($server, GET => '/hold?n=60000');
        waits_in($server, qr/^\d+ ms/);
        my $start = time;
        $how eq 'close' ? $client->close : $client->reset;
        ok($server->wait_stat('requests_cancelled', $cancelled + 1), "$how: the request is cancelled");
        is($server->request(POST => '/add?n=0')->{body}, '{"value":1}', "$how: it was rolled back, and the next one writes");
        cmp_ok(time - $start, '<', 20 * slow(), "$how: at once");    # it would hold the database for a minute
    }
    is($server->stat('pool_waiting'), 0, 'nobody waits');
};

subtest 'an endless query' => sub {
    my $client = ask($server, GET => '/endless');
    waits_in($server, qr/^with recursive/);
    my ($row) = grep { ($_->{waiting}{what} // '') =~ /^with/ } @{ $server->rpc('coroutines')->{coroutines} };
    is($row->{waiting}{kind}, 'sqlite', 'ps: it waits for SQLite');
    is($row->{waiting}{what}, 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as value from n',
        'ps: in this statement, in one line');
    like($row->{waiting}{file} // $row->{file}, qr/ledger\.c$/, 'ps: called there');
    my $limit = 0.5 * slow();
    cmp_ok(best_of($limit, sub {
        $client ||= ask($server, GET => '/endless');
        waits_in($server, qr/^with recursive/);
        my $cancelled = $server->stat('requests_cancelled');
        my $start = time;
        $client->close;
        undef $client;
        ok($server->wait_stat('requests_cancelled', $cancelled + 1), 'the client leaves: it is cancelled');
        ok($server->wait_stat('coroutines_live', 0), 'and has ended');
        return time - $start;
    }), '<', $limit, 'within its time');
    is(total($server), 1, 'the connection serves others');

    my @many = map { ask($server, GET => '/endless') } 1 .. 10;
    ok($server->wait_stat('pool_waiting', 8), 'two run, eight wait for a connection');
    $_->close for @many;
    ok($server->wait_stat('coroutines_live', 0), 'all ten leave');
    is($server->stat('pool_waiting'), 0, 'nobody waits');
    is(total($server), 1, 'the connections serve others');
};

subtest 'an endless write' => sub {
    my $client = ask($server, GET => '/endless-write');
    waits_in($server, qr/^insert into line/);
    $client->close;
    ok($server->wait_stat('coroutines_live', 0), 'the client leaves: it has ended');
    is($server->request(POST => '/line?n=1')->{status}, 200, 'nothing of it was kept, the next one writes');
};

subtest 'a deadline' => sub {
    my $start = time;
    is($server->request(GET => '/brief')->{status}, 504, '504 when the time of the route is over');
    cmp_ok(time - $start, '<', 20 * slow(), 'in time');    # a request, else, has 60 s
    is(total($server), 1, 'the connection serves others');
};

subtest 'errors that nobody answers' => sub {
    is($server->request(POST => '/line?n=1')->{status}, 500, 'a constraint: 500');
    ok($server->wait_log(qr/UNIQUE constraint failed: line\.number.*ledger\.c:\d+/), 'the log has the words of the database, and the place');
};

subtest 'another program has the lock' => sub {
    my $holder = open my $pipe, '-|', 'python3', '-c', <<'PY', "$dir/one.db" or die "python3: $!\n";
import sqlite3, sys, time
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("begin immediate")
print("locked", flush=True)
time.sleep(600)
PY
    is(scalar <$pipe>, "locked\n", 'it is locked');
    is($server->request(POST => '/add')->{status}, 503, 'a writer gets 503 after busy_timeout');
    is(total($server), 1, 'readers read');
    kill KILL => $holder;
    close $pipe;
    is($server->request(POST => '/add')->{body}, '{"value":2}', 'and when it is free, the next one writes');
};

subtest 'ten thousand statements' => sub {
    my $body = $server->request(GET => '/many?n=5000', timeout => 60 * slow())->{body};
    like($body, qr/^\{"count":5000,/, 'all of them');
    my ($read, $write) = $body =~ /"read_ns":(\d+),"write_ns":(\d+)/;
    diag(sprintf 'a statement: %.1f us to read, %.1f us to write in a transaction', $read / 1000, $write / 1000);
};

subtest 'clients that leave at any moment' => sub {
    my $rounds = soak() ? 500 : 25;
    my $seed = 4711;
    my $random = sub { $seed = ($seed * 1103515245 + 12345) % 2**31; return int($seed / 65536) % $_[0] };
    # Who leaves before the request has been read sends request and FIN together, and waits for the answer: the time of the
    # route ends these.
    my @paths = ([ POST => '/add' ], [ GET => '/total' ], [ GET => '/hold?n=3' ], [ GET => '/long' ], [ GET => '/long-write' ]);
    for my $round (1 .. $rounds) {
        my @clients = map { ask($server, @{ $paths[ $random->(5) ] }) } 1 .. 12;
        for my $client (@clients) {
            my $how = $random->(3);
            select undef, undef, undef, $random->(4) / 1000;    # anywhere in what it does
            $how == 0 ? $client->reset : $how == 1 ? $client->close : $client->half_close;
        }
        ok(0, 'all end'), last if !$server->wait_stat('coroutines_live', 0, 20 * slow());
    }
    is($server->stat('pool_waiting'), 0, 'nobody waits');
    is($server->stat('pool_connections_open'), 3, 'no connection was lost');
    like(total($server), qr/^\d+$/, 'the connections serve others');
    ok(is_alive($pid), 'the worker lives');
};

ok(wait_until('as few descriptors as before', sub { descriptors_of($pid) <= $descriptors }), 'no descriptor is left over');
is($server->stat('pool_connections_open'), 3, 'one connection writes, two read');
is($server->stat('pool_opened_total'), 3, 'and no other was ever opened');
my $taken = $server->stat('pool_taken_total');
total($server);
is($server->stat('pool_taken_total'), $taken + 1, 'a statement borrows one');
is(($server->worker_pids)[0], $pid, 'it was one worker all the time');
is($server->stop, 0, 'and it stops');

done_testing();
