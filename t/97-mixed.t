#!/usr/bin/perl
# 97-mixed.t - examples/mixed.c does what its header says: every command line there is run as it stands.
# Does:     compares answers; times, which depend on the machine, by what must be so: coroutines wait at once, threads some at
#           a time, and a coroutine that blocks holds up all.
# See:      docs/tutorial/23-async-and-sync.md
use strict;
use warnings;
use lib 't/lib';
use Galley::Test;
use Test::More;
use Time::HiRes qw(time);

my $server = Galley::Test->start('examples/mixed', workers => 1);
my ($header) = Galley::Test::read_file('examples/mixed.c') =~ m{\A/\*(.*?)\*/}s;
my $here = sprintf 'http://127.0.0.1:%d', $server->port;

# A line of the header as a shell runs it, at this server.
sub run_line {
    my ($command) = @_;
    $command =~ s{http://127\.0\.0\.1:8000}{$here} or die "not for this server: $command\n";
    return run_command('bash', '-c', $command);
}

my @answers = $header =~ m{^ \*     (curl .*?)\s{2,}(\{.*\})$}mg;
is scalar(@answers), 10, 'five commands with their answers';
while (my ($command, $answer) = splice @answers, 0, 2) {
    my ($got, %cost);
    for (1 .. 5) {    # until nobody takes the processor from one of the two that are compared
        $got = run_line($command);
        s/("\w+_(?:ms|ns)":)\d+/$1N/g for my ($shown, $out) = ($answer, $got->{out});
        is $out, $shown, $command;
        %cost = $got->{out} =~ /"(\w+_(?:ms|ns))":(\d+)/g;
        last if !%cost || ($cost{async_ms} < $cost{threads_ms} && $cost{task_ns} < $cost{thread_ns});
    }
    next if !%cost;
    cmp_ok $cost{async_ms}, '>=', 20, 'sixty-four coroutines wait 20 ms';
    cmp_ok $cost{threads_ms}, '>=', 160, 'eight threads need eight turns at least';
    cmp_ok $cost{async_ms}, '<', $cost{threads_ms}, 'so coroutines are faster';
    cmp_ok $cost{task_ns}, '<', $cost{thread_ns}, 'and a task costs less than a trip to a thread';
}

my %took;
for my $command ($header =~ m{^ \*     time (curl .*?)\s{2,}\d}mg) {
    my ($way) = $command =~ m{8000/(\w+)};
    $took{$way} = best_of(64 * 0.02, sub {
        my $begun = time;
        my $got = run_line($command);
        is scalar(() = $got->{out} =~ /"in_stock":42/g), 64, $command;
        return time - $begun;
    });
}
is join(' ', sort keys %took), 'async helper sync wrong', 'all four ways under load';
cmp_ok $took{$_}, '>=', 0.16, "$_: at most eight at a time" for qw(sync helper);
cmp_ok $took{wrong}, '>=', 64 * 0.02, 'wrong: one after the other';
cmp_ok $took{async}, '<', $took{wrong}, 'async: all at once';
is $server->request(GET => '/costs?jobs=129')->{status}, 422, 'more jobs than the queue of the threads takes';
is $server->stop, 0, 'stops';
done_testing;
