#!/usr/bin/perl
# 60-h2spec.t - every case of h2spec, the strict ones too, over prior-knowledge HTTP/2 and over TLS.
# Does:     run h2spec against examples/echo and read its count; each of the 146 must pass.
# Does not: fetch h2spec: scripts/check does. Without it, this test is skipped, and the skip is counted.
# Environment: H2SPEC (path of h2spec; else build/tools/h2spec or one in PATH).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::Test;
use Test::More;

my $h2spec = $ENV{H2SPEC} || h2spec();
plan skip_all => 'h2spec is not there (scripts/check builds it where Go is)' if !$h2spec || !-x $h2spec;
my $CASES = 146;

for my $kind ([ 'h2c' ], [ 'TLS', '-t', '-k' ]) {
    my ($name, @options) = @$kind;
    my $server = Galley::Test->start('examples/echo', tls => $name eq 'TLS');
    my $run = run_command({ timeout => 120 }, $h2spec, '-S', '-o', 2 * slow(), '-h', '127.0.0.1', '-p', $server->port, @options);
    my ($tests, $passed, $skipped, $failed) = $run->{out} =~ /^(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/m;
    is($tests,  $CASES, "$name: all cases ran");
    is($passed, $CASES, "$name: all cases passed");
    diag($run->{out} =~ /(^Failures:.*)/ms ? $1 : $run->{out} . $run->{err}) if ($passed // 0) != $CASES;
    is($run->{status}, 0, "$name: h2spec is content");
    is($server->request(GET => '/plaintext')->{status}, 200, "$name: the server answers HTTP/1.1 afterwards") if $name eq 'h2c';
    is($server->curl_path('/plaintext', '--http2', '-o', '/dev/null', '-w', '%{http_version} %{http_code}')->{out}, '2 200', 'TLS: and HTTP/2')
        if $name eq 'TLS';
    is($server->stop, 0, "$name: the server stops with 0");
}
done_testing();
