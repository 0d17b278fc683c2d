#!/usr/bin/perl
# 63-h2-limits.t - heads that HTTP/2 refuses, and clients that are slow, silent or leave: the status or the error of each.
# Does:     rows of heads with the status (and a connection that goes on) or the reset they get; timeouts shortened to a
#           second; streams that are reset while their handlers run on.
# Does not: flood (61-h2-attacks.t) or repeat h2spec.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::H2 qw(frame head settings);
use Galley::Test;
use Test::More;
use Time::HiRes qw(time);

my ($END_STREAM, $END_HEADERS) = (1, 4);
my @TARGET = (':method', 'GET', ':scheme', 'http', ':path', '/plaintext');

sub fields { my ($count) = @_; return [ map { ("x-$_", 'v') } 1 .. $count ] }

# [name, what it gets, head options]: a status, or the name of a reset
my @heads = (
    ['a plain one',                        200, {}],
    ['Host beside :authority, the same',   200, { more => [ host => 'A' ] }],
    ['Host beside :authority, another',    400, { more => [ host => 'b' ] }],
    ['Host in place of :authority',        200, { raw => [@TARGET], more => [ host => 'a' ] }],
    ['two Hosts',                          'PROTOCOL_ERROR|400', { raw => [@TARGET], more => [ host => 'a', host => 'a' ] }],
    ['neither',                            'PROTOCOL_ERROR|400', { raw => [@TARGET] }],
    ['an :authority with userinfo',        'PROTOCOL_ERROR|400', { raw => [ @TARGET, ':authority', 'me@a' ] }],
    ['an empty :path',                     'PROTOCOL_ERROR|400', { raw => [ ':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '' ] }],
    ['a :path that does not begin with /', 'PROTOCOL_ERROR|400', { path => 'plaintext' }],
    ['a :path with a space',               'PROTOCOL_ERROR|400', { path => '/a b' }],
    ['a :path with a broken escape',       400, { path => '/a%zz' }],
    ['a :path with an escaped NUL',        400, { path => '/a%00' }],
    ['a :path with a fragment',            400, { path => '/a#b' }],
    ['OPTIONS *',                          '200|204|404|405', { method => 'OPTIONS', path => '*' }],
    ['a :path of 8 KiB',                   404, { path => '/' . 'x' x 8191 }],
    ['a :path of more',                    414, { path => '/' . 'x' x 8192 }],
    ['CONNECT',                            501, { raw => [ ':method', 'CONNECT', ':authority', 'a:1' ], end => 0 }],
    ['an unknown method',                  '405|501', { method => 'BREW' }],
    ['100 fields',                         200, { more => fields(100) }],
    ['101 fields',                         431, { more => fields(101) }],
    ['a field of 8 KiB',                   200, { more => [ x => 'v' x 8191 ] }],
    ['a field of more',                    431, { more => [ x => 'v' x 8192 ] }],
    ['TE: trailers',                       200, { more => [ te => 'trailers' ] }],
    ['TE: gzip',                           'PROTOCOL_ERROR', { more => [ te => 'gzip' ] }],
    ['Connection',                         'PROTOCOL_ERROR', { more => [ connection => 'close' ] }],
    ['Transfer-Encoding',                  'PROTOCOL_ERROR', { more => [ 'transfer-encoding' => 'chunked' ] }],
    ['a CR in a value',                    'PROTOCOL_ERROR|200', { more => [ x => "a\rb" ] }],
    ['an LF in a value',                   'PROTOCOL_ERROR|200', { more => [ x => "a\nb" ] }],
    ['a NUL in a value',                   'PROTOCOL_ERROR|200', { more => [ x => "a\0b" ] }],
    ['content-length beside no body',      'PROTOCOL_ERROR', { more => [ 'content-length' => 5 ] }],
    ['two content-lengths',                'PROTOCOL_ERROR', { more => [ 'content-length' => 0, 'content-length' => 0 ] }],
    ['a content-length that is none',      'PROTOCOL_ERROR', { more => [ 'content-length' => '-1' ] }],
    ['a pseudo-header field of a response', 'PROTOCOL_ERROR', { raw => [ @TARGET, ':authority', 'a', ':status', 200 ] }],
    ['an expectation nobody knows',        417, { more => [ expect => 'miracles' ] }],
);

my $server = Galley::Test->start('examples/echo');
my $h2 = Galley::H2->connect(port => $server->port);
my $id = -1;
for my $row (@heads) {
    my ($name, $expected, $how) = @$row;
    $id += 2;
    $h2->send(head($id, $how->{method} // 'GET', $how->{path} // '/plaintext', %$how));
    like($h2->answer($id), qr/^(?:$expected)$/, "$name: $expected");
    # The reset of one stream harms no other.
    $id += 2;
    $h2->send(head($id, GET => '/plaintext'));
    is($h2->answer($id), 200, "$name: the connection goes on") or $h2 = Galley::H2->connect(port => $server->port), $id = -1;
}

# One field block may name an entry of the table again and again: 12 MB of fields in 3 kB.
my $bomb = Galley::H2::block(':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/plaintext')
    . "\x40" . Galley::H2::string('x') . Galley::H2::string('v' x 3900) . "\xbe" x 3000;
$id += 2;
$h2->send(frame('HEADERS', $END_STREAM | $END_HEADERS, $id, $bomb));
like($h2->answer($id), qr/^(?:431|INTERNAL_ERROR|PROTOCOL_ERROR|CANCEL)$/, 'an HPACK bomb');
$id += 2;
$h2->send(head($id, GET => '/plaintext'));
is($h2->answer($id), 200, 'an HPACK bomb: the connection goes on');

# Cookies in fields of their own are one to the handler.
$id += 2;
$h2->send(head($id, GET => '/cookie', more => [ cookie => 'a=1', x => 'y', cookie => 'b=2', cookie => 'c=3; d=4' ]));
is($h2->answer($id), 200, 'cookies');
is($h2->stream($id)->{body}, "a=1\nb=2\nc=3\nd=4\n", 'cookies are joined');
$id += 2;
$h2->send(head($id, GET => '/echo', more => [ cookie => 'a=1', x => 'y', cookie => 'b=2' ]));
$h2->answer($id);
is($h2->stream($id)->{body}, "cookie: a=1; b=2\nx: y\nhost: a\n", 'in one field, where the first was; Host is there');
$h2->close;

# A body declared too large is refused unread, and the stream reset when it is answered.
my $declared = Galley::H2->connect(port => $server->port);
$declared->send(head(1, POST => '/', end => 0, more => [ 'content-length' => 1 << 30 ]), frame('DATA', 0, 1, 'x' x 1000));
$declared->until(sub { $declared->stream(1)->{reset} });
is($declared->stream(1)->{status}, 413, 'a body declared too large gets 413');
is($declared->stream(1)->{reset}, 'NO_ERROR', 'and its stream is reset without blame');
$declared->close;

# A client that is still sending when it is refused must see the answer; curl forgets it when the stream is reset meanwhile.
my $busy = Galley::H2->connect(port => $server->port);
$busy->send(head(1, POST => '/nothing', end => 0, more => [ 'content-length' => 3_000_000 ]), frame('DATA', 0, 1, 'x' x 1000));
is($busy->answer(1), 404, 'a large body to nowhere gets 404');
for (1 .. 12) {
    $busy->send(frame('DATA', 0, 1, 'x' x 10_000));
    $busy->round_trip;
}
is($busy->stream(1)->{reset}, undef, 'and while it still comes its stream is not reset');
$busy->until(sub { $busy->stream(1)->{reset} });
is($busy->stream(1)->{reset}, 'NO_ERROR', 'but when it stops, without blame');
$busy->close;
is($server->stop, 0, 'the server stops with 0');

# ---- time ----

$server = Galley::Test->start('examples/echo',
    args => [ map { ("--$_", '1s') } qw(head-timeout keepalive-timeout write-timeout body-grace) ]);
my ($SOON, $LATE) = (0.7 / slow(), 4.5 * slow());    # a slow client begins to count late

sub timed {
    my ($name, $h2, $what, $expected) = @_;
    my $begun = time;
    my $came = $what->($h2);
    my $took = time - $begun;
    like($came // 'nothing', qr/^(?:$expected)$/, "$name: $expected");
    ok($took >= $SOON && $took < $LATE, sprintf '%s: after a second or a little more (%.1f s)', $name, $took);
    $h2->close;
}

my $until_end = sub { $_[0]->until_end };
my $silent = Galley::H2->connect(port => $server->port, preface => 0);
$silent->{is_mute} = 1;
$silent->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
timed('no SETTINGS', $silent, $until_end, 'SETTINGS_TIMEOUT');
timed('nothing but the preface', Galley::H2->connect(port => $server->port), $until_end, 'NO_ERROR');
my $half = Galley::H2->connect(port => $server->port);
$half->round_trip;
$half->send(frame('HEADERS', $END_STREAM, 1, Galley::H2::block(':method', 'GET')));
timed('a field block that does not end', $half, $until_end, 'PROTOCOL_ERROR');
my $idle = Galley::H2->connect(port => $server->port);
$idle->send(head(1, GET => '/plaintext'));
is($idle->answer(1), 200, 'an idle connection: served');
timed('an idle connection', $idle, $until_end, 'NO_ERROR');
my $zero = Galley::H2->connect(port => $server->port, settings => { 4 => 0 });
$zero->send(head(1, GET => '/plaintext'), head(3, GET => '/bytes?n=100000'));
timed('a window of 0 before a small answer', $zero, sub { $zero->answer(1) }, 'CANCEL');
is($zero->answer(3), 'CANCEL', 'a window of 0 before a large one');
my $slow = Galley::H2->connect(port => $server->port);
$slow->send(head(1, POST => '/echo-nothing', end => 0));
is($slow->answer(1), 404, 'a body that nobody waits for');
$slow->send(head(3, POST => '/', end => 0));
my $deaf = Galley::H2->connect(port => $server->port, settings => { 4 => 0x7fffffff });
$deaf->send(frame('WINDOW_UPDATE', 0, 0, pack 'N', 0x7fff0000 - 65535));
$deaf->round_trip;
syswrite $deaf->{http}->socket, head(1, GET => '/bytes?n=100000000');
timed('a body that does not come', $slow, sub { $slow->answer(3) }, '408|INTERNAL_ERROR');
ok($server->wait_stat('connections_open', 0), 'a client that does not read its socket is closed');
ok($server->wait_stat('coroutines_live', 0), 'and its handler has ended');
$deaf->close;
is($server->stop, 0, 'the server stops with 0');

# ---- leaving ----

$server = Galley::Test->start('t/apps/leaving');
sub counts { return $server->request(GET => '/counts')->{body} }
my ($cancelled, $finished) = (0, 0);
for my $row (['GET', '/wait', 1], ['POST', '/wait', 1], ['GET', '/stay', 0], ['POST', '/leave', 1]) {
    my ($method, $path, $is_cancelled) = @$row;
    my $client = Galley::H2->connect(port => $server->port);
    $client->send(head(1, $method => "$path?ms=" . ($is_cancelled ? 20000 : 300)));
    wait_until("$method $path waits", sub { counts() =~ /"waiting":1/ });
    $client->send(frame('RST_STREAM', 0, 1, pack 'N', 8));
    $is_cancelled ? $cancelled++ : $finished++;
    ok(wait_until("$method $path ended", sub { counts() =~ /"cancelled":$cancelled,"finished":$finished/ }),
        "$method $path, reset: " . ($is_cancelled ? 'cancelled' : 'finished'));
    $client->send(head(3, GET => '/counts'));
    is($client->answer(3), 200, "$method $path, reset: the connection goes on");
    $client->close;
}
for my $row (['GET', '/wait', 1], ['POST', '/wait', 0]) {
    my ($method, $path, $is_cancelled) = @$row;
    my $client = Galley::H2->connect(port => $server->port);
    $client->send(head(1, $method => "$path?ms=" . ($is_cancelled ? 20000 : 300)));
    wait_until("$method $path waits", sub { counts() =~ /"waiting":1/ });
    $client->close;
    $is_cancelled ? $cancelled++ : $finished++;
    ok(wait_until("$method $path ended", sub { counts() =~ /"cancelled":$cancelled,"finished":$finished/ }),
        "$method $path, connection closed: " . ($is_cancelled ? 'cancelled' : 'finished'));
}
like(counts(), qr/"waiting":0/, 'nobody waits any more');

# A stream that is reset keeps its place while its handler runs.
my $greedy = Galley::H2->connect(port => $server->port);
$greedy->round_trip;
$greedy->send(map { head(2 * $_ + 1, GET => '/stay?ms=600') } 0 .. 99);
wait_until('100 handlers run', sub { counts() =~ /"waiting":100/ });
$greedy->send(map { frame('RST_STREAM', 0, 2 * $_ + 1, pack 'N', 8) } 0 .. 99);
$greedy->send(head(201, GET => '/counts'));
is($greedy->answer(201), 'REFUSED_STREAM', 'the 101st stream beside 100 that are reset and run is refused');
my $next = 201;
ok(wait_until('a stream is taken', sub { $greedy->send(head($next += 2, GET => '/counts')); $greedy->answer($next) eq 200 }),
    'and welcome when they have ended');
$greedy->close;
is($server->stop, 0, 'the server stops with 0');
done_testing();
