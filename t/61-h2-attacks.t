#!/usr/bin/perl
# 61-h2-attacks.t - what an HTTP/2 client may do to harm, and where each ends.
# Does:     run each attack on a connection of its own: it must end as its row says, while clients beside it lose nothing
#           and the worker's memory stays where it was.
# Does not: need privileges or an outside network.
# See:      RFC 9113 section 10.5; worker/http/h2_budget.h (the limits).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::H2 qw(frame head settings);
use Galley::Test;
use Test::More;

my $MAX_GROWTH_KB = 4096;
my ($OVERFLOW, $END_STREAM, $ACK, $PADDED) = (pack('N', 0x7fffffff), 1, 1, 8);

# Frames in rounds, so that the server has time to answer each: until it has had enough.
sub rounds {
    my ($h2, $count, $make) = @_;
    for my $round (0 .. $count - 1) {
        $h2->send($make->($round));
        return if !$h2->round_trip;
    }
    return;
}

sub reset_of { my ($id) = @_; return frame('RST_STREAM', 0, $id, pack 'N', 8) }

# Streams of one round of 50.
sub ids { my ($round) = @_; return map { 2 * ($round * 50 + $_) + 1 } 0 .. 49 }

my $post = [ 'content-length', 1 ];
my @attacks = (
    # [name, what ends it, the attack]
    ['3,000 streams reset at once', 'ENHANCE_YOUR_CALM', sub {
        $_[0]->send(map { head(2 * $_ + 1, GET => '/plaintext') . reset_of(2 * $_ + 1) } 0 .. 2999) } ],
    ['3,000 handlers started and reset, 50 a round trip', 'ENHANCE_YOUR_CALM', sub {
        rounds($_[0], 60, sub { join('', map { head($_, GET => '/sleep?ms=60000') } ids($_[0])) . join '', map { reset_of($_) } ids($_[0]) }) } ],
    ['150 streams reset', 'lives', sub { $_[0]->send(map { head(2 * $_ + 1, GET => '/plaintext') . reset_of(2 * $_ + 1) } 0 .. 149) } ],
    ['the server made to reset by WINDOW_UPDATE overflow', 'ENHANCE_YOUR_CALM', sub {
        rounds($_[0], 60, sub { map { head($_, GET => '/sleep?ms=60000') . frame('WINDOW_UPDATE', 0, $_, $OVERFLOW) } ids($_[0]) }) } ],
    ['the server made to reset by DATA beyond content-length', 'ENHANCE_YOUR_CALM', sub {
        rounds($_[0], 60, sub { map { head($_, POST => '/', end => 0, more => $post) . frame('DATA', 0, $_, 'xyz') } ids($_[0]) }) } ],
    ['the server made to reset by uppercase names', 'ENHANCE_YOUR_CALM', sub {
        rounds($_[0], 60, sub { map { head($_, GET => '/', more => [ 'X-Upper', 1 ]) } ids($_[0]) }) } ],
    ['the server made to reset by a zero WINDOW_UPDATE', 'PROTOCOL_ERROR', sub {
        rounds($_[0], 60, sub { map { head($_, GET => '/sleep?ms=60000') . frame('WINDOW_UPDATE', 0, $_, pack 'N', 0) } ids($_[0]) }) } ],
    ['streams refused one after the other', 'PROTOCOL_ERROR', sub {
        $_[0]->round_trip; $_[0]->send(map { head(2 * $_ + 1, GET => '/sleep?ms=60000') } 0 .. 2999) } ],
    ['8 CONTINUATIONs', 'lives', sub { continuations($_[0], 8) } ],
    ['9 CONTINUATIONs', 'ENHANCE_YOUR_CALM', sub { continuations($_[0], 9) } ],
    ['CONTINUATIONs without end', 'ENHANCE_YOUR_CALM', sub { continuations($_[0], 20000) } ],
    ['20,000 PINGs', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(frame('PING', 0, 0, 'x' x 8) x 20000) } ],
    ['20,000 acknowledgements of PINGs', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(frame('PING', $ACK, 0, 'x' x 8) x 20000) } ],
    ['20,000 PINGs by one who does not read', 'ENHANCE_YOUR_CALM', sub { $_[0]{is_mute} = 1; $_[0]->send(frame('PING', 0, 0, 'x' x 8) x 20000) } ],
    ['20,000 SETTINGS', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(settings(4 => 65535) x 20000) } ],
    ['windows that grow and shrink', 'ENHANCE_YOUR_CALM', sub {
        $_[0]->send(join('', map { head(2 * $_ + 1, GET => '/sleep?ms=60000') } 0 .. 89), (settings(4 => 0) . settings(4 => 65535)) x 5000) } ],
    ['20,000 acknowledgements of SETTINGS', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(frame('SETTINGS', $ACK, 0) x 20000) } ],
    ['SETTINGS with 100 entries', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(frame('SETTINGS', 0, 0, pack('nN', 4, 65535) x 100)) } ],
    ['20,000 WINDOW_UPDATEs of 1', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(frame('WINDOW_UPDATE', 0, 0, pack 'N', 1) x 20000) } ],
    ['20,000 frames of an unknown type', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(frame(0x55, 0, 0, 'what?') x 20000) } ],
    ['20,000 PRIORITYs', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(map { frame('PRIORITY', 0, 2 * $_ + 3, pack 'NC', 1, 1) } 0 .. 19999) } ],
    ['100 empty DATA', 'lives', sub { $_[0]->send(head(1, POST => '/', end => 0), frame('DATA', 0, 1) x 100, frame('DATA', $END_STREAM, 1)) } ],
    ['20,000 empty DATA', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(head(1, POST => '/', end => 0), frame('DATA', 0, 1) x 20000) } ],
    ['20,000 DATA of a byte', 'ENHANCE_YOUR_CALM', sub { $_[0]->send(head(1, POST => '/', end => 0), frame('DATA', 0, 1, 'x') x 20000) } ],
    ['20,000 DATA of padding', 'ENHANCE_YOUR_CALM', sub {
        $_[0]->send(head(1, POST => '/', end => 0), frame('DATA', $PADDED, 1, "\x40" . "\0" x 64) x 20000) } ],
    ['stream numbers that go backwards', 'PROTOCOL_ERROR', sub { $_[0]->send(head(5, GET => '/plaintext'), head(3, GET => '/plaintext')) } ],
    ['a request on a stream that is over', 'STREAM_CLOSED', sub { $_[0]->send(head(1, GET => '/plaintext'), head(1, GET => '/plaintext')) } ],
    ['a body larger than its window', 'reset FLOW_CONTROL_ERROR', sub {
        $_[0]->send(head(1, POST => '/', end => 0), frame('DATA', 0, 1, 'x' x 16384) x 80) } ],
    ['a frame too large', 'FRAME_SIZE_ERROR', sub { $_[0]->send(head(1, POST => '/', end => 0), frame('DATA', 0, 1, 'x' x 16385)) } ],
    ['no SETTINGS first', 'PROTOCOL_ERROR', sub { $_[0]->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . head(1, GET => '/plaintext')) }, preface => 0 ],
);

