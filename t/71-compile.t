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
GALLEY_ENUM(color, (RED, "red"), (BLUE, "blue"));
GALLEY_ENUM(size, (SMALL, "small"), (BIG, "big"));
static int work(galley_async *co, struct item *item) { item->item_id = 1; return galley_sleep_ms(co, 1); }
static int nap(galley_async *co, int64_t *ms) { return galley_sleep_ms(co, *ms); }
static int work_sync(galley_sync *rq, struct item *item) { (void)rq; item->item_id = 1; return 0; }
GALLEY_CHANNEL(items, struct item, 4);
GALLEY_CHANNEL(doors, int64_t, 0);
extern struct items items;
extern struct doors doors;
extern struct galley_mutex till;
extern struct galley_semaphore ovens;
extern struct galley_event opened;
extern galley_sql *shop;
static int order(galley_async *co, galley_sql *tx, struct item *item) { return (int)galley_sql_exec(co, tx, "delete from item where id = $1", item->item_id); }
static int good(galley_async *co, const struct item_in *in, struct item *out) { (void)in; return work(co, out); }
C

# A handler around a body, and the application around a route.
sub handler { return "static int bad(galley_async *co, const struct item_in *in, struct item *out)\n{\n(void)in;\n$_[0]\n}\n"
    . "GALLEY_APP(.routes = GALLEY_ROUTES(GALLEY_GET(\"/{item_id}\", bad, item_in, item)));\n" }
sub sync_handler { return handler($_[0]) =~ s/galley_async \*co/galley_sync *rq/r }
sub route { return "GALLEY_APP(.routes = GALLEY_ROUTES(\n$_[0]\n));\n" }

# A struct with one member, and the application around a handler of failures.
sub member { return "GALLEY_STRUCT(box, ($_[0])); // here\n" }
sub failures { return "static int told(galley_async *co, const struct $_[0] *in, struct item *out) { return 0; }\n"
    . "GALLEY_APP(.handlers = GALLEY_HANDLERS(\n$_[1]\n));\n" }

