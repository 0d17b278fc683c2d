/* scope.c - scopes: deadlines, cancellation, shields, and the tasks that live in them.
 * Does:     open, close, cancel; keep what each coroutine caches of its scopes (cancel_reason, deadline_ms) true.
 * Does not: switch, but for joining.
 *
 * The scopes form a tree: a scope's parent is the enclosing one on the same coroutine, or, for a coroutine's root,
 * the scope its task was spawned into. A coroutine sees the nearest cancelled scope on its way up, and the earliest
 * deadline, up to and including the first shield.
 * See:      docs/WAITING.md, t/unit/worker/coro/scope.c */
#include "common/bug.h"
#include "common/log.h"
#include "worker/coro/sanitize.h"
#include "worker/coro/sched.h"

_Static_assert(sizeof(struct scope) <= sizeof(struct galley_scope),
               "struct galley_scope is too small");

static struct scope *scope_of(struct galley_scope *scope)
{
    return (struct scope *)(void *)scope;
}

bool scope_is_cancelled(const struct scope *scope)
{
    for (const struct scope *s = scope; s; s = s->is_shielded ? NULL : s->parent) {
        if (s->reason != GALLEY_NOT_CANCELLED)
            return true;
    }
    return false;
}

void coro_refresh(galley_async *co)
{
    uint8_t reason = GALLEY_NOT_CANCELLED;
    int64_t deadline_ms = INT64_MAX;
    for (const struct scope *s = co->scope; s; s = s->is_shielded ? NULL : s->parent) {
        if (reason == GALLEY_NOT_CANCELLED)
            reason = s->reason;
        if (s->deadline_ms < deadline_ms)
            deadline_ms = s->deadline_ms;
    }
    co->cancel_reason = reason;
    co->deadline_ms = deadline_ms;
    if (co->state != CORO_WAITING || co->joining)
        return;
    if (reason != GALLEY_NOT_CANCELLED)
        coro_interrupt(co, -ECANCELED);
    else
        timer_set(&co->sched->timers, co, deadline_ms < co->until_ms ? deadline_ms : co->until_ms);
}

/* Depth first without recursion: from a coroutine's innermost scope outwards, each task's coroutine on the way. */
void scope_spread(struct scope *top)
{
    struct scope *scope = top;
    if (top->co) {
        coro_refresh(top->co);
        scope = top->co->scope;
    }
    struct list *node = scope->tasks.next;
    for (;;) {
        if (node != &scope->tasks) {
            galley_async *co = LIST_ENTRY(node, struct galley_task, in_scope)->co;
            coro_refresh(co);
            scope = co->scope;
            node = scope->tasks.next;
        } else if (scope == top) {
            return;
        } else if (scope != &scope->co->root) {
            scope = scope->parent;
            node = scope->tasks.next;
        } else {
            node = scope->co->task->in_scope.next;
            scope = scope->parent;
        }
    }
}

void scope_cancel(struct scope *scope, enum galley_reason reason)
{
    if (scope->reason != GALLEY_NOT_CANCELLED)
        return;
    scope->reason = (uint8_t)reason;
    scope_spread(scope);
}

void scope_expire(galley_async *co, int64_t now_ms)
{
    for (struct scope *s = co->scope; s; s = s->is_shielded ? NULL : s->parent) {
        if (s->deadline_ms <= now_ms)
            scope_cancel(s, GALLEY_BY_DEADLINE);
    }
}

void scope_push(galley_async *co, struct scope *scope, int64_t deadline_ms, bool is_shielded)
{
    scope_init(scope, co, co->scope);
    scope->deadline_ms = deadline_ms;
    scope->is_shielded = is_shielded;
    co->scope = scope;
    if (is_shielded)
        co->cancel_reason = GALLEY_NOT_CANCELLED;
    if (is_shielded || deadline_ms < co->deadline_ms)
        co->deadline_ms = deadline_ms;
}

void scope_join(galley_async *co, struct scope *scope)
{
    while (!list_is_empty(&scope->tasks)) {
        co->joining = scope;
        coro_suspend_deaf(co, "tasks");
        co->joining = NULL;
    }
}

/* What this very frame keeps above the gap is a return address and a frame pointer, where that function had its own. */
__attribute__((no_stack_protector)) void scope_join_from_below(galley_async *co,
                                                               struct scope *scope)
{
    __attribute__((uninitialized)) char gap[LEFT_FRAME_BYTES];
    __asm__ volatile("" : : "r"(gap) : "memory");
    scope_join(co, scope);
    __asm__ volatile("" : : "r"(gap) : "memory");
}

int scope_close(galley_async *co, struct scope *scope)
{
    scope_join(co, scope);
    co->scope = scope->parent;
    if (scope->ended)
        tasks_recycle(co, scope);
    scope->co = NULL;
    coro_refresh(co);
    switch ((enum galley_reason)scope->reason) {
    case GALLEY_NOT_CANCELLED: /* itself; what its tasks made of a cancellation from further out */
    case GALLEY_BY_SIBLING:
        return scope->first_error;
    case GALLEY_BY_DEADLINE:
        return -ETIMEDOUT;
    default:
        return -ECANCELED;
    }
}

void galley_scope_open(galley_async *co, struct galley_scope *scope, int64_t timeout_ms)
{
    scope_push(co, scope_of(scope), timeout_ms < 0 ? INT64_MAX : sched_in_ms(co->sched, timeout_ms),
               false);
}

int galley_scope_open_shielded(galley_async *co, struct galley_scope *scope, int64_t timeout_ms)
{
    if (timeout_ms < 0)
        return -EINVAL;
    scope_push(co, scope_of(scope), sched_in_ms(co->sched, timeout_ms), true);
    return 0;
}

static bool is_open(const galley_async *co, const struct scope *scope)
{
    for (const struct scope *s = co->scope; s != &co->root; s = s->parent) {
        if (s == scope)
            return true;
    }
    return false;
}

int galley__scope_close(galley_async *co, struct galley_scope *scope, const char *here)
{
    struct scope *mine = scope_of(scope);
    if (!is_open(co, mine)) {
        log_line(LOG_LEVEL_ERROR, "scope_not_open", "%s (%s:%d) closes a scope that is not open",
                 co->name, co->file, co->line);
        return -EINVAL;
    }
    co->here = here;
    while (co->scope != mine) {
        log_line(LOG_LEVEL_ERROR, "scope_left_open",
                 "%s (%s:%d) closes a scope around one that is open; closing that first", co->name,
                 co->file, co->line);
        (void)scope_close(co, co->scope);
    }
    int rc = scope_close(co, mine);
    co->here = NULL;
    return rc;
}

void galley_scope_cancel(struct galley_scope *scope)
{
    if (scope_of(scope)->co)
        scope_cancel(scope_of(scope), GALLEY_BY_USER);
}

enum galley_reason galley_cancel_reason(galley_async *co)
{
    return (enum galley_reason)co->cancel_reason;
}

void coro_cancel(galley_async *co, enum galley_reason reason)
{
    scope_cancel(&co->root, reason);
}

void coro_set_deadline(galley_async *co, int64_t deadline_ms)
{
    co->root.deadline_ms = deadline_ms;
    if (co->scope == &co->root && !co->root.parent && co->state == CORO_RUNNING &&
        list_is_empty(&co->root.tasks))
        co->deadline_ms = deadline_ms; /* nobody else's: the usual case */
    else
        scope_spread(&co->root);
}
