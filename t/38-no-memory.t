#!/usr/bin/perl
# 38-no-memory.t - a worker whose allocations fail, each of them once: every request is answered right, or with 500 or 503, or its
# connection ends; the worker lives, and nothing of it is left over.
# Does:     count the allocations of a request, then let each in turn fail (where there are many: some of them), from the
#           accepted connection to its end; then one in a hundred, over many requests on many connections.
# Soak:     every allocation of each request, the random ones with 100,000 requests.
# See:      t/preload/no_memory.c, t/lib/Galley/NoMemory.pm
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::H2 qw(head frame);
use Galley::Http;
use Galley::NoMemory;
use Galley::Test;
use List::Util qw(max);
use Test::More;

plan skip_all => 'valgrind brings its own malloc' if wrapped();

my $MOST_TRIES = soak() ? 2_000 : 60;
srand(soak() ? time : 38);    # the suite asks the same each time
my $END_STREAM = 1;
my $dir = temp_dir();
my $memory = Galley::NoMemory->new($dir);
my %start = (env => $memory->env);
my $greedy = Galley::Test->start('t/apps/greedy', %start);
my $tls = Galley::Test->start('t/apps/greedy', tls => 1, %start);
my $echo = Galley::Test->start('examples/echo', %start);

my ($JSON, $FORM, $PARTS) = ('application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=b');
sub part { my ($name, $data, $more) = @_; return qq(--b\r\nContent-Disposition: form-data; name="$name"$more\r\n\r\n$data\r\n) }
sub post { my ($path, $type, $body) = @_; return [ POST => $path, headers => { 'Content-Type' => $type }, body => $body ] }

my $many_fields = join '&', map { "tags=$_" } 1 .. 500;
my $large_file = part('files', 'x' x 1_200_000, '; filename="large"');
my $four = "4\r\nabcd\r\n";

# name, server, request. What it is answered when nothing fails is what is right.
my @requests = (
    [ 'plain text', $echo, [ GET => '/plaintext' ] ],
    [ 'a long answer', $echo, [ GET => '/bytes?n=300000' ] ],
    [ 'a sleep', $echo, [ GET => '/sleep?ms=1' ] ],
    [ 'echo of a body', $echo, post('/', 'text/plain', 'y' x 200_000) ],
    [ 'echo of chunks', $echo, [ POST => '/', headers => { 'Transfer-Encoding' => 'chunked' }, body => $four x 50 . "0\r\n\r\n" ] ],
    [ 'no path', $echo, [ GET => '/nowhere' ] ],
    [ 'a long head', $greedy, [ GET => '/head', headers => [ map { [ 'X-Tag', "$_" x 100 ] } 1 .. 60 ] ] ],
    [ 'query', $greedy, [ GET => '/query?ids=1&ids=2&tags=a%20b&q=abc' ] ],
    [ 'query that is wrong', $greedy, [ GET => '/query?ids=x&ids=%ff&q=abcdefgh' ] ],
    [ 'JSON', $greedy, post('/smalls', $JSON, '[' . join(',', ('{"a":1,"b":"x\u00e9","c":1.5}') x 500) . ']') ],
    [ 'JSON map', $greedy, post('/int_map', $JSON, '{' . join(',', map { "\"k$_\":$_" } 1 .. 500) . '}') ],
    [ 'JSON union', $greedy, post('/pets', $JSON, '[{"lives":3,"kind":"cat"},{"litter":[{"s0":"x"}],"kind":"dog"}]') ],
    [ 'any JSON', $greedy, post('/any', $JSON, '{ "a" : [ 1, 2, NaN ], "a" : ' . '[' x 50 . ']' x 50 . '}') ],
    [ 'problems', $greedy, post('/smalls', $JSON, '[' . join(',', ('{"a":"","b":0}') x 20) . ']') ],
    [ 'forbidden members', $greedy, post('/one_strict', $JSON, '{' . join(',', map { "\"k$_\":$_" } 1 .. 100) . '}') ],
    [ 'not JSON', $greedy, post('/smalls', $JSON, '[{"a":1') ],
    [ 'form', $greedy, post('/form', $FORM, "a=1&n=2&$many_fields&ids=1&ids=2") ],
    [ 'form that is wrong', $greedy, post('/form', $FORM, 'n=x&ids=y') ],
    [ 'parts', $greedy, post('/form', $PARTS, part('a', 'x' x 5000, '') . part('tags', "caf\xe9", '') . "--b--\r\n") ],
    [ 'files', $greedy, post('/files', $PARTS, join('', map { part('files', 'data' x 2000, qq(; filename="f$_")) } 1 .. 5) . "--b--\r\n") ],
    [ 'a file to disk', $greedy, post('/files', $PARTS, "$large_file--b--\r\n") ],
    [ 'the document', $greedy, [ GET => '/openapi.json' ] ],
);

