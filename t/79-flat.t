# 79-flat.t - a worker's memory and descriptors stay where they are, however many requests come.
# Does:     a mix of good and bad requests over kept connections, 40 at a time: queries, heads, JSON, forms, parts, files that go
#           to disk, problems, syntax errors, unknown paths; 20,000 of them, a million with GALLEY_SOAK.
# Does not: judge what is answered beyond that it is always the same.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Galley::Http;
use Galley::Test;
use Test::More;

my $has_own_memory = build() =~ m{/asan$} || wrapped() ? 0 : 1;    # a sanitizer keeps what was freed
my $wanted = soak() ? 1_000_000 : $has_own_memory ? 20_000 : 4_000;
my $warm_up = soak() ? 40_000 : $has_own_memory ? 8_000 : 800;

my $server = Galley::Test->start('t/apps/greedy');
my ($worker) = $server->worker_pids;

sub rss_kb { return read_file("/proc/$worker/status") =~ /^VmRSS:\s+(\d+) kB/m ? $1 : 0 }

my ($JSON, $FORM, $PARTS) = ('application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=b');
sub part { my ($name, $data, $more) = @_; return qq(--b\r\nContent-Disposition: form-data; name="$name"$more\r\n\r\n$data\r\n) }
sub get { my ($path, @headers) = @_; return Galley::Http::format_request(GET => $path, headers => [@headers]) }
sub post {
    my ($path, $type, $body) = @_;
    return Galley::Http::format_request(POST => $path, headers => { 'Content-Type' => $type }, body => $body);
}

my $file = part('files', 'x' x 1_200_000, '; filename="large"') . "--b--\r\n";
my @mix = (
    [200, get('/query?ids=1&ids=2&tags=a%20b&q=abc')],
    [422, get('/query?ids=x&ids=%ff&q=abcdefgh')],
    [422, get('/strict_query?a=1&b=2')],
    [200, get('/head', ['Cookie', 'session=abc; x=y'], ['X-Id', '1'], ['X-Id', '2'], ['X-Tag', 'caf\xe9'])],
    [422, get('/head', ['Cookie', 'session=abcdef'])],
    [422, get('/strict_cookies', ['Cookie', join '; ', map { "c$_=$_" } 1 .. 50])],
    [404, get('/nowhere')],
    [405, get('/ints')],
    [200, post('/smalls', $JSON, '[' . join(',', ('{"a":1,"b":"x","c":1.5}') x 100) . ']')],
    [200, post('/smalls', $JSON, '[{"a": 12, "b": "\u00e9\n"}]')],
    [422, post('/smalls', $JSON, '[' . join(',', ('{"a":"","b":0}') x 20) . ']')],
    [422, post('/smalls', $JSON, '[{"a":1')],
    [400, post('/smalls', $JSON, "[{\"a\":1,\"b\":\"\xff\"}]")],
    [200, post('/ints', $JSON, '[' . join(',', 1 .. 20_000) . ']')],
    [200, post('/int_map', $JSON, '{' . join(',', map { "\"k$_\":$_" } 1 .. 500) . '}')],
    [422, post('/one_strict', $JSON, '{' . join(',', map { "\"k$_\":$_" } 1 .. 100) . '}')],
    [413, post('/fats', $JSON, '[' . join(',', ('{}') x 5_000) . ']')],
    [400, post('/any', $JSON, '[' x 500)],
    [200, post('/any', $JSON, '{ "a" : [ 1, 2, NaN ] }')],
    [200, post('/pets', $JSON, '[{"kind":"cat"},{"kind":"dog","litter":[{"s0":"x"}]}]')],
    [422, post('/pets', $JSON, '[{"kind":"cow"},{}]')],
    [200, post('/form', $FORM, 'a=1&n=2&tags=x&tags=y%20z&ids=1&ids=2')],
    [422, post('/form', $FORM, 'n=x&ids=y')],
    [422, post('/strict_form', $FORM, join '&', map { "f$_=$_" } 1 .. 100)],
    [400, post('/form', $FORM, 'a=1' . '&b=' x 1001)],
    [200, post('/form', $PARTS, part('a', 'x', '') . part('tags', "caf\xe9", '') . "--b--\r\n")],
    [200, post('/files', $PARTS, join('', map { part('files', 'data' x 100, qq(; filename="f$_")) } 1 .. 5) . "--b--\r\n")],
    [422, post('/files', $PARTS, part('files', 'no file', '') . "--b--\r\n")],
    [400, post('/files', $PARTS, 'no parts')],
);
push @mix, @mix[ 0, 3, 8, 9, 21, 0, 3, 8, 9, 21, 0 ];
my $batch = join '', map { $_->[1] } @mix;
my $large = post('/files', $PARTS, $file);

