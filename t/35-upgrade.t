#!/usr/bin/perl
# 35-upgrade.t - another executable in the server's place: nothing is lost under load, and whatever is wrong with the new
# one, the old one serves on and says why.
# Soak: 20 upgrades for each kind of client instead of a few.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use IO::Select;
use POSIX ();
use Galley::Test;

plan skip_all => 'this kernel gives us no orphans' if !adopt_orphans();
my $upgrades = soak() ? 20 : 3;
my $limits = "drain_idle = 300ms\n";

# Ask for the status again and again, on connections of their own, until `finish`: how often, and how often in vain.
sub begin_to_ask {
    my ($server) = @_;
    pipe my $from_child, my $to_parent or die;
    pipe my $from_parent, my $to_child or die;
    my $pid = fork // die;
    if (!$pid) {
        close $to_child;
        my ($asked, $failed) = (0, 0);
        while (!IO::Select->new($from_parent)->can_read(0.002)) {
            $asked++;
            $failed++ if !eval { $server->status->{pid} };
        }
        syswrite $to_parent, "$asked $failed";
        POSIX::_exit(0);
    }
    close $to_parent;
    return { pid => $pid, result => $from_child, end => $to_child };
}

sub finish_asking {
    my ($asking) = @_;
    close $asking->{end};
    my $result = readline $asking->{result};
    waitpid $asking->{pid}, 0;
    return split ' ', $result;
}

# ---- under load ----
for my $kind (['close'], [], ['tls'], [ 'tls', 'h2' ]) {
    my %how = map { $_ => 1 } @$kind;
    my $name = join(' ', @$kind) || 'keep-alive';
    my $server = Galley::Test->start('t/apps/moody', workers => 2, tls => $how{tls}, config => $limits);
    my $load = $server->load(%how, connections => 16);
    $server->rpc('upgrade', undef, 40);
    is($server->follow_upgrade, 0, "$name: the first one ends in order");    # it had descriptors of whoever started it
    my $descriptors = descriptors_of($server->pid);
    my $asking = begin_to_ask($server);
    for my $n (1 .. $upgrades) {
        my $result = $server->rpc('upgrade', undef, 40);
        ok($result->{ok}, "$name: upgrade $n") or diag($result->{message});
        is($server->status->{pid}, $result->{pid}, "$name: the stats socket is the new master's");
        is($server->follow_upgrade, 0, "$name: the old one ends in order");
    }
    my ($asked, $in_vain) = finish_asking($asking);
    is($in_vain, 0, "$name: somebody answered to each of $asked questions at the stats socket");
    wait_until('its own clients are closed', sub { descriptors_of($server->pid) <= $descriptors });
    cmp_ok(descriptors_of($server->pid), '<=', $descriptors, "$name: the last master has no descriptor more than the second");
    my $result = $server->finish_load($load);
    is($result->{failed}, 0, "$name: no request failed in $upgrades upgrades");
    cmp_ok($result->{ok}, '>', 100, "$name: requests were answered all the while");
    note("$name: $result->{ok} requests, $result->{opened} connections");
    is(scalar(children_of($server->pid)), 2, "$name: two workers");
    is($server->stop, 0, "$name: stops in order");
    ok(!-e $server->stats_path, "$name: no file is left");
}
done_testing;
