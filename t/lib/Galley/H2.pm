# H2.pm - one raw HTTP/2 connection of a test: frames as they are written here, right or wrong.
# Does:     preface, SETTINGS, frames of any kind, heads as literals; read frames, acknowledge SETTINGS, gather what each
#           stream was answered; both directions at once, so that a flood never blocks on its own echo.
# Does not: correct, retry or keep to any rule: tests want to break them.
package Galley::H2;
use strict;
use warnings;
use Exporter 'import';
use IO::Select;
use Time::HiRes qw(time);
use Galley::Http;

our @EXPORT_OK = qw(frame head settings);
our %TYPE  = (DATA => 0, HEADERS => 1, PRIORITY => 2, RST_STREAM => 3, SETTINGS => 4, PING => 6, GOAWAY => 7,
    WINDOW_UPDATE => 8, CONTINUATION => 9);
our %ERROR = (NO_ERROR => 0, PROTOCOL_ERROR => 1, INTERNAL_ERROR => 2, FLOW_CONTROL_ERROR => 3, SETTINGS_TIMEOUT => 4,
    STREAM_CLOSED => 5, FRAME_SIZE_ERROR => 6, REFUSED_STREAM => 7, CANCEL => 8, ENHANCE_YOUR_CALM => 11);
my %name_of  = reverse %TYPE;
my %error_of = reverse %ERROR;
my ($END_STREAM, $ACK, $END_HEADERS) = (1, 1, 4);

# ---- frames to send ----

