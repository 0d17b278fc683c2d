#!/usr/bin/perl
# 22-cli-docs.t - the reference pages keep up with the code: options, commands, protocol, unit, init script.
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $man = read_file('docs/galley.1');
my @options = read_file('common/options.def') =~ /^OPTION\((\w+),\s*\w+,\s*"([^"]*)"/mg;
cmp_ok(scalar @options, '>', 40, 'options.def has options');
my %is_option = (config => 1);
while (my ($name, $default) = splice @options, 0, 2) {
    (my $option = $name) =~ tr/_/-/;
    $is_option{$option} = 1;
    my ($entry) = $man =~ /^\.It Fl -\Q$option\E(?: Ar \w+)?\n(.*?)^\.(?:It|El)/ms;
    ok($entry, "galley.1 has --$option") or next;
    next if $default eq '';
    my ($told) = $entry =~ /^Default: (.*)\.$/m;
    is($told, $default, "galley.1 has the default of --$option");
}
my ($section) = $man =~ /^\.Sh OPTIONS\n(.*?)^\.Sh /ms;
is(join(' ', grep { !$is_option{$_} } $section =~ /^\.It Fl -(\S+)/mg), '', 'and no other');
my @commands = galley_command('help')->{out} =~ /^  ([a-z-]+) /mg;
cmp_ok(scalar @commands, '>', 10, 'there are commands');
like($man, qr/^\.It Cm \Q$_\E\b/m, "galley.1 has $_") for @commands;
my %is_command = map { $_ => 1 } @commands;
is(join(' ', grep { !$is_command{$_} } $man =~ /^\.It Cm (\S+)/mg), '', 'and no other');
my %signals = map { $_ => 1 } grep { $_ ne 'CHLD' } read_file('master/signals.c') =~ /^ +\{SIG(\w+), /mg;
my %told = map { $_ => 1 } map { split / , / } $man =~ /^\.It Dv (.*)$/mg;
is_deeply([ sort keys %told ], [ sort keys %signals ], 'galley.1 has the signals');

my $protocol = read_file('docs/PROTOCOL.md');
my @kinds = read_file('common/proto.c') =~ /^\s*\[PROTO_\w+\] = \{"(\w+)"/mg;
cmp_ok(scalar @kinds, '>', 10, 'proto.c has messages');
like($protocol, qr/^\| `\Q$_\E` \|/m, "PROTOCOL.md has $_") for @kinds;
my @methods = read_file('master/rpc_methods.c') =~ /^    \{\.name = "(\w+)"/mg;
my ($table) = $protocol =~ /^\| method \|.*?\n(.*?)\n\n/ms;
is_deeply([ sort $table =~ /^\| `(\w+)` \|/mg ], [ sort @methods ], 'PROTOCOL.md has the methods of the stats socket');
my @changing = read_file('master/rpc_methods.c') =~ /\.name = "(\w+)"[^}]*\.changes = true/g;
my ($privileged) = $protocol =~ /^(.*) are for root and the server's own user/m;
is_deeply([ sort $privileged =~ /`(\w+)`/g ], [ sort @changing ], 'and which are not for everybody');
my %waits;
for my $file (glob 'worker/*/*.c') {
    my $source = read_file($file);
    for my $call ($source =~ /(?:= |return | )(?:coro_suspend\w*|queue_wait)\(([^;]*);/g) {
        $waits{$_} = $file for $call =~ /"([a-z ]+)"/g;
    }
    $waits{$_} = $file for $source =~ /\.why = "([a-z ]+)"/g;
}
cmp_ok(scalar keys %waits, '>', 20, 'worker/ has kinds of waiting');
my ($listed) = $protocol =~ /^- `kind` says what it waits for(.*?)^- /ms;
like($listed, qr/`\Q$_\E`/, "PROTOCOL.md has a wait for '$_' ($waits{$_})") for sort keys %waits;
my ($bytes) = read_file('common/proto.h') =~ /PROTO_MAX_BYTES = (\d+) \* 1024/;
like($protocol, qr/at most $bytes KiB/, 'PROTOCOL.md has the size of a datagram');

SKIP: {
    skip 'there is no mandoc', 1 if run_command('sh', '-c', 'command -v mandoc')->{status};
    is(run_command('mandoc', '-Tlint', 'docs/galley.1')->{out}, '', 'mandoc has nothing against galley.1');
}
SKIP: {
    skip 'there is no systemd-analyze', 1 if run_command('sh', '-c', 'command -v systemd-analyze')->{status};
    my $got = run_command('systemd-analyze', 'security', '--offline=true', '--no-pager', 'etc/galley.service');
    my ($level) = $got->{out} =~ /Overall exposure level for galley\.service: ([\d.]+)/;
    skip 'systemd-analyze cannot judge a file here', 1 if !defined $level;
    cmp_ok($level, '<=', 2.5, 'the exposure level of galley.service');
}
is(run_command('sh', '-n', 'etc/init.d/galley')->{status}, 0, 'the init script is a shell script');
like(read_file('etc/init.d/galley'), qr/^### BEGIN INIT INFO\n(?:# [A-Z][\w-]*: .*\n)+### END INIT INFO$/m, 'with an LSB header');

done_testing();
