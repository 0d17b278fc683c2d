#!/usr/bin/perl
# 45-process-rpc.t - the stats socket: every method, wrong calls, garbage, clients that do not read, limits.
use strict;
use warnings;
use lib 't/lib';
use IO::Socket::UNIX;
use POSIX ();
use Time::HiRes qw(time);
use Test::More;
use Galley::MsgPack qw(encode decode);
use Galley::Test;

$SIG{PIPE} = 'IGNORE';    # the server closes who misbehaves while this test still writes
my $server = Galley::Test->start('t/apps/moody', workers => 2);
$server->request(GET => '/plaintext') for 1 .. 3;

# ---- answers ----
my $status = $server->status;
is($status->{pid}, $server->pid, 'status: pid');
is($status->{generation}, 1, 'status: generation');
is($status->{workers}, 2, 'status: workers');
is($status->{app}{title}, 'Moody', 'status: title');
is($status->{app}{version}, '1.0', 'status: version');
is($status->{app}{path}, app_path('t/apps/moody'), 'status: path');
is_deeply($status->{listeners}, [ { address => $server->url, tls => $status->{listeners}[0]{tls} } ], 'status: listeners');
is($status->{last_reload}, undef, 'status: no reload yet');
my @workers = $server->workers;
is_deeply([ sort keys %{ $workers[0] } ],
    [ sort qw(slot pid generation state uptime_s connections requests coroutines rss_bytes loop_lag_us last_report_ms) ], 'workers: the keys');
is_deeply([ sort map { $_->{pid} } @workers ], [ sort +children_of($server->pid) ], 'workers: the pids');
is($server->stat('requests_total'), 3, 'metrics: fresh numbers');
my $metrics = $server->rpc('metrics');
is_deeply([ sort keys %{ $metrics->{requests_total} } ], [ sort qw(kind unit help value) ], 'metrics: the keys');
is($server->stat('workers_ready'), 2, 'metrics: the master counts, too');
my $health = $server->rpc('health');
is($health->{status}, 'pass', 'health: passes');
is($health->{checks}{workers}{message}, '2 of 2 are ready', 'health: says why');
is($server->rpc('ping'), 'pong', 'ping');
is($server->rpc('log_level', { level => 'debug' })->{level}, 'debug', 'log_level');
$server->request(GET => '/plaintext');

# ---- wrong calls are error answers ----
for my $row (
    [ 'an unknown method', 404, 'fly' ],
    [ 'a parameter too many', 400, 'status', { x => 1 } ],
    [ 'a missing parameter', 400, 'scale' ],
    [ 'an unknown parameter', 400, 'scale', { workres => 1 } ],
    [ 'two parameters', 400, 'scale', { workers => 1, x => 1 } ],
    [ 'a text for a number', 400, 'scale', { workers => 'two' } ],
    [ 'a negative number', 400, 'scale', { workers => -1 } ],
    [ 'a huge number', 400, 'scale', { workers => 4000000000 } ],
    [ 'an unknown level', 400, 'log_level', { level => 'loud' } ],
    [ 'a long level', 400, 'log_level', { level => 'x' x 1000 } ],
    [ 'an unknown slot', 400, 'drain', { slot => 99 } ])
{
    my ($name, $code, @call) = @$row;
    my ($result, $error) = $server->call(@call);
    is($error && $error->{code}, $code, "$name: error $code");
    ok(length $error->{message}, "$name: with a sentence");
}

# ---- order, pieces, notifications ----
sub client { return IO::Socket::UNIX->new(Peer => $server->stats_path) || die "connect: $!\n" }

# Decoded answers, as many as wanted; fewer when the server closes.
sub answers {
    my ($socket, $count) = @_;
    my ($bytes, @all) = ('');
    my $deadline = time + 10 * slow();
    while (@all < $count && time < $deadline) {
        my ($answer, $length) = eval { decode($bytes) };
        if (defined $answer) {
            push @all, $answer;
            substr $bytes, 0, $length, '';
            next;
        }
        last if !IO::Select->new($socket)->can_read(5) || !sysread $socket, $bytes, 65536, length $bytes;
    }
    return @all;
}

# Whether the server has closed it.
sub is_closed {
    my ($socket) = @_;
    my $deadline = time + 10 * slow();
    while (time < $deadline) {
        return 0 if !IO::Select->new($socket)->can_read(5);
        return 1 if !sysread $socket, my $bytes, 65536;
    }
    return 0;
}

