/* t/unit/worker/io/redis_write.c - commands as bytes, and commands that are refused. */
#include "worker/io/redis.h"

#include <errno.h>
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#define ARGS(...)                                                                                  \
    (const struct galley_redis_arg[]){GALLEY__EACH(GALLEY__REDIS_ARG, , __VA_ARGS__)},             \
        sizeof(                                                                                    \
            (const struct galley_redis_arg[]){GALLEY__EACH(GALLEY__REDIS_ARG, , __VA_ARGS__)}) /   \
            sizeof(struct galley_redis_arg)

static void check(const struct galley_redis_arg *args, size_t count, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(redis_write(&out, args, count), 0);
    assert_int_equal(buf_append(&out, "", 1), 0);
    assert_string_equal(buf_at(&out), expected);
    buf_release(&out);
}

static void writes(void **state)
{
    const galley_str slice = {"kxx", 1}, null = {NULL, 0};
    const galley_bytes bytes = {(const uint8_t *)"a\r\nb", 4};
    (void)state;
    check(ARGS("PING"), "*1\r\n$4\r\nPING\r\n");
    check(ARGS("SET", "k", ""), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    check(ARGS("SET", "k", 60), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n60\r\n");
    check(ARGS("SET", slice, bytes), "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n");
    check(ARGS(INT64_MIN), "*1\r\n$20\r\n-9223372036854775808\r\n");
    check(ARGS(INT64_MAX), "*1\r\n$19\r\n9223372036854775807\r\n");
    check(ARGS(0, -1), "*2\r\n$1\r\n0\r\n$2\r\n-1\r\n");
    check(ARGS(0.1), "*1\r\n$3\r\n0.1\r\n");
    check(ARGS(1.0f), "*1\r\n$1\r\n1\r\n");
    check(ARGS(-DBL_MAX), "*1\r\n$24\r\n-1.7976931348623157e+308\r\n");
    check(ARGS(null), "*1\r\n$0\r\n\r\n");
}

static void has_a_ceiling(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 64);
    assert_int_equal(redis_write(&out, ARGS("PING")), 0);
    size_t len = buf_len(&out);
    assert_int_equal(redis_write(&out, ARGS("SET", "key", "value")), -EMSGSIZE);
    assert_int_equal(buf_len(&out), len);
    galley_str huge = {"", SIZE_MAX - 100};
    assert_int_equal(redis_write(&out, ARGS("SET", huge, huge)), -EMSGSIZE);
    buf_release(&out);
}

/* Each in capitals and in small letters. */
static void refuses(void **state)
{
    static const char *const names[] = {
        "BLPOP",    "BRPOP",     "BRPOPLPUSH", "BLMOVE",     "BLMPOP",       "BZPOPMIN",
        "BZPOPMAX", "BZMPOP",    "WAIT",       "WAITAOF",    "SELECT",       "AUTH",
        "HELLO",    "RESET",     "MULTI",      "EXEC",       "DISCARD",      "WATCH",
        "UNWATCH",  "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE",  "PUNSUBSCRIBE",
        "MONITOR",  "SYNC",      "PSYNC",      "QUIT",       "SUNSUBSCRIBE", "REPLCONF",
    };
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char small[32] = "";
        for (size_t k = 0; names[i][k]; k++)
            small[k] = (char)(names[i][k] | 0x20);
        if (!redis_refusal(ARGS(names[i], "x")) || !redis_refusal(ARGS((const char *)small)))
            fail_msg("%s is let through", names[i]);
    }
    assert_non_null(redis_refusal(ARGS("XREAD", "BLOCK", 0, "STREAMS", "s", 0)));
    assert_non_null(
        redis_refusal(ARGS("xreadgroup", "GROUP", "g", "c", "block", 0, "STREAMS", "s")));
    assert_non_null(redis_refusal(ARGS("CLIENT", "REPLY", "OFF")));
    assert_non_null(redis_refusal(NULL, 0));
}

static void lets_through(void **state)
{
    static const char *const names[] = {"GET",    "SET",     "EVAL",   "BITCOUNT", "SADD",
                                        "XADD",   "PUBLISH", "EXECX",  "WAI",      "",
                                        "MULTIX", "HELL",    "EXPIRE", "DEL"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (redis_refusal(ARGS(names[i], "BLOCK")))
            fail_msg("%s is refused", names[i]);
    assert_null(redis_refusal(ARGS("XREAD", "STREAMS", "BLOCK", 0)));
    assert_null(redis_refusal(ARGS("CLIENT", "ID")));
    assert_null(redis_refusal(ARGS(5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes),
        cmocka_unit_test(has_a_ceiling),
        cmocka_unit_test(refuses),
        cmocka_unit_test(lets_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
