#!/usr/bin/perl
# 48-gdb.t - scripts/galley-gdb.py: who waits for what, and each stack, of a live worker and of its core file.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

plan skip_all => 'there is no gdb' if run_command('gdb', '--version')->{status};

my $app = 't/apps/sleepers';
my $script = root() . '/scripts/galley-gdb.py';

sub line_of {
    my ($text) = @_;
    my @lines = split /\n/, read_file(root() . "/$app.c");
    my ($n) = grep { index($lines[ $_ - 1 ], $text) >= 0 } 1 .. @lines;
    return $n;
}

# gdb on a process or a core: what it printed on standard output.
sub gdb {
    my ($target, @commands) = @_;
    my $got = run_command({ timeout => 300 }, 'gdb', '-batch', '-nx', '-ex', 'set debuginfod enabled off', @$target, '-x', $script,
        map { ('-ex', $_) } @commands);
    $got->{out} .= $got->{err} if $got->{err} =~ /ptrace|not permitted/;
    return $got;
}

sub check {
    my ($what, $target) = @_;
    my $got = gdb($target, 'galley coroutines', 'galley bt all', 'galley bt 4711', 'galley bt');
    my $list = $got->{out};
    SKIP: {
        skip "$what: gdb may not attach here", 1 if $list =~ /ptrace:|Operation not permitted/;
        my %at = map { $_ => line_of($_) } ('galley_gather(co', 'galley_await(co', 'return galley_sleep_ms(co, FOREVER_MS)', 'return galley_sleep_ms(co, *ms)');
        my ($file) = qr/t\/apps\/sleepers\.c/;
        like($list, qr/^6 coroutines$/m, "$what: all are counted");
        like($list, qr/^#(\d+)  waiting  GET \/gather  .*waits for gather #\d+ #\d+ at $file:$at{'galley_gather(co'}$/m, "$what: the gather");
        like($list, qr/^#\d+  waiting  GET \/sleep  .*waits for sleep \d+ ms at $file:$at{'return galley_sleep_ms(co, FOREVER_MS)'}$/m, "$what: the sleep");
        like($list, qr/^#\d+  waiting  GET \/task  .*waits for task #\d+ at $file:$at{'galley_await(co'}$/m, "$what: the await");
        like($list, qr/^#\d+  waiting  GET \/gather  nap \($file:\d+\)  child of #\d+  waits for sleep \d+ ms at /m, "$what: a task and its parent");
        my ($sleeper) = $list =~ /^#(\d+)  waiting  GET \/sleep /m;
        my $stack = gdb($target, "galley bt $sleeper")->{out};
        like($stack, qr/\sgalley__sleep_ms\s\(.*\n
            \s+\#\d+\s+dream\s\(.*depth=0.*\)\sat\s$file:$at{'return galley_sleep_ms(co, FOREVER_MS)'}\n
            \s+\#\d+\s+dream\s\(.*depth=1.*\)\sat\s$file:\d+\n
            \s+\#\d+\s+dream\s\(.*depth=2.*\)\sat\s$file:\d+\n
            \s+\#\d+\s+sleep_long\s\(.*\)\sat\s$file:\d+\n/x, "$what: the stack of one, with arguments, files and lines");
        like($stack, qr/ coro_main \(.*\n(?! +#)/, "$what: to its end");
        is(scalar(() = $list =~ / coro_main \(/g), 6, "$what: the stacks of all");
        like($list, qr/ gather \(.*\) at $file:$at{'galley_gather(co'}$/m, "$what: the gather's stack");
        like($list, qr/ task \(.*\) at $file:$at{'galley_await(co'}$/m, "$what: the await's stack");
        like($got->{err}, qr/no coroutine #4711 lives/, "$what: one that does not live");
        like($got->{err}, qr/which one\?/, "$what: none named");
    }
    return;
}

my $dir = temp_dir();
my $wrapper = write_file("$dir/run", "#!/bin/sh\nulimit -c unlimited\ncd $dir\nexec \"\$@\"\n");
# gdb stops the worker while it reads symbols, which must not be taken for a hang.
my $server = Galley::Test->start($app, workers => 1, wrap => "sh $wrapper", args => [qw(--hang-timeout 10m)]);
my @clients = map { my $c = $server->connect; $c->send("GET /$_ HTTP/1.1\r\nHost: x\r\n\r\n"); $c } qw(gather sleep task);
ok($server->wait_stat(coroutines_live => 6), 'three requests wait, with three tasks');
my ($pid) = $server->worker_pids;
check('live', [ '-p', $pid ]);
is($server->rpc('ping'), 'pong', 'the server goes on');
ok(wait_until('they wait', sub { 6 == grep { $_->{state} eq 'waiting' } @{ $server->rpc('coroutines')->{coroutines} } }), 'and its coroutines wait as before');
like(gdb([ '-p', $server->pid ], 'galley coroutines')->{err}, qr/no scheduler here|ptrace|not permitted/, 'the master has none, and says so');

SKIP: {
    my $pattern = read_file('/proc/sys/kernel/core_pattern');
    skip 'core files go elsewhere', 1 if $pattern =~ m{[|/]};
    skip 'sanitizers write no core files', 1 if build() =~ /asan/;
    kill ABRT => $pid;
    ok(wait_until('a successor is ready', sub { my ($new) = $server->worker_pids; ($new // $pid) != $pid }), 'it is replaced');
    my ($core) = glob "$dir/core*";
    skip 'no core file was written', 1 if !$core;
    check('core', [ build() . '/bin/galley', $core ]);
}
is($server->stop, 0, 'stops in order');
done_testing;
