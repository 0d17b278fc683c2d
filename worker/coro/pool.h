/* pool.h - the threads of a worker, for what blocks: sync handlers and galley_to_thread.
 * Does:     a bounded queue, lazily started threads (idle ones leave after 10 s), results handed back in batches
 *           through one eventfd (written only when the list of finished jobs was empty).
 * Does not: cancel what runs: a flag tells it; what is still queued is taken out. */
#ifndef GALLEY_WORKER_CORO_POOL_H
#define GALLEY_WORKER_CORO_POOL_H

#include <stdatomic.h>

#include "worker/coro/coro.h"

struct pool;

/* What a sync function gets; lives in the waiting coroutine's frame. */
struct galley_sync {
    void *request; /* struct galley_request */
    atomic_bool is_cancelled;
};

struct pool_opts {
    size_t max_threads, max_queued; /* 0: 8, 128 */
    struct stats *stats;            /* threads_*; NULL for a private one alone */
    bool is_private;                /* for one purpose: galley__to_thread does not find it */
};

/* One per scheduler, which finds it again for galley__to_thread, and private ones. NULL with errno. */
struct pool *pool_new(struct sched *sched, const struct pool_opts *opts);
/* Waits at most `grace_ms` for running jobs; false if some are stuck (then leave with _exit). */
bool pool_free(struct pool *pool, int64_t grace_ms);

/* Bring threads_live, threads_busy and threads_queued up to date, before a report: threads start jobs unseen. */
void pool_note_stats(struct pool *pool);

/* Whether a job is queued or runs, or has ended unseen by the loop. */
bool pool_is_busy(struct pool *pool);

/* Run fn(rq, arg) on a thread and wait. Its result; -EAGAIN the queue is full; -ECANCELED taken out before it ran. */
GALLEY_YIELDS int pool_run(struct pool *pool, galley_async *co, int (*fn)(galley_sync *, void *),
                           void *arg) __attribute__((warn_unused_result));

/* The same, told as what it is in `galley ps`. */
struct pool_call {
    int (*fn)(galley_sync *, void *);
    void *arg;
    void (*interrupt)(
        void *arg); /* on the loop, while fn runs: the caller was cancelled; may be NULL */
    const char *why, *what, *here; /* as of coro_suspend_for; `why` is never NULL */
};
GALLEY_YIELDS int pool_call(struct pool *pool, galley_async *co, const struct pool_call *call)
    __attribute__((warn_unused_result));
/* Run it some time, and no coroutine waits for it; pool_free does. `done` is then called with `arg` on the loop; may be
 * NULL. 0; -EAGAIN, -ENOMEM: neither will run. */
int pool_post(struct pool *pool, int (*fn)(galley_sync *, void *), void *arg,
              void (*done)(void *arg)) __attribute__((warn_unused_result));

#endif
