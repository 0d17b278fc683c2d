/* t/unit/common/route_row.c - rows come back as they were put, anything else is refused, and no sum goes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>

#include "common/route_row.h"

static struct route_row sample(void)
{
    struct route_row row = {
        .method = GALLEY_STR("GET"),
        .path = GALLEY_STR("/items/{item_id}"),
        .name = GALLEY_STR("read_item"),
        .requests = 100,
        .cancelled = 2,
        .blocked = 1,
        .arena_high_bytes = 4096,
        .stack_high_bytes = 8192,
        .responses = {3, 0, 80, 5, 6, 1},
    };
    row.latency_us.max = 1000;
    row.latency_us.counts[0] = 5;
    row.latency_us.counts[63] = 80;
    row.latency_us.counts[HISTOGRAM_BUCKETS - 1] = 10;
    return row;
}

static void write_row(struct buf *buf, const struct route_row *row)
{
    struct mp_writer out;
    buf_init(buf, 1 << 20);
    mp_writer_init(&out, buf);
    route_row_put(&out, row);
    assert_int_equal(out.error, 0);
}

static int read_row(const void *data, size_t len, struct route_row *row)
{
    struct mp_reader reader;
    mp_reader_init(&reader, data, len);
    int error = route_row_get(&reader, row);
    return error < 0 ? error : reader.at == reader.end ? 0 : 1;
}

static void assert_same(const struct route_row *a, const struct route_row *b)
{
    assert_true(route_row_is_same(a, b));
    assert_memory_equal(&a->requests, &b->requests,
                        sizeof(*a) - offsetof(struct route_row, requests));
}

static void comes_back(void **state)
{
    struct route_row row = sample(), back;
    struct buf buf;
    (void)state;
    write_row(&buf, &row);
    assert_int_equal(read_row(buf_at(&buf), buf_len(&buf), &back), 0);
    assert_same(&row, &back);
    assert_int_equal(back.name.len, row.name.len);
    buf_release(&buf);

    row.method = row.path = (galley_str){0};
    write_row(&buf, &row);
    assert_int_equal(read_row(buf_at(&buf), buf_len(&buf), &back), 0);
    assert_null(back.path.data);
    assert_same(&row, &back);
    buf_release(&buf);
}

/* The largest there is fits into what is promised. */
static void the_largest(void **state)
{
    static char text[ROUTE_ROW_TEXT_BYTES];
    struct route_row row = {0}, back;
    struct buf buf;
    (void)state;
    memset(text, 'x', sizeof(text));
    row.method = row.path = row.name = (galley_str){text, sizeof(text)};
    row.requests = row.cancelled = row.blocked = UINT64_MAX;
    row.arena_high_bytes = row.stack_high_bytes = row.latency_us.max = UINT64_MAX;
    for (size_t i = 0; i < ROUTE_ROW_CLASSES; i++)
        row.responses[i] = UINT64_MAX / ROUTE_ROW_CLASSES;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        row.latency_us.counts[i] = UINT64_MAX;
    write_row(&buf, &row);
    assert_in_range(buf_len(&buf), 1, ROUTE_ROW_MAX_BYTES);
    assert_int_equal(read_row(buf_at(&buf), buf_len(&buf), &back), 0);
    assert_same(&row, &back);
    buf_release(&buf);
}

static void too_short_or_changed(void **state)
{
    struct route_row row = sample(), back;
    struct buf buf;
    (void)state;
    write_row(&buf, &row);
    for (size_t len = 0; len < buf_len(&buf); len++) {
        char *part = malloc(len + 1); /* the sanitizer watches its end */
        memcpy(part, buf_at(&buf), len);
        part = realloc(part, len ? len : 1);
        assert_int_equal(read_row(part, len, &back), -EBADMSG);
        free(part);
    }
    unsigned seed = 5;
    for (int i = 0; i < 20000; i++) { /* a changed one may be a row, and then it keeps the rules */
        struct buf copy;
        buf_init(&copy, 1 << 20);
        assert_int_equal(buf_append(&copy, buf_at(&buf), buf_len(&buf)), 0);
        copy.data[copy.start + (size_t)rand_r(&seed) % buf_len(&buf)] = (char)rand_r(&seed);
        if (read_row(buf_at(&copy), buf_len(&copy), &back) >= 0) {
            uint64_t ended = 0;
            for (size_t k = 0; k < ROUTE_ROW_CLASSES; k++)
                ended += back.responses[k];
            assert_true(ended <= back.requests);
            assert_int_equal(route_row_in_flight(&back), back.requests - ended);
            assert_true(back.path.len <= ROUTE_ROW_TEXT_BYTES);
        }
        buf_release(&copy);
    }
    buf_release(&buf);
}

static void refused(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t len;
    } rows[] = {
        {"nil", "\xc0", 1},
        {"a map of one", "\x81\xa6method\xa3GET", 12},
        {"an array", "\x9b", 1},
    };
    struct route_row row = sample(), back;
    struct buf buf;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (read_row(rows[i].bytes, rows[i].len, &back) != -EBADMSG)
            fail_msg("%s", rows[i].name);
    row.responses[2] = row.requests; /* more answers than requests */
    write_row(&buf, &row);
    assert_int_equal(read_row(buf_at(&buf), buf_len(&buf), &back), -EBADMSG);
    buf_release(&buf);
    static char text[ROUTE_ROW_TEXT_BYTES + 1];
    row = sample();
    row.path = (galley_str){text, sizeof(text)};
    write_row(&buf, &row);
    assert_int_equal(read_row(buf_at(&buf), buf_len(&buf), &back), -EBADMSG);
    buf_release(&buf);
}

static void may_follow(void **state)
{
    struct route_row old = sample(), next = old;
    (void)state;
    assert_true(route_row_may_follow(&old, &next));
    assert_int_equal(route_row_in_flight(&old), 5);
    next.requests++;
    next.responses[2]++;
    next.latency_us.counts[5]++;
    assert_true(route_row_may_follow(&old, &next));
    assert_false(route_row_may_follow(&next, &old));
    uint64_t *numbers[] = {
        &next.requests,         &next.cancelled,        &next.blocked,
        &next.arena_high_bytes, &next.stack_high_bytes, &next.responses[0],
        &next.responses[5],     &next.latency_us.max,   &next.latency_us.counts[63]};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        next = old;
        --*numbers[i];
        if (route_row_may_follow(&old, &next))
            fail_msg("number %zu", i);
    }
    next = old;
    next.path = GALLEY_STR("/items/{item_is}");
    assert_false(route_row_may_follow(&old, &next));
}

static void sums(void **state)
{
    struct route_row sum = sample(), other = sample();
    (void)state;
    other.stack_high_bytes = 100;
    other.arena_high_bytes = 10000;
    other.requests = UINT64_MAX - 10;
    route_row_add(&sum, &other);
    assert_true(sum.requests == UINT64_MAX);
    assert_int_equal(sum.responses[2], 160);
    assert_int_equal(sum.cancelled, 4);
    assert_int_equal(sum.stack_high_bytes, 8192);
    assert_int_equal(sum.arena_high_bytes, 10000);
    assert_int_equal(sum.latency_us.counts[63], 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),           cmocka_unit_test(the_largest),
        cmocka_unit_test(too_short_or_changed), cmocka_unit_test(refused),
        cmocka_unit_test(may_follow),           cmocka_unit_test(sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
