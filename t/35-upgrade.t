#!/usr/bin/perl
# 35-upgrade.t - another executable in the server's place: nothing is lost under load, and whatever is wrong with the new
# one, the old one serves on and says why.
# Soak: 20 upgrades for each kind of client instead of a few.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

plan skip_all => 'this kernel gives us no orphans' if !adopt_orphans();
plan skip_all => 'the server runs within another program' if wrapped();
my $upgrades = soak() ? 20 : 3;
my $limits = "drain_idle = 300ms\n";

# ---- under load ----
for my $kind (['close'], [], ['tls'], [ 'tls', 'h2' ]) {
    my %how = map { $_ => 1 } @$kind;
    my $name = join(' ', @$kind) || 'keep-alive';
    my $server = Galley::Test->start('t/apps/moody', workers => 2, tls => $how{tls}, config => $limits);
    my $load = $server->load(%how, connections => 16);
    my $descriptors;
    for my $n (1 .. $upgrades) {
        my $result = $server->rpc('upgrade', undef, 40);
        ok($result->{ok}, "$name: upgrade $n") or diag($result->{message});
        is($server->status->{pid}, $result->{pid}, "$name: the stats socket is the new master's");
        is($server->follow_upgrade, 0, "$name: the old one ends in order");
        wait_until('its own clients are closed', sub { descriptors_of($server->pid) <= ($descriptors //= descriptors_of($server->pid)) });
        is(descriptors_of($server->pid), $descriptors, "$name: as many descriptors as the one before");
    }
    my $result = $server->finish_load($load);
    is($result->{failed}, 0, "$name: no request failed in $upgrades upgrades");
    cmp_ok($result->{ok}, '>', 100, "$name: requests were answered all the while");
    note("$name: $result->{ok} requests, $result->{opened} connections");
    is(scalar(children_of($server->pid)), 2, "$name: two workers");
    is($server->stop, 0, "$name: stops in order");
    ok(!-e $server->stats_path, "$name: no file is left");
}
done_testing;
