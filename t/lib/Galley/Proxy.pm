# Proxy.pm - a TCP proxy of a test's own that misbehaves when it is told to.
# Does:     pass bytes between its clients and one server; from `mode` on do something else with what the server sends:
#           pass, cut (half of the next piece, then the end), reset (the same, then RST), garble (every bit of the next piece
#           turned), noise (other bytes instead of it), swallow (nothing comes any more), drip (a few bytes at a time).
# Does not: outlive the test.
#
#     my $proxy = Galley::Proxy->start($pg->port);      # or a path
#     $proxy->mode('cut');
package Galley::Proxy;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);

my $OWNER = $$;
my @started;

sub start {
    my ($class, $server) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 128) or die "no port: $!\n";
    socketpair my $ours, my $theirs, Socket::AF_UNIX(), Socket::SOCK_STREAM(), 0 or die "socketpair: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $ours;
        eval { serve($listener, $theirs, $server); };
        POSIX::_exit(0);
    }
    close $theirs;
    push @started, $pid;
    return bless { port => $listener->sockport, control => $ours, pid => $pid }, $class;
}

sub port { return $_[0]{port} }

# From when it returns on.
sub mode {
    my ($self, $mode) = @_;
    syswrite $self->{control}, "$mode\n";
    sysread $self->{control}, my $done, 1 or die "the proxy is gone\n";
    return;
}

sub send_all {
    my ($to, $bytes) = @_;
    while (length $bytes) {
        my $count = syswrite $to, $bytes;
        return 0 if !$count;
        substr $bytes, 0, $count, '';
    }
    return 1;
}

# What becomes of a piece: (bytes to pass on, whether that was the end: 1, or 2 by RST).
sub spoil {
    my ($mode, $bytes) = @_;
    return (substr($bytes, 0, length($bytes) / 2), 1) if $mode eq 'cut';
    return (substr($bytes, 0, length($bytes) / 2), 2) if $mode eq 'reset';
    return (~$bytes, 0) if $mode eq 'garble';
    return (join('', map { chr(($_ * 167 + 13) % 256) } 1 .. length $bytes), 0) if $mode eq 'noise';
    return ('', 0) if $mode eq 'swallow';
    return ($bytes, 0);
}

sub drip {
    my ($to, $bytes) = @_;
    while (length $bytes) {
        send_all($to, substr $bytes, 0, 7, '') or return 0;
        select undef, undef, undef, 0.0005;
    }
    return 1;
}

sub serve {
    my ($listener, $control, $server) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $readers = IO::Select->new($listener, $control);
    my ($mode, %peer, %is_server) = ('pass');
    my $end = sub {
        my ($socket, $how) = @_;
        my $other = delete $peer{$socket};
        delete $peer{$other};
        setsockopt $_, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) for $how == 2 ? ($socket, $other) : ();
        $readers->remove($socket, $other);
        close $_ for $socket, $other;
    };
    while (1) {
        for my $socket ($readers->can_read) {
            if ($socket == $control) {
                sysread $control, my $word, 64 or return;
                ($mode) = $word =~ /(\w+)\n\z/;
                syswrite $control, '.';
            } elsif ($socket == $listener) {
                my $client = $listener->accept or next;
                my $upstream = $server =~ m{/} ? IO::Socket::UNIX->new(Peer => $server) : IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server);
                close $client, next if !$upstream;
                setsockopt $client, IPPROTO_TCP, TCP_NODELAY, 1;
                @peer{ $client, $upstream } = ($upstream, $client);
                $is_server{$upstream} = 1;
                $is_server{$client} = 0;
                $readers->add($client, $upstream);
            } elsif ($peer{$socket}) {
                my $count = sysread $socket, my $bytes, 65536;
                $end->($socket, 1), next if !$count;
                my $how = 0;
                ($bytes, $how) = spoil($mode, $bytes) if $is_server{$socket};
                my $sent = $mode eq 'drip' && $is_server{$socket} ? drip($peer{$socket}, $bytes) : send_all($peer{$socket}, $bytes);
                $end->($socket, $how || 1) if $how || !$sent;
            }
        }
    }
}

END {
    if ($$ == $OWNER) {
        my $status = $?;
        kill KILL => @started;
        waitpid $_, 0 for @started;
        $? = $status;
    }
}

1;
