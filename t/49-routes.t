#!/usr/bin/perl
# 49-routes.t - what was counted of each route: sums over workers, living, dead and reloaded; `watch`; the commands.
use strict;
use warnings;
use lib 't/lib';
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);
use Galley::Http;
use Galley::MsgPack;
use Galley::Test;

# The rows of `routes` by "METHOD path", or by their name where there is no path.
sub rows {
    my ($server) = @_;
    my $rows = $server->rpc('routes');
    return map { (defined $_->{path} ? "$_->{method} $_->{path}" : $_->{name}) => $_ } @$rows;
}

# Send a request and do not wait for its answer.
sub begin {
    my ($server, $target) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) or die "connect: $!\n";
    $socket->syswrite("GET $target HTTP/1.1\r\nHost: x\r\n\r\n");
    return $socket;
}

my $server = Galley::Test->start('t/apps/routes', workers => 2);

# ---- before anything: every route, in the order of the application, and nothing counted ----
{
    my $rows = $server->rpc('routes');
    my @own = grep { defined $_->{path} && $_->{path} !~ m{^/(?:docs|redoc|openapi)} } @$rows;
    is_deeply([ map { "$_->{method} $_->{path} $_->{name}" } @own ],
        [ 'GET /answer/{code} answer', 'POST /answer/{code} answer', 'GET /sleep sleep_so_long', 'GET /deep/{bytes} go_deep',
            'GET /memory/{bytes} take_memory', 'GET /think think' ], 'the routes in their order');
    is_deeply([ sort keys %{ $own[0] } ], [ sort qw(method path name requests responses unanswered in_flight cancelled blocked
        latency_us stack_high_bytes arena_high_bytes) ], 'the keys of a row');
    is_deeply([ map { $_->{requests} } @$rows ], [ (0) x @$rows ], 'nothing has been asked');
    is_deeply($own[0]{latency_us}, { p50 => undef, p90 => undef, p99 => undef, max => undef }, 'no latency is known');
    is($rows->[-1]{name}, 'unmatched', 'the last row has what no route matches');
    is($rows->[-1]{method}, undef, 'it has no method');
}

# ---- so many requests of several kinds, on both workers ----
{
    my %asked = (200 => 23, 201 => 5, 302 => 3, 404 => 7, 418 => 2, 500 => 4, 503 => 1);
    for my $code (sort keys %asked) {
        $server->request(GET => "/answer/$code") for 1 .. $asked{$code};
    }
    $server->request(GET => '/answer/700') for 1 .. 3;                        # 422
    $server->request(POST => '/answer/200') for 1 .. 4;
    $server->request(HEAD => '/answer/200') for 1 .. 2;
    $server->request(GET => '/think') for 1 .. 6;
    $server->request(GET => '/nowhere') for 1 .. 8;
    $server->request(DELETE => '/sleep') for 1 .. 2;                          # 405
    my %row = rows($server);
    my $get = $row{'GET /answer/{code}'};
    is($get->{requests}, 45 + 3 + 2, 'all requests of a route, HEAD among them');
    is_deeply($get->{responses}, { '2xx' => 30, '3xx' => 3, '4xx' => 9 + 3, '5xx' => 5 }, 'answers by class');
    is($get->{unanswered} + $get->{in_flight} + $get->{cancelled} + $get->{blocked}, 0, 'none is left');
    is($row{'POST /answer/{code}'}{responses}{'2xx'}, 4, 'the same path with another method');
    is($row{'GET /think'}{responses}{'2xx'}, 6, 'a sync handler');
    is_deeply($row{unmatched}{responses}, { '2xx' => 0, '3xx' => 0, '4xx' => 10, '5xx' => 0 }, 'what no route matches');
    my $sum = 0;
    $sum += $_->{requests} for values %row;
    is($sum, $server->stat('requests_total'), 'every request is in a row');
    my $latency = $get->{latency_us};
    cmp_ok($latency->{p50}, '<=', $latency->{p90}, 'p50 <= p90');
    cmp_ok($latency->{p90}, '<=', $latency->{p99}, 'p90 <= p99');
    cmp_ok($latency->{p99}, '<=', $latency->{max}, 'p99 <= max');
    cmp_ok($latency->{max}, '>', 0, 'and it took some time');
}

