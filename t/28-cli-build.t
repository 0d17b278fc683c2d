#!/usr/bin/perl
# 28-cli-build.t - galley build: an application from its source, the compiler's and our own words, replacing what is served.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $dir = temp_dir();

sub app {
    my ($text) = @_;
    return <<"END";
#include <galley.h>
$text
static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR(HELLO);
    return 0;
}
GALLEY_APP(.title = "Built", .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
END
}

sub build_app {
    my ($options, @arguments) = @_;
    return galley_command({ timeout => 60, dir => "$dir", %$options }, 'build', @arguments);
}

my $source = write_file("$dir/app.c", app('#define HELLO "one"'));
my $got = build_app({}, 'app.c');
is($got->{status}, 0, 'galley build app.c') or diag($got->{err});
is($got->{out}, "built app.so; serve it with `galley run app.so`\n", 'says what came out');
is($got->{err}, '', 'and nothing else');
is(galley_command('check', "$dir/app.so")->{status}, 0, 'it is an application');

my $server = Galley::Test->start("$dir/app.so");
is($server->request(GET => '/')->{body}, 'one', 'it serves');
write_file($source, app('#define HELLO 1'));
$got = build_app({}, 'app.c');
is($got->{status}, 1, 'a mistake: exit status');
like($got->{err}, qr/^app\.c:\d+:\d+: error: .*^galley: app\.so was not built\n\z/ms, 'the compiler says what it is, on its line');
is(galley_command('check', "$dir/app.so")->{status}, 0, 'what was there is left as it was');
write_file($source, app('#define HELLO "two"'));
is(build_app({}, 'app.c')->{status}, 0, 'mended');
is($server->request(GET => '/')->{body}, 'one', 'what is served is not disturbed');
is(galley_command('reload', '--stats', $server->stats_path)->{status}, 0, 'galley reload');
# The reload is decided when it is answered; a worker of before may still accept what comes in that very moment.
ok(Galley::Test::wait_until('the new one answers', sub { $server->request(GET => '/')->{body} eq 'two' }), 'takes the new one');
is($server->stop, 0, 'stops');

write_file("$dir/words.c", 'const char *word = "three";');
write_file($source, app("extern const char *word;\n#define HELLO \"x\"\n"));
for my $option ([ '-o', 'out.so' ], [ '--output', 'out.so' ], ['--output=out.so']) {
    unlink "$dir/out.so";
    is(build_app({}, 'app.c', 'words.c', @$option)->{status}, 0, "two sources, @$option");
    ok(-e "$dir/out.so", 'the object is there');
}
write_file($source, app(''));
is(build_app({ env => { CFLAGS => '-O0  -DHELLO="four"' } }, 'app.c')->{status}, 0, 'CFLAGS are used');
is(build_app({ env => { CFLAGS => '-O0 -include hello.h' } }, 'app.c')->{status}, 1, 'every word of them');
write_file("$dir/hello.h", '#define HELLO "five"');
is(build_app({ env => { CFLAGS => '-O0 -include hello.h' } }, 'app.c')->{status}, 0, 'however many there are');
is(build_app({ env => { CFLAGS => '-O0 -include hello.h', CC => 'gcc -m64' } }, 'app.c')->{status}, 0, 'CC may be words, too')
    if `uname -m` =~ /x86_64/;

# [arguments, environment, exit status, what is said at last]
my @mistakes = (
    [ [], {}, 2, qr{^galley: which C source\?\nusage: galley build FILE\.c} ],
    [ ['app.x'], {}, 1, qr{^galley: 'app\.x' is no C source: its name does not end in \.c\n$} ],
    [ ['.c'], {}, 1, qr{is no C source} ],
    [ ['nowhere.c'], {}, 1, qr{^galley: cannot read nowhere\.c: No such file or directory\n$} ],
    [ [ 'app.c', 'nowhere.c' ], {}, 1, qr{^galley: cannot read nowhere\.c} ],
    [ [ 'app.c', '-o' ], {}, 2, qr{^galley: -o needs a value\n} ],
    [ [ 'app.c', '--outptu', 'x' ], {}, 2, qr{^galley: unknown option '--outptu'; did you mean '--output'\?} ],
    [ ['app.c'], { CC => 'no-such-compiler' }, 1, qr{^galley: cannot run the compiler no-such-compiler: No such file or directory; set CC, or install gcc\ngalley: app\.so was not built\n$} ],
    [ [ 'words.c', '-o', 'no/where.so' ], {}, 1, qr{galley: no/where\.so was not built\n$} ],
);
for my $case (@mistakes) {
    my ($arguments, $env, $status, $said) = @$case;
    $got = build_app({ env => $env }, @$arguments);
    is($got->{status}, $status, "galley build @$arguments: exit status");
    like($got->{err}, $said, "galley build @$arguments: what it says");
}
opendir my $folder, "$dir" or die;
is_deeply([ sort grep { /\.so/ } readdir $folder ], [qw(app.so out.so)], 'nothing half-built is left behind');
done_testing;
