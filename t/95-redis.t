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
    return Galley::Test->start('t/apps/redis', env => { REDIS_URL => $url, REDIS_TIMEOUT_MS => 5000 * slow(), %env });
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
    like(call($server, ''), qr{^error -22: .*is no command}, 'nothing is no command');
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
    is($server->stat('redis_commands_total'), 10_000, 'and was counted');
    is($redis->cli('DBSIZE'), 0, 'nothing in database 0');
    like($redis->cli('INFO', 'keyspace'), qr/db3:keys=100/, 'all in 3');
    my ($commands) = $redis->cli('INFO', 'stats') =~ /total_reads_processed:(\d+)/;
    cmp_ok($commands, '<', 2500, "many in one write: $commands reads by the server");
    $server->stop;
}

# Begin a request and do not wait for its answer.
sub begin {
    my ($server, $command, $query) = @_;
    $command =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    my $connection = $server->connect;
    $connection->send("GET /call?c=$command" . ($query // '') . " HTTP/1.1\r\nHost: x\r\n\r\n");
    return $connection;
}

# The body of its answer.
sub end {
    my ($connection) = @_;
    my $body = $connection->read_response->{body};
    $connection->close;
    return $body;
}

# ---- it is not there, it comes, it goes, it comes again ----
{
    my $redis = Galley::Redis->prepare;
    my $server = app($redis->tcp_url);
    my $limit = 2 * slow();
    cmp_ok(best_of($limit, sub {
        my $from = time;
        like(call($server, 'GET a'), qr{^error -111: .*cannot connect to redis://127\.0\.0\.1:\d+/0: Connection refused}, 'down at the start: an error');
        return time - $from;
    }), '<', $limit, 'after a bounded wait');
    is($server->request(GET => '/plain?c=GET+a')->{status}, 503, 'and 503 where it is left alone');
    $redis->launch;
    ok(wait_until('it works', sub { call($server, 'GET a') eq 'null' }, 4), 'it works when the server is there, within the longest pause');

    # In flight: lost. Not yet sent, or come in between: done.
    call($server, 'SET a 1');
    $redis->pause;
    my @sent = map { begin($server, 'INCR a') } 1 .. 5;
    ok($server->wait_stat(redis_waiting => 5), 'five are in flight');
    $redis->kill;
    my $from = time;
    my @bodies = map { end($_) } @sent;
    is(scalar(grep { /^error -5008: .*the connection to \S+ was lost after INCR a was sent/ } @bodies), 5, 'those in flight are lost')
        or diag $bodies[0];
    my @between = map { begin($server, 'INCR b') } 1 .. 5;
    ok($server->wait_stat(redis_waiting => 5), 'five come in between');
    $redis->launch;
    my $is_restart = time - $from < 0.8;    # on a starved machine it is away for longer than anybody waits
    @bodies = sort map { end($_) } @between;
    is_deeply([ map { /^\d$/ || !$is_restart && /Connection refused/ ? 1 : 0 } @bodies ], [ (1) x 5 ], 'and are served by the next connection')
        or diag @bodies;
    ok(wait_until('it works', sub { call($server, 'SET b 5') eq '"OK"' }), 'which goes on');
    is($server->stat('redis_connections_open'), 1, 'of which there is one');
    like($server->log, qr/redis_up .* after \d+ attempts/, 'the log tells of its return');

    # An idle connection that the server closes is no loss.
    $redis->cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    is(call($server, 'GET b'), '"5"', 'a connection closed while idle is opened again without an error');
    is($server->stop, 0, 'stops');
}

# ---- slow ----
{
    my $redis = Galley::Redis->start;
    my $limit = 1500 * slow();
    my $server = app($redis->url, REDIS_TIMEOUT_MS => $limit);
    call($server, 'SET a 1');
    $redis->pause;
    like(call($server, 'GET a'), qr{^error -110: .*: no answer from unix:\S+ to GET a within $limit ms}, 'slower than the limit');
    like(call($server, 'GET a', '&timeout_ms=50'), qr{^error -110}, "or than the scope's deadline");
    is($server->request(GET => '/plain?c=GET+a')->{status}, 504, 'is 504 where it is left alone');
    $redis->resume;
    is(call($server, 'GET a'), '"1"', 'the same connection goes on');
    is(call($server, "SET a $_"), '"OK"', "its replies belong to who asked: SET $_") for 2 .. 4;
    is(call($server, 'GET a'), '"4"', 'to the last');
    is($redis->clients, 1, 'one connection all the time');
    is($server->stop, 0, 'stops');

    # Clients that leave.
    $server = app($redis->url, REDIS_TIMEOUT_MS => 60_000);
    call($server, 'SET a 1');
    $redis->pause;
    my @gone = map { begin($server, "GET a") } 1 .. 50;
    my @stay = map { begin($server, "INCR stay") } 1 .. 3;
    ok($server->wait_stat(redis_waiting => 53), 'many wait');
    $_->reset for @gone;
    ok($server->wait_stat(redis_waiting => sub { $_[0] <= 3 }), 'most leave');
    $redis->resume;
    end($_) for @stay;
    is(call($server, 'GET stay'), '"3"', 'the others have their replies');
    ok($server->wait_stat(redis_waiting => 0), 'nobody waits');
    ok($server->wait_stat(coroutines_live => 0), 'no coroutine is left');
    is($server->stop, 0, 'stops');
}

# ---- a limit to those who wait ----
{
    my $redis = Galley::Redis->start;
    my $server = app($redis->url, REDIS_MAX_WAITING => 5);
    call($server, 'SET a 1');
    $redis->pause;
    my @waiting = map { begin($server, 'GET a') } 1 .. 5;
    ok($server->wait_stat(redis_waiting => 5), 'as many as may');
    like(call($server, 'GET a'), qr/^error -5002: .*: GET a: too many wait/, 'one more is refused');
    is($server->request(GET => '/plain?c=GET+a')->{status}, 503, 'with 503');
    $redis->resume;
    is_deeply([ map { end($_) } @waiting ], [ ('"1"') x 5 ], 'the others are served');
    is($server->stop, 0, 'stops');
}

# ---- large ----
{
    my $redis = Galley::Redis->start;
    my $server = app($redis->url, REDIS_MAX_BYTES => 100_000);
    $redis->cli('SETRANGE', 'big', 150_000, 'x');
    $redis->cli('SETRANGE', 'fits', 99_000, 'x');
    $redis->cli('EVAL', 'for i=1,3000 do redis.call("RPUSH","long","x") end', 0);
    like(call($server, 'GET big'), qr/^error -5005: .*GET big: the answer is larger than it may be/, 'a string that is too large');
    like(call($server, 'LRANGE long 0 -1'), qr/^error -5005: /, 'and a list whose memory is');
    is($server->request(GET => '/plain?c=GET+big')->{status}, 502, 'is 502');
    like(call($server, 'GET fits'), qr/^"/, 'what fits comes, on another connection');
    is($server->stat('redis_connections_open'), 1, 'of which there is one');
    is($server->stop, 0, 'stops');
}

# ---- several connections, and one that was told a password ----
{
    my $redis = Galley::Redis->start(password => 'se:cr@t');
    my $server = app($redis->tcp_url(0, ':se%3Acr%40t'), REDIS_CONNECTIONS => 4);
    is($server->request(GET => '/many?coroutines=50&each=20')->{body}, '{"right":1000,"wrong":0,"failed":0}', 'four connections share the work');
    is($redis->clients, 4, 'four are open');
    is($server->stop, 0, 'stops');
    my $wrong = app($redis->tcp_url(0, 'default:wrong'));
    like(call($wrong, 'GET a'), qr{^error -5009: .*redis://127\.0\.0\.1:\d+/0: WRONGPASS}, 'a wrong password is told at once');
    unlike($wrong->log, qr/wrong\b(?!.*WRONGPASS)/, 'and not to the log');
    is($wrong->stop, 0, 'stops');
    my $none = app($redis->tcp_url);
    like(call($none, 'GET a'), qr{^error -5009: .*NOAUTH}, 'and a missing one');
    is($none->stop, 0, 'stops');
}

# ---- a server that breaks its word: what it does after its greeting, what the first command gets, and the second ----
for my $row (
    [ 'garbage',          sub { print { $_[0] } "HTTP/1.1 400 Bad Request\r\n\r\n"; sleep 600 },     qr/^error -5004: / ],
    [ 'half a reply',     sub { print { $_[0] } "\$10\r\nhalf"; close $_[0] },                      qr/^error -5008: .*closed by the other side/ ],
    [ 'a cut',            sub { Galley::Redis::reset_connection($_[0]) },                           qr/^error -5008: / ],
    [ 'a half and a cut', sub { print { $_[0] } "\$10\r\nhalf"; Galley::Redis::reset_connection($_[0]) }, qr/^error -5008: / ],
    [ 'nested too deep',  sub { print { $_[0] } "*1\r\n" x 100; sleep 600 },                         qr/^error -5004: / ],
    [ 'a wrong length',   sub { print { $_[0] } "\$-5\r\n"; sleep 600 },                             qr/^error -5004: / ],
    [ 'an endless list',  sub { print { $_[0] } "*2000000000\r\n"; sleep 600 },                      qr/^error -5005: / ],
    [ 'an endless line',  sub { my $s = shift; print $s '+'; 1 while print $s 'x' x 8192 },         qr/^error -5004: / ],
    [ 'an endless text',  sub { my $s = shift; print $s "\$900000000\r\n"; 1 while print $s 'x' x 65536 }, qr/^error -5005: / ],
    [ 'an endless head',  sub { my $s = shift; print $s '$'; 1 while print $s '0' x 8192 },         qr/^error -5004: / ],
    [ 'more than asked',  sub { print { $_[0] } "\$1\r\n1\r\n+OK\r\n"; sleep 600 },                    qr/^"1"/ ],
    [ 'byte by byte',     sub { my $s = shift; for (split //, "*2\r\n\$5\r\nhello\r\n:-17\r\n") { print $s $_; select undef, undef, undef, 0.002 } sleep 600 },
        qr/^\["hello" -17\]/ ],
) {
    my ($name, $act, $first) = @$row;
    my $bad = Galley::Redis->script(sub {
        my ($socket, $n) = @_;
        Galley::Redis::greet($socket);
        while ($socket->opened && Galley::Redis::read_command($socket)) {
            $n == 1 ? $act->($socket) : print $socket "+fine\r\n";
        }
    });
    my $server = app($bad->tcp_url);
    my $answer = call($server, 'GET a');
    like($answer, $first, "$name: what the first gets");
    is(call($server, 'GET a'), '"fine"', "$name: the next is served") if $name ne 'byte by byte';
    ok($server->wait_stat(redis_waiting => 0), "$name: nobody waits");
    is($server->stop, 0, "$name: stops");
    $bad->stop;
}

# ---- one that accepts, and says nothing, or is not ready ----
{
    my $silent = Galley::Redis->script(sub { sleep 600 });
    my $server = app($silent->tcp_url, REDIS_TIMEOUT_MS => 300 * slow());
    like(call($server, 'GET a'), qr/^error -110: .*cannot connect to|^error -110: .*no answer/, 'silence has an end');
    is($server->stop, 0, 'stops');
    my $loading = Galley::Redis->script(sub {
        my ($socket, $n) = @_;
        Galley::Redis::read_command($socket);
        print $socket $n < 3 ? "-LOADING Redis is loading the dataset in memory\r\n" : "+OK\r\n";
        print $socket "+ready\r\n" while Galley::Redis::read_command($socket);
    });
    $server = app($loading->tcp_url);
    ok(wait_until('it is ready', sub { call($server, 'GET a') eq '"ready"' }), 'one that loads its data is waited for');
    like($server->log, qr/redis_down .*: LOADING/, 'the log tells why it took longer');
    is($server->stop, 0, 'stops');
}
done_testing;
