#!/usr/bin/perl
# 99-all-remotes.t - one handler waits for HTTP, SQLite, PostgreSQL, Redis and a sleep at once: it takes as long as the
# slowest, and who looks on sees all of them, each with its place in the source.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;
use Galley::Postgres;
use Galley::Redis;

plan skip_all => 'there is no redis-server' if !Galley::Redis::is_there();
plan skip_all => 'PostgreSQL is not installed' if !Galley::Postgres->is_installed;

my $source = 't/apps/all_remotes.c';
my $dir = temp_dir();
my $postgres = Galley::Postgres->start;
my $redis = Galley::Redis->start;
my $remote = Galley::Test->start('t/apps/leaving');
my $server = Galley::Test->start('t/apps/all_remotes', config => "request_timeout = 10m\n", env => {
    REMOTE_URL => $remote->url, SQLITE_URL => "sqlite:$dir/notes.db", POSTGRES_URL => $postgres->url, REDIS_URL => $redis->url });

# How long a request takes, in ms.
sub time_of {
    my ($path) = @_;
    my $from = time;
    my $answer = $server->request(GET => $path);
    is($answer->{status}, 200, "$path: 200") or diag $answer->{body};
    return int 1000 * (time - $from);
}

# ---- the time is that of the slowest ----
{
    my $ms = 400;
    my $rows = wrapped() ? 2_000 : 200_000;    # to count is no waiting: it must be short beside the others
    time_of("/$_") for qw(http sqlite postgres redis);    # connections are open
    my %alone = map { $_ => time_of("/$_?ms=$ms&rows=$rows") } qw(http sqlite postgres redis);
    cmp_ok($alone{$_}, '>=', $ms, "$_ alone takes its time: $alone{$_} ms") for qw(http postgres redis);
    my ($slowest) = sort { $b <=> $a } values %alone;
    my $sum = 0;
    $sum += $_ for $ms, values %alone;
    my $limit = $slowest + 500 * slow();
    my $all = 1000 * best_of($limit / 1000, sub { time_of("/all?ms=$ms&rows=$rows") / 1000 });
    note "alone $sum ms in all, the slowest $slowest ms; gathered $all ms";
    cmp_ok($all, '>=', $ms, 'all together take as long as the slowest');
    cmp_ok($all, '<', $limit, "and hardly longer: $all ms");
    cmp_ok($all, '<', $sum * 0.6, "where one after the other they take $sum ms");
}

# ---- who looks on sees all of them ----
{
    my $client = $server->connect;
    $client->send("GET /all?ms=600000&rows=2000000000 HTTP/1.1\r\nHost: x\r\nX-Request-Id: show-1\r\n\r\n");
    my @rows;
    ok(wait_until('six wait', sub {
        @rows = grep { $_->{state} eq 'waiting' } @{ $server->rpc('coroutines')->{coroutines} };
        return @rows == 6;
    }), 'the handler and its five tasks wait');
    my $tree;    # a worker that lacks a processor for a second is left out, and asked again
    ok(wait_until('the tree shows all of them', sub {
        $tree = galley_command('pstree', '--stats', $server->stats_path)->{out};
        return 6 == grep { / waiting for | sleeping / } split /\n/, $tree;
    }), 'the tree shows all of them');
    note $tree;
    my @lines = split /\n/, read_file(root() . "/$source");
    my $line_of = sub { my ($text) = @_; return (grep { index($lines[ $_ - 1 ], $text) >= 0 } 1 .. @lines)[0] };
    like($tree, qr/^  #\d+ GET \/all \[show-1\] all \(all_remotes\.c:${\ $line_of->('galley_gather(co, ')}\) waiting for gather/m, 'the handler gathers');
    for my $row (
        [ 'ask_http',     'galley_http_get(co, &got',      qr/http.*127\.0\.0\.1/ ],
        [ 'ask_sqlite',   'galley_sql_query(',             qr/sql/ ],
        [ 'ask_postgres', 'galley_sql_query(co, postgres', qr/postgres|pg_sleep/ ],
        [ 'ask_redis',    'galley_redis_call(co, redis',   qr/redis.*DEBUG SLEEP/ ],
        [ 'nap',          'galley_sleep_ms(co, in->ms)',   qr/sleeping \d+ ms/ ]) {
        my ($name, $text, $what) = @$row;
        my ($shown) = grep { /-> #\d+ $name / } split /\n/, $tree;
        like($shown // 'nothing', qr/-> #\d+ $name \(all_remotes\.c:\d+\) .*$what/, "$name: its place, and what it waits for");
        my ($at) = ($shown // '') =~ /all_remotes\.c:(\d+)/;
        my $from = $line_of->("static int $name(");
        ok($at && $at > $from && $at < $from + 12, "$name: the line is in its function");
    }
    $client->reset;
    ok($server->wait_stat(coroutines_live => 0), 'all of them end with their client');
    ok($server->wait_stat($_ => 0), "$_ is 0") for qw(redis_waiting http_calls_active pool_waiting threads_busy);
}
is($server->stop, 0, 'stops');
is($remote->stop, 0, 'so does the remote');
done_testing;
