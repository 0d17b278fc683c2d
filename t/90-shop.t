#!/usr/bin/perl
# 90-shop.t - examples/shop.c: the same program on SQLite and on PostgreSQL: migrations, items, orders, the report; orders that
# compete for the last piece; the commands of its header.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Galley::Test;
use Galley::Postgres;

my $app = app_path('examples/shop');
my $dir = temp_dir();
my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

sub post {
    my ($server, $path, $body) = @_;
    my $answer = $server->request(POST => $path, body => encode_json($body), headers => { 'Content-Type' => 'application/json' });
    return ($answer->{status}, $answer->{body});
}

sub check_migrations {
    my ($name, $url, $told) = @_;    # $told: the URL as it is told, without a password
    my $env = { env => { SHOP_DATABASE => $url } };
    my $got = galley_command($env, 'run', $app, '--listen', '127.0.0.1:0', '--stats', "$dir/stats.sock");
    is($got->{status}, 1, "$name: no worker starts where migrations are missing");
    like($got->{err}, qr/$told lacks 2 migrations of examples\/shop, the first is 0001-items.sql: run `galley migrate APP`/, "$name: and it says what to do");
    $got = galley_command($env, 'migrate', $app);
    is($got->{err}, '', "$name: migrate has nothing to complain about");
    is($got->{out} =~ s/^$told: //gmr, "applied 0001-items.sql\napplied 0002-orders.sql\n", "$name: migrate tells what it applied");
    is(galley_command($env, 'migrate', $app)->{out} =~ s/^$told: //gmr, "nothing to apply\n", "$name: and the second time nothing");
    $got = decode_json(galley_command($env, 'migrate', '--json', $app)->{out});
    like(delete $got->{databases}[0], qr/^$told$/, "$name: in JSON, too");
    is_deeply($got, { ok => JSON::PP::true, message => '', databases => [], applied => [] }, "$name: with nothing else");
}

# Three hosts at once on a database without anything.
sub check_at_once {
    my ($name, $url) = @_;
    my $got = run_command({ env => { SHOP_DATABASE => $url } }, 'sh', '-c', 'for i in 1 2 3; do "$@" & done; wait', '-', galley_words(), 'migrate', $app);
    is($got->{err}, '', "$name: three that migrate at once have nothing to complain about");
    is(scalar(() = $got->{out} =~ /applied $_/g), 1, "$name: $_ is applied once") for qw(0001-items.sql 0002-orders.sql);
}

sub check_shop {
    my ($name, $server) = @_;
    my $nut = '{"sku":"nut","name":"Hex nut","price_cents":25,"stock":3}';
    is_deeply([ post($server, '/items', decode_json($nut)) ], [ 201, $nut ], "$name: an item");
    is_deeply([ post($server, '/items', decode_json($nut)) ], [ 409, '{"detail":"there is a nut already"}' ], "$name: the same again");
    is((post($server, '/items', { sku => 'x', name => 'y', price_cents => 0, stock => 1 }))[0], 422, "$name: an item for nothing");
    post($server, '/items', { sku => 'bolt', name => 'Bolt', price_cents => 70, stock => 1 });
    my ($status, $body) = post($server, '/orders', { sku => 'nut', count => 2, customer => "Ada \x{e5}" });
    is($status, 201, "$name: an order");
    like($body, qr/^\{"id":"$uuid","sku":"nut","count":2,"total_cents":50,"customer":"Ada \xc3\xa5","ordered_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}$/,
        "$name: with its number and price");
    is_deeply([ post($server, '/orders', { sku => 'nut', count => 2, customer => 'Bob' }) ],
        [ 409, '{"detail":"there are only 1 of nut"}' ], "$name: more than there is");
    is_deeply([ post($server, '/orders', { sku => 'hat', count => 1, customer => 'Bob' }) ], [ 404, '{"detail":"there is no hat"}' ],
        "$name: something that nobody sells");
    is((post($server, '/orders', { sku => 'bolt', count => 1, customer => 'Bob' }))[0], 201, "$name: the last bolt");
    is($server->request(GET => '/items')->{body},
        '[{"sku":"bolt","name":"Bolt","price_cents":70,"stock":0},{"sku":"nut","name":"Hex nut","price_cents":25,"stock":1}]',
        "$name: what is left");
    is($server->request(GET => '/report')->{body},
        '{"items":2,"orders":2,"earned_cents":120,"sold_out":["bolt"],"best":[{"sku":"nut","sold":2},{"sku":"bolt","sold":1}]}',
        "$name: the report");
}

# Forty customers at once, twenty pieces.
sub check_rush {
    my ($name, $server) = @_;
    post($server, '/items', { sku => 'rare', name => 'Rare', price_cents => 1, stock => 20 });
    my @customers = map { $server->connect } 1 .. 40;
    my $body = encode_json({ sku => 'rare', count => 1, customer => 'x' });
    $_->send("POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: " . length($body) . "\r\n\r\n$body") for @customers;
    my %count;
    $count{ $_->read_response(timeout => 20 * slow())->{status} }++ for @customers;
    is_deeply(\%count, { 201 => 20, 409 => 20 }, "$name: of forty who want one of twenty pieces, twenty get one");
    like($server->request(GET => '/report')->{body}, qr/"orders":22,"earned_cents":140,"sold_out":\["bolt","rare"\]/, "$name: none was sold twice");
    ok($server->wait_stat('pool_waiting', 0), "$name: nobody waits any more");
    is($server->stat('sql_failed_total'), 1, "$name: one statement failed: the item that was there already");
}

my @databases = ([ 'SQLite', "sqlite:$dir/shop.db", qr/sqlite:\Q$dir\E\/shop\.db/ ]);
my $pg;
if (-e 'worker/io/pg.c' && Galley::Postgres->is_installed) {
    $pg = Galley::Postgres->start;
    push @databases, [ 'PostgreSQL', $pg->url, qr/postgresql:\/\/postgres@\S+\/postgres/ ];
}
for (@databases) {
    my ($name, $url, $told) = @$_;
    check_migrations($name, $url, $told);
    my $server = Galley::Test->start('examples/shop', workers => 2, env => { SHOP_DATABASE => $url });
    check_shop($name, $server);
    is($server->stop, 0, "$name: stops");
    $server = Galley::Test->start('examples/shop', workers => 1, env => { SHOP_DATABASE => $url });
    like($server->request(GET => '/report')->{body}, qr/"orders":2,/, "$name: what was sold is still there");
    post($server, '/items', { sku => 'bolt', name => 'Bolt', price_cents => 70, stock => 1 });
    check_rush($name, $server);
    is($server->stop, 0, "$name: stops again");
}

check_at_once('SQLite', "sqlite:$dir/at-once.db");
if ($pg) {
    $pg->ask('create database empty');
    check_at_once('PostgreSQL', $pg->url =~ s{/postgres\?}{/empty?}r);
}

# The header's commands, in its own words.
SKIP: {
    my $source = read_file('examples/shop.c');
    my @pairs = $source =~ m{^ \*     curl ((?:-d )?.*?http://127\.0\.0\.1:8000(\S+))\n \*         (\S.*)$}mg;
    cmp_ok(scalar @pairs, '>=', 12, 'the header shows commands and answers') or skip 'no commands', 1;
    galley_command({ env => { SHOP_DATABASE => "sqlite:$dir/header.db" } }, 'migrate', $app);
    my $server = Galley::Test->start('examples/shop', env => { SHOP_DATABASE => "sqlite:$dir/header.db" });
    while (my ($command, $path, $answer) = splice @pairs, 0, 3) {
        my $url = $server->url;
        my $got = run_command('sh', '-c', "curl -sS --noproxy '*' " . $command =~ s{http://127\.0\.0\.1:8000}{$url}r);
        my ($wanted) = $answer =~ /^([\[\{].*[\]\}])/;
        (my $pattern = quotemeta $wanted) =~ s/0a1b\\\.\\\.\\\./$uuid/;
        $pattern =~ s/2026\\-11\\-23T20\\:45\\:10Z/[-0-9T:]+Z/;
        like($got->{out}, qr/^$pattern$/, "curl $path answers as the header says");
    }
    is($server->stop, 0, 'and stops');
}

done_testing();
