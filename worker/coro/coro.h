/* coro.h - coroutines of one worker: start, suspend, wake; the scheduler between the loop's polls.
 * Does:     give each coroutine a pooled stack, run the ready ones in order, keep their timers and deadlines.
 * Does not: know sockets or HTTP. The public waiting calls (wait.h) stand on coro_suspend, coro_wake and scopes.
 * See:      ctx.h (the switch), stack.h (slabs and guards), scope.c, task.c, pool.h (threads), docs/WAITING.md.
 *
 * One thread; coroutines never migrate. A wake enqueues, never switches; coro_start, called on the loop's own stack,
 * switches at once. */
#ifndef GALLEY_WORKER_CORO_CORO_H
#define GALLEY_WORKER_CORO_CORO_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <galley/wait.h>

#include "common/arena.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/stats.h"
#include "worker/coro/ctx.h"

#define CORO_STATES(X) X(FREE) X(READY) X(RUNNING) X(WAITING) X(DONE)
enum coro_state {
#define X(state) CORO_##state,
    CORO_STATES(X)
#undef X
};

struct sched;
struct coro_defer;

/* What wait.h's struct galley_scope holds; see scope.c. */
struct scope {
    struct scope *parent;    /* the enclosing one: of this coroutine, or where its task was spawned */
    struct galley_async *co; /* whose stack it is on; NULL for the worker's own */
    struct list tasks;       /* struct galley_task.in_scope, not yet finished */
    int64_t deadline_ms;     /* its own, absolute; INT64_MAX: none */
    int first_error;         /* the first negative result of its tasks */
    uint8_t reason;          /* enum galley_reason: why this very scope was cancelled */
    bool is_shielded;
};

/* The control block; lies at the top of its stack. Only worker/coro/ touches it, but for arena and request. */
struct galley_async {
    struct coro_ctx ctx;
    struct sched *sched;
    enum coro_state state;
    uint8_t cancel_reason; /* of the nearest cancelled scope that no shield hides: what a cancellation point loads */
    int wake_result;
    int64_t deadline_ms; /* the nearest of its unshielded scopes */
    struct scope *scope; /* the innermost */
    struct scope root;
    struct list link;    /* in the ready queue, or the free list */
    uint32_t timer_at;   /* place in the timer heap + 1; 0: none */
    int64_t timer_ms;
    int64_t resumed_at_us;    /* for the budget of galley_checkpoint */
    struct arena *arena;      /* of the request, shared with its tasks; NULL: the heap */
    void *request;            /* struct galley_request; tasks have their request's */
    struct galley_task *task; /* it runs as; NULL for a request's own coroutine */
    struct coro_defer *defers; /* last first */
    const char *name, *file;   /* what it runs, and where it was started */
    int line;
    int saved_errno;
    const char *waiting_for; /* static words while WAITING: "sleep", "readable", "thread" ... */
    uint64_t id;
    struct list all; /* in the scheduler's list of live ones */
    void (*entry)(galley_async *co, void *arg);
    void *arg;
    void (*on_end)(void *arg); /* on the loop's stack, after its end; may be NULL */
};

struct sched_opts {
    size_t stack_bytes;    /* 0: 256 KiB */
    size_t max_coroutines; /* 0: 10,000 */
    struct stats *stats;   /* coroutines_*, tasks_not_awaited, background_active; never NULL */
};

/* One per worker, after fork. NULL with errno. sched_free wants all coroutines ended. */
struct sched *sched_new(struct loop *loop, const struct sched_opts *opts);
void sched_free(struct sched *sched);

/* Run what is ready (at most 128 resumes) and fire due timers; called before each poll of the loop.
 * How long the poll may wait: 0, ms, or -1. */
int64_t sched_run(struct sched *sched);

size_t sched_live_count(const struct sched *sched);
/* The coroutine that runs now; NULL on the loop's own stack. */
galley_async *sched_current(const struct sched *sched);
struct loop *sched_loop(const struct sched *sched);
/* One log line for each live coroutine: id, name, file:line, state, what it waits for. */
void sched_dump(struct sched *sched);
/* Cancel everything that runs, background work included. */
void sched_cancel_all(struct sched *sched, enum galley_reason reason);

struct coro_opts {
    const char *name; /* static */
    void (*entry)(galley_async *co, void *arg);
    void *arg;
    void (*on_end)(void *arg);
    int64_t timeout_ms; /* deadline of the root scope, from now; < 0: none */
};
/* Start a coroutine at once; returns when it first waits or has ended. Only on the loop's own stack.
 * 1 it waits; 0 it has ended (on_end was called); -EAGAIN at the cap or without memory (counted). */
int coro_start(struct sched *sched, const struct coro_opts *opts) __attribute__((warn_unused_result));

/* Wait until coro_wake. `why` is static. The result given to coro_wake; -ECANCELED when cancelled before or while
 * waiting; -ETIMEDOUT once `until_ms` (absolute; INT64_MAX: never) has passed. A wake that comes together with a
 * cancellation wins: what was achieved is not lost. After an error the caller withdraws what it registered with the waker. */
GALLEY_YIELDS int coro_suspend(galley_async *co, const char *why, int64_t until_ms)
    __attribute__((warn_unused_result));

/* Let a WAITING coroutine go on with `result`; for one that is not waiting it changes nothing. On the loop's thread. */
void coro_wake(galley_async *co, int result);

/* 0 or -ECANCELED: one load. */
static inline int coro_check(const galley_async *co)
{
    return __builtin_expect(co->cancel_reason != GALLEY_NOT_CANCELLED, 0) ? -ECANCELED : 0;
}

/* Cancel a coroutine's root scope (a disconnect, shutdown). Marks and enqueues; never switches. */
void coro_cancel(galley_async *co, enum galley_reason reason);
/* Replace the root scope's deadline (absolute; INT64_MAX: none). */
void coro_set_deadline(galley_async *co, int64_t deadline_ms);
/* Called by a handler's caller when the handler has returned: cancel and join what it spawned into the root scope and
 * did not await (each is logged: `task get_results (main.c:12) was never awaited`). Coroutine end does it too. */
GALLEY_YIELDS void coro_join_forgotten(galley_async *co);
/* Run the defers, last in first out, in a 5 s shield, while the memory they use still stands. Coroutine end does it too. */
GALLEY_YIELDS void coro_run_defers(galley_async *co);
const char *coro_state_name(enum coro_state state);

#endif
