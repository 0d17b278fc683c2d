/* conn_pool.h - connections that coroutines borrow one at a time.
 * Does:     at most `max_open` connections; idle ones last in, first out, so that few stay hot; who waits is served first
 *           come, first served, a connection going from hand to hand; a cancelled waiter gives on what it was just given.
 * Does not: know what a connection is: see struct conn_pool_ops. One thread, no locks.
 * See:      t/unit/worker/io/conn_pool.c: every interleaving of grant and cancellation. */
#ifndef GALLEY_WORKER_IO_CONN_POOL_H
#define GALLEY_WORKER_IO_CONN_POOL_H

#include "common/list.h"
#include "worker/coro/coro.h"

struct pooled {       /* the first member of a connection */
    struct list link; /* in pool->idle, or unlinked */
    int64_t opened_ms, idle_since_ms;
    int64_t expires_ms; /* too old from then on */
};

struct conn_pool_ops {
    /* Open one, in the coroutine that needs it. 0, -errno (with coro_fail's sentence). */
    GALLEY_YIELDS int (*open)(galley_async *co, void *arg, struct pooled **conn, const char *here);
    /* Whether an idle one still stands: a look that never waits (recv with MSG_PEEK). */
    bool (*is_alive)(struct pooled *conn);
    /* Never waits. */
    void (*close)(struct pooled *conn);
};

struct conn_pool_opts {
    size_t max_open;       /* 0: 4 */
    size_t max_waiting;    /* 0: 10,000 */
    int64_t max_wait_ms;   /* 0: only the scope's deadline */
    int64_t look_after_ms; /* an idle one is looked at when it was idle for so long; 0: 1,000 */
    int64_t
        max_age_ms; /* 0: 30 minutes; each a little less or more, so that not all end together */
    int64_t close_idle_ms; /* 0: 60 s: one that nobody has borrowed for so long is closed */
    const char *kind;      /* static: "postgresql", for who waits */
};

struct conn_pool_stats { /* since the start */
    uint64_t taken, waited, waited_us, refused, opened, closed;
    size_t open_now, idle_now, waiting_now; /* open_now: those that are being opened, too */
};

struct conn_pool;
/* Counts for the statistics of the worker, too (pool_*), where the scheduler has remotes. NULL with errno. */
struct conn_pool *conn_pool_new(struct sched *sched, const struct conn_pool_ops *ops, void *arg,
                                const struct conn_pool_opts *opts);
/* All are idle and nobody waits. */
void conn_pool_free(struct conn_pool *pool);

/* Borrow one. 0; -GALLEY_EFULL too many wait; -ETIMEDOUT after max_wait_ms; -ECANCELED; what open answered. */
GALLEY_YIELDS int conn_pool_take(galley_async *co, struct conn_pool *pool, struct pooled **conn,
                                 const char *here) __attribute__((warn_unused_result));
/* Give it back; one with an unfinished exchange is not `is_reusable` and gets closed. Never waits. */
void conn_pool_give(struct conn_pool *pool, struct pooled *conn, bool is_reusable);
/* A connection was lost: look at all idle ones and close those that are dead; for the next `look_after_ms` each is looked at
 * before it is borrowed. */
void conn_pool_suspect(struct conn_pool *pool);
/* An idle one is known to be dead: close it. Nothing for one that is borrowed. */
void conn_pool_drop(struct conn_pool *pool, struct pooled *conn);
/* How long answers may be left to gather before the loop looks at them; 0 where nobody waits for a connection. An eighth of
 * the time for which one is borrowed, at most CONN_POOL_LINGER_MAX_US, if two answers or more are to be expected. */
enum { CONN_POOL_LINGER_MAX_US = 500 };
int64_t conn_pool_linger_us(const struct conn_pool *pool);
const struct conn_pool_stats *conn_pool_stats(const struct conn_pool *pool);

#endif
