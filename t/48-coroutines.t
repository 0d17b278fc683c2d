#!/usr/bin/perl
# 48-coroutines.t - what waits, seen from outside: names, places, states; stuck workers; more than fits.
use strict;
use warnings;
use lib 't/lib';
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Galley::Test;

# The line of a source on which `text` stands.
sub line_of {
    my ($path, $text) = @_;
    my @lines = split /\n/, read_file(root() . "/$path");
    my ($n) = grep { index($lines[ $_ - 1 ], $text) >= 0 } 1 .. @lines;
    return $n // die "$path: no $text\n";
}

# Send a request and do not wait for its answer.
sub begin {
    my ($server, $method, $target, @fields) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->port) or die "connect: $!\n";
    $socket->syswrite(join "\r\n", "$method $target HTTP/1.1", 'Host: x', @fields, '', '');
    return $socket;
}

# What all workers have said: one that lacks a processor for a second may be left out, and is asked again.
sub everything {
    my ($server) = @_;
    my $answer;
    wait_until('all workers answer', sub { $answer = $server->rpc('coroutines'); !grep { !$_->{answered} } @{ $answer->{workers} } });
    return $answer;
}

sub rows { return @{ everything($_[0])->{coroutines} } }

# Ask until `count` coroutines wait. All rows.
sub rows_when {
    my ($server, $count) = @_;
    my @rows;
    wait_until("$count coroutines wait", sub { @rows = rows($server); $count == grep { $_->{state} eq 'waiting' } @rows });
    return @rows;
}

