#!/usr/bin/perl
# 06-server.t - the tests' library against a real server: start, requests, raw bytes, stats socket, load, stop, UNIX socket, TLS.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $server = Galley::Test->start('examples/echo', workers => 2);
like($server->serving, qr/^galley: serving .* on \Q@{[$server->url]}\E \(2 workers\)/, 'the serving line');
my $answer = $server->request(GET => '/plaintext');
is($answer->{status}, 200, 'status');
is($answer->{body}, 'Hello, World!', 'body');
is(scalar($server->workers), 2, 'two workers');
is($server->status->{pid}, $server->pid, 'status names the pid');
my ($result, $error) = $server->call('nonsense');
ok(!defined $result && $error->{message}, 'an unknown method is an error answer');

my $connection = $server->connect;
$connection->send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\nGET /plaintext HTTP/1.1\r\n\r\n");
is($connection->read_response->{status}, 200, 'the first of two');
is($connection->read_response->{status}, 400, 'the second has no Host');
ok($connection->is_closed, 'and closes');
$connection->close;
ok($server->wait_stat(connections_open => 0), 'nobody is left');
is($server->curl_path('/plaintext')->{out}, 'Hello, World!', 'curl');

for my $how ({}, { close => 1 }, { h2 => 1 }) {
    my $load = $server->load(connections => 4, %$how);
    my $sum = $server->finish_load($load);
    ok($sum->{ok} >= 4, "load: $sum->{ok} answers") or diag(explain($sum));
    is($sum->{failed}, 0, 'and no failure');
}
is($server->stop, 0, 'stops with 0');
ok(!is_alive($server->pid), 'and is gone');

my $unix = Galley::Test->start('examples/echo', unix => 1);
is($unix->request(GET => '/plaintext')->{status}, 200, 'UNIX socket');
is($unix->curl_path('/plaintext')->{out}, 'Hello, World!', 'curl over it');
is($unix->stop, 0, 'stops');

my $secure = Galley::Test->start('examples/echo', tls => 1);
like($secure->url, qr/^https:/, 'https');
is($secure->curl_path('/plaintext')->{out}, 'Hello, World!', 'curl over TLS');
my $stream = $secure->connect_tls;
is($stream->request(GET => '/plaintext')->{body}, 'Hello, World!', 'raw bytes over TLS');
for my $how ({}, { close => 1 }, { h2 => 1 }) {
    my $sum = $secure->finish_load($secure->load(connections => 4, tls => 1, %$how));
    ok($sum->{ok} >= 4 && !$sum->{failed}, "load over TLS: $sum->{ok} answers") or diag(explain($sum));
}
$stream->close;
is($secure->stop, 0, 'stops');

eval { Galley::Test->start('no/such/app') };
like($@, qr/did not start \(exit status 1\)/, 'a server that does not start says so');
done_testing;
