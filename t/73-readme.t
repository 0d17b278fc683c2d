#!/usr/bin/perl
# 73-readme.t - README is true: its program is examples/hello.c, its requests are answered as printed, its files and targets exist.
use strict;
use warnings;
use lib 't/lib';
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
done_testing;
