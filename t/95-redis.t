#!/usr/bin/perl
# 95-redis.t - commands of handlers to a real Redis, and to one that misbehaves.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;
use Galley::Redis;

plan skip_all => 'there is no redis-server' if !Galley::Redis::is_there();

# The answer to a command, as t/apps/redis.c prints it.
sub call {
    my ($server, $command, $query) = @_;
    $command =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    return $server->request(GET => "/call?c=$command" . ($query // ''))->{body};
}

sub app {
    my ($url, %env) = @_;
    return Galley::Test->start('t/apps/redis', env => { REDIS_URL => $url, %env });
}

# ---- replies of every kind ----
{
    my $redis = Galley::Redis->start;
    my $server = app($redis->url);
    is($redis->clients, 0, 'nothing is opened before it is needed');
    for my $row (
        ['SET a 1',             '"OK"'],
        ['GET a',               '"1"'],
        ['GET b',               'null'],
        ['INCR a',              '2'],
        ['RPUSH l x y z',       '3'],
        ['LRANGE l 0 -1',       '["x" "y" "z"]'],
        ['LRANGE none 0 -1',    '[]'],
        ['MGET a b',            '["2" null]'],
        ['EVAL return{1,{2,{3,{4,{5}}}}} 0', '[1 [2 [3 [4 [5]]]]]'],
        ['EVAL return{redis.error_reply("ERR_oh")} 0', '[!ERR ERR_oh]'],
    ) {
        is(call($server, $row->[0]), $row->[1], $row->[0]);
    }
    my $place = qr{\(t/apps/redis\.c:\d+\)};
    like(call($server, 'RPUSH a x'), qr{^error -5009: .*: unix:\S+: RPUSH a: WRONGTYPE .* $place$}, 'an error says who, what, where');
    like(call($server, 'BLPOP l 0'), qr{^error -22: .*BLPOP l would block .* $place$}, 'what blocks is refused');
    like(call($server, 'multi'), qr{^error -22: .*multi needs a connection of its own.* send one EVAL}, 'a transaction, too');
    like(call($server, 'SUBSCRIBE x'), qr{^error -22: .*galley_redis_subscribe}, 'and a subscription');
    like(call($server, 'XREAD COUNT 1 BLOCK 0 STREAMS s 0'), qr{^error -22: .*would block}, 'and an option that blocks');
    is(call($server, 'XREAD COUNT 1 STREAMS block 0'), 'null', 'but not a key of that name');
    is($server->request(GET => '/plain?c=LPUSH+a+x')->{status}, 500, 'left alone, a refused command is 500');
    like($server->log, qr/LPUSH a: WRONGTYPE/, 'and the log says why');
    is($server->stat('redis_failed_total'), 2, 'what Redis refused is counted');
    is($redis->clients, 1, 'all of it on one connection');
    is($server->stat('redis_connections_open'), 1, 'which is counted');
    is($server->stat('redis_waiting'), 0, 'nobody waits');
    is($server->stop, 0, 'stops');
    ok(wait_until('the connection is gone', sub { $redis->clients == 0 }), 'and its connection is closed');
}

# ---- many at once ----
{
    my $redis = Galley::Redis->start;
    my $server = app($redis->tcp_url(3));
    my $answer = $server->request(GET => '/many?coroutines=100&each=100')->{body};
    is($answer, '{"right":10000,"wrong":0,"failed":0}', '10,000 commands from 100 coroutines: each had its own reply');
    is($redis->cli('DBSIZE'), 0, 'nothing in database 0');
    like($redis->cli('INFO', 'keyspace'), qr/db3:keys=100/, 'all in 3');
    my ($commands) = $redis->cli('INFO', 'stats') =~ /total_reads_processed:(\d+)/;
    cmp_ok($commands, '<', 2500, "many in one write: $commands reads by the server");
    $server->stop;
}
done_testing;
