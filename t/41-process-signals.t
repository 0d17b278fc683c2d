#!/usr/bin/perl
# 41-process-signals.t - what each signal does to the master: stop in three ways, reopen logs, drain, reload; and that a
# signal to the whole process group harms no worker.
use strict;
use warnings;
use lib 't/lib';
use Time::HiRes qw(time);
use Test::More;
use Galley::Test;

# A request under way: the connection.
sub nap {
    my ($server, $ms) = @_;
    my $connection = $server->connect(timeout => 20);
    $connection->send("GET /nap?ms=$ms HTTP/1.1\r\nHost: x\r\n\r\n");
    return $connection;
}

# ---- graceful: TERM and QUIT let requests end ----
for my $signal (qw(TERM QUIT)) {
    my $server = Galley::Test->start('t/apps/moody', workers => 2);
    my @naps = map { nap($server, 600) } 1 .. 4;
    wait_until('four requests run', sub { $server->stat('requests_active') == 4 });
    my @workers = $server->worker_pids;
    $server->signal($signal);
    is_deeply([ map { $_->read_response->{status} } @naps ], [ 200, 200, 200, 200 ], "$signal: what runs is answered");
    is($server->wait_exit, 0, "$signal: then it ends with 0");
    ok(!grep({ is_alive($_) } @workers), "$signal: no worker stays");
}

# ---- an idle connection does not hold it up for more than drain_idle ----
{
    my $server = Galley::Test->start('t/apps/moody', config => "drain_idle = 300ms\n");
    my $idle = $server->connect;
    is($idle->request(GET => '/plaintext')->{status}, 200, 'a connection is idle');
    my $since = time;
    is($server->stop, 0, 'TERM ends with 0');
    cmp_ok(time - $since, '<', 15 * slow(), 'and is not held up by it');    # keepalive_timeout is 75 s, drain_timeout 30 s
}

# ---- drain_timeout bounds it, a second TERM ends it at once, INT cancels ----
{
    my $server = Galley::Test->start('t/apps/moody', config => "drain_timeout = 500ms\n");
    my $nap = nap($server, 60000);
    wait_until('it runs', sub { $server->stat('requests_active') == 1 });
    my $since = time;
    is($server->stop, 0, 'TERM: drain_timeout ends what runs for ever');
    cmp_ok(time - $since, '<', 6 * slow(), 'in time');
    cmp_ok(time - $since, '>=', 0.5, 'and not before');
}
for my $row ([ 'a second TERM', 'TERM', 'TERM' ], [ 'INT', 'INT' ], [ 'INT after TERM', 'TERM', 'INT' ]) {
    my ($name, @signals) = @$row;
    my $server = Galley::Test->start('t/apps/moody', workers => 2);
    my $nap = nap($server, 60000);
    wait_until('it runs', sub { $server->stat('requests_active') == 1 });
    my $since = time;
    for my $n (0 .. $#signals) {
        $server->signal($signals[$n]);
        $server->wait_log(qr/stopping graceful/) if $n < $#signals;
    }
    is($server->wait_exit, 0, "$name: ends with 0");
    cmp_ok(time - $since, '<', 5 * slow(), "$name: within 5 s");
}

# ---- TERM before it serves ----
{
    my $dir = temp_dir();
    my $mood = write_file("$dir/mood", "hang\n");
    my $server = Galley::Test->prepare('t/apps/moody', workers => 2, env => { MOODY_FILE => $mood });
    $server->launch;
    wait_until('both workers start', sub { 2 == children_of($server->pid) });
    is($server->stop(timeout => 5), 0, 'TERM ends a server that still starts');
}

# ---- INT also ends a worker that is stuck ----
{
    my $server = Galley::Test->start('t/apps/moody');
    my $spin = $server->connect;
    my ($worker) = $server->worker_pids;
    $spin->send("GET /spin HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until('it spins', sub { (split ' ', read_file("/proc/$worker/stat"))[13] > 5 });
    my $since = time;
    is($server->stop(signal => 'INT'), 0, 'INT ends a stuck worker');
    cmp_ok(time - $since, '<', 8 * slow(), 'within 5 s, and what a busy machine adds');
}

# ---- USR1: logs are reopened; no line goes to the old file afterwards ----
{
    my $dir = temp_dir();
    my $server = Galley::Test->start('t/apps/moody', workers => 2,
        args => [ '--log', "$dir/log", '--access-log', "$dir/access" ]);
    $server->request(GET => '/plaintext') for 1 .. 4;
    wait_until('access lines', sub { 4 == (() = read_file("$dir/access") =~ /\n/g) });
    rename "$dir/$_", "$dir/$_.old" or die for qw(log access);
    $server->signal('USR1');
    ok(wait_until('both are there again', sub { -e "$dir/log" && -e "$dir/access" }), 'USR1 makes new files');
    $server->workers;    # every worker has answered an order that came after
    my $old = read_file("$dir/access.old");
    $server->request(GET => '/plaintext') for 1 .. 4;
    ok(wait_until('new lines', sub { 4 == (() = read_file("$dir/access") =~ /\n/g) }), 'lines go to the new access log');
    is(read_file("$dir/access.old"), $old, 'and none to the old one');
    like(read_file("$dir/log"), qr/logs_reopened/, 'the new log begins with it');
    rename "$dir/log", "$dir/log.2" or die;
    mkdir "$dir/log" or die;
    $server->signal('USR1');
    ok(wait_until('it says so', sub { read_file("$dir/log.2") =~ /reopen_failed .*\Q$dir\E\/log/ }), 'what cannot be reopened is said');
    is($server->request(GET => '/plaintext')->{status}, 200, 'and harms nothing');
    is($server->stop, 0, 'stops in order');
}

# ---- WINCH: the workers go, the master stays, HUP brings workers back ----
{
    my $server = Galley::Test->start('t/apps/moody', workers => 2);
    my $nap = nap($server, 300);
    wait_until('it runs', sub { $server->stat('requests_active') == 1 });
    $server->signal('WINCH');
    is($nap->read_response->{status}, 200, 'WINCH: what runs is answered');
    ok(wait_until('no worker', sub { !children_of($server->pid) }), 'WINCH: the workers go');
    ok(is_alive($server->pid), 'the master stays');
    is($server->rpc('health')->{status}, 'fail', 'health says that nobody serves');
    my $waiting = $server->connect;
    $waiting->send("GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n");
    $server->signal('HUP');
    is($waiting->read_response->{status}, 200, 'HUP: who came meanwhile is answered');
    is(scalar(() = $server->workers), 2, 'two workers again');
    is($server->stop, 0, 'stops in order');
}

# ---- signals to the workers themselves (USR2 to the master: t/35-upgrade.t) ----
{
    my $server = Galley::Test->start('t/apps/moody', workers => 2);
    my @workers = sort $server->worker_pids;
    for my $pid (@workers) {
        kill $_ => $pid for qw(HUP INT QUIT TERM USR1 USR2 WINCH TTIN TTOU PIPE);
    }
    is($server->request(GET => '/plaintext')->{status}, 200, 'it serves');
    is_deeply([ sort $server->worker_pids ], \@workers, 'signals of the group do not end workers: the master decides');
    is($server->stop, 0, 'stops in order');
}
done_testing;
