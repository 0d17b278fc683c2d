# Redis.pm - a Redis of a test's own: the real server, or one that follows a script.
# Does:     start redis-server without persistence in a temporary folder, on a UNIX socket and a free TCP port; pause it,
#           kill it, start it again on the same addresses (with tls => 1 on a TLS port, too, with a certificate for localhost); a scripted server for what the real one never does.
#           Ends every child by its pid; the kernel does, when the test dies first.
# Does not: use a fixed port, or leave a file behind.
#
#     my $redis = Galley::Redis->start;                     # or ->prepare, for one that is down at first
#     $redis->url; $redis->tcp_url; $redis->cli('SET', 'a', 1);
#     $redis->kill; $redis->launch;                         # a restart
#     $redis->pause; $redis->resume;                        # slow as a stone
#     my $bad = Galley::Redis->script(sub { my ($socket, $n) = @_; ... });   # one call a connection, in a child
package Galley::Redis;
use strict;
use warnings;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket ();
use Galley::Test qw(temp_dir free_port wait_until slow);

my $OWNER = $$;
my @started;

# Whether there is a server to be started.
sub is_there {
    return scalar grep { -x "$_/redis-server" } split /:/, $ENV{PATH};
}

# Options: password => word, tls => 1, args => [more options of redis-server].
sub prepare {
    my ($class, %how) = @_;
    my $dir = temp_dir();
    my $self = bless { dir => $dir, how => \%how, path => "$dir/redis.sock", port => free_port() }, $class;
    if ($how{tls}) {
        ($self->{cert}, my $key) = Galley::Test::tls_files($dir, name => 'redis');
        $self->{tls_port} = free_port();
        $how{args} = [ @{ $how{args} || [] }, '--tls-port', $self->{tls_port}, '--tls-cert-file', $self->{cert}, '--tls-key-file', $key,
            '--tls-ca-cert-file', $self->{cert}, '--tls-auth-clients', 'no' ];
    }
    push @started, $self;
    return $self;
}

sub start {
    my ($class, %how) = @_;
    my $self = $class->prepare(%how);
    $self->launch;
    return $self;
}