# ---- an order at the drive-through: a request and its three tasks ----
{
    my $source = 'examples/drive_through.c';
    my $server = Galley::Test->start('examples/drive_through', workers => 1);
    is_deeply([ rows($server) ], [], 'an idle server has no coroutines');
    my ($order, @rows, $tree, $answer);
    for (1 .. 5) {    # the drinks are ready after two seconds: until we were quick enough to see all of it
        $order = begin($server, POST => '/orders?burgers=10&fries=10&drinks=10', 'X-Request-Id: order-1');
        @rows = rows_when($server, 4);
        $tree = run_command(galley(), 'pstree', '--stats', $server->stats_path)->{out};    # without valgrind: at once
        $answer = everything($server);
        last if @{ $answer->{coroutines} } == 4;
        wait_until('the order is over', sub { !rows($server) });
    }
    is(scalar @rows, 4, 'an order is four coroutines');
    my ($root) = grep { !defined $_->{parent} } @rows;
    my @parts = sort { $a->{id} <=> $b->{id} } grep { defined $_->{parent} } @rows;
    is_deeply([ sort keys %$root ],
        [ sort qw(worker pid id parent name route request_id age_ms state waiting file line) ], 'the keys of a row');
    is($root->{worker}, 0, 'its worker');
    is($root->{pid}, ($server->worker_pids)[0], 'and its pid');
    is($root->{name}, 'place_order', 'the request is named by its handler');
    is($root->{route}, 'POST /orders', 'and by its route');
    is($root->{request_id}, 'order-1', 'and by its id');
    is($root->{file}, $source, 'it waits in this file');
    is($root->{line}, line_of($source, 'galley_await(co, grill)'), 'in the line of its first await');
    is_deeply($root->{waiting}, { kind => 'task', what => "#$parts[0]{id}" }, 'for the first of its tasks');
    for my $part (@parts) {
        is($part->{parent}, $root->{id}, "task $part->{id}: its parent");
        is($part->{name}, 'prepare', "task $part->{id}: its name");
        is($part->{route}, 'POST /orders', "task $part->{id}: the route it works for");
        is($part->{request_id}, 'order-1', "task $part->{id}: the request it works for");
        is("$part->{file}:$part->{line}", "$source:" . line_of($source, 'galley_sleep_ms('), "task $part->{id}: its place");
        is($part->{state}, 'waiting', "task $part->{id}: its state");
        is($part->{waiting}{kind}, 'sleep', "task $part->{id}: it sleeps");
        like($part->{waiting}{what}, qr/^\d{3,4} ms$/, "task $part->{id}: for so long");
        like($part->{age_ms}, qr/^\d+$/, "task $part->{id}: its age");
    }
    my $line = line_of($source, 'galley_sleep_ms(');
    like($tree, qr/^worker 0 \(pid $root->{pid}\): 4 coroutines
  #\d+ POST \/orders \[order-1\] place_order \(drive_through.c:$root->{line}\) waiting for task #\d+
(?:    -> #\d+ prepare \(drive_through.c:$line\) sleeping \d+ ms\n){3}\z/, 'galley pstree: the order and its tasks');
    is_deeply($answer->{workers}, [ { worker => 0, pid => $root->{pid}, state => 'ready', answered => 1,
        coroutines => 4, left_out => 0 } ], 'the worker has answered for all');
    is($server->stat('worker_messages_ignored'), 0, 'the master believed all of it');
    $server->signal('INT');
    is($server->wait_exit, 0, 'ends with 0');
}

# ---- each kind of waiting, with its place ----
my $crowd = 't/apps/crowd.c';
my $server = Galley::Test->start('t/apps/crowd', workers => 1);
for my $row (
    [ 'a body that does not come', 'request body', qr/^$/, 'galley_body_read(', GET => '/body', 'Content-Length: 5' ],
    [ 'a client that does not read', 'room to send', qr/^$/, 'galley_write(', GET => '/stream' ],
    [ 'a thread', 'thread', qr/^$/, 'galley_to_thread(', GET => '/thread' ],
    [ 'a handler on a thread', 'thread', qr/^$/, undef, GET => '/blocking' ],
    [ 'a scope', 'tasks', qr/^#\d+ #\d+ #\d+ #\d+ and 2 more$/, 'galley_scope_close(', GET => '/crowd?count=6' ])
{
    my ($name, $kind, $what, $text, @request) = @$row;
    my $client = begin($server, @request);
    my $root;
    wait_until("$name is waited for", sub {
        ($root) = grep { !defined $_->{parent} && ($_->{waiting} || {})->{kind} // '' eq $kind } rows($server);
        return $root && $root->{waiting}{kind} eq $kind;
    });
    is($root->{waiting}{kind}, $kind, "$name: the kind");
    like($root->{waiting}{what}, $what, "$name: the details");
    is($root->{file}, $crowd, "$name: the file");
    is($root->{line}, line_of($crowd, $text), "$name: the line") if $text;
    cmp_ok($root->{line}, '>=', line_of($crowd, 'GALLEY_APP('), "$name: the line that declares it") if !$text;
    close $client;
    ok(wait_until("$name is given up", sub { !rows($server) }), "$name: is given up");
}

# ---- more than an answer can hold: a part, and how many are missing ----
SKIP: {
    skip 'a worker within another program does not list so many in time', 1 if wrapped();
    my $many = 8000;
    my $client = begin($server, GET => "/crowd?count=$many");
    ok($server->wait_stat(coroutines_live => $many + 1), 'many coroutines live');
    my $answer = everything($server);
    my $worker = $answer->{workers}[0];
    is($worker->{coroutines}, $many + 1, 'all are counted');
    my $shown = @{ $answer->{coroutines} };
    cmp_ok($shown, '>', 2000, 'a good part of them is shown');
    cmp_ok($shown, '<', $many, 'but not all');
    is($shown + $worker->{left_out}, $many + 1, 'and how many are left out is said');
    my %seen;
    $seen{ $_->{id} }++ for @{ $answer->{coroutines} };
    is(scalar keys %seen, $shown, 'none is shown twice');
    is($server->rpc('ping'), 'pong', 'the server goes on');
    for my $command ('ps', 'pstree') {
        my $got = galley_command($command, '--stats', $server->stats_path);
        is($got->{status}, 0, "galley $command prints it");
        my $lines = () = $got->{out} =~ / (?:linger|crowd) .*\n/g;
        cmp_ok($lines, '>', 2000, "galley $command: a line each");
        my $left_out = $many + 1 - $lines;
        like($command eq 'ps' ? $got->{err} : $got->{out}, qr/worker 0 .*: \d+ coroutines, $left_out of them not shown/,
            "galley $command: and how many are missing");
    }
    close $client;
    ok($server->wait_stat(coroutines_live => 0), 'all are gone with their client');
    is_deeply([ rows($server) ], [], 'and from the answer');
    is($server->stat('worker_messages_ignored'), 0, 'the master believed all of it');
}
is($server->stop, 0, 'ends with 0');

# ---- a worker that is stuck is named as missing, and the others are shown ----
{
    my $two = Galley::Test->start('t/apps/crowd', workers => 2, args => [qw(--hang-timeout 10m)]);    # it stays stuck while we look
    my @clients = map { begin($two, GET => '/crowd?count=2') } 1 .. 16;
    rows_when($two, 48);
    my $stuck = begin($two, GET => '/spin');
    my ($answer, $missing, $other);
    ok(wait_until('one does not answer', sub {
        $answer = $two->rpc('coroutines');
        ($missing, $other) = sort { $a->{answered} <=> $b->{answered} } @{ $answer->{workers} };
        return !$missing->{answered} && $other->{answered};
    }), 'a stuck worker has not answered, the other one has');
    like(galley_command('pstree', '--stats', $two->stats_path)->{out}, qr/^worker \d \(pid \d+\), \w+, does not answer: /m,
        'and galley pstree says so');
    is($other->{coroutines}, grep({ $_->{pid} == $other->{pid} } @{ $answer->{coroutines} }), 'with all its coroutines');
    is(grep({ $_->{pid} == $missing->{pid} } @{ $answer->{coroutines} }) + 0, 0, 'nothing old is shown of the stuck one');
    kill KILL => $missing->{pid};
    ok(wait_until('a new worker answers', sub { 2 == grep { $_->{answered} } @{ $two->rpc('coroutines')->{workers} } }),
        'its successor answers');
    close $_ for @clients, $stuck;
    is($two->stop, 0, 'ends with 0');
}
done_testing;