my $socket = client();
my @methods = qw(ping status ping metrics nothing workers ping);
my $id = 0;
my $calls = join '', map { encode([ 0, $id++, $_, [] ]) } @methods;
$socket->syswrite($calls);
my @all = answers($socket, scalar @methods);
is_deeply([ map { $_->[1] } @all ], [ 0 .. $#methods ], 'pipelined calls are answered in order');
for my $byte (split //, encode([ 0, 77, 'ping', [] ])) {
    $socket->syswrite($byte);
}
is(((answers($socket, 1))[0] || [])->[1], 77, 'a call that comes byte by byte');
$socket->syswrite(encode([ 2, 'ping', [] ]) . encode([ 0, 78, 'ping', [ {} ] ]));
is(((answers($socket, 1))[0] || [])->[1], 78, 'a notification has no answer; empty parameters are none');

# ---- garbage closes that client only ----
my %garbage = (
    'an HTTP request' => "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    'a number' => encode(5),
    'an array of another shape' => encode([ 0, 1, 'ping' ]),
    'an answer' => encode([ 1, 1, undef, 5 ]),
    'a text as id' => encode([ 0, 'x', 'ping', [] ]),
    'a reserved byte' => "\xc1",
    'an extension type' => "\x94\x00\x01\xd4\x01\x02\x90",
    'a frame deeper than 16' => "\x94\x00\x01\xa4ping" . ("\x91" x 40) . "\xc0",
    'a text of 4 GiB' => "\x94\x00\x01\xdb\xff\xff\xff\xff" . ('x' x 2000),
);
for my $name (sort keys %garbage) {
    my $bad = client();
    $bad->syswrite($garbage{$name});
    if ($name eq 'a text of 4 GiB') {
        my $sent = 0;
        while ($sent < 1_200_000) {
            last if !defined $bad->syswrite('x' x 65536);
            $sent += 65536;
        }
        cmp_ok($sent, '<=', 1_300_000, "$name: it is not read to its end");
    }
    ok(is_closed($bad), "$name: closed");
}
is($server->rpc('ping'), 'pong', 'others are answered');

# ---- a client that does not read ----
{
    my $deaf = client();
    $deaf->blocking(0);
    my $call = encode([ 0, 1, 'metrics', [] ]);
    my $sent = 0;
    my $is_full = wait_until('neither side takes more', sub {
        while ($deaf->syswrite($call)) {
            $sent++;
        }
        return $sent > 100 && $!{EAGAIN};
    }, 20);
    ok($is_full, "a client that calls and never reads is borne: $sent calls");
    my $limit = 1 * slow();
    cmp_ok(best_of($limit, sub {
        my $since = time;
        is($server->rpc('ping'), 'pong', 'others are answered meanwhile');
        return time - $since;
    }), '<', $limit, 'and not held up');
}

# ---- at most 64 clients ----
{
    my @clients = map { client() } 1 .. 63;
    my $deadline = time + 5;
    $_->syswrite(encode([ 0, 1, 'ping', [] ])) for @clients;
    my $answered = grep { answers($_, 1) } @clients;
    cmp_ok($answered, '>=', 62, 'many clients at once');
    my @more = map { client() } 1 .. 4;
    ok(is_closed($more[3]), 'the 65th is closed');
    close $_ for @clients, @more;
    wait_until('places are free', sub { eval { $server->rpc('ping') } });
    is($server->rpc('ping'), 'pong', 'then there is room again');
}

# ---- random bytes ----
{
    srand 7;
    my $frame = encode([ 0, 1, 'scale', [ { workers => 2 } ] ]);
    for my $n (1 .. (soak() ? 20000 : 500)) {
        my $bytes = $frame;
        substr $bytes, int rand length $bytes, 1, chr int rand 256 for 1 .. 1 + int rand 3;
        next if $bytes =~ /workers[^\x02]\z/;    # a valid wish for another number
        my $client = client();
        $client->syswrite($bytes);
        close $client;
    }
    is($server->rpc('ping'), 'pong', 'the master survives random frames');
}
is(sprintf('%o', (stat $server->stats_path)[2] & 0777), '660', 'the socket is for its owner and group');

# ---- who may change things ----
SKIP: {
    skip 'needs root', 6 if $> != 0;
    chmod 0666, $server->stats_path;
    chmod 0755, $server->dir;
    my $pid = fork // die;
    if (!$pid) {
        $) = '65534 65534';
        ($<, $>) = (65534, 65534);
        my $ok = 1;
        $ok = 0 if $server->rpc('ping') ne 'pong' || !$server->status->{pid};
        for my $call ([ 'stop' ], [ 'reload' ], [ scale => { workers => 3 } ], [ drain => { slot => 0 } ], [ log_level => { level => 'info' } ]) {
            my (undef, $error) = $server->call(@$call);
            $ok = 0 if !$error || $error->{code} != 403;
        }
        POSIX::_exit($ok ? 0 : 1);
    }
    waitpid $pid, 0;
    is($? >> 8, 0, 'another user may ask, and change nothing');
    is($server->status->{generation}, 1, 'nothing was changed');
}
my $before = descriptors_of($server->pid);
$server->rpc('ping') for 1 .. 50;
ok(wait_until('clients are closed', sub { descriptors_of($server->pid) <= $before }), 'clients that leave leave nothing');
is($server->rpc('stop')->{stopping}, 1, 'stop');
is($server->wait_exit, 0, 'ends with 0');
done_testing;
