#!/usr/bin/perl
# 47-process-counters.t - what a worker counted stays in the sums when it ends, however short it lived.
use strict;
use warnings;
use lib 't/lib';
use Galley::Test;
use Test::More;

my $server = Galley::Test->start('examples/echo');
for my $generation (1 .. 3) {
    my ($old) = $server->worker_pids;
    $server->request(GET => '/plaintext') for 1 .. 5;
    ok($server->rpc('reload', undef, 40)->{ok}, "reload $generation");
    ok(wait_until('the old worker is gone', sub { !Galley::Test::is_alive($old) }), 'the old worker is gone');
    is($server->stat('requests_total'), 5 * $generation, 'no request is forgotten');
}
is($server->stop, 0, 'stops');
done_testing;
