#!/usr/bin/perl
# 75-oracle.t - the ports of four FastAPI programs answer what FastAPI answers, byte for byte; see oracle/README.md.
# Cases are in oracle/cases/APP.jsonl, more-APP.jsonl and odd-APP.jsonl. `t/75-oracle.t APP` compares one program and shows its notes.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $oracle = root() . '/t/oracle';
my ($passed, $failed) = (0, 0);

# Recorded are 656 cases: fewer would mean that a file was cut.
my %recorded = (params => 174, bodies => 247, errors => 160, forms => 75);

for my $app (@ARGV ? @ARGV : sort keys %recorded) {
    my $server = Galley::Test->start("t/apps/$app");
    for my $file (grep { -e } "$oracle/cases/$app.jsonl", "$oracle/cases/more-$app.jsonl",
        "$oracle/cases/odd-$app.jsonl") {
        my $result = run_command({ timeout => 120 }, 'python3', "$oracle/replay", '--base', $server->url, '--exact',
            '--deviations', "$oracle/cases/deviations.json", $file);
        my ($good, $bad) = $result->{out} =~ /^(\d+) passed, (\d+) failed$/m;
        my ($name) = $file =~ m{([^/]+)$};
        my $wanted = $name =~ /^(?:more|odd)-/ ? 314 : $recorded{$app};
        my $is_whole = ok(defined $good && $good >= $wanted && $bad == 0 && $result->{status} == 0,
            "$name: " . ($good // 0) . " of " . (($good // 0) + ($bad // 0)) . ' answers are those of FastAPI');
        my $shown = join "\n", grep { @ARGV || !/: note: / } split /\n/, $result->{out};
        diag($shown, $result->{err}) if !$is_whole || @ARGV;
        $passed += $good // 0;
        $failed += $bad // 0;
    }
    is($server->stop, 0, "$app ended");
}
note("$passed passed, $failed failed");

done_testing();
