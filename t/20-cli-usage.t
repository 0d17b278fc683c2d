#!/usr/bin/perl
# 20-cli-usage.t - the command line without a server: help, mistakes and their sentences, exit statuses, check.
use strict;
use warnings;
use lib 't/lib';
use JSON::PP;
use Test::More;
use Galley::Test;

my $dir = temp_dir();
my $none = "$dir/none.sock";

# [arguments, exit status, on standard output, on standard error]
my @cases = (
    [ ['version'],            0, qr{^galley \d+\.\d+\.\d+\n$},               qr{^$} ],
    [ ['--version'],          0, qr{^galley \d},                             qr{^$} ],
    [ ['help'],               0, qr{^galley - .*\n  run .*\n  stop }s,       qr{^$} ],
    [ ['--help'],             0, qr{^galley - },                             qr{^$} ],
    [ ['-h'],                 0, qr{^galley - },                             qr{^$} ],
    [ [ 'help', 'run' ],      0, qr{--max-body SIZE +request body.*\(16m\)}, qr{^$} ],
    [ [ 'run', '--help' ],    0, qr{^usage: galley run APP},                 qr{^$} ],
    [ [ 'status', '--help' ], 0, qr{^usage: galley status\n.*--stats PATH}s,   qr{^$} ],
    [ [ 'version', '-h' ],    0, qr{^usage: galley version},                 qr{^$} ],
    [ [],                     2, qr{^$}, qr{^galley: a command is missing\nusage: galley COMMAND} ],
    [ ['stauts'],  2, qr{^$}, qr{^galley: unknown command 'stauts'; did you mean 'status'\?\nusage: } ],
    [ ['zebra'],   2, qr{^$}, qr{^galley: unknown command 'zebra'\nusage: } ],
    [ [''],        2, qr{^$}, qr{^galley: unknown command ''\n} ],
    [ [ 'help', 'zebra' ],             2, qr{^$}, qr{^galley: there is no command 'zebra'\n} ],
    [ [ 'help', 'run', 'stop' ],       2, qr{^$}, qr{^galley: unexpected argument 'stop'\n} ],
    [ [ 'version', 'now' ],            2, qr{^$}, qr{^galley: unexpected argument 'now'\n} ],
    [ ['run'],                         2, qr{^$}, qr{^galley: which application\?.*\nusage: galley run APP} ],
    [ [ 'run', 'a.so', 'b.so' ],       2, qr{^$}, qr{^galley: unexpected argument 'b.so'\n} ],
    [ [ 'run', 'a.so', '--lisen', 1 ], 2, qr{^$}, qr{unknown option '--lisen'; did you mean '--listen'\?\n} ],
    [ [ 'run', 'a.so', '--max_bdy=1' ], 2, qr{^$}, qr{unknown option '--max_bdy=1'; did you mean '--max-body'\?\n} ],
    [ [ 'run', 'a.so', '--confg', 1 ], 2, qr{^$}, qr{unknown option '--confg'; did you mean '--config'\?\n} ],
    [ [ 'run', 'a.so', '-x' ],         2, qr{^$}, qr{^galley: unknown option '-x'\n} ],
    [ [ 'run', 'a.so', '--workers' ],  2, qr{^$}, qr{^galley: --workers needs a value\n} ],
    [ [ 'run', 'a.so', '--workers=x' ], 1, qr{^$}, qr{^galley: --workers: workers must be a whole number, not 'x'\n$} ],
    [ [ 'run', 'a.so', '--h2c=maybe' ], 1, qr{^$}, qr{^galley: --h2c: h2c must be true or false, not 'maybe'\n$} ],
    [ [ 'run', 'a.so', '--tls-cert', 'c' ], 1, qr{^$}, qr{^galley: there are 1 of tls_cert and 0 of tls_key; .*\n$} ],
    [ [ 'run', "$dir/no.so" ],         1, qr{^$}, qr{^galley: cannot load the application \Q$dir\E/no.so: there is no such file; build it first\n$} ],
    [ [ 'run', "$dir" ],               1, qr{^$}, qr{^galley: cannot load the application \Q$dir\E: it is not a file\n$} ],
    [ [ 'run', 'cli/main.c' ],         1, qr{^$}, qr{it is C source; build it first: galley build \S+cli/main.c\n$} ],
    [ [ 'run', 'a.so', '--config', "$dir/no.conf" ], 1, qr{^$}, qr{^galley: cannot read the configuration \Q$dir\E/no.conf: No such file or directory\n$} ],
    [ ['check'],                       0, qr{^the configuration is in order\n$}, qr{^$} ],
    [ [ 'check', "$dir/no.so" ],       1, qr{^$}, qr{there is no such file} ],
    [ [ 'check', 'Makefile' ],         1, qr{^$}, qr{^galley: .*Makefile.*\n$} ],
    [ ['migrate'],                     2, qr{^$}, qr{^galley: which application\?.*\nusage: galley migrate APP} ],
    [ [ 'migrate', '--jso', 'a.so' ],  2, qr{^$}, qr{did you mean '--json'\?} ],
    [ [ 'migrate', "$dir/no.so" ],     1, qr{^$}, qr{there is no such file} ],
    [ [ 'migrate', app_path('examples/hello') ], 0, qr{^no database with migrations was opened\n$}, qr{^$} ],
    [ [ 'scale', '--stats', $none ],              2, qr{^$}, qr{^galley: the number of workers is missing\nusage: galley scale WORKERS} ],
    [ [ 'scale', 'many', '--stats', $none ],      2, qr{^$}, qr{^galley: the number of workers must be a whole number from 1 to 128, not 'many'\n} ],
    [ [ 'scale', 0, '--stats', $none ],           2, qr{^$}, qr{from 1 to 128, not '0'} ],
    [ [ 'scale', ' 1', '--stats', $none ],        2, qr{^$}, qr{from 1 to 128, not ' 1'} ],
    [ [ 'scale', '99999999999999999999', '--stats', $none ], 2, qr{^$}, qr{from 1 to 128} ],
    [ [ 'drain', '--stats', $none ],              2, qr{^$}, qr{^galley: the slot is missing} ],
    [ [ 'log-level', 'loud', '--stats', $none ],  2, qr{^$}, qr{^galley: the level must be error, warn, notice, info or debug, not 'loud'\n} ],
    [ [ 'status', 'x', '--stats', $none ],        2, qr{^$}, qr{^galley: unexpected argument 'x'\nusage: galley status } ],
    [ [ 'top', '--help' ],                        0, qr{^usage: galley top.*--stats PATH.*--interval MS.*--count N}s, qr{^$} ],
    [ [ 'top', '--interval', 99, '--stats', $none ],     2, qr{^$}, qr{^galley: --interval must be a whole number from 100 to 3600000, not '99'\nusage: galley top } ],
    [ [ 'top', '--count' ],                       2, qr{^$}, qr{^galley: --count is missing\n} ],
    [ [ 'top', '--count=0', '--stats', $none ],   2, qr{^$}, qr{^galley: --count must be a whole number from 1 to 1000000000, not '0'\n} ],
    [ [ 'top', '--intervall', 5 ],                2, qr{^$}, qr{unknown option '--intervall'; did you mean '--interval'\?} ],
    [ [ 'top', 'x', '--stats', $none ],           2, qr{^$}, qr{^galley: unexpected argument 'x'\nusage: galley top } ],
    [ [ 'routes' ],                               2, qr{^$}, qr{^galley: which application\?} ],
    [ [ 'routes', 'a.so', '--live' ],             2, qr{^$}, qr{^galley: unexpected argument 'a.so'\nusage: galley routes } ],
    [ [ 'routes', '--help' ],                     0, qr{^usage: galley routes APP \| --live.*--stats PATH}s, qr{^$} ],
    [ [ 'status', '--jsn' ],                      2, qr{^$}, qr{unknown option '--jsn'; did you mean '--json'\?} ],
    [ [ 'status', '--stats', 'x' x 108 ],         1, qr{^$}, qr{^galley: the path of the stats socket is longer than 107 bytes: x+\n$} ],
    map { [ [ @$_, '--stats', $none ], 3, qr{^$}, qr{^galley: no server answers at \Q$none\E; start one with `galley run APP`\n$} ] }
        ['status'], ['workers'], ['top'], [ 'routes', '--live' ], ['routes'], ['ps'], ['pstree'], ['health'], ['metrics'], ['reload'], ['stop'], [ 'scale', 2 ], [ 'drain', 0 ], [ 'log-level', 'info' ],
);
for my $case (@cases) {
    my ($arguments, $status, $out, $err) = @$case;
    my $got = galley_command(@$arguments);
    my $name = join ' ', 'galley', map { length > 40 ? substr($_, 0, 40) . '...' : length ? $_ : "''" } @$arguments;
    is($got->{status}, $status, "$name: exit status");
    like($got->{out}, $out, "$name: standard output");
    like($got->{err}, $err, "$name: standard error");
}

