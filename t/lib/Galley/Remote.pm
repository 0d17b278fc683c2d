# Remote.pm - a remote HTTP side that behaves as badly as a test wants.
# Does:     listen on a free port; one process a connection; for each request call what stands for its path, which writes
#           what it likes; note every request, so that tests can count them and see their heads.
# Does not: know HTTP beyond the head and a body of a declared length.
#
#     my $remote = Galley::Remote->start(
#         '/ok'   => sub { $_[0]->answer(200, 'fine') },
#         '/cut'  => sub { $_[0]->write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"); $_[0]->reset });
#     $remote->url('/ok'); $remote->count('/ok'); $remote->stop;
package Galley::Remote;
use strict;
use warnings;
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Galley::Test ();

sub start {
    my ($class, %paths) = @_;
    my $self = bless { paths => \%paths, dir => File::Temp->newdir('galley-XXXXXX', TMPDIR => 1), owner => $$ }, $class;
    $self->{listen} = IO::Socket::INET->new(Listen => 1024, LocalAddr => '127.0.0.1', ReuseAddr => 1, LocalPort => $paths{port} || 0)
        or die "listen: $!";
    $self->{port} = $self->{listen}->sockport;
    Galley::Test::write_file("$self->{dir}/requests", '');
    $self->{pid} = fork // die "fork: $!";
    if ($self->{pid} == 0) {
        eval { $self->serve };
        POSIX::_exit(0);
    }
    close $self->{listen};
    return $self;
}

sub port { return $_[0]{port} }
sub url { my ($self, $path) = @_; return "http://127.0.0.1:$self->{port}" . ($path // '') }

# The heads of all requests, each as one text.
sub requests { my ($self) = @_; return split /\0/, Galley::Test::read_file("$self->{dir}/requests") }
sub count { my ($self, $path) = @_; return scalar grep { /^\S+ \Q$path\E[ ?]/ } $self->requests }

sub stop {
    my ($self) = @_;
    return if !$self->{pid} || $self->{owner} != $$;
    kill KILL => -$self->{pid};
    waitpid $self->{pid}, 0;
    $self->{pid} = 0;
    return;
}
sub DESTROY { local ($?, $@, $!); $_[0]->stop }

# ---- in the child ----

sub serve {
    my ($self) = @_;
    POSIX::setpgid(0, 0);
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = $SIG{INT} = 'DEFAULT';
    while (1) {
        my $socket = $self->{listen}->accept or next;
        my $pid = fork // next;
        if ($pid == 0) {
            close $self->{listen};
            $socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
            my $exchange = bless { %$self, socket => $socket, buffer => '' }, 'Galley::Remote::Exchange';
            eval { 1 while $exchange->one };
            POSIX::_exit(0);
        }
        close $socket;
    }
}

package Galley::Remote::Exchange;

# One request and its answer; false when the connection ends.
sub one {
    my ($self) = @_;
    while ($self->{buffer} !~ /\r\n\r\n/) {
        sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer} or return 0;
    }
    ($self->{head}, $self->{buffer}) = split /\r\n\r\n/, $self->{buffer}, 2;
    my ($method, $target) = $self->{head} =~ /^(\S+) (\S+)/;
    open my $out, '>>', "$self->{dir}/requests" or return 0;
    syswrite $out, "$self->{head}\0";
    close $out;
    $self->{method} = $method;
    ($self->{path}) = $target =~ m{^(?:http://[^/]+)?([^?]*)};
    my $does = $self->{paths}{ $self->{path} } or return $self->answer(404, 'no such path');
    $does->($self);
    return !$self->{is_over};
}

sub field { my ($self, $name) = @_; return $self->{head} =~ /^\Q$name\E:\s*(.*?)\r?$/mi ? $1 : undef }
sub nth { my ($self) = @_; return Galley::Remote::count($self, $self->{path}) }
sub requests { return Galley::Remote::requests(@_) }

# The body, of a declared length or chunked; at most what comes.
sub body {
    my ($self) = @_;
    my $length = $self->field('content-length');
    if (defined $length) {
        while (length $self->{buffer} < $length) {
            sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer} or last;
        }
        return substr $self->{buffer}, 0, $length, '';
    }
    my $body = '';
    while (1) {
        while ($self->{buffer} !~ /^([0-9a-f]+)\r\n/i) {
            sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer} or return $body;
        }
        my ($line, $size) = ($&, hex $1);
        while (length $self->{buffer} < length($line) + $size + 2) {
            sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer} or return $body;
        }
        $body .= substr $self->{buffer}, length $line, $size;
        substr($self->{buffer}, 0, length($line) + $size + 2) = '';
        return $body if $size == 0;
    }
}

sub write {
    my ($self, @bytes) = @_;
    for my $bytes (@bytes) {
        my $at = 0;
        while ($at < length $bytes) {
            $at += syswrite($self->{socket}, $bytes, length($bytes) - $at, $at) // return 0;
        }
    }
    return 1;
}

sub answer {
    my ($self, $status, $body, @fields) = @_;
    return $self->write(join "\r\n", "HTTP/1.1 $status Whatever", 'Content-Length: ' . length $body, @fields, '', $body);
}

sub close { my ($self) = @_; CORE::close $self->{socket}; $self->{is_over} = 1; return }

# RST instead of FIN.
sub reset {
    my ($self) = @_;
    setsockopt $self->{socket}, Socket::SOL_SOCKET, Socket::SO_LINGER, pack 'ii', 1, 0;
    return $self->close;
}

# Until the other side leaves.
sub hang { my ($self) = @_; 1 while sysread $self->{socket}, my $ignored, 65536; $self->{is_over} = 1; return }

1;
