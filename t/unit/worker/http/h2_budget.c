/* h2_budget.c - the budgets against floods, a row for each rule.
 * Does:     feed repeated frames, at a pace, whole and byte by byte; count how many pass.
 * Does not: need a connection or nghttp2.
 * See:      worker/http/h2_budget.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/http/h2_budget.h"

enum { DATA = 0, HEADERS = 1, PRIORITY = 2, RST = 3, SETTINGS = 4, PING = 6, WINDOW = 8, CONT = 9 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

static const uint8_t preface[H2_PREFACE_BYTES] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static size_t put_frame(uint8_t *out, unsigned type, unsigned flags, uint32_t len)
{
    const uint8_t head[9] = {(uint8_t)(len >> 16),
                             (uint8_t)(len >> 8),
                             (uint8_t)len,
                             (uint8_t)type,
                             (uint8_t)flags,
                             0,
                             0,
                             0,
                             1};
    memcpy(out, head, sizeof head);
    memset(out + sizeof head, 0xff, len); /* looks like no frame head */
    return sizeof head + len;
}

struct row {
    const char *name;
    unsigned type, flags;
    uint32_t len;
    int at_once; /* how many in one millisecond pass; 0: any number */
    int per_s;   /* and how many a second from then on, at least */
    const char *why;
};

static const struct row rows[] = {
    {"resets", RST, 0, 4, 200, 33, "stream resets"},
    {"PING", PING, 0, 8, 200, 20, "control frames"},
    {"PING acknowledgements", PING, ACK, 8, 200, 20, "control frames"},
    {"SETTINGS", SETTINGS, 0, 6, 200, 20, "control frames"},
    {"SETTINGS acknowledgements", SETTINGS, ACK, 0, 200, 20, "control frames"},
    {"WINDOW_UPDATE", WINDOW, 0, 4, 200, 20, "control frames"},
    {"an unknown type", 0x42, 0, 3, 200, 20, "control frames"},
    {"priority updates", 16, 0, 5, 200, 20, "control frames"},
    {"GOAWAY", 7, 0, 8, 200, 20, "control frames"},
    {"PRIORITY", PRIORITY, 0, 5, 100, 100, "PRIORITY frames"},
    {"empty DATA", DATA, 0, 0, 100, 0, "empty DATA frames"},
    {"DATA of a pad length alone", DATA, PADDED, 1, 100, 0, "empty DATA frames"},
    {"DATA of padding alone", DATA, PADDED, 256, 5000, 1000, "tiny DATA frames"},
    {"DATA of a byte", DATA, 0, 1, 5000, 1000, "tiny DATA frames"},
    {"DATA that ends its stream", DATA, END_STREAM, 0, 0, 0, NULL},
    {"DATA of some size", DATA, 0, 128, 0, 0, NULL},
    {"HEADERS", HEADERS, END_HEADERS, 10, 0, 0, NULL},
    {"CONTINUATION", CONT, 0, 10, 8, 0, "CONTINUATION frames"},
};

/* Frames of a row until one is refused, at most `most`. */
static int count_passing(struct h2_budget *budget, const struct row *row, int most, int64_t now_ms)
{
    uint8_t frame[512];
    size_t len = put_frame(frame, row->type, row->flags, row->len);
    for (int i = 0; i < most; i++)
        if (!h2_budget_scan(budget, frame, len, now_ms)) {
            budget->payload_left = 0; /* the refused frame's; nobody would go on in earnest */
            return i;
        }
    return most;
}

static void start(struct h2_budget *budget)
{
    h2_budget_init(budget, 1000);
    assert_true(h2_budget_scan(budget, preface, sizeof preface, 1000));
}

static void test_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct h2_budget budget;
        int expected = rows[i].at_once > 0 ? rows[i].at_once : 20000;
        start(&budget);
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
        start(&budget);
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

static void test_split_anywhere(void **state)
{
    (void)state;
    uint8_t stream[4096];
    size_t len = sizeof preface;
    memcpy(stream, preface, len);
    len += put_frame(stream + len, SETTINGS, 0, 12);
    for (int i = 0; i < 99; i++)
        len += put_frame(stream + len, PRIORITY, 0, 5);
    for (size_t cut = 0; cut <= len; cut++) {
        struct h2_budget budget;
        h2_budget_init(&budget, 0);
        assert_true(h2_budget_scan(&budget, stream, cut, 0));
        assert_true(h2_budget_scan(&budget, stream + cut, len - cut, 0));
        uint8_t more[64];
        size_t more_len = put_frame(more, PRIORITY, 0, 5);
        assert_true(h2_budget_scan(&budget, more, more_len, 0));
        assert_false(h2_budget_scan(&budget, more, more_len, 0));
    }
    struct h2_budget budget;
    h2_budget_init(&budget, 0);
    for (size_t i = 0; i < len; i++)
        assert_true(h2_budget_scan(&budget, stream + i, 1, 0));
    assert_int_equal(budget.priorities.millitokens, 1000);
}

static void test_own_resets_share_the_bucket(void **state)
{
    (void)state;
    struct h2_budget budget;
    uint8_t frame[32];
    size_t len = put_frame(frame, RST, 0, 4);
    start(&budget);
    for (int i = 0; i < H2_RESETS / 2; i++) {
        assert_true(h2_budget_reset(&budget, 1000));
        assert_true(h2_budget_scan(&budget, frame, len, 1000));
    }
    assert_false(h2_budget_reset(&budget, 1000));
    assert_string_equal(budget.why, "stream resets");
}

/* A client that takes a large download a KiB at a time stays within. */
static void test_service_earns_credit(void **state)
{
    (void)state;
    struct h2_budget budget;
    uint8_t frame[32];
    size_t len = put_frame(frame, WINDOW, 0, 4);
    start(&budget);
    for (int i = 0; i < 10000; i++) {
        h2_budget_served(&budget, 16384);
        for (int update = 0; update < 16; update++)
            assert_true(h2_budget_scan(&budget, frame, len, 1000));
    }
    /* But it buys no SETTINGS, and is not hoarded without end. */
    for (int i = 0; i < 100000; i++)
        h2_budget_served(&budget, 16384);
    assert_true(budget.credit <= H2_CREDIT_MAX);
    len = put_frame(frame, SETTINGS, 0, 0);
    for (int i = 0; i < H2_CONTROLS; i++)
        assert_true(h2_budget_scan(&budget, frame, len, 1000));
    assert_false(h2_budget_scan(&budget, frame, len, 1000));
}

static void test_field_blocks(void **state)
{
    (void)state;
    struct h2_budget budget;
    uint8_t frame[64];
    start(&budget);
    for (int block = 0; block < 50; block++) {
        assert_true(
            h2_budget_scan(&budget, frame, put_frame(frame, HEADERS, END_STREAM, 20), 1000));
        assert_true(budget.is_in_block);
        for (int i = 0; i < H2_CONTINUATIONS - 1; i++)
            assert_true(h2_budget_scan(&budget, frame, put_frame(frame, CONT, 0, 20), 1000));
        assert_true(h2_budget_scan(&budget, frame, put_frame(frame, CONT, END_HEADERS, 20), 1000));
        assert_false(budget.is_in_block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_paced),
        cmocka_unit_test(test_split_anywhere),
        cmocka_unit_test(test_own_resets_share_the_bucket),
        cmocka_unit_test(test_service_earns_credit),
        cmocka_unit_test(test_field_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
