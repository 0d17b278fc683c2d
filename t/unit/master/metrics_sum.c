/* t/unit/master/metrics_sum.c - counters never go back, whatever is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "master/metrics_sum.h"

static void counters_only_grow(void **state)
{
    (void)state;
    struct stats known = {0}, report = {.requests_total = 10, .connections_open = 5};
    metrics_sum_take(&known, &report);
    assert_int_equal(known.requests_total, 10);
    report.requests_total = 3;
    report.connections_open = 2;
    metrics_sum_take(&known, &report);
    assert_int_equal(known.requests_total, 10);
    assert_int_equal(known.connections_open, 2);
}

static void the_dead_count(void **state)
{
    (void)state;
    struct metrics_sum sums = {0};
    struct stats one = {.requests_total = 7, .connections_open = 3}, total;
    metrics_sum_bury(&sums, &one);
    assert_int_equal(one.requests_total, 0);
    struct stats two = {.requests_total = 1, .connections_open = 1};
    total = sums.dead;
    metrics_sum_add(&total, &two);
    assert_int_equal(total.requests_total, 8);
    assert_int_equal(total.connections_open, 1);
}

static void sums_saturate(void **state)
{
    (void)state;
    struct stats total = {.bytes_sent = 5}, liar = {.bytes_sent = UINT64_MAX};
    metrics_sum_add(&total, &liar);
    assert_true(total.bytes_sent == UINT64_MAX);
    struct metrics_sum sums = {.dead = {.bytes_sent = 9}};
    metrics_sum_bury(&sums, &liar);
    assert_true(sums.dead.bytes_sent == UINT64_MAX);
}

static void names_are_unique(void **state)
{
    (void)state;
    assert_int_equal(master_stat_row_count * sizeof(uint64_t), sizeof(struct master_stats));
    for (size_t i = 0; i < master_stat_row_count; i++) {
        assert_int_equal(master_stat_rows[i].offset, i * sizeof(uint64_t));
        for (size_t j = 0; j < stat_row_count; j++)
            assert_string_not_equal(master_stat_rows[i].name, stat_rows[j].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_only_grow),
        cmocka_unit_test(the_dead_count),
        cmocka_unit_test(sums_saturate),
        cmocka_unit_test(names_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
