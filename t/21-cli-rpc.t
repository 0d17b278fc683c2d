#!/usr/bin/perl
# 21-cli-rpc.t - the questions to a server, against one that answers from a script: tables, JSON, errors, garbage.
use strict;
use warnings;
use lib 't/lib';
use IO::Socket::UNIX;
use JSON::PP;
use Test::More;
use Galley::MsgPack qw(encode decode);
use Galley::Test;

my $dir = temp_dir();
my $path = "$dir/s";

# A server for one connection in a child: reads one call, tells it through a pipe, writes what `script` makes of it.
sub serve {
    my ($script) = @_;
    unlink $path;
    my $listener = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => 1) or die "$path: $!\n";
    pipe my $read, my $write or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        $SIG{PIPE} = 'IGNORE';
        my $client = $listener->accept;
        my ($bytes, $call) = ('');
        while (!$call) {
            sysread $client, $bytes, 4096, length $bytes or POSIX::_exit(1);
            ($call) = eval { decode($bytes) };
        }
        syswrite $write, encode($call);
        my $answer = $script->($call);
        while (length $answer) {
            my $sent = syswrite $client, $answer, 7000 or last;
            substr $answer, 0, $sent, '';
        }
        POSIX::_exit(0);
    }
    close $write;
    return { pid => $pid, pipe => $read };
}

