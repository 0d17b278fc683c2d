#!/usr/bin/perl
# 26-log-pipe.t - standard error is a pipe that nobody reads any more: the server serves, reloads and stops all the same.
use strict;
use warnings;
use lib 't/lib';
use Fcntl;
use IO::Select;
use Test::More;
use Galley::Test;

my $dir = temp_dir();
pipe my $read, my $write or die "pipe: $!\n";
pipe my $out, my $out_write or die "pipe: $!\n";
my $pid = fork // die "fork: $!\n";
if (!$pid) {
    open STDIN, '<', '/dev/null' or POSIX::_exit(126);
    open STDOUT, '>&', $out_write or POSIX::_exit(126);
    open STDERR, '>&', $write or POSIX::_exit(126);
    exec galley_words(), 'run', app_path('examples/hello'), '--listen', "unix:$dir/http", '--stats', "$dir/s", '--workers', 1, '--log-level', 'debug'
        or POSIX::_exit(127);
}
close $out_write;
my $line = '';
while ($line !~ /\n/ && IO::Select->new($out)->can_read(20 * slow())) {
    sysread $out, $line, 4096, length $line or last;
}
like($line, qr/^galley: serving Hello /, 'it serves');

# Fill the pipe to the last byte, by a description of our own, so that the server's stays as it is.
sysopen my $filler, '/proc/self/fd/' . fileno($write), O_WRONLY | O_NONBLOCK or die "pipe: $!\n";
for my $size (4096, 1) {
    1 while syswrite $filler, 'x' x $size;
}
my @ask = ('--unix-socket', "$dir/http", '-o', '/dev/null', '-w', '%{http_code}', 'http://x/items/7');
is(curl(@ask)->{out}, 200, 'a request');
my $got = galley_command('reload', '--stats', "$dir/s");
is($got->{status}, 0, 'a reload') or diag($got->{err});
my $lost = galley_command('metrics', 'log_lost_total', '--json', '--stats', "$dir/s")->{out};
like($lost, qr/"value":[1-9]/, 'lines that nobody can read are counted');
is(curl(@ask)->{out}, 200, 'a request to the next generation');
close $read;
is(curl(@ask)->{out}, 200, 'a request when the pipe has no reader');
is(galley_command('health', '--stats', "$dir/s")->{status}, 0, 'all is well');
kill TERM => $pid;
is(Galley::Test::reap($pid, 20), 0, 'it stops with 0');

done_testing();
END {
    if ($pid) {
        local $?;
        kill KILL => $pid;
        waitpid $pid, 0;
    }
}
