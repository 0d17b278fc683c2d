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

#define CORO_STATES(X) X(FREE) X(READY) X(RUNNING) X(CALLING) X(WAITING) X(DONE)
enum coro_state {
#define X(state) CORO_##state,
    CORO_STATES(X)
#undef X
};

struct sched;
struct coro_defer;

enum scope_race { RACE_NONE, RACE_OPEN, RACE_WON };

/* What wait.h's struct galley_scope holds; see scope.c. */
struct scope {
    struct scope *parent; /* the enclosing one: of this coroutine, or where its task was spawned */
    struct galley_async *co;   /* whose stack it is on; NULL for the worker's own */
    struct list tasks;         /* struct galley_task.in_scope, not yet finished */
    struct galley_task *ended; /* its finished tasks, through galley_task.next */
    int64_t deadline_ms;       /* its own, absolute; INT64_MAX: none */
    int first_error;           /* the first negative result of its tasks; of a race, the winner's */
    uint8_t reason;            /* enum galley_reason: why this very scope was cancelled */
    uint8_t race;              /* enum scope_race: whether the first result ends the others */
    bool is_shielded;
};

/* What galley_spawn returns; in the arena of its request, valid until its scope is closed. */
struct galley_task {
    struct list in_scope;
    struct galley_task *next; /* in scope->ended, or among the spare ones */
    struct scope *scope;      /* where it was spawned */
    struct galley_async *co;  /* what runs it; NULL once it has ended */
    struct list waits;        /* struct task_wait: who awaits it */
    int (*fn)(struct galley_async *co, void *arg);
    void *arg;
    int result;
    int line;
    const char *name, *file;
    bool is_awaited, was_cancelled, is_on_heap;
};

/* The control block; lies at the top of its stack. Only worker/coro/ touches it, but for arena and request. Ordered by
 * what a turn touches: with many suspended coroutines each line of it is cold. */
struct galley_async {
    struct coro_ctx ctx;
    struct sched *sched;
    uint8_t state; /* enum coro_state */
    uint8_t
        cancel_reason; /* of the nearest cancelled scope that no shield hides: what a cancellation point loads */
    bool
        is_interrupted; /* READY because of a cancellation or a timeout: a wake may still bring a result */
    bool is_cleaning; /* runs its defers */
    uint8_t budget;   /* operations left before others get a turn */
    int wake_result;
    uint32_t timer;      /* slot in the timer heap + 1; 0: none */
    int64_t deadline_ms; /* the nearest of its unshielded scopes */
    int64_t until_ms;    /* while WAITING: when the wait itself times out */

    struct list link;    /* in the ready queue */
    struct scope *scope; /* the innermost */
    void *arg;
    void (*on_end)(void *arg); /* on the loop's stack, after its end; may be NULL */
    struct coro_defer *defers; /* last first */
    int64_t resumed_at_us;     /* for the budget of galley_checkpoint; 0: not asked yet */
    struct scope
        *joining; /* while it waits for a scope's tasks (or for what cannot be cancelled) */

    struct scope root;
    struct arena *arena;     /* of the request, shared with its tasks; NULL: the heap */
    void *request;           /* struct galley_request; tasks have their request's */
    const char *waiting_for; /* static words while WAITING: "sleep", "readable", "thread" ... */
    const char *here;        /* "file.c:41", the call in which it waits; NULL: not known */
    int64_t
        waiting_on; /* of "readable", "writable", "ready": the fd; of "task": its coroutine's id */
    const char
        *waiting_what; /* of a remote call, as long as it waits: "GET http://..."; NULL: nothing */
    char *why;         /* in the arena: what galley_why tells; NULL: nothing has failed */

    void (*entry)(struct galley_async *co, void *arg);
    struct galley_task *task;  /* it runs as; NULL for a request's own coroutine */
    struct galley_task *spare; /* tasks of closed scopes, to be used again */
    const char *name, *file;   /* what it runs, and where it was started */
    int line;
    uint32_t ignored_count; /* calls refused because of a cancellation */
    uint64_t id;
    int64_t started_ms;
    char *stack_low;  /* the lowest address of its stack, above the guard */
    void *fake_stack; /* AddressSanitizer's */
    void *fiber;      /* ThreadSanitizer's */
    unsigned valgrind_id;
};

