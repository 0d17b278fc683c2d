/* wait.h - waiting, tasks, scopes and cleanup for coroutines.
 * Does:     sleep, wait for a descriptor, spawn and await, gather and race, scopes with deadlines, cancel, shield, defer.
 * Does not: block a thread; a handler of the other color (galley_sync *) blocks with the calls it knows.
 *
 * Every call marked GALLEY_YIELDS may let other coroutines run. It returns 0 or a count, or -errno, and is a
 * cancellation point on entry: once the scope is cancelled it returns -ECANCELED without waiting, and so does every
 * later one. What was achieved before is never turned into -ECANCELED. -ETIMEDOUT comes only from closing the scope
 * whose own time ran out, and from calls that have a time limit of their own. */
#ifndef GALLEY_WAIT_H
#define GALLEY_WAIT_H

#include <galley/each.h>
#include <galley/value.h>

struct galley_async; /* a coroutine on the worker's loop: may wait */
struct galley_sync;  /* a thread of the worker's pool: may block */
struct galley_task;
typedef struct galley_async galley_async;
typedef struct galley_sync galley_sync;
typedef struct galley_task galley_task;

/* Why something was cancelled. The first reason wins. */
enum galley_reason {
    GALLEY_NOT_CANCELLED = 0,
    GALLEY_BY_USER,       /* galley_scope_cancel, galley_task_cancel */
    GALLEY_BY_DEADLINE,   /* a scope's time ran out */
    GALLEY_BY_DISCONNECT, /* the client left */
    GALLEY_BY_SIBLING,    /* another task of the scope failed, or won the race */
    GALLEY_BY_OVERLOAD,   /* the worker sheds load */
    GALLEY_BY_SHUTDOWN    /* the worker stops */
};

enum { GALLEY_READ = 1, GALLEY_WRITE = 2 };

/* Milliseconds of CLOCK_MONOTONIC, as the loop saw it last. */
GALLEY_API int64_t galley_now_ms(galley_async *co);

/* Wait `ms` milliseconds; 0 or less lets the others run once. 0, -ECANCELED. */
#define galley_sleep_ms(...) galley__sleep_ms(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__sleep_ms(galley_async *co, int64_t ms,
                                              const char *here) GALLEY_MUST_USE;

/* Wait until `fd` is readable or writable (GALLEY_READ | GALLEY_WRITE), at most `timeout_ms` (< 0: only the scope's
 * deadline). > 0 what is ready; -ETIMEDOUT, -ECANCELED, -EINVAL. Close such an fd with galley_close(). */
#define galley_wait_fd(...) galley__wait_fd(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__wait_fd(galley_async *co, int fd, int what, int64_t timeout_ms,
                                             const char *here) GALLEY_MUST_USE;

/* Close `fd` after waking who waits for it with -ECANCELED. Never waits. 0, or -errno of close(2): it is closed all the
 * same, unless it was never open (-EBADF). */
GALLEY_API int galley_close(galley_async *co, int fd);

/* The check for loops that compute: 0 or -ECANCELED; lets the others run when this one's budget (2 ms) is spent. */
GALLEY_API GALLEY_YIELDS int galley_checkpoint(galley_async *co) GALLEY_MUST_USE;

/* Why the innermost cancelled scope was cancelled; GALLEY_NOT_CANCELLED if none is. */
GALLEY_API enum galley_reason galley_cancel_reason(galley_async *co);

/* ---- tasks: a call that does not wait; see docs/WAITING.md for what happens when ---- */

/* Run fn(co, arg) as a task of the innermost scope. The task starts when the caller next waits. The result must be
 * awaited: a task that its handler forgot is cancelled when the handler returns, and the log names it. NULL only
 * when no coroutine is to be had (-EAGAIN from galley_await). `arg` stays the caller's and must outlive the task; the
 * task's handle is valid until its scope is closed. */
/* clang-format off */
#define galley_spawn(co, fn, arg)                                                                  \
    galley__spawn(co,                                                                              \
                  _Generic((fn), int (*)(galley_async *, __typeof__(arg)): (                       \
                      int (*)(galley_async *, void *))(void (*)(void))(fn)),                       \
                  arg, #fn, __FILE__, __LINE__)
/* clang-format on */
GALLEY_API galley_task *galley__spawn(galley_async *co, int (*fn)(galley_async *, void *),
                                      void *arg, const char *name, const char *file,
                                      int line) GALLEY_MUST_USE;

/* Wait for the task's end. What its function returned, or -ECANCELED if the caller was cancelled first
 * (the task then goes on under its own scope). A second await of the same task answers the same. */
#define galley_await(...) galley__await(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__await(galley_async *co, galley_task *task,
                                           const char *here) GALLEY_MUST_USE;

/* Ask a task to end: its waiting calls return -ECANCELED from now on; one that has not started never will. Its siblings
 * go on. Never waits; idempotent. */
GALLEY_API void galley_task_cancel(galley_task *task);

/* Several calls at once: galley_gather(co, (grill, &patties), (fry, &portions)), up to 64. Returns when all have ended.
 * 0 when each returned 0 or more; what they found is where their args point. Otherwise the first negative result, which
 * cancelled the rest; -ECANCELED when the caller was cancelled and a task noticed. -EAGAIN, and none of them has run,
 * when there are not enough coroutines. */
