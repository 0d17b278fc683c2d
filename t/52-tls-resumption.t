#!/usr/bin/perl
# 52-tls-resumption.t - session tickets hold on every worker, before and after a reload.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $server = Galley::Test->start('examples/echo', tls => 1, workers => 2);
my $dir = temp_dir();
my $request = write_file("$dir/request", "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

# One connection: whether it was resumed. Keeps the newest ticket in `out`.
sub visit {
    my ($version, $in, $out) = @_;
    my $client = run_command({ stdin => $request }, 'openssl', 's_client', '-connect', '127.0.0.1:' . $server->port, $version, '-ign_eof',
        ($in ? ('-sess_in', $in) : ()), ($out ? ('-sess_out', $out) : ()));
    like($client->{out}, qr/Hello, World!/, 'answered') or diag($client->{err});
    return $client->{out} =~ /^Reused, TLS/m ? 1 : 0;
}

sub connections_of_workers { return map { $_->{requests} } $server->workers }

for my $version ('-tls1_3', '-tls1_2') {
    my $ticket = "$dir/ticket$version";
    is(visit($version, undef, $ticket), 0, "$version: the first is a full handshake");
    my $resumed = 0;
    my $visits = 12;
    $resumed += visit($version, $ticket) for 1 .. $visits;
    is($resumed, $visits, "$version: each later one is resumed");
    ok($server->rpc('reload', undef, 40)->{ok}, 'reload');
    is(visit($version, $ticket), 1, "$version: also after a reload");
}
my $on_both = wait_until('both workers have answered', sub {
    visit('-tls1_3', "$dir/ticket-tls1_3");
    return 2 == grep { $_ > 0 } connections_of_workers();
});
ok($on_both, 'by both workers');
is($server->stat('tls_handshakes_total') - $server->stat('tls_resumed_total'), 2, 'two full handshakes in all');
is($server->stop, 0, 'stops in order');

done_testing;
