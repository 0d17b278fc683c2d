/* task.c - calls that do not wait: spawn, await, cancel; background work; what happens to the forgotten.
 * Does:     run a function as a coroutine of its own in the innermost scope, keep its result for who awaits it.
 * Does not: outlive: a task's scope joins it. A task that is cancelled before it started never runs its function.
 * See:      galley/wait.h, docs/WAITING.md, t/unit/worker/coro/task.c */
#include <stdlib.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/coro/sanitize.h"
#include "worker/coro/sched.h"

enum { BACKGROUND_ARENA_MAX_BYTES = 16 << 20 };

struct task_wait {
    struct list link;
    galley_async *co;
};

struct background {
    struct galley_task task;
    struct arena arena;
    struct sched *sched;
};

static void task_main(galley_async *co, void *arg)
{
    struct galley_task *task = arg;
    task->result = coro_check(co) < 0 ? -ECANCELED : task->fn(co, task->arg);
}

/* End the others, unless a reason from further out has already: the first one holds. */
static void end_others(struct scope *scope, int result)
{
    scope->first_error = result;
    if (!scope_is_cancelled(scope))
        scope_cancel(scope, GALLEY_BY_SIBLING);
}

/* The first result ends a race; what a cancellation from outside has made of a task is none. */
static void tell_race(struct scope *scope, const struct galley_task *task)
{
    if (scope->race == RACE_WON || (task->result == -ECANCELED && scope_is_cancelled(scope)))
        return;
    scope->race = RACE_WON;
    end_others(scope, task->result);
}

/* The first failure in a scope that was opened ends the others; who asked one task to end meant only that one. */
static void tell_scope(struct scope *scope, const struct galley_task *task)
{
    bool is_opened = scope->co && scope != &scope->co->root;
    if (scope->race != RACE_NONE)
        tell_race(scope, task);
    else if (is_opened && task->result < 0 && scope->first_error == 0 &&
             !(task->was_cancelled && task->result == -ECANCELED))
        end_others(scope, task->result);
    if (scope->co && scope->co->joining == scope && list_is_empty(&scope->tasks))
        coro_wake(scope->co, 0);
}

static void task_ended(void *arg)
{
    struct galley_task *task = arg;
    struct scope *scope = task->scope;
    task->co = NULL;
    list_remove(&task->in_scope);
    task->next = scope->ended;
    scope->ended = task;
    for (struct list *node; (node = list_take_first(&task->waits)) != NULL;)
        coro_wake(LIST_ENTRY(node, struct task_wait, link)->co, 0);
    tell_scope(scope, task);
}

/* Give a task its coroutine, which runs when its turn comes. NULL at the cap. */
static galley_async *task_start(struct sched *sched, struct galley_task *task, struct scope *scope,
                                const struct coro_opts *opts)
{
    galley_async *co = coro_new(sched, opts, scope);
    if (!co)
        return NULL;
    co->task = task;
    co->file = task->file;
    co->line = task->line;
    task->co = co;
    task->scope = scope;
    list_init(&task->waits);
    list_append(&scope->tasks, &task->in_scope);
    coro_enqueue(co);
    return co;
}

static struct galley_task *task_new(galley_async *co)
{
    struct galley_task *task = co->spare;
    if (task) {
        co->spare = task->next;
        return task;
    }
    task = co->arena ? arena_alloc(co->arena, sizeof *task) : malloc(sizeof *task);
    if (task)
        task->is_on_heap = !co->arena;
    return task;
}

static void task_drop(galley_async *co, struct galley_task *task)
{
    if (task->is_on_heap) {
        free(task);
    } else {
        task->next = co->spare;
        co->spare = task;
    }
}

void tasks_recycle(galley_async *co, struct scope *scope)
{
    for (struct galley_task *task = scope->ended, *next; task; task = next) {
        next = task->next;
        task_drop(co, task);
    }
    scope->ended = NULL;
}

galley_task *galley__spawn(galley_async *co, int (*fn)(galley_async *, void *), void *arg,
                           const char *name, const char *file, int line)
{
    struct galley_task *task = task_new(co);
    if (!task)
        return NULL;
    *task = (struct galley_task){.fn = fn,
                                 .arg = arg,
                                 .name = name,
                                 .file = file,
                                 .line = line,
                                 .is_on_heap = task->is_on_heap};
    const struct coro_opts opts = {
        .name = name, .entry = task_main, .arg = task, .on_end = task_ended, .timeout_ms = -1};
    galley_async *child = task_start(co->sched, task, co->scope, &opts);
    if (!child) {
        task_drop(co, task);
        return NULL;
    }
    child->arena = co->arena;
    child->request = co->request;
    return task;
}