#define galley_gather(co, ...)                                                                     \
    galley__gather(co, GALLEY__CALLS(__VA_ARGS__), __FILE__, __LINE__, GALLEY_HERE)

/* The same, but the first result wins, a failure too: it cancels the rest, and is returned when they have ended.
 * -ECANCELED when the caller was cancelled before any had a result; -EAGAIN as above. A loser may have succeeded in the
 * same turn: what it acquired, its arg tells. */
#define galley_race(co, ...)                                                                       \
    galley__race(co, GALLEY__CALLS(__VA_ARGS__), __FILE__, __LINE__, GALLEY_HERE)

struct galley__call {
    int (*fn)(galley_async *co, void *arg);
    void *arg;
    const char *name;
};
/* clang-format off */
#define GALLEY__CALLS(...) \
    ((const struct galley__call[]){GALLEY__EACH(GALLEY__CALL, , __VA_ARGS__) {NULL, NULL, NULL}})
#define GALLEY__CALL(unused, pair) GALLEY__CALL_ pair
#define GALLEY__CALL_(fn, ...)                                                                     \
    {_Generic((fn), int (*)(galley_async *, __typeof__(__VA_ARGS__)): (                            \
         int (*)(galley_async *, void *))(void (*)(void))(fn)), (__VA_ARGS__), #fn},
/* clang-format on */
GALLEY_API GALLEY_YIELDS int galley__gather(galley_async *co, const struct galley__call *calls,
                                            const char *file, int line,
                                            const char *here) GALLEY_MUST_USE;
GALLEY_API GALLEY_YIELDS int galley__race(galley_async *co, const struct galley__call *calls,
                                          const char *file, int line,
                                          const char *here) GALLEY_MUST_USE;

/* Run fn(co, arg) in the worker's scope, after the answer if need be; at most 1,000 at once a worker, drained at stop.
 * `arg` must not belong to the request. Never waits. 0; -EAGAIN, and it will not run: there are too many, or no memory. */
/* clang-format off */
#define galley_background(co, fn, arg)                                                             \
    galley__background(co,                                                                         \
                       _Generic((fn), int (*)(galley_async *, __typeof__(arg)): (                  \
                           int (*)(galley_async *, void *))(void (*)(void))(fn)),                  \
                       arg, #fn, __FILE__, __LINE__)
/* clang-format on */
GALLEY_API int galley__background(galley_async *co, int (*fn)(galley_async *, void *), void *arg,
                                  const char *name, const char *file, int line);

/* ---- scopes: what is opened here ends here ---- */

/* Lives on the coroutine's stack; opened and closed in LIFO order. */
struct galley_scope {
    void *_private[10];
};

/* Tasks spawned from now on belong to this scope; its deadline is now + timeout_ms (< 0: none of its own), and the
 * nearest of all enclosing deadlines holds. Never waits. */
GALLEY_API void galley_scope_open(galley_async *co, struct galley_scope *scope, int64_t timeout_ms);

/* The same, and cancellation from outside does not reach in; needs a finite timeout. 0, -EINVAL. */
GALLEY_API int galley_scope_open_shielded(galley_async *co, struct galley_scope *scope,
                                          int64_t timeout_ms) GALLEY_MUST_USE;

/* Join all tasks of the scope, then leave it. 0; -ETIMEDOUT if its own time ran out; -ECANCELED if it was cancelled
 * itself; or the first negative result of its tasks (which cancelled the rest). -EINVAL if it is not open. */
#define galley_scope_close(...) galley__scope_close(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__scope_close(galley_async *co, struct galley_scope *scope,
                                                 const char *here) GALLEY_MUST_USE;

/* Cancel what runs in the scope. Never waits; idempotent. */
GALLEY_API void galley_scope_cancel(struct galley_scope *scope);

/* Run fn(co, arg) when the coroutine ends, however it ends; last in, first out; it may wait, at most 5 s in all.
 * 0, -ENOMEM. */
/* clang-format off */
#define galley_defer(co, fn, arg)                                                                  \
    galley__defer(co,                                                                              \
                  _Generic((fn), void (*)(galley_async *, __typeof__(arg)): (                      \
                      void (*)(galley_async *, void *))(void (*)(void))(fn)),                      \
                  arg)
/* clang-format on */
GALLEY_API int galley__defer(galley_async *co, void (*fn)(galley_async *, void *), void *arg);

/* ---- the other color ---- */

/* Run fn(rq, arg) on a thread of the pool and wait for its result. When the caller is cancelled, a call that has not
 * started is dropped (-ECANCELED), one that runs is waited for. -EAGAIN when the queue is full. */
/* clang-format off */
#define galley_to_thread(co, fn, arg)                                                              \
    galley__to_thread(co,                                                                          \
                      _Generic((fn), int (*)(galley_sync *, __typeof__(arg)): (                    \
                          int (*)(galley_sync *, void *))(void (*)(void))(fn)),                    \
                      arg, GALLEY_HERE)
/* clang-format on */
GALLEY_API GALLEY_YIELDS int galley__to_thread(galley_async *co, int (*fn)(galley_sync *, void *),
                                               void *arg, const char *here) GALLEY_MUST_USE;

/* Whether the work of this thread is still wanted. Any time, from the thread it was given to. */
GALLEY_API bool galley_is_cancelled(const galley_sync *rq);

#endif
