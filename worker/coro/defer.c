/* defer.c - what a coroutine runs at its end, however it ends.
 * Does:     keep (function, argument) pairs, last first; run them in a shield of 5 s in all; they may wait.
 * Does not: free memory: the arena of the request dies after them.
 * See:      galley/wait.h, t/unit/worker/coro/defer.c */
#include <stdlib.h>

#include "common/log.h"
#include "worker/coro/sched.h"

struct coro_defer {
    struct coro_defer *next;
    void (*fn)(galley_async *co, void *arg);
    void *arg;
    bool is_on_heap;
};

int galley__defer(galley_async *co, void (*fn)(galley_async *, void *), void *arg)
{
    struct coro_defer *defer =
        co->arena ? arena_alloc(co->arena, sizeof *defer) : malloc(sizeof *defer);
    if (!defer)
        return -ENOMEM;
    *defer =
        (struct coro_defer){.next = co->defers, .fn = fn, .arg = arg, .is_on_heap = !co->arena};
    co->defers = defer;
    return 0;
}

void coro_run_defers(galley_async *co)
{
    if (!co->defers)
        return;
    struct scope shield;
    scope_push(co, &shield, sched_in_ms(co->sched, DEFER_MS), true);
    co->is_cleaning = true;
    for (struct coro_defer *defer; (defer = co->defers) != NULL;) {
        void (*fn)(galley_async *, void *) = defer->fn;
        void *arg = defer->arg;
        co->defers = defer->next;
        if (defer->is_on_heap)
            free(defer);
        fn(co, arg);
        bool had_open_scope = coro__adopt_left_open(co, &shield);
        if (!list_is_empty(&shield.tasks))
            scope_join_from_below(co, &shield);
        if (had_open_scope)
            log_line(LOG_LEVEL_ERROR, "scope_left_open", "a defer of %s (%s:%d) left a scope open",
                     co->name, co->file, co->line);
    }
    if (scope_close(co, &shield) == -ETIMEDOUT)
        log_line(LOG_LEVEL_WARN, "cleanup_timed_out", "the cleanup of %s (%s:%d) took over %d ms",
                 co->name, co->file, co->line, DEFER_MS);
    co->is_cleaning = false;
}
