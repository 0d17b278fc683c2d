/* stats.c - the numbers of a worker as a table, made from stats.def.
 * Does:     name them, and say where each is.
 * Does not: know who counts, or add them up (master/metrics_sum.c does).
 * See:      stats.def (add a counter there), t/unit/common/stats.c */
#include "common/stats.h"

const struct stat_row stat_rows[] = {
#define STAT(name, kind, unit, help) {#name, unit, help, STAT_##kind, offsetof(struct stats, name)},
#include "common/stats.def"
#undef STAT
};
const size_t stat_row_count = sizeof(stat_rows) / sizeof(stat_rows[0]);
