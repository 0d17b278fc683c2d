#!/usr/bin/perl
# 94-postgres-pool.t - a thousand requests that share ten connections: in order of arrival, none lost, also where PostgreSQL is
# restarted meanwhile; ten thousand clients that leave at any moment: nothing is left of them.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes qw(time);
use Galley::Test;
use Galley::Postgres;

plan skip_all => 'PostgreSQL is not installed' if !Galley::Postgres->is_installed;
my $CLIENTS = 1000;
my $pg = Galley::Postgres->start;
$pg->ask('create table visit (id int, seq serial); create table item (id int primary key, name text, price float8); insert into item values (1, $$a$$, 1), (2, $$b$$, 2)');
my $server = Galley::Test->start('t/apps/postgres', unix => 1, env => { PG_URL => $pg->url, PG_CONNECTIONS => 10 });
my $path = $server->dir . '/http.sock';

# Connections that the worker has taken.
sub open_clients {
    my ($count) = @_;
    my @clients;
    while (@clients < $count) {
        my $client = IO::Socket::UNIX->new(Peer => $path);
        select(undef, undef, undef, 0.01), next if !$client;    # its queue is full
        push @clients, $client;
    }
    $server->wait_stat(connections_open => sub { $_[0] >= $count });
    return @clients;
}

# All answers to one request each, as far as they come in time: statuses by client; `meanwhile` is called with their number.
sub answers {
    my ($clients, $meanwhile) = @_;
    my ($reader, $deadline, %status, %at) = (IO::Select->new(@$clients), time + 30 * slow());
    @at{@$clients} = 0 .. $#$clients;
    while ($reader->count && time < $deadline) {
        for my $client ($reader->can_read(1)) {
            my $count = sysread $client, my $bytes, 65536;
            $status{ $at{$client} } = $count && $bytes =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
            $reader->remove($client);
        }
        $meanwhile->(scalar keys %status) if $meanwhile;
    }
    return \%status;
}

sub send_all {
    my ($clients, $request) = @_;
    syswrite $clients->[$_], $request->($_) . " HTTP/1.1\r\nHost: x\r\n\r\n" for 0 .. $#$clients;
    return;
}

sub tally {
    my ($status) = @_;
    my %count;
    $count{$_}++ for values %$status;
    return \%count;
}

