#!/usr/bin/perl
# 74-access-log.t - one line for each request: who, when, what, status, bytes, time; whatever the client makes of it.
use strict;
use warnings;
use lib 't/lib';
use Galley::Test;
use Test::More;

my $dir = Galley::Test::temp_dir();
my $server = Galley::Test->start('examples/echo', args => ['--access-log', "$dir/access"]);

my $DATE = qr/\[\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\]/;
my $long = 'x' x 3000;

# [name, path, curl options, what the line says]
my @rows = (
    ['HTTP/1.1',        '/plaintext',     [],                                              qr{"GET /plaintext HTTP/1\.1" 200 13 \d+ms}],
    ['HTTP/2',          '/plaintext',     ['--http2-prior-knowledge'],                     qr{"GET /plaintext HTTP/2" 200 13 \d+ms}],
    ['no such path',    '/none',          [],                                              qr{"GET /none HTTP/1\.1" 404 22 \d+ms}],
    ['the query is left out', '/items/1?q=secret', [],                                     qr{"GET /items/1 HTTP/1\.1" 200 \d+ \d+ms}],
    ['a long path',     "/$long",         [],                                              qr{"GET /x{699} HTTP/1\.1" 404 22 \d+ms}],
    ['a long path, HTTP/2', "/$long",     ['--http2-prior-knowledge'],                     qr{"GET /x{699} HTTP/2" 404 22 \d+ms}],
    ['a long method, HTTP/2', '/plaintext', ['--http2-prior-knowledge', '-X' => $long],    qr{"x{32} /plaintext HTTP/2" \d{3} \d+ \d+ms}],
);

my $count = 0;
for my $row (@rows) {
    my ($name, $path, $options, $says) = @$row;
    $server->curl_path($path, @$options);
    $count++;
    my @lines;
    wait_until("$name: a line", sub { @lines = split /\n/, Galley::Test::read_file("$dir/access"); @lines >= $count });
    is scalar(@lines), $count, "$name: one line";
    like $lines[-1], qr/^127\.0\.0\.1 $DATE $says$/, "$name: what it says";
}

my $gone = $server->connect;
$gone->send("GET /sleep?ms=20000 HTTP/1.1\r\nHost: a\r\n\r\n");
$server->wait_stat('requests_active', 1);
$gone->close;
ok wait_until('the line of one who left', sub {
    Galley::Test::read_file("$dir/access") =~ m{"GET /sleep HTTP/1\.1" 499 0 \d+ms\n\z}
}), 'a client that left: 499';
is $server->stop, 0, 'stops';
done_testing;
