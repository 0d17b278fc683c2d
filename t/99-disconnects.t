#!/usr/bin/perl
# 99-disconnects.t - clients that leave before, during and after their request, on every kind of remote side: afterwards
# nothing is left of them: no coroutine, connection, descriptor, transaction or memory.
# Does:     2,000 requests; 50,000 with GALLEY_SOAK=1.
# Does not: look at answers: see 80-http.t, 91-sqlite.t, 92-postgres.t, 95-redis.t.
use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket ();
use Test::More;
use Galley::Test;
use Galley::Postgres;
use Galley::Redis;

plan skip_all => 'there is no redis-server' if !Galley::Redis::is_there();
plan skip_all => 'PostgreSQL is not installed' if !Galley::Postgres->is_installed;

my $COUNT = soak() ? 50_000 : 2_000;
my ($CLIENTS, $AT_ONCE) = (4, 8);
my @QUIET = qw(coroutines_live requests_active background_active threads_busy threads_queued pool_waiting redis_waiting
    redis_subscribers http_calls_active);
my @PATHS = ('/http', '/sqlite', '/postgres', '/redis', '/all', '/sqlite-tx', '/postgres-tx', '/listen');

my $dir = temp_dir();
my $postgres = Galley::Postgres->start;
my $redis = Galley::Redis->start;
my $remote = Galley::Test->start('t/apps/leaving');
my $server = Galley::Test->start('t/apps/all_remotes', env => {
    REMOTE_URL => $remote->url, SQLITE_URL => "sqlite:$dir/notes.db", POSTGRES_URL => $postgres->url, REDIS_URL => $redis->url });
my ($pid) = $server->worker_pids;

sub leave {
    my ($socket, $is_hard) = @_;
    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'II', 1, 0 if $is_hard;
    close $socket;
    return;
}

# `count` requests, a few at once. How many were answered whole.
sub client {
    my ($count) = @_;
    my $answered = 0;
    while ($count > 0) {
        my @open;
        for (1 .. $AT_ONCE) {
            last if $count-- <= 0;
            my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) or next;
            my $method = rand() < 0.1 ? 'POST' : 'GET';
            my $path = $method eq 'POST' ? '/all' : $PATHS[ rand @PATHS ];
            my $ms = int rand 8;
            my $text = "$method $path?ms=$ms&rows=" . int(rand 4000) . " HTTP/1.1\r\nHost: x\r\n"
                . ($method eq 'POST' ? "Content-Length: 0\r\n" : '') . "\r\n";
            my $kind = int rand 4;    # 0 leaves before it has asked, 1 at once, 2 some time later, 3 stays
            $text = substr $text, 0, rand length $text if $kind == 0;
            syswrite $socket, $text;
            $kind < 2 ? leave($socket, rand() < 0.5) : push @open, [ $socket, $kind ];
        }
        select undef, undef, undef, rand() * 0.006;
        for (@open) {
            my ($socket, $kind) = @$_;
            if ($kind == 3 && IO::Select->new($socket)->can_read(10 * slow())) {
                sysread $socket, my $answer, 65536;
                $answered++ if ($answer // '') =~ m{^HTTP/1.1 200 };
            }
            leave($socket, rand() < 0.5);
        }
    }
    return $answered;
}

# All of it by several processes. How many requests were answered with 200.
sub storm {
    my ($count) = @_;
    my @children = map {
        my $number = $_;
        pipe my $read, my $write or die "pipe: $!\n";
        my $child = fork // die "fork: $!\n";
        if (!$child) {
            srand 1000 * $count + $number;
            $SIG{PIPE} = 'IGNORE';
            syswrite $write, client($count / $CLIENTS) . "\n";
            POSIX::_exit(0);
        }
        close $write;
        [ $child, $read ]
    } 1 .. $CLIENTS;
    my $answered = 0;
    for (@children) {
        $answered += readline($_->[1]) // 0;
        waitpid $_->[0], 0;
    }
    return $answered;
}

# Wait until nothing runs. What the worker holds open beyond its pools.
sub rest {
    my ($when) = @_;
    ok($server->wait_stat($_ => 0, 30), "$when: $_ is 0") for @QUIET;
    ok($server->wait_stat(connections_open => 0, 30), "$when: no client is left");
    my $beyond;
    my $is_steady = wait_until('the number of descriptors is steady', sub {
        my $kept = 0;
        $kept += $server->stat($_) for qw(pool_connections_open http_connections_open redis_connections_open);
        my $now = descriptors_of($pid) - $kept;
        my $is_same = defined $beyond && $now == $beyond;
        $beyond = $now;
        return $is_same;
    }, 30);
    return $beyond;
}

sub rss_of { return (read_file("/proc/$pid/statm") =~ /^\d+ (\d+)/)[0] * 4096 }

cmp_ok(storm($COUNT / 4), '>', 0, 'a first storm, that fills pools and caches');
my $descriptors = rest('after the first');
my $rss = rss_of();
my $answered = storm($COUNT);
cmp_ok($answered, '>', $COUNT / 10, "$COUNT requests: who stayed was answered ($answered)");
my $after = rest('after the storm');
# SQLite's connections have one to three descriptors each, as they come and go.
cmp_ok(abs($after - $descriptors), '<=', 12, "as many descriptors as before: $descriptors, $after");
my $most = slow() > 1 ? 400 << 20 : 16 << 20;    # memory checkers keep what was freed, and tell of leaks themselves
cmp_ok(rss_of() - $rss, '<', $most, 'no more memory than before: ' . int((rss_of() - $rss) / 1024) . ' KiB more');
is($server->stat('redis_connections_open'), 2, 'one connection to Redis, and one for messages');
cmp_ok($server->stat('pool_connections_open'), '<=', 8, 'no pool is larger than it may be');
ok(wait_until('all are idle', sub { $server->stat('pool_connections_idle') == $server->stat('pool_connections_open') }), 'and nobody keeps one');
ok(wait_until('none is in a transaction', sub { $postgres->ask("select count(*) from pg_stat_activity where state like 'idle in transaction%'") == 0 }),
    'no transaction is left open');
is($postgres->ask('select count(*) from note'), 0, 'and none was done by half');
ok(wait_until('two or fewer', sub { $redis->clients <= 2 }), 'Redis knows no more clients');
ok(wait_until('nobody listens', sub { !@{ $redis->cli('PUBSUB', 'CHANNELS') } && $redis->cli('PUBSUB', 'NUMPAT') == 0 }), 'nor channels');
is(($server->worker_pids)[0], $pid, 'the same worker serves');
is($server->request(GET => "$_?ms=1")->{status}, 200, "$_ works") for @PATHS;
unlike($server->log, qr/ignored|BUG|never awaited/, 'nothing odd in the log');
is($server->stop, 0, 'stops');
is($remote->stop, 0, 'so does the remote');
done_testing;
