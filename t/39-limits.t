#!/usr/bin/perl
# 39-limits.t - every limit is a directive, in force to the byte for HTTP/1.1 and HTTP/2; and what is refused, sent and received is counted.
# Does not: attack (30, 61) or let time pass (34, 63).
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::H2 qw(head frame);
use Galley::Test;

# The h1 head with a target of so many bytes, a field line of so many, so many fields, and so many bytes in all.
sub request_of {
    my (%how) = @_;
    my $target = '/plaintext?' . 'q' x (($how{target} // 11) - 11);
    my @fields = ('Host: a');
    push @fields, 'X: ' . 'v' x ($how{field} - 3) if $how{field};
    push @fields, map { "X-$_: v" } 1 .. $how{fields} - @fields if $how{fields};
    my $bytes = join "\r\n", "GET $target HTTP/1.1", @fields, '', '';
    for (my $lines = 3; $how{head} && $lines; $lines--) {
        my $more = int(($how{head} - length $bytes) / $lines);
        $bytes =~ s/\r\n\z/'P: ' . 'v' x ($more - 5) . "\r\n\r\n"/e;
    }
    return $bytes;
}

# ---- HTTP/1.1, to the byte ----
my $server = Galley::Test->start('examples/echo',
    config => "max_target = 100\nmax_field = 120\nmax_head = 400\nmax_fields = 6\nmax_body = 50\nmax_connections = 4\nmax_coroutines = 3\n");
for my $row (
    [ 'a target at the limit',     200, { target => 100 } ],
    [ 'a target beyond it',        414, { target => 101 } ],
    [ 'a field line at the limit', 200, { field => 120 } ],
    [ 'a field line beyond it',    431, { field => 121 } ],
    [ 'as many fields as may be',  200, { fields => 6 } ],
    [ 'one more',                  431, { fields => 7 } ],
    [ 'a head at the limit',       200, { head => 400 } ],
    [ 'a head beyond it',          431, { head => 401 } ])
{
    my ($name, $status, $how) = @$row;
    my $client = $server->connect;
    $client->send(request_of(%$how));
    is($client->read_response->{status}, $status, "$name: $status");
    $client->close;
}
for my $row ([ 'a body at the limit', 200, 50 ], [ 'a body beyond it', 413, 51 ]) {
    my ($name, $status, $bytes) = @$row;
    is($server->request(POST => '/', body => 'x' x $bytes)->{status}, $status, "$name: $status");
}

# ---- HTTP/2 ----
my $h2 = Galley::H2->connect(port => $server->port);
for my $row ([ 'a target at the limit', 200, 100 ], [ 'a target beyond it', 414, 101 ]) {
    my ($name, $status, $bytes) = @$row;
    my $id = $status == 200 ? 1 : 3;
    $h2->send(head($id, GET => '/plaintext?' . 'q' x ($bytes - 11)));
    is($h2->answer($id), $status, "HTTP/2: $name: $status");
}
$h2->send(head(5, POST => '/', end => 0), frame('DATA', 1, 5, 'x' x 51));
is($h2->answer(5), 413, 'HTTP/2: a body beyond the limit: 413');
my $reset = $server->stat('h2_streams_reset');
$h2->send(head(7, POST => '/', end => 0), frame('RST_STREAM', 0, 7, pack 'N', 8));
ok($server->wait_stat(h2_streams_reset => $reset + 1), 'HTTP/2: a stream that is reset is counted');
$h2->close;
ok($server->wait_stat(connections_open => 0), 'all are gone');

# ---- connections and coroutines ----
my @clients = map { $server->connect } 1 .. 4;
ok($server->wait_stat(connections_open => 4), 'as many connections as may be');
my $refused = $server->stat('connections_refused');
my $more = $server->connect;
like($more->read_all, qr{^HTTP/1\.1 503 .*\r\nretry-after: 1\r\n}s, 'one more gets 503, and is closed');
ok($server->wait_stat(connections_refused => $refused + 1), 'and counted');
my $waits = "GET /sleep?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n";
$_->send($waits) for @clients[ 0 .. 2 ];
ok($server->wait_stat(coroutines_live => 3), 'as many requests as coroutines');
$clients[3]->send($waits);
is($clients[3]->read_response->{status}, 503, 'one more gets 503');
ok($server->wait_stat(coroutines_refused => 1), 'and is counted');
$_->close for @clients;
is($server->stop, 0, 'stops');

# ---- time ----
$server = Galley::Test->start('examples/echo', config => "request_timeout = 300ms\n");
is($server->request(GET => '/sleep?ms=60000')->{status}, 504, 'a request that takes longer than request_timeout: 504');
ok($server->wait_stat(requests_timed_out => 1), 'which is counted');
is($server->stop, 0, 'stops');

# ---- what goes through is counted ----
$server = Galley::Test->start('examples/echo');
sub counts { my $metrics = $server->rpc('metrics'); return map { $metrics->{$_}{value} } @_ }
for my $row (
    [ 'responses_1xx', "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", 'abc' ],
    [ 'responses_2xx', "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" ],
    [ 'responses_3xx', "GET /plaintext/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" ],
    [ 'responses_4xx', "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" ],
    [ 'requests_malformed', "GET / HTTP/1.1\r\nHost : a\r\n\r\n" ])
{
    my ($name, @pieces) = @$row;
    my $client = $server->connect;
    my ($before, $in, $out) = counts($name, 'bytes_received', 'bytes_sent');
    my $got = '';
    for my $piece (@pieces) {
        $client->send($piece);
        $got .= $piece eq $pieces[-1] ? $client->read_all : $client->read_until(qr/\r\n\r\n/);
    }
    ok($server->wait_stat($name => $before + 1), "$name: counted");    # a moment after the answer is out
    my (undef, $in_now, $out_now) = counts($name, 'bytes_received', 'bytes_sent');
    is($in_now - $in, length join('', @pieces), "$name: every byte that came");
    is($out_now - $out, length $got, "$name: and that went");
    $client->close;
}
is($server->stop, 0, 'stops');

$server = Galley::Test->start('t/apps/outputs');
is($server->request(GET => '/end?value=-5')->{status}, 500, 'a handler that fails');
ok($server->wait_stat(responses_5xx => 1), 'responses_5xx: counted');
is($server->stop, 0, 'stops');
done_testing;
