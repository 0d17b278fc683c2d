# Test.pm - what a process test needs: a server that is ready, and everything that can be asked of it.
# Does:     start `galley run APP` on a free port or a UNIX socket with files of its own, and wait for its serving line;
#           connections, requests, curl, the stats socket, waiting for a condition; stop it; find sanitizer reports.
#           When a test fails, shows configuration, log and `galley status`. Ends every child by its pid.
# Does not: sleep for time, or use a fixed port: tests run beside each other.
# Environment: BUILD (build), GALLEY_WRAP ("valgrind -q ..."), GALLEY_SLOW (factor of every time limit), GALLEY_SOAK
#           (long loops), GALLEY_DEBUG (on failure wait for Enter, with the pids), GALLEY_KEEP (keep the files).
#
#     my $server = Galley::Test->start('examples/echo', workers => 2);
#     is($server->request(GET => '/')->{status}, 200, 'the root answers');
#     is($server->stop, 0, 'stops with 0');
package Galley::Test;
use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use File::Temp ();
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Test::More ();
use Time::HiRes qw(time);
use lib dirname(__FILE__) . '/..';
use Galley::Http;
use Galley::MsgPack;

our @EXPORT = qw(root build galley galley_words app_path galley_command run_command curl tls_files temp_dir free_port write_file
    read_file wait_until best_of children_of is_alive descriptors_of adopt_orphans h2spec soak slow wrapped);

my $ROOT  = abs_path(dirname(__FILE__) . '/../../..');
my $BUILD = $ENV{BUILD} || 'build';
$BUILD = "$ROOT/$BUILD" if $BUILD !~ m{^/};
my $SLOW   = $ENV{GALLEY_SLOW} || ($BUILD =~ m{/asan$} ? 3 : 1);
my $SOAK   = $ENV{GALLEY_SOAK} ? 1 : 0;
my $WRAP   = $ENV{GALLEY_WRAP} || '';
my $DEBUG  = $ENV{GALLEY_DEBUG};
my $KEEP   = $ENV{GALLEY_KEEP};
my $OWNER  = $$;
my @started;
my $findings = 0;
$Galley::Http::TIMEOUT_S = 10 * $SLOW;
delete @ENV{ grep { /^GALLEY_/ } keys %ENV };    # options of the program under test have such names
delete @ENV{qw(http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY)};

sub root   { return $ROOT }
sub build  { return $BUILD }
sub galley { return "$BUILD/bin/galley" }
sub soak   { return $SOAK }                      # whether long loops are wanted
sub slow   { return $SLOW }                      # factor for a test's own time limits
sub wrapped { return $WRAP ne '' }                # whether the server runs within valgrind or the like

# 'examples/echo' or 't/apps/x' -> the shared object; a path that ends in .so stays.
sub app_path {
    my ($app) = @_;
    return $app =~ /\.so$/ ? $app : "$BUILD/$app.so";
}

# A folder of this test's own, short enough for UNIX sockets; gone at the end.
sub temp_dir { return File::Temp->newdir('galley-XXXXXX', TMPDIR => 1, CLEANUP => !$KEEP) }

# A port of 127.0.0.1 where nobody listens, for what cannot take port 0 or must come back to its port. It is not one that the
# kernel gives to others meanwhile: neither to who binds port 0 nor to a connection that is made.
my $ports = 0;
sub free_port {
    my ($below) = read_file('/proc/sys/net/ipv4/ip_local_port_range') =~ /^(\d+)/;
    my ($first, $count) = (10_240, ($below // 32_768) - 10_240);
    ($first, $count) = (1024, 64_512) if $count < 1000;
    for (1 .. 1000) {
        my $port = $first + ($$ * 53 + 7 * $ports++) % $count;    # tests beside this one have pids near its own
        my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 1, ReuseAddr => 1);
        return $port if $socket;
    }
    die "no port is free\n";
}

sub write_file {
    my ($path, $content) = @_;
    open my $out, '>:raw', $path or die "$path: $!\n";
    print $out $content;
    close $out or die "$path: $!\n";
    return $path;
}

sub read_file {
    my ($path) = @_;
    open my $in, '<:raw', $path or return '';
    local $/;
    return scalar(<$in>) // '';
}

# Call `condition` again and again until it is true: its value. After `timeout` seconds (10): 0, and a diagnosis.
sub wait_until {
    my ($what, $condition, $timeout) = @_;
    my $deadline = time + ($timeout || 10) * $SLOW;
    while (1) {
        my $value = $condition->();
        return $value if $value;
        last if time >= $deadline;
        select undef, undef, undef, 0.01;
    }
    Test::More::diag("never came true: $what");
    return 0;
}

# For promises about an idle machine, as this one may not be: call `measure` (it returns seconds) until one of its results is
# below `limit`, up to five times. The best.
sub best_of {
    my ($limit, $measure) = @_;
    my $best;
    for (1 .. 5) {
        my $took = $measure->();
        $best = $took if !defined $best || $took < $best;
        last if $best < $limit;
    }
    return $best;
}

sub is_alive {
    my ($pid) = @_;
    my $stat = read_file("/proc/$pid/stat");
    return $stat ne '' && $stat !~ /\) [ZX] / ? 1 : 0;
}