# ---- latency, to the bucket ----
{
    my @took_us = sort { $a <=> $b } map { my $from = time; $server->request(GET => '/sleep?ms=20'); 1e6 * (time - $from) } 1 .. 10;
    my %row = rows($server);
    my $latency = $row{'GET /sleep'}{latency_us};
    cmp_ok($latency->{p50}, '>=', 20000, 'p50 is no less than what the handler slept');
    cmp_ok($latency->{p50}, '<', $took_us[-2] * 9 / 8, 'and no more than clients waited');    # all but one of them
}

# ---- in flight, and a client that leaves ----
{
    my @clients = map { begin($server, '/sleep?ms=60000') } 1 .. 5;
    my %row;
    ok(wait_until('five are in flight', sub { %row = rows($server); $row{'GET /sleep'}{in_flight} == 5 }), 'in flight');
    is($row{'GET /sleep'}{requests}, 15, 'they are counted as requests');
    close $_ for splice @clients, 0, 3;
    ok(wait_until('three have left', sub { %row = rows($server); $row{'GET /sleep'}{in_flight} == 2 }), 'they are gone');
    is($row{'GET /sleep'}{cancelled}, 3, 'cancelled');
    is($row{'GET /sleep'}{unanswered}, 3, 'and not answered');
    is($row{'GET /sleep'}{requests}, 15, 'counted once');
    close $_ for @clients;
    ok(wait_until('all have left', sub { %row = rows($server); $row{'GET /sleep'}{in_flight} == 0 }), 'none is in flight');
}

# ---- memory and stack ----
{
    $server->request(GET => '/memory/10') for 1 .. 4;
    my %row = rows($server);
    cmp_ok($row{'GET /memory/{bytes}'}{arena_high_bytes}, '<', 4096, 'a small request takes none, or little');
    $server->request(GET => '/memory/100000');
    $server->request(GET => '/memory/10') for 1 .. 4;
    %row = rows($server);
    my $high = $row{'GET /memory/{bytes}'}{arena_high_bytes};
    cmp_ok($high, '>=', 100000, 'the most that one request took');
    cmp_ok($high, '<', 200000, 'and not the sum');
    $server->request(GET => '/deep/1') for 1 .. 8;
    my $little = { rows($server) }->{'GET /deep/{bytes}'}{stack_high_bytes};
    cmp_ok($little, '>', 0, 'the depth of the stack is known');
    cmp_ok($little, '<=', 32768 * slow(), 'and small');
    $server->request(GET => '/deep/100000') for 1 .. 64;
    my $deep = { rows($server) }->{'GET /deep/{bytes}'}{stack_high_bytes};
    cmp_ok($deep, '>=', 100000, 'a deep one was measured') if build() !~ m{asan};
    cmp_ok($deep, '<=', 262144, 'within its stack');
    is({ rows($server) }->{'GET /think'}{stack_high_bytes} % 4096, 0, 'to the page');
}

is($server->stat('worker_messages_ignored'), 0, 'the master believed all of it');

# ---- a worker that is killed: what was told stays, nothing goes back ----
{
    my %before = rows($server);
    my ($victim) = $server->worker_pids;
    my $client = begin($server, '/sleep?ms=60000');
    kill KILL => $victim;
    wait_until('another worker is there', sub {
        my @pids = eval { map { $_->{pid} } grep { $_->{state} eq 'ready' } $server->workers };
        return @pids == 2 && !grep { $_ == $victim } @pids;
    });
    my %after = rows($server);
    my @less = grep { $after{$_}{requests} < $before{$_}{requests} } keys %before;
    is("@less", '', 'no sum went back');
    is_deeply([ map { $after{$_}{responses} } sort keys %before ], [ map { $before{$_}{responses} } sort keys %before ],
        'all answers are there still');
    $server->request(GET => '/answer/200') for 1 .. 10;
    is({ rows($server) }->{'GET /answer/{code}'}{responses}{'2xx'}, $before{'GET /answer/{code}'}{responses}{'2xx'} + 10,
        'and it goes on from there');
    close $client;
}

# ---- workers that end in order tell all, though nobody has asked ----
{
    wait_until('nothing is in flight', sub { !grep { $_->{in_flight} } @{ $server->rpc('routes') } });
    my %before = rows($server);
    $server->request(GET => '/answer/200') for 1 .. 20;
    ok($server->rpc('reload', undef, 20)->{ok}, 'a reload');
    ok(wait_until('the old workers are gone', sub { $server->workers == 2 }), 'both workers are replaced');
    my %after = rows($server);
    is($after{'GET /answer/{code}'}{requests}, $before{'GET /answer/{code}'}{requests} + 20, 'the old ones told all');
    is(scalar keys %after, scalar keys %before, 'the same rows');
}

