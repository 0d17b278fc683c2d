/* route_stats.h - what a worker counts of the requests of one route.
 * Does:     begin and end a request in a few dozen instructions: one clock reading, no allocation, no system call; the
 *           stack of one request in many is measured.
 * Does not: know what a route is (app.c has one of these for each, and one for what none matches), or add workers up
 *           (master/routes.c).
 *
 * Every request is in flight or in one of `responses`. The latency is the time from the poll that
 * brought the head to the end of the answer: what waits behind others in a turn of the loop has waited. */
#ifndef GALLEY_WORKER_HTTP_ROUTE_STATS_H
#define GALLEY_WORKER_HTTP_ROUTE_STATS_H

#include "common/histogram.h"
#include "worker/coro/coro.h"

/* By hundreds of the status; 0: nobody was there to be answered. */
enum { ROUTE_STATS_CLASSES = 6 };

/* The stacks of the first, second, fourth, ... request of a route are measured, then of each in so many. */
enum { ROUTE_STATS_MEASURE_EVERY = 4096 };

struct route_stats {
    uint64_t requests,
        measured_next; /* begun; the number of the next one whose stack is measured */
    uint64_t responses[ROUTE_STATS_CLASSES];
    uint64_t cancelled; /* because their client left */
    uint64_t blocked;   /* times the loop was blocked in it; see route_stats_blocked */
    size_t arena_high_bytes, stack_high_bytes;
    struct histogram latency_us;
};

void route_stats_init(struct route_stats *stats);

/* The rare half of route_stats_begin. Whether this request's stack is measured. */
bool route_stats_measure(struct route_stats *stats, galley_async *co);
/* Its other end, when nothing of it runs any more. */
void route_stats_measured(struct route_stats *stats, const galley_async *co);

/* A request has found its route. Whether its stack is measured: then route_stats_measured is due at its end. */
static inline __attribute__((always_inline)) bool route_stats_begin(struct route_stats *stats,
                                                                    galley_async *co)
{
    if (__builtin_expect(++stats->requests == stats->measured_next, 0))
        return route_stats_measure(stats, co);
    return false;
}

static inline void route_stats_end(struct route_stats *stats, unsigned response_class,
                                   uint64_t latency_us, size_t arena_bytes)
{
    stats->responses[response_class]++;
    if (arena_bytes > stats->arena_high_bytes)
        stats->arena_high_bytes = arena_bytes;
    histogram_add(&stats->latency_us, latency_us);
}

/* The loop was blocked while it ran. From any thread. */
static inline void route_stats_blocked(struct route_stats *stats)
{
    __atomic_fetch_add(&stats->blocked, 1, __ATOMIC_RELAXED);
}

#endif
