#!/usr/bin/perl
# 37-upgrade-settings.t - what a new master takes over and what it starts anew: addresses, files, workers, tickets; as a
# daemon, under systemd, for other users, from a relative path.
use strict;
use warnings;
use lib 't/lib';
use Socket ();
use Test::More;
use Galley::Test;

plan skip_all => 'this kernel gives us no orphans' if !adopt_orphans();

my $folder = temp_dir();
my $dir = "$folder";

sub upgrade {
    my ($server, $name) = @_;
    my $result = $server->rpc('upgrade', undef, 40);
    ok($result->{ok}, "$name: the upgrade") or diag($result->{message});
    is($server->follow_upgrade, 0, "$name: the old master ends in order");
    return;
}

sub answers_at {
    my (%where) = @_;
    my $connection = eval { Galley::Http->connect(%where) } or return 0;
    my $answer = $connection->request(GET => '/plaintext');
    $connection->close;
    return $answer->{status} == 200;
}

# ---- addresses come and go, those that stay keep their port and lose nothing ----
{
    my $config = sub { "drain_idle = 100ms\nlisten = {" . join(', ', map { "\"$_\"" } @_) . "}\n" };
    my $server = Galley::Test->start('t/apps/moody', no_listen => 1, config => $config->('127.0.0.1:0', "unix:$dir/a.sock"));
    my $port = $server->port;
    my $load = $server->load(connections => 4, close => 1);
    for my $row ([ "unix:$dir/a.sock", "unix:$dir/b %.sock" ], ["unix:$dir/b %.sock"], ["unix:$dir/a.sock"], []) {
        my $name = @$row ? join ' and ', map { m{([^/]*)$} } @$row : 'no more';
        write_file($server->{config_path}, $config->('127.0.0.1:0', @$row));
        upgrade($server, $name);
        my $status = $server->status;
        is(scalar @{ $status->{listeners} }, 1 + @$row, "$name: so many addresses");
        is($status->{listeners}[0]{address}, "http://127.0.0.1:$port", "$name: the port stays");
        for my $path ("$dir/a.sock", "$dir/b %.sock") {
            my $wanted = grep { $_ eq "unix:$path" } @$row;
            ok(wait_until('it comes or goes', sub { (-e $path ? 1 : 0) == $wanted }), "$name: $path");
            ok(answers_at(path => $path), "$name: it answers") if $wanted;
        }
    }
    my $loaded = $server->finish_load($load);
    is($loaded->{failed}, 0, "none of $loaded->{ok} requests failed");

    # more workers than sockets: the group grows
    write_file($server->{config_path}, $config->('127.0.0.1:0') . "h2c = false\n");
    ok($server->rpc('scale', { workers => 18 }, 20), 'scale to 18');
    ok(wait_until('18 workers', sub { 18 == grep { $_->{state} eq 'ready' } $server->workers }), '18 workers');
    upgrade($server, '18 workers');
    is(scalar(() = $server->workers), 18, 'the number of workers that was asked for stays');
    ok(answers_at(port => $port), 'each socket has a worker') for 1 .. 40;
    is($server->stop, 0, 'stops in order');
}

# ---- the files have other names ----
{
    my $config = sub { "drain_idle = 100ms\nlog = \"$dir/$_[0].log\"\npid_file = \"$dir/$_[0].pid\"\n" };
    my $server = Galley::Test->start('t/apps/moody', config => $config->('one'));
    write_file($server->{config_path}, $config->('two'));
    upgrade($server, 'other files');
    ok(wait_until('it goes', sub { !-e "$dir/one.pid" }), 'the old pid file is gone');
    is(read_file("$dir/two.pid"), $server->pid . "\n", 'the new one is there');
    like(read_file("$dir/two.log"), qr/took_over/, 'and so is the log');
    is($server->stop, 0, 'stops in order');
    ok(!-e "$dir/two.pid", 'the new pid file is gone');
}

