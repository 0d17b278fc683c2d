#!/usr/bin/perl
# 34-h1-slow-clients.t - many clients at once that send or read too slowly, and one that does not.
# Does:     slow heads, slow bodies, slow chunks, answers nobody reads, requests nobody waits for: each ends within its
#           limit, the worker's memory grows by less than 4 MB, and a normal client beside them loses nothing.
# Does not: measure how fast the normal client is: tests share their machine.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Errno qw(EAGAIN EINTR);
use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;

use constant { CLIENTS => 200, LIMIT_S => 1.5, STEP_S => 0.05, GROWTH_KB => 4096 };

my $server = Galley::Test->start('t/apps/wire', args => [
    qw(--head-timeout 1500ms --body-grace 1500ms --body-rate 1k --keepalive-timeout 1500ms --write-timeout 1500ms)]);
my ($worker) = $server->worker_pids;
my $measures_memory = build() !~ /asan|valgrind/ && !wrapped();
$SIG{PIPE} = 'IGNORE';

sub memory_kb {
    my ($rss) = read_file("/proc/$worker/status") =~ /^VmRSS:\s+(\d+) kB/m;
    return $rss;
}

# The most bytes that the kernel holds for one connection of the server (tx_queue of /proc/net/tcp).
sub queue_bytes {
    my ($port, $most) = (sprintf('%04X', $server->port), 0);
    for my $line (split /\n/, read_file('/proc/net/tcp')) {
        my ($queue) = $line =~ /^\s*\d+: [0-9A-F]{8}:$port [0-9A-F]{8}:[0-9A-F]{4} 01 ([0-9A-F]{8}):/ or next;
        $most = hex $queue if hex $queue > $most;
    }
    return $most;
}

sub head_of {
    my ($line, @fields) = @_;
    return join "\r\n", $line, 'Host: a', @fields, '', '';
}

# What each attack sends at first, what then again and again, and whether its client reads at all.
my @attacks = (
    { name => 'heads that never end', first => "GET / HTTP/1.1\r\nHost: a\r\nX: ", drip => 'y', status => 408 },
    { name => 'request lines that never end', first => 'GET /', drip => 'y', status => 408 },
    { name => 'connections that say nothing', first => '', drip => '', status => 0 },
    { name => 'bodies that drip', first => head_of('POST / HTTP/1.1', 'Content-Length: 100000'), drip => 'z', status => 408 },
    { name => 'bodies that stop', first => head_of('POST / HTTP/1.1', 'Content-Length: 100000') . 'z' x 500, drip => '', status => 408 },
    { name => 'chunks that drip', first => head_of('POST / HTTP/1.1', 'Transfer-Encoding: chunked'), drip => "1\r\nz\r\n", status => 408 },
    { name => 'chunk sizes that never end', first => head_of('POST / HTTP/1.1', 'Transfer-Encoding: chunked') . '3;', drip => 'e', status => 408 },
    { name => 'bodies that nobody reads and that drip', first => head_of('POST /ignore HTTP/1.1', 'Content-Length: 60000'), drip => 'z', status => 200 },
    { name => 'answers that nobody reads', first => head_of('GET /large HTTP/1.1'), drip => '', is_deaf => 1, clients => 40 },
    { name => 'requests without end, answers that nobody reads', first => head_of('GET /query?' . 'q' x 8000 . ' HTTP/1.1') x 2000,
      drip => head_of('GET / HTTP/1.1'), is_deaf => 1, clients => 10 },
);

# Everything a client does in one step. True when its connection is over.
sub step {
    my ($attack, $client) = @_;
    my $socket = $client->{socket};
    if ($client->{out} eq '' && time >= $client->{next}) {
        $client->{out} = $attack->{drip};
        $client->{next} = time + STEP_S;
    }
    if ($client->{out} ne '') {
        my $sent = syswrite $socket, $client->{out};
        return 1 if !defined $sent && $! != EAGAIN && $! != EINTR;
        substr $client->{out}, 0, $sent, '' if $sent;
    }
    return 0 if $attack->{is_deaf};
    my $count = sysread $socket, $client->{in}, 65536, length $client->{in};
    return defined $count ? !$count : $! != EAGAIN && $! != EINTR;
}

sub open_client {
    my ($attack) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) or die "cannot connect: $!\n";
    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 4096 if $attack->{is_deaf};
    $socket->blocking(0);
    return { socket => $socket, in => '', out => $attack->{first}, next => time + STEP_S };
}

# The normal client: one request on a connection of its own, one on a connection it keeps.
my ($kept, %lost);
sub ask {
    $kept ||= $server->connect;
    my $answer = eval { $kept->request(GET => '/second') };
    if (!$answer) {    # the connection may have been idle for its limit
        $kept->close;
        $kept = $server->connect;
        $answer = eval { $kept->request(GET => '/second') };
    }
    $lost{kept}++ if !$answer || $answer->{body} ne 'second';
    $answer = eval { $server->request(POST => '/', body => 'abc') };
    $lost{fresh}++ if !$answer || $answer->{body} !~ /^read 3,/;
    return;
}

sub run_attack {
    my ($attack) = @_;
    my @clients = map { open_client($attack) } 1 .. ($attack->{clients} || CLIENTS);
    my ($begun, $peak, $queue, $asked) = (time, 0, 0, 0);
    my (@open, %statuses) = @clients;
    while (@open && time < $begun + 20 * slow()) {
        my @still;
        for my $client (@open) {
            if (step($attack, $client)) {
                my ($status) = $client->{in} =~ m{^HTTP/1\.1 (\d{3})};
                $statuses{ $status // 0 }++;
            } else {
                push @still, $client;
            }
        }
        @open = @still;
        ask();
        $asked++;
        my $now = memory_kb();
        $peak = $now if $now > $peak;
        $now = $attack->{is_deaf} ? queue_bytes() : 0;
        $queue = $now if $now > $queue;
        last if $attack->{is_deaf} && $server->stat('connections_open') <= 2 && time > $begun + LIMIT_S;
        select undef, undef, undef, 0.01;
    }
    my $took = time - $begun;
    close $_->{socket} for @clients;
    return { took => $took, peak => $peak, queue => $queue, asked => $asked, open => $attack->{is_deaf} ? 0 : scalar @open, statuses => \%statuses };
}

# Once, so that pools, buffers and stacks that are kept are there before memory is measured.
run_attack($_) for @attacks[ 0, 3, 8 ];
for my $attack (@attacks) {
    subtest $attack->{name} => sub {
        %lost = ();
        my $before = memory_kb();
        my $seen = run_attack($attack);
        is_deeply($seen->{statuses}, { $attack->{status} => CLIENTS }, 'every client is told') if !$attack->{is_deaf};
        is($seen->{open}, 0, 'and its connection closed');
        cmp_ok($seen->{took}, '<', (LIMIT_S + 4) * slow(), sprintf 'after %.1f s', $seen->{took});
        cmp_ok($seen->{queue}, '<', 1 << 20, "the kernel holds at most $seen->{queue} bytes for one") if $attack->{is_deaf};
        is_deeply(\%lost, {}, "$seen->{asked} pairs of normal requests lost nothing");
        my $growth = $seen->{peak} - $before;
        cmp_ok($growth, '<', GROWTH_KB, "memory grew by $growth kB") if $measures_memory;
    };
}
is_deeply([ $server->worker_pids ], [$worker], 'the worker is the same');
# What it says of its own loop, when others have the processor, is no complaint of clients.
unlike($server->log, qr/ (?:error|warn) worker \S+ (?!blocked )/, 'the log does not complain of clients');
is($server->stop, 0, 'and stops with 0');
done_testing();