struct sched_opts {
    size_t stack_bytes;    /* 0: 256 KiB */
    size_t max_coroutines; /* 0: 10,000 */
    struct stats *stats;   /* coroutines_*, tasks_not_awaited, background_active; never NULL */
    bool use_prot_none;    /* guards by mprotect even where the kernel has guard pages (tests) */
    int64_t (*fake_now_ms)(void); /* instead of the loop's clock (tests); NULL */
    /* Before which of `ready`, or at its end, who becomes ready is put (tests); NULL: first come, first served. */
    struct list *(*fake_place)(struct list *ready);
};

/* One per worker, after fork. NULL with errno: ENOMEM; EINVAL for a stack under 64 KiB or over 8 MiB; ENOTSUP where
 * shadow stacks are enforced and the switch is our own. sched_free wants all coroutines ended. */
struct sched *sched_new(struct loop *loop, const struct sched_opts *opts);
void sched_free(struct sched *sched);

/* Run what is ready (at most 128 resumes) and fire due timers; called before each poll of the loop.
 * How long the poll may wait: 0, ms, or -1. */
int64_t sched_run(struct sched *sched);

size_t sched_live_count(const struct sched *sched);
/* Now and then: give memory of stacks back that are not needed any more, at most some 0.1 ms long. */
void sched_trim(struct sched *sched);
/* Whether something from outside may wake a coroutine: a descriptor, a thread. Otherwise time alone does. */
bool sched_expects_events(const struct sched *sched);
/* One more (+1) or one fewer (-1) outside of coro/ that may do so: a remote call that waits for its answer. */
void sched_expect_events(struct sched *sched, int change);
/* The id of the one that was started last: later ones are greater. */
uint64_t sched_last_id(const struct sched *sched);
/* The coroutine that runs now; NULL on the loop's own stack. */
galley_async *sched_current(const struct sched *sched);
struct loop *sched_loop(const struct sched *sched);
/* What remote calls stand on (worker/io/remotes.h); NULL where there is none. */
void *sched_remotes(const struct sched *sched);
void sched_set_remotes(struct sched *sched, void *remotes);
/* The application whose coroutines they are (worker/app/app.h); NULL before it is started. */
void *sched_app(const struct sched *sched);
void sched_set_app(struct sched *sched, void *app);
/* The live coroutines one after the other, `*at` starting with 0; NULL after the last. */
galley_async *sched_next_live(struct sched *sched, size_t *at);
/* More about what a WAITING one waits for than `waiting_for` says: "212 ms", "fd 7", "#12" (a task); "" if nothing is. */
enum { CORO_DETAIL_BYTES = 128 };
void coro_wait_detail(const galley_async *co, char *out, size_t size);
/* What a text begins with, on one line: white space is one blank; the last character is whole. */
void coro_brief(char *out, size_t size, const char *text);
/* "file.c:41" taken apart; false: it is no place. */
bool coro_place(const char *here, galley_str *file, int *line);
/* Whose task it is; 0: nobody's. */
uint64_t coro_parent_id(const galley_async *co);
/* One log line for each live coroutine, up to 200: id, name, file:line, state, what it waits for, and where. */
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
int coro_start(struct sched *sched, const struct coro_opts *opts)
    __attribute__((warn_unused_result));

/* Wait until coro_wake. `why` is static. The result given to coro_wake; -ECANCELED when cancelled before or while
 * waiting; -ETIMEDOUT once `until_ms` (absolute; INT64_MAX: never) has passed. A wake that comes together with a
 * cancellation wins: what was achieved is not lost. After an error the caller withdraws what it registered with the waker. */
GALLEY_YIELDS int coro_suspend(galley_async *co, const char *why, int64_t until_ms)
    __attribute__((warn_unused_result));

/* Let a WAITING coroutine go on with `result`; for one that is not waiting it changes nothing. On the loop's thread. */
void coro_wake(galley_async *co, int result);

/* Have fn(arg) run on the loop's own stack: its memory is warm, where each line of a coroutine's stack that is touched for the
 * first time is cold. It must not wait; some ns. */
void coro_call_on_loop(galley_async *co, void (*fn)(void *arg), void *arg);

