#!/usr/bin/perl
# 62-h2.t - HTTP/2 as clients use it: curl over both kinds of listener, large bodies both ways, windows, many streams at
#           once, and the drain that loses none.
# Does:     compare whole bodies; watch how much a server takes in for a peer that does not keep up; count what clients
#           without retries lose over reloads.
# Does not: misbehave (61-h2-attacks.t) or repeat h2spec (60-h2spec.t).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::H2 qw(frame head settings);
use Galley::Test;
use List::Util qw(min);
use Test::More;
use Time::HiRes qw(time);

my $MAX_GROWTH_KB = 4096;
my $is_measuring = build() !~ m{/(?:asan|valgrind)$};
my ($END_STREAM) = (1);
my $dir = temp_dir();
my $big = write_file("$dir/big", join '', map { pack 'N', $_ * 2654435761 % 4294967296 } 1 .. 2_000_000);

my $server = Galley::Test->start('examples/echo');
my $tls = Galley::Test->start('examples/echo', tls => 1);
my ($worker) = $server->worker_pids;

sub rss_kb { return read_file("/proc/$worker/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0 }

# ---- curl ----

for my $kind ([ 'h2c', $server, '--http2-prior-knowledge' ], [ 'TLS', $tls, '--http2' ]) {
    my ($name, $on, $option) = @$kind;
    my @format = ('-w', "\n%{http_version} %{http_code}");
    for my $row (
        [ '/plaintext', qr/^Hello, World!\n2 200$/ ],
        [ '/items/7?q=x', qr/^\{"item_id":7,"q":"x"\}\n2 200$/ ],
        [ '/items/x', qr/"int_parsing".*\n2 422$/s ],
        [ '/nowhere', qr/^\{"detail":"Not Found"\}\n2 404$/ ],
        [ '/sleep?ms=1', qr/^awake\n\n2 200$/ ],
        [ '/bytes?n=100', qr/^[-a-z0-9\n]{100}\n2 200$/ ],
        [ '/bytes?n=0', qr/^\n2 200$/ ],
        [ '/cookie', qr/^a=1\nb=2\n\n2 200$/, '-b', 'a=1; b=2' ],
        [ '/', qr/^what there is\n2 200$/, '-d', 'what there is' ],
        [ '/plaintext', qr/^HTTP\/2 200 .*content-length: 13\r.*\n2 200$/si, '-I' ],
        [ '/plaintext', qr/\n2 405$/, '-X', 'DELETE' ],
    ) {
        my ($path, $expected, @more) = @$row;
        my $answer = $on->curl_path($path, $option, @format, @more);
        like($answer->{out}, $expected, "$name: curl @more $path");
    }
    my $echoed = $on->curl_path('/', $option, '--data-binary', "\@$big", '-o', "$dir/echoed");
    is($echoed->{status}, 0, "$name: 8 MB there and back");
    ok(read_file("$dir/echoed") eq read_file($big), "$name: and every byte is the same");
    my $loaded = $on->curl_path('/bytes?n=50000000', $option, '-o', "$dir/loaded");
    is(-s "$dir/loaded", 50_000_000, "$name: 50 MB in pieces");
    next if $name eq 'h2c';    # curl 7.88 cannot multiplex with prior knowledge: it fails in the same way with other servers
    my $parallel = $on->curl_path('/sleep?ms=[100-149]', $option, '-Z', '--parallel-max', 50, '-w', "%{http_code}\n");
    is(() = $parallel->{out} =~ /^200$/mg, 50, "$name: 50 requests at once");
}

# ---- windows ----

# A client that takes nothing more costs no more than a window: the handler waits.
my $before_kb = rss_kb();
my $slow = Galley::H2->connect(port => $server->port);
$slow->send(map { head(2 * $_ + 1, GET => '/bytes?n=1000000') } 0 .. 49);
$slow->until(sub { length $slow->stream(1)->{body} });
$slow->round_trip;
my $got = 0;
$got += length $slow->stream(2 * $_ + 1)->{body} for 0 .. 49;
is($got, 65535, 'a client with the least window gets that much');
my $growth_kb = rss_kb() - $before_kb;
SKIP: {
    skip 'memory under a sanitizer or valgrind says nothing', 1 if !$is_measuring;
    cmp_ok($growth_kb, '<', $MAX_GROWTH_KB, "50 answers of 1 MB that nobody takes: the worker grew by $growth_kb kB");
}
my $is_whole = 1;
for my $round (1 .. 1000) {
    last if $slow->stream(99)->{ended};
    $slow->send(frame('WINDOW_UPDATE', 0, 0, pack 'N', 1 << 20), map { frame('WINDOW_UPDATE', 0, 2 * $_ + 1, pack 'N', 1 << 20) } 0 .. 49) if $round == 1;
    $slow->send(frame('WINDOW_UPDATE', 0, 0, pack 'N', 1 << 20)) if $round > 1;
    $slow->round_trip or last;
}
$slow->until(sub { !grep { !$slow->stream(2 * $_ + 1)->{ended} } 0 .. 49 });
$is_whole &&= length $slow->stream(2 * $_ + 1)->{body} == 1_000_000 for 0 .. 49;
ok($is_whole, 'and all of it when it opens its windows');
is($slow->{goaway}, undef, 'without having spent its budget');
$slow->close;

# A socket that is full: the answer is the kernel's and one buffer of ours.
$before_kb = rss_kb();
my $deaf = Galley::H2->connect(port => $server->port, settings => { 4 => 0x7fffffff });
$deaf->send(frame('WINDOW_UPDATE', 0, 0, pack 'N', 0x7fff0000 - 65535));
$deaf->round_trip;
syswrite $deaf->{http}->socket, join '', map { head(2 * $_ + 1, GET => '/bytes?n=100000000') } 0 .. 9;
ok($server->wait_stat('requests_active', 10), 'a client that does not read: its requests run');
my $sent = -1;
wait_until('the socket is full', sub { my $now = $server->stat('bytes_sent'); my $is_still = $now == $sent; $sent = $now; return $is_still });
$growth_kb = rss_kb() - $before_kb;
SKIP: {
    skip 'memory under a sanitizer or valgrind says nothing', 1 if !$is_measuring;
    cmp_ok($growth_kb, '<', $MAX_GROWTH_KB, "1 GB that nobody reads: the worker grew by $growth_kb kB");
}
$deaf->{http}->reset;
ok($server->wait_stat('requests_active', 0), 'they end with their client');

# A handler that does not read: its client may send a window and no more. The echo waits for its answer to be taken.
my $upload = Galley::H2->connect(port => $server->port, settings => { 4 => 0 });
$upload->send(head(1, POST => '/', end => 0));
$upload->round_trip;
my ($window, $uploaded) = (65536, 0);
while ($uploaded + 16384 <= $window) {
    $upload->send(frame('DATA', 0, 1, 'x' x 16384));
    $uploaded += 16384;
}
$upload->round_trip;
$upload->round_trip;
my $updates = $upload->{frames}{WINDOW_UPDATE} // 0;
cmp_ok($updates, '<=', 1, "an upload that nobody reads gets no new window ($updates updates: the connection's first)");
ok(!$upload->stream(1)->{reset}, 'and is no error');
$upload->send(frame('WINDOW_UPDATE', 0, 1, pack 'N', 1 << 20), frame('WINDOW_UPDATE', 0, 0, pack 'N', 1 << 20));
$upload->until(sub { length $upload->stream(1)->{body} == $uploaded });
$upload->send(frame('DATA', $END_STREAM, 1, 'end'));
is($upload->answer(1), 200, 'until its answer is taken');
is(length $upload->stream(1)->{body}, $uploaded + 3, 'and it comes back whole');
$upload->close;

# ---- odds and ends ----

my $h2 = Galley::H2->connect(port => $server->port);
$h2->send(head(1, POST => '/', end => 0, more => [ expect => '100-continue' ]));
$h2->until(sub { $h2->stream(1)->{status} });
is($h2->stream(1)->{status}, 100, 'who expects 100 gets it before the body');
$h2->send(frame('DATA', $END_STREAM, 1, 'now'));
is($h2->answer(1), 200, 'then the answer');
is($h2->stream(1)->{body}, 'now', 'with the body');
$h2->send(head(3, POST => '/', end => 0), frame('DATA', 0, 3, 'body'), frame('HEADERS', 4 | $END_STREAM, 3, Galley::H2::block('x-trailer', 1)));
is($h2->answer(3), 200, 'a request with trailers');
is($h2->stream(3)->{body}, 'body', 'has its body');
$h2->send(head(5, POST => '/plaintext', end => 0, more => [ 'content-length', 60000 ]), map { frame('DATA', $_ == 29 ? $END_STREAM : 0, 5, 'x' x 2000) } 0 .. 29);
is($h2->answer(5), 405, 'a body nobody wants: the answer comes');
my $begun = time;
$h2->send(map { head(2 * $_ + 101, GET => '/sleep?ms=300') } 0 .. 98);
$h2->until(sub { !grep { !$h2->stream(2 * $_ + 101)->{ended} } 0 .. 98 });
my $took = time - $begun;
is(scalar(grep { ($h2->stream(2 * $_ + 101)->{status} // 0) == 200 } 0 .. 98), 99, '99 sleepers on one connection');
cmp_ok($took, '<', 10 * slow(), sprintf 'wake together (%.2f s)', $took);    # one after the other: 30 s
$h2->close;
my $together = Galley::H2->connect(port => $server->port);
$together->send(head(1, GET => '/plaintext'));
$together->{http}->half_close;
is($together->answer(1), 200, 'a request that comes together with the FIN is answered');
$together->close;

# ---- drain ----

my $drained = Galley::H2->connect(port => $server->port);
$drained->{is_mute} = 1;    # the second GOAWAY comes after a second then
$drained->send(head(1, GET => '/sleep?ms=1500'), head(3, GET => '/plaintext'));
is($drained->answer(3), 200, 'a connection about to be drained');
$server->signal('TERM');
$drained->until(sub { $drained->{goaways} });
is($drained->{goaways}[0]{last}, 0x7fffffff, 'the first GOAWAY refuses no stream');
is($drained->{goaways}[0]{error}, 'NO_ERROR', 'and is no error');
$drained->send(head(5, GET => '/plaintext'));
is($drained->answer(5), 200, 'a stream that crossed it is answered');
is($drained->answer(1), 200, 'and the one that ran');
is($drained->until_end, 'NO_ERROR', 'then the connection ends');
is($drained->{goaways}[-1]{last}, 5, 'and its last GOAWAY says what was served');
is($server->wait_exit, 0, 'the server stops with 0');

my $reloads = soak() ? 100 : 5;
my @loads = map { $tls->load(h2 => 1, tls => 1, connections => 8, path => $_) } '/plaintext', '/sleep?ms=5';
for my $reload (1 .. $reloads) {
    my $result = $tls->rpc('reload', undef, 30);
    ok($result->{ok}, "reload $reload") if !$result->{ok} || $reload == $reloads;
}
for my $load (@loads) {
    my $result = $tls->finish_load($load);
    is($result->{failed}, 0, "$reloads reloads cost HTTP/2 clients nothing of $result->{ok} requests");
    cmp_ok($result->{opened}, '>', $reloads, 'who changed their connections');
}
is($tls->stop, 0, 'the server stops with 0');

# ---- where it is not wanted ----

my $without = Galley::Test->start('examples/echo', args => ['--h2c=false']);
my $refused = $without->connect;
$refused->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
like($refused->read_response->{status}, qr/^(?:400|405|501|505)$/, 'without h2c, prior knowledge is refused');
is($without->stop, 0, 'the server stops with 0');
done_testing();
