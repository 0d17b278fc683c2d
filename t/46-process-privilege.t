#!/usr/bin/perl
# 46-process-privilege.t - a master that is root runs its workers as somebody else, for good.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

plan skip_all => 'only root can give privileges up' if $> != 0;
my ($uid, $gid) = (getpwnam 'nobody')[ 2, 3 ];
plan skip_all => 'there is no user nobody' if !defined $uid;
plan skip_all => 'the build folder is not open to other users'
    if run_command('setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups', 'test', '-r', app_path('t/apps/moody'))->{status};

my $dir = temp_dir();
my $server = Galley::Test->start('t/apps/moody', workers => 2,
    args => [ '--user', 'nobody', '--log', "$dir/log", '--access-log', "$dir/access" ]);
for my $pid ($server->worker_pids) {
    my $status = read_file("/proc/$pid/status");
    like($status, qr/^Uid:\t$uid\t$uid\t$uid\t$uid$/m, 'uid');
    like($status, qr/^Gid:\t$gid\t$gid\t$gid\t$gid$/m, 'gid');
    my ($groups) = $status =~ /^Groups:\t(.*)$/m;
    ok(!grep({ $_ == 0 } split ' ', $groups), 'no group of root');
    like($status, qr/^Cap$_:\t0+$/m, "no capability: $_") for qw(Eff Prm Inh);
    like($status, qr/^NoNewPrivs:\t1$/m, 'no new privileges');
    my @fds = map { readlink } glob "/proc/$pid/fd/*";
    ok(!grep({ /stats\.sock|\Q$dir\E\/mood/ } @fds), 'no descriptor of the master');
    my $listeners = grep { /^socket:/ } @fds;
    cmp_ok($listeners, '>=', 17, 'but the listeners and the channel');
}
unlike($server->log . read_file("$dir/log"), qr/workers_are_root/, 'no warning');
is($server->request(GET => '/plaintext')->{status}, 200, 'it serves');
ok($server->rpc('reload')->{ok}, 'it reloads');
is($server->request(GET => '/plaintext')->{status}, 200, 'and serves');
like(read_file("$dir/access"), qr/plaintext/, 'workers write to the log that root opened');
is($server->stop, 0, 'stops in order');

# ---- when the master dies, they end as well: the signal of its death survives the change of user ----
$server = Galley::Test->start('t/apps/moody', workers => 1, args => [ '--user', 'nobody' ]);
my @workers = $server->worker_pids;
$server->signal('KILL');
$server->wait_exit;
ok(wait_until('the worker ends', sub { !grep { is_alive($_) } @workers }, 12), 'no orphan');

# ---- a log folder of the workers' own is refused ----
mkdir "$dir/theirs" or die;
chown $uid, $gid, "$dir/theirs" or die;
my $ended = galley_command('run', app_path('t/apps/moody'), '--listen', '127.0.0.1:0', '--stats', "$dir/s", '--user', 'nobody',
    '--log', "$dir/theirs/log");
is($ended->{status}, 1, 'a log folder that workers may write is refused');
like($ended->{err}, qr/nobody can write the folder/, 'with the reason');

# ---- without user: one warning ----
$server = Galley::Test->start('t/apps/moody');
is(scalar(() = $server->log =~ /workers_are_root/g), 1, 'root without user is warned of once');
is($server->stop, 0, 'stops in order');
done_testing;
