#!/usr/bin/perl
# 70-app.t - the three example programs route by route, every kind of output, every way to fail, applications that cannot be loaded.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;

my ($server, $response);

# One request; the body, its status and content type are compared.
sub answers {
    my ($method, $path, $status, $type, $body, %with) = @_;
    my $name = delete $with{name} // "$method $path";
    $response = $server->request($method, $path, %with);
    is($response->{status}, $status, "$name: status");
    is($response->{headers}{'content-type'}, $type, "$name: content-type");
    ref $body ? like($response->{body}, $body, "$name: body") : is($response->{body}, $body, "$name: body");
    return $response;
}

# The same request on many connections at once: their answers, and how long all took.
sub at_once {
    my ($count, $method, $path) = @_;
    my @connections = map { $server->connect } 1 .. $count;
    my $start = time;
    $_->send("$method $path HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n") for @connections;
    my @answers = map { $_->read_response } @connections;
    my $seconds = time - $start;
    $_->close for @connections;
    return ($seconds, @answers);
}

my $JSON = 'application/json';
my $TEXT = 'text/plain; charset=utf-8';

# ---- drive_through ----

$server = Galley::Test->start('examples/drive_through');
like($server->serving, qr/serving Drive-through on/, 'the title');
answers(GET => '/', 200, 'text/html; charset=utf-8', qr/^<!doctype html>.*<\/html>\n$/s);
answers(GET => '/kitchen', 200, $JSON, '{"orders_taken":0,"parts":[]}');
answers(POST => '/orders?burgers=0&fries=0&drinks=2', 200, $JSON,
    qr/^\{"number":1,"burgers":0,"fries":0,"drinks":2,"ready_after_ms":(?:[4-9]\d\d|\d{4,})\}$/);
answers(POST => '/orders?burgers=0&fries=0&drinks=0', 400, $JSON, '{"detail":"an empty bag is not a meal"}');
answers(POST => '/orders?burgers=11&drinks=one', 422, $JSON,
    '{"detail":[{"type":"less_than_equal","loc":["query","burgers"],"msg":"Input should be less than or equal to 10",'
    . '"input":"11","ctx":{"le":10}},{"type":"int_parsing","loc":["query","drinks"],"msg":"Input should be a valid integer, '
    . 'unable to parse string as an integer","input":"one"}]}');
answers(GET => '/orders', 405, $JSON, '{"detail":"Method Not Allowed"}');
is($response->{headers}{allow}, 'POST', 'Allow');

