/* metrics_sum.h - the numbers of all workers, living and dead, and the master's own.
 * Does:     add them up so that no counter ever goes back, whatever a worker reports.
 * Does not: send them (rpc_methods.c). */
#ifndef GALLEY_MASTER_METRICS_SUM_H
#define GALLEY_MASTER_METRICS_SUM_H

#include <stddef.h>

#include "common/stats.h"

/* What the master counts: X(name, kind, unit, help). */
#define MASTER_STATS(X)                                                                            \
    X(workers_ready, GAUGE, "workers", "that serve")                                               \
    X(workers_draining, GAUGE, "workers", "that finish what they have")                            \
    X(worker_starts_total, COUNTER, "workers", "processes forked")                                 \
    X(worker_crashes_total, COUNTER, "workers", "that ended without having been told to")          \
    X(worker_hangs_total, COUNTER, "workers", "killed because they were silent")                   \
    X(worker_late_total, COUNTER, "times", "sockets moved because a beat was late")                \
    X(worker_messages_ignored, COUNTER, "messages", "of workers that made no sense")               \
    X(reloads_total, COUNTER, "reloads", "that took effect")                                       \
    X(reloads_failed_total, COUNTER, "reloads", "that did not")                                    \
    X(stats_clients_refused, COUNTER, "connections", "to the stats socket, over its limits")

struct master_stats {
#define X(name, kind, unit, help) uint64_t name;
    MASTER_STATS(X)
#undef X
};
extern const struct stat_row master_stat_rows[];
extern const size_t master_stat_row_count;

struct metrics_sum {
    struct master_stats master;
    struct stats dead; /* counters of workers that have ended */
};

/* Take a report over into `known`: gauges as they are, counters if they have grown. */
void metrics_sum_take(struct stats *known, const struct stats *report);
/* A worker has ended: its counters stay in the sums; `known` becomes zero. */
void metrics_sum_bury(struct metrics_sum *sums, struct stats *known);
/* Add a living worker's numbers; sums stop at the largest number. */
void metrics_sum_add(struct stats *total, const struct stats *known);

#endif