my @right = (
    [ 'an application', route('GALLEY_GET("/{item_id}", good, item_in, item)') ],
    [ 'a task that is awaited', handler('galley_task *task = galley_spawn(co, work, out); return galley_await(co, task);') ],
    [ 'a call on a thread', handler('return galley_to_thread(co, work_sync, out);') ],
    [ 'calls that are gathered', handler('int64_t n = 5; return galley_gather(co, (work, out), (nap, &n));') ],
    [ 'calls that race', handler('return galley_race(co, (work, out), (nap, &(int64_t){5}), (work, &(struct item){.item_id = 1}));') ],
    [ 'channels', handler('const struct item it = *out; int64_t n = 1; int rc = galley_channel_send(co, &items, &it); if (rc == 0) rc = galley_channel_send(co, &items, out);'
        . ' if (rc == 0) rc = galley_channel_receive(co, &items, out); if (rc > 0) rc = galley_channel_receive(co, &doors, &n); galley_channel_close(co, &doors); return rc;') ],
    [ 'locks', handler('static struct galley_semaphore ovens = GALLEY_SEMAPHORE(4); int rc = galley_mutex_lock(co, &till); if (rc == 0) rc = galley_semaphore_acquire(co, &ovens); if (rc == 0) rc = galley_event_wait(co, &opened);'
        . ' galley_event_set(co, &opened); galley_event_clear(co, &opened); galley_semaphore_release(co, &ovens); galley_mutex_unlock(co, &till); return rc;') ],
    [ 'statements', handler('double *none = NULL; struct item_list all; struct galley_sql_rows rows; int rc = galley_sql_one(co, shop, out, item, "select $1 as item_id", in->item_id);'
        . ' if (rc > 0) rc = (int)galley_sql_all(co, shop, &all, item, "select 1 as item_id"); if (rc > 0) rc = (int)galley_sql_query(co, shop, &rows, "select $1, $2, $3", none, "x", 1.5);'
        . ' return rc < 0 ? rc : galley_sql_transaction(co, shop, order, out);') ],
    [ 'a sync handler', sync_handler('return work_sync(rq, out);') ],
    [ 'a handler that needs none of its parameters', sync_handler('return 0;') ],
    [ 'a route by another name', route('GALLEY_GET("/{item_id}", good, item_in, item, .name = "switch")') ],
    [ 'an object, a list and a map of a model', member('struct item, a, OBJECT(item)), (struct item_list, b, LIST_OF(item)), (struct item_map, c, MAP_OF(item)') ],
    [ 'the same as pointers', member('struct item *, a, OBJECT(item)), (struct item_list *, b, LIST_OF(item)), (struct item_map *, c, MAP_OF(item)') ],
    [ 'a list without a name', member('GALLEY_LIST(struct item), a, LIST_OF(item)') ],
    [ 'an enum, a list and a map of it', member('enum color, a, ENUM(color), DEFAULT("red")), (struct color_list *, b, LIST, ENUM(color)), (enum color *, c, ENUM(color)') ],
    [ 'a body that is a list', member('struct item_list, a, BODY(item), LIST') ],
    [ 'a model that contains itself', member('struct box_list, a, LIST_OF(box)), (struct box *, b, OBJECT(box)') ],
    [ 'a root', "GALLEY_ROOT(box, (galley_int_map, a));\n" ],
    [ 'a failure of its own', handler('return galley_raise(co, item, .item_id = 7);') ],
    [ 'a failure in JSON', handler('return galley_fail_json(co, 400, GALLEY_JSON_TEXT({"a": [1, true, null]}));') ],
    [ 'a handler of a status', failures('galley_failure', 'GALLEY_ON_STATUS(404, told, item)') ],
    [ 'a handler of what was raised', failures('item', 'GALLEY_ON_RAISED(item, told, item, .status = 409)') ],
    [ 'a handler of inputs that do not hold', failures('galley_invalid', 'GALLEY_ON_INVALID(told, item)') ],
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
    [ 'a gather with the argument of another', handler("int64_t n = 5;\nreturn galley_gather(co, (nap, &n), (work, &n)); // here"), qr/_Generic/ ],
    [ 'a gather of a sync function', handler('return galley_gather(co, (work, out), (work_sync, out)); // here'), qr/_Generic/ ],
    [ 'a gather whose result is ignored', handler("galley_gather(co, (work, out)); // here\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'a race with the argument of another', handler('return galley_race(co, (nap, out), (work, out)); // here'), qr/_Generic/ ],
    [ 'a race whose result is ignored', handler("galley_race(co, (work, out)); // here\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'a thread that gathers', sync_handler('return galley_gather(rq, (work, out)); // here'), qr/incompatible[ -]pointer/ ],
    [ 'a channel that is sent another type', handler("int64_t n = 5;\nreturn galley_channel_send(co, &items, &n); // here"), qr/_Generic/ ],
    [ 'a value instead of its address', handler('return galley_channel_send(co, &items, *out); // here'), qr/_Generic/ ],
    [ 'a channel that is received as another type', handler('return galley_channel_receive(co, &doors, out); // here'), qr/_Generic/ ],
    [ 'a channel that is received into what is const', handler("const struct item it = {.item_id = 1};\nreturn galley_channel_receive(co, &items, &it); // here"), qr/_Generic/ ],
    [ 'a channel that is none', handler('return galley_channel_receive(co, &till, out); // here'), qr/no member named/ ],
    [ 'a send whose result is ignored', handler("galley_channel_send(co, &items, out); // here\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'a lock whose result is ignored', handler("galley_mutex_lock(co, &till); // here\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'a semaphore that is locked', handler('return galley_mutex_lock(co, &ovens); // here'), qr/incompatible[ -]pointer/ ],
    [ 'a thread that locks', sync_handler('return galley_mutex_lock(rq, &till); // here'), qr/incompatible[ -]pointer/ ],
    [ 'an argument of a statement that is a struct', handler("return (int)galley_sql_exec(co, shop, \"delete from item where id = \$1\", *out); // here"), qr/_Generic/ ],
    [ 'an argument of a statement that is a pointer to one', handler("return (int)galley_sql_exec(co, shop, \"delete from item where id = \$1\", out); // here"), qr/_Generic/ ],
    [ 'an argument of a statement that may be too large', handler("return (int)galley_sql_exec(co, shop, \"delete from item where id = \$1\", sizeof *out); // here"), qr/_Generic/ ],
    [ 'a row that is another struct', handler("struct galley_uuid_list *other = NULL;\nreturn galley_sql_one(co, shop, other, item, \"select 1\"); // here"), qr/incompatible[ -]pointer|cast/ ],
    [ 'a transaction whose function has another argument', handler("int64_t n = 1;\nreturn galley_sql_transaction(co, shop, order, &n); // here"), qr/_Generic/ ],
    [ 'a statement whose result is ignored', handler("galley_sql_exec(co, shop, \"delete from item\"); // here\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'a thread that runs a statement', sync_handler("return (int)galley_sql_exec(rq, shop, \"delete from item\"); // here"), qr/incompatible[ -]pointer/ ],
    [ 'a thread that sends', sync_handler('return galley_channel_send(rq, &items, out); // here'), qr/incompatible[ -]pointer/ ],
    [ 'a thread that sets an event', sync_handler("galley_event_set(rq, &opened); // here\nreturn 0;"), qr/incompatible[ -]pointer/ ],
    [ 'a handler of another input', route('GALLEY_GET("/{item_id}", good, item, item) // here'), qr/_Generic/ ],
    [ 'a handler of another output', route('GALLEY_GET("/{item_id}", good, item_in, galley_text) // here'), qr/_Generic/ ],
    [ 'a handler without its input', "static int odd(galley_async *co, struct item *out) { return work(co, out); }\n"
        . route('GALLEY_GET("/", odd, item_in, item) // here'), qr/_Generic/ ],
    [ 'a handler that nobody wrote', route('GALLEY_GET("/", nobody, item_in, item) // here'), qr/nobody/ ],
    [ 'a model that nobody described', route('GALLEY_GET("/", good, item_in, itemm) // here'), qr/itemm/ ],
    [ 'a member that the struct has not', "struct box { int64_t a; };\nGALLEY_MODEL(box, (b)); // here\n", qr/no member named/ ],
    [ 'an option that does not exist', "GALLEY_STRUCT(box, (int64_t, a, .minimum = 3)); // here\n", qr/minimum/ ],
    [ 'a type that does not exist', "GALLEY_STRUCT(box, (in64_t, a)); // here\n", qr/in64_t/ ],
    [ 'text as a char *', member('char *, a'), qr/member a: text is a galley_str/ ],
    [ 'text as a const char *', member('const char *, a'), qr/member a: text is a galley_str/ ],
    [ 'a float', member('float, a'), qr/member a: a number with a fraction is a double/ ],
    [ 'a long double', member('long double, a'), qr/member a: a number with a fraction is a double/ ],
    [ 'a whole number that JSON cannot carry', member('uint64_t, a'), qr/member a: a whole number is an int64_t/ ],
    [ 'a whole number that is too narrow', member('short, a'), qr/member a: a whole number is an int64_t/ ],
    [ 'a char', member('char, a'), qr/member a: a whole number is an int64_t/ ],
    [ 'a long long', member('long long, a'), qr/member a: a whole number is an int64_t/ ],
    [ 'a float in a struct that exists', "struct box { float a; };\nGALLEY_MODEL(box, (a)); // here\n", qr/member a: a number with a fraction/ ],
    [ 'a body of a model that is not there', member('struct item, a, BODY(itm)'), qr/itm|_Generic|generic/ ],
    [ 'a body of another model', member('struct item, a, BODY(item_in)'), qr/struct item \*/ ],
    [ 'an object where there is a number', member('int64_t, a, OBJECT(item)'), qr/_Generic|generic/ ],
    [ 'a list where there is an object', member('struct item, a, LIST_OF(item)'), qr/no member named \S{1,3}at/ ],
    [ 'a list of another model', member('struct item_list, a, LIST_OF(item_in)'), qr/struct item \*/ ],
    [ 'a map where there is a list', member('struct item_list, a, MAP_OF(item)'), qr/no member named \S{1,3}value/ ],
    [ 'the names of another enum', member('enum color, a, ENUM(size)'), qr/enum color \*/ ],
    [ 'the names of no enum', member('enum color, a, ENUM(colour)'), qr/colour_enum|generic/ ],
    [ 'the names of an enum for an object', member('struct item, a, ENUM(color)'), qr/struct item \*/ ],
    [ 'a default without its value', member('int64_t, a, DEFAULT'), qr/DEFAULT/ ],
    [ 'a bound that is text', member('int64_t, a, .ge = "1"'), qr/long double/ ],
    [ 'a place that is a value', member('galley_str, a, .title = PATH'), qr/expected expression/ ],
    [ 'a member without its comma', member('galley_str a'), qr/too few arguments|requires 3 arguments/ ],
    [ 'an option of models that does not exist', member('MODEL, .extras = GALLEY_FORBID), (int64_t, a'), qr/extras/ ],
    [ 'a root of two members', "GALLEY_ROOT(box, (int64_t, a), (int64_t, b)); // here\n", qr/a GALLEY_ROOT has one member/ ],
    [ 'a union of a struct that is not there', "GALLEY_UNION(pet, kind, (cat)); // here\n", qr/incomplete type/ ],
    [ 'asking whether a member was sent that is not there', handler("return galley_was_sent(item, out, nope); // here"), qr/no member named/ ],
    [ 'asking it of another struct', handler("return galley_was_sent(item_in, out, item_id); // here"), qr/incompatible[ -]pointer/ ],
    [ 'raising what has no model', "struct odd { int a; };\n" . handler('return galley_raise(co, odd, .a = 1); // here'), qr/odd_model/ ],
    [ 'raising what the model has not', handler('return galley_raise(co, item, .nothing = 1); // here'), qr/nothing/ ],
    [ 'raising without returning it', handler("galley_raise(co, item, .item_id = 1); // here\nreturn 0;"), qr/unused-result|ignoring return value/ ],
    [ 'JSON that is a plain string', handler('return galley_fail_json(co, 400, "{}"); // here'), qr/galley_str/ ],
    [ 'an input that is written', "static int bad(galley_async *co, const struct item_in *in, struct item *out)\n{\nin->item_id = 1; // here\nreturn 0;\n}\n",
        qr/read-only|const-qualified/ ],
    [ 'a header field that is a number', handler("galley_set_header(co, \"X-Id\", in->item_id); // here\nreturn 0;"), qr/integer/ ],
    [ 'a handler of a status that takes another input', failures('item', 'GALLEY_ON_STATUS(404, told, item) // here'), qr/_Generic|generic/ ],
    [ 'a handler of another error', failures('galley_failure', 'GALLEY_ON_RAISED(item, told, item) // here'), qr/_Generic|generic/ ],
    [ 'a handler of inputs that takes a failure', failures('galley_failure', 'GALLEY_ON_INVALID(told, item) // here'), qr/_Generic|generic/ ],
    [ 'a status that is text', failures('galley_failure', 'GALLEY_ON_STATUS("404", told, item) // here'), qr/integer/ ],
    [ 'a route among the handlers', failures('item_in', 'GALLEY_GET("/", told, item_in, item) // here'), qr/method/ ],
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
