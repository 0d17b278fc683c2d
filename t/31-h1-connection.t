#!/usr/bin/perl
# 31-h1-connection.t - what one HTTP/1.1 connection does over time.
# Does:     pipelining in order, Expect, HEAD, slow heads and bodies, many small chunks, answers in front of bodies that
#           nobody reads.
# Does not: send malformed requests: t/30-h1-attacks.t does.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;

my $server = Galley::Test->start('t/apps/wire');
my $hasty = Galley::Test->start('t/apps/wire',
    args => [qw(--head-timeout 600ms --body-grace 600ms --body-rate 1k --keepalive-timeout 1500ms)]);

sub head_of {
    my ($line, @fields) = @_;
    return join "\r\n", $line, 'Host: a', @fields, '', '';
}

subtest 'fifty pipelined requests are answered in order' => sub {
    my $c = $server->connect;
    $c->send(join '', map { head_of("GET /query?$_ HTTP/1.1") } 1 .. 50);
    is_deeply([ map { ($c->read_response || {})->{body} } 1 .. 50 ], [ 1 .. 50 ], 'in order');
    $c->close;
};

subtest 'pipelined requests with bodies, read or not' => sub {
    my $c = $server->connect;
    my $bytes = '';
    for my $n (1 .. 40) {
        $bytes .= head_of("POST /ignore HTTP/1.1", "Content-Length: $n") . 'x' x $n;
        $bytes .= head_of("POST / HTTP/1.1", 'Transfer-Encoding: chunked') . sprintf("%x\r\n%s\r\n0\r\n\r\n", $n, 'y' x $n);
        $bytes .= head_of("POST /echo HTTP/1.1", "Content-Length: $n") . 'z' x $n;
    }
    $c->send($bytes);
    my @got = map { ($c->read_response || {})->{body} // 'none' } 1 .. 120;
    s/, sum.*// for @got;
    is_deeply(\@got, [ map { ('ignored', "read $_", 'z' x $_) } 1 .. 40 ], 'each gets its own');
    $c->close;
};

subtest 'two thousand requests in flight are neither lost nor hoarded' => sub {
    my $c = $server->connect;
    my ($in, $out, $got, $pending) = (0, '', '', 2000);
    $out = join '', map { head_of("GET /query?$_ HTTP/1.1", 'X: ' . 'y' x 100) } 1 .. $pending;
    my $deadline = time + 20 * slow();
    while (time < $deadline) {
        my $sent = length $out ? syswrite $c->socket, $out : 0;
        substr $out, 0, $sent, '' if $sent;
        $c->read_more(time + ($sent ? 0 : 0.01));
        last if $c->buffer =~ /\r\n\r\n2000$/;
    }
    my @bodies;
    while (my $answer = $c->buffer ne '' ? $c->read_response : undef) {
        push @bodies, $answer->{body};
    }
    is_deeply(\@bodies, [ 1 .. $pending ], 'all answered, in order');
    $c->close;
};

subtest 'a large head behind a chunked body' => sub {
    my $c = $server->connect;
    $c->send(head_of('POST / HTTP/1.1', 'Transfer-Encoding: chunked'));
    my $head = head_of('GET /second HTTP/1.1', map { "X-$_: " . 'y' x 7900 } 1 .. 4);
    $c->send("3\r\nabc\r\n0\r\n\r\n" . substr $head, 0, 9000, '');
    like($c->read_response->{body}, qr/^read 3,/, 'the body is read');
    $c->send($head);
    is($c->read_response->{body}, 'second', 'and the head behind it, too');
    $c->close;
};

subtest 'nothing behind Connection: close is answered' => sub {
    my $c = $server->connect;
    $c->send(head_of('GET /query?1 HTTP/1.1', 'Connection: close') . head_of('GET /query?2 HTTP/1.1'));
    my $answer = $c->read_response;
    is($answer->{body}, '1', 'the first one is');
    is($answer->{headers}{connection}, 'close', 'and says so');
    is($c->read_all, '', 'then the end');
    $c->close;
};

subtest 'HEAD sends the head of GET and nothing else' => sub {
    my $c = $server->connect;
    my $get = $c->request(GET => '/second');
    my $head = $c->request(HEAD => '/second');
    is($head->{status}, 200, 'status');
    is($head->{headers}{'content-length'}, length $get->{body}, 'length of what GET sends');
    is($c->request(GET => '/second')->{body}, 'second', 'and the connection is in step');
    $c->close;
};

subtest '100 Continue comes when the handler reads' => sub {
    my $c = $server->connect;
    $c->send(head_of('POST / HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 3'));
    my $first = $c->read_response(interim => 1);
    is($first->{status}, 100, 'before any byte of the body');
    $c->send('abc');
    is($c->read_response->{body}, 'read 3, sum 00017862', 'then the answer');
    $c->send(head_of('POST /ignore HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 3'));
    my $answer = $c->read_response(interim => 1);
    is($answer->{status}, 200, 'a handler that does not read gives no 100');
    is($answer->{headers}{connection}, 'close', 'and the connection ends, as the body may or may not come');
    ok($c->is_closed, 'closed');
    $c->close;
};

subtest 'a refusal by the head comes instead of 100' => sub {
    for my $row ([ 403, 'POST /refuse', 5 ], [ 404, 'POST /nothing', 5 ], [ 405, 'PUT /', 5 ], [ 413, 'POST /', 17_000_000 ]) {
        my ($status, $what, $len) = @$row;
        my $c = $server->connect;
        $c->send(head_of("$what HTTP/1.1", 'Expect: 100-continue', "Content-Length: $len"));
        is($c->read_response(interim => 1)->{status}, $status, "$what: $status at once");
        ok($c->is_closed, 'closed');
        $c->close;
    }
};

subtest 'twenty thousand one-byte chunks' => sub {
    my $c = $server->connect;
    $c->send(head_of('POST / HTTP/1.1', 'Transfer-Encoding: chunked') . "1\r\nx\r\n" x 20_000 . "0\r\n\r\n");
    like($c->read_response->{body}, qr/^read 20000,/, 'are one body');
    $c->send(head_of('POST / HTTP/1.1', 'Transfer-Encoding: chunked') . "0000000000000001\r\nx\r\n" x 4000 . "0\r\n\r\n");
    my $answer = $c->read_response;
    is($answer->{status}, 400, 'but not when the sizes are padded');
    ok($c->is_closed, 'closed');
    $c->close;
};

subtest 'a body larger than the limit that was not declared' => sub {
    my $c = $server->connect;
    my $piece = "10000\r\n" . 'x' x 65536 . "\r\n";
    $c->send(head_of('POST / HTTP/1.1', 'Transfer-Encoding: chunked'));
    for (1 .. 300) {
        last if !$c->send($piece) || $c->read_more(time);
    }
    is($c->read_response->{status}, 413, '413 answers it');
    ok($c->is_closed, 'closed');
    $c->close;
};

subtest 'a streamed answer whose body breaks off is not ended as if it were whole' => sub {
    my $c = $server->connect;
    $c->send(head_of('POST /echo HTTP/1.1', 'Transfer-Encoding: chunked') . "3\r\nabc\r\n");
    ok(defined $c->read_until(qr/abc/), 'the first piece comes back');
    $c->send("x\r\n");
    my $rest = $c->read_all;
    unlike($rest, qr/^0\r\n/m, 'no last chunk');
    $c->close;
};

# The status must arrive although megabytes stand behind it that nobody reads (RFC 9112 9.6).
subtest 'a status in front of 3 MB that nobody reads' => sub {
    my $megabytes = 'x' x 3_000_000;
    my %got;
    for my $n (1 .. 200) {
        my @how = (
            [ head_of('POST /nothing HTTP/1.1', 'Content-Length: 3000000'), 404 ],
            [ head_of('POST / HTTP/1.1', 'Content-Length: 3000000', 'Content-Length: 3000000'), 400 ],
            [ head_of('PUT / HTTP/1.1', 'Content-Length: 3000000'), 405 ],
            [ head_of('POST /refuse HTTP/1.1', 'Content-Length: 3000000'), 403 ],
        );
        my ($head, $status) = @{ $how[ $n % @how ] };
        my $c = $server->connect;
        my $sent = $c->send($head . $megabytes);
        my $answer = eval { $c->read_response };
        $got{ $answer ? $answer->{status} == $status ? 'right' : "$answer->{status} for $status" : 'none' }++;
        $got{'not taken'}++ if !$sent;
        $c->close;
    }
    is_deeply(\%got, { right => 200 }, '200 of 200 clients see it, and can send to the end');
};

subtest 'a head that comes too slowly: 408' => sub {
    my $c = $hasty->connect;
    my $begun = time;
    my $bytes = head_of('GET / HTTP/1.1', 'X: ' . 'y' x 1000);
    my $answer;
    while (length $bytes && time < $begun + 10 * slow()) {
        $c->send(substr $bytes, 0, 1, '');
        last if $c->read_more(time + 0.02);
    }
    $answer = $c->read_response;
    is($answer && $answer->{status}, 408, '408, though every byte came soon after the other');
    cmp_ok(time - $begun, '>', 0.5, 'not before its time');
    cmp_ok(time - $begun, '<', 4 * slow(), 'soon after it');
    ok($c->is_closed, 'closed');
    $c->close;
};

subtest 'a connection that says nothing is closed without an answer' => sub {
    my $c = $hasty->connect;
    is($c->read_all, '', 'at once');
    $c->close;
    $c = $hasty->connect;
    is($c->request(GET => '/second')->{body}, 'second', 'one request');
    is($c->read_all, '', 'and then nothing');
    $c->close;
};

subtest 'a body that comes too slowly: 408' => sub {
    my $c = $hasty->connect;
    my $begun = time;
    $c->send(head_of('POST / HTTP/1.1', 'Content-Length: 100000'));
    while (time < $begun + 10 * slow()) {
        $c->send('x');
        last if $c->read_more(time + 0.02);
    }
    my $answer = $c->read_response;
    is($answer && $answer->{status}, 408, 'answered with 408');
    ok($c->is_closed, 'closed');
    $c->close;
    $c = $hasty->connect;
    $c->send(head_of('POST / HTTP/1.1', 'Content-Length: 5') . 'ab');
    $answer = $c->read_response;
    is($answer && $answer->{status}, 408, 'and for a body that stops');
    $c->close;
};

subtest 'a slow body above the rate is taken' => sub {
    my $c = $hasty->connect;
    my $begun = time;
    $c->send(head_of('POST / HTTP/1.1', 'Content-Length: 24000'));
    for (1 .. 15) {
        $c->send('x' x 1600);
        last if $c->read_more(time + 0.08);
    }
    my $answer = $c->read_response;
    like($answer->{body}, qr/^read 24000,/, sprintf 'in %.1f s', time - $begun);
    $c->close;
};

subtest 'a connection that is idle when the worker drains' => sub {
    my $quick = Galley::Test->start('t/apps/wire', args => [qw(--drain-idle 300ms --drain-timeout 60s)]);
    my $c = $quick->connect;
    is($c->request(GET => '/second')->{body}, 'second', 'a request');
    $quick->signal('TERM');
    is($c->read_all, '', 'the end, without an answer');
    is($quick->wait_exit(15), 0, 'and the server stops long before its drain_timeout, though the client does not close');
    $c->close;
};

is($_->request(GET => '/second')->{body}, 'second', 'the server serves on') for $server, $hasty;
is($_->stop, 0, 'and stops with 0') for $server, $hasty;
done_testing();