# What one request over `protocol` is answered: "STATUS BODY", or "closed", or "nothing", or what is wrong.
sub ask {
    my ($server, $protocol, $request) = @_;
    my ($method, $path, %with) = @$request;
    my $connection = eval { $protocol =~ /TLS/ ? $server->connect_tls($protocol =~ /2/ ? ('-alpn', 'h2') : ()) : $server->connect }
        // return "cannot connect: $@";
    my $answer = $protocol =~ /2/ ? ask_h2($connection, $method, $path, %with) : ask_h1($connection, $method, $path, %with);
    $connection->close;
    if ($protocol =~ /TLS/) {    # s_client does not leave by itself
        my $client = pop @{ $server->{clients} };
        kill KILL => $client;
        waitpid $client, 0;
    }
    return $answer;
}

sub ask_h1 {
    my ($connection, @request) = @_;
    my $response = eval { $connection->request(@request) };
    return "$response->{status} $response->{body}" if $response;
    return 'closed' if $connection->{ended};
    return $@ =~ /^the end came|did not take/ && $connection->is_closed ? 'closed' : 'nothing';
}

sub ask_h2 {
    my ($connection, $method, $path, %with) = @_;
    my $h2 = Galley::H2->connect(handle => $connection->socket);
    my $fields = $with{headers} || {};
    my @fields = ref $fields eq 'ARRAY' ? map { @$_ } @$fields : map { $_ => $fields->{$_} } sort keys %$fields;
    @fields = map { $_ % 2 ? $fields[$_] : lc $fields[$_] } 0 .. $#fields;
    my $body = $with{body};
    $h2->send(head(1, $method, $path, more => \@fields, end => !defined $body));
    $h2->send(frame('DATA', length $body ? 0 : $END_STREAM, 1, substr $body, 0, 16_000, '')) while length($body // '') > 0 && length $h2->{out} < 50_000;
    $h2->send(frame('DATA', $END_STREAM, 1, '')) if defined $with{body};
    my $status = $h2->answer(1);
    return "$status " . $h2->stream(1)->{body} if $status =~ /^\d/;
    return $status eq 'nothing' ? $status : 'closed';
}

sub is_worker { my ($server, $pid) = @_; my @children = children_of($server->pid); return @children == 1 && $children[0] == $pid }

# One allocation after the other fails while the request is made. The test's rows are what came of it.
sub sweep {
    my ($name, $server, $protocol, $request) = @_;
    my ($worker) = $server->worker_pids;
    my $right = ask($server, $protocol, $request);
    $right = ask($server, $protocol, $request);
    like($right, qr/^[24]\d\d /, "$name: answered") or return;
    $memory->arm(pid => $worker, burst => 0);
    ask($server, $protocol, $request);
    my ($calls) = $memory->disarm;
    cmp_ok($calls, '>', 0, "$name: allocates") if $protocol ne 'HTTP/1.1';    # there plain text does without
    my $is_list = $right =~ /^422 /;    # of problems, which ends earlier where there is no memory, and says so
    my ($stride, $tries, %came) = (max(1, int($calls / $MOST_TRIES)), 0);
    for (my $at = 1 + int rand $stride; $at <= $calls + 2 && !$came{bad}; $at += $stride) {
        $memory->arm(pid => $worker, from => $at);
        my $answer = ask($server, $protocol, $request);
        $memory->disarm;
        $tries++;
        my $kind = $answer eq $right ? 'right' : $answer eq 'closed' ? 'closed' : $answer =~ /^(50[03]) / ? $1
            : $is_list && $answer =~ /^422 .*"type":"too_many/ ? 'shortened' : 'bad';
        $kind = 'bad' if !is_worker($server, $worker);
        $came{$kind}++;
        diag("$name: allocation $at of $calls failed: " . substr $answer, 0, 200) if $kind eq 'bad';
    }
    is($came{bad} // 0, 0, "$name: $tries of $calls allocations failed: " . join ', ', map { "$came{$_} $_" } sort keys %came);
    is(ask($server, $protocol, $request), $right, "$name: and afterwards all is well");
    return;
}

sub nothing_is_left {
    my ($server, $name) = @_;
    ok($server->wait_stat($_ => 0), "$name: $_ is 0") for qw(connections_open requests_active coroutines_live);
    return;
}

# One in so many fails, at random, while clients ask on many connections, a new one for each request.
sub at_random {
    my ($name, $server, $wanted, $one_in, %load) = @_;
    my ($worker) = $server->worker_pids;
    my $before = descriptors_of($worker);
    my $load = $server->load(%load, close => 1, connections => 8);
    my $from = $server->stat('connections_total');
    $memory->arm(pid => $worker, one_in => $one_in, seed => int rand 1_000_000);
    ok($server->wait_stat(connections_total => sub { $_[0] >= $from + $wanted }, soak() ? 600 : 60), "$name: $wanted connections");
    my ($calls, $failed) = $memory->disarm;
    my $name_ok = $server->stat('responses_2xx');
    ok($server->wait_stat(responses_2xx => sub { $_[0] > $name_ok }), "$name: clients are answered again");
    close $load->{in};    # what its clients lost is no matter here
    readline $load->{out};
    waitpid $load->{pid}, 0;
    ok(is_worker($server, $worker), "$name: the worker lives; $failed of $calls allocations failed");
    cmp_ok($failed, '>', 0, "$name: some failed");
    nothing_is_left($server, $name);
    ok(wait_until("$name: descriptors", sub { descriptors_of($worker) <= $before }), "$name: no descriptor is left");
    return;
}

sweep("HTTP/1.1, $_->[0]", $_->[1], 'HTTP/1.1', $_->[2]) for @requests;
sweep("HTTP/2, $_->[0]", $_->[1], 'HTTP/2', $_->[2]) for grep { $_->[0] !~ m{^(?:echo|a long answer|a file to disk)} } @requests;
my ($json) = grep { $_->[0] eq 'JSON' } @requests;
$MOST_TRIES = 15 if !soak();    # each is a process
sweep('TLS, JSON', $tls, 'TLS', $json->[2]);
sweep('HTTP/2 over TLS, JSON', $tls, 'HTTP/2 TLS', $json->[2]);
nothing_is_left($greedy, 'HTTP/1.1 and HTTP/2');
nothing_is_left($tls, 'TLS');
nothing_is_left($echo, 'echo');

my $wanted = soak() ? 100_000 : 1_000;
at_random('HTTP/1.1 at random', $echo, $wanted, 20, post => 9_000, path => '/');
at_random('HTTP/2 at random', $echo, $wanted, 100, h2 => 1, post => 9_000, path => '/');
at_random('TLS at random', $tls, $wanted / 4, 500, tls => 1, path => '/openapi.json');
at_random('HTTP/2 over TLS at random', $tls, $wanted / 4, 500, tls => 1, h2 => 1, path => '/openapi.json');

is($_->stop, 0, 'stops') for $greedy, $tls, $echo;
done_testing;