# The environment and the file: each mistake names its place, and the later source wins.
my $config = write_file("$dir/galley.conf", "workers = 2\n\nmax_body = lots\n");
my $got = galley_command('check', '--config', $config);
is($got->{status}, 1, 'a mistake in the file: exit status');
is($got->{err}, "galley: $config:3: max_body must be a size such as 4096, 8k, 16m or 1g, not 'lots'\n", 'its sentence');
$got = galley_command({ env => { GALLEY_CONFIG => $config } }, 'check', '--json');
is($got->{status}, 1, 'GALLEY_CONFIG names the file');
my $json = eval { decode_json($got->{out}) };
ok($json && !$json->{ok} && $json->{message} =~ /:3: max_body/, 'check --json says it in JSON') or diag($got->{out});
$got = galley_command({ env => { GALLEY_HEAD_TIMEOUT => '10' } }, 'check');
like($got->{err}, qr{^galley: GALLEY_HEAD_TIMEOUT: head_timeout must be a time such as}, 'a mistake in the environment');
write_file($config, "listen = \"https://:1\"\nworkers = 2\n");
$got = galley_command('check', '--config', $config);
like($got->{err}, qr{^galley: https://:1 needs a certificate}, 'the file is used');
$got = galley_command('check', '--config', $config, '--listen', 'http://:1');
is($got->{status}, 0, 'the command line replaces a list of the file');
$got = galley_command({ env => { GALLEY_LISTEN => 'http://:1 http://:2' } }, 'check', '--config', $config);
is($got->{status}, 0, 'so does the environment');
$got = galley_command({ env => { GALLEY_LISTEN => 'http://:1' } }, 'check', '--listen=https://:1');
is($got->{status}, 1, 'the command line wins over the environment');
$got = galley_command('check', '--json');
is_deeply(eval { decode_json($got->{out}) }, { ok => JSON::PP::true, message => '' }, 'check --json of nothing wrong');
is_deeply([ keys %{ decode_json(galley_command('version', '--json')->{out}) } ], ['version'], 'version --json');
$got = galley_command({ env => { GALLEY_STATS => $none } }, 'status');
like($got->{err}, qr{no server answers at \Q$none\E}, 'GALLEY_STATS names the stats socket');
write_file($config, "stats = \"$none\"\n");
$got = galley_command('status', '--config', $config);
like($got->{err}, qr{no server answers at \Q$none\E}, 'so does the file');
is(galley_command('help', 'galley.conf')->{out}, read_file('etc/galley.conf'), 'etc/galley.conf is what help galley.conf prints');
is(galley_command('check', '--config', 'etc/galley.conf')->{status}, 0, 'and is in order');
$got = run_command('sh', '-c', '"$@" help > /dev/full', '-', galley_words());
is($got->{status}, 1, 'a full standard output is a failure');

done_testing();
