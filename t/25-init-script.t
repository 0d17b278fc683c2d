#!/usr/bin/perl
# 25-init-script.t - etc/init.d/galley against a real server: exit statuses as the LSB has them, a reload that fails keeps the
# old release, stale pid files; with start-stop-daemon and without.
use strict;
use warnings;
use lib 't/lib';
use Cwd qw(getcwd);
use Test::More;
use Galley::Test;

my $root = getcwd();
my ($dir, $path);

sub init {
    my ($action) = @_;
    return run_command({ env => { GALLEY_INIT_DEFAULTS => "$dir/defaults", PATH => $path }, timeout => 60 },
        'sh', "$root/etc/init.d/galley", $action);
}

sub is_init {
    my ($action, $status, $out, $name) = @_;
    my $got = init($action);
    is($got->{status}, $status, "$name: exit status of $action") or diag($got->{out}, $got->{err}, read_file("$dir/log"));
    like($got->{out} . $got->{err}, $out, "$name: what $action says");
    return;
}

sub server_pid { return read_file("$dir/pid") + 0 }

sub answers { return curl('--unix-socket', "$dir/http.sock", '-o', '/dev/null', '-w', '%{http_code}', 'http://x/')->{out} }

sub use_app {
    my ($target) = @_;
    unlink "$dir/app.so.new";
    symlink $target, "$dir/app.so.new" or die "symlink: $!\n";
    rename "$dir/app.so.new", "$dir/app.so" or die "rename: $!\n";
    return;
}

for my $way ([ 'with start-stop-daemon', "/usr/sbin:/sbin:$ENV{PATH}" ], [ 'without', '/usr/bin:/bin' ]) {
    my $name = $way->[0];
    $path = $way->[1];
    next if $name eq 'without' && !run_command({ env => { PATH => $path } }, 'sh', '-c', 'command -v start-stop-daemon')->{status};
    my $folder = temp_dir();
    $dir = "$folder";
    my $good = app_path('examples/echo');
    write_file("$dir/broken.so", "no shared object\n");
    use_app($good);
    write_file("$dir/galley.conf", qq{listen = "unix:$dir/http.sock"\nworkers = 1\nlog = "$dir/log"\n});
    write_file("$dir/defaults", "GALLEY_BIN=" . galley() . "\nGALLEY_APP=$dir/app.so\nGALLEY_CONFIG=$dir/galley.conf\n"
            . "GALLEY_PID_FILE=$dir/pid\nGALLEY_STATS=$dir/s\n");

    is_init('status', 3, qr/does not run/, "$name, nothing runs");
    is_init('stop', 0, qr/^$/, "$name, nothing runs");
    is_init('reload', 7, qr/does not run/, "$name, nothing runs");
    is_init('upgrade', 7, qr/does not run/, "$name, nothing runs");
    is_init('try-restart', 0, qr/^$/, "$name, nothing runs");
    is_init('start', 0, qr//, $name);
    my $pid = server_pid();
    ok($pid && is_alive($pid), "$name: the pid file names a process");
    is(answers(), 200, "$name: it serves when start is done");
    is_init('status', 0, qr/runs, pid $pid$/m, $name);
    is_init('start', 0, qr/runs already, pid $pid$/m, "$name, runs already");
    is_init('reload', 0, qr/reloaded/, $name);
    is_init('force-reload', 0, qr/reloaded/, $name);
    is(server_pid(), $pid, "$name: the same server after a reload");

    use_app("$dir/broken.so");
    is_init('reload', 1, qr/broken\.so|app\.so/, "$name, a broken release");
    is(answers(), 200, "$name: the old release serves on");
    is_init('status', 0, qr/runs/, "$name, a broken release");
    use_app($good);
    is_init('reload', 0, qr/reloaded/, "$name, repaired");

    is_init('upgrade', 0, qr/upgraded: pid \d+ serves/, $name);
    isnt(server_pid(), $pid, "$name: another master after an upgrade");
    is(answers(), 200, "$name: which serves");
    is_init('status', 0, qr/runs, pid @{[ server_pid() ]}$/m, "$name, upgraded");
    use_app("$dir/broken.so");
    my $serving = server_pid();
    is_init('upgrade', 1, qr/broken\.so|app\.so/, "$name, with a broken release");
    is(server_pid(), $serving, "$name: the same master after an upgrade that failed");
    is(answers(), 200, "$name: which serves");
    use_app($good);

    is_init('restart', 0, qr//, $name);
    isnt(server_pid(), $pid, "$name: another server after a restart");
    is(answers(), 200, "$name: which serves");
    is_init('try-restart', 0, qr//, $name);
    $pid = server_pid();
    is_init('stop', 0, qr/^$/, $name);
    unlike(read_file("/proc/$pid/status"), qr/^State:\s+[^ZX\s]/m, "$name: stop waits until it is gone");
    ok(!-e "$dir/pid", "$name: its pid file is gone");
    is_init('status', 3, qr/does not run/, "$name, stopped");

    write_file("$dir/pid", "$pid\n");
    is_init('status', 1, qr/does not run, but left/, "$name, a stale pid file");
    write_file("$dir/pid", "$$\n");
    is_init('status', 1, qr/does not run, but left/, "$name, a pid that is another program's");
    is_init('stop', 0, qr/^$/, "$name, a pid that is another program's");
    is_init('start', 0, qr//, "$name, a stale pid file");
    is_init('status', 0, qr/runs/, "$name, a stale pid file");
    is_init('stop', 0, qr/^$/, $name);

    use_app("$dir/broken.so");
    is_init('start', 1, qr/app\.so/, "$name, an application that cannot be loaded");
    is_init('status', 3, qr//, "$name, an application that cannot be loaded");
    write_file("$dir/galley.conf", "wrokers = 1\n");
    is_init('start', 1, qr/galley\.conf:1: unknown directive 'wrokers'/, "$name, a mistake in galley.conf");
    unlink "$dir/galley.conf";
    is_init('start', 6, qr/cannot read/, "$name, no galley.conf");
    write_file("$dir/defaults", "GALLEY_BIN=$dir/none\n");
    is_init('start', 5, qr/not installed/, "$name, no program");
    is_init('dance', 2, qr/^usage: /, "$name, no such action");
}

done_testing();
