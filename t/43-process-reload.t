#!/usr/bin/perl
# 43-process-reload.t - reloads lose nothing: under load of every kind, and when the new generation is bad in any way.
# Soak: 100 reloads for each kind of client instead of a few.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $reloads = soak() ? 100 : 5;

sub resident_kib {
    my ($pid) = @_;
    return read_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

# ---- under load ----
for my $kind ([], ['close'], ['tls'], [ 'tls', 'h2' ]) {
    my %how = map { $_ => 1 } @$kind;
    my $name = join(' ', @$kind) || 'keep-alive';
    my $server = Galley::Test->start('t/apps/moody', workers => 2, tls => $how{tls});
    my $load = $server->load(%how, connections => 16);
    $server->rpc('reload', undef, 40);    # what is opened once is open now
    wait_until('old workers end', sub { 2 == children_of($server->pid) }, 20);
    my ($before, $memory) = (descriptors_of($server->pid), resident_kib($server->pid));
    for my $n (1 .. $reloads) {
        my $result = $server->rpc('reload', undef, 40);
        ok($result->{ok}, "$name: reload $n") or diag($result->{message});
    }
    my $result = $server->finish_load($load);
    is($result->{failed}, 0, "$name: no request failed in $reloads reloads");
    cmp_ok($result->{ok}, '>', 100, "$name: requests were answered all the while");
    note("$name: $result->{ok} requests, $result->{opened} connections");
    is($server->status->{generation}, $reloads + 2, "$name: that many generations");
    wait_until('old workers end', sub { 2 == children_of($server->pid) }, 20);
    is(scalar(children_of($server->pid)), 2, "$name: only the new workers are left");
    wait_until('its own clients are closed', sub { descriptors_of($server->pid) <= $before });
    cmp_ok(descriptors_of($server->pid), '<=', $before, "$name: the master has no descriptor more");
    cmp_ok(resident_kib($server->pid) - $memory, '<', 1024, "$name: nor a MiB of memory") if build() !~ /asan/;
    is($server->stop, 0, "$name: stops in order");
}

# ---- bad reloads ----
my $dir = temp_dir();
my $mood = write_file("$dir/mood", "ok\n");
write_file("$dir/app.so", read_file(app_path('t/apps/moody')));
my $server = Galley::Test->start("$dir/app.so", workers => 2, env => { MOODY_FILE => $mood },
    config => "start_timeout = " . 4000 * slow() . "ms\n");

# A new file in place of the old one; the running workers keep theirs. (To overwrite or rename over a file would wait for
# the disk.)
sub replace {
    my ($path, $content) = @_;
    unlink $path;
    return write_file($path, $content);
}

sub install {
    my ($content) = @_;
    return replace("$dir/app.so", $content);
}

my $good = read_file(app_path('t/apps/moody'));
my @bad = (
    [ 'a missing file', sub { unlink "$dir/app.so" }, qr/no such file|cannot (?:open|load)/i ],
    [ 'a missing symbol', sub { install(read_file(app_path('t/apps/nothing'))) }, qr/galley_app/ ],
    [ 'a file that is no library', sub { install("what?\n") }, qr/\Q$dir\E\/app\.so/ ],
    [ 'a start hook that fails', sub { replace($mood, "fail\n") }, qr/start hook/ ],
    [ 'a crash in the start hook', sub { replace($mood, "crash\n") }, qr/signal 11/ ],
    [ 'an exit in the start hook', sub { replace($mood, "exit\n") }, qr/status 7/ ],
    [ 'a start hook that hangs', sub { replace($mood, "hang\n") }, qr/start_timeout|start hook/ ],
    [ 'bad configuration', sub { replace($server->{config_path}, "wrokers = 3\n") }, qr/wrokers/ ],
);
my $load = $server->load(connections => 8);
my $generation = $server->status->{generation};
my @pids = sort { $a <=> $b } $server->worker_pids;
for my $row (@bad) {
    my ($name, $spoil, $reason) = @$row;
    $spoil->();
    my $result = $server->rpc('reload', undef, 20);
    ok(!$result->{ok}, "$name: the reload fails");
    like($result->{message}, $reason, "$name: says why");
    is($server->status->{last_reload}{message}, $result->{message}, "$name: status says it, too");
    my $command = galley_command('reload', '--stats', $server->stats_path);
    is($command->{status}, 1, "$name: galley reload ends with 1");
    like($command->{err}, $reason, "$name: galley reload says why");
    is($server->status->{generation}, $generation, "$name: the old generation goes on");
    is_deeply([ sort { $a <=> $b } grep { defined } map { $_->{state} eq 'ready' && $_->{generation} == $generation ? $_->{pid} : undef }
        $server->workers ], \@pids, "$name: with the same workers");
    install($good);
    replace($mood, "ok\n");
    replace($server->{config_path}, "start_timeout = " . 4000 * slow() . "ms\n");
}
is($server->rpc('health')->{status}, 'warn', 'health warns of the failed reload');
my $result = $server->rpc('reload', undef, 20);
ok($result->{ok}, 'the next good reload works') or diag($result->{message});
is($server->rpc('health')->{status}, 'pass', 'and health passes');
my $loaded = $server->finish_load($load);
is($loaded->{failed}, 0, "bad reloads lost no request of $loaded->{ok}");

# ---- the number of workers and the addresses change by reload ----
{
    my $files = temp_dir();
    my $config = sub { join '', map { "$_\n" } "workers = $_[0]", 'listen = {' . join(', ', map { "\"$_\"" } '127.0.0.1:0', @_[ 1 .. $#_ ]) . '}' };
    my $other = Galley::Test->start('t/apps/moody', no_workers => 1, no_listen => 1, config => $config->(4));
    my @loads = map { $other->load(connections => 8, %$_) } {}, { close => 1 };
    my $port = $other->port;
    for my $round (1 .. (soak() ? 20 : 3)) {
        for my $row ([1], [ 4, "unix:$files/a.sock" ], [ 2, "unix:$files/a.sock", '127.0.0.1:0' ], [4]) {
            my ($count, @more) = @$row;
            replace($other->{config_path}, $config->(@$row));
            my $result = $other->rpc('reload', undef, 40);
            ok($result->{ok}, "reload to $count workers on " . (1 + @more) . ' addresses') or diag($result->{message});
            my $status = $other->status;
            is($status->{workers}, $count, "$count workers");
            is(scalar @{ $status->{listeners} }, 1 + @more, 'that many addresses');
            is($status->{listeners}[0]{address}, "http://127.0.0.1:$port", 'the first keeps its port');
            next if !@more;
            my $connection = Galley::Http->connect(path => "$files/a.sock");
            is($connection->request(GET => '/plaintext')->{status}, 200, 'the new address serves');
            $connection->close;
        }
    }
    for my $load (@loads) {
        my $result = $other->finish_load($load);
        is($result->{failed}, 0, "changes by reload failed none of $result->{ok} requests");
    }
    ok(wait_until('it is closed', sub { !-e "$files/a.sock" }), 'an address that nobody names any more is closed');
    is($other->stop, 0, 'stops in order');
}

# ---- many at once ----
$generation = $server->status->{generation};
$server->signal('HUP') for 1 .. 50;
$server->rpc('reload', undef, 40);
cmp_ok($server->status->{generation}, '<=', $generation + 4, '50 signals merge into few reloads');
wait_until('old workers end', sub { 2 == children_of($server->pid) }, 20);
is(scalar(children_of($server->pid)), 2, 'one generation remains');

# ---- TERM while a reload hangs ----
replace($mood, "hang\n");
$server->signal('HUP');
wait_until('the trial has started', sub { 4 == children_of($server->pid) });
is($server->stop(timeout => 10), 0, 'TERM during a reload wins');
done_testing;