sub children_of {
    my ($pid) = @_;
    my $children = read_file("/proc/$pid/task/$pid/children");
    return split ' ', $children;
}

sub descriptors_of {
    my ($pid) = @_;
    my @fds = glob "/proc/$pid/fd/*";
    return scalar @fds;
}

# From now on a process whose parent has ended is this one's child, as it would be init's: an upgraded server. Whether the
# kernel does that.
sub adopt_orphans {
    my $prctl = { x86_64 => 157, aarch64 => 167 }->{ (POSIX::uname())[4] };
    my $set_child_subreaper = 36;
    return $prctl && syscall($prctl, $set_child_subreaper, 1, 0, 0, 0) == 0 ? 1 : 0;
}

# Run a command to its end: {status (exit status, or 128 + signal), out, err}; killed when `timeout` (30 s) is over.
sub run_command {
    my ($options, @command) = @_;
    if (!ref $options) {
        unshift @command, $options;
        $options = {};
    }
    my $dir = temp_dir();
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<', $options->{stdin} || '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>', "$dir/out" or POSIX::_exit(126);
        open STDERR, '>', "$dir/err" or POSIX::_exit(126);
        $ENV{$_} = $options->{env}{$_} for keys %{ $options->{env} || {} };
        chdir $options->{dir} if $options->{dir};
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    my $status = reap($pid, $options->{timeout} || 30);
    if (!defined $status) {
        kill KILL => $pid;
        waitpid $pid, 0;
        $status = 137;
        Test::More::diag("took too long: @command");
    }
    return { status => $status, out => read_file("$dir/out"), err => read_file("$dir/err") };
}

# Our program as a command line begins: within valgrind or the like, if that is wanted.
sub galley_words { return (split(' ', $WRAP), galley()) }

# `galley ARGUMENTS...`, run to its end. What a memory checker says of it fails the test.
sub galley_command {
    my @arguments = @_;
    my $options = ref $arguments[0] ? shift @arguments : {};
    my $got = run_command($options, galley_words(), @arguments);
    note_findings($got->{err}) if $WRAP ne '';
    return $got;
}

# curl with quiet defaults: {status, out, err}.
sub curl {
    my @arguments = @_;
    return run_command('curl', '-sS', '--noproxy', '*', '--max-time', 20 * $SLOW, @arguments);
}

# Exit status of a child (or of one that is still to become ours), 128 + signal if one killed it, undef if it does not end in
# time.
sub reap {
    my ($pid, $timeout) = @_;
    my $deadline = time + $timeout * $SLOW;
    while (1) {
        my $ended = waitpid $pid, POSIX::WNOHANG();
        return $? & 127 ? 128 + ($? & 127) : $? >> 8 if $ended == $pid;
        return undef if ($ended < 0 && !-e "/proc/$pid") || time >= $deadline;
        select undef, undef, undef, 0.005;
    }
}

# A self-signed certificate and its key in `dir`: (certificate, key). Options: name (file), cn, names => [...], rsa => 1.
sub tls_files {
    my ($dir, %of) = @_;
    my $name = $of{name} || 'server';
    my $cn = $of{cn} || 'localhost';
    my @names = map { "DNS:$_" } @{ $of{names} || [$cn] };
    my ($cert, $key) = ("$dir/$name.crt", "$dir/$name.key");
    my @kind = $of{rsa} ? ('rsa:2048') : ('ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1');
    my $made = run_command('openssl', 'req', '-x509', '-newkey', @kind, '-nodes', '-days', 2, '-subj', "/CN=$cn",
        '-addext', 'subjectAltName=' . join(',', @names, 'IP:127.0.0.1'), '-keyout', $key, '-out', $cert);
    die "openssl cannot make a certificate: $made->{err}" if $made->{status};
    return ($cert, $key);
}

