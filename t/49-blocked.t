#!/usr/bin/perl
# 49-blocked.t - a handler that holds the loop is named in the log while it does, with the function that blocks.
use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use POSIX ();
use Test::More;
use Galley::Test;

my $app = 't/apps/blocking';

sub line_of {
    my ($text) = @_;
    my @lines = split /\n/, read_file(root() . "/$app.c");
    my ($n) = grep { index($lines[ $_ - 1 ], $text) >= 0 } 1 .. @lines;
    return $n;
}

# A line's time in seconds of its day.
sub seconds_of {
    my ($hours, $minutes, $seconds) = $_[0] =~ /T(\d\d):(\d\d):([\d.]+)Z/;
    return $hours * 3600 + $minutes * 60 + $seconds;
}

my $pipe_dir = temp_dir();
my $pipe = "$pipe_dir/pipe";
POSIX::mkfifo($pipe, 0600) or die "mkfifo: $!\n";
my $server = Galley::Test->start($app, workers => 1, env => { BLOCKING_PIPE => $pipe });

# ---- while it blocks: the line is there before the answer ----
{
    my $client = $server->connect;
    $client->send("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
    my $line = line_of('"/stuck"');
    ok($server->wait_log(qr/ blocked \d+ ms in GET \/stuck \(stuck, t\/apps\/blocking\.c:$line\): /), 'the line comes');
    my ($ms, $trace) = $server->log =~ / blocked (\d+) ms in GET \/stuck [^:]*:\d+\): (.*)/;
    cmp_ok($ms, '>=', 100, 'not before the limit');
    like($trace, qr/^\w*open\w* < wait_for_pipe \(blocking\.so\+0x[0-9a-f]+\) < stuck \(blocking\.so\+0x[0-9a-f]+\) < \.\.\.$/,
        'and tells the way to the call that blocks');
    unlike($server->log, qr/unblocked/, 'it still blocks');
    open my $other, '>', $pipe or die "$pipe: $!\n";
    my $answer = $client->read_response;
    is($answer->{body}, '0', 'then it goes on: no signal has interrupted the call');
    close $other;
    ok($server->wait_log(qr/ unblocked after \d+ ms in GET \/stuck /), 'its end is told');
    my ($whole) = $server->log =~ / unblocked after (\d+) ms/;
    cmp_ok($whole, '>=', $ms, 'with the whole length');
}

# ---- each way to block ----
my $offset = qr/ \(blocking\.so\+0x[0-9a-f]+\)/;
for my $row (
    [ '/slow', 'slow_report', qr/usleep < slow_report$offset < \.\.\./, '0' ],
    [ '/compute', 'compute', qr/count_for[\w.]*$offset < compute$offset < \.\.\./, '1' ],
    [ '/wipe', 'wipe', qr/prepare[\w.]*$offset < wipe$offset < \.\.\./, '1' ],
    [ '/sort', 'sort', qr/nanosleep < compare$offset < .*\bsort$offset < \.\.\./, 'ab' ],
    [ '/task', 'hand_over', qr/, task doze \(t\/apps\/blocking\.c:\d+\): .*usleep < doze$offset < \.\.\./, 'done' ])
{
    my ($path, $handler, $says, $body) = @$row;
    my $count = $server->stat('loop_blocked_total');
    is($server->request(GET => "$path?ms=900")->{body}, $body, "$path: answers");
    ok($server->wait_log(qr/ unblocked after \d+ ms in GET $path /), "$path: its end is told");
    my ($line) = $server->log =~ /^\S+ warn worker 0\S* blocked (\d+ ms in GET $path .*)$/m;
    like($line, qr/^\d+ ms in GET $path \($handler, t\/apps\/blocking\.c:\d+\)/, "$path: the handler is named");
    SKIP: {
        skip "$path: AddressSanitizer has a memset of its own, which calls libc's by a pointer", 1 if $path eq '/wipe' && Galley::Test::build() =~ /asan/;
        like($line, $says, "$path: and the guilty function");
    }
    ok($server->wait_stat(loop_blocked_total => sub { $_[0] > $count }), "$path: and counted");
}
my ($soonest) = sort { $a <=> $b } $server->log =~ / blocked (\d+) ms in /g;    # where others have the processor, later
cmp_ok($soonest, '<', 200 * slow(), "told within 200 ms ($soonest)");

# ---- twice within a second: both are counted, one is told ----
my $count = $server->stat('loop_blocked_total');
$server->request(GET => '/twice?ms=200');
ok($server->wait_stat(loop_blocked_total => sub { $_[0] >= $count + 2 }), 'two blocks in a row are counted');
my @at = map { seconds_of($_) } grep { / blocked \d+ ms in GET \/twice / } split /\n/, $server->log;
ok(@at > 0, 'and told');
is(scalar(grep { $at[$_] - $at[ $_ - 1 ] < 0.99 } 1 .. $#at), 0, 'but not more than a line a second') or diag("@at");

# ---- what is no block ----
my ($more, $told);
for (1 .. 5) {    # until nobody takes the processor from the worker meanwhile
    my ($before, $length) = ($server->stat('loop_blocked_total'), length $server->log);
    is($server->request(GET => '/slow?ms=20')->{body}, '0', 'a short block') for 1 .. 3;
    is($server->request(GET => '/patient?ms=300')->{body}, 'done', 'a sync handler that blocks');
    $more = $server->stat('loop_blocked_total') - $before;
    $told = substr $server->log, $length;
    last if !$more;
}
is($more, 0, 'are not counted');
unlike($told, qr/ blocked \d+ ms in /, 'and not told');

# ---- and for each route ----
my %blocked = map { $_->{path} // '' => $_->{blocked} } @{ $server->rpc('routes') };
cmp_ok($blocked{$_}, '>=', 1, "$_ has its own count") for qw(/slow /task);
cmp_ok($blocked{'/twice'}, '>=', 2, '/twice has both');
my $sum = 0;
$sum += $_ for grep { defined } values %blocked;
cmp_ok($sum, '<=', $server->stat('loop_blocked_total'), 'none is counted twice');
is($server->stop, 0, 'stops in order');

# ---- none is wanted ----
{
    my $quiet = Galley::Test->start($app, workers => 1, config => "blocked_limit = 0\n");
    is($quiet->request(GET => '/slow?ms=300')->{body}, '0', 'blocked_limit = 0: answers');
    is($quiet->stat('loop_blocked_total'), 0, 'blocked_limit = 0: nothing is counted');
    is($quiet->stop, 0, 'stops in order');
}

# ---- one that the master gives up: its last words tell the same ----
{
    my $hung = Galley::Test->start($app, workers => 1, config => "hang_timeout = 1s\n", env => { BLOCKING_PIPE => $pipe });
    my $client = $hung->connect;
    $client->send("GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n");
    ok($hung->wait_log(qr/^worker crashed: SIGABRT in GET \/stuck, /m, 20), 'a worker that hangs is ended');
    ok($hung->wait_log(qr/^  wait_for_pipe \(blocking\.so\+0x[0-9a-f]+\)\n  stuck \(blocking\.so/m), 'and says where it was');
    ok($hung->wait_log(qr/ coroutine id=\d+ .*state=RUNNING/), 'and who was there');
    is($hung->stop, 0, 'stops in order');
}
done_testing;
