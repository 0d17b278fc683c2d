#!/usr/bin/perl
# 81-http-tls.t - calls over TLS: certificates that are trusted and that are not, HTTP/2, many at once, and streams in both
# directions whose memory stays flat; Galley itself is the remote side.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Test::More;
use Galley::Test;

my $dir = temp_dir();
my ($server, $remote, $json) = (Galley::Test->start('t/apps/caller', workers => 1), undef, JSON::PP->new);

sub start_remote { my (@args) = @_; return Galley::Test->start('t/apps/remote', workers => 1, @args) }
sub ask {
    my ($route, $url, %options) = @_;
    $options{connect_ms} //= 5000 * slow();
    my $escape = sub { $_[0] =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ger };
    my $answer = $server->request(GET => "$route?url=" . join '&', $escape->($url), map { "$_=" . $escape->($options{$_}) } sort keys %options);
    return $answer->{status} == 200 ? $json->decode($answer->{body}) : { error => "status $answer->{status}: $answer->{body}" };
}

# ---- certificates: name, those of the remote side, what is asked, error, words ----
for my $case (
    [ 'trusted', {}, {}, '0', qr/^$/ ],
    [ 'trusted, HTTP/1.1', {}, { version => '1.1' }, '0', qr/^$/ ],
    [ 'signed by nobody we know', {}, { ca => undef }, 'ETLS', qr/TLS failed, or the certificate is not trusted \(SSL certificate problem: self.signed/ ],
    [ 'signed by nobody, and accepted', {}, { ca => undef, any => 'true' }, '0', qr/^$/ ],
    [ 'of another host', { cn => 'elsewhere.example' }, {}, 'ETLS', qr/no alternative certificate subject name matches/ ],
    [ 'no such file of authorities', {}, { ca => '/nowhere.pem' }, 'ETLS', qr/./ ],
) {
    my ($name, $of, $asked, $error, $words) = @$case;
    my ($cert, $key) = Galley::Test::tls_files($dir, name => ++$remote, %$of);
    my $other = start_remote(args => [ '--tls-cert', $cert, '--tls-key', $key ]);
    my %asked = (ca => $cert, %$asked);
    delete $asked{ca} if !defined $asked{ca};
    my $told = ask('/ask', 'https://localhost:' . $other->port . '/answer', %asked);
    is($told->{error}, $error, "$name: $error") or diag $told->{why};
    like($told->{why}, $words, "$name: says so");
    is($other->stop, 0, "$name: the remote side ends");
}
my $plain = start_remote(listen => [ '127.0.0.1:' . free_port() ]);    # which comes back to it
is(ask('/ask', 'https://127.0.0.1:' . $plain->port . '/answer')->{error}, 'ETLS', 'no TLS at all');

# ---- HTTP/2 ----
my ($cert, $key) = Galley::Test::tls_files($dir, name => 'h2');
my $tls = start_remote(args => [ '--tls-cert', $cert, '--tls-key', $key ]);
my $url = 'https://localhost:' . $tls->port;
is(ask('/many', "$url/answer", ca => $cert, times => 100)->{length}, 100, 'a hundred calls at once over HTTP/2');
is($tls->stat('h2_sessions_total'), $tls->stat('connections_total'), 'all of it HTTP/2');
cmp_ok($tls->stat('connections_total'), '<=', 3, 'on few connections');
is(ask('/ask', $plain->url . '/answer', version => '2')->{body}, '{"bytes":7}', 'HTTP/2 by prior knowledge');
is($plain->stat('h2_sessions_total'), 1, 'it was');

# ---- many ----
is(ask('/many', $plain->url . '/answer', times => 1000)->{length}, 1000, 'a thousand calls at once');
cmp_ok($plain->stat('connections_total'), '<=', 260, 'on no more connections than there may be');
ok($server->wait_stat(http_calls_active => 0), 'none is left');

# ---- streams ----
my ($worker) = $server->worker_pids;
sub peak_kb { return read_file("/proc/$worker/status") =~ /^VmHWM:\s+(\d+) kB/m ? $1 : 0 }
for my $row ([ 'HTTP/1.1', $plain->url ]) {
    my ($name, $base) = @$row;
    my $of_mb = sub { my ($mb) = @_; return $mb << 20 };
    my $has_own_memory = build() !~ m{/asan$} && !wrapped();
    my $mb = $has_own_memory ? 50 : 5;
    ask('/up', "$base/count", times => $of_mb->(1), max => $of_mb->(1));
    ask('/down', "$base/send?bytes=" . $of_mb->(1));
    my $before = peak_kb();
    is(ask('/up', "$base/count", times => $of_mb->($mb), max => $of_mb->($mb))->{body}, '{"bytes":' . $of_mb->($mb) . '}', "$name: up, of a known length");
    is(ask('/up', "$base/count", times => $of_mb->($mb))->{body}, '{"bytes":' . $of_mb->($mb) . '}', "$name: up, chunked");
    is(ask('/down', "$base/send?bytes=" . $of_mb->($mb))->{length}, $of_mb->($mb), "$name: down");
    my $part = ask('/down', "$base/send?bytes=" . $of_mb->($mb), times => 100_000);
    is($part->{error}, '0', "$name: a part of it");
    cmp_ok($part->{length}, '>=', 100_000, "$name: as much as was wanted");
    cmp_ok(peak_kb() - $before, '<', 8000, "$name: memory stays flat") if $has_own_memory;
}
ok($server->wait_stat(http_calls_active => 0), 'no stream is left open');
is($tls->stop, 0, 'the remote side ends');

# ---- a remote side that is started again ----
my $port = $plain->port;
is(ask('/ask', "http://127.0.0.1:$port/answer")->{error}, '0', 'before');
is($plain->stop, 0, 'it stops');
is(ask('/ask', "http://127.0.0.1:$port/answer")->{error}, 'ECONNREFUSED', 'meanwhile');
$plain = start_remote(listen => ["127.0.0.1:$port"]);
is(ask('/ask', "http://127.0.0.1:$port/answer")->{error}, '0', 'afterwards');
is($plain->stop, 0, 'it stops');
ok($server->wait_stat(http_connections_open => 0), 'no connection is left');
is($server->stop, 0, 'the server ends');
done_testing;
