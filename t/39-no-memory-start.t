#!/usr/bin/perl
# 39-no-memory-start.t - a start, a reload and questions to the master while allocations fail: a server either comes up, or ends
# with one sentence and not 0; one that serves serves on.
# Does:     let some of the allocations of all processes fail, each in a start of its own; then some of the master's, while it is
#           asked and told to reload.
# Soak:     each of the first 2,000.
# See:      t/preload/no_memory.c, t/38-no-memory.t
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::NoMemory;
use Galley::Test;
use IO::Select;
use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'valgrind brings its own malloc' if wrapped();

my $MOST_TRIES = soak() ? 2_000 : 12;
srand(soak() ? time : 39);    # the suite asks the same each time
my $dir = temp_dir();
my $memory = Galley::NoMemory->new($dir);
my ($cert, $key) = tls_files($dir);
my @arguments = ('run', app_path('t/apps/greedy'), '--stats', "$dir/stats.sock", '--workers', 1, '--tls-cert', $cert, '--tls-key', $key);

# OpenSSL 3.0 goes on with a default context that it could not set up. Such a worker's end is told, as any.
my $LIBCRYPTO = qr{^worker crashed: SIGSEGV at address 0x18\n  \S*pthread_rwlock_rdlock .*\n  CRYPTO_THREAD_read_lock }m;

# Start until it serves or ends, while allocations from number `from` on fail: what came of it.
sub start {
    my (%how) = @_;
    $memory->arm(%how);
    pipe my $read, my $write or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>&', $write or POSIX::_exit(126);
        open STDERR, '>', "$dir/log" or POSIX::_exit(126);
        my $env = $memory->env;
        $ENV{$_} = $env->{$_} for keys %$env;
        $ENV{ASAN_OPTIONS} = join ':', grep { length } $ENV{ASAN_OPTIONS}, 'detect_leaks=0';    # libcrypto leaves pieces behind
        exec galley(), @arguments or POSIX::_exit(127);
    }
    close $write;
    my ($said, $deadline) = ('', time + 40 * slow());
    while ($said !~ /^galley: serving/m && IO::Select->new($read)->can_read(max 0, $deadline - time)) {
        last if !sysread $read, $said, 4096, length $said;
    }
    my ($calls, $failed) = $memory->disarm;
    my $does_serve = $said =~ /^galley: serving/m;
    kill TERM => $pid if $does_serve;
    my $status = Galley::Test::reap($pid, 20);
    kill KILL => $pid if !defined $status;
    my $log = read_file("$dir/log");
    my $what = !defined $status ? 'hangs'
        : $status >= 128 || ($log =~ /\bby signal\b|signal=|SIG[A-Z]+|\bbug\b|AddressSanitizer/ && $log !~ $LIBCRYPTO) ? 'crashes'
        : $does_serve ? ($status == 0 ? 'serves' : "serves, and ends with $status")
        : $status == 0 ? 'ends with 0'
        : $log =~ /^galley: .*|error .*/m ? 'ends with a sentence' : 'ends silently';
    return ($what, $calls, $failed, $log);
}

my ($what, $calls) = start(burst => 0);
is($what, 'serves', 'starts with memory');
for my $row ([ 'one', 1 ], [ 'all from one on', 1 << 40 ]) {
    my ($name, $burst) = @$row;
    my $stride = max(1, int(min(2_000, $calls) / $MOST_TRIES));
    $stride = max(1, int($calls / $MOST_TRIES)) if !soak();
    my ($tries, %came) = (0);
    for (my $at = 1 + int rand $stride; $at <= $calls && $tries < $MOST_TRIES; $at += $stride) {
        my ($got, undef, $failed, $log) = start(from => $at, burst => $burst);
        $tries++;
        $came{$got}++;
        diag("$name, allocation $at of $calls: $got\n$log") if $got !~ /^(?:serves|ends with a sentence)$/;
    }
    my @bad = grep { !/^(?:serves|ends with a sentence)$/ } keys %came;
    is("@bad", '', "$tries starts of $calls allocations, $name failed: " . join ', ', map { "$came{$_} $_" } sort keys %came);
}

# The master's own: what it is asked, and a reload.
my $server = Galley::Test->start('t/apps/greedy', env => $memory->env, tls => 1);    # a file is read by libConfuse, whose scanner exits
my $methods = join ' ', qw(status workers health metrics routes coroutines ping);
for my $row (map({ my $method = $_; [ $method, sub { $server->call($method) } ] } split ' ', $methods),
    [ reload => sub { $server->rpc('reload', undef, 60) } ]) {
    my ($name, $ask) = @$row;
    eval { $ask->() };
    $memory->arm(pid => $server->pid, burst => 0);
    eval { $ask->() };
    ($calls) = $memory->disarm;
    my ($stride, $tries, %came) = (max(1, int($calls / ($name eq 'reload' ? $MOST_TRIES : 2 * $MOST_TRIES))), 0);
    for (my $at = 1 + int rand $stride; $at <= $calls; $at += $stride) {
        $memory->arm(pid => $server->pid, from => $at);
        my ($result, $error) = eval { $ask->() };
        my $why = $@;
        $memory->disarm;
        $tries++;
        $came{ $result ? 'answered' : $error ? 'refused' : 'not answered' }++;
        last if !is(join(' ', is_alive($server->pid), eval { $server->status->{pid} } // $@), '1 ' . $server->pid, "$name: the master lives after allocation $at of $calls");
    }
    ok(!scalar(eval { $ask->(); 0 } // $@), "$name: $tries of $calls allocations failed: " . join ', ', map { "$came{$_} $_" } sort keys %came);
}
is($server->stop, 0, 'stops');
done_testing;