# ---- in order of arrival ----
{
    is($server->request(GET => '/visit?id=0&ms=0')->{status}, 200, 'a first one');
    my @clients = open_clients($CLIENTS);
    my ($worker) = $server->worker_pids;
    kill STOP => $worker;    # until all have asked, however long that takes
    send_all(\@clients, sub { 'GET /visit?ms=5&id=' . ($_[0] + 1) });
    my $from = time;
    kill CONT => $worker;
    my $status = answers(\@clients);
    my $took = time - $from;
    is_deeply(tally($status), { 200 => $CLIENTS }, "$CLIENTS transactions of 5 ms on ten connections: none is lost");
    cmp_ok($took, '>=', $CLIENTS * 0.005 / 10, sprintf 'ten at a time: %.2f s', $took);
    # Any of the ten may wait for a processor of PostgreSQL's, and is overtaken by many then: but whoever is served, nobody
    # who came before it is still without a connection.
    my $late = $pg->ask('select max((select count(*) from visit as other where other.seq > visit.seq and other.id < visit.id)) from visit');
    cmp_ok($late, '<=', 20, "in order of arrival: at most $late are overtaken by one, where ten run beside each other");
    is($server->stat('pool_connections_open'), 10, 'ten connections');
    cmp_ok($server->stat('pool_waited_total'), '>=', $CLIENTS - 50, 'who waited is counted');
    my $wait_s = $server->stat('pool_waited_us_total') / 1e6;
    cmp_ok($wait_s, '>', $CLIENTS * $took / 10, sprintf 'and how long: %.0f s in all', $wait_s);
    cmp_ok($wait_s, '<', $CLIENTS * $took, 'but no longer than they were there');
    is($server->stat('pool_waiting'), 0, 'nobody waits any more');
    $_->close for @clients;
}
# ---- restarted in the middle ----
{
    my @clients = open_clients($CLIENTS);
    my ($was_restarted, $serves, $back) = (0, 0, 0);
    send_all(\@clients, sub { 'GET /visit?ms=5&id=' . ($_[0] + 10_000) });
    my $status = answers(\@clients, sub {
        my ($count) = @_;
        return if $was_restarted || $count < $CLIENTS / 4;
        $was_restarted = 1;
        $pg->kill_it;
        $pg->again;
        my $again = time;
        $serves = wait_until('it serves', sub { $server->request(GET => '/visit?ms=1')->{status} == 200 });
        $back = time - $again;
    });
    my $count = tally($status);
    my $failed = ($count->{502} // 0) + ($count->{503} // 0);
    is(($count->{200} // 0) + $failed, $CLIENTS, 'restarted in the middle: each has its answer') or diag explain $count;
    cmp_ok($count->{200} // 0, '>=', $CLIENTS / 4, "those before it, $count->{200}, have theirs; $failed of those that were there have 502 or 503");
    $_->close for @clients;
    ok($serves, 'it serves again, also who comes after all of them');
    # Once more with nobody waiting, where others had the processors meanwhile.
    $back = best_of(2 * slow(), sub {
        $pg->restart;
        my $again = time;
        wait_until('it serves', sub { $server->request(GET => '/visit?ms=1')->{status} == 200 });
        return time - $again;
    }) if $back >= 2 * slow();
    cmp_ok($back, '<', 2 * slow(), sprintf 'within 2 s: %.2f s', $back);
    @clients = open_clients(100);
    send_all(\@clients, sub { 'GET /visit?ms=5' });
    is_deeply(tally(answers(\@clients)), { 200 => 100 }, 'and fully');
    $_->close for @clients;
}

# ---- clients that leave ----
my @REQUESTS = ('/visit?ms=3', '/visit?ms=30', '/transaction?ms=20', '/transaction?ms=1&id=2', '/four', '/ask?sql=select+pg_sleep(0.05)',
    '/ask?sql=select+1', '/items', '/empty?ms=5');

# So many requests, each left after up to 20 ms (more where all is slow, or none is heard), up to 64 at once.
sub leave {
    my ($count) = @_;
    my @here;
    for my $i (1 .. $count) {
        my $client = IO::Socket::UNIX->new(Peer => $path) or redo;
        syswrite $client, "GET $REQUESTS[rand @REQUESTS] HTTP/1.1\r\nHost: x\r\n\r\n";
        push @here, [ $client, time + rand(0.02 * slow()) ];
        while (@here = grep { $_->[1] > time } @here) {
            last if @here < 64;
            select undef, undef, undef, 0.002;
        }
    }
    return;
}

sub is_quiet {
    my $m = $server->rpc('metrics');
    return $m->{requests_active}{value} == 0 && $m->{pool_waiting}{value} == 0 && $m->{coroutines_live}{value} == 0
        && $m->{pool_connections_open}{value} == $m->{pool_connections_idle}{value};
}

sub resident_kb {
    my ($worker) = $server->worker_pids;
    return read_file("/proc/$worker/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

{
    my $TIMES = soak() ? 100_000 : 10_000;
    leave($TIMES / 10);
    ok(wait_until('all is quiet', \&is_quiet, 20), 'some clients have left');
    my ($worker) = $server->worker_pids;
    my ($kb, $from) = (resident_kb(), time);
    my $before = $server->stat('requests_cancelled');    # some leave before they are heard, where all is slow
    my ($cancelled, $left) = (0, 0);
    while ($cancelled < $TIMES && $left < 2 * $TIMES) {
        leave(1000);
        $left += 1000;
        $cancelled = $server->stat('requests_cancelled') - $before;
    }
    ok(wait_until('all is quiet', \&is_quiet, 30), sprintf '%d clients have left, in %.1f s', $left, time - $from);
    is(join(' ', $server->worker_pids), $worker, 'the worker goes on');
    is($pg->connections('idle in transaction'), 0, 'no connection is idle in transaction');
    ok(wait_until('none runs', sub { $pg->connections('active') == 0 }), 'nor does one still run what nobody wants');
    ok(wait_until('ten or fewer', sub { $pg->connections <= 10 }), 'no connection is lost');
    ok(wait_until('descriptors', sub { descriptors_of($worker) <= 10 + 40 }), 'no descriptor is') or diag descriptors_of($worker);
    my $more = resident_kb() - $kb;
    cmp_ok($more, '<', 4096, "$more kB more") if !wrapped() && build() !~ /asan/;
    cmp_ok($cancelled, '>', $TIMES / 5, "$cancelled were cancelled");
    is($server->request(GET => '/four')->{body}, 4, 'and life goes on');
}
is($server->stop, 0, 'stops');
ok(wait_until('all is quiet', sub { $pg->connections == 0 }), 'no connection is left');
done_testing;
