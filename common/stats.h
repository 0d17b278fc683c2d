/* stats.h - the numbers of one worker, from the rows of stats.def.
 * Does:     name them, and reach each by its row.
 * Does not: cross process borders by itself; proto.h carries them as MessagePack. */
#ifndef GALLEY_COMMON_STATS_H
#define GALLEY_COMMON_STATS_H

#include <stddef.h>
#include <stdint.h>

enum stat_kind { STAT_COUNTER, STAT_GAUGE };

struct stats {
#define STAT(name, kind, unit, help) uint64_t name;
#include "common/stats.def"
#undef STAT
};

struct stat_row {
    const char *name, *unit, *help;
    enum stat_kind kind;
    size_t offset;
};
extern const struct stat_row stat_rows[];
extern const size_t stat_row_count;

static inline uint64_t *stats_at(struct stats *stats, const struct stat_row *row)
{
    return (uint64_t *)(void *)((char *)stats + row->offset);
}

#endif
