#!/usr/bin/perl
# 80-http.t - calls to remote HTTP sides, good ones and bad ones: each failure has its name, its status and one log line, and
# ends in time; nothing is left open, and the worker goes on.
use strict;
use warnings;
use lib 't/lib';
use IO::Socket::INET;
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);
use Galley::Remote;
use Galley::Test;

my $big = 'x' x 100_000;
my $remote;
$remote = Galley::Remote->start(
    '/ok'       => sub { $_[0]->answer(200, 'fine', 'Content-Type: text/plain', 'X-Named: yes') },
    '/echo'     => sub { my $body = $_[0]{method} eq 'GET' ? '' : $_[0]->body; $_[0]->answer(200, $_[0]{method} . ' ' . ($_[0]->field('content-type') // '-') . " $body") },
    '/teapot'   => sub { $_[0]->answer(418, 'short and stout') },
    '/head'     => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n") },
    '/nothing'  => sub { $_[0]->write("HTTP/1.1 204 No Content\r\n\r\n") },
    '/empty'    => sub { $_[0]->answer(200, '') },
    '/until'    => sub { $_[0]->write("HTTP/1.1 200 OK\r\n\r\nuntil the end"); $_[0]->close },
    '/chunked'  => sub { $_[0]->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4;ext=1\r\nfour\r\n", "3\r\nteen\r\n" =~ s/teen/tee/r, "1\r\nn\r\n0\r\nTrailer: 1\r\n\r\n") },
    '/interim'  => sub { $_[0]->write("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Named: no\r\n\r\n"); $_[0]->answer(200, 'at last') },
    '/large'    => sub { $_[0]->answer(200, $big) },
    '/slow'     => sub { $_[0]->hang },
    '/half'     => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); $_[0]->hang },
    '/cut'      => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); $_[0]->close },
    '/reset'    => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"); $_[0]->reset },
    '/cut/chunk' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"); $_[0]->close },
    '/silent'   => sub { $_[0]->close },
    '/garbage'  => sub { $_[0]->write("220 mail.example ESMTP\r\n" x 3); $_[0]->close },
    '/badchunk' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhalf\r\n"); $_[0]->close },
    '/badcoding' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: shrunk\r\n\r\nhalf\r\n"); $_[0]->close },
    '/switch'   => sub { $_[0]->write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"); $_[0]->close },
    '/bytewise' => sub { my $x = $_[0]; $x->write($_) for split //, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nX-Named: byte\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nby \r\n4\r\nbyte\r\n0\r\n\r\n" },
    '/old'      => sub { $_[0]->write("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold"); $_[0]->close },
    '/two'      => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\ntwo"); $_[0]->close },
    '/badlength' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"); $_[0]->close },
    '/endless'  => sub { $_[0]->write("HTTP/1.1 200 OK\r\n"); my $n = 0; 1 while $_[0]->write('X-' . $n++ . ': ' . 'y' x 1000 . "\r\n"); $_[0]->close },
    '/endless/interim' => sub { 1 while $_[0]->write("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"); $_[0]->close },
    '/endless/line' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nX: "); 1 while $_[0]->write('y' x 1000); $_[0]->close },
    '/huge'     => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"); 1 while $_[0]->write($big); $_[0]->close },
    '/huge/chunks' => sub { $_[0]->write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); 1 while $_[0]->write("186a0\r\n$big\r\n"); $_[0]->close },
    '/third'    => sub { $_[0]->nth < 3 ? $_[0]->answer(503, 'wait') : $_[0]->answer(200, 'third time lucky') },
    '/third/cut' => sub { $_[0]->nth < 3 ? $_[0]->close : $_[0]->answer(200, 'third time lucky') },
    '/busy'     => sub { $_[0]->answer(503, 'never') },
    '/later'    => sub { $_[0]->nth < 2 ? $_[0]->answer(503, 'wait', 'Retry-After: 1') : $_[0]->answer(200, 'now') },
    '/in/a/minute' => sub { $_[0]->answer(503, 'wait', 'Retry-After: 60') },
    '/tomorrow' => sub { $_[0]->answer(503, 'wait', 'Retry-After: 86400') },
    '/once'     => sub { $_[0]->answer(200, 'once'); $_[0]->close },
    '/unasked'  => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nasked" . "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot asked") },
    '/to/ok'    => sub { $_[0]->answer(302, '', 'Location: ../ok?x') },
    '/to/303'   => sub { $_[0]->body; $_[0]->answer(303, '', 'Location: /echo') },
    '/to/307'   => sub { $_[0]->body; $_[0]->answer(307, '', 'Location: /echo') },
    '/to/self'  => sub { $_[0]->answer(301, '', 'Location: self') },
    '/to/file'  => sub { $_[0]->answer(302, '', 'Location: file:///etc/passwd') },
    '/to/other' => sub { $_[0]->answer(302, '', 'Location: http://localhost:' . $_[0]{port} . '/secret') },
    '/to/same'  => sub { $_[0]->answer(302, '', 'Location: /secret') },
    '/to/nowhere' => sub { $_[0]->answer(302, 'lost') },
    '/secret'   => sub { $_[0]->answer(200, $_[0]->field('authorization') // 'none') },
    '/trace'    => sub { $_[0]->answer(200, join ' ', map { $_[0]->field($_) // '-' } qw(traceparent x-request-id user-agent)) },
    '/item'     => sub { my $body = $_[0]->body if $_[0]{method} eq 'POST'; $_[0]->answer(200, $body // '{"id":3,"name":"three"}') },
    '/item/bad' => sub { $_[0]->answer(200, '{"id":0}') },
    '/item/not' => sub { $_[0]->answer(200, '<html>') },
    '/item/500' => sub { $_[0]->answer(500, '{"id":3,"name":"three"}') },
    '/expect'   => sub { my $x = $_[0]; $x->write("HTTP/1.1 100 Continue\r\n\r\n") if $x->field('expect'); $x->answer(200, $x->body . ($x->field('expect') ? ' expected' : '')) },
);
my $server = Galley::Test->start('t/apps/caller', workers => 1);
my $json = JSON::PP->new;

sub path {
    my ($route, $url, %options) = @_;
    my $query = join '&', map { my $v = $options{$_}; $v =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge; "$_=$v" } sort keys %options;
    $url =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
    return "$route?url=$url" . ($query ? "&$query" : '');
}
sub ask {
    my ($url, %options) = @_;
    my $answer = $server->request(GET => path('/ask', $url =~ /:/ ? $url : $remote->url($url), %options));
    return $answer->{status} == 200 ? $json->decode($answer->{body}) : { error => "status $answer->{status}: $answer->{body}" };
}

my $free = free_port();
my $tall = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');              # nobody accepts

# ---- good ones: name, path, options, what is told; by ourselves, and by libcurl, which a version asks for ----
my @good = (
    [ 'GET', '/ok', {}, { status => 200, body => 'fine', type => 'text/plain', named => 'yes', attempts => 1, url => $remote->url('/ok') } ],
    [ 'a query and a fragment', '/ok?a=b#c', {}, { status => 200, url => $remote->url('/ok?a=b#c') } ],
    [ 'POST', '/echo', { body => 'hello' }, { body => 'POST text/plain hello' } ],
    [ 'PUT', '/echo', { body => 'hello', method => 'PUT' }, { body => 'PUT text/plain hello' } ],
    [ 'POST without a body', '/echo', { method => 'POST' }, { body => 'POST - ' } ],
    [ 'a method of its own', '/ok', { method => 'PURGE' }, { status => 200 } ],
    [ 'again', '/ok', {}, { status => 200, body => 'fine' } ],
    [ 'a status is no error', '/teapot', {}, { status => 418, body => 'short and stout' } ],
    [ 'HEAD', '/head', { method => 'HEAD' }, { status => 200, body => '' } ],
    [ 'and after it', '/ok', {}, { body => 'fine' } ],
    [ 'byte by byte', '/bytewise', {}, { body => 'by byte', named => 'byte' } ],
    [ 'HTTP/1.0', '/old', { times => 3 }, { body => 'old' } ],
    [ '204', '/nothing', {}, { status => 204, body => '' } ],
    [ 'no body', '/empty', {}, { status => 200, length => 0 } ],
    [ 'until the end', '/until', {}, { body => 'until the end' } ],
    [ 'chunked, with a trailer', '/chunked', {}, { body => 'fourteen' } ],
    [ 'interim answers', '/interim', {}, { status => 200, body => 'at last', named => '' } ],
    [ 'a large body', '/large', {}, { length => 100_000 } ],
    [ 'exactly as large as allowed', '/large', { max => 100_000 }, { length => 100_000 } ],
    [ '100 Continue', '/expect', { body => 'x', field => 'Expect', value => '100-continue' }, { body => 'x expected' } ],
    [ 'keep-alive ten times', '/ok', { times => 10 }, { body => 'fine' } ],
    [ 'a connection that is closed each time', '/once', { times => 10 }, { body => 'once', attempts => 1 } ],
    [ 'what nobody asked for is nobody\'s answer', '/unasked', { times => 5 }, { body => 'asked' } ],
    [ 'and not the next one\'s', '/ok', {}, { body => 'fine' } ],
    [ 'a field', '/secret', { field => 'Authorization', value => 'mine' }, { body => 'mine' } ],
    [ 'a password in the URL', "http://ann:secret\@127.0.0.1:" . $remote->port . '/secret', {}, { body => 'Basic YW5uOnNlY3JldA==', url => $remote->url('/secret') } ],
    [ 'a name', 'http://localhost:' . $remote->port . '/ok', {}, { body => 'fine' } ],
    [ 'no redirect is followed', '/to/ok', {}, { status => 302 } ],
    [ 'a redirect', '/to/ok', { redirects => 1 }, { status => 200, url => $remote->url('/ok?x') } ],
    [ '303 becomes GET', '/to/303', { redirects => 1, body => 'x' }, { body => 'GET - ' } ],
    [ '307 stays POST', '/to/307', { redirects => 1, body => 'x' }, { body => 'POST text/plain x' } ],
    [ 'a redirect without a place', '/to/nowhere', { redirects => 1 }, { status => 302, body => 'lost' } ],
    [ 'credentials go along to the same place', '/to/same', { redirects => 1, secret => 'mine' }, { body => 'mine' } ],
    [ 'and not to another', '/to/other', { redirects => 1, secret => 'mine' }, { body => 'none', url => 'http://localhost:' . $remote->port . '/secret' } ],
    [ '503 twice, and tried again', '/third', { retries => 3 }, { body => 'third time lucky', attempts => 3 } ],
    [ 'no answer twice, and tried again', '/third/cut', { retries => 3 }, { body => 'third time lucky' } ],
    [ 'tried often enough', '/busy', { retries => 2 }, { status => 503, attempts => 3 } ],
    [ 'POST is not tried again', '/busy', { retries => 2, body => 'x' }, { status => 503, attempts => 1 } ],
    [ 'Retry-After', '/later', { retries => 2 }, { body => 'now', attempts => 2 } ],
    [ 'Retry-After of a day', '/tomorrow', { retries => 2 }, { status => 503, attempts => 1 } ],
    [ 'no time for another', '/in/a/minute', { retries => 9, timeout_ms => 20_000 }, { status => 503, attempts => 1 } ],
    [ 'a proxy', 'http://elsewhere.example/ok', { proxy => $remote->url }, { body => 'fine' } ],
);
for my $case (map { my $row = $_; map { [ $_, @$row ] } '', '1.1' } @good) {
    my ($version, $name, $path, $options, $wanted) = @$case;
    next if $version && $path =~ m{^/(?:third|later)};    # these count
    $name .= " (HTTP/$version)" if $version;
    my $told = ask($path, %$options, $version ? (version => $version) : ());
    is($told->{error}, '0', "$name: an answer") or diag $told->{why};
    is($told->{$_}, $wanted->{$_}, "$name: $_") for sort keys %$wanted;
}
is($remote->count('/busy'), 8, 'as often as it says');

# ---- bad ones: name, path, options, error, status unhandled, words ----
my @bad = (
    [ 'down', "http://127.0.0.1:$free/x", {}, 'ECONNREFUSED', 503, qr{cannot reach http://127.0.0.1:$free: Connection refused \(t/apps/caller.c:\d+\)} ],
    [ 'a name that nobody knows', 'http://no.such.name.invalid/', {}, 'ENAME', 503, qr/cannot resolve no.such.name.invalid/ ],
    [ 'slow', '/slow', { timeout_ms => 100 }, 'ETIMEDOUT', 504, qr{GET http://127.0.0.1:\d+/slow: no answer in time} ],
    [ 'slow in the middle', '/half', { timeout_ms => 100 }, 'ETIMEDOUT', 504, qr/no answer in time/ ],
    [ 'cut off', '/cut', {}, 'ECONNRESET', 502, qr{GET http://127.0.0.1:\d+/cut: } ],
    [ 'reset', '/reset', {}, 'ECONNRESET', 502, qr{/reset: } ],
    [ 'cut off in a chunk', '/cut/chunk', {}, 'ECONNRESET', 502, qr{/cut/chunk: } ],
    [ 'no answer', '/silent', {}, 'ECONNRESET', 502, qr{/silent: } ],
    [ 'no answer to POST', '/silent', { body => 'x' }, 'ECONNRESET', 502, qr{POST http://\S+/silent: } ],
    [ 'no HTTP', '/garbage', {}, 'EGARBLED', 502, qr{/garbage: } ],
    [ 'no chunks', '/badchunk', {}, 'EGARBLED', 502, qr{/badchunk: } ],
    [ 'an unknown coding', '/badcoding', {}, 'EGARBLED', 502, qr{/badcoding: } ],
    [ 'two lengths', '/two', {}, 'EGARBLED', 502, qr{/two: } ],
    [ 'switching protocols', '/switch', { timeout_ms => 3000 }, 'EGARBLED', 502, qr{/switch: } ],
    [ 'no length', '/badlength', {}, 'EGARBLED', 502, qr{/badlength: } ],
    [ 'endless fields', '/endless', {}, 'EANSWER_SIZE', 502, qr/the head of the answer is too large/ ],
    [ 'endless interim answers', '/endless/interim', {}, 'EANSWER_SIZE', 502, qr/the head of the answer is too large/ ],
    [ 'an endless field', '/endless/line', {}, 'EANSWER_SIZE', 502, qr/the head of the answer is too large/ ],
    [ 'a huge body', '/huge', {}, 'EANSWER_SIZE', 502, qr/the answer is larger than 16777216 bytes/ ],
    [ 'a body without an end', '/huge/chunks', {}, 'EANSWER_SIZE', 502, qr/the answer is larger than 16777216 bytes/ ],
    [ 'one byte too many', '/large', { max => 99_999 }, 'EANSWER_SIZE', 502, qr/larger than 99999 bytes/ ],
    [ 'redirects in a circle', '/to/self', { redirects => 5 }, 'EGARBLED', 502, qr/more than 5 redirects/ ],
    [ 'a redirect to a file', '/to/file', { redirects => 5 }, 'EINVAL', 500, qr/URL is not one of http/ ],
    [ 'no URL', 'nothing:', {}, 'EINVAL', 500, qr/the URL has no scheme/ ],
    [ 'a URL of another kind', 'ftp://127.0.0.1/', {}, 'EINVAL', 500, qr/URL is not one of http/ ],
    [ 'a URL with a blank', '/o k', {}, 'EINVAL', 500, qr/a wrong URL or method/ ],
    [ 'a wrong method', '/ok', { method => "GET / HTTP/1.1\r\nX: y" }, 'EINVAL', 500, qr/a wrong URL or method/ ],
    [ 'a field with a line end', '/ok', { field => 'x', value => "1\r\nY: 2" }, 'EINVAL', 500, qr/a field that may not be sent/ ],
    [ 'a field that frames', '/ok', { field => 'Content-Length', value => '7' }, 'EINVAL', 500, qr/a field that may not be sent/ ],
);
for my $case (map { my $row = $_; map { [ $_, @$row ] } '', '1.1' } @bad) {
    my ($version, $name, $path, $given, $error, $status, $words) = @$case;
    next if $version && $path =~ m{^/(?:switch|two)$};    # libcurl sees it otherwise
    my $options = { %$given, $version ? (version => $version) : () };
    $name .= " (HTTP/$version)" if $version;
    my $from = time;
    my $told = ask($path, %$options);
    is($told->{error}, $error, "$name: $error");
    like($told->{why} // '', $words, "$name: says why");
    cmp_ok(time - $from, '<', 20 * slow(), "$name: in time");    # a request, else, has 60 s
    my $lines = () = $server->log =~ /handler_failed/g;
    is($server->request(GET => path('/pass', $path =~ /:/ ? $path : $remote->url($path), %$options))->{status}, $status, "$name: unhandled, $status");
    is(scalar(() = $server->log =~ /handler_failed/g), $lines + 1, "$name: one log line");
    is(ask('/ok')->{body}, 'fine', "$name: the next call is well");
}
unlike($server->log, qr/secret/, 'no password is logged');
my ($calls, $failures) = map { $server->stat($_) } qw(http_calls_total http_calls_failed);
ask('/ok');
ask("http://127.0.0.1:$free/x");
is($server->stat('http_calls_total'), $calls + 2, 'calls are counted');
is($server->stat('http_calls_failed'), $failures + 1, 'and those that fail');

# ---- time ----
is($server->request(GET => path('/short', $remote->url('/slow')))->{status}, 504, 'the time of the route');
my $scoped = $json->decode($server->request(GET => path('/scoped', $remote->url('/slow')))->{body});
is("$scoped->{error} $scoped->{body}", 'ECANCELED ETIMEDOUT', 'the time of the scope');

# ---- models ----
for my $case (
    [ 'an item', GET => '/item', 200, qr/"id":3,"name":"three"/, undef ],
    [ 'an item there and back', POST => '/item', 200, qr/"id":7,"name":"seven"/, undef ],
    [ 'an item that does not fit', GET => '/item/bad', 502, qr/./, qr/the answer does not fit item: \["answer","id"\]: Input should be greater than or equal to 1/ ],
    [ 'no JSON', GET => '/item/not', 502, qr/./, qr/the answer is no JSON/ ],
    [ 'another status', GET => '/item/500', 502, qr/./, qr{http://127.0.0.1:\d+/item/500 answered 500} ],
) {
    my ($name, $method, $path, $status, $body, $logged) = @$case;
    my $answer = $server->request($method, path('/item', $remote->url($path)));
    is($answer->{status}, $status, "$name: $status");
    like($answer->{body}, $body, "$name: body");
    like($server->log, $logged, "$name: logged") if $logged;
}

# ---- trace ----
my $traced = $server->request(GET => path('/ask', $remote->url('/trace')), headers => { traceparent => '00-1-2-01', 'X-Request-Id' => 'r7' });
like($traced->{body}, qr{00-1-2-01 r7 galley/}, 'the trace goes on');

# ---- who leaves ----
my $client = $server->connect;
$client->send("GET " . path('/ask', $remote->url('/slow')) . " HTTP/1.1\r\nHost: x\r\n\r\n");
ok($server->wait_stat(http_calls_active => 1), 'a call waits');
my ($waiting) = grep { ($_->{waiting}{kind} // '') eq 'http' } @{ $server->rpc('coroutines')->{coroutines} };
is($waiting->{waiting}{what}, 'GET ' . $remote->url('/slow'), 'and is seen to');
$client->close;
ok($server->wait_stat(http_calls_active => 0), 'its client leaves, and so does it');
ok($server->wait_stat(coroutines_live => 0), 'no coroutine is left');

is(ask('/ok')->{body}, 'fine', 'and the worker goes on');
$remote->stop;
is(ask('/ok')->{error}, 'ECONNREFUSED', 'the remote is gone: idle connections are not taken for it');
ok($server->wait_stat(http_connections_open => 0), 'and none is left open');
is($server->stop, 0, 'the server ends');
done_testing;
