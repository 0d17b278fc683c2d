/* h2_budget.c - the budgets against floods, a row for each rule.
 * Does:     ask for repeated frames, at once and at a pace; count how many pass.
 * Does not: need a connection or nghttp2.
 * See:      worker/http/h2_budget.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/http/h2_budget.h"

enum { ACK = 1 };

struct row {
    const char *name;
    unsigned type, flags;
    uint32_t len;
    int at_once; /* how many in one millisecond pass; 0: any number */
    int per_s;   /* and how many a second from then on, at least */
    const char *why;
};

static const struct row rows[] = {
    {"resets", H2_RST_STREAM, 0, 4, 200, 33, "stream resets"},
    {"PING", H2_PING, 0, 8, 200, 20, "control frames"},
    {"PING acknowledgements", H2_PING, ACK, 8, 200, 20, "control frames"},
    {"SETTINGS", H2_SETTINGS, 0, 6, 200, 20, "control frames"},
    {"SETTINGS acknowledgements", H2_SETTINGS, ACK, 0, 200, 20, "control frames"},
    {"WINDOW_UPDATE", H2_WINDOW_UPDATE, 0, 4, 200, 20, "control frames"},
    {"an unknown type", 0x42, 0, 3, 200, 20, "control frames"},
    {"priority updates", H2_PRIORITY_UPDATE, 0, 5, 200, 20, "control frames"},
    {"GOAWAY", H2_GOAWAY, 0, 8, 200, 20, "control frames"},
    {"PRIORITY", H2_PRIORITY, 0, 5, 100, 100, "PRIORITY frames"},
    {"empty DATA", H2_DATA, 0, 0, 100, 0, "empty DATA frames"},
    {"DATA of a pad length alone", H2_DATA, H2_FLAG_PADDED, 1, 100, 0, "empty DATA frames"},
    {"DATA of padding alone", H2_DATA, H2_FLAG_PADDED, 256, 5000, 1000, "tiny DATA frames"},
    {"DATA of a byte", H2_DATA, 0, 1, 5000, 1000, "tiny DATA frames"},
    {"DATA that ends its stream", H2_DATA, H2_FLAG_END_STREAM, 0, 0, 0, NULL},
    {"DATA of some size", H2_DATA, 0, 128, 0, 0, NULL},
    {"HEADERS", H2_HEADERS, H2_FLAG_END_HEADERS, 10, 0, 0, NULL},
    {"CONTINUATION", H2_CONTINUATION, 0, 10, 8, 0, "CONTINUATION frames"},
};

/* Frames of a row until one is refused, at most `most`. */
static int count_passing(struct h2_budget *budget, const struct row *row, int most, int64_t now_ms)
{
    for (int i = 0; i < most; i++)
        if (!h2_budget_frame(budget, row->type, row->flags, row->len, now_ms))
            return i;
    return most;
}

static void test_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct h2_budget budget;
        int expected = rows[i].at_once > 0 ? rows[i].at_once : 20000;
        h2_budget_init(&budget, 1000);
        int passed = count_passing(&budget, &rows[i], 20000, 1000);
        if (passed != expected)
            fail_msg("%s: %d passed, expected %d", rows[i].name, passed, expected);
        if (rows[i].why == NULL)
            assert_null(budget.why);
        else
            assert_string_equal(budget.why, rows[i].why);
    }
}

static void test_paced(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].per_s == 0)
            continue;
        struct h2_budget budget;
        h2_budget_init(&budget, 1000);
        (void)count_passing(&budget, &rows[i], rows[i].at_once, 1000);
        for (int second = 1; second <= 5; second++) {
            int passed = count_passing(&budget, &rows[i], 20000, 1000 + second * 1000);
            if (passed != rows[i].per_s)
                fail_msg("%s: %d passed in second %d, expected %d", rows[i].name, passed, second,
                         rows[i].per_s);
        }
        /* A long rest gives no more than the burst. */
        int passed = count_passing(&budget, &rows[i], 20000, INT64_C(1) << 50);
        if (passed != rows[i].at_once)
            fail_msg("%s: %d passed after a rest, expected %d", rows[i].name, passed,
                     rows[i].at_once);
    }
}

static void test_own_resets_share_the_bucket(void **state)
{
    (void)state;
    struct h2_budget budget;
    h2_budget_init(&budget, 1000);
    for (int i = 0; i < H2_RESETS / 2; i++) {
        assert_true(h2_budget_reset(&budget, 1000));
        assert_true(h2_budget_frame(&budget, H2_RST_STREAM, 0, 4, 1000));
    }
    assert_false(h2_budget_reset(&budget, 1000));
    assert_string_equal(budget.why, "stream resets");
}

/* A client that takes a large download a KiB at a time stays within. */
static void test_service_earns_credit(void **state)
{
    (void)state;
    struct h2_budget budget;
    h2_budget_init(&budget, 1000);
    for (int i = 0; i < 10000; i++) {
        h2_budget_served(&budget, 16384);
        for (int update = 0; update < 16; update++)
            assert_true(h2_budget_frame(&budget, H2_WINDOW_UPDATE, 0, 4, 1000));
    }
    /* But it buys no SETTINGS, and is not hoarded without end. */
    for (int i = 0; i < 100000; i++)
        h2_budget_served(&budget, 16384);
    assert_true(budget.credit <= H2_CREDIT_MAX);
    for (int i = 0; i < H2_CONTROLS; i++)
        assert_true(h2_budget_frame(&budget, H2_SETTINGS, 0, 0, 1000));
    assert_false(h2_budget_frame(&budget, H2_SETTINGS, 0, 0, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_paced),
        cmocka_unit_test(test_own_resets_share_the_bucket),
        cmocka_unit_test(test_service_earns_credit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