{
    my $order = $server->connect;
    $order->send("POST /orders?burgers=5&fries=0&drinks=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    my $board;
    wait_until('the order is in the kitchen', sub {
        $board = decode_json($server->request(GET => '/kitchen')->{body});
        return @{ $board->{parts} } > 0;
    });
    my %part = map { $_->{station} => $_ } @{ $board->{parts} };
    is($part{grill}{order}, 2, 'the kitchen shows the second order');
    is($part{grill}{count}, 5, 'and how many burgers');
    cmp_ok($part{grill}{waited_ms}, '<', 5 * 600, 'and how long they have waited');
    is($order->read_response->{status}, 200, 'the meal comes');
    is($server->request(GET => '/kitchen')->{body}, '{"orders_taken":2,"parts":[]}', 'and the kitchen is empty again');
    $order->close;
}

my $seconds = best_of(2 * slow(), sub {
    my ($took, @meals) = at_once(200, POST => '/orders?burgers=1&fries=1&drinks=1');
    is(scalar(grep { $_ && $_->{status} == 200 } @meals), 200, '200 orders at once are all served');
    return $took;
});
cmp_ok($seconds, '<', 2 * slow(), 'in about the time of one (0.6 s)');
cmp_ok($seconds, '>=', 0.59, 'which is really waited for');
is($server->stop, 0, 'the drive-through closes');

# ---- read_results ----

$server = Galley::Test->start('examples/read_results');
answers(GET => '/results', 200, $JSON, '{"status":"ok"}');
answers(GET => '/results-both', 200, $JSON, '{"status":"ok"}');
answers(GET => '/results-sync', 200, $JSON, '{"status":"ok"}');
unlike($server->log, qr/never awaited/, 'nothing was forgotten so far');
answers(GET => '/results-not-awaited', 200, $JSON, '{"status":"notok"}');
ok($server->wait_log(qr/task_not_awaited task get_results \(\S*read_results\.c:\d+\) was never awaited/),
    'the log names the forgotten task, its file and its line');
ok($server->wait_stat(tasks_not_awaited => 1), 'and it is counted');
is($server->stop, 0, 'stops');

# ---- echo ----

$server = Galley::Test->start('examples/echo');
answers(GET => '/', 200, $TEXT, qr/^Echo: /);
answers(GET => '/plaintext', 200, $TEXT, 'Hello, World!');
answers(HEAD => '/plaintext', 200, $TEXT, '');
is($response->{headers}{'content-length'}, 13, 'HEAD tells the length');
answers(GET => '/items/1?q=x', 200, $JSON, '{"item_id":1,"q":"x"}');
answers(GET => '/items/1', 200, $JSON, '{"item_id":1,"q":null}');
answers(GET => '/items/1?q=a+b%C3%A5%22', 200, $JSON, "{\"item_id\":1,\"q\":\"a b\xC3\xA5\\\"\"}");
answers(GET => '/items/x', 422, $JSON, qr/^\{"detail":\[\{"type":"int_parsing","loc":\["path","item_id"\]/);
answers(GET => '/items/1/', 307, undef, '');
is($response->{headers}{location}, '/items/1', 'the other spelling, relative');
answers(GET => '/sleep?ms=1', 200, $TEXT, "awake\n");
answers(GET => '/sleep?ms=-1', 422, $JSON, qr/greater_than_equal/);
answers(GET => '/nowhere', 404, $JSON, '{"detail":"Not Found"}');
answers(PUT => '/plaintext', 405, $JSON, '{"detail":"Method Not Allowed"}');
is($response->{headers}{allow}, 'GET, HEAD', 'Allow has HEAD with GET');
answers(GET => '/bytes?n=0', 200, 'application/octet-stream', '');
answers(GET => '/bytes?n=50000', 200, 'application/octet-stream', qr/^abcdef/);
is(length $response->{body}, 50000, 'as many bytes as asked for');

{
    my $connection = $server->connect;
    $connection->send("GET /echo HTTP/1.1\r\nHost: here\r\nX-Color: red\r\nx-color:  blue \r\n\r\n");
    is($connection->read_response->{body}, "Host: here\nX-Color: red\nx-color: blue\n", 'fields come back, one a line');
    $connection->send("GET /cookie HTTP/1.1\r\nHost: x\r\nCookie: a=1; b=2;;c=\r\nCookie: d=\"4\"\r\n\r\n");
    is($connection->read_response->{body}, "a=1\nb=2\nc=\nd=\"4\"\n", 'cookies, one a line');
    my $body = join '', map { chr($_ % 251) } 1 .. 200000;
    $connection->send("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: image/x-test\r\nContent-Length: 200000\r\n\r\n$body");
    my $echo = $connection->read_response;
    ok($echo->{body} eq $body, 'a body comes back as it was');
    is($echo->{headers}{'content-type'}, 'image/x-test', 'with its type');
    $connection->send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    ok($connection->read_until(qr/\r\n\r\n3\r\nabc\r\n/), 'the first piece comes back before the body has ended');
    $connection->send("2\r\nde\r\n0\r\n\r\n");
    ok($connection->read_until(qr/^2\r\nde\r\n0\r\n\r\n/), 'and the rest');
    $connection->close;
}
is($server->stop, 0, 'stops');

# ---- every kind of output ----

$server = Galley::Test->start('t/apps/outputs', args => [ '--threads', 3, '--thread-queue', 4 ]);
answers(GET => '/none', 204, undef, '');
is($response->{headers}{'content-length'}, undef, '204 has no length');
answers(POST => '/none', 201, undef, '');
answers(GET => '/text', 200, $TEXT, "r\xC3\xA4ksm\xC3\xB6rg\xC3\xA5s");
answers(GET => '/no-text', 200, $TEXT, '');
answers(GET => '/html', 200, 'text/html; charset=utf-8', '<p>hello');
answers(GET => '/octets', 200, 'application/octet-stream', "\x00\x01\xFE\xFF");
answers(GET => '/octets?type=image/png', 200, 'image/png', "\x00\x01\xFE\xFF");
answers(GET => '/redirect?to=/there', 307, undef, '');
is($response->{headers}{location}, '/there', 'redirect');
answers(GET => '/redirect?to=//x/a%20b%0d%0aX:%20y%C3%A5%3F%25&status=303', 303, undef, '');
is($response->{headers}{location}, '//x/a%20b%0D%0AX:%20y%C3%A5?%', 'an odd location is escaped, and stays one field');
answers(GET => '/everything', 200, $JSON,
    '{"yes":true,"small":-2147483648,"large":4294967295,"wide":-9223372036854775808,"price":9.99,"nan":null,'
    . "\"name\":\"\\\"q\\\"\\\\\\n\\u0001/\xC3\xA5\xF0\x9F\x98\x80\x7F\xEF\xBF\xBD\",\"nothing\":null,"
    . '"id":"12345678-1234-5678-1234-567812345abc","at":"2023-11-14T22:13:20.500000Z","local":"1969-12-31T21:29:59-02:30",'
    . '"some":7,"none":null,"point":{"x":1e+16,"y":-0.0},"ints":[1,-2,9223372036854775807],"no_strings":[],'
    . '"the \"points\"":[{"x":1.0,"y":2.0},{"x":0.5,"y":1e-7}]}');
answers(GET => '/long?n=100000', 200, $JSON, '{"text":"' . 'x' x 100000 . '","n":100000}', name => 'a long answer');
answers(GET => '/too-late', 500, $TEXT, 'Internal Server Error');

# ---- files and streams ----

my $dir = temp_dir();
write_file("$dir/page.html", '<p>');
write_file("$dir/data.JSON", '{}');
write_file("$dir/plain", 'x' x 300000);
write_file("$dir/empty.txt", '');
answers(GET => "/file?path=$dir/page.html", 200, 'text/html; charset=utf-8', '<p>');
answers(GET => "/file?path=$dir/data.JSON", 200, $JSON, '{}');
answers(GET => "/file?path=$dir/plain", 200, 'application/octet-stream', 'x' x 300000);
answers(GET => "/file?path=$dir/plain&type=image/gif", 200, 'image/gif', 'x' x 300000);
answers(GET => "/file?path=$dir/empty.txt", 200, $TEXT, '');
answers(HEAD => "/file?path=$dir/plain", 200, 'application/octet-stream', '');
is($response->{headers}{'content-length'}, 300000, 'HEAD of a file tells its length');
answers(GET => "/file?path=$dir/missing", 404, $JSON, '{"detail":"Not Found"}');
answers(GET => "/file?path=$dir", 404, $JSON, '{"detail":"Not Found"}', name => 'a folder as a file');
answers(GET => "/file?path=$dir/plain/x", 404, $JSON, '{"detail":"Not Found"}');
answers(GET => '/stream?pieces=3', 200, undef, "piece 0\npiece 1\npiece 2\n");
is($response->{headers}{'transfer-encoding'}, 'chunked', 'a stream is chunked');
answers(GET => '/stream?pieces=0', 200, undef, '');
answers(HEAD => '/stream?pieces=3', 200, undef, '');
{
    my $connection = $server->connect;
    $connection->send("GET /stream?pieces=2&result=-5 HTTP/1.1\r\nHost: x\r\n\r\n");
    my $all = $connection->read_all;
    like($all, qr/piece 1\n\r\n$/, 'a stream that fails breaks off');
    unlike($all, qr/\r\n0\r\n\r\n$/, 'without the last chunk');
    $connection->close;
}
answers(GET => '/stream?pieces=0&result=-5', 500, $TEXT, 'Internal Server Error');

# ---- status, fields, cookies ----

answers(GET => '/field?name=X-Color&value=%20dark%20red%09', 200, $JSON, '{"result":0}');
is($response->{headers}{'x-color'}, 'dark red', 'a field, without the blanks around it');
answers(GET => '/field-sync?name=X-Color&value=blue', 202, $JSON, '{"result":0}');
is($response->{headers}{'x-color'}, 'blue', 'from a thread as well');
answers(GET => '/field?name=x&value=1&twice=1', 200, $JSON, '{"result":0}');
answers(GET => '/field?name=Content-Type&value=application/x', 200, 'application/x', '{"result":0}');
for my $bad (qw(a%20b= a=%0d%0ab= content-length=1 Transfer-Encoding=chunked connection=close date=x =x a%3a=1 a=%00%01 a=%7F)) {
    my ($name, $value) = split /=/, $bad;
    answers(GET => "/field?name=$name&value=" . ($value // ''), 200, $JSON,
        $bad eq 'a=%00%01' ? '{"result":0}' : '{"result":-22}', name => "field $bad");
}
answers(GET => '/many-fields', 200, $JSON, '{"result":-90}');
answers(GET => '/cookies', 200, $JSON, '{"result":0}');
like($response->{head}, qr/^set-cookie: plain=v1; Path=\/; SameSite=lax\r$/m, 'a cookie');
like($response->{head},
    qr/^set-cookie: full="a b"; Domain=example.com; HttpOnly; Max-Age=3600; Path=\/p; SameSite=strict; Secure\r$/m,
    'a cookie with everything');
like($response->{head}, qr/^set-cookie: odd="a\\073b\\054\\"\\\\\\303\\245\\012"; Path=\/; SameSite=lax\r$/m, 'an odd value');
like($response->{head},
    qr/^set-cookie: gone=""; expires=\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT; Max-Age=0; Path=\/; SameSite=lax\r$/m, 'a deleted one');
answers(GET => '/bad-cookies', 200, $JSON, '{"result":4}');

# ---- failures ----

answers(GET => '/fail/404?detail=no%20%22x%22', 404, $JSON, '{"detail":"no \"x\""}');
is($response->{headers}{'x-why'}, 'because', 'a failure keeps the fields');
answers(GET => '/fail/404?detail=', 404, $JSON, '{"detail":""}');
my %phrases = (400 => 'Bad Request', 413 => 'Request Entity Too Large', 418 => "I'm a Teapot", 422 => 'Unprocessable Entity', 499 => '');
answers(GET => "/fail/$_", $_, $JSON, "{\"detail\":\"$phrases{$_}\"}") for sort keys %phrases;
answers(GET => '/fail/304', 304, undef, '');
answers(GET => '/fail-sync/409', 409, $JSON, '{"detail":"no 409"}');
answers(GET => '/recover', 200, $JSON, '{"result":1}');
answers(GET => '/end?value=-5', 500, $TEXT, 'Internal Server Error');
ok($server->wait_log(qr{error \S+ \d+\[\d+\] handler_failed GET /end: end_with \(\S*outputs\.c:\d+\) ended with -5 \(Input/output error\)}),
    'the log names route, handler, place and error');
answers(GET => '/end?value=-11', 503, $JSON, '{"detail":"Service Unavailable"}');
is($response->{headers}{'retry-after'}, 1, 'with Retry-After');
answers(GET => '/end-sync?value=-5', 500, $TEXT, 'Internal Server Error');
answers(GET => '/late', 504, $JSON, '{"detail":"Gateway Timeout"}');

answers(GET => '/whoami/a%2Fb%20c?x=%20', 200, $JSON,
    '{"method":"GET","path":"/whoami/a/b c","query":"x=%20","authority":"me","agent":null}', headers => { Host => 'me' });
answers(GET => '/open//evil/', 200, $JSON, qr{"path":"/open//evil/"});
answers(GET => '//none/', 404, $JSON, '{"detail":"Not Found"}');

# ---- sync handlers ----

{
    my $limit = 1.3 * slow();
    cmp_ok(best_of($limit, sub {
        my ($both, @answers) = at_once(2, GET => '/block?ms=700');
        is(scalar(grep { $_->{status} == 200 } @answers), 2, 'two sync handlers');
        return $both;
    }), '<', $limit, 'at the same time');
    my ($all, @many) = at_once(12, GET => '/block?ms=300');
    my @served = grep { $_->{status} == 200 } @many;
    my @busy   = grep { $_->{status} == 503 } @many;
    is(scalar(@served) + scalar(@busy), 12, 'every one is answered');
    cmp_ok(scalar(@served), '>=', 4, 'the threads and the queue are used');
    cmp_ok(scalar(@busy), '>', 0, 'what is too much is refused');
    is($busy[0]{body}, '{"detail":"Service Unavailable"}', 'with 503') if @busy;
    is($busy[0]{headers}{'retry-after'}, 1, 'and Retry-After') if @busy;
    answers(GET => '/text', 200, $TEXT, qr/r/);
}
is($server->stop, 0, 'stops');

# ---- over HTTP/2 ----

$server = Galley::Test->start('t/apps/outputs');
is($server->curl_path('/everything', '--http2-prior-knowledge', '-o', '/dev/null', '-w', '%{http_version} %{http_code}')->{out},
    '2 200', 'a model over HTTP/2');
is($server->curl_path('/fail/404', '--http2-prior-knowledge')->{out}, '{"detail":"Not Found"}', 'a failure over HTTP/2');
is($server->curl_path('/stream?pieces=2', '--http2-prior-knowledge')->{out}, "piece 0\npiece 1\n", 'a stream over HTTP/2');
is($server->curl_path("/file?path=$dir/plain", '--http2-prior-knowledge')->{out}, 'x' x 300000, 'a file over HTTP/2');
isnt($server->curl_path('/stream?pieces=2&result=-5', '--http2-prior-knowledge')->{status}, 0, 'a stream that fails is reset');
is($server->stop, 0, 'stops');

# ---- applications that cannot be loaded ----

sub refuses {
    my ($app, $why, $name, @options) = @_;
    my $result = galley_command('run', $app, '--listen', '127.0.0.1:0', '--workers', 1, '--stats', "$dir/refused.sock", @options);
    is($result->{status}, 1, "$name: exit status 1");
    like($result->{err}, $why, "$name: says why");
    return;
}

my $apps = build() . '/t/apps';
refuses("$dir/none.so", qr{cannot load the application \S*none\.so: there is no such file; build it first}, 'a missing file');
refuses("$dir", qr{cannot load the application \S+: it is not a file}, 'a folder');
refuses("$dir/plain", qr{cannot load the application \S*plain: (?:file too short|invalid ELF header)}, 'a file that is no object');
refuses("$apps/bad_no_symbol.so", qr{it has no symbol galley_app \(declare GALLEY_APP\)}, 'no application inside');
refuses("$apps/bad_undefined.so", qr{cannot load the application \S+: undefined symbol: is_nowhere}, 'an undefined symbol');
refuses("$apps/bad_abi.so", qr{was built for ABI 99 of Galley, and this is ABI \d+: build it again}, 'another ABI');
refuses("$apps/bad_route.so",
    qr{bad_route\.c:\d+: GET /items/\{item_id\}: the path has \{item_id\}, but galley_none has no member for it \(marked PATH\)},
    'a path without its member');
refuses("$apps/bad_start_fails.so", qr{start hook of Shop failed: -5 \(Input/output error\)}, 'a start hook that fails');
refuses("$apps/bad_start_crashes.so", qr{worker 0 was killed by signal 6 \(Aborted\) while it started}, 'a start hook that crashes');
refuses("$apps/bad_start_hangs.so", qr{(?:worker 0|start hook of Shop) was not ready within start_timeout}, 'a start hook that hangs', '--start-timeout', '200ms');
{
    my $copy = write_file("$dir/open.so", read_file("$apps/outputs.so"));
    chmod 0666, $copy;
    refuses($copy, qr{refusing to load the application \S*open\.so: anybody may write it \(chmod o-w\)}, 'an object that anybody may write');
}

done_testing();
