#!/usr/bin/perl
# 33-h1-mutations.t - broken variants of the attack table, cut and mixed at random: no worker dies of them.
# Does:     changes, drops and inserts bytes in rows of t/data/h1_cases.pm, strings a few together, sends them in pieces
#           on many connections at once, and leaves at a random moment, by FIN, close or RST. SEED=n repeats a run.
# Does not: know what the right answers are: every one must be an HTTP answer, and the server must be as before.
# See:      t/30-h1-attacks.t (the right answers), t/fuzz/h1_parse.c (the parser alone)
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/data";
use Errno qw(EAGAIN EINTR);
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;
use h1_cases;

use constant { TOGETHER => 64, LIFE_S => 1.2 };
my $COUNT = soak() ? 100_000 : 2500;
my $seed = $ENV{SEED} // (soak() ? time ^ $$ : 1);
srand $seed;
note("SEED=$seed");
$SIG{PIPE} = 'IGNORE';

my @inserts = ("\r\n", "\n", "\r", ' ', "\0", ':', '0', ';', ',', "\r\n\r\n", "\x80", 'chunked', "\t");
my @texts = map {
    my $text = $_->[3];
    $text =~ s/\{(\d+)\*([^}]*)\}/$2 x ($1 > 3000 ? 3000 : $1)/ge;
    $text;
} @h1_cases::ROWS;

# A row with up to three changes.
sub mutant {
    my $text = $texts[ rand @texts ];
    for (1 .. int rand 4) {
        my $at = int rand 1 + length $text;
        my $kind = rand;
        if ($kind < 0.4 && $at < length $text) {
            substr($text, $at, 1) = chr int rand 256;
        } elsif ($kind < 0.6) {
            substr($text, $at, 1) = '';
        } elsif ($kind < 0.8) {
            substr($text, $at, 0) = substr $texts[ rand @texts ], 0, 20;
        } else {
            substr($text, $at, 0) = $inserts[ rand @inserts ];
        }
    }
    return $text;
}

sub open_one {
    my ($server, $is_tcp) = @_;
    my $socket = $is_tcp ? IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port)
        : IO::Socket::UNIX->new(Peer => $server->dir . '/http.sock');
    die "cannot connect: $!\n" if !$socket;
    $socket->blocking(0);
    return { socket => $socket, out => join('', map { mutant() } 1 .. 1 + int rand 4), in => '', until => time + rand LIFE_S,
             piece => rand() < 0.3 ? 5 : 3000, is_rude => $is_tcp && rand() < 0.3, sends_fin => rand() < 0.5 };
}

# One turn of a connection. True when it is over.
sub turn {
    my ($x) = @_;
    if (length $x->{out}) {
        my $sent = syswrite $x->{socket}, $x->{out}, 1 + int rand $x->{piece};
        $x->{out} = $sent ? substr $x->{out}, $sent : $! == EAGAIN || $! == EINTR ? $x->{out} : '';
        shutdown $x->{socket}, 1 if $x->{out} eq '' && $x->{sends_fin};
    }
    my $count = sysread $x->{socket}, $x->{in}, 65536, length $x->{in};
    return 1 if defined $count ? !$count : $! != EAGAIN && $! != EINTR;
    return time > $x->{until};
}

for my $is_tcp (0, 1) {
    my $server = Galley::Test->start('t/apps/wire', ($is_tcp ? () : (unix => 1)),
        args => [qw(--head-timeout 1s --body-grace 1s --keepalive-timeout 1s --h2c=false)]);
    my @pids = $server->worker_pids;
    my ($opened, $answers, @running, %strange) = (0, 0);
    while ($opened < $COUNT || @running) {
        while (@running < TOGETHER && $opened < $COUNT) {
            push @running, open_one($server, $is_tcp);
            $opened++;
        }
        my @still;
        for my $x (@running) {
            if (!turn($x)) {
                push @still, $x;
                next;
            }
            $answers++ while $x->{in} =~ m{^HTTP/1\.1 [1-5]\d\d [A-Z]}mg;
            $strange{ substr $x->{in}, 0, 60 }++ if $x->{in} ne '' && $x->{in} !~ m{^HTTP/1\.1 [1-5]\d\d };
            setsockopt $x->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if $x->{is_rude};
            close $x->{socket};
        }
        @running = @still;
        select undef, undef, undef, 0.0005;
    }
    my $what = $is_tcp ? 'TCP' : 'UNIX socket';
    is_deeply(\%strange, {}, "$what: $opened connections got nothing but HTTP");
    cmp_ok($answers, '>', $COUNT / 2, "$what: $answers answers");
    is_deeply([ $server->worker_pids ], \@pids, "$what: no worker died");
    ok($server->wait_stat(connections_open => 0), "$what: no connection is left");
    is($server->request(GET => '/second')->{body}, 'second', "$what: the server serves on");
    is($server->stop, 0, "$what: and stops with 0");
}
done_testing();