# Start it and wait until it answers.
sub launch {
    my ($self) = @_;
    my @password = defined $self->{how}{password} ? ('--requirepass', $self->{how}{password}) : ();
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<', '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>>', "$self->{dir}/log" or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        exec 'setpriv', '--pdeathsig', 'KILL', 'redis-server', '--port', $self->{port}, '--bind', '127.0.0.1', '--unixsocket', $self->{path}, '--save', '',
            '--appendonly', 'no', '--dir', "$self->{dir}", '--daemonize', 'no', '--enable-debug-command', 'yes', @password,
            @{ $self->{how}{args} || [] } or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    wait_until('redis-server answers', sub { ($self->try_cli('PING') // '') =~ /PONG/ }) or die "redis-server did not start\n";
    return;
}

sub pid  { return $_[0]{pid} }
sub port { return $_[0]{port} }
sub tls_port { return $_[0]{tls_port} }
sub path { return $_[0]{path} }

# Of the UNIX socket, and of the TCP port; `number` is that of a database.
sub url {
    my ($self, $number) = @_;
    return "unix:$self->{path}" . (defined $number ? "?$number" : '');
}

sub tcp_url {
    my ($self, $number, $secret) = @_;
    return 'redis://' . (defined $secret ? "$secret\@" : '') . "127.0.0.1:$self->{port}/" . ($number // 0);
}

# Of the TLS port. Options: host (localhost), port, number, secret (user:password), ca (a file; undef: the system's).
sub tls_url {
    my ($self, %how) = @_;
    my $ca = exists $how{ca} ? $how{ca} : $self->{cert};
    return 'rediss://' . (defined $how{secret} ? "$how{secret}\@" : '') . ($how{host} // 'localhost') . ':' . ($how{port} // $self->{tls_port}) . '/'
        . ($how{number} // 0) . (defined $ca ? "?ca_file=$ca" : '');
}

# One reply, as Perl data: a string, an array, undef; of an error "-ERR ...".
sub read_reply {
    my ($socket) = @_;
    my $line = <$socket> // die "redis: closed\n";
    my ($kind, $rest) = $line =~ /^(.)(.*)\r\n\z/s or die "redis: $line\n";
    return "-$rest" if $kind eq '-';
    return $rest if $kind eq '+' || $kind eq ':';
    return undef if $rest < 0;
    return [ map { read_reply($socket) } 1 .. $rest ] if $kind eq '*';
    read $socket, my $text, $rest + 2;
    return substr $text, 0, $rest;
}

sub try_cli {
    my ($self, @words) = @_;
    return eval { $self->cli(@words) };
}

# One command on a connection of its own: its reply.
sub cli {
    my ($self, @words) = @_;
    local $SIG{ALRM} = sub { die "redis: no reply\n" };
    local $SIG{PIPE} = 'IGNORE';
    alarm 10 * slow();
    my $reply = eval {
        my $socket = IO::Socket::UNIX->new(Peer => $self->{path}) or die "redis: $!\n";
        for my $command (defined $self->{how}{password} ? [ 'AUTH', $self->{how}{password} ] : (), \@words) {
            print $socket '*', scalar @$command, "\r\n", map { ('$', length $_, "\r\n$_\r\n") } @$command;
            $socket->flush;
            my $said = read_reply($socket);
            return $said if $command == \@words;
        }
    };
    my $why = $@;
    alarm 0;
    die $why if $why;
    return $reply;
}

# How many clients it has, this question's not counted.
sub clients {
    my ($self) = @_;
    my @lines = grep { /^id=/ } split /\n/, $self->cli('CLIENT', 'LIST');
    return @lines - 1;
}

sub pause  { return kill STOP => $_[0]{pid} }
sub resume { return kill CONT => $_[0]{pid} }

# End it at once, as a crash does, or a restart. It may be launched again.
sub kill {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;
    CORE::kill($signal || 'KILL', $pid);
    CORE::kill('CONT', $pid) if $signal;    # one that is paused hears no other
    waitpid $pid, 0;
    return;
}

sub stop { return $_[0]->kill('TERM') }

# ---- a server that follows a script ----

# Have the kernel kill this child when its parent dies, however it dies.
sub die_with_parent {
    my $prctl = { x86_64 => 157, aarch64 => 167 }->{ (POSIX::uname())[4] };
    syscall $prctl, 1, 9, 0, 0, 0 if $prctl;
    return;
}

# Listens on a free port; for each connection script->(socket, number of the connection from 1 on) runs in a child.
sub script {
    my ($class, $script) = @_;
    my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 64, ReuseAddr => 1) or die "listen: $!\n";
    my $self = bless { port => $listener->sockport, how => {}, script => 1 }, $class;
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        die_with_parent();
        $SIG{PIPE} = 'IGNORE';
        $SIG{CHLD} = 'IGNORE';
        $SIG{TERM} = sub { CORE::kill('KILL', -$$) };
        setpgrp;
        my $count = 0;
        while (1) {
            my $socket = $listener->accept or next;
            $count++;
            my $child = fork // POSIX::_exit(1);
            if (!$child) {
                die_with_parent();
                close $listener;
                $socket->autoflush(1);
                eval { $script->($socket, $count) };
                POSIX::_exit(0);
            }
            close $socket;
        }
    }
    close $listener;
    $self->{pid} = $pid;
    push @started, $self;
    return $self;
}

# For scripts: the next command as a list of words; empty when the client has gone.
sub read_command {
    my ($socket) = @_;
    my $words = eval { read_reply($socket) };
    return ref $words ? @$words : ();
}

# For scripts: answer what the client says when it connects.
sub greet {
    my ($socket) = @_;
    my @words = read_command($socket);
    print $socket "+OK\r\n" if @words;
    return;
}

# For scripts: close with a reset.
sub reset_connection {
    my ($socket) = @_;
    setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'II', 1, 0;
    close $socket;
    return;
}

END {
    if ($$ == $OWNER) {
        my $status = $?;
        $_->{script} ? $_->stop : $_->kill for @started;    # there is nothing to be saved
        $? = $status;
    }
}

1;
