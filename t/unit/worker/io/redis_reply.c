/* t/unit/worker/io/redis_reply.c - replies read whole, cut at every byte, too large, and no replies at all. */
#include "worker/io/redis.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MAX_BYTES = 4096 };

static char text[8192];
static size_t text_len;

static void print(const struct galley_redis_reply *reply)
{
    char *at = text + text_len;
    size_t room = sizeof text - text_len;
    int n = 0;
    if (!reply)
        n = snprintf(at, room, "dropped");
    else if (reply->kind == GALLEY_REDIS_NULL)
        n = snprintf(at, room, "null");
    else if (reply->kind == GALLEY_REDIS_INT)
        n = snprintf(at, room, "%lld", (long long)reply->number);
    else if (reply->kind == GALLEY_REDIS_TEXT || reply->kind == GALLEY_REDIS_ERROR) {
        assert_int_equal(reply->text.data[reply->text.len], '\0');
        n = snprintf(at, room, "%s%s:%zu", reply->kind == GALLEY_REDIS_ERROR ? "!" : "",
                     reply->text.data, reply->text.len);
    } else
        n = snprintf(at, room, "[");
    text_len += (size_t)n;
    if (!reply || reply->kind != GALLEY_REDIS_LIST)
        return;
    for (size_t i = 0; i < reply->count; i++) {
        if (i > 0)
            text[text_len++] = ' ';
        print(&reply->items[i]);
    }
    text_len += (size_t)snprintf(text + text_len, 2, "]");
}

struct how {
    bool is_gone, is_unwanted;
    size_t arena_bytes;
};

/* Feed `first` bytes, then the rest; print all replies. The last result. */
static int run(const char *data, size_t len, size_t first, const struct how *how)
{
    struct redis_reader reader;
    struct arena arena;
    int rc = 0;
    arena_init(&arena, NULL, 0, how->arena_bytes ? how->arena_bytes : 1 << 20);
    assert_int_equal(redis_reader_init(&reader, MAX_BYTES), 0);
    text_len = 0;
    text[0] = '\0';
    for (size_t part = 0; part < 2 && rc >= 0; part++) {
        size_t from = part == 0 ? 0 : first, to = part == 0 ? first : len;
        assert_int_equal(redis_reader_feed(&reader, data + from, to - from), 0);
        while ((rc = redis_reader_next(&reader, how->is_gone && part == 1 ? NULL : &arena,
                                       !how->is_unwanted)) > 0) {
            print(reader.root);
            text_len += (size_t)snprintf(text + text_len, 3, reader.is_short ? "~;" : ";");
        }
    }
    if (rc == 0 && redis_reader_is_amid(&reader))
        text_len += (size_t)snprintf(text + text_len, 4, "...");
    redis_reader_release(&reader);
    redis_reader_release(&reader);
    arena_release(&arena);
    return rc;
}

static const struct {
    const char *data, *expected;
} good[] = {
    {"+OK\r\n", "OK:2;"},
    {"-ERR no\r\n", "!ERR no:6;"},
    {":-42\r\n", "-42;"},
    {":9223372036854775807\r\n", "9223372036854775807;"},
    {"$5\r\nhello\r\n", "hello:5;"},
    {"$0\r\n\r\n", ":0;"},
    {"$-1\r\n", "null;"},
    {"*-1\r\n", "null;"},
    {"*0\r\n", "[];"},
    {"$4\r\na\r\nb\r\n", "a\r\nb:4;"},
    {"*3\r\n:1\r\n$-1\r\n-E x\r\n", "[1 null !E x:3];"},
    {"*2\r\n*2\r\n+a\r\n*0\r\n*1\r\n:7\r\n", "[[a:1 []] [7]];"},
    {"+a\r\n:1\r\n$1\r\nb\r\n", "a:1;1;b:1;"},
    {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "[[[[[[1]]]]]];"},
};

static void reads_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        size_t len = strlen(good[i].data);
        for (size_t cut = 0; cut <= len; cut++) {
            assert_int_equal(run(good[i].data, len, cut, &(struct how){.arena_bytes = 0}), 0);
            assert_string_equal(text, good[i].expected);
        }
    }
}

/* What is not complete is no reply, wherever it ends. */
static void waits_for_the_rest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (strchr(good[i].expected, ';')[1] != '\0') /* several replies */
            continue;
        size_t len = strlen(good[i].data);
        for (size_t cut = 1; cut < len; cut++) {
            assert_int_equal(run(good[i].data, cut, cut, &(struct how){.arena_bytes = 0}), 0);
            assert_string_equal(text, "...");
        }
    }
}

/* Whose waiter goes amid a reply: it is dropped, its memory is touched no more, and the next replies come. */
static void drops_what_nobody_waits_for(void **state)
{
    static const char data[] = "*2\r\n$5\r\nhello\r\n*2\r\n:1\r\n+x\r\n";
    (void)state;
    for (size_t cut = 1; cut < sizeof data - 1; cut++) {
        assert_int_equal(run(data, sizeof data - 1, cut, &(struct how){.is_gone = true}), 0);
        assert_string_equal(text, "dropped;");
    }
}

