#!/usr/bin/perl
# 27-cli-new.t - galley new: the project builds against an installation and a source tree, without a warning; its tests pass; it serves.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Galley::Test;

my $dir = temp_dir();

# Names: [folder, exit status, what is said]
my @names = (
    [ 'My Shop!',  2, qr{^galley: 'My Shop!' cannot be a project's name: a small letter comes first, .*; try 'my_shop'$} ],
    [ 'shop.c',    2, qr{try 'shop_c'$} ],
    [ '2nd',       2, qr{try 'nd'$} ],
    [ '',          2, qr{^galley: '' cannot be a project's name: .*40 at most$} ],
    [ '..',        2, qr{cannot be a project's name} ],
    [ '/',         2, qr{cannot be a project's name} ],
    [ '@NAME@',    2, qr{try 'name'$} ],
    [ 'x' x 41,    2, qr{cannot be a project's name} ],
    [ "$dir/no/shop", 1, qr{^galley: cannot make the folder \S+/no/shop: No such file or directory$} ],
    [ "$dir/2nd",  2, qr{cannot be a project's name} ],
    [ 'x' x 5000,  2, qr{^galley: } ],
    [ '--nmae',    2, qr{^galley: unknown option '--nmae'} ],
);
for my $case (@names) {
    my ($folder, $status, $said) = @$case;
    my $got = galley_command({ dir => "$dir" }, 'new', $folder);
    my $name = 'galley new ' . substr $folder, 0, 20;
    is($got->{status}, $status, "$name: exit status");
    like((split /\n/, $got->{err})[0], $said, "$name: what it says");
}
is(galley_command('new')->{status}, 2, 'without a name');
is(galley_command('new', 'a', 'b')->{status}, 2, 'with two');
opendir my $folder, "$dir" or die;
is_deeply([ sort grep { !/^\.\.?$/ } readdir $folder ], [], 'none of them left anything behind');

my $made = galley_command('new', "$dir/nut_shop/");
is($made->{status}, 0, 'galley new nut_shop') or diag($made->{err});
like($made->{out}, qr{^made \S+nut_shop.*\n    cd \S+\n    make test\n    make run\n$}s, 'says how to go on');
my $shop = "$dir/nut_shop";
write_file("$shop/README.md", "mine\n");
my $again = galley_command('new', $shop);
is($again->{status}, 1, 'a folder that exists is refused');
is($again->{err}, "galley: $shop exists already; nothing was changed. Choose another name\n", 'in so many words');
is(read_file("$shop/README.md"), "mine\n", 'and left as it is');
cmp_ok(scalar(() = read_file("$shop/Makefile") =~ /\n/g), '<=', 30, 'the Makefile has 30 lines at most');
unlike(join('', map { read_file($_) } glob "$shop/*"), qr/\@(?:NAME|TITLE)\@/, 'no place is left to fill in');
like(read_file("$shop/nut_shop.c"), qr/\.title = "Nut shop"/, 'the title is made of the name');

if (build() =~ m{/(?:asan|valgrind)$}) { # a sanitizer's library cannot be linked with a stranger's program
    done_testing;
    exit;
}

sub check_tests {
    my ($how, $env, @arguments) = @_;
    $env = { %$env, MAKEFLAGS => '' }; # what the suite's own make was told is not the project's business
    my $all = run_command({ env => $env, dir => $shop, timeout => 60 }, 'make', '-s', '-B', @arguments);
    is($all->{status}, 0, "make, $how") or diag($all->{err});
    is($all->{err}, '', 'without a warning');
    my $tests = run_command({ env => $env, dir => $shop, timeout => 60 }, 'make', '-s', '-B', 'test', @arguments);
    is($tests->{status}, 0, 'make test') or diag("$tests->{out}\n$tests->{err}");
    like($tests->{out}, qr/^ok 1 - .*^1\.\.\d+\n\z/ms, 'is TAP');
    unlike($tests->{out}, qr/^not ok/m, 'and all is well');
    is($tests->{err}, '', 'without a warning');
}

# An installation, as a packager makes it.
my $install = run_command({ dir => root(), timeout => 120 }, 'make', '-s', 'install', "DESTDIR=$dir/root", 'PREFIX=/usr', 'BUILD=' . build());
is($install->{status}, 0, 'make install') or diag($install->{err});
my %installed = (
    PKG_CONFIG_PATH        => "$dir/root/usr/lib/pkgconfig",
    PKG_CONFIG_SYSROOT_DIR => "$dir/root",
    LD_LIBRARY_PATH        => "$dir/root/usr/lib",
    MAKEFLAGS              => '',
);
check_tests('an installation', \%installed);
SKIP: {
    skip 'there is no clang-14', 1 if !-x '/usr/bin/clang-14';
    check_tests('clang', \%installed, 'CC=clang-14');
}
check_tests('a source tree', {}, 'GALLEY_HOME=' . root()) if build() eq root() . '/build';

# The same application as a shared object, under a test that loads it.
write_file("$shop/load.c", <<'END');
#include <galley/test.h>
int main(int argc, char **argv)
{
    struct galley_test *t = galley_test_load(argv[argc - 1]);
    galley_test_is(t, galley_test_get(t, "/items/1").status, 200, "an item");
    return galley_test_end(t);
}
END
my $loaded = run_command({ env => \%installed, dir => $shop, timeout => 60 }, 'sh', '-c',
    'make -s nut_shop.so && cc $(pkg-config --cflags galley) load.c $(pkg-config --libs galley) -o load && ./load nut_shop.so');
is($loaded->{out}, "ok 1 - an item\n1..1\n", 'galley_test_load') or diag($loaded->{err});

# A test that does not hold is seen.
my $source = read_file("$shop/nut_shop.c");
write_file("$shop/nut_shop.c", $source =~ s/0\.75/0.76/r);
my $failed = run_command({ env => \%installed, dir => $shop }, 'make', '-s', 'test');
isnt($failed->{status}, 0, 'a wrong price fails make test');
like($failed->{out}, qr/^not ok .*\n#   failed at test_nut_shop\.c:\d+\n#    got: '1\.52'\n#   want: '1\.5'\n/m, 'and says what is wrong');
write_file("$shop/nut_shop.c", $source);

# What its first lines say, served.
run_command({ env => \%installed, dir => $shop }, 'make', '-s');
my $server = Galley::Test->start("$shop/nut_shop.so");
like($server->serving, qr/serving Nut shop on/, 'it serves');
my @curls = $source =~ /^ \*\s+curl (.*)$/mg;
is(scalar @curls, 2, 'the source shows two requests');
my @answers = (
    '{"item_id":1,"name":"hazelnut","count":3,"total":1.5}',
    '{"item":{"item_id":2,"name":"walnut","count":2,"total":1.5},"note":null}',
);
for my $curl (@curls) {
    my $url = $server->url;
    my $got = run_command('sh', '-c', "curl -sS --noproxy '*' " . $curl =~ s{http://127\.0\.0\.1:8000}{$url}r);
    is($got->{out}, shift @answers, "curl $curl");
}
is($server->request(GET => '/docs')->{status}, 200, 'its documentation is there');
is($server->stop, 0, 'stops');
done_testing;
