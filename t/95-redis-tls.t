#!/usr/bin/perl
# 95-redis-tls.t - Redis over TLS (rediss://): whose certificate is trusted, many commands and large values, messages, servers
# that come and go, connections that are spoiled.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;
use Galley::Proxy;
use Galley::Redis;

plan skip_all => 'there is no redis-server' if !Galley::Redis::is_there();
my $redis = Galley::Redis->start(tls => 1);
my $dir = temp_dir();
my ($other_ca) = Galley::Test::tls_files($dir, name => 'other', cn => 'elsewhere.example');
my $server;

sub call {
    my ($command, $query) = @_;
    $command =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    return $server->request(GET => "/call?c=$command" . ($query // ''))->{body};
}
sub app {
    my ($url, %env) = @_;
    return Galley::Test->start('t/apps/redis', env => { REDIS_URL => $url, REDIS_TIMEOUT_MS => 5000 * slow(), %env });
}

# ---- certificates ----
for my $row (
    [ 'the authority and the name',    {},                                      qr/^"OK"$/ ],
    [ 'the authority and the address', { host => '127.0.0.1' },                 qr/^"OK"$/ ],
    [ 'another authority',             { ca => $other_ca },                     qr{^error -5003: .*rediss://localhost:\d+/0: TLS: .*(?:self-signed|unable to get)} ],
    [ 'the system\'s authorities',     { ca => undef },                         qr/^error -5003: .*TLS: self-signed certificate/ ],
    [ 'no TLS on that port',           { port => $redis->port },                qr/^error -110: .*cannot connect to rediss:/, REDIS_TIMEOUT_MS => 500 ],    # which waits for a line
    [ 'nobody on that port',           { port => 1 },                           qr/^error -111: / ],
) {
    my ($name, $how, $wanted, @more) = @$row;
    $server = app($redis->tls_url(%$how), @more);
    my $limit = 3 * slow();
    cmp_ok(best_of($limit, sub {
        my $from = time;
        like(call('SET a 1'), $wanted, $name);
        return time - $from;
    }), '<', $limit, "$name: in time");
    is($server->stop, 0, "$name: stops");
}
{
    my $unread = Galley::Test->prepare('t/apps/redis');
    my $said = run_command({ env => { REDIS_URL => $redis->tls_url(ca => '/nowhere.pem') } }, @{ $unread->{command} });
    like($said->{out} . $said->{err}, qr/no authority's certificate can be read from its ca_file/, 'a file that is not there: it does not start');
}
{    # of another host
    my $elsewhere = Galley::Redis->prepare(tls => 1);
    my ($cert, $key) = Galley::Test::tls_files($dir, name => 'elsewhere', cn => 'elsewhere.example', names => ['elsewhere.example']);
    push @{ $elsewhere->{how}{args} }, '--tls-cert-file', $cert, '--tls-key-file', $key;
    $elsewhere->launch;
    $server = app($elsewhere->tls_url(ca => $cert));
    like(call('GET a'), qr/^error -5003: .*TLS: hostname mismatch/, 'another host');
    is($elsewhere->cli('PING'), 'PONG', 'which is there');
    $server->stop;
    $elsewhere->kill;
}

# ---- commands ----
$server = app($redis->tls_url(number => 3));
is(call('GET a'), 'null', 'another database');
is($server->request(GET => '/many?coroutines=100&each=100')->{body}, '{"right":10000,"wrong":0,"failed":0}', '10,000 commands from 100 coroutines');
like(call("EVAL return{string.rep('x',$_),$_} 0"), qr/^\["x{60}"\.\.\. $_\]$/, "a reply of $_ bytes") for 16300 .. 16400, 40_000, 5_000_000;
is($server->stat('redis_connections_open'), 1, 'all of it on one connection');

# More than the kernel takes while Redis does not read.
{
    $redis->pause;
    my $value = 'x' x 7900;
    my @clients = map {
        my $client = $server->connect;
        $client->send("GET /call?c=SET+k$_+$value$_ HTTP/1.1\r\nHost: x\r\n\r\n");
        $client;
    } 1 .. 900;
    ok($server->wait_stat(redis_waiting => 900), '900 commands of 7900 bytes wait');
    $redis->resume;
    is(scalar(grep { $_->read_response->{body} eq '"OK"' } @clients), 900, 'all are done');
    is(call('STRLEN k900'), 7903, 'each has its own');
}
$redis->kill;
like(call('GET a', '&timeout_ms=2000'), qr/^error -(?:5008|111|104|32)/, 'killed');
$redis->launch;
ok(wait_until('it works', sub { call('SET a 2') eq '"OK"' }), 'and all is well when it is back');

# ---- messages ----
{
    my $listener = $server->connect;
    $listener->send("GET /events?channel=orders HTTP/1.1\r\nHost: x\r\n\r\n");
    ok($server->wait_stat(redis_subscribers => 1), 'somebody listens');
    ok(wait_until('subscribed', sub { $redis->cli('PUBSUB', 'NUMSUB', 'orders')->[1] == 1 }), 'and Redis knows');
    is($server->request(POST => '/publish?channel=orders&data=' . 'tea' x 10)->{status}, 200, 'a message');
    like($listener->read_until(qr/(?:tea){10}/), qr/(?:tea){10}/, 'is heard');
    $listener->close;
    ok($server->wait_stat(redis_subscribers => 0), 'who leaves listens no more');
}
is($server->stop, 0, 'stops');
ok(wait_until('the connections are gone', sub { $redis->clients == 0 }), 'and its connections are closed');

# ---- a proxy that misbehaves ----
{
    my $proxy = Galley::Proxy->start($redis->tls_port);
    $server = app($redis->tls_url(port => $proxy->port));
    for my $mode (qw(cut reset garble noise swallow)) {
        $proxy->mode('pass');
        ok(wait_until('it works', sub { call('GET a', '&timeout_ms=1000') =~ /^"|null/ }), 'it works');
        $proxy->mode($mode);
        my $from = time;
        like(call('GET a', '&timeout_ms=1000'), qr/^error -(?:500[348]|104|110|32): /, "$mode: named");
        like(call('GET a', '&timeout_ms=1000'), qr/^error -(?:500[348]|104|110|32): /, "$mode: while it connects") if $mode ne 'swallow';
        cmp_ok(time - $from, '<', 9 * slow(), "$mode: in time");    # a command, else, has 5 s, and there are two
    }
    $proxy->mode('pass');
    $redis->cli('CLIENT', 'KILL', 'TYPE', 'normal');
    ok(wait_until('it works', sub { call('SET a 3', '&timeout_ms=1000') eq '"OK"' }), 'and all is well again');
    is($server->stop, 0, 'stops');
}
done_testing;
