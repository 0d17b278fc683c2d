/* t/unit/common/histogram.c - buckets join without a gap, percentiles are those of the sorted values to the bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/histogram.h"

static void buckets(void **state)
{
    static const struct {
        const char *name;
        uint64_t value;
        size_t bucket;
        uint64_t bound;
    } cases[] = {
        {"none", 0, 0, 0},
        {"one", 1, 1, 1},
        {"the last of one value", 15, 15, 15},
        {"the first of two values", 16, 16, 17},
        {"its second", 17, 16, 17},
        {"the last of two values", 31, 23, 31},
        {"the first of four", 32, 24, 35},
        {"a millisecond", 1000, 63, 1023},
        {"a second", 1000000, 143, 1048575},
        {"a minute", 60000000, 190, 62914559},
        {"the last one", (1 << 26) - 1, 191, (1 << 26) - 1},
        {"over the last one", 1 << 26, 191, (1 << 26) - 1},
        {"for ever", UINT64_MAX, 191, (1 << 26) - 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (histogram_bucket(cases[i].value) != cases[i].bucket)
            fail_msg("%s: bucket %zu", cases[i].name, histogram_bucket(cases[i].value));
        if (histogram_bound(cases[i].bucket) != cases[i].bound)
            fail_msg("%s: bound %llu", cases[i].name,
                     (unsigned long long)histogram_bound(cases[i].bucket));
    }
}

static void buckets_join(void **state)
{
    (void)state;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        uint64_t first = i ? histogram_bound(i - 1) + 1 : 0, bound = histogram_bound(i);
        assert_int_equal(histogram_bucket(first), i);
        assert_int_equal(histogram_bucket(bound), i);
        assert_true((bound - first) * 8 <= first); /* an eighth of the value at most */
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* Values of all magnitudes: a random number of random bits. */
static uint64_t random_value(unsigned *seed, unsigned bits)
{
    uint64_t value = (uint64_t)rand_r(seed) << 31 | (uint64_t)rand_r(seed);
    return value >> (62 - (unsigned)rand_r(seed) % (bits + 1));
}

/* The percentile of sorted values; how the histogram may see it: its bucket's bound, at most the largest of all. */
static uint64_t expected(const uint64_t *sorted, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;
    size_t bucket = histogram_bucket(sorted[rank - 1]);
    uint64_t bound = histogram_bound(bucket), max = sorted[count - 1];
    return bound < max && bucket + 1 < HISTOGRAM_BUCKETS ? bound : max;
}

static void percentiles_are_those_of_the_sorted_values(void **state)
{
    enum { MOST = 3000, ROUNDS = 300 };
    static uint64_t values[MOST];
    (void)state;
    for (unsigned seed = 1; seed <= ROUNDS; seed++) {
        unsigned random = seed;
        size_t count = 1 + (size_t)rand_r(&random) % (seed % 2 ? MOST : 5);
        struct histogram histogram = {0}, halves[2] = {{0}, {0}};
        for (size_t i = 0; i < count; i++) {
            values[i] = random_value(&random, seed % 3 ? 24 : 40);
            histogram_add(&histogram, values[i]);
            histogram_add(&halves[rand_r(&random) % 2], values[i]);
        }
        qsort(values, count, sizeof(values[0]), compare);
        assert_int_equal(histogram_count(&histogram), count);
        assert_int_equal(histogram.max, values[count - 1]);
        for (unsigned percent = 1; percent <= 100; percent++)
            if (histogram_percentile(&histogram, percent) != expected(values, count, percent))
                fail_msg("seed %u, %zu values, p%u: %llu, not %llu", seed, count, percent,
                         (unsigned long long)histogram_percentile(&histogram, percent),
                         (unsigned long long)expected(values, count, percent));
        histogram_merge(&halves[0], &halves[1]);
        assert_memory_equal(&halves[0], &histogram, sizeof(histogram));
    }
}

static void nothing_counted(void **state)
{
    struct histogram none = {0};
    (void)state;
    assert_int_equal(histogram_count(&none), 0);
    assert_int_equal(histogram_percentile(&none, 50), 0);
}

static void sums_stop_at_the_largest_number(void **state)
{
    struct histogram a = {0}, b = {0};
    (void)state;
    a.counts[3] = UINT64_MAX - 1;
    a.max = 3;
    b.counts[3] = 5;
    b.counts[10] = 7;
    b.max = 10;
    histogram_merge(&a, &b);
    assert_true(a.counts[3] == UINT64_MAX);
    assert_int_equal(a.counts[10], 7);
    assert_int_equal(a.max, 10);
    assert_true(histogram_count(&a) == UINT64_MAX);
    assert_int_equal(histogram_percentile(&a, 99), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buckets),
        cmocka_unit_test(buckets_join),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_values),
        cmocka_unit_test(nothing_counted),
        cmocka_unit_test(sums_stop_at_the_largest_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
