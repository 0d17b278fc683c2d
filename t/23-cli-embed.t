#!/usr/bin/perl
# 23-cli-embed.t - a program that is linked with its application: galley_main, against the shared library and the static one.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $dir = temp_dir();
write_file("$dir/shop.c", <<'END');
#include <galley.h>
static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co;
    (void)in;
    out->text = GALLEY_STR("linked in");
    return 0;
}
GALLEY_APP(.title = "Shop", .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
int main(int argc, char **argv)
{
    return galley_main(argc, argv, &galley_app);
}
END
my $build = build();
my @needed = split ' ', `PKG_CONFIG_PATH=$build/lib pkg-config --print-requires-private galley`;
my $libraries = `pkg-config --libs @needed`;
my @sanitizers = $build =~ /asan/ ? ('-fsanitize=address,undefined') : ();
my %ways = (
    shared => [ "-L$build/lib", "-Wl,-rpath,$build/lib", "$build/lib/libgalley.so" ],
    static => [ "$build/lib/libgalley.a", split(' ', $libraries), '-lpthread', '-ldl', '-lm' ],
);
for my $way (sort keys %ways) {
    my $program = "$dir/shop-$way";
    my $got = run_command('cc', '-std=gnu17', '-Wall', '-Wextra', '-Werror', @sanitizers, '-Iinclude', "$dir/shop.c", @{ $ways{$way} }, '-o', $program);
    is($got->{status}, 0, "$way: compiles") or diag($got->{err}) or next;
    $got = run_command($program, '--help');
    is($got->{status}, 0, "$way: --help");
    like($got->{out}, qr{^usage: shop-$way \[OPTION\]\.\.\.\n.*--max-body SIZE}s, "$way: what it prints");
    $got = run_command($program, '--wrokers', 2);
    is($got->{status}, 2, "$way: an unknown option");
    is($got->{err}, "galley: unknown option '--wrokers'; did you mean '--workers'?\nusage: shop-$way [OPTION]... (see 'shop-$way --help')\n",
        "$way: its sentence");
    is(run_command($program, 'other.so')->{status}, 2, "$way: it takes no application");
    is(run_command($program, '--workers', 'x')->{status}, 1, "$way: a wrong value");

    my $server = Galley::Test->start("$dir/unused.so", unix => 1, program => $program);
    is($server->request(GET => '/')->{body}, 'linked in', "$way: it answers");
    like($server->serving, qr{^galley: serving Shop on }, "$way: by its title");
    is($server->status->{app}{title}, 'Shop', "$way: its status");
    $server->call('reload');
    is($server->request(GET => '/')->{body}, 'linked in', "$way: it answers after a reload");
    is($server->stop, 0, "$way: stops with 0");
}
done_testing();
