#!/usr/bin/perl
# 05-lib.t - the tests' own library: MessagePack both ways, HTTP answers however they are cut, waiting that ends.
use strict;
use warnings;
use lib 't/lib';
use Socket;
use Test::More;
use Galley::Http;
use Galley::MsgPack;
use Galley::Test;

my @values = (
    [ 'nil',           undef,                          'c0' ],
    [ 'small',         5,                              '05' ],
    [ 'negative',      -1,                             'ff' ],
    [ '16 bits',       300,                            'cd012c' ],
    [ '64 bits',       1 << 40,                         'cf0000010000000000' ],
    [ 'below -32',     -33,                            'd3ffffffffffffffdf' ],
    [ 'double',        1.5,                            'cb3ff8000000000000' ],
    [ 'string',        'ab',                           'a26162' ],
    [ 'digits',        '12',                           'a23132' ],
    [ 'array',         [ 1, [2] ],                     '92019102' ],
    [ 'map',           { a => 1 },                     '81a16101' ],
);
for my $row (@values) {
    my ($name, $value, $bytes) = @$row;
    is(unpack('H*', Galley::MsgPack::encode($value)), $bytes, "encode $name");
    my ($back, $used) = Galley::MsgPack::decode(pack('H*', $bytes) . 'rest');
    is_deeply([ $back, $used ], [ $value, length($bytes) / 2 ], "decode $name");
    eval { Galley::MsgPack::decode(substr pack('H*', $bytes), 0, -1) };
    is($@, "more\n", "$name, one byte short");
}
is(unpack('H*', Galley::MsgPack::encode([ \1, \0 ])), '92c3c2', 'booleans');

# What a server sends, byte by byte, and what the client makes of it.
my @answers = (
    [ 'length', "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, 'abc' ],
    [ 'chunked', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 200, 'abcde' ],
    [ 'trailers', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n", 200, 'a' ],
    [ 'interim', "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, '' ],
    [ 'to the end', "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nno", 400, 'no' ],
);
for my $row (@answers) {
    my ($name, $bytes, $status, $body) = @$row;
    socketpair my $client, my $server, AF_UNIX, SOCK_STREAM, 0 or die "socketpair: $!";
    my $pid = fork;
    if (!$pid) {
        close $client;
        syswrite $server, $_ for split //, $bytes;
        POSIX::_exit(0);
    }
    close $server;
    my $response = Galley::Http->connect(handle => IO::Handle->new_from_fd($client, 'r+'))->read_response;
    waitpid $pid, 0;
    is($response->{status}, $status, "$name: status");
    is($response->{body}, $body, "$name: body");
}

is(run_command('sh', '-c', 'echo out; echo err >&2; exit 3')->{status}, 3, 'exit status');
is(run_command('sh', '-c', 'kill -9 $$')->{status}, 137, 'killed by a signal');
is(run_command('echo', 'x')->{out}, "x\n", 'output');
ok(is_alive($$), 'this process is alive');
my $count = 0;
ok(wait_until('counted to three', sub { ++$count == 3 }), 'wait_until comes back when it is true');
my ($certificate, $key) = tls_files(my $dir = temp_dir());
ok(-s $certificate && -s $key, 'a certificate and its key');
done_testing;
