# NoMemory.pm - allocations of a server that fail when a test says so.
# Does:     the environment that loads t/preload/no_memory.c into the server, and the page that arms it, counts and disarms.
# Does not: start a server, or know what a right answer is.
#
#     my $memory = Galley::NoMemory->new($dir);
#     my $server = Galley::Test->start('t/apps/greedy', env => $memory->env);
#     $memory->arm(pid => $worker, from => 3);     # the third call from now on fails
package Galley::NoMemory;
use strict;
use warnings;
use Galley::Test ();

my $WORDS = 8;

# Files in `dir`, which lives as long as the server.
sub new {
    my ($class, $dir) = @_;
    my $path = Galley::Test::write_file("$dir/orders", "\0" x (8 * $WORDS));
    open my $page, '+<:raw', $path or die "$path: $!\n";
    return bless { path => $path, page => $page }, $class;
}

# A sanitizer's library would rather be the first one.
sub env {
    my ($self) = @_;
    my $asan = join ':', $ENV{ASAN_OPTIONS} || (), 'verify_asan_link_order=0';
    return { LD_PRELOAD => Galley::Test::build() . '/t/preload/no_memory.so', NO_MEMORY => $self->{path}, ASAN_OPTIONS => $asan };
}

sub put {
    my ($self, @words) = @_;
    sysseek $self->{page}, 0, 0 or die "seek: $!\n";
    defined syswrite $self->{page}, pack('Q*', @words) or die "write: $!\n";
    return;
}

# From now on: calls number `from` and the next, `burst` (1) in all, and one in `one_in`; in process `pid` or in all.
sub arm {
    my ($self, %how) = @_;
    my $burst = $how{burst} // ($how{from} ? 1 : 0);
    $self->put(0);
    $self->put(1, $how{pid} // 0, $how{from} // 1, $burst, $how{one_in} // 0, $how{seed} // 0, 0, 0);
    return;
}

# No more. How many calls there were while it was armed, and how many failed.
sub disarm {
    my ($self) = @_;
    $self->put(0);
    sysseek $self->{page}, 0, 0 or die "seek: $!\n";
    sysread $self->{page}, my $words, 8 * $WORDS or die "read: $!\n";
    return (unpack 'Q*', $words)[ 6, 7 ];
}

1;
