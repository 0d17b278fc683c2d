/* route_stats.c - the rare halves of route_stats.h: whose stack is measured.
 * Does:     measure at 1, 2, 4, ... requests and then at each in ROUTE_STATS_MEASURE_EVERY.
 * Does not: measure tasks and threads, which have stacks of their own.
 * See:      worker/coro/depth.c, t/unit/worker/http/route_stats.c */
#include "worker/http/route_stats.h"

void route_stats_init(struct route_stats *stats)
{
    *stats = (struct route_stats){.measured_next = 1};
}

bool route_stats_measure(struct route_stats *stats, galley_async *co)
{
    uint64_t now = stats->measured_next;
    stats->measured_next += now < ROUTE_STATS_MEASURE_EVERY ? now : ROUTE_STATS_MEASURE_EVERY;
    return coro_depth_start(co);
}

void route_stats_measured(struct route_stats *stats, const galley_async *co)
{
    size_t bytes = coro_depth_bytes(co);
    if (bytes > stats->stack_high_bytes)
        stats->stack_high_bytes = bytes;
}