sub continuations {
    my ($h2, $count) = @_;
    my $head = Galley::H2::block(':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/plaintext');
    $h2->send(frame('HEADERS', $END_STREAM, 1, $head), (map { frame('CONTINUATION', 0, 1, Galley::H2::block("x-$_", 1)) } 1 .. $count - 1),
        frame('CONTINUATION', 4, 1, Galley::H2::block('x-last', 1)));
    return;
}

my $server = Galley::Test->start('examples/echo', args => [ '--write-timeout', '60s' ]);
my ($worker) = $server->worker_pids;

sub rss_kb { return read_file("/proc/$worker/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0 }

# What a first round of everything leaves behind is not growth.
for my $attack (@attacks) { run_attack($attack) }
my $before_kb = rss_kb();

my $beside = $server->load(h2 => 1, connections => 2);
for my $attack (@attacks) {
    my ($name, $expected) = @$attack;
    my $calmed = $server->stat('h2_calmed_total');
    is(run_attack($attack), $expected, $name);
    ok($server->wait_stat('h2_calmed_total', $calmed + 1), "$name: counted") if $expected eq 'ENHANCE_YOUR_CALM';
}
my $result = $server->finish_load($beside);
is($result->{failed}, 0, 'clients beside all that lost nothing');
cmp_ok($result->{ok}, '>', 100, 'and were served');

sub run_attack {
    my ($attack) = @_;
    my ($name, $expected, $run, %how) = @$attack;
    my $h2 = Galley::H2->connect(port => $server->port, %how);
    $run->($h2);
    my $end;
    if ($expected eq 'lives') {
        $h2->send(head(9999, GET => '/plaintext'));
        my $answer = $h2->answer(9999);
        $end = $answer eq 200 ? 'lives' : $answer;
    } elsif ($expected =~ /^reset/) {
        $end = 'reset ' . $h2->answer(1);
    } else {
        $end = $h2->until_end;
    }
    $h2->close;
    return $end;
}

ok($server->wait_stat('requests_active', 0), 'no handler of a gone client runs on');
ok($server->wait_stat('coroutines_live', 0), 'and no coroutine');
SKIP: {
    skip 'memory under a sanitizer or valgrind says nothing', 1 if build() =~ m{/(?:asan|valgrind)$};
    my $growth_kb = rss_kb() - $before_kb;
    cmp_ok($growth_kb, '<', $MAX_GROWTH_KB, "the worker grew by $growth_kb kB");
}
is(join(' ', $server->worker_pids), $worker, 'the worker is still the same');
is($server->stop, 0, 'the server stops with 0');
# What it says of its own loop, when others have the processor, is no warning of clients.
unlike($server->log, qr/ (?:error|warn) (?!.*workers_are_root|worker \S+ blocked )/, 'and has nothing to warn of');
done_testing();
