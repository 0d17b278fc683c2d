#!/usr/bin/perl
# 96-redis-pubsub.t - handlers that listen to channels of Redis and forward what they hear as server-sent events.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;
use Galley::Redis;

plan skip_all => 'there is no redis-server' if !Galley::Redis::is_there();

sub app {
    my ($url, %how) = @_;
    return Galley::Test->start('t/apps/redis', %how, env => { REDIS_URL => $url, %{ $how{env} || {} } });
}

# A stream of events that has begun, from one of the workers.
sub listen_to {
    my ($server, $channel, $more) = @_;
    my $stream = $server->connect;
    $channel =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    $stream->send("GET /events?channel=$channel" . ($more // '') . " HTTP/1.1\r\nHost: x\r\n\r\n");
    my $head = $stream->read_until(qr/: listening\n\n\r\n/) // die 'no stream: ' . $stream->buffer . "\n";
    return $stream;
}

# The next event: "channel data (missed)", or nothing.
sub event {
    my ($stream) = @_;
    my $text = $stream->read_until(qr/\n\n\r\n/) // return 'nothing came';
    my ($channel, $missed, $data) = $text =~ /event: (.*)\nid: (\d+)\ndata: (.*)\n/;
    return "$channel $data ($missed)";
}

my $redis = Galley::Redis->start;

# ---- across two workers ----
{
    my $server = app($redis->url, workers => 2);
    my @streams = map { listen_to($server, 'orders') } 1 .. 16;
    is($server->stat('redis_subscribers'), 16, 'sixteen listen');
    cmp_ok($redis->clients, '<=', 2, 'over one connection a worker');
    is($redis->cli('PUBSUB', 'NUMSUB', 'orders')->[1], $redis->clients, 'asked for once a worker');
    my @workers = grep { $_->{coroutines} > 0 } $server->workers;
    note scalar(@workers) . ' workers have listeners';
    is($server->request(POST => '/publish?channel=orders&data=tea')->{status}, 200, 'one handler publishes');
    is_deeply([ map { event($_) } @streams ], [ ('orders tea (0)') x 16 ], 'all hear it, in both workers');
    $redis->cli('PUBLISH', 'orders', "m$_") for 1 .. 50;
    is_deeply([ map { event($streams[3]) } 1 .. 50 ], [ map { "orders m$_ (0)" } 1 .. 50 ], 'in order');
    my $waits;
    wait_until('the workers tell', sub {
        ($waits) = grep { $_->{name} eq 'events' && $_->{waiting}{kind} eq 'redis message' } @{ $server->rpc('coroutines')->{coroutines} };
        return $waits;
    });
    is_deeply($waits->{waiting}, { kind => 'redis message', what => 'orders' }, 'who looks on sees what they wait for');
    $_->close for @streams;
    ok($server->wait_stat(redis_subscribers => 0), 'who leaves listens no more');
    ok(wait_until('unsubscribed', sub { $redis->cli('PUBSUB', 'NUMSUB', 'orders')->[1] == 0 }), 'and Redis is told');
    is($server->stop, 0, 'stops');
}

# ---- patterns, several on one handle, again and again ----
{
    my $server = app($redis->url);
    my $news = listen_to($server, 'news.*');
    my $sport = listen_to($server, 'news.sport');
    $redis->cli('PUBLISH', 'news.sport', 'goal');
    is(event($news), 'news.sport goal (0)', 'a pattern hears its channels');
    is(event($sport), 'news.sport goal (0)', 'beside the channel itself');
    for my $i (1 .. 20) {
        my $short = listen_to($server, 'short');
        $redis->cli('PUBLISH', 'short', $i);
        is(event($short), "short $i (0)", "came and went $i times");    # the next one shares the subscription, and would hear it
        $short->close;
    }
    $_->close for $news, $sport;
    ok($server->wait_stat(redis_subscribers => 0), 'nobody listens');
    ok(wait_until('unsubscribed', sub { $redis->cli('PUBSUB', 'NUMPAT') == 0 && !@{ $redis->cli('PUBSUB', 'CHANNELS') } }),
        'nothing is asked for any more');

    # ---- one that reads slowly ----
    my $slow = listen_to($server, 'flood', '&pause_ms=1');
    my $quick = listen_to($server, 'flood');
    $redis->cli('EVAL', 'for i=1,1000 do redis.call("PUBLISH","flood",i) end', 0);
    for my $row ([ 'one that pauses', $slow ], [ 'one that does not', $quick ]) {
        my ($name, $stream) = @$row;
        my ($last, $lost, $seen) = (0, 0, 0);
        while ($last < 1000) {
            my ($n, $missed) = event($stream) =~ /^flood (\d+) \((\d+)\)$/ or last;
            $lost += $missed;
            $last = $n;
            $seen++;
        }
        is($last, 1000, "a flood: $name gets the newest message");
        is($seen + $lost, 1000, "and knows how many it has missed");
        cmp_ok($seen, '<', 1000, "as it has: $lost");
    }
    $_->close for $slow, $quick;
    is($server->stop, 0, 'stops');
}

# ---- Redis goes and comes back ----
{
    my $server = app($redis->tcp_url);
    my $stream = listen_to($server, 'orders');
    $redis->cli('PUBLISH', 'orders', 'before');
    is(event($stream), 'orders before (0)', 'before');
    $redis->kill;
    $redis->launch;
    ok(wait_until('subscribed again', sub { $redis->cli('PUBSUB', 'NUMSUB', 'orders')->[1] == 1 }), 'it is asked for again');
    $redis->cli('PUBLISH', 'orders', 'after');
    is(event($stream), 'orders after (1)', 'and the loss is counted');
    $redis->cli('PUBLISH', 'orders', 'later');
    is(event($stream), 'orders later (0)', 'once');
    $redis->kill;
    $stream->close;
    ok($server->wait_stat(redis_subscribers => 0), 'who leaves while it is down, leaves');
    my $answer = $server->request(GET => '/events?channel=x');
    is($answer->{status}, 503, 'who comes while it is down is told');
    like($server->log, qr/cannot connect to redis:\S+: Connection refused/, 'and the log says why');
    is($server->stop, 0, 'stops');
}

# ---- one that answers nonsense ----
{
    my $bad = Galley::Redis->script(sub {
        my ($socket, $n) = @_;
        Galley::Redis::greet($socket);
        my @words = Galley::Redis::read_command($socket);
        print $socket "*3\r\n\$9\r\nsubscribe\r\n\$1\r\nx\r\n:1\r\n";
        print $socket $n == 1 ? "*2\r\n\$7\r\nnonsense" : "*3\r\n\$7\r\nmessage\r\n\$1\r\nx\r\n\$2\r\nhi\r\n";
        print $socket "\r\n" if $n == 1;
        Galley::Redis::read_command($socket);
    });
    my $server = app($bad->tcp_url);
    my $stream = listen_to($server, 'x');
    like(event($stream), qr/^x hi \([01]\)$/, 'after garbage it is asked for again');    # 0: it came before the beginning was over
    $stream->close;
    is($server->stop, 0, 'stops');
}
done_testing;
