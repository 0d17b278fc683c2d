# Http.pm - one raw connection of a test, and HTTP/1.1 spoken over it.
# Does:     connect, send bytes as they are, read until a pattern, a length or the end, all with a deadline;
#           half_close and reset; read one response whole (length, chunked, or to the end).
# Does not: reuse, retry, redirect or correct anything: tests want to see what really comes.
package Galley::Http;
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_LINGER IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

our $TIMEOUT_S = 10 * ($ENV{GALLEY_SLOW} || 1);

# A connection: port => 8000 (127.0.0.1) or path => UNIX socket, or handle => an open one.
sub connect {
    my ($class, %where) = @_;
    my $socket = $where{handle};
    $socket ||= IO::Socket::UNIX->new(Peer => $where{path}) if $where{path};
    $socket ||= IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $where{port}, Proto => 'tcp') if $where{port};
    die 'cannot connect to ' . ($where{path} || $where{port}) . ": $!\n" if !$socket;
    binmode $socket;
    $socket->blocking(0);
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1 if $where{port};
    return bless { socket => $socket, buffer => '', timeout => $where{timeout} || $TIMEOUT_S, ended => 0 }, $class;
}

sub socket { return $_[0]{socket} }
sub buffer { return $_[0]{buffer} }

# Send all of `bytes`. The count; dies when the peer does not take them in time, 0 when it has reset the connection.
sub send {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my ($sent, $deadline) = (0, time + $self->{timeout});
    while ($sent < length $bytes) {
        my $count = syswrite $self->{socket}, $bytes, length($bytes) - $sent, $sent;
        if (!defined $count) {
            return 0 if !$!{EAGAIN} && !$!{EINTR};
            my $left = $deadline - time;
            die "the server did not take $sent of " . length($bytes) . " bytes in time\n"
                if $left <= 0 || !IO::Select->new($self->{socket})->can_write($left);
            next;
        }
        $sent += $count;
    }
    return $sent;
}

# Read what comes next into the buffer. Its length; 0 at the end (or reset); undef when nothing came in time.
sub read_more {
    my ($self, $deadline) = @_;
    return 0 if $self->{ended};
    my $left = $deadline - time;
    return undef if !IO::Select->new($self->{socket})->can_read($left > 0 ? $left : 0);
    my $count = sysread $self->{socket}, $self->{buffer}, 65536, length $self->{buffer};
    if (!$count) {
        $self->{ended} = 1;
        $self->{was_reset} = !defined $count && $!{ECONNRESET} ? 1 : 0;
        return 0;
    }
    return $count;
}

# Take everything up to and with the first match of `pattern`. undef (buffer kept) at the end or when time runs out.
sub read_until {
    my ($self, $pattern, $timeout) = @_;
    my $deadline = time + ($timeout || $self->{timeout});
    while (1) {
        return substr $self->{buffer}, 0, $+[0], '' if $self->{buffer} =~ $pattern;
        return undef if !$self->read_more($deadline);
    }
}

# Take exactly `count` bytes, or undef.
sub read_bytes {
    my ($self, $count, $timeout) = @_;
    my $deadline = time + ($timeout || $self->{timeout});
    while (length $self->{buffer} < $count) {
        return undef if !$self->read_more($deadline);
    }
    return substr $self->{buffer}, 0, $count, '';
}

# Take all up to the end of the stream; undef when the end does not come in time.
sub read_all {
    my ($self, $timeout) = @_;
    my $deadline = time + ($timeout || $self->{timeout});
    while (1) {
        my $count = $self->read_more($deadline);
        return undef if !defined $count;
        last if !$count;
    }
    return substr $self->{buffer}, 0, length $self->{buffer}, '';
}

# Whether the server closes (or resets) the connection in time; what it still sent stays in the buffer.
sub is_closed {
    my ($self, $timeout) = @_;
    my $deadline = time + ($timeout || $self->{timeout});
    while (1) {
        my $count = $self->read_more($deadline);
        return 0 if !defined $count;
        return 1 if !$count;
    }
}

sub was_reset { return $_[0]{was_reset} || 0 }

# Send a FIN and go on reading.
sub half_close {
    my ($self) = @_;
    shutdown $self->{socket}, 1;
    return;
}

sub close {
    my ($self) = @_;
    close $self->{socket} if $self->{socket};
    $self->{socket} = undef;
    return;
}