# ---- a program that is its application ----
{
    write_file("$dir/shop.c", <<'END');
#include <galley.h>
static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR(GREETING);
    return 0;
}
GALLEY_APP(.title = "Shop", .routes = GALLEY_ROUTES(GALLEY_GET("/plaintext", hello, galley_none, galley_text)));
int main(int argc, char **argv)
{
    return galley_main(argc, argv, &galley_app);
}
END
    my $build = build();
    my $compile = sub {
        my ($greeting) = @_;
        my @sanitizers = $build =~ /asan/ ? ('-fsanitize=address,undefined') : ();
        my $made = run_command('gcc', '-std=gnu17', @sanitizers, '-I' . root() . '/include', "-DGREETING=\"$greeting\"", '-o', "$dir/shop.new",
            "$dir/shop.c", "-L$build/lib", "-Wl,-rpath,$build/lib", "$build/lib/libgalley.so");
        is($made->{status}, 0, 'it compiles') or diag($made->{err});
        rename "$dir/shop.new", "$dir/shop" or die "rename: $!\n";
    };
    my $said = sub { my ($server) = @_; return $server->request(GET => '/plaintext')->{body} };
    $compile->('one');
    my $server = Galley::Test->start(undef, program => "$dir/shop", args => [ '--drain-idle', '100ms' ]);
    is($said->($server), 'one', 'the first program');
    $compile->('two');
    is($said->($server), 'one', 'serves on when its file has another content');
    upgrade($server, 'a program of its own');
    is($said->($server), 'two', 'until it is upgraded');
    unlink "$dir/shop";
    like($server->rpc('upgrade')->{message}, qr/cannot execute \Q$dir\E\/shop/, 'the path that it was started by, not that of a file that is gone');
    is($server->stop, 0, 'stops in order');
}

# ---- from a relative path, with relative names ----
{
    my $here = temp_dir();
    symlink galley(), "$here/prog" or die;
    symlink app_path('t/apps/moody'), "$here/app.so" or die;
    write_file("$here/c", "stats = \"s\"\n");
    my $started = run_command({ dir => "$here" }, './prog', 'run', 'app.so', '--listen', 'unix:h', '--config', 'c', '--daemon', '--pid-file', 'p',
        '--log', 'l', '--workers', 1, '--drain-idle', '100ms');
    is($started->{status}, 0, 'a daemon by relative names') or BAIL_OUT($started->{err});
    my $pid = read_file("$here/p") + 0;
    my $upgraded = run_command({ dir => "$here" }, './prog', 'upgrade', '--stats', 's', '--json');
    is($upgraded->{status}, 0, 'it is upgraded') or diag($upgraded->{out}, $upgraded->{err}, read_file("$here/l"));
    my ($new) = $upgraded->{out} =~ /"pid":\s*(\d+)/;
    ok($new && $new != $pid, 'galley upgrade --json has the pid of another master');
    is(read_file("$here/p"), "$new\n", 'which is in the pid file');
    ok(wait_until('it ends', sub { !is_alive($pid) }), 'the old one ends');
    my (undef, undef, $session) = (split ' ', read_file("/proc/$new/stat") =~ s/.*\) . //sr)[ 0, 1, 2 ];
    isnt($session, $new, 'a daemon still: in a session that it does not lead');
    is(readlink "/proc/$new/fd/$_", '/dev/null', "descriptor $_ is let go") for 0 .. 2;
    ok(answers_at(path => "$here/h"), 'it serves');
    write_file("$here/c", "stats = \"s2\"\n");
    is(run_command({ dir => "$here" }, './prog', 'upgrade', '--stats', 's')->{status}, 0, 'upgraded to another stats socket');
    ok(wait_until('its file goes', sub { !-e "$here/s" }), 'the old one is gone');
    ok(-S "$here/s2", 'the new one is there');
    is(run_command({ dir => "$here" }, './prog', 'health', '--stats', 's2')->{status}, 0, 'and answers');
    $new = read_file("$here/p") + 0;
    unlink "$here/app.so";
    my $failed = run_command({ dir => "$here" }, './prog', 'upgrade', '--stats', 's2');
    is($failed->{status}, 1, 'without the application it fails');
    like($failed->{err}, qr/app\.so: there is no such file/, 'the reason comes though a daemon has no standard error');
    is(run_command({ dir => "$here" }, './prog', 'stop', '--stats', 's2')->{status}, 0, 'galley stop');
    ok(wait_until('it ends', sub { !is_alive($new) }), 'it is gone');
    ok(!-e "$here/$_", "$_ is gone") for qw(p s2 h);
}

