#!/usr/bin/perl
# 10-lint.t - every rule of scripts/lint complains about a snippet that breaks it, and not about one that holds it.
use strict;
use warnings;
use lib 't/lib';
use File::Basename qw(dirname);
use File::Path qw(make_path);
use Test::More;
use Galley::Test;

sub lint {
    my (%files) = @_;
    my $dir = temp_dir();
    for my $file (keys %files) {
        make_path(dirname("$dir/$file"));
        write_file("$dir/$file", $files{$file});
    }
    my $said = run_command(root() . '/scripts/lint', "$dir");
    return ($said->{out} . $said->{err}, $said->{status});
}

# A C file that is in order but for `code`.
sub c_file {
    my ($path, $code) = @_;
    my ($name) = $path =~ m{([^/]+)$};
    return ($path => "/* $name - a snippet. */\n$code");
}
my $long = "int f(void)\n{\n" . ("    g();\n" x 69) . "}\n";

# [name, the rule that must complain ('' none), path, code, more files].
my @rules = (
    [ 'in order',              '',                  'common/x.c', "int f(void)\n{\n    return g();\n}\n" ],
    [ 'master sees worker',    'include-direction', 'master/x.c', "#include \"worker/worker.h\"\n", c_file('worker/worker.h', '') ],
    [ 'common sees master',    'include-direction', 'common/x.c', "#include \"master/y.h\"\n", c_file('master/y.h', '') ],
    [ 'net sees http',         'include-direction', 'worker/net/x.c', "#include \"worker/http/y.h\"\n", c_file('worker/http/y.h', '') ],
    [ 'http sees net',         '',                  'worker/http/x.c', "#include \"worker/net/y.h\"\n", c_file('worker/net/y.h', '') ],
    [ 'app sees net',          'include-direction', 'worker/app/x.c', "#include \"worker/net/y.h\"\n", c_file('worker/net/y.h', '') ],
    [ 'worker composes',       '',                  'worker/x.c', "#include \"worker/net/y.h\"\n", c_file('worker/net/y.h', '') ],
    [ 'a command sees master', 'include-direction', 'cli/cmd_status.c', "#include \"master/master.h\"\n", c_file('master/master.h', '') ],
    [ 'cmd_run sees master',   '',                  'cli/cmd_run.c', "#include \"master/master.h\"\n", c_file('master/master.h', '') ],
    [ 'example sees common',   'include-direction', 'examples/x.c', "#include \"common/y.h\"\n", c_file('common/y.h', '') ],
    [ 'include from here',     'include-direction', 'common/x.c', "#include \"y.h\"\n" ],
    [ 'include of nothing',    'include-form',      'common/x.c', "#include \"common/y.h\"\n" ],
    [ 'public in quotes',      'include-form',      'common/x.c', "#include \"galley/value.h\"\n" ],
    [ 'own header second',     'own-header',        'common/x.c', "#include <stdio.h>\n#include \"common/x.h\"\n", c_file('common/x.h', '') ],
    [ 'libevent elsewhere',    'library-home',      'master/x.c', "#include <event2/event.h>\n" ],
    [ 'libevent at home',      '',                  'common/loop.c', "#include <event2/event.h>\n" ],
    [ 'OpenSSL elsewhere',     'library-home',      'worker/http/x.c', "#include <openssl/ssl.h>\n" ],
    [ 'OpenSSL at home',       '',                  'worker/net/tls_keys.c', "#include <openssl/ssl.h>\n" ],
    [ 'nghttp2 elsewhere',     'library-home',      'worker/x.c', "#include <nghttp2/nghttp2.h>\n" ],
    [ 'msgpack elsewhere',     'library-home',      'cli/x.c', "#include <msgpack.h>\n" ],
    [ 'libConfuse elsewhere',  'library-home',      'common/mp.c', "#include <confuse.h>\n" ],
    [ 'PCRE2 elsewhere',       'library-home',      'worker/app/router.c', "#include <pcre2.h>\n" ],
    [ 'strcpy',                'banned-call',       'common/x.c', "int f(void)\n{\n    strcpy(a, b);\n}\n" ],
    [ 'atoi',                  'banned-call',       't/tools/x.c', "int f(void)\n{\n    return atoi (a);\n}\n" ],
    [ 'strcpy in a comment',   '',                  'common/x.c', "/* not strcpy(a, b) */\nconst char *s = \"sprintf(\";\n" ],
    [ 'my_atoi, s->signal()',  '',                  'common/x.c', "int f(void)\n{\n    return my_atoi(a) + s->signal(1) + snprintf(b);\n}\n" ],
    [ '71 lines',              'function-length',   'common/x.c', $long ],
    [ '70 lines',              '',                  'common/x.c', $long =~ s/    g\(\);\n//r ],
    [ '71 lines with reason',  '',                  'common/x.c', "/* lint: allow function-length: one switch */\n$long" ],
    [ '601 lines',             'file-length',       'common/x.c', "int x;\n" x 600 ],
    [ '600 lines',             '',                  'common/x.c', "int x;\n" x 599 ],
    [ 'long public header',    'file-length',       'include/galley/x.h', "int x;\n" x 200 ],
    [ 'empty comment',         'empty-comment',     'common/x.c', "/**\n *\n */\nint x;\n" ],
    [ 'tab',                   'white-space',       'common/x.c', "\tint x;\n" ],
    [ 'blank at the end',      'white-space',       'common/x.c', "int x; \n" ],
    [ 'no newline',            'white-space',       'common/x.c', "int x;" ],
    [ 'two empty lines',       'white-space',       'common/x.c', "int x;\n\n\n" ],
    [ 'waits without a mark',  'yields',            'worker/x.c', "static void f(void)\n{\n    wait_long(1);\n}\n", c_file('worker/y.h', "GALLEY_YIELDS int wait_long(int n);\n") ],
    [ 'waits by a macro',      'yields',            'worker/x.c', "static void f(void)\n{\n    galley_nap(1);\n}\n", c_file('worker/y.h', "#define galley_nap(...) galley__nap(__VA_ARGS__, 0)\nGALLEY_YIELDS int galley__nap(int n, int m);\n") ],
    [ 'waits with a mark',     '',                  'worker/x.c', "static GALLEY_YIELDS void f(void)\n{\n    wait_long(1);\n}\n", c_file('worker/y.h', "GALLEY_YIELDS int wait_long(int n);\n") ],
    [ 'hands over what waits', '',                  'worker/x.c', "static void f(void)\n{\n    start(&wait_long, wait_long);\n}\n", c_file('worker/y.h', "GALLEY_YIELDS int wait_long(int n);\n") ],
);
for my $row (@rules) {
    my ($name, $rule, $path, $code, @more) = @$row;
    my ($said, $status) = lint(c_file($path, $code), @more);
    if ($rule) {
        like($said, qr{^\Q$path\E:\d+: $rule: }m, "$name: $rule");
        is($status, 1, "$name: exit status");
    } else {
        is($status, 0, "$name: no complaint") or diag($said);
    }
}

# [name, rule, path, whole content].
my @files = (
    [ 'sees nothing',       'see',         'common/x.c',  "/* x.c - a snippet.\n * See:      t/unit/common/x.c */\nint x;\n" ],
    [ 'sees itself',        '',            'common/x.c',  "/* x.c - a snippet.\n * See:      x.c, common/x.c; RFC 9110, 5.1 */\nint x;\n" ],
    [ 'no job',             'file-header', 'common/x.c',  "int x;\n" ],
    [ 'another name',       'file-header', 'common/x.c',  "/* y.c - a snippet. */\nint x;\n" ],
    [ 'script without job', 'file-header', 'scripts/x',   "#!/bin/sh\ntrue\n" ],
    [ 'script in order',    '',            'scripts/x',   "#!/bin/sh\n# x - a snippet.\ntrue\n" ],
    [ 'broken shell',       'syntax',      'scripts/x',   "#!/bin/sh\n# x - a snippet.\nif true; then\n" ],
    [ 'broken Perl',        'syntax',      't/x.t',       "#!/usr/bin/perl\n# x.t - a snippet.\nmy \$x = ;\n" ],
);
for my $row (@files) {
    my ($name, $rule, $path, $content) = @$row;
    my ($said, $status) = lint($path => $content);
    like($said, $rule ? qr{^\Q$path\E:\d+: $rule: }m : qr/in order/, "$name: " . ($rule || 'no complaint'));
    is($status, $rule ? 1 : 0, "$name: exit status");
}

SKIP: {
    skip 'clang-format is not installed', 1 if !-x '/usr/bin/clang-format-14';
    my ($said) = lint(c_file('common/x.c', "int  x ;\n"), '.clang-format' => read_file(root() . '/.clang-format'));
    like($said, qr{^common/x\.c:2: format: }m, 'format: clang-format disagrees');
}
done_testing;
