#!/usr/bin/perl
# 73-readme.t - README and the pages of docs/ are true: README's program is examples/hello.c, its requests are answered as
# printed; C in pages compiles without a warning, the Perl of HACKING.md is a test that passes; what they name in this tree is there.
use strict;
use warnings;
use lib 't/lib';
use File::Find;
use Galley::Test;
use Test::More;

my $readme = Galley::Test::read_file('README.md');
my $hello = Galley::Test::read_file('examples/hello.c');

my ($program) = $readme =~ /^```c\n(.*?)^```$/ms;
$hello =~ s{\A/\*.*?\*/\n}{}s;
is $program, $hello, 'the program is examples/hello.c';

my $server = Galley::Test->start('examples/hello');
my ($session) = $readme =~ /^```\n(\$ curl .*?)^```$/ms;
my @exchanges = $session =~ /^\$ curl '([^']+)'\n(.*)$/mg;
is scalar(@exchanges), 4, 'two requests with their answers';
while (my ($url, $answer) = splice @exchanges, 0, 2) {
    my ($path) = $url =~ m{^http://127\.0\.0\.1:8000(/.*)};
    is $server->curl_path($path)->{out}, $answer, "GET $path";
}
is $server->stop, 0, 'stops';

ok -x $_, "$_ is there to run" for $readme =~ m{^(\./scripts/\w+)}mg;
ok -e $_, "$_ exists" for map { s/\*.*//r } $readme =~ /^\| `(?:man )?([\w.\/*-]+)` \|/mg;
my $makefile = Galley::Test::read_file('Makefile');
like $makefile, qr/^$_:.*##/m, "make $_ is a target" for $readme =~ /`make (\w+)`/g;

# ---- the pages ----
my $dir = temp_dir();
my %files;    # by path and by name alone
find({ no_chdir => 1, wanted => sub {
    (my $file = $File::Find::name) =~ s{^\./}{};
    return $File::Find::prune = 1 if -d && $file =~ m{^(?:build|\.git)$};
    push @{ $files{$_} }, $file for -f _ ? ($file, $file =~ m{([^/]+)$}, $file =~ m{^include/(.*)}) : ();
} }, '.');
my @pages = ('README.md', glob 'docs/*.md docs/tutorial/*.md');
for my $page (@pages) {
    my $text = Galley::Test::read_file($page);
    my @missing;
    for my $named ($text =~ /`([^`\n]+)`/g) {
        my ($path, $word) = $named =~ m{^((?:[\w.-]+/)*[\w.-]+\.(?:c|h|t|pm|def|conf|md|py))(?::(\w+))?$} or next;
        next if $path =~ /NAME|NN-|^compile_commands/;
        my @found = @{ $files{$path} || [] };
        @found = grep { Galley::Test::read_file($_) =~ /\b$word\b/ } @found if $word;
        push @missing, $named if !@found;
    }
    push @missing, grep { !m{^https?://} && !-e ($page =~ m{^(.*/)} ? $1 : '') . s/#.*//r } $text =~ /\]\(([^)]+)\)/g;
    is "@missing", '', "$page: the files that it names are there";
    next if $page =~ /tutorial/;    # its programs: t/78-tutorial.t
    my $n = 0;
    for my $code ($text =~ /^```c\n(.*?)^```$/gms) {
        my $file = write_file("$dir/snippet.c", $code);
        my $made = run_command($ENV{CC} || 'cc', '-std=gnu17', '-Wall', '-Wextra', '-Wno-unused-function', '-fsyntax-only', '-I' . root() . '/include', $file);
        is "$made->{status} $made->{err}", '0 ', "$page: C number " . ++$n . ' compiles without a warning';
    }
}
my ($test) = Galley::Test::read_file('docs/HACKING.md') =~ /^```perl\n(.*?)^```$/ms;
my $passed = run_command({ env => { BUILD => build() } }, 'perl', write_file("$dir/snippet.t", $test));
is $passed->{status}, 0, 'HACKING.md: its test passes' or diag "$passed->{out}$passed->{err}";
like $passed->{out}, qr/^1\.\.\d+$/m, 'to its end';
done_testing;