sub frame {
    my ($type, $flags, $id, $payload) = @_;
    $payload //= '';
    return substr(pack('N', length $payload), 1) . pack('CCN', $TYPE{$type} // $type, $flags, $id) . $payload;
}

sub settings { my (%of) = @_; return frame('SETTINGS', 0, 0, join '', map { pack 'nN', $_, $of{$_} } sort keys %of) }

# A field block of literals that no table keeps.
sub block {
    my (@fields) = @_;
    my $text = '';
    while (my ($name, $value) = splice @fields, 0, 2) {
        $text .= "\0" . string($name) . string($value);
    }
    return $text;
}

sub string {
    my ($text) = @_;
    my $left = length($text) - 127;
    return chr(length $text) . $text if $left < 0;
    my $length = chr 127;
    for (; $left >= 128; $left >>= 7) { $length .= chr($left & 127 | 128) }
    return $length . chr($left) . $text;
}

# HEADERS for a request; `more` are fields, `end` closes it (default), `raw` replaces the pseudo-header fields.
sub head {
    my ($id, $method, $path, %how) = @_;
    my @pseudo = (':method', $method, ':scheme', 'http', ':authority', 'a', ':path', $path);
    @pseudo = @{ $how{raw} } if $how{raw};
    my $flags = $END_HEADERS | (($how{end} // 1) ? $END_STREAM : 0);
    return frame('HEADERS', $flags, $id, block(@pseudo, @{ $how{more} || [] }));
}

# ---- the connection ----

# options: preface => 0, settings => {id => value} (a table size of 0 keeps answers readable), anything of Galley::Http.
sub connect {
    my ($class, %how) = @_;
    my $self = bless { http => Galley::Http->connect(%how), out => '', streams => {}, goaway => undef, frames => {} }, $class;
    my %settings = (1 => 0, %{ $how{settings} || {} });
    $self->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . settings(%settings)) if $how{preface} // 1;
    return $self;
}

# Queue bytes and send what the peer takes, reading what it says meanwhile.
sub send {
    my ($self, @frames) = @_;
    $self->{out} .= join '', @frames;
    $self->turn(0);
    return $self;
}

# One turn: write, read, understand. True while the connection stands.
sub turn {
    my ($self, $wait_s) = @_;
    my $http = $self->{http};
    my $select = IO::Select->new($http->socket);
    local $SIG{PIPE} = 'IGNORE';
    my $until = time + $wait_s;
    while (1) {
        my $moved = 0;
        if (length $self->{out}) {
            my $count = syswrite $http->socket, $self->{out}, 65536;
            substr($self->{out}, 0, $count) = '' if $count;
            $moved = 1 if $count;
            $self->{out} = '' if !defined $count && !$!{EAGAIN} && !$!{EINTR};
        }
        my $more = $http->read_more(time);
        return 0 if defined $more && $more == 0;
        $moved = 1 if $more;
        $self->understand;
        next if $moved && length $self->{out};
        return 1 if $moved || time >= $until;
        my $left = $until - time;
        my @selected = IO::Select->select($select, length $self->{out} ? $select : undef, undef, $left > 0 ? $left : 0);
    }
}

sub understand {
    my ($self) = @_;
    my $http = $self->{http};
    while (length $http->{buffer} >= 9) {
        my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $http->{buffer};
        my $length = $high << 16 | $low;
        last if length $http->{buffer} < 9 + $length;
        my $payload = substr $http->{buffer}, 9, $length;
        substr($http->{buffer}, 0, 9 + $length) = '';
        $self->take($name_of{$type} // $type, $flags, $id, $payload);
    }
    return;
}

sub take {
    my ($self, $type, $flags, $id, $payload) = @_;
    my $stream = $self->{streams}{$id} ||= { body => '' };
    $self->{frames}{$type}++;
    if ($type eq 'SETTINGS' && !($flags & $ACK)) {
        $self->{out} .= frame('SETTINGS', $ACK, 0) if !$self->{is_mute};
    } elsif ($type eq 'SETTINGS') {
        $self->{acknowledged}++;
    } elsif ($type eq 'PING' && !($flags & $ACK)) {
        $self->{out} .= frame('PING', $ACK, 0, $payload) if !$self->{is_mute};
    } elsif ($type eq 'GOAWAY') {
        my ($last, $error) = unpack 'NN', $payload;
        push @{ $self->{goaways} }, { last => $last, error => $error_of{$error} // $error };
        $self->{goaway} = $error_of{$error} // $error;
    } elsif ($type eq 'RST_STREAM') {
        $stream->{reset} = $error_of{ unpack 'N', $payload };
    } elsif ($type eq 'HEADERS') {
        $stream->{status} = status_of($payload) if !$stream->{status} || $stream->{status} < 200;
        push @{ $stream->{statuses} }, $stream->{status};
        $stream->{ended} = 1 if $flags & $END_STREAM;
    } elsif ($type eq 'DATA') {
        $stream->{body} .= $payload;
        $stream->{ended} = 1 if $flags & $END_STREAM;
    }
    return;
}

# :status comes first: of the static table, or a literal of three digits, Huffman-coded or not.
sub status_of {
    my ($block) = @_;
    my @static = (200, 204, 206, 304, 400, 404, 500);
    while ($block =~ s/^[\x20-\x3f]//) { }    # table size updates
    my $first = ord $block;
    return $static[ $first - 0x88 ] if $first >= 0x88 && $first <= 0x8e;
    my $length = ord substr $block, 1, 1;
    my $text = substr $block, 2, $length & 127;
    return $text if !($length & 128);
    my $bits = unpack 'B*', $text;
    my %digit = (map({ sprintf('%05b', $_) => $_ } 0 .. 2), map { sprintf('%06b', 0x19 + $_ - 3) => $_ } 3 .. 9);
    my $status = '';
    $status .= $digit{$1} while length $status < 3 && $bits =~ s/^(000\d\d|01\d{4})//;
    return $status;
}

# Go on until `condition` is true or the connection ends: its value.
sub until {
    my ($self, $condition, $timeout) = @_;
    my $deadline = time + ($timeout || $Galley::Http::TIMEOUT_S);
    while (1) {
        my $value = $condition->($self);
        return $value if $value;
        return $condition->($self) if $self->{is_over};
        return 0 if time >= $deadline;
        $self->{is_over} = 1 if !$self->turn(0.05);
    }
}

# Wait for the end of the connection: the error of its last GOAWAY, 'closed' without one, undef if it stands.
sub until_end {
    my ($self, $timeout) = @_;
    my $is_over = $self->until(sub { $self->{is_over} }, $timeout);
    return $is_over ? $self->{goaway} // 'closed' : undef;
}

sub stream { my ($self, $id) = @_; return $self->{streams}{$id} ||= { body => '' } }

# Wait for a stream's end: its status, or the name of its reset, or what ended the connection.
sub answer {
    my ($self, $id, $timeout) = @_;
    my $stream = $self->stream($id);
    $self->until(sub { $stream->{ended} || $stream->{reset} || $self->{is_over} }, $timeout);
    return $stream->{status} if $stream->{ended};
    return $stream->{reset} // ($self->{is_over} ? $self->{goaway} // 'closed' : 'nothing');
}

# Both directions have gone once: the server has seen all that was sent.
sub round_trip {
    my ($self) = @_;
    my $pings = $self->{frames}{PING} // 0;
    $self->send(frame('PING', 0, 0, 'galleyh2'));
    return $self->until(sub { ($self->{frames}{PING} // 0) > $pings });
}

sub close { my ($self) = @_; $self->{http}->close; return }

1;
