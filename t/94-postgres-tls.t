#!/usr/bin/perl
# 94-postgres-tls.t - PostgreSQL over TLS: whose certificate is trusted, passwords bound to the channel, statements that are
# stopped, servers that leave, connections that are spoiled; and a server whose TLS records are as large as they may be.
use strict;
use warnings;
use lib 't/lib';
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Test::More;
use Time::HiRes qw(time);
use Galley::Test;
use Galley::Postgres;
use Galley::Proxy;

plan skip_all => 'PostgreSQL is not installed' if !Galley::Postgres->is_installed;
plan skip_all => 'IO::Socket::SSL is not installed' if !eval { require IO::Socket::SSL };
my $pg = Galley::Postgres->start(tcp => 1, tls => 1);
my $dir = temp_dir();
my ($ca, $port, $server) = ($pg->cert, $pg->port);
my ($other_ca, $other_key) = Galley::Test::tls_files($dir, name => 'other', cn => 'elsewhere.example');
my $one = '1 rows, 0 changed; ?column?=int 1';
my $is_tls = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()';

sub ask {
    my ($sql, $more) = @_;
    $sql =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
    return $server->request(GET => "/ask?sql=$sql" . ($more // ''))->{body};
}
sub app {
    my ($url, %env) = @_;
    $url .= '&connect_timeout=' . 10 * slow() if slow() > 1;
    return Galley::Test->start('t/apps/postgres', env => { PG_URL => $url, %env });
}

# A server that speaks TLS itself, with this certificate, and hands all on to $pg: what comes within 20 ms in one piece, and so in
# records of 16 KiB, as newer versions send them, and what stands between.
sub terminate {
    my ($cert, $key) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "no port: $!\n";
    my $parent = $$;
    my $pid = fork // die "fork: $!\n";
    return ($listener->sockport, $pid) if $pid;
    local $SIG{CHLD} = local $SIG{PIPE} = 'IGNORE';
    while (getppid == $parent) {
        next if !IO::Select->new($listener)->can_read(0.2);
        my $client = $listener->accept or next;
        next if fork;
        eval { hand_on($client, $cert, $key) };
        POSIX::_exit(0);
    }
    POSIX::_exit(0);
}

sub hand_on {
    my ($client, $cert, $key) = @_;
    sysread $client, my $request, 8;
    syswrite $client, 'S';
    IO::Socket::SSL->start_SSL($client, SSL_server => 1, SSL_cert_file => $cert, SSL_key_file => $key) or return;
    my $behind = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return;
    my $both = IO::Select->new($client, $behind);
    while (1) {
        my @ready = $client->pending ? $client : $both->can_read;
        for my $from (@ready) {
            sysread $from, my $bytes, 1 << 20 or return;
            while ($from == $behind && length $bytes < 1 << 20 && IO::Select->new($from)->can_read(0.02)) {
                sysread $from, $bytes, 1 << 16, length $bytes or last;
            }
            my $to = $from == $behind ? $client : $behind;
            for (my $at = 0; $at < length $bytes;) {
                $at += syswrite($to, $bytes, 16384, $at) || return;
            }
        }
    }
}
my ($large_port, $large_pid) = terminate($pg->cert, $pg->dir . '/postgres.key');
my ($other_port, $other_pid) = terminate($other_ca, $other_key);

# ---- certificates ----
for my $row (
    [ 'any certificate',              "localhost:$port",       'sslmode=require',                          1 ],
    [ 'preferred',                    "localhost:$port",       'sslmode=prefer',                           1 ],
    [ 'the authority',                "localhost:$port",       "sslmode=verify-ca&sslrootcert=$ca",        1 ],
    [ 'the authority and the host',   "localhost:$port",       "sslmode=verify-full&sslrootcert=$ca",      1 ],
    [ 'the authority and the address', "127.0.0.1:$port",      "sslmode=verify-full&sslrootcert=$ca",      1 ],
    [ 'an authority for any host',    "localhost:$other_port", "sslmode=verify-ca&sslrootcert=$other_ca",  1 ],
    [ 'another host',                 "localhost:$other_port", "sslmode=verify-full&sslrootcert=$other_ca", qr/^error -5003: .*"elsewhere.example".* does not match host name "localhost"/ ],
    [ 'another authority',            "localhost:$port",       "sslmode=verify-full&sslrootcert=$other_ca", qr/^error -5003: .*certificate verify failed/ ],
    [ 'another authority, any host',  "localhost:$port",       "sslmode=verify-ca&sslrootcert=$other_ca",  qr/^error -5003: .*certificate verify failed/ ],
    [ 'no such file',                 "localhost:$port",       'sslmode=verify-full&sslrootcert=/nowhere.crt', qr{^error -5003: .*root certificate file "/nowhere.crt" does not exist} ],
    [ 'a newer version than there is', "localhost:$port",      'sslmode=require&ssl_max_protocol_version=TLSv1.1&ssl_min_protocol_version=TLSv1.1', qr/^error -5003: / ],
) {
    my ($name, $place, $options, $wanted) = @$row;
    $server = app("postgresql://postgres\@$place/postgres?$options");
    my $said = ask($place =~ /:$port$/ ? $is_tls : 'select true as ssl');
    ref $wanted ? like($said, $wanted, $name) : is($said, '1 rows, 0 changed; ssl=bool true', $name);
    is(($server->request(GET => '/plain?sql=select+1'))->{status}, 502, "$name: left alone, 502") if ref $wanted;
    is($server->stop, 0, "$name: stops");
}

# ---- a password that is bound to the channel ----
$pg->ask("create role ann login password 'secret'");
{
    my $rules = $pg->dir . '/data/pg_hba.conf';
    my $old = read_file($rules);
    open my $file, '>', $rules or die "$rules: $!\n";
    print $file "hostssl all ann 127.0.0.1/32 scram-sha-256\nhost all ann 127.0.0.1/32 reject\n$old";
    close $file;
    $pg->ask('select pg_reload_conf()');
    ok(wait_until('the rules hold', sub { $pg->ask('select count(*) from pg_hba_file_rules where auth_method = $$reject$$') == 1 }), 'a user with a password');
    for my $row (
        [ 'the password',         'ann:secret', 'sslmode=require&channel_binding=require', qr/^\Q$one\E$/ ],
        [ 'another one',          'ann:wrong',  'sslmode=require',                         qr/^error -5009: .*password authentication failed/ ],
        [ 'no TLS, so no entry',  'ann:secret', 'sslmode=disable',                         qr/^error -5009: .*no encryption/ ],
    ) {
        my ($name, $who, $options, $wanted) = @$row;
        $server = app("postgresql://$who\@127.0.0.1:$port/postgres?$options");
        like(ask('select 1'), $wanted, $name);
        unlike($server->log, qr/secret|:wrong/, "$name: it is not logged");
        $server->stop;
    }
}

# ---- statements that are stopped, servers that leave ----
my $verified = "sslmode=verify-full&sslrootcert=$ca";
$server = app("postgresql://postgres\@localhost:$port/postgres?$verified", PG_CONNECTIONS => 3);
like(ask('select pg_sleep(30)', '&timeout_ms=100'), qr/^error -110/, 'a scope ends');
is($pg->ask("select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%' and pid <> pg_backend_pid()"), 0,
    'and the server has stopped the statement');
is(ask($is_tls), '1 rows, 0 changed; ssl=bool true', 'its connection goes on');
is($pg->connections, 1, 'the same one');
$pg->ask('select pg_terminate_backend(pid) from pg_stat_activity where backend_type = $$client backend$$ and pid <> pg_backend_pid()');
ok($server->wait_stat(pool_connections_open => 0), 'the end of an idle connection is seen');
is(ask($is_tls), '1 rows, 0 changed; ssl=bool true', 'and another one is opened');
$pg->kill_it;
like(ask('select 1'), qr/^error -(?:111|500[28])/, 'the server is killed');
$pg->again;
ok(wait_until('it works', sub { ask('select 1') eq $one }), 'and all is well when it is back');
is($server->stop, 0, 'stops');
ok(wait_until('the connections are gone', sub { $pg->connections == 0 }), 'and its connections are closed');

# ---- records as large as they may be: nothing of one may be left unread ----
$server = app("postgresql://postgres\@localhost:$large_port/postgres?$verified", PG_CONNECTIONS => 1);
# Whatever stands where in the last record; and libpq makes less room than that needs, before it has seen larger rows.
my @lost = grep { ask("select repeat('x', case n when 20 then $_ else 5000 end) x from generate_series(1, 20) n", '&timeout_ms=' . 10_000 * slow()) !~ /^20 rows, / }
    map { $_ * 500 } 1 .. 33;
is("@lost", '', 'rows of 5000 bytes and a last one of 500 to 16500');
for my $size (1, 300, 8200, 50000, 1_000_000) {
    my $count = 2_000_000 / $size > 300 ? 300 : int 2_000_000 / $size;
    like(ask("select repeat('x', $size) x from generate_series(1, $count)"), qr/^$count rows, /, "$count rows of $size bytes");
}
is($server->request(GET => "/large?bytes=$_")->{body}, "same $_", "$_ bytes there and back") for 8191, 16384, 100_000, 3_000_000;
is($server->stop, 0, 'stops');

# ---- a proxy that misbehaves ----
{
    my $proxy = Galley::Proxy->start($port);
    $server = app("postgresql://postgres\@localhost:" . $proxy->port . "/postgres?$verified", PG_CONNECTIONS => 2);
    for my $mode (qw(cut reset garble noise swallow)) {
        $proxy->mode('pass');
        ok(wait_until('it works', sub { ask('select 1', '&timeout_ms=1000') eq $one }), 'it works');
        $proxy->mode($mode);
        my $from = time;
        like(ask('select 1', '&timeout_ms=1000'), qr/^error -(?:500[48]|104|110): /, "$mode: named");
        like(ask('select 1', '&timeout_ms=1000'), qr/^error -(?:50\d\d|104|110): /, "$mode: while it connects");
        cmp_ok(time - $from, '<', 20 * slow(), "$mode: in time");    # a request, else, has 60 s
    }
    $proxy->mode('pass');
    ok(wait_until('it works', sub { ask('select 1') eq $one }), 'and all is well again');
    is($server->stop, 0, 'stops');
}
ok(wait_until('all is quiet', sub { $pg->connections == 0 }), 'no connection is left');
kill TERM => $large_pid, $other_pid;
waitpid $_, 0 for $large_pid, $other_pid;
done_testing;
