#!/usr/bin/perl
# 30-h1-attacks.t - every row of t/data/h1_cases.pm against a real server, in every cut.
# Does:     sends each row (a) whole, (b) byte by byte, (c) in two pieces, split at every offset, (d) with a second request
#           right behind, which must be answered where the connection stays open and must not where it closes. A piece
#           is sent when the server has taken the one before (SIOCOUTQ of a UNIX socket), not after some time.
# Does not: cut rows of more than 600 bytes at every offset: there 40 offsets and pieces of 1/60 stand for all.
# See:      t/unit/worker/http/h1_parse.c (the parser alone, really at every offset), t/31-h1-connection.t
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/data";
use IO::Socket::UNIX;
use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;
use h1_cases;

use constant { SIOCOUTQ => 0x5411, TOGETHER => 48, LONG => 600, DEADLINE_S => 15 };

my $SECOND = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n";
my $server = Galley::Test->start('t/apps/wire', unix => 1, args => [ '--h2c=false', '--max-connections', 1000,
    map { ("--$_", 10 * slow() . 's') } qw(head-timeout body-grace) ]);    # byte by byte is no attack of slowness here
my $path = $server->dir . '/http.sock';
$SIG{PIPE} = 'IGNORE';

# "{3*ab}" -> "ababab"
sub expand {
    my ($text) = @_;
    $text =~ s/\{(\d+)\*([^}]*)\}/$2 x $1/ge;
    return $text;
}

# Take one answer off the front of $$buffer: {status, body, fields}; undef while it is not all there.
sub take_answer {
    my ($buffer, $is_head) = @_;
    return undef if $$buffer !~ /\r\n\r\n/;
    my ($head_len, $body) = ($+[0], '');
    my $head = substr $$buffer, 0, $head_len;
    my ($status) = $head =~ m{^HTTP/1\.1 (\d{3}) } or return { status => "not HTTP: $head", body => '', head => $head };
    my $rest = substr $$buffer, $head_len;
    if ($is_head || $status < 200 || $status == 204 || $status == 304) {
        $body = '';
    } elsif ($head =~ /^content-length: *(\d+)\r$/im) {
        return undef if length $rest < $1;
        $body = substr $rest, 0, $1, '';
    } elsif ($head =~ /^transfer-encoding: *chunked\r$/im) {
        while (1) {
            return undef if $rest !~ s/^([0-9a-f]+)\r\n//i;
            my $len = hex $1;
            return undef if length $rest < $len + 2;
            $body .= substr $rest, 0, $len, '';
            substr $rest, 0, 2, '';
            last if !$len;
        }
    } else {
        return { status => 'answer without a length', body => '', head => $head };
    }
    $$buffer = $rest;
    return { status => $status, body => $body, head => $head };
}

# One exchange: a row, the pieces in which it goes out, and whether the second request stands right behind it.
sub exchange {
    my ($row, $how, $behind, @pieces) = @_;
    return { row => $row, how => $how, behind => $behind, pieces => \@pieces, in => '', answers => [], continues => 0,
             second => $behind, interim => '' };
}

sub open_exchange {
    my ($x) = @_;
    $x->{socket} = IO::Socket::UNIX->new(Peer => $path) or die "cannot connect to $path: $!\n";
    $x->{socket}->blocking(0);
    $x->{deadline} = time + DEADLINE_S * slow();
    return;
}

# Whether the server has read all that was sent.
sub is_taken {
    my ($x) = @_;
    my $left = pack 'i', 0;
    ioctl $x->{socket}, SIOCOUTQ, $left or return 1;
    return unpack('i', $left) == 0;
}

# Send the next piece, or what is left of it. True if something happened.
sub send_some {
    my ($x) = @_;
    return 0 if $x->{is_deaf} || !@{ $x->{pieces} } || !is_taken($x);
    my $sent = syswrite $x->{socket}, $x->{pieces}[0];
    if (!defined $sent) {
        return 0 if $! == EAGAIN || $! == EINTR;
        $x->{is_deaf} = 1;    # the server has closed: that may be right, its answers tell
        return 1;
    }
    substr $x->{pieces}[0], 0, $sent, '';
    shift @{ $x->{pieces} } if $x->{pieces}[0] eq '';
    shutdown $x->{socket}, 1 if !@{ $x->{pieces} } && $x->{row}{eof};
    return 1;
}

# Read what there is and take the answers out of it.
sub read_some {
    my ($x) = @_;
    my $count = sysread $x->{socket}, $x->{in}, 65536, length $x->{in};
    if (!defined $count) {
        return 0 if $! == EAGAIN || $! == EINTR;
        $x->{ended} = "reset ($!)";
    } elsif (!$count) {
        $x->{ended} = 'end';
    }
    while (my $answer = take_answer(\$x->{in}, $x->{row}{head} && !@{ $x->{answers} })) {
        if ($answer->{status} eq '100') {
            $x->{continues}++;
            next;
        }
        push @{ $x->{answers} }, $answer;
        last if $answer->{status} !~ /^\d+$/;
    }
    return 1;
}

