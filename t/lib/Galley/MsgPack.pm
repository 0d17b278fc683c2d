# MsgPack.pm - MessagePack for tests, in core Perl.
# Does:     encode(value), decode(bytes) -> (value, length used); dies with "more\n" where bytes are missing.
# Does not: know extension types beyond skipping them. true and false are 1 and 0; \1 and \0 encode them.
package Galley::MsgPack;
use strict;
use warnings;
use B ();
use Exporter 'import';
our @EXPORT_OK = qw(encode decode);

sub encode_integer {
    my ($n) = @_;
    return pack('C', $n) if $n >= 0 && $n < 128;
    return pack('c', $n) if $n < 0 && $n >= -32;
    return pack('C n', 0xcd, $n) if $n >= 0 && $n < 65536;
    return pack('C N', 0xce, $n) if $n >= 0 && $n < 4294967296;
    return pack('C Q>', 0xcf, $n) if $n >= 0;
    return pack('C q>', 0xd3, $n);
}

sub encode_string {
    my ($text) = @_;
    utf8::encode($text) if utf8::is_utf8($text);
    my $length = length $text;
    my $head = $length < 32 ? pack('C', 0xa0 | $length)
        : $length < 256 ? pack('C C', 0xd9, $length)
        : $length < 65536 ? pack('C n', 0xda, $length)
        :                   pack('C N', 0xdb, $length);
    return $head . $text;
}

sub encode_count {
    my ($count, $small, $wide) = @_;
    return $count < 16 ? pack('C', $small | $count) : pack('C n', $wide, $count);
}

# A Perl value as MessagePack. Numbers are those scalars that Perl holds as numbers: write 0 + $x where it matters.
sub encode {
    my ($value) = @_;
    return "\xc0" if !defined $value;
    if (ref $value eq 'ARRAY') {
        return join '', encode_count(scalar @$value, 0x90, 0xdc), map { encode($_) } @$value;
    }
    if (ref $value eq 'HASH') {
        my @keys = sort keys %$value;
        return join '', encode_count(scalar @keys, 0x80, 0xde),
            map { encode_string($_) . encode($value->{$_}) } @keys;
    }
    return $$value ? "\xc3" : "\xc2" if ref $value eq 'SCALAR';
    my $flags = B::svref_2object(\$value)->FLAGS;
    if (!($flags & B::SVf_POK)) {
        return encode_integer($value) if $flags & B::SVf_IOK;
        return pack('C d>', 0xcb, $value) if $flags & B::SVf_NOK;
    }
    return encode_string($value);
}

# [first byte, unpack template, bytes] of the types that have a fixed width.
my %FIXED = (
    0xca => [ 'f>', 4 ], 0xcb => [ 'd>', 8 ],
    0xcc => [ 'C',  1 ], 0xcd => [ 'n',  2 ], 0xce => [ 'N',  4 ], 0xcf => [ 'Q>', 8 ],
    0xd0 => [ 'c',  1 ], 0xd1 => [ 's>', 2 ], 0xd2 => [ 'l>', 4 ], 0xd3 => [ 'q>', 8 ],
);

# [kind, unpack template, bytes of the count].
my %SIZED = (
    0xc4 => [ 'str', 'C', 1 ], 0xc5 => [ 'str', 'n', 2 ], 0xc6 => [ 'str', 'N', 4 ],
    0xd9 => [ 'str', 'C', 1 ], 0xda => [ 'str', 'n', 2 ], 0xdb => [ 'str', 'N', 4 ],
    0xdc => [ 'array', 'n', 2 ], 0xdd => [ 'array', 'N', 4 ],
    0xde => [ 'map',   'n', 2 ], 0xdf => [ 'map',   'N', 4 ],
);

sub take {
    my ($bytes, $at, $count) = @_;
    die "more\n" if length($$bytes) < $$at + $count;
    my $taken = substr $$bytes, $$at, $count;
    $$at += $count;
    return $taken;
}

sub decode_many {
    my ($bytes, $at, $kind, $count) = @_;
    return take($bytes, $at, $count) if $kind eq 'str';
    return [ map { decode_at($bytes, $at) } 1 .. $count ] if $kind eq 'array';
    my %map;
    for (1 .. $count) {
        my $key = decode_at($bytes, $at);
        $map{$key} = decode_at($bytes, $at);
    }
    return \%map;
}

sub decode_at {
    my ($bytes, $at) = @_;
    my $type = unpack 'C', take($bytes, $at, 1);
    return $type                                            if $type < 0x80;
    return decode_many($bytes, $at, 'map',   $type & 0x0f)  if $type < 0x90;
    return decode_many($bytes, $at, 'array', $type & 0x0f)  if $type < 0xa0;
    return decode_many($bytes, $at, 'str',   $type & 0x1f)  if $type < 0xc0;
    return $type - 256                                      if $type >= 0xe0;
    return undef                                            if $type == 0xc0;
    return $type - 0xc2                                     if $type == 0xc2 || $type == 0xc3;
    if (my $fixed = $FIXED{$type}) {
        return unpack $fixed->[0], take($bytes, $at, $fixed->[1]);
    }
    if (my $sized = $SIZED{$type}) {
        my $count = unpack $sized->[1], take($bytes, $at, $sized->[2]);
        return decode_many($bytes, $at, $sized->[0], $count);
    }
    die sprintf "MessagePack type 0x%02x is not known here\n", $type;
}

# (value, bytes used) of the first value in `bytes`. Dies with "more\n" when it is not all there.
sub decode {
    my ($bytes) = @_;
    my $at = 0;
    my $value = decode_at(\$bytes, \$at);
    return ($value, $at);
}

1;
