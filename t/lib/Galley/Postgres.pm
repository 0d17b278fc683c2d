# Postgres.pm - a PostgreSQL server of a test's own.
# Does:     make a cluster in a temporary folder and run it on a UNIX socket (with tcp => 1 on a free loopback port, too, and
#           with tls => 1 over TLS there, with a certificate of its own for localhost);
#           stop it (fast), kill it (immediate), start it again, ask it by psql. Without fsync. As root it runs as `postgres`.
# Does not: outlive the test: END ends it, and the kernel kills it when the test dies without one.
#
#     plan skip_all => 'PostgreSQL is not installed' if !Galley::Postgres->is_installed;
#     my $pg = Galley::Postgres->start(tcp => 1, settings => { max_connections => 20 });
#     my $server = Galley::Test->start('t/apps/orders', env => { DATABASE => $pg->url });
#     is($pg->ask('select count(*) from item'), 3, 'three items');
package Galley::Postgres;
use strict;
use warnings;
use File::Temp ();
use POSIX ();
use Test::More ();
use Galley::Test qw(run_command read_file free_port wait_until slow);

my $OWNER = $$;
my @started;

# The folder of the newest version's programs; undef: there is none.
sub programs {
    my ($newest) = map { $_->[1] } sort { $b->[0] <=> $a->[0] }
        map { m{/(\d+)/bin/postgres$} ? [ $1, s{/postgres$}{}r ] : () } glob '/usr/lib/postgresql/*/bin/postgres';
    return $newest if $newest;
    my ($path) = grep { -x "$_/postgres" } split /:/, $ENV{PATH};
    return $path;
}

sub is_installed { return programs() && ($> != 0 || defined getpwnam 'postgres') ? 1 : 0 }

# The server and its tools refuse root.
sub as_owner {
    return () if $> != 0;
    my ($uid, $gid) = (getpwnam 'postgres')[ 2, 3 ];
    return ('setpriv', '--reuid', $uid, '--regid', $gid, '--clear-groups');
}

# Options: tcp => 1, tls => 1 (with tcp), settings => {name => value}. Ready when it returns; dies with the log if it does not come up.
sub start {
    my ($class, %how) = @_;
    my $bin = programs() // die "PostgreSQL is not installed\n";
    my $dir = File::Temp->newdir('galley-pg-XXXXXX', TMPDIR => 1, CLEANUP => !$ENV{GALLEY_KEEP});
    chown +(getpwnam 'postgres')[ 2, 3 ], "$dir" if $> == 0;
    my $self = bless { dir => $dir, bin => $bin, data => "$dir/data", log_path => "$dir/log" }, $class;
    my $made = run_command({ dir => "$dir" }, as_owner(), "$bin/initdb", '-D', $self->{data}, '-U', 'postgres', '-A', 'trust', '-N',
        '-E', 'UTF8', '--locale=C', '--wal-segsize=1');
    die "initdb: $made->{out}$made->{err}" if $made->{status};
    $self->{port} = $how{tcp} ? free_port() : 5432;
    my %settings = (
        fsync => 'off', synchronous_commit => 'off', full_page_writes => 'off', unix_socket_directories => "$dir",
        listen_addresses => $how{tcp} ? '127.0.0.1' : '', port => $self->{port}, max_connections => 50,
        shared_buffers => '8MB', max_wal_size => '64MB', autovacuum => 'off', log_min_messages => 'warning', %{ $how{settings} || {} });
    $self->take_tls(\%settings) if $how{tls};
    $self->{settings} = \%settings;
    push @started, $self;
    $self->again;
    return $self;
}

# The server reads its key only where it is its own, and nobody else's.
sub take_tls {
    my ($self, $settings) = @_;
    ($self->{cert}, my $key) = Galley::Test::tls_files("$self->{dir}", name => 'postgres');
    chown +(getpwnam 'postgres')[ 2, 3 ], $key, $self->{cert} if $> == 0;
    chmod 0600, $key;
    @$settings{qw(ssl ssl_cert_file ssl_key_file)} = ('on', $self->{cert}, $key);
    return;
}

# Start what was stopped or killed, without waiting until it serves.
sub launch {
    my ($self) = @_;
    my @settings = map { ('-c', "$_=$self->{settings}{$_}") } sort keys %{ $self->{settings} };
    unlink "$self->{data}/postmaster.pid";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<', '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>>', $self->{log_path} or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        chdir "$self->{dir}";
        my @owner = as_owner();
        @owner = ('setpriv') if !@owner;
        exec @owner, '--pdeathsig', 'KILL', "$self->{bin}/postgres", '-D', $self->{data}, @settings or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    return;
}

# The same, and wait until it serves.
sub again {
    my ($self) = @_;
    $self->launch;
    wait_until('PostgreSQL serves', sub { read_file("$self->{data}/postmaster.pid") =~ /^ready\s*$/m }, 20)
        or die "PostgreSQL did not start\n" . read_file($self->{log_path});
    return;
}

# End it with a signal to the postmaster, and wait for its end.
sub end {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} // return;
    kill $signal => $pid;
    my $ended = wait_until('PostgreSQL ends', sub { waitpid($pid, POSIX::WNOHANG()) != 0 }, 10);
    return if $ended;
    kill KILL => $pid;
    waitpid $pid, 0;
    return;
}

sub stop    { return $_[0]->end('INT') }     # tells its clients, rolls back
sub kill_it { return $_[0]->end('QUIT') }    # at once: `pg_ctl stop -m immediate`
sub restart { $_[0]->stop; return $_[0]->again }

sub dir  { return "$_[0]{dir}" }
sub port { return $_[0]{port} }
sub pid  { return $_[0]{pid} }
sub cert { return $_[0]{cert} }
sub log  { return read_file($_[0]{log_path}) }

# For galley_sql_open: by the UNIX socket, or (tcp => 1, or another port) by TCP. Further options as in `?a=b&c=d`.
sub url {
    my ($self, %how) = @_;
    my $port = $how{port} // ($how{tcp} ? $self->{port} : undef);
    my $options = join '&', ($port ? () : ("host=$self->{dir}", "port=$self->{port}")), $how{options} // ();
    return 'postgresql://postgres@' . ($port ? "127.0.0.1:$port" : '') . '/postgres' . ($options ne '' ? "?$options" : '');
}

# What psql says to a statement: rows by lines, columns with '|'. Dies when it is refused.
sub ask {
    my ($self, $sql) = @_;
    my $said = run_command("$self->{bin}/psql", '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-h', "$self->{dir}", '-p', $self->{port}, '-U', 'postgres',
        '-c', $sql, 'postgres');
    die "psql: $said->{err}" if $said->{status};
    $said->{out} =~ s/\n\z//;
    return $said->{out};
}

# The connections of applications, by what pg_stat_activity says of them: 'idle', 'active', 'idle in transaction'. Not those of
# `ask`: a psql that has ended may still be among them.
sub connections {
    my ($self, $state) = @_;
    my $which = defined $state ? " and state = '$state'" : '';
    return $self->ask("select count(*) from pg_stat_activity where backend_type = 'client backend' and application_name <> 'psql'$which");
}

END {
    if ($$ == $OWNER) {
        my $status = $?;
        for my $server (@started) {
            if ($status && $server->log ne '') {
                my @lines = split /\n/, $server->log;
                splice @lines, 0, @lines - 30 if @lines > 30;
                Test::More::diag(join "\n", '-- log of PostgreSQL', @lines);
            }
            $server->end('QUIT');
        }
        $? = $status;
    }
}

1;