# What is wrong with the answers, '' if nothing.
sub judge {
    my ($x) = @_;
    my ($row, $first, $next) = ($x->{row}, @{ $x->{answers} });
    my $status = $first ? $first->{status} : 0;
    my $is_closed = $x->{ended} ? 1 : 0;
    return 'no answer in time' if $x->{is_late} && !$first;
    return "answered $status, not " . join(' or ', @{ $row->{status} }) if !grep { $_ eq $status } @{ $row->{status} };
    return "the connection is not closed after $status" if $row->{fate} eq 'closed' && !$is_closed;
    return "the second request got $next->{status} behind $status" if $row->{fate} eq 'closed' && $next;
    return '' if !$first;
    if ($row->{fate} ne 'closed') {
        return "closed after $status" if !$next && $row->{fate} eq 'open';
        return "second answer is $next->{status}, '$next->{body}'" if $next && ($next->{status} != 200 || $next->{body} ne 'second');
    }
    return "more than was asked for: $x->{in}" if $x->{in} ne '';
    return 'three answers' if @{ $x->{answers} } > 2;
    my $body = $row->{body};
    return "body is '$first->{body}'"
        if defined $body && (ref $body ? $first->{body} !~ $body : $first->{body} ne $body);
    return "$x->{continues} times 100" if defined $row->{continue} && $x->{continues} != $row->{continue};
    my $says_close = $first->{head} =~ /^connection: *close\r$/im ? 1 : 0;
    return 'Connection: close on a connection that stays open' if $says_close && $next;
    return 'no Connection: close in the last answer' if !$says_close && $is_closed && !$next && !$row->{eof} && !$row->{late};
    return '';
}

# After the first answer of a row that may stay open the second request is sent, if it is not behind the row already.
sub is_finished {
    my ($x) = @_;
    return 1 if $x->{ended};
    if (time > $x->{deadline}) {
        $x->{is_late} = 1;
        return 1;
    }
    return 0 if $x->{row}{fate} eq 'closed' || !@{ $x->{answers} };
    return 1 if @{ $x->{answers} } > 1;
    if (!$x->{second}) {
        push @{ $x->{pieces} }, $SECOND;
        $x->{second} = 1;
    }
    return 0;
}

# All ways to send a row.
sub exchanges_of {
    my ($row) = @_;
    my $bytes = $row->{bytes};
    my $len = length $bytes;
    return exchange($row, 'whole', 0, $bytes) if !$len;
    my @ways = (exchange($row, 'whole', 0, $bytes));
    push @ways, exchange($row, 'byte by byte', 0, $len > LONG ? unpack("(a" . int(1 + $len / 60) . ")*", $bytes) : split //, $bytes);
    my $step = $len > LONG ? int($len / 40) : 1;
    for (my $at = 1; $at < $len; $at += $step) {
        push @ways, exchange($row, "split at $at", 0, substr($bytes, 0, $at), substr $bytes, $at);
    }
    return @ways if $row->{eof};
    push @ways, exchange($row, 'second request behind', 1, $bytes . $SECOND);
    push @ways, exchange($row, 'second request in the next piece', 1, $bytes, $SECOND);
    push @ways, exchange($row, 'second request behind, cut', 1, $bytes . substr($SECOND, 0, 9), substr $SECOND, 9);
    return @ways;
}

# Run all exchanges, TOGETHER at a time.
sub run_exchanges {
    my @waiting = @_;
    my @running;
    while (@waiting || @running) {
        while (@waiting && @running < TOGETHER) {
            my $x = shift @waiting;
            open_exchange($x);
            push @running, $x;
        }
        my $is_busy = 0;
        for my $x (@running) {
            $is_busy |= send_some($x);
            $is_busy |= read_some($x);
        }
        my @still;
        for my $x (@running) {
            if (!is_finished($x)) {
                push @still, $x;
                next;
            }
            my $fault = judge($x);
            push @{ $x->{row}{faults} }, "$x->{how}: $fault" if $fault ne '';
            $x->{row}{count}++;
            close $x->{socket};
            delete $x->{socket};
        }
        @running = @still;
        select undef, undef, undef, 0.0003 if !$is_busy && @running;    # the server has the turn
    }
    return;
}

my @rows = map {
    my ($name, $status, $fate, $bytes, $options) = @$_;
    +{ name => $name, status => ref $status ? $status : [$status], fate => $fate, bytes => expand($bytes), faults => [],
       count => 0, %{ $options || {} } };
} @h1_cases::ROWS;
@rows = grep { $_->{name} =~ /$ENV{ROW}/ } @rows if $ENV{ROW};
my %seen;
$seen{ $_->{name} }++ for @rows;
is_deeply([ grep { $seen{$_} > 1 } sort keys %seen ], [], 'every row has a name of its own');
cmp_ok(scalar @rows, '>=', 200, 'at least 200 rows') if !$ENV{ROW};

my $begun = time;
run_exchanges(map { exchanges_of($_) } @rows);
my $total = 0;
for my $row (@rows) {
    my @faults = @{ $row->{faults} };
    ok(!@faults, sprintf '%s: %s, %s (%d ways)', $row->{name}, join('|', @{ $row->{status} }), $row->{fate}, $row->{count});
    diag(join "\n", "$row->{name}: " . @faults . " of $row->{count} ways", @faults > 6 ? (@faults[ 0 .. 4 ], '...') : @faults) if @faults;
    $total += $row->{count};
}
note(sprintf '%d exchanges in %.1f s', $total, time - $begun);
is($server->request(GET => '/second')->{body}, 'second', 'the server serves on');
is($server->stop, 0, 'and stops with 0');
done_testing();
