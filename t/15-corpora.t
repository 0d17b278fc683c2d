#!/usr/bin/perl
# 15-corpora.t - every fuzz target runs over the corpus that is kept for it; what was once found stays found.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use File::Basename qw(basename);
use Galley::Test;

my $root = root();
my $build = $ENV{BUILD} || 'build';

for my $source (sort glob "$root/t/fuzz/*.c") {
    my $name = basename($source, '.c');
    my @files = sort grep { -f } glob "$root/t/fuzz/corpus/$name/*";
    my $result = run_command({ timeout => 120 }, "$build/t/corpus/$name", @files);
    ok(@files && $result->{status} == 0 && $result->{out} eq @files . " files\n", "$name: " . @files . ' files')
        or diag($result->{out}, $result->{err});
}

done_testing();