# ---- watch ----

# A connection to the stats socket, and what is said on it, a message after the other.
sub connect_stats { return Galley::Http->connect(path => $_[0]->stats_path, timeout => 10 * slow()) }
sub say_to { return $_[0]->send(Galley::MsgPack::encode([ 0, @_[ 1 .. $#_ ] ])) }
sub next_message {
    my ($socket) = @_;
    my $deadline = time + $socket->{timeout};
    while (1) {
        my ($message, $length) = eval { Galley::MsgPack::decode($socket->buffer) };
        if ($message) {
            substr $socket->{buffer}, 0, $length, '';
            return $message;
        }
        die "not MessagePack: $@" if $@ ne "more\n";
        return undef if !$socket->read_more($deadline);
    }
}

{
    my $before = descriptors_of($server->pid);    # the last caller may still be among them
    my $socket = connect_stats($server);
    say_to($socket, 7, 'watch', [ { interval_ms => 100 } ]);
    is_deeply(next_message($socket), [ 1, 7, undef, { interval_ms => 100 } ], 'watch is answered');
    my @seen = map { next_message($socket) } 1 .. 2;
    $server->request(GET => '/think') for 1 .. 5;
    push @seen, next_message($socket) for 1 .. 2;
    is_deeply([ map { [ @$_[ 0, 1 ] ] } @seen ], [ ([ 2, 'stats' ]) x 4 ], 'notifications follow');
    my @stats = map { $_->[2][0] } @seen;
    is_deeply([ map { [ sort keys %$_ ] } @stats ], [ ([ 'metrics', 'workers' ]) x 4 ], 'with metrics and workers');
    is(scalar @{ $stats[0]{workers} }, 2, 'both workers');
    my $wanted = $stats[0]{metrics}{requests_total}{value} + 5;
    my $requests = 0;
    while ($requests < $wanted) {    # those of before are read first
        my $message = next_message($socket) or last;
        $requests = $message->[2][0]{metrics}{requests_total}{value};
    }
    is($requests, $wanted, 'fresh each time');
    say_to($socket, 8, 'ping', []);
    my $message;
    1 while ($message = next_message($socket)) && $message->[0] == 2;
    is_deeply($message, [ 1, 8, undef, 'pong' ], 'calls are answered between them');
    say_to($socket, 9, 'watch', [ { interval_ms => 3600000 } ]);
    1 while ($message = next_message($socket)) && $message->[0] == 2;
    is_deeply($message, [ 1, 9, undef, { interval_ms => 3600000 } ], 'another pace');
    is(next_message($socket)->[1], 'stats', 'begins at once');
    my @many = map { my $one = connect_stats($server); say_to($one, 1, 'watch', [ { interval_ms => 100 } ]); $one } 1 .. 20;
    next_message($_), next_message($_), next_message($_) for @many;
    pass('twenty more watch');
    $_->close for @many, $socket;
    ok(wait_until('all have gone', sub { descriptors_of($server->pid) <= $before }), 'nothing is left of them');
}

# ---- one that watches and does not read is closed at 1 MiB; what fits is filled up by other answers, to be there sooner ----
{
    my $refused = $server->stat('stats_clients_refused');
    my $socket = connect_stats($server);
    say_to($socket, 1, 'metrics', []);
    my $size = length Galley::MsgPack::encode(next_message($socket));
    say_to($socket, 2, 'watch', [ { interval_ms => 100 } ]);
    say_to($socket, $_, 'metrics', []) for 3 .. 3 + 1000000 / $size;
    ok($server->wait_stat(stats_clients_refused => $refused + 1, 30), 'a watcher that does not read is closed');
    1 while next_message($socket);
    ok($socket->is_closed, 'behind what the kernel had taken comes the end');
}

# ---- what is no parameter is an error answer, and the connection goes on ----
{
    my $socket = connect_stats($server);
    my $id = 0;
    for my $row (
        [ 'none', 'watch', [] ], [ 'too short', 'watch', [ { interval_ms => 99 } ] ],
        [ 'too long', 'watch', [ { interval_ms => 3600001 } ] ], [ 'a text', 'watch', [ { interval_ms => '1000' } ] ],
        [ 'negative', 'watch', [ { interval_ms => -1 } ] ], [ 'another name', 'watch', [ { interval => 1000 } ] ],
        [ 'two', 'watch', [ { interval_ms => 1000, x => 1 } ] ], [ 'a number', 'watch', [1000] ],
        [ 'to routes', 'routes', [ { slot => 1 } ] ], [ 'a list to routes', 'routes', [ [] ] ])
    {
        my ($name, $method, $parameters) = @$row;
        say_to($socket, ++$id, $method, $parameters);
        my $answer = next_message($socket);
        is_deeply([ @$answer[ 0, 1 ], $answer->[2]{code} ], [ 1, $id, 400 ], "parameters: $name");
        like($answer->[2]{message}, qr/interval_ms|no parameters/, "and says why: $name");
    }
    say_to($socket, 99, 'ping', []);
    is_deeply(next_message($socket), [ 1, 99, undef, 'pong' ], 'nothing is watched after all that');
    $socket->close;
}

# ---- the commands ----
{
    my @where = ('--stats', $server->stats_path);
    my %row = rows($server);
    my $requests = $row{'GET /answer/{code}'}{requests};
    my $got = galley_command('routes', '--live', @where);
    is($got->{status}, 0, 'galley routes --live');
    like($got->{out}, qr{^METHOD +PATH +REQUESTS +2XX .* HANDLER *\n}, 'a table');
    like($got->{out}, qr{^GET +/answer/\{code\} +$requests .* [\d.]+ [um]s .* answer$}m, 'a line for a route');
    like($got->{out}, qr{^- +\(unmatched\) +10 }m, 'and one for what none matches');
    is($got->{out}, galley_command('routes', @where)->{out}, 'to name a server is enough');
    is_deeply(decode_json(galley_command('routes', '--live', '--json', @where)->{out}), $server->rpc('routes'), '--json');
    is(galley_command('routes', app_path('t/apps/routes'))->{status}, 0, 'an application is listed without a server, as before');

    $got = galley_command('top', '--count', 2, '--interval', 100, @where);
    is($got->{status}, 0, 'galley top');
    is(() = $got->{out} =~ /^2 workers ready, /mg, 2, 'so many pictures');
    like($got->{out}, qr{^REQ/S +REQUESTS .*\n +- +\d+ .*\n}m, 'the first without rates');
    like($got->{out}, qr{^ +0 +$requests .* GET +/answer/\{code\} *$}m, 'the second with them');
    unlike($got->{out}, qr/swagger/, 'nothing that nobody asks for');
    unlike($got->{out}, qr/\033/, 'and no control sequences, as it is no terminal');
    my @lines = split /\n/, galley_command('top', '--json', '--count', 3, '--interval', 100, @where)->{out};
    is_deeply([ map { [ sort keys %{ decode_json($_) } ] } @lines ], [ ([qw(metrics routes workers)]) x 3 ], 'top --json: a line each');

    my $out = $server->dir . '/top';
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDOUT, '>', $out or POSIX::_exit(126);
        exec galley_words(), 'top', '--interval', 100, @where or POSIX::_exit(127);
    }
    ok(wait_until('two pictures', sub { (() = read_file($out) =~ /workers ready/g) >= 2 }), 'it goes on');
    kill INT => $pid;
    waitpid $pid, 0;
    is($?, 0, 'until it is interrupted');
}

# ---- a server that stops closes who watches ----
{
    my $socket = connect_stats($server);
    say_to($socket, 1, 'watch', [ { interval_ms => 100 } ]);
    next_message($socket) for 1 .. 3;
    is($server->stop, 0, 'stops with 0');
    1 while next_message($socket);
    ok($socket->is_closed, 'and the watcher sees its end');
}
# ---- a loop that is blocked is counted with the route that blocks it ----
SKIP: {
    skip 'there is no watchdog under valgrind', 3 if wrapped();
    my $blocking = Galley::Test->start('t/apps/blocking', workers => 1);
    is($blocking->request(GET => '/slow?ms=300')->{status}, 200, 'a handler that blocks');
    ok($blocking->wait_stat(loop_blocked_total => sub { $_[0] >= 1 }), 'is noticed');
    is_deeply([ map { $_->{path} } grep { $_->{blocked} } @{ $blocking->rpc('routes') } ], ['/slow'], 'and counted with its route');
    $blocking->stop;
}
done_testing;