# Run a command against that server: its result, with the call the server got.
sub ask {
    my ($script, @arguments) = @_;
    my $server = serve($script);
    my $got = galley_command(@arguments, '--stats', $path);
    kill KILL => $server->{pid};
    waitpid $server->{pid}, 0;
    my $bytes = do { local $/; readline $server->{pipe} };
    ($got->{call}) = decode($bytes) if length($bytes // '');
    return $got;
}

sub result {
    my ($value) = @_;
    return sub { encode([ 1, $_[0][1], undef, $value ]) };
}

my %status = (
    version => '0.1.0', pid => 0 + 4711, generation => 0 + 3, uptime_s => 0 + 7500, phase => 'serving', workers => 0 + 2,
    app => { path => '/srv/shop.so', title => 'Shop', version => '1.2' },
    listeners => [ { address => 'http://127.0.0.1:8000', tls => \0 }, { address => 'unix:/x', tls => \0 } ],
    last_reload => { at => 0 + 1700000000, ok => \0, message => "start hook failed\n" },
);
my $got = ask(result(\%status), 'status');
is($got->{status}, 0, 'status: exit status');
is_deeply($got->{call}, [ 0, $got->{call}[1], 'status', [] ], 'status: the call');
is($got->{out}, <<'END', 'status: what it prints');
galley       0.1.0
pid          4711
generation   3
up           2h 5m
phase        serving
workers      2
application  Shop 1.2 (/srv/shop.so)
listening    http://127.0.0.1:8000
             unix:/x
last reload  FAILED at 2023-11-14T22:13:20Z: start hook failed?
END
$got = ask(result(\%status), 'status', '--json');
my $json = decode_json($got->{out});
is_deeply([ $json->{pid}, $json->{app}{title}, $json->{last_reload}{message}, $json->{last_reload}{ok} ? 1 : 0 ],
    [ 4711, 'Shop', "start hook failed\n", 0 ], 'status --json');
$got = ask(result({}), 'status');
is($got->{status}, 0, 'a status without anything is no crash');

my @workers = map {
    {   slot => 0 + $_, pid => 100 + $_, generation => 0 + 1, state => 'READY', uptime_s => 0 + 5, connections => 0 + 10,
        requests => 0 + 12345, coroutines => 0 + 3, rss_bytes => 0 + 5 * 1024 * 1024, loop_lag_us => 0 + 80, last_report_ms => 0 + 12 }
} 0, 1;
$got = ask(result(\@workers), 'workers');
is($got->{status}, 0, 'workers: exit status');
is($got->{out}, <<'END', 'workers: a table');
SLOT  PID  GEN  STATE  UP  CONNS  REQUESTS  COROUTINES   MEMORY  LAG US  HEARD MS AGO
   0  100    1  READY  5s     10     12345           3  5.0 MiB      80            12
   1  101    1  READY  5s     10     12345           3  5.0 MiB      80            12
END
is(scalar @{ decode_json(ask(result(\@workers), 'workers', '--json')->{out}) }, 2, 'workers --json');
is(ask(result([]), 'workers')->{status}, 0, 'no workers');
is(ask(result({}), 'workers')->{status}, 1, 'workers that are no list');

# A row of `coroutines`: worker, id, parent, and what differs from one that sleeps.
sub coroutine {
    my ($worker, $id, $parent, %other) = @_;
    return {
        worker => 0 + $worker, pid => 100 + $worker, id => 0 + $id, parent => $parent ? 0 + $parent : undef, name => 'grill', route => 'GET /orders',
        request_id => undef, age_ms => 0 + 900, state => 'waiting', waiting => { kind => 'sleep', what => '212 ms' },
        file => '/home/jo/src/drive_through.c', line => 0 + 41, %other };
}
my %coroutines = (
    coroutines => [
        coroutine(0, 12, 11), coroutine(0, 11, 0, name => 'order', request_id => 'r-1', line => 0 + 88, waiting => { kind => 'task', what => '#12' }),
        coroutine(0, 13, 11, state => 'ready', waiting => undef), coroutine(0, 14, 13, waiting => { kind => 'thread', what => '' }),
        coroutine(1, 12, 11), coroutine(1, 15, 0, name => 'request', route => undef, file => undef, line => undef),
    ],
    workers => [
        { worker => 0 + 0, pid => 0 + 100, state => 'ready', answered => \1, coroutines => 0 + 4, left_out => 0 + 0 },
        { worker => 0 + 1, pid => 0 + 101, state => 'ready', answered => \1, coroutines => 0 + 5, left_out => 0 + 3 },
        { worker => 0 + 2, pid => 0 + 102, state => 'late', answered => \0, coroutines => 0 + 0, left_out => 0 + 0 },
    ]);
$got = ask(result(\%coroutines), 'ps');
is($got->{status}, 0, 'ps: exit status');
is($got->{call}[2], 'coroutines', 'ps: the call');
is($got->{out} =~ s/ +$//mgr, <<'END', 'ps: a table');
WORKER  ID  PARENT  AGE MS  ROUTE        NAME     PLACE               DOING
     0  12      11     900  GET /orders  grill    drive_through.c:41  sleeping 212 ms
     0  11       -     900  GET /orders  order    drive_through.c:88  waiting for task #12
     0  13      11     900  GET /orders  grill    drive_through.c:41  ready
     0  14      13     900  GET /orders  grill    drive_through.c:41  waiting for thread
     1  12      11     900  GET /orders  grill    drive_through.c:41  sleeping 212 ms
     1  15       -     900  -            request  -                   sleeping 212 ms
END
my $missing = <<'END';
galley: worker 1 (pid 101): 5 coroutines, 3 of them not shown
galley: worker 2 (pid 102), late, does not answer: what waits in it is not known
END
is($got->{err}, $missing, 'ps: says what is missing');
$got = ask(result(\%coroutines), 'pstree');
is($got->{status}, 0, 'pstree: exit status');
is($got->{out}, <<'END', 'pstree: a tree for each worker');
worker 0 (pid 100): 4 coroutines
  #11 GET /orders [r-1] order (drive_through.c:88) waiting for task #12
    -> #12 grill (drive_through.c:41) sleeping 212 ms
    -> #13 grill (drive_through.c:41) ready
      -> #14 grill (drive_through.c:41) waiting for thread
worker 1 (pid 101): 5 coroutines, 3 of them not shown
  #12 (task of #11) grill (drive_through.c:41) sleeping 212 ms
  #15 request, sleeping 212 ms
worker 2 (pid 102), late, does not answer: what waits in it is not known
END
for my $command ('ps', 'pstree') {
    $got = ask(result(\%coroutines), $command, '--json');
    is_deeply([ map { $_->{id} } @{ decode_json($got->{out})->{coroutines} } ], [ 12, 11, 13, 14, 12, 15 ], "$command --json");
    is(ask(result($_), $command)->{status}, 1, "$command: a strange answer")
        for [], {}, { coroutines => [] }, { workers => [] }, { coroutines => 0 + 5, workers => [] }, { coroutines => [], workers => 0 + 5 };
    is(ask(result({ coroutines => [], workers => [] }), $command)->{status}, 0, "$command: no workers");
    my $odd = { coroutines => [ undef, 0 + 5, [], {}, { waiting => {} }, coroutine(0, 1, 1), coroutine(0, 2, 3), coroutine(0, 3, 2) ],
        workers => [ undef, {}, $coroutines{workers}[0] ] };
    is(ask(result($odd), $command)->{status}, 0, "$command: rows that are none, and tasks of each other, do no harm");
    my $deep = { coroutines => [ map { coroutine(0, $_, $_ - 1) } 1 .. 3000 ], workers => [ $coroutines{workers}[0] ] };
    is(($got = ask(result($deep), $command))->{status}, 0, "$command: a very deep tree");
    is(($got->{out} =~ tr/\n//), 3001, "$command: all of it");
}

# ---- routes --live ----
my %route = (
    method => 'GET', path => '/items/{item_id}', name => 'read_item', requests => 0 + 120, unanswered => 0 + 1, in_flight => 0 + 2,
    responses => { '2xx' => 0 + 100, '3xx' => 0 + 0, '4xx' => 0 + 16, '5xx' => 0 + 1 }, cancelled => 0 + 1, blocked => 0 + 0,
    latency_us => { p50 => 0 + 870, p90 => 0 + 9950, p99 => 0 + 81000, max => 0 + 12345678 },
    stack_high_bytes => 0 + 8192, arena_high_bytes => 0 + 150000);
my %unasked = (%route, method => undef, path => undef, name => 'unmatched', requests => 0 + 0, in_flight => 0 + 0, stack_high_bytes => 0 + 0,
    responses => { map { $_ . 'xx' => 0 + 0 } 2 .. 5 }, latency_us => { map { $_ => undef } qw(p50 p90 p99 max) }, arena_high_bytes => 0 + 0);
$got = ask(result([ \%route, \%unasked ]), 'routes', '--live');
is($got->{status}, 0, 'routes: exit status');
is($got->{call}[2], 'routes', 'routes: the call');
is($got->{out} =~ s/ +$//mgr, <<'END', 'routes: a table');
METHOD  PATH              REQUESTS  2XX  3XX  4XX  5XX  NOW     P50     P90    P99   MAX    STACK     HEAP  HANDLER
GET     /items/{item_id}       120  100    0   16    1    2  870 us  9.9 ms  81 ms  12 s  8.0 KiB  146 KiB  read_item
-       (unmatched)              0    0    0    0    0    0       -       -      -     -        -      0 B  unmatched
END
is(ask(result($_), 'routes', '--live')->{status}, 1, 'routes: a strange answer') for {}, undef, 0 + 5, [0 + 5], [ {} ], [ { requests => 'x' } ];
is(ask(result([]), 'routes', '--live')->{status}, 0, 'routes: none');
is(ask(result([ { requests => 0 + 5 }, { requests => 0 + 5, responses => [], latency_us => 0 + 5, path => {} } ]), 'routes', '--live')->{status}, 0,
    'routes: rows of which much is missing');
is(ask(result($_), 'top')->{status}, 1, 'top: an answer and then nothing') for { interval_ms => 0 + 1000 }, undef;

my %checks = (workers => { status => 'warn', message => '1 of 2 is starting' });
for my $row ([ pass => 0 ], [ warn => 0 ], [ fail => 1 ], [ strange => 1 ]) {
    my $answer = { status => $row->[0], checks => \%checks };
    $got = ask(result($answer), 'health');
    is($got->{status}, $row->[1], "health $row->[0]: exit status");
    is($got->{out}, "$row->[0]\n  workers      warn: 1 of 2 is starting\n", "health $row->[0]: text");
    $got = ask(result($answer), 'health', '--json');
    is($got->{status}, $row->[1], "health --json $row->[0]: exit status");
    is(decode_json($got->{out})->{status}, $row->[0], "health --json $row->[0]");
}

my %metrics = (
    requests_total => { kind => 'counter', unit => 'requests', help => 'complete heads', value => 0 + 18446744073709551615 },
    rss_bytes => { kind => 'gauge', unit => 'bytes', help => 'resident memory', value => 0 + 4096 },
);
$got = ask(result(\%metrics), 'metrics');
like($got->{out}, qr{^requests_total +18446744073709551615 requests +complete heads$}m, 'metrics: a line each');
$got = ask(result(\%metrics), 'metrics', 'rss_bytes');
is(($got->{out} =~ tr/\n//), 1, 'metrics NAME: one line');
$got = ask(result(\%metrics), 'metrics', 'rss_bytes', '--json');
is_deeply(decode_json($got->{out}), { rss_bytes => $metrics{rss_bytes} }, 'metrics NAME --json');
is(scalar keys %{ decode_json(ask(result(\%metrics), 'metrics', '--json')->{out}) }, 2, 'metrics --json');
$got = ask(result(\%metrics), 'metrics', 'nothing');
is($got->{status}, 1, 'a metric that is not there: exit status');
like($got->{err}, qr{^galley: there is no metric 'nothing'}, 'a metric that is not there: sentence');

for my $row ([ [ 'scale', 3 ], 'scale', { workers => 3 } ], [ [ 'drain', 1 ], 'drain', { slot => 1 } ],
    [ [ 'log-level', 'debug' ], 'log_level', { level => 'debug' } ]) {
    $got = ask(result({}), @{ $row->[0] });
    is($got->{status}, 0, "$row->[1]: exit status");
    is_deeply([ @{ $got->{call} }[ 2, 3 ] ], [ $row->[1], [ $row->[2] ] ], "$row->[1]: the call");
    is_deeply(decode_json(ask(result({ a => 0 + 1 }), @{ $row->[0] }, '--json')->{out}), { a => 1 }, "$row->[1] --json");
}
$got = ask(result(undef), 'stop');
is_deeply([ $got->{status}, $got->{out} ], [ 0, "stopped\n" ], 'stop waits until the server is gone');
ok(decode_json(ask(result(undef), 'stop', '--json')->{out})->{stopped}, 'stop --json');
$got = ask(result({ generation => 0 + 4 }), 'reload');
is_deeply([ $got->{status}, $got->{out} ], [ 0, "reloaded: generation 4 serves\n" ], 'reload that is done');
for my $how (result({ ok => \0, message => 'no symbol' }), sub { encode([ 1, $_[0][1], { code => 'failed', message => 'no symbol' }, undef ]) }) {
    $got = ask($how, 'reload');
    is_deeply([ $got->{status}, $got->{err} ], [ 1, "galley: no symbol\n" ], 'reload that failed');
    $got = ask($how, 'reload', '--json');
    is($got->{status}, 1, 'reload --json that failed: exit status');
    like($got->{out}, qr{"message":"no symbol"}, 'reload --json that failed: reason');
    ok(eval { decode_json($got->{out}) }, 'reload --json that failed: is JSON');
}

# Text that is no text, numbers that JSON does not have, everything at once.
my $odd = { "a\x00\x1f\"\\\x7f" => "\xff\xc3\xbc\xed\xa0\x80", list => [ undef, \1, -5, 1.5, 9**9**9, [], {} ] };
$got = ask(result($odd), 'status', '--json');
is_deeply(decode_json($got->{out}),
    { "a\x00\x1f\"\\\x7f" => "\x{fffd}\x{fc}\x{fffd}\x{fffd}\x{fffd}", list => [ undef, JSON::PP::true, -5, 1.5, undef, [], {} ] },
    '--json of odd values');

my @strange = (
    [ 'a number',         sub { "\x05" } ],
    [ 'a byte of no use', sub { "\xc1" } ],
    [ 'a short answer',   sub { encode([ 1, 1, undef ]) } ],
    [ 'another id',       sub { encode([ 1, 99, undef, {} ]) } ],
    [ 'a request',        sub { encode([ 0, 1, undef, {} ]) } ],
    [ 'a very deep one',  sub { encode([ 1, 1, undef ]) =~ s/^\x93/\x94/r . "\x91" x 40 . "\x01" } ],
    [ 'endless bytes',    sub { "\xdb\xff\xff\xff\xff" . 'x' x (3 << 20) } ],
);
for my $row (@strange) {
    $got = ask($row->[1], 'status');
    is($got->{status}, 1, "$row->[0]: exit status");
    like($got->{err}, qr{^galley: what answers at \Q$path\E does not speak Galley's protocol\n$}, "$row->[0]: sentence");
}
for my $cut (0, 1, 5) {
    $got = ask(sub { substr encode([ 1, 1, undef, { a => 'bcdef' } ]), 0, $cut }, 'status');
    is($got->{status}, 1, "an answer of $cut bytes: exit status");
    like($got->{err}, qr{closed the connection}, "an answer of $cut bytes: sentence");
}

done_testing();
