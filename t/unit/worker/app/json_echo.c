/* t/unit/worker/app/json_echo.c - JSON as Python's json writes it again, row by row. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/json_out.h"
#include "worker/app/json_read.h"

static const struct {
    const char *text;
    size_t len;
    const char *written;
} rows[] = {
#define ROW(text, written) {text, sizeof(text) - 1, written},
#include "json_echo.def"
    ROW("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}")
        ROW("{\"a\":{\"x\":1},\"\\u0061\":{\"y\":1,\"x\":2,\"y\":3}}", "{\"a\":{\"y\":3,\"x\":2}}")
            ROW("[-0,0.0,-0.0,1e400,NaN,-Infinity,1.10]", "[0,0.0,-0.0,null,null,null,1.1]")
#undef ROW
};

static void writes_what_python_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct json_out out;
        galley_str text = {rows[i].text, rows[i].len};
        size_t len = strlen(rows[i].written);
        assert_int_equal(json_check(text), 0);
        json_out_init(&out, NULL, 0, 64 * 1024);
        json_echo(&out, text);
        assert_int_equal(out.error, 0);
        if (out.len != len || memcmp(out.data, rows[i].written, len) != 0)
            fail_msg("row %zu, %s: %.*s, not %s", i, rows[i].text, (int)out.len, out.data,
                     rows[i].written);
        json_out_release(&out);
    }
}

/* An object of many keys, each twice: the second values, in the order of the first keys. */
static void unites_many_keys(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    static char text[COUNT * 40], expected[COUNT * 20];
    size_t len = 0, expected_len = 0;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < COUNT; i++)
            len += (size_t)snprintf(text + len, sizeof text - len, "%s\"k%d\": %d",
                                    len == 0 ? "{" : ",", round == 0 ? i : COUNT - 1 - i,
                                    round == 0 ? -1 : i);
    text[len++] = '}';
    for (int i = 0; i < COUNT; i++)
        expected_len += (size_t)snprintf(expected + expected_len, sizeof expected - expected_len,
                                         "%s\"k%d\":%d", i == 0 ? "{" : ",", i, COUNT - 1 - i);
    expected[expected_len++] = '}';
    struct json_out out;
    json_out_init(&out, NULL, 0, sizeof text);
    json_echo(&out, (galley_str){text, len});
    assert_int_equal(out.error, 0);
    assert_int_equal(out.len, expected_len);
    assert_memory_equal(out.data, expected, expected_len);
    json_out_release(&out);
}

/* What does not fit is said, and nothing is written beyond. */
static void stops_at_the_ceiling(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1,2,3,{\"b\":\"some more text\",\"c\":1,\"b\":2}],\"a\":2}";
    for (size_t most = 0; most < 40; most++) {
        struct json_out out;
        json_out_init(&out, NULL, 0, most);
        json_echo(&out, (galley_str){text, sizeof text - 1});
        assert_int_equal(out.error, -EMSGSIZE);
        json_out_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_python_writes),
        cmocka_unit_test(unites_many_keys),
        cmocka_unit_test(stops_at_the_ceiling),
    };
    return cmocka_run_group_tests_name("json_echo", tests, NULL, NULL);
}
