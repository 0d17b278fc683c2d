#!/usr/bin/perl
# 77-oracle-h2.t - the recorded requests of the oracle get over HTTP/2 what they get over HTTP/1.1: status and body; see oracle/README.md.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use Test::More;
use Galley::H2 qw(frame head);
use Galley::Test;

my $LARGEST = 60_000;    # what an initial window takes

# The body's bytes; undef for one that is not sent here.
sub body_of {
    my ($request) = @_;
    my $bytes = '';
    for my $part (@{ $request->{body_parts} || [$request] }) {
        my $text = defined $part->{body_b64} ? decode_base64($part->{body_b64}) : $part->{body} // '';
        utf8::encode($text) if utf8::is_utf8($text);
        $bytes .= $text x ($part->{times} // 1);
    }
    return length $bytes <= $LARGEST ? $bytes : undef;
}

# The fields as HTTP/2 has them: undef where it has no such request.
sub fields_of {
    my ($request) = @_;
    my @fields;
    for my $field (@{ $request->{headers} }) {
        my ($name, $value) = (lc $field->[0], $field->[1]);
        return undef if $name =~ /^(?:transfer-encoding|connection|expect|upgrade|te)$/ || $value =~ /^[ \t]|[ \t]$/;
        utf8::downgrade($value);
        push @fields, $name, $value if $name ne 'host';
    }
    return \@fields;
}

for my $app (qw(params bodies errors forms)) {
    my $server = Galley::Test->start("t/apps/$app");
    my $h2 = Galley::H2->connect(port => $server->port);
    my ($id, $asked, @different) = (-1, 0);
    for my $file ("$app.jsonl", "more-$app.jsonl") {
        for my $line (split /\n/, Galley::Test::read_file(root() . "/t/oracle/cases/$file")) {
            my $case = decode_json($line);
            my $request = $case->{request};
            my ($body, $fields) = (body_of($request), fields_of($request));
            next if !defined $body || !$fields || $request->{target} !~ m{^/};
            my @fields = map { [ $_->[0], $_->[1] =~ s/([^\0-\xff])/?/gr ] } @{ $request->{headers} };
            my $h1 = $server->request($request->{method}, $request->{target}, headers => \@fields, body => $body);
            next if !$h1 || ($h1->{headers}{connection} // '') eq 'close';
            $id += 2;
            $h2->send(head($id, $request->{method}, $request->{target}, more => $fields, end => $body eq ''),
                $body eq '' ? () : frame('DATA', 0x1, $id, $body));
            my $status = $h2->answer($id, 5);
            $asked++;
            push @different, "$case->{name}: $h1->{status} $h1->{body}\n    but $status " . $h2->stream($id)->{body}
                if $status ne $h1->{status} || $h2->stream($id)->{body} ne ($request->{method} eq 'HEAD' ? '' : $h1->{body});
            my $read = length $h2->stream($id)->{body};
            $h2->send(frame('WINDOW_UPDATE', 0, 0, pack 'N', $read)) if $read;
            delete $h2->{streams}{$id};
            last if $status !~ /^\d/ || @different > 20;
        }
    }
    cmp_ok($asked, '>', 300, "$app: asked $asked times");
    is(scalar @different, 0, "$app: the same answers over HTTP/2") or diag(join "\n", @different[ 0 .. ($#different < 9 ? $#different : 9) ]);
    $h2->close;
    is($server->stop, 0, "$app ended");
}

done_testing();
