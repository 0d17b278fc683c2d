#!/usr/bin/perl
# 24-cli-server.t - every question of the command line to a real server: the shapes that PROTOCOL.md promises, and what they do.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP;
use Test::More;
use Galley::Test;

my $server = Galley::Test->start('examples/hello', workers => 2, listen => [ '127.0.0.1:0', '127.0.0.1:0' ]);
my @where = ('--stats', $server->stats_path);

sub ask {
    my (@arguments) = @_;
    my $got = galley_command(@arguments, @where, '--json');
    is($got->{status}, 0, "@arguments: exit status") or diag($got->{err});
    my $value = eval { JSON::PP->new->decode($got->{out}) };
    ok(defined $value, "@arguments: JSON") or diag($got->{out});
    return $value;
}

sub has_exactly {
    my ($map, $name, @keys) = @_;
    is_deeply([ sort keys %{ $map || {} } ], [ sort @keys ], "$name has what PROTOCOL.md says");
    return;
}

my $status = ask('status');
has_exactly($status, 'status', qw(version pid generation uptime_s phase app listeners workers last_reload last_upgrade));
has_exactly($status->{app}, 'app', qw(path title version));
has_exactly($status->{listeners}[0], 'a listener', qw(address tls));
is($status->{pid}, $server->pid, 'status names the master');
is($status->{app}{title}, 'Hello', 'and the application');
is($status->{workers}, 2, 'and its workers');
is_deeply([ map { $_->{address} } @{ $status->{listeners} } ], [ $server->url(0), $server->url(1) ], 'and the addresses with their ports');

my $workers = ask('workers');
is(scalar @$workers, 2, 'two workers');
has_exactly($workers->[0], 'a worker',
    qw(slot pid generation state uptime_s connections requests coroutines rss_bytes loop_lag_us last_report_ms));
is_deeply([ sort map { $_->{pid} } @$workers ], [ sort(children_of($server->pid)) ], 'they are the children of the master');

my $health = ask('health');
has_exactly($health, 'health', qw(status checks));
is($health->{status}, 'pass', 'all is well');

my @names = read_file('common/stats.def') =~ /^STAT\((\w+),/mg;
my $metrics = ask('metrics');
for my $name (@names) {
    ok($metrics->{$name}, "metrics has $name") or next;
    has_exactly($metrics->{$name}, $name, qw(kind unit help value));
}
is($server->request(GET => '/items/7')->{status}, 200, 'a request');
ok(wait_until('the request is counted', sub { ask('metrics', 'requests_total')->{requests_total}{value} == 1 }), 'metrics counts it');

is(ask('reload')->{generation} // 2, 2, 'reload: the next generation');
is(ask('status')->{generation}, 2, 'which status has, too');
ok(ask('status')->{last_reload}{ok}, 'with the reload that went well');
ask('scale', 1);
ok(wait_until('one worker is left', sub { @{ ask('workers') } == 1 }), 'scale');
my ($before) = map { $_->{pid} } @{ ask('workers') };
ask('drain', 0);
ok(wait_until('another worker serves', sub {
    my @now = @{ ask('workers') };
    @now == 1 && $now[0]{pid} != $before && $now[0]{state} eq 'ready';
}), 'drain');
ask('log-level', 'debug');
my $got = galley_command('drain', 77, @where);
is($got->{status}, 1, 'a slot that is not there: exit status');
like($got->{err}, qr{^galley: .*77}, 'a slot that is not there: sentence');
SKIP: {
    skip 'only root can become somebody else', 2 if $>;
    chmod 0755, $server->dir;
    chmod 0666, $server->stats_path;
    my @galley = galley_words();
    $got = run_command('setpriv', '--reuid=65534', '--clear-groups', @galley, 'reload', @where);
    skip 'that user cannot run the program', 2 if $got->{err} !~ /^galley: /;
    is($got->{status}, 1, 'reload by another user: exit status');
    unlike($got->{err}, qr/speak/, 'reload by another user: sentence');
}
is_deeply(($server->call('ping'))[0], 'pong', 'ping');
my $protocol = read_file('docs/PROTOCOL.md');
my ($call, $answer) = map { pack 'H*', tr/ //dr } $protocol =~ /^((?:[0-9a-f]{2} )+) /mg;
my $socket = Galley::Http->connect(path => $server->stats_path);
$socket->send($call);
wait_until('the bytes of PROTOCOL.md are answered', sub { length $socket->buffer >= length $answer || !$socket->read_more(time + 5) });
is($socket->buffer, $answer, 'as PROTOCOL.md says');
$socket->close;
like($protocol, qr/`\Q$_\E`/, "PROTOCOL.md has the state $_") for map { lc } read_file('master/slot.h') =~ /\bX\(([A-Z]+)\)/g;
for my $row ([ 'status', qr/^listening +http:/m ], [ 'workers', qr/^ *0 +\d+ .*ready/m ], [ 'health', qr/^pass$/m ],
    [ 'ps', qr/^WORKER +ID +PARENT +AGE MS/ ], [ 'pstree', qr/^worker 0 \(pid \d+\): 0 coroutines$/m ],
    [ 'routes', qr/^METHOD +PATH +REQUESTS/ ], [ 'metrics', qr/^requests_total +1 requests/m ]) {
    like(galley_command($row->[0], @where)->{out}, $row->[1], "$row->[0] for people");
}
$got = galley_command('stop', @where);
is($got->{status}, 0, 'stop');
is($server->wait_exit, 0, 'the server ends with 0');
is(galley_command('status', @where)->{status}, 3, 'and is not running then');

done_testing();