# ---- systemd is told who the main process is ----
{
    socket my $notify, Socket::AF_UNIX(), Socket::SOCK_DGRAM(), 0 or die;
    bind $notify, Socket::pack_sockaddr_un("$dir/notify") or die "$dir/notify: $!\n";
    my $server = Galley::Test->start('t/apps/moody', env => { NOTIFY_SOCKET => "$dir/notify" }, args => [ '--drain-idle', '100ms' ]);
    my @told;
    my $next = sub { recv $notify, my $text, 100, 0; push @told, $text };
    $next->();
    upgrade($server, 'systemd');
    $next->() for 1 .. 2;
    $server->stop;
    $next->();
    is_deeply(\@told, [ 'READY=1', 'MAINPID=' . $server->pid, 'READY=1', 'STOPPING=1' ], 'READY, MAINPID by the old one, READY, STOPPING');
}

# ---- sessions of TLS are resumed by the new master's workers ----
{
    my $server = Galley::Test->start('t/apps/moody', tls => 1, workers => 2, args => [ '--drain-idle', '100ms' ]);
    my $request = write_file("$dir/request", "GET /plaintext HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    my $visit = sub {
        my $client = run_command({ stdin => $request }, 'openssl', 's_client', '-connect', '127.0.0.1:' . $server->port, '-tls1_3', '-ign_eof', @_);
        like($client->{out}, qr/Hello, World!/, 'answered') or diag($client->{err});
        return $client->{out} =~ /^Reused, TLS/m ? 1 : 0;
    };
    is($visit->('-sess_out', "$dir/ticket"), 0, 'a full handshake');
    upgrade($server, 'tickets') for 1 .. 2;
    is($visit->('-sess_in', "$dir/ticket"), 1, 'a resumed one, two masters later') for 1 .. 4;
    is($server->stop, 0, 'stops in order');
}

# ---- a variable that means somebody else, or nobody ----
{
    my $server = Galley::Test->start('t/apps/moody', env => { GALLEY_UPGRADE => "1 1 1 9\nlisten 99 0 0 127.0.0.1:1\n" });
    is($server->request(GET => '/plaintext')->{status}, 200, 'what another process was told means nothing');
    is($server->stop, 0, 'stops in order');
    my $ended = galley_command({ env => { GALLEY_UPGRADE => 'yes' } }, 'run', app_path('t/apps/moody'), '--listen', '127.0.0.1:0', '--stats', "$dir/s");
    is($ended->{status}, 1, 'garbage is refused');
    like($ended->{err}, qr/^galley: GALLEY_UPGRADE is not what an older server writes; unset it\n\z/, 'with a sentence');
}

# ---- workers of another user, started by root ----
SKIP: {
    skip 'only root can give privileges up', 1 if $> != 0 || !defined getpwnam 'nobody';
    my ($uid, $gid) = (getpwnam 'nobody')[ 2, 3 ];
    skip 'the build folder is not open to other users', 1
        if run_command('setpriv', "--reuid=$uid", "--regid=$gid", '--clear-groups', 'test', '-r', app_path('t/apps/moody'))->{status};
    my $server = Galley::Test->start('t/apps/moody', args => [ '--user', 'nobody', '--drain-idle', '100ms' ]);
    upgrade($server, 'user');
    my ($worker) = $server->worker_pids;
    like(read_file("/proc/$worker/status"), qr/^Uid:\t$uid\t$uid\t$uid\t$uid$/m, 'the new workers are nobody, too');
    my @fds = map { readlink } glob "/proc/$worker/fd/*";
    cmp_ok(scalar(grep { /^socket:/ } @fds), '<=', 19, 'they have the listeners, and no channel of the masters');
    is($server->request(GET => '/plaintext')->{status}, 200, 'they serve');
    is($server->stop, 0, 'stops in order');
}
done_testing;
