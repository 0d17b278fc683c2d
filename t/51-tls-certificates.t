#!/usr/bin/perl
# 51-tls-certificates.t - which certificate a name gets, what a reload replaces, and what is said of bad ones.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $dir = temp_dir();
my @first  = tls_files($dir, name => 'first',  cn => 'first',  names => ['first.example']);
my @second = tls_files($dir, name => 'second', cn => 'second', names => [ 'second.example', '*.second.example' ], rsa => 1);
my $server = Galley::Test->start('examples/echo', workers => 2,
    args => [ map { ('--tls-cert', $_->[0], '--tls-key', $_->[1]) } \@first, \@second ]);
my $address = '127.0.0.1:' . $server->port;

# The CN of the certificate that a client asking for `name` gets.
sub served {
    my ($name) = @_;
    my $got = run_command('openssl', 's_client', '-connect', $address, $name ? ('-servername', $name) : '-noservername');
    return $got->{out} =~ /subject=CN ?= ?(\S+)/ ? $1 : "nothing: $got->{err}";
}

for my $row ([ 'first.example', 'first' ], [ 'second.example', 'second' ], [ 'SECOND.example', 'second' ], [ 'www.second.example', 'second' ],
    [ 'a.www.second.example', 'first' ], [ 'nobody.example', 'first' ], [ undef, 'first' ])
{
    is(served($row->[0]), $row->[1], ($row->[0] // 'no name') . " gets $row->[1]");
}
for my $row ([ 'first.example', $first[0] ], [ 'www.second.example', $second[0] ]) {
    my ($name, $trusted) = @$row;
    my $answer = Galley::Test::curl('--resolve', "$name:" . $server->port . ':127.0.0.1', '--cacert', $trusted,
        "https://$name:" . $server->port . '/plaintext');
    is($answer->{out}, 'Hello, World!', "curl trusts $name") or diag($answer->{err});
}

# ---- reload ----
sub replace {
    my ($from, $to) = @_;
    write_file("$to->[$_].new", read_file($from->[$_])), rename "$to->[$_].new", $to->[$_] for 0, 1;
    return;
}
my @renewed = tls_files($dir, name => 'renewed', cn => 'renewed', names => ['first.example']);
my @kept = map { read_file($_) } @first;
my $load = $server->load(tls => 1, close => 1, connections => 4);
replace(\@renewed, \@first);
is(served('first.example'), 'first', 'a file that changed is not read until the reload');
ok($server->rpc('reload', undef, 40)->{ok}, 'reload');
is(served('first.example'), 'renewed', 'and then on every new connection') for 1 .. 5;
is($server->finish_load($load)->{failed}, 0, 'no handshake failed meanwhile');

rename $second[1], "$second[1].kept" or die;
my $result = $server->rpc('reload', undef, 40);
ok(!$result->{ok}, 'a key that is gone: the reload fails');
like($result->{message}, qr/\Q$second[1]\E/, 'and names the file');
write_file($second[1], read_file($first[1]));
$result = $server->rpc('reload', undef, 40);
ok(!$result->{ok}, 'another key: the reload fails');
unlike($server->log, qr/crashed/, 'without a crash');
like($result->{message}, qr/cannot use certificate \Q$second[0]\E: it does not match key \Q$second[1]\E/, 'and says why');
is(served('second.example'), 'second', 'the old generation serves on');
rename "$second[1].kept", $second[1] or die;
ok($server->rpc('reload', undef, 40)->{ok}, 'with the right key again it works');
is(served('second.example'), 'second', 'with both');
is(served('first.example'), 'renewed', 'certificates');
is($server->stop, 0, 'stops in order');

# ---- bad ones at the start: a sentence and exit 1 ----
my %file = (text => write_file("$dir/text.pem", "hello\n"), empty => write_file("$dir/empty.pem", ''));
my $encrypted = "$dir/encrypted.key";
run_command('openssl', 'pkey', '-in', $second[1], '-aes-128-cbc', '-passout', 'pass:x', '-out', $encrypted)->{status} and die;
my $expired_cert = "$dir/weak.crt";
run_command('openssl', 'req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-days', 2, '-subj', '/CN=weak', '-keyout', "$dir/weak.key", '-out',
    $expired_cert)->{status} and die;
for my $row (
    [ 'a missing certificate', "$dir/none.pem", $second[1], qr/\Q$dir\E\/none\.pem.*[Nn]o such file/ ],
    [ 'a missing key', $second[0], "$dir/none.key", qr/\Q$dir\E\/none\.key.*[Nn]o such file/ ],
    [ 'a folder', $dir, $second[1], qr/cannot use certificate \Q$dir\E: it is not a file/ ],
    [ 'no certificate in it', $file{text}, $second[1], qr/cannot use certificate \Q$file{text}\E: it holds no certificate in PEM form/ ],
    [ 'an empty key', $second[0], $file{empty}, qr/cannot use key \Q$file{empty}\E: it holds no private key in PEM form|\Q$file{empty}\E.*empty/ ],
    [ 'of two pairs', $second[0], $renewed[1], qr/cannot use certificate \Q$second[0]\E: it does not match key \Q$renewed[1]\E/ ],
    [ 'an encrypted key', $second[0], $encrypted, qr/cannot use key \Q$encrypted\E: it is encrypted.*openssl pkey -in/ ],
    [ 'a weak key', $expired_cert, "$dir/weak.key", qr/cannot use certificate \Q$expired_cert\E: ee key too small/ ],
    )
{
    my ($name, $cert, $key, $says) = @$row;
    my $run = galley_command('run', app_path('examples/echo'), '--listen', '127.0.0.1:0', '--stats', "$dir/stats.sock", '--workers', 2,
        '--tls-cert', $cert, '--tls-key', $key);
    is($run->{status}, 1, "$name: exit 1");
    like($run->{err}, $says, "$name: says so");
    is($run->{out}, '', "$name: did not serve");
}

done_testing;
