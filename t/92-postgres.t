#!/usr/bin/perl
# 92-postgres.t - statements of handlers on a real PostgreSQL: values of every type, errors with their names, transactions.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;
use Galley::Postgres;

plan skip_all => 'PostgreSQL is not installed' if !Galley::Postgres->is_installed;
my $pg = Galley::Postgres->start(tcp => 1, tls => 1, settings => { deadlock_timeout => '100ms' });
$pg->ask('create table item (id int primary key, name text not null, price float8 check (price < 100));'
    . "insert into item values (1, 'a', 1), (2, 'b', null); create table visit (id int)");
my $server;

sub ask {
    my ($sql, $more) = @_;
    $sql =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    return $server->request(GET => "/ask?sql=$sql" . ($more // ''))->{body};
}

# How many kB more than before the worker had at most while `run` ran; 0 where that cannot be measured.
sub peak_of {
    my ($run) = @_;
    my ($worker) = $server->worker_pids;
    my $read = sub { my ($what) = @_; return (read_file("/proc/$worker/status") =~ /^$what:\s+(\d+) kB/m)[0] };
    my $has_own = build() =~ m{/asan$} || wrapped();
    my $is_set_back = !$has_own && eval { write_file("/proc/$worker/clear_refs", "5\n") };
    my $before = $read->('VmRSS');
    $run->();
    return $is_set_back ? $read->('VmHWM') - $before : 0;
}

my $here = qr{\(t/apps/postgres\.c:\d+\)};
my @rows = (
    [ 'select 1',                                          '1 rows, 0 changed; ?column?=int 1' ],
    [ 'select (-32768)::int2 a, 2147483647 b',               '1 rows, 0 changed; a=int -32768, b=int 2147483647' ],
    [ 'select (-9223372036854775807 - 1)::int8 a',         '1 rows, 0 changed; a=int -9223372036854775808' ],
    [ 'select true a, false b, null c',                    '1 rows, 0 changed; a=bool true, b=bool false, c=null' ],
    [ "select 1.5::float4 a, 'inf'::float8 b, 'nan'::float8 c", '1 rows, 0 changed; a=float 1.5, b=float inf, c=float nan' ],
    [ 'select 1e-300::float8 a, 0.1::float8 b',            '1 rows, 0 changed; a=float 1e-300, b=float 0.10000000000000001' ],
    [ 'select 123456789012345678901234567890.5 a',         '1 rows, 0 changed; a=text[32] 123456789012345678901234567890.5' ],
    [ "select '' a, ' x '::text b, 'ab'::char(4) c",       '1 rows, 0 changed; a=text[0] , b=text[3]  x , c=text[4] ab  ' ],
    [ "select '\\x00ff'::bytea a, ''::bytea b",            '1 rows, 0 changed; a=bytes 00ff, b=bytes ' ],
    [ q(select '{"a": 1}'::jsonb a, '{1,2}'::int[] b),     '1 rows, 0 changed; a=text[8] {"a": 1}, b=text[5] {1,2}' ],
    [ "select '2024-02-29'::date a, '12:30'::time b",      '1 rows, 0 changed; a=text[10] 2024-02-29, b=text[8] 12:30:00' ],
    [ 'select 1 where false',                              '0 rows, 0 changed' ],
    [ 'select generate_series(1, 3) n',                    '3 rows, 0 changed; n=int 1; n=int 2; n=int 3' ],
    [ "insert into visit values (7), (8)",                 '2 rows, 2 changed', 'any' ],
    [ "update visit set id = 9 where id = 7 returning id", '1 rows, 1 changed; id=int 9' ],
    [ 'delete from visit',                                 '0 rows, 2 changed' ],
    [ '',                                                  '0 rows, 0 changed' ],
    [ "do \$\$ begin raise notice 'hello'; end \$\$",      '0 rows, 0 changed' ],
);
my @errors = (
    [ 'selec',                                   qr/^error -5009: .*syntax error at or near "selec" \(SQLSTATE 42601\) $here$/ ],
    [ 'select no_column from item',              qr/^error -5009: .*column "no_column" does not exist/ ],
    [ 'select 1; select 2',                      qr/^error -5009: .*multiple commands/ ],
    [ "insert into item values (1, 'x')",        qr/^error -5010: .*duplicate key .*Key \(id\)=\(1\) already exists/ ],
    [ 'insert into item values (3, null)',       qr/^error -5010: .*null value in column "name"/ ],
    [ "insert into item values (3, 'x', 100)",   qr/^error -5010: .*violates check constraint/ ],
    [ 'select 1 / 0',                            qr/^error -5009: .*division by zero/ ],
    [ 'begin',                                   qr/^error -5009: .*galley_sql_transaction/ ],
    [ 'select $1::int',                          qr/^error -5009: .*\$1/ ],
);

for my $way ([ 'a UNIX socket' => $pg->url ], [ TCP => $pg->url(tcp => 1, options => 'sslmode=disable') ],
    [ TLS => $pg->url(tcp => 1, options => 'sslmode=require') ]) {
    my ($name, $url) = @$way;
    $server = Galley::Test->start('t/apps/postgres', env => { PG_URL => $url, PG_CONNECTIONS => 2 });
    is($pg->connections, 0, "$name: nothing is opened before it is needed");
    is(ask('select ssl from pg_stat_ssl where pid = pg_backend_pid()'), '1 rows, 0 changed; ssl=bool ' . ($name eq 'TLS' ? 'true' : 'false'), "$name: that is what it is");
    for my $turn ('prepared', 'used again') {
        for my $row (@rows) {
            my ($sql, $wanted) = @$row;
            $wanted =~ s/^2 rows/0 rows/ if $row->[2];
            is(ask($sql), $wanted, "$name, $turn: $sql");
        }
        like(ask($_->[0]), $_->[1], "$name, $turn: $_->[0]") for @errors;
    }
    is($pg->connections('idle'), 1, 'all of it on one connection');
    like(ask('copy item to stdout'), qr/^error -5009: .*copy/, 'copy');
    is(ask('select 1'), '1 rows, 0 changed; ?column?=int 1', 'which ends its connection');
    is($server->request(GET => '/arguments')->{body}, '1 rows, 0 changed; a=bool true, b=int 42, c=int -9223372036854775808, '
            . 'd=float 0.10000000000000001, e=text[9] it\'s "' . "\xc3\xa9" . '", f=bytes 0001ff275c, g=text[36] 123e4567-e89b-12d3-a456-426614174000, '
            . 'h=text[29] 2023-11-14 22:13:20.000005+00, i=text[10] 2024-02-29, j=text[4] 12.5, k=null, l=null, m=null', 'arguments of every kind');
    is($server->request(GET => "/large?bytes=$_")->{body}, "same $_", "$_ bytes there and back") for 0, 1, 8191, 16384, 100_000, 7_000_000;
    like(ask('select $1::text a, $2::int b', '&a=x&n=5'), qr/a=text\[1\] x, b=int 5/, 'two arguments');
    like(ask('select $1::int a', '&n=99999999999'), qr/^error -5009: .*out of range/, 'an argument that does not fit');
    is(ask("select repeat('x', 17000000)"), "error -5005: the answer is larger than it may be: the answer is larger than 16777216 bytes (t/apps/postgres.c:102)",
        'an answer that is too large') or diag $server->log;
    like(ask("select repeat('x', $_->[0]) x, generate_series(1, $_->[1])"), qr/^$_->[1] rows, /, "$_->[1] rows of $_->[0] bytes are not")
        for [ 10, 10_000 ], [ 300, 20_000 ], [ 8000, 1500 ], [ 1_000_000, 12 ];
    like(ask("select repeat('x', $_->[0]) x, generate_series(1, $_->[1])"), qr/^error -5005: /, "$_->[1] rows of $_->[0] bytes are")
        for [ wrapped() ? 100 : 10, 100_000_000 ], [ 8000, 3000 ], [ 1_000_000, 17 ];    # each row costs much within valgrind
    is(ask('select 1'), '1 rows, 0 changed; ?column?=int 1', 'and life goes on');
    like(ask("select repeat('x', 7000000) x, generate_series(1, 2)"), qr/^2 rows, /, 'two large rows: libpq has much room now');
    my $more = peak_of(sub { like(ask("select repeat('x', 1000) x, generate_series(1, 100000000)"), qr/^error -5005: /, 'too many small ones') });
    cmp_ok($more, '<', 80_000, "which are refused before they fill it again and again: $more kB");
    is(ask('select 1'), '1 rows, 0 changed; ?column?=int 1', 'and life goes on');
    is($server->request(GET => '/items')->{body}, '{"items":[{"id":1,"name":"a","price":1.0},{"id":2,"name":"b","price":null}]}', 'rows in models');
    is($server->request(GET => '/four')->{body}, 4, 'four at once');

    my @log = ($server->request(GET => '/plain?sql=selec')->{status}, $server->log);
    is($log[0], 500, 'left alone, a wrong statement is 500');
    like($log[1], qr/syntax error at or near "selec" \(SQLSTATE 42601\) $here/, 'and the log says why');
    is($server->stop, 0, 'stops');
    ok(wait_until('the connections are gone', sub { $pg->connections == 0 }), 'and its connections are closed');
}

# ---- what was prepared and is not what it was ----
$server = Galley::Test->start('t/apps/postgres', env => { PG_URL => $pg->url, PG_CONNECTIONS => 1 });
is(ask('select * from visit'), '0 rows, 0 changed', 'a statement is prepared');
$pg->ask('alter table visit add column who text; insert into visit values (1, $$me$$)');
is(ask('select * from visit'), '1 rows, 0 changed; id=int 1, who=text[2] me', 'its result has another type now');
is(ask('deallocate all'), '0 rows, 0 changed', 'all are forgotten');
is(ask('select * from visit'), '1 rows, 0 changed; id=int 1, who=text[2] me', 'it is prepared anew');
is(ask("select $_ as n, count(*) from pg_prepared_statements") =~ /n=int $_, count=int \d+/, 1, "$_ statements") for 1 .. 200;
my ($count) = ask('select count(*) n from pg_prepared_statements') =~ /n=int (\d+)/;
cmp_ok($count, '<=', 128, "$count are kept");

# ---- transactions ----
my $price = sub { $pg->ask('select price from item where id = 1') };
is($server->request(GET => '/transaction')->{body}, 'done', 'a transaction');
is($price->(), 2, 'is committed');
is($server->request(GET => '/transaction?fails=1')->{status}, 500, 'a statement in one fails');
is($server->request(GET => '/transaction?fails=2')->{status}, 500, 'its function fails');
is($price->(), 2, 'both are rolled back');
is($server->request(GET => '/empty')->{body}, 0, 'one without statements');
is($server->request(GET => '/empty?fails=1')->{body}, -5, 'and one that fails');
is($pg->connections('idle in transaction'), 0, 'none is left');
is($server->request(GET => '/transaction')->{body}, 'done', 'and the next one');
is($price->(), 3, 'is committed');

# ---- a deadlock ----
{
    my $two = Galley::Test->start('t/apps/postgres', env => { PG_URL => $pg->url });
    my @both = map { $two->connect } 1, 2;
    $both[0]->send("GET /transaction?id=1&then=2&ms=300 HTTP/1.1\r\nHost: x\r\n\r\n");
    $both[1]->send("GET /transaction?id=2&then=1&ms=300 HTTP/1.1\r\nHost: x\r\n\r\n");
    my @status = sort map { $_->read_response->{status} } @both;
    is("@status", '200 503', 'of two in a deadlock one succeeds, the other may be tried again');
    like($two->log, qr/deadlock detected/, 'and the log says so');
    is($pg->connections('idle in transaction'), 0, 'nothing is left open');
}
done_testing;
