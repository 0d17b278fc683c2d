#!/usr/bin/perl
# 44-process-daemon.t - daemon mode: the command comes back when the server serves, or with the reason why not.
use strict;
use warnings;
use lib 't/lib';
use POSIX ();
use Test::More;
use Galley::Test;

my $dir = temp_dir();
my $moody = app_path('t/apps/moody');
my @common = ('run', $moody, '--workers', 2, '--stats', "$dir/stats", '--listen', "unix:$dir/http.sock", '--daemon', '--pid-file',
    "$dir/pid", '--log', "$dir/log");

# ---- it serves ----
my $started = galley_command(@common);
is($started->{status}, 0, 'the command comes back with 0') or diag($started->{err});
like($started->{out}, qr/^galley: serving Moody on unix:/, 'and the serving line');
my ($pid) = read_file("$dir/pid") =~ /^(\d+)\n\z/;
ok($pid && is_alive($pid), 'the pid file names a living process') or BAIL_OUT('no daemon');
my ($parent, undef, $session) = (split ' ', read_file("/proc/$pid/stat") =~ s/.*\) . //sr)[ 0, 1, 2 ];
isnt($session, POSIX::getpid(), 'it is in another session');
isnt($session, $pid, 'and does not lead it: no terminal can come back');
is(readlink "/proc/$pid/fd/$_", '/dev/null', "descriptor $_ is let go") for 0 .. 2;
my $connection = Galley::Http->connect(path => "$dir/http.sock");
is($connection->request(GET => '/plaintext')->{status}, 200, 'it serves');
$connection->close;
my @workers = children_of($pid);
is(scalar(@workers), 2, 'with two workers');
is(readlink "/proc/$workers[0]/fd/$_", '/dev/null', "a worker's descriptor $_ is let go, too") for 0 .. 2;

# ---- a second one is refused ----
my $second = galley_command(@common);
is($second->{status}, 1, 'a second one is refused');
like($second->{err}, qr/another server answers|already runs/, 'with a sentence');
ok(is_alive($pid) && read_file("$dir/pid") eq "$pid\n", 'the first is untouched');

# ---- it is asked and stopped by command ----
is(galley_command('reload', '--stats', "$dir/stats")->{status}, 0, 'galley reload');
my $status = galley_command('status', '--stats', "$dir/stats");
like($status->{out}, qr/pid +$pid\n/, 'galley status') or diag("$status->{status}: $status->{err}");
is(galley_command('stop', '--stats', "$dir/stats")->{status}, 0, 'galley stop');
ok(wait_until('it ends', sub { !is_alive($pid) }), 'it is gone');
ok(!-e "$dir/$_", "$_ is gone") for qw(pid stats http.sock);
like(read_file("$dir/log"), qr/stopped/, 'the log says so');
is(galley_command('status', '--stats', "$dir/stats")->{status}, 3, 'galley status: it is not running');

# ---- it cannot start ----
my $mood = write_file("$dir/mood", "fail\n");
my $failed = galley_command({ env => { MOODY_FILE => $mood } }, @common);
is($failed->{status}, 1, 'a failed start comes back with 1');
like($failed->{err}, qr/start hook of Moody failed/, 'and the sentence');
ok(!-e "$dir/pid", 'without a pid file');
done_testing;
