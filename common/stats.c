/* stats.c - the numbers of a worker as a table, made from stats.def.
 * Does:     name them and add them up.
 * Does not: know who counts.
 * See:      stats.def (add a counter there), t/unit/common/stats.c */
#include "common/stats.h"

const struct stat_row stat_rows[] = {
#define STAT(name, kind, unit, help) {#name, unit, help, STAT_##kind, offsetof(struct stats, name)},
#include "common/stats.def"
#undef STAT
};
const size_t stat_row_count = sizeof(stat_rows) / sizeof(stat_rows[0]);

void stats_add(struct stats *sum, const struct stats *from)
{
#define STAT(name, kind, unit, help) sum->name += from->name;
#include "common/stats.def"
#undef STAT
}

void stats_add_counters(struct stats *sum, const struct stats *from)
{
#define STAT(name, kind, unit, help) sum->name += STAT_##kind == STAT_COUNTER ? from->name : 0;
#include "common/stats.def"
#undef STAT
}
