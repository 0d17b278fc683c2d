#!/usr/bin/perl
# 50-tls-serve.t - https from outside: protocols, big bodies, ends, slow and broken clients, drain.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $server = Galley::Test->start('examples/echo', tls => 1, workers => 2,
    config => "tls_timeout = " . 1500 * slow() . "ms\nh2c = false\n");
like($server->serving, qr{ on https://127\.0\.0\.1:\d+ }, 'a certificate makes it https');

# ---- protocols, as curl sees them; it verifies the certificate ----
my $what = '%{http_version} %{ssl_verify_result} %{response_code}';
for my $row ([ '--http2', '2 0 200' ], [ '--http1.1', '1.1 0 200' ], [ '--no-alpn', '1.1 0 200' ],
    [ [ '--tls-max', '1.2' ], '2 0 200' ], [ [ '--tlsv1.3' ], '2 0 200' ],
    [ [ '--tls-max', '1.2', '--ciphers', 'ECDHE-ECDSA-CHACHA20-POLY1305' ], '2 0 200' ])
{
    my ($option, $expected) = @$row;
    my @options = ref $option ? @$option : $option;
    is($server->curl_path('/plaintext', @options, '-o', '/dev/null', '-w', $what)->{out}, $expected, "curl @options");
}
is($server->curl_path('/plaintext', '--http1.1')->{out}, 'Hello, World!', 'the answer');

# ---- what is refused ----
for my $row ([ 'TLS 1.1', '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0' ], [ 'CBC', '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-SHA' ],
    [ 'ALPN of something else', '-alpn', 'imap' ])
{
    my ($name, @options) = @$row;
    my $client = run_command('openssl', 's_client', '-connect', '127.0.0.1:' . $server->port, @options);
    isnt($client->{status}, 0, "$name: refused");
    like($client->{err} . $client->{out}, qr/alert (?:protocol version|handshake failure|no application protocol)/,
        "$name: with an alert");
}
my $failed = $server->stat('tls_failed_total');
cmp_ok($failed, '>=', 3, 'counted as failed');

my $plain = $server->connect;
$plain->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
ok($plain->is_closed, 'HTTP on the https port is closed');
ok($server->wait_stat(tls_failed_total => $failed + 1), 'and counted');

# ---- clients that stop in the handshake ----
my @stopped = map { $server->connect } 1 .. 20;
$_->send("\x16\x03\x01\x02\x00\x01") for @stopped[ 0 .. 9 ];
ok($_->is_closed, 'silence in the handshake is closed') for $stopped[0], $stopped[19];
$_->close for @stopped;
ok($server->wait_stat(tls_failed_total => $failed + 21), 'each counted once');
ok($server->wait_stat(connections_open => 0), 'and none is left');

# ---- big bodies both ways ----
my $dir = temp_dir();
my $body = join '', map { pack 'N', $_ * 2654435761 % 2**32 } 1 .. 1_500_000;    # 6 MB
my $file = write_file("$dir/body", $body);
for my $version ('--http1.1', '--http2') {
    my $answer = $server->curl_path('/', $version, '--data-binary', "\@$file", '-o', "$dir/echoed");
    is($answer->{status}, 0, "$version: 6 MB there and back") or diag($answer->{err});
    ok(read_file("$dir/echoed") eq $body, "$version: not a byte changed");
    $answer = $server->curl_path('/bytes?n=20000000', $version, '-o', '/dev/null', '-w', '%{size_download}');
    is($answer->{out}, 20_000_000, "$version: 20 MB");
}

# ---- a reader that is slow, of an answer after which the connection closes: it gets all ----
my $slow = $server->curl_path('/bytes?n=12000000', '--http1.1', '-H', 'Connection: close', '--limit-rate', '6M', '-o',
    '/dev/null', '-w', '%{size_download}');
is("$slow->{status} $slow->{out}", '0 12000000', 'a slow reader gets all before the end');

# ---- the end is said ----
my $request = write_file("$dir/request", "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
my $end = run_command({ stdin => $request }, 'openssl', 's_client', '-ign_eof',
    '-msg', '-connect', '127.0.0.1:' . $server->port);
like($end->{out}, qr/<<< TLS 1\.3, Alert \[length 0002\], warning close_notify/, 'close_notify before the end');

# ---- pipelined requests in one record, and one request in many ----
my $stream = $server->connect_tls;
$stream->send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n" x 5);
is($stream->read_response->{body}, 'Hello, World!', "pipelined over TLS: $_") for 1 .. 5;
$stream->send($_) for split //, "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";
is($stream->read_response->{status}, 200, 'byte by byte over TLS');
$stream->close;

# ---- drain: who has read nothing yet at the time of the stop gets the whole answer ----
my $download = $server->connect_tls;
$download->send("GET /bytes?n=20000000 HTTP/1.1\r\nHost: a\r\n\r\n");    # more than buffers on the way hold
ok($server->wait_stat(requests_active => 1), 'a download runs');
$server->signal('TERM');
ok($server->wait_log(qr/ stopping /), 'the server is told to stop');
is(length($download->read_response->{body}), 20_000_000, 'the download is finished');
is($server->wait_exit, 0, 'stops in order');

done_testing;