int galley__await(galley_async *co, galley_task *task, const char *here)
{
    if (task)
        task->is_awaited = true;
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    if (!task)
        return -EAGAIN;
    if (!task->co) {
        coro_spend(co);
        return task->result;
    }
    if (task->co == co)
        return -EDEADLK;
    struct task_wait wait = {.co = co};
    list_append(&task->waits, &wait.link);
    co->here = here;
    co->waiting_on = (int64_t)task->co->id;
    rc = coro_suspend(co, "task", INT64_MAX);
    co->here = NULL;
    co->waiting_on = 0;
    list_remove(&wait.link);
    return rc < 0 ? rc : task->result;
}

void galley_task_cancel(galley_task *task)
{
    if (!task || !task->co)
        return;
    task->was_cancelled = true;
    scope_cancel(&task->co->root, GALLEY_BY_USER);
}

/* ---- the forgotten ---- */

static void warn_forgotten(galley_async *co, struct galley_task *task)
{
    if (task->is_awaited)
        return;
    task->is_awaited = true;
    co->sched->stats->tasks_not_awaited++;
    log_line(LOG_LEVEL_WARN, "task_not_awaited", "task %s (%s:%d) was never awaited", task->name,
             task->file, task->line);
}

void coro__settle(galley_async *co, bool had_open_scope)
{
    struct list *tasks = &co->root.tasks;
    GALLEY_BUG_IF(had_open_scope && CORO_IS_STRICT, "%s (%s:%d) left a scope open", co->name,
                  co->file, co->line);
    if (had_open_scope) {
        log_line(LOG_LEVEL_ERROR, "scope_left_open", "%s (%s:%d) left a scope open", co->name,
                 co->file, co->line);
        scope_spread(&co->root);
    }
    /* A coroutine that was cancelled had no chance to await. */
    if (coro_check(co) == 0) {
        for (struct list *node = tasks->next; node != tasks; node = node->next)
            warn_forgotten(co, LIST_ENTRY(node, struct galley_task, in_scope));
        for (struct galley_task *task = co->root.ended; task; task = task->next)
            warn_forgotten(co, task);
    }
    for (struct list *node = tasks->next; node != tasks; node = node->next)
        galley_task_cancel(LIST_ENTRY(node, struct galley_task, in_scope));
    scope_join(co, &co->root);
    tasks_recycle(co, &co->root);
}

/* The function that forgot its tasks has returned, but they were given pointers into its frame and may still write
 * there while they end: settle from further down the stack. What this very frame keeps above the gap is a return
 * address and a frame pointer, where that function had its own. */
__attribute__((no_stack_protector)) void coro__settle_from_below(galley_async *co,
                                                                 bool had_open_scope)
{
    __attribute__((uninitialized)) char gap[LEFT_FRAME_BYTES];
    __asm__ volatile("" : : "r"(gap) : "memory");
    coro__settle(co, had_open_scope);
    __asm__ volatile("" : : "r"(gap) : "memory");
}

/* ---- background ---- */

static void background_main(galley_async *co, void *arg)
{
    struct background *work = arg;
    int rc = work->task.fn(co, work->task.arg);
    if (rc < 0 && rc != -ECANCELED)
        log_line(LOG_LEVEL_WARN, "background_failed", "%s (%s:%d) returned %d", work->task.name,
                 work->task.file, work->task.line, rc);
}

static void background_ended(void *arg)
{
    struct background *work = arg;
    list_remove(&work->task.in_scope);
    work->sched->stats->background_active = --work->sched->background_count;
    arena_release(&work->arena);
    free(work);
}

int galley__background(galley_async *co, int (*fn)(galley_async *, void *), void *arg,
                       const char *name, const char *file, int line)
{
    struct sched *sched = co->sched;
    if (sched->background_count >= BACKGROUND_MAX)
        return -EAGAIN;
    struct background *work = calloc(1, sizeof *work);
    if (!work)
        return -EAGAIN;
    work->sched = sched;
    work->task = (struct galley_task){
        .fn = fn, .arg = arg, .name = name, .file = file, .line = line, .is_awaited = true};
    const struct coro_opts opts = {.name = name,
                                   .entry = background_main,
                                   .arg = work,
                                   .on_end = background_ended,
                                   .timeout_ms = -1};
    galley_async *child = task_start(sched, &work->task, &sched->scope, &opts);
    if (!child) {
        free(work);
        return -EAGAIN;
    }
    arena_init(&work->arena, NULL, 0, BACKGROUND_ARENA_MAX_BYTES);
    child->arena = &work->arena;
    sched->stats->background_active = ++sched->background_count;
    return 0;
}
