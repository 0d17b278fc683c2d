#!/usr/bin/perl
# 40-process-start.t - the first start: what is printed when it serves, and one sentence with the way out when it cannot.
use strict;
use warnings;
use lib 't/lib';
use IO::Socket::INET;
use IO::Socket::UNIX;
use Time::HiRes qw(time);
use Test::More;
use Galley::Test;

my $dir = temp_dir();
my $moody = app_path('t/apps/moody');

# ---- the serving line ----
{
    my $server = Galley::Test->start('t/apps/moody', workers => 2, listen => [ '127.0.0.1:0', "unix:$dir/a.sock", 'localhost:0' ]);
    like($server->serving, qr{^galley: serving Moody on http://127\.0\.0\.1:\d+, unix:\Q$dir\E/a\.sock, http://127\.0\.0\.1:\d+ \(2 workers\)},
        'the serving line names every address');
    my $connection = Galley::Http->connect(path => "$dir/a.sock");
    is($connection->request(GET => '/plaintext')->{status}, 200, 'the UNIX socket serves');
    $connection->close;
    is(sprintf('%o', (stat "$dir/a.sock")[2] & 0777), '666', 'a proxy of any user may connect');
    is($server->stop, 0, 'stops with 0');
    ok(!-e "$dir/a.sock", 'its socket file is gone');
    ok(!-e $server->stats_path, 'and the stats socket');
}

# ---- what keeps it from starting ----
my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1, ReuseAddr => 1) or die;
my $port = $taken->sockport;
my $living = IO::Socket::UNIX->new(Local => "$dir/living.sock", Listen => 1) or die;
my ($cert, $key) = tls_files($dir);
my ($other_cert, $other_key) = tls_files($dir, name => 'other');
write_file("$dir/file", "no socket\n");
write_file("$dir/bad.pem", "what?\n");
my %mood = map { $_ => write_file("$dir/$_", "$_\n") } qw(fail crash exit hang);
my @rows = (
    [ 'port in use', [ '--listen', "127.0.0.1:$port" ], qr/port $port is in use.*--listen/ ],
    [ 'UNIX socket in use', [ '--listen', "unix:$dir/living.sock" ], qr/another server answers/ ],
    [ 'a file in the way', [ '--listen', "unix:$dir/file" ], qr/no socket/ ],
    [ 'folder missing', [ '--listen', 'unix:/nonexistent/a.sock' ], qr{/nonexistent/a\.sock: No such file} ],
    [ 'no such address', [ '--listen', '203.0.113.7:8000' ], qr/no interface of this machine/ ],
    [ 'a host name', [ '--listen', 'example.com:80' ], qr/IP address, localhost/ ],
    [ 'key missing', [ '--tls-cert', $cert, '--tls-key', "$dir/nokey" ], qr{cannot read key \Q$dir\E/nokey: No such file} ],
    [ 'key of another', [ '--tls-cert', $cert, '--tls-key', $other_key ], qr/\Q$cert\E.*does not match.*\Q$other_key\E/ ],
    [ 'certificate is none', [ '--tls-cert', "$dir/bad.pem", '--tls-key', $key ], qr/bad\.pem/ ],
    [ 'no symbol', [], qr/galley_app/, app_path('t/apps/nothing') ],
    [ 'no library', [], qr/bad\.pem/, "$dir/bad.pem" ],
    [ 'start hook fails', [], qr/start hook of Moody failed/, $moody, 'fail' ],
    [ 'start hook crashes', [], qr/killed by signal 11/, $moody, 'crash' ],
    [ 'start hook exits', [], qr/exited with status 7/, $moody, 'exit' ],
    [ 'start hook hangs', [ '--start-timeout', '500ms' ], qr/start_timeout \(500 ms\)|start hook/, $moody, 'hang' ],
    [ 'log folder missing', [ '--log', '/nonexistent/log' ], qr{/nonexistent/log} ],
    [ 'pid folder missing', [ '--pid-file', '/nonexistent/pid' ], qr{/nonexistent/pid} ],
    [ 'stats folder missing', [ '--stats', '/nonexistent/stats' ], qr{/nonexistent/stats} ],
    [ 'no such user', [ '--user', 'nosuchuser' ], qr/no user called nosuchuser/ ],
    [ 'too many workers', [ '--workers', 1000 ], qr/workers.*128/ ],
);
for my $row (@rows) {
    my ($name, $arguments, $sentence, $app, $mood) = @$row;
    my @defaults = ('--workers', 2, '--stats', "$dir/stats.sock");
    push @defaults, '--listen', '127.0.0.1:0' if !grep { $_ eq '--listen' } @$arguments;
    my $since = time;
    my $ended = galley_command({ env => { MOODY_FILE => $mood ? $mood{$mood} : '' } }, 'run', $app || $moody, @defaults, @$arguments);
    cmp_ok(time - $since, '<', 15 * slow(), "$name: at once");    # start_timeout, else, is 30 s
    is($ended->{status}, 1, "$name: exit status 1");
    my @sentences = grep { /^galley: / } split /\n/, $ended->{err};
    is(scalar(@sentences), 1, "$name: one sentence") or diag($ended->{err});
    like($ended->{err}, $sentence, "$name: says why");
    is($ended->{out}, '', "$name: and nothing else");
}
ok(-e "$dir/file", 'a foreign file stays');

# ---- the files of a dead server are no obstacle ----
{
    my $first = Galley::Test->start('t/apps/moody', unix => 1, args => [ '--pid-file', "$dir/pid" ]);
    my @workers = $first->worker_pids;
    $first->signal('KILL');
    $first->wait_exit;
    wait_until('its worker ends', sub { !grep { is_alive($_) } @workers }, 12);
    ok(-e $first->dir . '/http.sock' && -e "$dir/pid", 'a killed master leaves its files');
    my $second = Galley::Test->start('t/apps/moody', unix => 1, dir => $first->dir, args => [ '--pid-file', "$dir/pid" ]);
    is($second->request(GET => '/plaintext')->{status}, 200, 'the next one replaces them');
    my $rival = galley_command('run', $moody, '--listen', '127.0.0.1:0', '--stats', "$dir/s2", '--pid-file', "$dir/pid");
    is($rival->{status}, 1, 'a pid file of a living master is respected');
    like($rival->{err}, qr/already runs with pid @{[$second->pid]}/, 'and its pid is named');
    is(read_file("$dir/pid"), $second->pid . "\n", 'and the file untouched');
    is($second->stop, 0, 'stops with 0');
    ok(!-e "$dir/pid", 'the pid file is gone');
}

# ---- systemd is told ----
{
    socket my $notify, Socket::AF_UNIX(), Socket::SOCK_DGRAM(), 0 or die;
    bind $notify, Socket::pack_sockaddr_un("$dir/notify") or die "$dir/notify: $!\n";
    my $server = Galley::Test->start('t/apps/moody', env => { NOTIFY_SOCKET => "$dir/notify" });
    my @told;
    my $next = sub { recv $notify, my $text, 100, 0; push @told, $text };
    $next->();
    $server->rpc('reload');
    $next->() for 1 .. 2;
    $server->stop;
    $next->();
    is_deeply(\@told, [ 'READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1' ], 'READY, RELOADING, STOPPING');
}
done_testing;