static void builds_errors_for_who_wants_nothing_else(void **state)
{
    static const char data[] = "+OK\r\n*1\r\n-in a list\r\n-ERR no\r\n";
    (void)state;
    for (size_t cut = 0; cut < sizeof data; cut++) {
        assert_int_equal(run(data, sizeof data - 1, cut, &(struct how){.is_unwanted = true}), 0);
        assert_string_equal(text, "dropped;dropped;!ERR no:6;");
    }
}

/* A request's memory that is full costs this reply, not the connection. */
static void goes_on_without_memory(void **state)
{
    static char data[3000];
    (void)state;
    int len = snprintf(data, sizeof data, "+a\r\n$2000\r\n%02000d\r\n*1\r\n:1\r\n", 0);
    assert_int_equal(run(data, (size_t)len, 20, &(struct how){.arena_bytes = 1100}), 0);
    assert_non_null(strstr(text, "a:1;dropped~;"));
}

static const struct {
    const char *name, *data;
    int error;
} bad[] = {
    {"HTTP", "HTTP/1.1 400 Bad\r\n\r\n", -GALLEY_EGARBLED},
    {"RESP3 map", "%1\r\n+a\r\n:1\r\n", -GALLEY_EGARBLED},
    {"zero", "\0", -GALLEY_EGARBLED},
    {"no number", ":x\r\n", -GALLEY_EGARBLED},
    {"too large a number", ":9223372036854775808\r\n", -GALLEY_EGARBLED},
    {"length -2", "$-2\r\n", -GALLEY_EGARBLED},
    {"length x", "$x\r\n", -GALLEY_EGARBLED},
    {"list of -2", "*-2\r\n", -GALLEY_EGARBLED},
    {"list beyond int", "*99999999999\r\n", -GALLEY_EGARBLED},
    {"text behind its length", "$1\r\nabc\r\n", 1},
    {"too deep", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", -GALLEY_EGARBLED},
    {"list too large", "*2147483647\r\n", -GALLEY_EANSWER_SIZE},
    {"list too large in memory", "*200\r\n", -GALLEY_EANSWER_SIZE},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t len = bad[i].data[0] ? strlen(bad[i].data) : 1;
        for (size_t cut = 0; cut <= len; cut++) {
            int rc = run(bad[i].data, len, cut, &(struct how){.arena_bytes = 0});
            if (bad[i].error < 0 && rc != bad[i].error)
                fail_msg("%s, cut at %zu: %d, %s", bad[i].name, cut, rc, text);
        }
    }
}

static void bounds_what_never_ends(void **state)
{
    static const char *const begins[] = {"+", "$5000\r\n", "$", "*", "*3\r\n$1\r\na\r\n$5000\r\n"};
    static char data[MAX_BYTES + 100];
    (void)state;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        size_t len = strlen(begins[i]);
        memset(data, '0', sizeof data);
        memcpy(data, begins[i], len);
        int rc = run(data, sizeof data, 10, &(struct how){.arena_bytes = 0});
        assert_true(rc == -GALLEY_EANSWER_SIZE || rc == -GALLEY_EGARBLED);
    }
    int len = snprintf(data, sizeof data, "$%d\r\n%0*d\r\n", MAX_BYTES, MAX_BYTES, 0);
    assert_int_equal(run(data, (size_t)len, (size_t)len, &(struct how){.arena_bytes = 0}),
                     -GALLEY_EANSWER_SIZE);
    len = snprintf(data, sizeof data, "$%d\r\n%0*d\r\n", MAX_BYTES - 10, MAX_BYTES - 10, 0);
    assert_int_equal(run(data, (size_t)len, (size_t)len, &(struct how){.arena_bytes = 0}), 0);
}

static void survives_noise(void **state)
{
    static const char alphabet[] = "+-:$*0123456789\r\n\r\n\r\nax\0%";
    unsigned seed = 7;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char data[64];
        size_t len = (size_t)rand_r(&seed) % sizeof data;
        for (size_t k = 0; k < len; k++)
            data[k] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
        size_t cut = len ? (size_t)rand_r(&seed) % len : 0;
        (void)run(data, len, cut, &(struct how){.is_gone = i % 3 == 0, .is_unwanted = i % 5 == 0});
    }
}

static void knows_errors(void **state)
{
    static const struct {
        const char *said;
        int error;
    } rows[] = {
        {"ERR unknown command", -GALLEY_EREFUSED},
        {"LOADING Redis is loading", -GALLEY_ENOT_READY},
        {"BUSY a script runs", -GALLEY_ENOT_READY},
        {"BUSYGROUP there", -GALLEY_EREFUSED},
        {"BUSY", -GALLEY_ENOT_READY},
        {"ERR max number of clients reached", -GALLEY_ENOT_READY},
        {"", -GALLEY_EREFUSED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(redis_error_of((galley_str){rows[i].said, strlen(rows[i].said)}),
                         rows[i].error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_at_every_cut),
        cmocka_unit_test(waits_for_the_rest),
        cmocka_unit_test(drops_what_nobody_waits_for),
        cmocka_unit_test(builds_errors_for_who_wants_nothing_else),
        cmocka_unit_test(goes_on_without_memory),
        cmocka_unit_test(refuses),
        cmocka_unit_test(bounds_what_never_ends),
        cmocka_unit_test(survives_noise),
        cmocka_unit_test(knows_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