/* 0 or -ECANCELED: one load. */
static inline int coro_check(const galley_async *co)
{
    return __builtin_expect(co->cancel_reason != GALLEY_NOT_CANCELLED, 0) ? -ECANCELED : 0;
}

/* Cancel a coroutine's root scope (a disconnect, shutdown). Marks and enqueues; never switches. */
void coro_cancel(galley_async *co, enum galley_reason reason);
/* Replace the root scope's deadline (absolute; INT64_MAX: none). */
void coro_set_deadline(galley_async *co, int64_t deadline_ms);

/* The same wait, with what `galley ps` tells of it: `what` lives until the return (NULL: nothing to tell), `here` is static. */
GALLEY_YIELDS int coro_suspend_for(galley_async *co, const char *why, const char *what,
                                   const char *here, int64_t until_ms)
    __attribute__((warn_unused_result));

/* Note why a remote call failed, for galley_why of this coroutine and of those whose tasks it is part of: "%s (shop.c:41)"
 * where `here` is known. Returns -error (given either way round); a cancellation is returned and not noted. */
int coro_fail(galley_async *co, int error, const char *here, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same wait, deaf to cancellation: for what must be seen through, and will surely be woken. */
GALLEY_YIELDS int coro_suspend_deaf(galley_async *co, const char *why);
/* Let the others and one poll of the loop go first. Deaf to cancellation. */
GALLEY_YIELDS void coro_yield(galley_async *co);
/* For calls that succeeded without waiting: after 128 of them in a row the others get a turn. */
static inline GALLEY_YIELDS void coro_spend(galley_async *co)
{
    if (__builtin_expect(--co->budget == 0, 0))
        coro_yield(co);
}

/* Hands the tasks of scopes that were left open to the scope around them: their memory is gone with the frame they were
 * in, so nothing may be called between the return of an entry or a handler and this. True if there were any. */
static inline __attribute__((always_inline)) bool coro__adopt_left_open(galley_async *co,
                                                                        struct scope *outer)
{
    if (__builtin_expect(co->scope == outer, 1))
        return false;
    for (struct scope *s = co->scope; s != outer; s = s->parent) {
        for (struct list *node = s->tasks.next, *next; node != &s->tasks; node = next) {
            struct galley_task *task = LIST_ENTRY(node, struct galley_task, in_scope);
            next = node->next;
            task->scope = outer;
            task->is_awaited = true; /* its scope would have waited for it */
            if (task->co)
                task->co->root.parent = outer;
            list_append(&outer->tasks, node);
        }
        for (struct galley_task *task = s->ended, *next; task; task = next) {
            next = task->next;
            task->is_awaited = true;
            task->next = outer->ended;
            outer->ended = task;
        }
    }
    co->scope = outer;
    return true;
}

/* Called by a handler's caller, first thing when the handler has returned: cancel and join what it spawned into the
 * root scope and did not await (each is logged: `task get_results (main.c:12) was never awaited`). Coroutine end
 * does it too. */
GALLEY_YIELDS void coro__settle(galley_async *co, bool had_open_scope);
GALLEY_YIELDS void coro__settle_from_below(galley_async *co, bool had_open_scope);
static inline __attribute__((always_inline)) GALLEY_YIELDS void
coro_join_forgotten(galley_async *co)
{
    bool had_open_scope = coro__adopt_left_open(co, &co->root);
    if (!list_is_empty(&co->root.tasks))
        coro__settle_from_below(co, had_open_scope);
    else if (had_open_scope || co->root.ended)
        coro__settle(co, had_open_scope);
}
/* Run the defers, last in first out, in a 5 s shield, while the memory they use still stands. Coroutine end does it too. */
GALLEY_YIELDS void coro_run_defers(galley_async *co);
const char *coro_state_name(enum coro_state state);

/* Measure how deep the running coroutine's stack goes from here on: its pages below the caller's are given back. Some us.
 * false: the kernel refuses (locked memory), or it is not its stack. */
bool coro_depth_start(galley_async *co) GALLEY_MUST_USE;
/* The bytes from the top of its stack (control block included) to the deepest page touched since; 0: not known. */
size_t coro_depth_bytes(const galley_async *co);

#endif
