/* sched.h - the scheduler's insides, shared by the files of worker/coro/ alone.
 * Does:     struct sched; the timer heap; scopes; enqueueing.
 * Does not: belong to anybody outside of this folder: see coro.h and pool.h. */
#ifndef GALLEY_WORKER_CORO_SCHED_H
#define GALLEY_WORKER_CORO_SCHED_H

#include "worker/coro/coro.h"
#include "worker/coro/stack.h"

enum {
    SCHED_RESUMES_PER_TURN = 128,
    SCHED_TOGETHER = 8, /* fired together, then resumed */
    CORO_BUDGET_OPERATIONS = 128,
    CORO_BUDGET_US = 2000,
    CORO_IGNORED_MAX = 1000, /* refused calls until the log names who ignores its cancellation */
    BACKGROUND_MAX = 1000,
    DEFER_MS = 5000,
    FD_BUCKETS = 64,
    /* How much of the frame of a function that left its tasks alone stays untouched until they have ended. */
    LEFT_FRAME_BYTES = 7 << 10
};

struct timer_entry {
    int64_t at_ms;
    uint32_t slot;
};

struct timer_slot {
    galley_async *co;
    uint32_t at; /* in entries, or TIMER_TAKEN; of a free slot: the next free one + 1, 0: none */
};
enum { TIMER_TAKEN = UINT32_MAX };

/* A heap of four children a node; room for every coroutine is made when its stack is. Moving an entry touches its slot,
 * not its coroutine: that lies in a page of its own, which is cold. */
struct timer_heap {
    struct timer_entry *entries;
    struct timer_slot *slots;
    size_t count, room;
    uint32_t free; /* slot + 1 */
};

struct pool;

struct sched {
    struct coro_ctx ctx; /* of the loop */
    galley_async *current;
    void (*call)(void *arg); /* what `current` is CALLING for; NULL: nothing */
    void *call_arg;
    struct list ready;
    struct list yielded; /* ready in the next turn, after a poll */
    struct timer_heap timers;
    struct loop *loop;
    struct stats *stats;
    struct stack_pool stacks;
    struct scope scope; /* the worker's: background work */
    struct pool *pool;
    void *remotes, *app;
    size_t expected_count; /* events that others than coro/ wait for */
    int64_t (*fake_now_ms)(void);
    struct list *(*fake_place)(struct list *ready);
    size_t live_count, background_count;
    uint64_t next_id, resume_count;
    struct list fd_waits[FD_BUCKETS];
    void *fake_stack; /* AddressSanitizer's, of the loop */
    void *fiber;      /* ThreadSanitizer's */
    const void *loop_stack;
    size_t loop_stack_bytes;
};

static inline int64_t sched_now_ms(const struct sched *sched)
{
    return __builtin_expect(sched->fake_now_ms != NULL, 0) ? sched->fake_now_ms()
                                                           : loop_now_ms(sched->loop);
}
/* now + ms, without overflow. */
static inline int64_t sched_in_ms(const struct sched *sched, int64_t ms)
{
    int64_t now_ms = sched_now_ms(sched);
    return ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ms;
}

/* A coroutine with the innermost state of `parent` (may be NULL), READY but in no queue. NULL: at the cap. */
galley_async *coro_new(struct sched *sched, const struct coro_opts *opts, struct scope *parent);
/* Put it at the end of the ready queue. */
void coro_enqueue(galley_async *co);
/* Let a WAITING one go on with what no waker brought: -ECANCELED, -ETIMEDOUT. A wake may still overrule it. */
void coro_interrupt(galley_async *co, int result);
/* The refusal of a cancellation point: looks at the clock too. 0 or -ECANCELED (counted). */
GALLEY_YIELDS int coro_check_point(galley_async *co);

int timer_reserve(struct timer_heap *heap, size_t count);
void timer_heap_release(struct timer_heap *heap);
void timer_set(struct timer_heap *heap, galley_async *co, int64_t at_ms);
void timer_remove(struct timer_heap *heap, galley_async *co);
/* Take up to `room` of those out that are due at `now_ms`, the first one first, without a look at their coroutines; their
 * slots stay theirs until timer_remove or timer_set. How many. */
size_t timer_take_due(struct timer_heap *heap, int64_t now_ms, uint32_t *slots, size_t room);
/* Whose slot that is; NULL: its timer was removed or set anew since. */
galley_async *timer_taken(const struct timer_heap *heap, uint32_t slot);

static inline void scope_init(struct scope *scope, galley_async *co, struct scope *parent)
{
    *scope = (struct scope){.parent = parent, .co = co, .deadline_ms = INT64_MAX};
    list_init(&scope->tasks);
}
void scope_push(galley_async *co, struct scope *scope, int64_t deadline_ms, bool is_shielded);
/* Join and leave the innermost scope. What galley_scope_close answers. */
GALLEY_YIELDS int scope_close(galley_async *co, struct scope *scope);
GALLEY_YIELDS void scope_join(galley_async *co, struct scope *scope);
/* The same, after a function has returned to whose frame the tasks may still write. */
GALLEY_YIELDS void scope_join_from_below(galley_async *co, struct scope *scope);
/* Whether what runs in it is cancelled: itself, or from further out. */
bool scope_is_cancelled(const struct scope *scope);
/* First reason wins. Marks it and all below; wakes who waits there. */
void scope_cancel(struct scope *scope, enum galley_reason reason);
/* Cancel those of its unshielded scopes whose time has run out. */
void scope_expire(galley_async *co, int64_t now_ms);
/* Recompute what co caches of its scopes. */
void coro_refresh(galley_async *co);
/* The same for everything in `scope` and below. */
void scope_spread(struct scope *scope);

/* Tasks whose scope has ended: may be used again. */
void tasks_recycle(galley_async *co, struct scope *scope);

#endif
