/* gather.c - several calls at once: all of them, or the first of them.
 * Does:     spawn each into a scope of their own, wait for the end of all, and say what came of it.
 * Does not: judge results: task.c (tell_scope) ends the others at the first failure, or at the first result of a race.
 * See:      galley/wait.h, docs/WAITING.md, t/unit/worker/coro/gather.c */
#include "worker/coro/sched.h"

/* All or none: a task that was spawned runs when the caller waits, and does not if it is cancelled before. */
static void spawn_all(galley_async *co, struct scope *scope, const struct galley__call *calls,
                      const char *file, int line)
{
    for (; calls->fn; calls++) {
        if (galley__spawn(co, calls->fn, calls->arg, calls->name, file, line))
            continue;
        scope->first_error = -EAGAIN;
        if (scope->race == RACE_OPEN)
            scope->race = RACE_WON;
        scope_cancel(scope, GALLEY_BY_OVERLOAD);
        return;
    }
}

static GALLEY_YIELDS void run_all(galley_async *co, struct scope *scope,
                                  const struct galley__call *calls, const char *file, int line,
                                  const char *here)
{
    spawn_all(co, scope, calls, file, line);
    co->joining = scope;
    co->here = here;
    while (!list_is_empty(&scope->tasks))
        coro_suspend_deaf(co, scope->race == RACE_NONE ? "gather" : "race");
    co->joining = NULL;
    co->here = NULL;
    (void)scope_close(co, scope);
}

int galley__gather(galley_async *co, const struct galley__call *calls, const char *file, int line,
                   const char *here)
{
    struct scope scope;
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    scope_push(co, &scope, INT64_MAX, false);
    run_all(co, &scope, calls, file, line, here);
    return scope.first_error;
}

int galley__race(galley_async *co, const struct galley__call *calls, const char *file, int line,
                 const char *here)
{
    struct scope scope;
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    if (!calls->fn)
        return -EINVAL;
    scope_push(co, &scope, INT64_MAX, false);
    scope.race = RACE_OPEN;
    run_all(co, &scope, calls, file, line, here);
    return scope.race == RACE_WON ? scope.first_error : -ECANCELED;
}
