#!/usr/bin/perl
# 71-compile.t - mistakes that do not compile: with gcc and with clang, and the diagnostic (or its note) stands on the user's line.
# Each snippet follows the same few lines; the line with the mistake ends in "// here".
use strict;
use warnings;
use lib 't/lib';
use Test::More;
use Galley::Test;

my $before = <<'C';
#include <galley.h>
GALLEY_STRUCT(item_in, (int64_t, item_id, PATH));
GALLEY_STRUCT(item, (int64_t, item_id));
static int work(galley_async *co, struct item *item) { item->item_id = 1; return galley_sleep_ms(co, 1); }
static int work_sync(galley_sync *rq, struct item *item) { (void)rq; item->item_id = 1; return 0; }
static int good(galley_async *co, const struct item_in *in, struct item *out) { (void)in; return work(co, out); }
C

# A handler around a body, and the application around a route.
sub handler { return "static int bad(galley_async *co, const struct item_in *in, struct item *out)\n{\n(void)in;\n$_[0]\n}\n"
    . "GALLEY_APP(.routes = GALLEY_ROUTES(GALLEY_GET(\"/{item_id}\", bad, item_in, item)));\n" }
sub sync_handler { return handler($_[0]) =~ s/galley_async \*co/galley_sync *rq/r }
sub route { return "GALLEY_APP(.routes = GALLEY_ROUTES(\n$_[0]\n));\n" }

my @right = (
    [ 'an application', route('GALLEY_GET("/{item_id}", good, item_in, item)') ],
    [ 'a task that is awaited', handler('galley_task *task = galley_spawn(co, work, out); return galley_await(co, task);') ],
    [ 'a call on a thread', handler('return galley_to_thread(co, work_sync, out);') ],
    [ 'a sync handler', sync_handler('return work_sync(rq, out);') ],
);

my @mistakes = (
    [ 'a task whose result is ignored', handler('galley_spawn(co, work, out); // here' . "\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'a wait whose result is ignored', handler('galley_sleep_ms(co, 5); // here' . "\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'an await whose result is ignored',
        handler("galley_task *task = galley_spawn(co, work, out);\ngalley_await(co, task); // here\nreturn 0;"),
        qr/unused-result|ignoring return value/ ],
    [ 'a failure that is not returned', handler("galley_fail(co, 404, \"no\"); // here\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'a scope that is closed without looking',
        handler("struct galley_scope s;\ngalley_scope_open(co, &s, 5);\ngalley_scope_close(co, &s); // here\nreturn 0;"),
        qr/unused-result|ignoring return value/ ],
    [ 'a thread that waits', sync_handler("(void)out;\nreturn galley_sleep_ms(rq, 5); // here"), qr/incompatible[ -]pointer|incompatible pointer types/ ],
    [ 'a thread that spawns', sync_handler("galley_task *task = galley_spawn(rq, work, out); // here\nreturn task != NULL;"), qr/incompatible[ -]pointer/ ],
    [ 'a thread that calls a coroutine', sync_handler('return work(rq, out); // here'), qr/incompatible[ -]pointer/ ],
    [ 'a task with the argument of another', handler("galley_task *task = galley_spawn(co, work, &in->item_id); // here\nreturn galley_await(co, task);"), qr/_Generic/ ],
    [ 'a sync function as a task', handler("galley_task *task = galley_spawn(co, work_sync, out); // here\nreturn galley_await(co, task);"), qr/_Generic/ ],
    [ 'a coroutine as a call on a thread', handler('return galley_to_thread(co, work, out); // here'), qr/_Generic/ ],
    [ 'a handler of another input', route('GALLEY_GET("/{item_id}", good, item, item) // here'), qr/_Generic/ ],
    [ 'a handler of another output', route('GALLEY_GET("/{item_id}", good, item_in, galley_text) // here'), qr/_Generic/ ],
    [ 'a handler without its input', "static int odd(galley_async *co, struct item *out) { return work(co, out); }\n"
        . route('GALLEY_GET("/", odd, item_in, item) // here'), qr/_Generic/ ],
    [ 'a handler that nobody wrote', route('GALLEY_GET("/", nobody, item_in, item) // here'), qr/nobody/ ],
    [ 'a model that nobody described', route('GALLEY_GET("/", good, item_in, itemm) // here'), qr/itemm/ ],
    [ 'a member that the struct has not', "struct box { int64_t a; };\nGALLEY_MODEL(box, (b)); // here\n", qr/no member named/ ],
    [ 'an option that does not exist', "GALLEY_STRUCT(box, (int64_t, a, .minimum = 3)); // here\n", qr/minimum/ ],
    [ 'a type that does not exist', "GALLEY_STRUCT(box, (in64_t, a)); // here\n", qr/in64_t/ ],
    [ 'a format with the wrong argument', handler('return galley_fail(co, 404, "no %s", in->item_id); // here'), qr/format/, '-Werror=format' ],
);

my $dir = temp_dir();
for my $compiler (qw(gcc clang-14)) {
    for my $row (@right, @mistakes) {
        my ($name, $code, $diagnostic, @flags) = @$row;
        my $file = write_file("$dir/app.c", $before . $code);
        my $result = run_command($compiler, qw(-std=gnu17 -Wall -Wextra -Wno-unused-function -O2 -fPIC -c -o), "$dir/app.o", '-I', root() . '/include', @flags, $file);
        if (!$diagnostic) {
            is($result->{status}, 0, "$compiler: $name compiles");
            is($result->{err}, '', "$compiler: $name, without a warning");
            next;
        }
        isnt($result->{status}, 0, "$compiler: $name does not compile");
        my @lines = split /\n/, $before . $code;
        my ($line) = grep { $lines[ $_ - 1 ] =~ m{// here$} } 1 .. @lines;
        my @errors = grep { /app\.c:$line:\d+: (?:error|note): / } split /\n/, $result->{err};
        ok(scalar(@errors) && $result->{err} =~ $diagnostic, "$compiler: $name, told with its line") or diag($result->{err});
    }
}

done_testing();