# Close with a RST.
sub reset {
    my ($self) = @_;
    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    return $self->close;
}

# Parse a head: {status, reason, version, headers => {lower-case name => value (joined by ", ")}, fields => [[name, value]...]}.
sub parse_head {
    my ($head) = @_;
    my ($line, @lines) = split /\r\n/, $head;
    $line //= '';
    die "not a status line: '$line'\n" if $line !~ m{^HTTP/(\d\.\d) (\d{3}) ?(.*)$};
    my %response = (version => $1, status => $2, reason => $3, headers => {}, fields => []);
    for my $field (@lines) {
        die "not a header field: '$field'\n" if $field !~ /^([^:\s]+):[ \t]*(.*?)[ \t]*$/;
        my ($name, $value) = ($1, $2);
        push @{ $response{fields} }, [ $name, $value ];
        my $known = $response{headers}{ lc $name };
        $response{headers}{ lc $name } = defined $known ? "$known, $value" : $value;
    }
    return \%response;
}

sub read_chunked {
    my ($self, $response, $timeout) = @_;
    my $body = '';
    while (1) {
        my $line = $self->read_until(qr/\r\n/, $timeout) // die "the end came inside of a chunked body\n";
        die "not a chunk size: $line" if $line !~ /^([0-9a-fA-F]+)(?:;[^\r\n]*)?\r\n$/;
        my $size = hex $1;
        last if !$size;
        my $chunk = $self->read_bytes($size + 2, $timeout) // die "the end came inside of a chunk\n";
        die "a chunk does not end with CRLF\n" if substr($chunk, -2, 2, '') ne "\r\n";
        $body .= $chunk;
        $response->{chunks}++;
    }
    my $trailers = $self->read_until(qr/(?:^|\r\n)\r\n/, $timeout) // die "the trailers have no end\n";
    $response->{trailers} = $trailers;
    return $body;
}

# Read one response. Options: head_only => 1 (the answer to HEAD), interim => 1 (return a 1xx too), timeout.
# {status, reason, version, headers, fields, body, trailers, chunks}; undef at the end of the stream or time.
sub read_response {
    my ($self, %how) = @_;
    my $timeout = $how{timeout};
    my $head = $self->read_until(qr/\r\n\r\n/, $timeout) // return undef;
    my $response = parse_head($head);
    $response->{head} = $head;
    my $status = $response->{status};
    if ($status < 200 && $status != 101) {
        return $response if $how{interim};
        return $self->read_response(%how);
    }
    $response->{body} = '';
    return $response if $how{head_only} || $status == 204 || $status == 304 || $status == 101;
    my $headers = $response->{headers};
    if (lc($headers->{'transfer-encoding'} // '') eq 'chunked') {
        $response->{body} = $self->read_chunked($response, $timeout);
    } elsif (defined $headers->{'content-length'}) {
        $response->{body} = $self->read_bytes($headers->{'content-length'}, $timeout)
            // die "the end came before the body's $headers->{'content-length'} bytes\n";
    } else {
        $response->{body} = $self->read_all($timeout) // die "a body without length did not end in time\n";
    }
    return $response;
}

# The bytes of a request: method, path, then headers => {...} or [[name, value]...], body, version.
sub format_request {
    my ($method, $path, %with) = @_;
    my $headers = $with{headers} || {};
    my @fields = ref $headers eq 'HASH' ? map { [ $_, $headers->{$_} ] } sort keys %$headers : @$headers;
    unshift @fields, [ 'Host', 'localhost' ] if !grep { lc $_->[0] eq 'host' } @fields;
    if (defined $with{body} && !grep { lc($_->[0]) =~ /^(?:content-length|transfer-encoding)$/ } @fields) {
        push @fields, [ 'Content-Length', length $with{body} ];
    }
    return join('', "$method $path HTTP/" . ($with{version} || '1.1') . "\r\n",
        (map { "$_->[0]: $_->[1]\r\n" } @fields), "\r\n", $with{body} // '');
}

# Send one request and read its answer on this connection.
sub request {
    my ($self, $method, $path, %with) = @_;
    $self->send(format_request($method, $path, %with));
    return $self->read_response(head_only => $method eq 'HEAD', timeout => $with{timeout});
}

1;