# Start a server and wait until it serves. Options:
#   workers => n (1), tls => 1 (own certificate), unix => 1, listen => [...] (replaces the one on port 0),
#   config => text of a galley.conf, args => [more options], env => {...}, dir => folder, timeout => seconds (20),
#   program => path of one that is linked with its application (`app` is unused then), galley => another `galley`.
# Dies, with the log, if it does not come up.
sub start {
    my ($class, $app, %how) = @_;
    my $self = $class->prepare($app, %how);
    $self->launch;
    my $deadline = time + ($how{timeout} || 20) * $SLOW;
    while ($self->{stdout} !~ /^galley: serving .*\n/m) {
        my $left = $deadline - time;
        my $more = $left > 0 && IO::Select->new($self->{pipe})->can_read($left)
            && sysread $self->{pipe}, $self->{stdout}, 4096, length $self->{stdout};
        next if $more;
        my $status = reap($self->{pid}, 1);
        $self->{exit_status} = $status;
        $self->show;
        die 'the server did not start' . (defined $status ? " (exit status $status)" : ' in time') . "\n";
    }
    my ($line) = $self->{stdout} =~ /^(galley: serving .*)\n/m;
    $self->{serving} = $line;
    $self->{urls} = [ $line =~ m{(https?://[^\s,]+|unix:[^\s,]+)}g ];
    $self->{ports} = [ map { m{^https?://.*:(\d+)} ? $1 : () } @{ $self->{urls} } ];
    return $self;
}

# The command line and files of a server, not yet started.
sub prepare {
    my ($class, $app, %how) = @_;
    my $dir = $how{dir} || temp_dir();
    my $self = bless { dir => $dir, how => \%how, stdout => '', log_path => "$dir/log", stats_path => "$dir/stats.sock" }, $class;
    my @listen = @{ $how{listen} || [] };
    @listen = ("unix:$dir/http.sock") if $how{unix} && !@listen;
    @listen = ('127.0.0.1:0') if !@listen && !$how{no_listen};
    $self->{http_path} = "$dir/http.sock" if $how{unix};
    my @arguments = ($how{program} ? () : ('run', app_path($app)), '--stats', $self->{stats_path});
    push @arguments, '--workers', $how{workers} // 1 if !$how{no_workers};
    push @arguments, '--listen', $_ for @listen;
    if ($how{tls}) {
        ($self->{cert}, $self->{key}) = tls_files($dir);
        push @arguments, '--tls-cert', $self->{cert}, '--tls-key', $self->{key};
    }
    if (defined $how{config}) {
        $self->{config_path} = write_file("$dir/galley.conf", $how{config});
        push @arguments, '--config', $self->{config_path};
    }
    my $said = join ' ', $how{config} // '', @{ $how{args} || [] };
    for (['start', 30], ['hang', 10], ['tls', 10], ['head', 10]) {    # the server's own patience, where all is slow and the test has no other
        my ($what, $seconds) = @$_;
        push @arguments, "--$what-timeout", $seconds * $SLOW . 's' if $SLOW > 1 && !$how{program} && $said !~ /${what}[-_]timeout/;
    }
    $self->{command} = [ split(' ', $how{wrap} // $WRAP), $how{program} || $how{galley} || galley(), @arguments, @{ $how{args} || [] } ];
    return $self;
}

sub launch {
    my ($self) = @_;
    pipe my $read, my $write or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        close $read;
        open STDIN,  '<', '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>&', $write or POSIX::_exit(126);
        open STDERR, '>>', $self->{log_path} or POSIX::_exit(126);
        close $write;
        my %env = %{ $self->{how}{env} || {} };
        $ENV{$_} = $env{$_} for keys %env;
        exec { $self->{command}[0] } @{ $self->{command} } or POSIX::_exit(127);
    }
    close $write;
    $self->{pipe} = $read;
    $self->{pid} = $pid;
    push @started, $self;
    return;
}

sub pid        { return $_[0]{pid} }
sub dir        { return "$_[0]{dir}" }
sub url        { return $_[0]{urls}[ $_[1] // 0 ] }
sub port       { return $_[0]{ports}[ $_[1] // 0 ] }
sub serving    { return $_[0]{serving} }
sub stats_path { return $_[0]{stats_path} }
sub log_path   { return $_[0]{log_path} }
sub cert       { return $_[0]{cert} }
sub log        { return read_file($_[0]{log_path}) }

# Wait until the log matches.
sub wait_log {
    my ($self, $pattern, $timeout) = @_;
    return wait_until("the log matches $pattern", sub { $self->log =~ $pattern }, $timeout);
}

# A raw connection to the first address (or the n-th port): Galley::Http.
sub connect {
    my ($self, %how) = @_;
    return Galley::Http->connect(path => $self->{http_path}, %how) if $self->{http_path};
    return Galley::Http->connect(port => $self->port($how{listener}), %how);
}

# A raw connection through TLS, by `openssl s_client`; more of its options may follow.
sub connect_tls {
    my ($self, @options) = @_;
    socketpair my $ours, my $theirs, Socket::AF_UNIX(), Socket::SOCK_STREAM(), 0 or die "socketpair: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<&', $theirs or POSIX::_exit(126);
        open STDOUT, '>&', $theirs or POSIX::_exit(126);
        open STDERR, '>', '/dev/null' or POSIX::_exit(126);
        close $ours;
        exec 'openssl', 's_client', '-quiet', '-connect', '127.0.0.1:' . $self->port, @options or POSIX::_exit(127);
    }
    close $theirs;
    push @{ $self->{clients} }, $pid;
    $ours = IO::Handle->new_from_fd($ours, 'r+');
    return Galley::Http->connect(handle => $ours);
}

# One request on a connection of its own.
sub request {
    my ($self, $method, $path, %with) = @_;
    my $connection = $self->connect;
    my $response = $connection->request($method, $path, %with);
    $connection->close;
    return $response;
}

# curl to a path of this server (TLS verified with its own certificate): {status, out, err}.
sub curl_path {
    my ($self, $path, @options) = @_;
    push @options, '--cacert', $self->{cert} if $self->{cert};
    push @options, '--unix-socket', $self->{http_path} if $self->{http_path};
    return curl(@options, ($self->{http_path} ? 'http://localhost' : $self->url) . $path);
}

# One call over the stats socket: (result, error); error is undef or {code, message}. Dies when there is no answer.
sub call {
    my ($self, $method, $parameters, $timeout) = @_;
    my $socket = Galley::Http->connect(path => $self->{stats_path}, timeout => ($timeout || 10) * $SLOW);
    $socket->send(Galley::MsgPack::encode([ 0, 1, $method, $parameters ? [$parameters] : [] ]));
    my $deadline = time + $socket->{timeout};
    while (1) {
        my ($answer) = eval { Galley::MsgPack::decode($socket->buffer) };
        if ($answer) {
            $socket->close;
            return ($answer->[3], $answer->[2]);
        }
        die "stats socket: $@" if $@ ne "more\n";
        die "the stats socket did not answer '$method'\n" if !$socket->read_more($deadline);
    }
}

# The same, for calls that must succeed: the result.
sub rpc {
    my ($self, $method, $parameters, $timeout) = @_;
    my ($result, $error) = $self->call($method, $parameters, $timeout);
    die "$method: $error->{message}\n" if $error;
    return $result;
}

sub status  { return $_[0]->rpc('status') }
sub workers { return @{ $_[0]->rpc('workers') } }

# Pids of the workers that serve now.
sub worker_pids { return map { $_->{pid} } $_[0]->workers }

# One number of `metrics`, summed over all workers.
sub stat {
    my ($self, $name) = @_;
    my $metric = $self->rpc('metrics')->{$name} // die "there is no metric '$name'\n";
    return $metric->{value};
}

# Wait until a number is what it should be: a value, or a function of it.
sub wait_stat {
    my ($self, $name, $wanted, $timeout) = @_;
    my $value;
    my $came = wait_until("metric $name", sub {
        $value = eval { $self->stat($name) } // return 0;
        return ref $wanted ? $wanted->($value) : $value == $wanted;
    }, $timeout);
    Test::More::diag("$name was $value at last") if !$came && defined $value;
    return $came;
}

sub signal {
    my ($self, $name) = @_;
    return kill $name => $self->{pid};
}

# Wait for the master's end: its exit status, undef if it does not come in time.
sub wait_exit {
    my ($self, $timeout) = @_;
    $self->{exit_status} //= reap($self->{pid}, $timeout || 20);
    $self->look_for_findings if defined $self->{exit_status};
    return $self->{exit_status};
}

# End the server with a signal (TERM): its exit status.
sub stop {
    my ($self, %how) = @_;
    return $self->{exit_status} if defined $self->{exit_status};
    $self->signal($how{signal} || 'TERM');
    return $self->wait_exit($how{timeout});
}

# After an upgrade (and adopt_orphans): wait for the old master's end and go on with the new one. The old one's exit status.
sub follow_upgrade {
    my ($self, $timeout) = @_;
    my $old = $self->{pid};
    my $new = $self->status->{pid};
    die "pid $old still serves\n" if $new == $old;
    my $status = reap($old, $timeout || 20);
    $self->{pid} = $new;
    return $status;
}

# Clients that never retry, against the first listener (`listener => n`), until `finish_load`. Options: tls, h2, close,
# connections, post, path. Comes back when every client has had an answer.
sub load {
    my ($self, %how) = @_;
    my $port = $self->port($how{listener});
    my @options = map { $how{$_} ? "--$_" : () } qw(tls h2 close);
    push @options, '--connections', $how{connections} // 16, '--wait', 15 * $SLOW;
    push @options, '--post', $how{post} if $how{post};
    pipe my $stdin, my $to_load or die "pipe: $!\n";
    pipe my $from_load, my $stdout or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<&', $stdin or POSIX::_exit(126);
        open STDOUT, '>&', $stdout or POSIX::_exit(126);
        close $to_load;
        exec "$BUILD/t/tools/load", @options, $port, $how{path} // '/plaintext' or POSIX::_exit(127);
    }
    close $stdin;
    close $stdout;
    push @{ $self->{clients} }, $pid;
    my $line = <$from_load> // '';
    die "the load did not start\n" if $line ne "started\n";
    return { pid => $pid, in => $to_load, out => $from_load, name => join(' ', @options) };
}

# End a load: {ok, connect_failed, first_failed, reused_failed, bad_status, opened, closed_idle, reasons, failed (their sum)}.
sub finish_load {
    my ($self, $load) = @_;
    close $load->{in};
    my $line = readline $load->{out};
    waitpid $load->{pid}, 0;
    $self->{clients} = [ grep { $_ != $load->{pid} } @{ $self->{clients} } ];
    my $result = JSON::PP::decode_json($line // '{}');
    $result->{failed} = 0;
    $result->{failed} += $result->{$_} // 1 for qw(connect_failed first_failed reused_failed bad_status);
    Test::More::diag("load $load->{name}: $line") if $result->{failed};
    return $result;
}

# The path of h2spec, or undef: scripts/check builds it where Go is.
sub h2spec {
    my ($path) = grep { -x } "$ROOT/build/tools/h2spec", map { "$_/h2spec" } split /:/, $ENV{PATH};
    return $path;
}

# A report of a sanitizer or of valgrind fails the test, whatever else it said.
sub note_findings {
    my ($text) = @_;
    return if $text !~ /^(?:==\d+==\s*(?:ERROR|WARNING|Invalid|Conditional|Use of|Syscall param|\d.* bytes in .* lost).*|.*runtime error: .*)$/m;
    Test::More::diag("A memory checker found something:\n$text");
    $findings++;
    return;
}

sub look_for_findings {
    my ($self) = @_;
    note_findings($self->log) if !$self->{looked}++;
    return;
}

# Everything a reader of a failed test wants to see.
sub show {
    my ($self) = @_;
    my $status = $self->{exit_status};
    my $lines = join ' ', @{ $self->{command} };
    $lines .= "\n-- config\n" . read_file($self->{config_path}) if $self->{config_path};
    $lines .= "\n-- standard output\n$self->{stdout}" if $self->{stdout} ne '';
    $lines .= defined $status ? "\n-- ended with status $status" : "\n-- runs as $self->{pid}, workers "
        . join(' ', children_of($self->{pid})) . "\n" . galley_command('status', '--stats', $self->{stats_path})->{out};
    my @log = split /\n/, $self->log;
    splice @log, 0, @log - 60 if @log > 60;
    Test::More::diag(join "\n", "-- $lines", '-- log', @log);
    return;
}

sub end_children {
    my ($self) = @_;
    kill KILL => $_ for @{ $self->{clients} || [] };
    waitpid $_, 0 for @{ $self->{clients} || [] };
    return if defined $self->{exit_status};
    my @workers = children_of($self->{pid});
    $self->signal('INT');
    if (!defined $self->wait_exit(5)) {
        Test::More::diag('the server did not end on INT');
        kill KILL => $self->{pid}, @workers;
        waitpid $self->{pid}, 0;
    }
    return;
}

END {
    if ($$ == $OWNER) {
        my $status = $?;
        my $failed = $status || !Test::More->builder->is_passing;
        for my $server (@started) {
            $server->show if $failed;
        }
        if ($failed && $DEBUG) {
            print {*STDERR} "# stopped for you: gdb -p PID; Enter goes on\n";
            <STDIN>;
        }
        $_->end_children for @started;
        $? = $status || ($findings ? 99 : 0);
    }
}

1;
