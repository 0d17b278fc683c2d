#!/usr/bin/perl
# 12-build.t - what the build promises: exported names, hardening, an installation that others can build with, editors' file.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP ();
use Test::More;
use Galley::Test;

plan skip_all => 'sanitizer builds are not installed' if build() =~ m{/(?:asan|valgrind)$};
my $dir = temp_dir();
my $bin = galley();
my $lib = build() . '/lib/libgalley.so';

for my $file ($bin, $lib) {
    my @names = map { (split)[-1] } split /\n/, run_command('nm', '-D', '--defined-only', $file)->{out};
    my @strays = grep { !/^galley_/ } @names;
    ok(@names > 10, "$file exports names");
    is("@strays", '', "$file exports nothing but galley_*");
    my $dynamic = run_command('readelf', '-hldW', $file)->{out};
    like($dynamic, qr/Type:\s+DYN/, "$file is position-independent");
    like($dynamic, qr/GNU_RELRO/, "$file has RELRO");
    like($dynamic, qr/BIND_NOW|NOW/, "$file binds now");
    like($dynamic, qr/GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+RW\s/, "$file has no executable stack");
}
like(run_command('readelf', '-dW', $lib)->{out}, qr/SONAME.*\[libgalley\.so\.0\]/, 'the library has its soname');
my $imports = run_command('nm', '-D', $bin)->{out};
like($imports, qr/__stack_chk_fail/, 'stack protector');
like($imports, qr/_chk@/, 'fortified libc calls');

SKIP: {
    skip 'another build folder', 2 if build() ne root() . '/build';
    my $entries = eval { JSON::PP::decode_json(read_file(root() . '/compile_commands.json')) };
    ok($entries, 'compile_commands.json is JSON') or diag($@);
    is_deeply([ grep { !-e root() . "/$_->{file}" } @{ $entries || [] } ], [], 'all of its files are there');
}

# An installation, and a stranger's application built with it.
my @where = ("DESTDIR=$dir/root", 'PREFIX=/usr', 'BUILD=' . build());
my $made = run_command({ dir => root(), timeout => 120 }, 'make', '-s', 'install', @where);
is($made->{status}, 0, 'make install') or diag($made->{err});
my %environment = (PKG_CONFIG_PATH => "$dir/root/usr/lib/pkgconfig", PKG_CONFIG_SYSROOT_DIR => "$dir/root");
my $flags = run_command({ env => \%environment }, 'pkg-config', '--cflags', '--libs', 'galley')->{out};
chomp $flags;
my $source = write_file("$dir/shop.c", <<'END');
#include <galley.h>
static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co;
    (void)in;
    out->text = GALLEY_STR("hello");
    return 0;
}
GALLEY_APP(.title = "Shop", .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
#ifdef PROGRAM
int main(int argc, char **argv)
{
    return galley_main(argc, argv, &galley_app);
}
#endif
END
my $app = run_command('sh', '-c', "cc -Wall -Wextra -Werror -shared $source $flags -o $dir/shop.so");
is($app->{status}, 0, 'an application builds from what pkg-config says') or diag($app->{err});
my $program = run_command('sh', '-c', "cc -Wall -Wextra -Werror -DPROGRAM $source $flags -Wl,-rpath,$dir/root/usr/lib -o $dir/shop");
is($program->{status}, 0, 'and a program of its own') or diag($program->{err});
is(run_command("$dir/root/usr/bin/galley", 'version')->{status}, 0, 'the installed galley runs');
run_command({ dir => root() }, 'make', '-s', 'uninstall', @where);
my $left = run_command('find', "$dir/root", '-type', 'f', '!', '-path', '*/etc/galley/*')->{out};
is($left, '', 'uninstall takes away what install put there');

# Packages: nothing to do when all are there, and a clear word to who is not root.
my $packages = root() . '/scripts/install-packages';
is(run_command($packages, 'nonsense')->{status}, 2, 'install-packages refuses an unknown step');
SKIP: {
    skip 'not Debian', 2 if !-x '/usr/bin/dpkg-query';
    run_command('cp', $packages, "$dir/install-packages");
    write_file("$dir/packages.debian", "# none\nlibc6\nno-such-thing unless sh\n== check\nno-such-thing\n");
    is(run_command("$dir/install-packages", 'run')->{status}, 0, 'nothing is missing: nothing is done');
    skip 'root would install', 1 if $> == 0 && !-x '/usr/bin/setpriv';
    my @nobody = $> == 0 ? qw(setpriv --reuid 65534 --regid 65534 --clear-groups) : ();
    chmod 0755, "$dir";
    my $said = run_command(@nobody, 'sh', "$dir/install-packages", 'check');
    like($said->{err}, qr/apt-get install .*no-such-thing/, 'without root it says what to run');
}
done_testing;
