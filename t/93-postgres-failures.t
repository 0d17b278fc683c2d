#!/usr/bin/perl
# 93-postgres-failures.t - a PostgreSQL that is down, dies, stops, is full; connections that are cut, spoiled and slow; clients
# that leave: each has its error in time, and afterwards all is as before.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;
use Galley::Postgres;
use Galley::Proxy;

plan skip_all => 'PostgreSQL is not installed' if !Galley::Postgres->is_installed;
my $pg = Galley::Postgres->start(tcp => 1, settings => { max_connections => 12, superuser_reserved_connections => 3 });
$pg->ask('create table visit (id int); create table item (id int primary key, price float8); insert into item values (1, 1), (2, 2)');
my $server;

sub path {
    my ($route, $sql, $more) = @_;
    $sql =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    return "/$route?sql=$sql" . ($more // '');
}
sub ask { return $server->request(GET => path(ask => @_))->{body} }
sub app {
    my ($url, %env) = @_;
    return Galley::Test->start('t/apps/postgres', env => { PG_URL => $url, %env });
}
# A request that is not waited for.
sub send_off {
    my ($path, $method) = @_;
    my $connection = $server->connect;
    $connection->send(($method // 'GET') . " $path HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    return $connection;
}
# How many of others run this, by what pg_stat_activity says.
sub running {
    my ($sql) = @_;
    return $pg->ask("select count(*) from pg_stat_activity where state = 'active' and query like '$sql%' and pid <> pg_backend_pid()");
}
my $one = '1 rows, 0 changed; ?column?=int 1';
my $nap = 'select pg_sleep(30)';

# ---- a statement is cancelled: by its scope, by a client that leaves ----
$server = app($pg->url, PG_CONNECTIONS => 3);
{
    my $from = time;
    like(ask($nap, '&timeout_ms=100'), qr/^error -110/, 'a scope ends');
    cmp_ok(time - $from, '<', 15 * slow(), 'with its deadline');    # the statement takes 30 s
    is(running('select pg_sleep'), 0, 'and the server has stopped the statement');
    is($pg->connections('idle'), 1, 'whose connection goes on') if !wrapped();    # it has a second to say so
    my $limit = 1.5 * slow();
    cmp_ok(best_of($limit, sub {
        my $client = send_off(path(ask => $nap));
        ok(wait_until('it runs', sub { running('select pg_sleep') == 1 }), 'a client waits');
        my $left = time;
        $client->close;
        ok(wait_until('it is gone', sub { running('select pg_sleep') == 0 }), 'and leaves: its statement is stopped');
        return time - $left;
    }), '<', $limit, 'within a second');
    is(ask('select 1'), $one, 'and life goes on');
}
# ---- a client leaves in a transaction ----
{
    my $client = send_off('/visit?id=5&ms=30000');
    ok(wait_until('it is in a transaction', sub { $pg->connections('idle in transaction') == 1 }), 'a client is in a transaction');
    $client->reset;
    ok(wait_until('it is rolled back', sub { $pg->connections('idle in transaction') == 0 }), 'and leaves: it is rolled back');
    $client = send_off('/transaction?ms=30000');
    ok(wait_until('it runs', sub { running('select pg_sleep') == 1 }), 'another one waits for a statement in one');
    $client->reset;
    ok(wait_until('it is gone', sub { running('select pg_sleep') == 0 && $pg->connections('idle in transaction') == 0 }), 'and leaves, too');
    is($pg->ask('select count(*) from visit'), 0, 'nothing was kept of the first');
    is($pg->ask('select price from item where id = 1'), 1, 'nor of the second');
}
# ---- the server ends a session ----
{
    my $client = send_off(path(plain => $nap));
    ok(wait_until('it runs', sub { running('select pg_sleep') == 1 }), 'a statement runs');
    $pg->ask("select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep%' and pid <> pg_backend_pid()");
    is($client->read_response->{status}, 503, 'pg_terminate_backend: 503');
    like($server->log, qr/terminating connection due to administrator command/, 'and the log has the reason');
    is(ask('select 1'), $one, 'and life goes on');
    $pg->ask("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()");
    ok($server->wait_stat(pool_connections_open => 0), 'those that are idle are noticed when they end');
    is(ask('select 1'), $one, 'and replaced');
}
# ---- a backend is killed, which ends all of them ----
{
    my $client = send_off(path(plain => $nap));
    ok(wait_until('it runs', sub { running('select pg_sleep') == 1 }), 'a statement runs');
    my $backend = $pg->ask("select pid from pg_stat_activity where query like 'select pg_sleep%' and pid <> pg_backend_pid()");
    my $starts = () = $pg->log =~ /ready to accept connections/g;
    kill KILL => $backend;
    is($client->read_response->{status}, 502, 'kill -9 of its backend: 502');
    like($server->log, qr/ended with -5008 .*closed the connection/, 'and the log has the reason');
    # A session that has not been ended yet may answer once more: first the server is back, then we are.
    ok(wait_until('it is up', sub { (() = $pg->log =~ /ready to accept connections/g) > $starts }), 'the server recovers');
    ok(wait_until('it serves again', sub { ask('select 1') eq $one }), 'and so do we');
}
# ---- the server is stopped, and comes back ----
{
    my $client = send_off(path(plain => $nap));
    ok(wait_until('it runs', sub { running('select pg_sleep') == 1 }), 'a statement runs');
    $pg->kill_it;
    like($client->read_response->{status}, qr/^50[23]$/, 'an immediate stop: 502 or 503');
    is($server->request(GET => path(plain => 'select 1'))->{status}, 503, 'while it is down: 503');
    like(ask('select 1'), qr{^error -111: Connection refused: cannot reach postgresql://postgres@/\S+: .*(?:refused|No such file)}, 'with the reason');
    my $limit = 2 * slow();
    cmp_ok(best_of($limit, sub {
        $pg->restart;
        my $from = time;
        ok(wait_until('it serves', sub { ask('select 1') eq $one }), 'it is back');
        return time - $from;
    }), '<', $limit, 'and served within 2 s');
}
# ---- it is full ----
{
    my @others = map { app($pg->url, PG_CONNECTIONS => 1) } 1 .. 3;    # as superuser all 12 are ours
    $server->stop;
    $server = app($pg->url, PG_CONNECTIONS => 20);
    my @clients = map { send_off(path(ask => 'select pg_sleep(0.3)')) } 1 .. 20;
    my @said = map { $_->read_response->{body} } @clients;
    is(scalar(grep { /^1 rows/ } @said), 20, 'more connections than the server takes: those that there are serve all')
        or diag join "\n", @said;
    cmp_ok($server->stat('pool_connections_open'), '<', 13, 'which are fewer');
    $_->stop for @others;
}
# ---- many wait, for too long ----
{
    $server->stop;
    my $seconds = 0.5 * slow();
    $server = app($pg->url, PG_CONNECTIONS => 1, PG_MAX_WAITING => 2, PG_MAX_WAIT_MS => 1000 * $seconds);
    my $path = path(ask => 'select pg_sleep(' . 4 * $seconds . ')');
    my $served = send_off($path);
    ok(wait_until('it is served', sub { running('select pg_sleep') == 1 }), 'one is served');
    my @said = sort map { $_->read_response->{body} =~ /^(error \S+|1 rows)/ } map { send_off($path) } 1 .. 3;
    is("@said", 'error -110: error -110: error -5002:', 'two wait for too long, one is too many');
    like($served->read_response->{body}, qr/^1 rows/, 'and who was served is served');
    is($server->stat('pool_refused_total'), 3, 'which is counted');
}
$server->stop;
ok(wait_until('all connections are closed', sub { $pg->connections == 0 }), 'a stop closes all connections');

# ---- down at start ----
{
    $pg->stop;
    $server = app($pg->url);
    is($server->request(GET => path(plain => 'select 1'))->{status}, 503, 'the worker starts without it: 503');
    $pg->again;
    is(ask('select 1'), $one, 'until it is there');
    $server->stop;
}
# ---- what cannot be reached ----
for my $row (
    [ 'postgresql://postgres@127.0.0.1:1/x',                 qr/^error -111: .*cannot reach/,              'nobody listens' ],
    [ 'postgresql://nobody@127.0.0.1:' . $pg->port . '/x',   qr/^error -5009: .*role "nobody" does not/,   'no such role' ],
    [ $pg->url(tcp => 1) . '_x',                             qr/^error -5009: .*database "postgres_x" does not/, 'no such database' ],
    [ $pg->url(tcp => 1, options => 'sslmode=require'),      qr/^error -5003: .*SSL/,                       'no TLS' ],
    [ 'postgresql://postgres@no-such-host.invalid/x',        qr/^error -5001: /,                            'no such name' ],
) {
    $server = app($row->[0]);
    like(ask('select 1'), $row->[1], $row->[2]);
    $server->stop;
}
like(ask_wrong('postgresql://a,b/x'), qr/the database is one host/, 'two hosts are not started with');
like(ask_wrong('postgresql://x?no=option'), qr/invalid URI query parameter/, 'nor an unknown option');

for my $row (
    [ 'postgresql://u:secret@[::1/x',            qr/the URL of the database: end of string reached/ ],
    [ 'postgresql://u:secret@[::1]z/x',          qr/the URL of the database: unexpected character "z"/ ],
    [ 'postgresql://u:secret%zz@h/x',            qr/the URL of the database: invalid percent-encoded token/ ],
    [ 'postgresql://h/x?password=secret%00',     qr/the URL of the database: forbidden value %00/ ],
    [ 'postgresql://h/x?password=a&secret=b',    qr/the URL of the database: invalid URI query parameter/ ],
) {
    my ($url, $wanted) = @$row;
    my $said = ask_wrong($url);
    like($said, $wanted, "what is wrong with $url is told");
    unlike($said, qr/secret/, 'but not its password');
}

sub ask_wrong {
    my $wrong = Galley::Test->prepare('t/apps/postgres');
    my $said = run_command({ env => { PG_URL => $_[0] } }, @{ $wrong->{command} });
    return $said->{out} . $said->{err};
}

# ---- a proxy that misbehaves ----
{
    my $proxy = Galley::Proxy->start($pg->port);
    $server = app($pg->url(port => $proxy->port), PG_CONNECTIONS => 2);
    my $long = "select repeat('x', 100000) from generate_series(1, 10)";
    for my $row (
        [ cut     => qr/^error -500[48]: / ],
        [ reset   => qr/^error -500[48]: |^error -104/ ],
        [ garble  => qr/^error -500[48]: / ],
        [ noise   => qr/^error -500[48]: / ],
        [ drip    => qr/^1 rows/, 'select repeat($$x$$, 700)' ],
        [ swallow => qr/^error -110: / ],
    ) {
        my ($mode, $wanted, $sql) = @$row;
        for my $what ($sql // ('select 1', $long)) {
            $proxy->mode('pass');
            is(ask('select 1'), $one, 'it works');
            $proxy->mode($mode);
            my $from = time;
            my $limit_ms = $mode eq 'swallow' ? 1000 : 9000 * slow();
            like(ask($what, "&timeout_ms=$limit_ms"), $wanted, "$mode: " . substr $what, 0, 12);
            cmp_ok(time - $from, '<', 8 * slow(), 'in time') if $mode ne 'drip';    # before its limit of 9 s
        }
        # and for a new connection
        next if $mode eq 'drip';
        $proxy->mode($mode);
        like(ask('select 1', '&timeout_ms=1000'), qr/^error -(?:50\d\d|110|104)/, "$mode: while it connects");
    }
    $proxy->mode('pass');
    ok(wait_until('it works', sub { ask('select 1') eq $one }), 'and all is well again');
    is($server->stat('pool_waiting'), 0, 'nobody waits');
    cmp_ok($server->stat('pool_connections_open'), '<=', 2, 'no connection is lost');
    is($server->stop, 0, 'stops');
}
ok(wait_until('all is quiet', sub { $pg->connections == 0 }), 'no connection is left');
done_testing;
