#!/usr/bin/perl
# 36-upgrade-failures.t - upgrades that fail in every way, or are crossed by signals, reloads and kills: one master serves,
# always, and loses no request; the reason is in the log, in the answer and in `status`.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

plan skip_all => 'this kernel gives us no orphans' if !adopt_orphans();

my $folder = temp_dir();
my $dir = "$folder";
my $program = "$dir/galley";
my $mood = "$dir/mood";
my $pid_file = "$dir/run/pid";
mkdir "$dir/run" or die;

# Another file under a name, from one moment to the next.
sub install {
    my ($path, $content) = @_;
    write_file("$path.new", $content);
    rename "$path.new", $path or die "rename: $!\n";
    return 1;
}

sub install_program {
    my ($content, $mode) = @_;
    return unlink $program if !defined $content;
    write_file("$program.new", $content);
    chmod $mode // 0755, "$program.new";
    rename "$program.new", $program or die "rename: $!\n";
    return;
}

sub install_good {
    unlink "$program.new";
    symlink galley(), "$program.new" or die "symlink: $!\n";
    rename "$program.new", $program or die "rename: $!\n";
    return;
}

sub start {
    my (%how) = @_;
    install_good();
    install($mood, "ok\n");
    return Galley::Test->start('t/apps/moody', galley => $program, env => { MOODY_FILE => $mood }, args => [ '--pid-file', $pid_file ],
        config => "drain_idle = 200ms\n" . ($how{config} // ''), workers => 2);
}

# The pid of the new master beside the workers, or undef.
sub successor_of {
    my ($server) = @_;
    my %workers = map { $_ => 1 } $server->worker_pids;
    my ($pid) = grep { !$workers{$_} } children_of($server->pid);
    return $pid;
}

# USR2, while no new worker gets ready before install($mood, "ok\n"): the new master's pid.
sub begin_slowly {
    my ($server) = @_;
    install($mood, "wait\n");
    $server->signal('USR2');
    my $pid = wait_until('the new master has a worker', sub { my $pid = successor_of($server); $pid && children_of($pid) && $pid });
    is($server->status->{phase}, 'upgrading', 'status says so');
    return $pid;
}

sub nap {
    my ($server, $ms) = @_;
    my $connection = $server->connect;
    $connection->send("GET /nap?ms=$ms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    wait_until('it runs', sub { $server->stat('requests_active') >= 1 });
    return $connection;
}

sub count_log { return scalar(() = $_[0]->log =~ /$_[1]/g) }

sub is_stopped {
    my ($server, $name) = @_;
    is($server->stop, 0, "$name: stops in order");
    ok(!-e $_, "$name: $_ is gone") for $pid_file, $server->stats_path;
    return;
}

# ---- whatever is wrong, the old one serves on ----
{
    my $limit = 300 * slow() . 'ms';
    my $settings = "drain_idle = 200ms\nstart_timeout = $limit\n";
    my $server = start(config => "start_timeout = $limit\n");
    my $load = $server->load(connections => 8, path => '/nap?ms=20');
    my @workers = sort $server->worker_pids;
    my $descriptors = descriptors_of($server->pid);
    my $config = $server->{config_path};
    my @rows = (
        [ 'no program', sub { install_program() }, qr/cannot execute \Q$program\E: No such file/ ],
        [ 'a program that may not run', sub { install_program("#!/bin/sh\n", 0644) }, qr/cannot execute .*Permission denied/ ],
        [ 'a file that is no program', sub { install_program("what?\n") }, qr/cannot execute .*format/i ],
        [ 'one that ends with 3', sub { install_program("#!/bin/sh\nexit 3\n") }, qr/exited with status 3/ ],
        [ 'one that ends with 0', sub { install_program("#!/bin/sh\nexit 0\n") }, qr/exited with status 0/ ],
        [ 'one that crashes', sub { install_program("#!/bin/sh\nkill -SEGV \$\$\n") }, qr/killed by signal 11/ ],
        [ 'one that hangs', sub { install_program("#!/bin/sh\nexec sleep 1000\n") }, qr/was not ready within start_timeout/ ],
        [ 'one that hangs, and ignores TERM', sub { install_program("#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n") },
            qr/was not ready within start_timeout/ ],
        [ 'a mistake in galley.conf', sub { install($config, "wrokers = 1\n") }, qr/wrokers/ ],
        [ 'no galley.conf', sub { unlink $config }, qr/\Q$config\E/ ],
        [ 'an address in use', sub { install($config, $settings . "tls_cert = \"/nowhere\"\ntls_key = \"/nowhere\"\n") }, qr/nowhere/ ],
        [ 'a start hook that fails', sub { install($mood, "fail\n") }, qr/start hook/ ],
        [ 'a crash in the start hook', sub { install($mood, "crash\n") }, qr/signal 11/ ],
        [ 'a start hook that hangs', sub { install($mood, "hang\n") }, qr/start_timeout|start hook/ ],
    );
    my $failures = 0;
    for my $row (@rows) {
        my ($name, $spoil, $reason) = @$row;
        $spoil->();
        my $command = galley_command('upgrade', '--stats', $server->stats_path);
        is($command->{status}, 1, "$name: galley upgrade ends with 1");
        like($command->{err}, $reason, "$name: and says why");
        my $status = $server->status;
        is($status->{pid}, $server->pid, "$name: the same master serves");
        ok(!$status->{last_upgrade}{ok}, "$name: status says that it failed");
        like($status->{last_upgrade}{message}, $reason, "$name: and why");
        is(count_log($server, 'error master.* upgrade_failed '), ++$failures, "$name: one line in the log");
        is(read_file($pid_file), $server->pid . "\n", "$name: the pid file stays");
        ok(wait_until('it goes', sub { !successor_of($server) }), "$name: no process is left");
        is_deeply([ sort $server->worker_pids ], \@workers, "$name: the same workers");
        install_good();
        install($mood, "ok\n");
        install($config, $settings);
    }
    is($server->rpc('health')->{checks}{last_upgrade}{status}, 'warn', 'health warns');
    wait_until('its own clients are closed', sub { descriptors_of($server->pid) <= $descriptors });
    cmp_ok(descriptors_of($server->pid), '<=', $descriptors, 'the master has no descriptor more');
    my $command = galley_command('upgrade', '--stats', $server->stats_path);
    is($command->{status}, 0, 'then it works') or diag($command->{err});
    like($command->{out}, qr/^upgraded: pid \d+ serves\n\z/, 'galley upgrade says so');
    is($server->follow_upgrade, 0, 'the old one ends');
    is($server->rpc('health')->{status}, 'pass', 'health passes');
    is(read_file($pid_file), $server->pid . "\n", 'the pid file has the new one');
    my $loaded = $server->finish_load($load);
    is($loaded->{failed}, 0, "no request of $loaded->{ok} failed");
    is_stopped($server, 'after failures');
}

# ---- it fails when it was told to serve already ----
{
    my $server = start();
    rename "$dir/run", "$dir/ran" or die;
    my $result = $server->rpc('upgrade', undef, 40);
    ok(!$result->{ok}, 'no place for the pid file: it fails');
    like($result->{message}, qr/pid file \Q$pid_file\E/, 'no place for the pid file: and says why');
    is($server->status->{pid}, $server->pid, 'no place for the pid file: the old one serves');
    is($server->request(GET => '/pid')->{status}, 200, 'no place for the pid file: and answers');
    rename "$dir/ran", "$dir/run" or die;
    unlink $pid_file;
    install($mood, "fail\n");
    ok(!$server->rpc('upgrade', undef, 40)->{ok}, 'no place for the pid file: then it fails again');
    install($mood, "ok\n");
    ok(wait_until('the pid file is back', sub { read_file($pid_file) eq $server->pid . "\n" }), 'the old one writes its pid file again');
    ok($server->rpc('upgrade', undef, 40)->{ok}, 'no place for the pid file: the next one works');
    $server->follow_upgrade;
    is_stopped($server, 'no place for the pid file');
}

# ---- programs that say they are new masters, and stop short ----
{
    my $server = start();
    my $fake = sub {    # Perl itself is not what a memory checker is to look at: it comes by way of a shell
        write_file("$dir/fake.pl", <<'END' . shift);
use Socket;
my ($old, $me, $fd) = (split ' ', $ENV{GALLEY_UPGRADE})[ 1 .. 3 ];
open my $channel, '+<&=', $fd or die;
sub say_word { defined send $channel, $_[0], 0 or exit 1 }
sub hear { vec(my $in = '', $fd, 1) = 1; select $in, undef, undef, 5; recv $channel, my $word, 600, 0; return substr $word, 0, 1 }
exit 4 if hear() ne 'K';
END
        return "#!/bin/sh\nexec $^X $dir/fake.pl\n";
    };
    my @rows = (
        [ 'killed when told to serve', q{say_word('R'); exit 5 if hear() ne 'G'; kill KILL => $$; sleep 100}, qr/killed by signal 9/ ],
        [ 'ends when told to serve', q{say_word('R'); exit 5 if hear() ne 'G'; exit 6}, qr/exited with status 6/ ],
        [ 'takes the pid file along', q{say_word('R'); hear(); unlink $ENV{PID_FILE}; exit 6}, qr/exited with status 6/ ],
        [ 'says why when told to serve', q{say_word('R'); hear(); say_word('Fno luck'); sleep 100}, qr/^no luck$/ ],
        [ 'fails without a word', q{say_word('F'); exit 9}, qr/without a word/ ],
        [ 'serves without being told', q{say_word($_) for 'T', 'H', '?', 'D', 'T' . 'x' x 9000; exit 7}, qr/exited with status 7/ ],
        [ 'hangs when told to serve', q{say_word('R'); hear(); $SIG{TERM} = 'IGNORE'; sleep 100}, qr/did not serve within 5 s/ ],
        [ 'lets go of the channel', q{close $channel; exit 8}, qr/exited with status 8/ ],
    );
    my $load = $server->load(connections => 4, path => '/nap?ms=20');
    for my $row (@rows) {
        my ($name, $code, $reason) = @$row;
        install_program($fake->("\$ENV{PID_FILE} = '$pid_file';\n$code;\n"));
        my $result = $server->rpc('upgrade', undef, 40);
        ok(!$result->{ok}, "a program that $name: it fails");
        like($result->{message}, $reason, "a program that $name: and why");
        is($server->status->{pid}, $server->pid, "a program that $name: the old one answers to questions");
        ok(wait_until('the pid file', sub { read_file($pid_file) eq $server->pid . "\n" }), "a program that $name: the pid file is the old one's");
        ok(wait_until('it goes', sub { !successor_of($server) }), "a program that $name: it goes");
    }
    install_good();
    ok($server->rpc('upgrade', undef, 40)->{ok}, 'a good program serves at last');
    $server->follow_upgrade;
    my $loaded = $server->finish_load($load);
    is($loaded->{failed}, 0, "no request of $loaded->{ok} failed");
    is_stopped($server, 'programs that stop short');
}

# ---- the new master is killed, or told to stop, in the middle ----
for my $signal (qw(KILL TERM INT)) {
    my $server = start();
    my $new = begin_slowly($server);
    my @theirs = children_of($new);
    kill $signal => $new;
    ok($server->wait_log(qr/upgrade_failed the new master (?:was killed by signal 9|exited with status 0)/), "$signal to the new: the reason is told");
    install($mood, "ok\n");
    ok(wait_until('all are gone', sub { !grep { is_alive($_) } $new, @theirs }, 12), "$signal to the new: nothing of it is left");
    is($server->status->{phase}, 'serving', "$signal to the new: the old one serves");
    is($server->request(GET => '/pid')->{status}, 200, "$signal to the new: and answers");
    ok($server->rpc('upgrade', undef, 40)->{ok}, "$signal to the new: the next one works");
    $server->follow_upgrade;
    is_stopped($server, "$signal to the new");
}

# ---- the old master is killed in the middle: the new one serves ----
{
    my $server = start();
    my $nap = nap($server, 500);
    my $new = begin_slowly($server);
    my @orphans = $server->worker_pids;
    $server->signal('KILL');
    $server->wait_exit;
    delete $server->{exit_status};
    my $early = $server->connect;
    $early->send("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n");
    install($mood, "ok\n");
    is($early->read_response->{status}, 200, 'KILL to the old: who comes meanwhile is answered');
    is($nap->read_response->{status}, 200, 'KILL to the old: who was there is answered');
    ok($server->wait_log(qr/took_over from pid=\d+/), 'KILL to the old: the new one takes over');
    is($server->status->{pid}, $new, 'KILL to the old: and answers for itself');
    is(read_file($pid_file), "$new\n", 'KILL to the old: the pid file has the new one');
    like($server->log, qr/old_master_died/, 'KILL to the old: the log says why');
    $server->{pid} = $new;
    ok(wait_until('they end', sub { !grep { is_alive($_) } @orphans }, 12), 'KILL to the old: its workers drain and end');
    is_stopped($server, 'KILL to the old');
}

# ---- TERM to the old one in the middle wins ----
{
    my $server = start();
    my $new = begin_slowly($server);
    my @theirs = children_of($new);
    is($server->stop(timeout => 15), 0, 'TERM in the middle: the old one ends in order');
    ok(!is_alive($new), 'TERM in the middle: the new one is gone before');
    ok(wait_until('they are gone', sub { !grep { is_alive($_) } @theirs }, 12), 'TERM in the middle: and its workers');
    ok(!-e $_, "TERM in the middle: $_ is gone") for $pid_file, $server->stats_path;
}

# ---- two in a row are one; a reload waits, and reaches whoever serves then ----
for my $outcome ('ok', 'fail') {
    my $server = start();
    my $new = begin_slowly($server);
    $server->signal('USR2');
    $server->signal('HUP');
    is($server->status->{last_reload}, undef, "$outcome: a reload waits for an upgrade");
    install($mood, "fail\n") if $outcome eq 'fail';
    install($mood, "ok\n") if $outcome eq 'ok';
    if ($outcome eq 'ok') {
        ok($server->wait_log(qr/upgraded pid=$new/), 'ok: the upgrade is done');
        is($server->follow_upgrade, 0, 'ok: the old one ends');
    } else {
        ok($server->wait_log(qr/upgrade_failed/), 'fail: the upgrade failed');
        ok(wait_until('the reload is decided', sub { $server->status->{last_reload} }), 'fail: the reload follows');
        install($mood, "ok\n");
        ok($server->rpc('reload', undef, 40)->{ok}, 'fail: the next one works');
    }
    ok(wait_until('generation 2', sub { $server->status->{generation} >= 2 }), "$outcome: who serves has reloaded");
    is(count_log($server, 'upgrading pid='), 1, "$outcome: two USR2 are one upgrade");
    is_stopped($server, "two in a row, $outcome");
}

# ---- USR2 during a reload ----
{
    my $server = start();
    install($mood, "wait\n");
    $server->signal('HUP');
    wait_until('the trial has started', sub { 4 == children_of($server->pid) });
    $server->signal('USR2');
    is($server->request(GET => '/pid')->{status}, 200, 'USR2 during a reload: it serves');
    unlike($server->log, qr/upgrading/, 'USR2 during a reload: the upgrade waits');
    install($mood, "ok\n");
    ok($server->wait_log(qr/ reloaded .* upgraded pid=/s), 'USR2 during a reload: first the one, then the other');
    is($server->follow_upgrade, 0, 'USR2 during a reload: the old one ends');
    is_stopped($server, 'USR2 during a reload');
}

# ---- the old one drains by itself; QUIT, as others want it, hurries nothing; the next upgrade waits for it ----
{
    my $server = start();
    my $nap = nap($server, 1500);
    my $old = $server->pid;
    my $result = $server->rpc('upgrade', undef, 40);
    ok($result->{ok}, 'upgrade while a request runs') or diag($result->{message});
    kill QUIT => $old;
    ok($server->wait_log(qr/stopping_already/), 'QUIT to the old one is noted');
    kill USR2 => $result->{pid};
    is($server->request(GET => '/pid')->{status}, 200, 'the new one serves');
    is(count_log($server, 'upgrading pid='), 1, 'the next upgrade waits for the end of the old one');
    is($nap->read_response->{status}, 200, 'QUIT does not cut the request');
    ok($server->wait_log(qr/old_master_ended pid=$old.*upgraded pid=/s), 'then it comes');
    $server->follow_upgrade;
    is_stopped($server, 'QUIT to the old one');
}

# ---- stop of the new one while the old one drains: it waits for it, INT hurries both ----
for my $signal (qw(TERM INT)) {
    my $server = start();
    my $old = $server->pid;
    my $nap = nap($server, $signal eq 'TERM' ? 800 : 60_000);
    my $result = $server->rpc('upgrade', undef, 40);
    ok($result->{ok}, "$signal after it: upgrade") or diag($result->{message});
    $server->{pid} = $result->{pid};
    is($server->stop(signal => $signal, timeout => 15), 0, "$signal after it: the new one ends in order");
    ok(!is_alive($old), "$signal after it: and the old one before");
    if ($signal eq 'TERM') {
        is($nap->read_response->{status}, 200, 'TERM after it: the request is answered');
    }
    ok(!-e $_, "$signal after it: $_ is gone") for $pid_file, $server->stats_path;
}
done_testing;
