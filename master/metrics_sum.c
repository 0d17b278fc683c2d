/* metrics_sum.c - the numbers of all workers, living and dead, and the master's own.
 * Does:     saturating sums; counters that only grow.
 * Does not: ask workers.
 * See:      t/unit/master/metrics_sum.c */
#include "master/metrics_sum.h"

#include <stddef.h>

const struct stat_row master_stat_rows[] = {
#define X(name, kind, unit, help)                                                                  \
    {#name, unit, help, STAT_##kind, offsetof(struct master_stats, name)},
    MASTER_STATS(X)
#undef X
};
const size_t master_stat_row_count = sizeof(master_stat_rows) / sizeof(master_stat_rows[0]);

static uint64_t number_at(const struct stats *stats, const struct stat_row *row)
{
    return *(const uint64_t *)(const void *)((const char *)stats + row->offset);
}

static void add(struct stats *total, const struct stats *known, const struct stat_row *row)
{
    uint64_t *sum = stats_at(total, row);
    if (__builtin_add_overflow(*sum, number_at(known, row), sum))
        *sum = UINT64_MAX;
}

void metrics_sum_take(struct stats *known, const struct stats *report)
{
    for (size_t i = 0; i < stat_row_count; i++) {
        uint64_t *old = stats_at(known, &stat_rows[i]);
        uint64_t now = number_at(report, &stat_rows[i]);
        if (stat_rows[i].kind == STAT_GAUGE || now > *old)
            *old = now;
    }
}

void metrics_sum_bury(struct metrics_sum *sums, struct stats *known)
{
    for (size_t i = 0; i < stat_row_count; i++)
        if (stat_rows[i].kind == STAT_COUNTER)
            add(&sums->dead, known, &stat_rows[i]);
    *known = (struct stats){0};
}

void metrics_sum_add(struct stats *total, const struct stats *known)
{
    for (size_t i = 0; i < stat_row_count; i++)
        add(total, known, &stat_rows[i]);
}
