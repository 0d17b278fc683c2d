#!/usr/bin/perl
# 29-cli-dev.t - galley dev: what is saved is served, what is wrong is told and changes nothing, all of it ends together.
use strict;
use warnings;
use lib 't/lib';
use POSIX ();
use Test::More;
use Galley::Test;

my $dir = temp_dir();

sub app {
    my ($answer, $start) = @_;
    return <<"END";
#include <galley.h>
#include "words.h"
static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    out->text = GALLEY_STR($answer);
    return 0;
}
static int start(galley_async *co)
{
    return $start;
}
GALLEY_APP(.title = "Dev", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
END
}

# Save as an editor does that writes a new file and renames it.
sub save_by_rename {
    my ($path, $text) = @_;
    write_file("$path.new", $text);
    rename "$path.new", $path or die "$path: $!\n";
    return;
}

# Start galley dev; its output is in $dir/out.
sub dev {
    my @arguments = @_;
    Galley::Test::note_findings(read_file("$dir/out"));
    unlink "$dir/out";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDIN,  '<', '/dev/null' or POSIX::_exit(126);
        open STDOUT, '>>', "$dir/out" or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(126);
        $ENV{TMPDIR} = "$dir";
        $ENV{GALLEY_DAEMON} = 'true';    # meant for servers that are to leave the terminal
        chdir "$dir" or POSIX::_exit(126);
        exec galley_words(), 'dev', @arguments or POSIX::_exit(127);
    }
    return $pid;
}

sub said {
    my ($pattern) = @_;
    return wait_until("it says $pattern", sub { read_file("$dir/out") =~ $pattern }, 30);
}

sub answers {
    my ($wanted) = @_;
    my $got = '';
    my $came = wait_until("it answers $wanted", sub {
        $got = eval { Galley::Http->connect(path => "$dir/http.sock")->request(GET => '/')->{body} } // '';
        return $got eq $wanted;
    }, 30);
    ok($came, "it answers $wanted") or diag("it answered '$got' at last\n" . read_file("$dir/out"));
    return;
}

sub ends_with {
    my ($pid) = @_;
    my $status;
    kill TERM => $pid;
    wait_until('it ends', sub { waitpid($pid, POSIX::WNOHANG()) == $pid && defined($status = $?) }, 20);
    return $status;
}

my @listen = ('--listen', "unix:$dir/http.sock", '--stats', "$dir/stats.sock");
write_file("$dir/words.h", "#define WORD \"from the header\"\n");
my $source = write_file("$dir/app.c", app('"one"', 0));
my $pid = dev('app.c', @listen);
ok(said(qr/^galley: built in [\d.]+ s\n.*^GET +\/ .*^galley: serving Dev on \S+ \(1 worker\)/ms), 'builds, prints the routes, serves with one worker');
answers('one');
write_file($source, app('"two"', 0));
answers('two');
like(read_file("$dir/out"), qr/^galley: app\.c was saved\ngalley: built in [\d.]+ s, reloading\n/m, 'and says so');
save_by_rename($source, app('WORD', 0));
answers('from the header');
write_file("$dir/words.h", "#define WORD \"changed there\"\n");
answers('changed there');
like(read_file("$dir/out"), qr/^galley: words\.h was saved\n/m, 'a header is a source, too');
is_deeply([ read_file("$dir/out") =~ /^galley: (\S+) was saved$/mg ], [qw(app.c app.c words.h)], "the compiler's own files are none");

write_file($source, app('three', 0));
ok(said(qr/app\.c:5:\d+: error: .*^galley: not built; what is served goes on, until it is mended\n/ms), 'a mistake is told');
answers('changed there');
write_file($source, app('"four"', '-5'));
ok(said(qr/start hook of Dev failed/), 'a release that does not start is told');
answers('changed there');
write_file($source, app('"five"', 0));
answers('five');

my ($server) = children_of($pid);
kill KILL => $server, children_of($server);
ok(said(qr/^galley: the server has ended; it starts again when a source is saved\n/m), 'the server may end');
write_file($source, app('"six"', 0));
answers('six');
($server) = children_of($pid);
is(ends_with($pid), 0, 'TERM ends it with 0');
ok(!is_alive($server), 'and the server with it');
is_deeply([ glob "$dir/galley-dev-*" ], [], 'and the folder of the object');

write_file($source, 'nonsense');
$pid = dev('app.c', @listen);
ok(said(qr/^galley: not built; waiting until it is mended\n/m), 'it may begin with a mistake');
write_file($source, app('"seven"', 0));
answers('seven');
($server) = children_of($pid);
kill KILL => $pid;
waitpid $pid, 0;
ok(wait_until('the server ends', sub { !is_alive($server) }), 'a server is not left behind by one that was killed');

# [arguments, exit status, what is said]
my @mistakes = (
    [ [], 2, qr{^galley: which C source\?\nusage: galley dev FILE\.c} ],
    [ ['nowhere.c'], 1, qr{^galley: cannot read nowhere\.c: No such file or directory\n$} ],
    [ ['app.so'], 1, qr{^galley: 'app\.so' is no C source} ],
    [ [ 'app.c', '--lisen', 'x' ], 2, qr{did you mean '--listen'} ],
    [ [ 'app.c', '--listen' ], 2, qr{^galley: --listen needs a value\n} ],
    [ [ 'app.c', '--daemon' ], 2, qr{^galley: --daemon is not for galley dev} ],
);
for my $case (@mistakes) {
    my ($arguments, $status, $said) = @$case;
    my $got = galley_command({ dir => "$dir" }, 'dev', @$arguments);
    is($got->{status}, $status, "galley dev @$arguments: exit status");
    like($got->{err}, $said, "galley dev @$arguments: what it says");
}
Galley::Test::note_findings(read_file("$dir/out"));
done_testing;