# One batch with every answer looked at: how many bytes they are.
sub look {
    my ($connection) = @_;
    my $bytes = 0;
    $connection->send($batch);
    for my $row (@mix) {
        my $answer = $connection->read_response;
        my ($what) = $row->[1] =~ /^(\S+ \S+)/;
        is($answer && $answer->{status}, $row->[0], $what);
        $bytes += length($answer->{head}) + length $answer->{body};
    }
    return $bytes;
}

my @connections = map { $server->connect } 1 .. 4;
my $bytes = look($connections[0]);
$connections[0]->send($large);
is($connections[0]->read_response->{status}, 200, 'a file that goes to disk');

# Send batches until so many requests were answered; a file to disk with each fiftieth. False at the first surprise.
sub run {
    my ($count) = @_;
    my ($sent, $turn) = (0, 0);
    while ($sent < $count) {
        my $connection = $connections[ $turn % @connections ];
        $connection->send($batch);
        my $answers = $connection->read_bytes($bytes) // return 0;
        my $found = () = $answers =~ m{HTTP/1\.1 \d\d\d }g;
        return 0 if $found != @mix || length $connection->buffer;
        $sent += @mix;
        next if $turn++ % 50;
        $connection->send($large);
        return 0 if $connection->read_response->{status} != 200;
        $sent++;
    }
    return $sent;
}

ok(run($warm_up), 'warm');
my ($rss, $descriptors) = (rss_kb(), descriptors_of($worker));
my $sent = run($wanted);
cmp_ok($sent, '>=', $wanted, "$sent requests");
my ($grown, $more) = (rss_kb() - $rss, descriptors_of($worker) - $descriptors);
is($more, 0, 'no descriptor is left');
SKIP: {
    skip 'a sanitizer or another program has memory of its own', 1 if !$has_own_memory;
    cmp_ok($grown, '<', $rss / 100, sprintf '%d kB of %d are resident more: %.2f %%', $grown, $rss, 100 * $grown / $rss);
}
$_->close for @connections;
is(scalar($server->worker_pids), 1, 'one worker');
is(($server->worker_pids)[0], $worker, 'and it is still the same');
is($server->stop, 0, 'stops');

# ---- what a crowd needed once, deep down on its stacks, is given back while others are served ----
SKIP: {
    skip 'its memory is not its own', 3 if !$has_own_memory;
    my $deep = Galley::Test->start('t/apps/deep');
    ($worker) = $deep->worker_pids;
    my $kept = $deep->connect;
    is($kept->request(GET => '/')->{body}, 'here', 'a quiet worker');
    my $before = rss_kb();
    my @crowd = map { $deep->connect } 1 .. 300;
    $_->send("GET /dig HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") for @crowd;
    ok(wait_until('all of them dig', sub { rss_kb() > $before + 300 * 80 }), 'with many deep requests needs much memory');
    $_->read_response for @crowd;
    ok(wait_until('it is given back', sub {
        $kept->request(GET => '/');
        return rss_kb() < $before + 300 * 20;
    }), 'which it gives back');
    $deep->stop;
}
done_testing;
