/* sched.c - the scheduler: start, suspend, wake, and what runs between two polls of the loop.
 * Does:     give coroutines their stacks and turns, in the order in which they became ready; fire timers.
 * Does not: switch from one coroutine to another: every switch goes by the loop's own stack.
 *
 * States: FREE -> READY (task) or RUNNING (coro_start) -> WAITING <-> READY -> RUNNING -> DONE -> FREE; CALLING while the loop
 * does something for it that it would do with cold memory (coro_call_on_loop).
 * A pooled stack stays inside coro_main's loop, so that starting the next coroutine on it sets nothing up.
 * See:      coro.h, scope.c, t/unit/worker/coro/sched.c */
#include "worker/coro/sched.h"

#include <stdlib.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/coro/fpu.h"
#include "worker/coro/sanitize.h"

enum { MAX_COROUTINES_DEFAULT = 10000 };

const char *coro_state_name(enum coro_state state)
{
    static const char *const names[] = {
#define X(state) #state,
        CORO_STATES(X)
#undef X
    };
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "?";
}

/* ---- the two sides of the switch ---- */

CORO_SWITCH void switch_in(struct sched *sched, galley_async *co)
{
    san_leave(&sched->fake_stack, co->stack_low, sched->stacks.stack_bytes);
    san_fiber_switch(co->fiber);
    ctx_switch(&sched->ctx, &co->ctx);
    san_arrive(sched->fake_stack, NULL, NULL);
}

CORO_SWITCH void switch_out(galley_async *co)
{
    struct sched *sched = co->sched;
    san_leave(co->state == CORO_DONE ? NULL : &co->fake_stack, sched->loop_stack,
              sched->loop_stack_bytes);
    san_fiber_switch(sched->fiber);
    ctx_switch(&co->ctx, &sched->ctx);
    san_arrive(co->fake_stack, &sched->loop_stack, &sched->loop_stack_bytes);
}

CORO_MAIN _Noreturn void coro_main(struct coro_ctx *from, struct coro_ctx *self)
{
    galley_async *co = LIST_ENTRY(self, galley_async, ctx);
    (void)from;
    san_arrive(NULL, &co->sched->loop_stack, &co->sched->loop_stack_bytes);
    for (;;) {
        co->entry(co, co->arg);
        coro_join_forgotten(co);
        if (co->defers)
            coro_run_defers(co);
        co->state = CORO_DONE;
        switch_out(co);
    }
}

/* ---- life ---- */

galley_async *coro_new(struct sched *sched, const struct coro_opts *opts, struct scope *parent)
{
    struct stats *stats = sched->stats;
    galley_async *co =
        sched->live_count < sched->stacks.max_count ? stack_take(&sched->stacks, coro_main) : NULL;
    if (!co || timer_reserve(&sched->timers, stack_room(&sched->stacks)) < 0) {
        if (co)
            stack_give(&sched->stacks, co);
        stats->coroutines_refused++;
        return NULL;
    }
    stats->coroutines_live = ++sched->live_count;
    if (sched->live_count > stats->coroutines_peak)
        stats->coroutines_peak = sched->live_count;

    co->sched = sched;
    co->state = CORO_READY;
    co->cancel_reason = GALLEY_NOT_CANCELLED;
    co->is_interrupted = co->is_cleaning = false;
    co->wake_result = 0;
    co->joining = NULL;
    co->ignored_count = 0;
    co->arena = NULL;
    co->request = NULL;
    co->task = NULL;
    co->spare = NULL;
    co->defers = NULL;
    co->fake_stack =
        NULL; /* here, where its line is touched anyway: with many sleepers each is cold */
    co->name = opts->name;
    co->file = "";
    co->line = 0;
    co->waiting_for = co->waiting_what = co->here = NULL;
    co->why = NULL;
    co->id = ++sched->next_id;
    co->started_ms = sched_now_ms(sched);
    co->entry = opts->entry;
    co->arg = opts->arg;
    co->on_end = opts->on_end;
    list_init(&co->link);
    scope_init(&co->root, co, parent);
    co->scope = &co->root;
    co->deadline_ms = INT64_MAX;
    if (opts->timeout_ms >= 0)
        co->root.deadline_ms = co->deadline_ms = opts->timeout_ms > INT64_MAX - co->started_ms
                                                     ? INT64_MAX
                                                     : co->started_ms + opts->timeout_ms;
    if (parent)
        coro_refresh(co);
    return co;
}

static void coro_release(struct sched *sched, galley_async *co)
{
    void (*on_end)(void *) = co->on_end;
    void *arg = co->arg;
    GALLEY_BUG_IF(co->timer != 0 || !list_is_empty(&co->link), "%s ended while registered",
                  co->name);
    san_stack_clear(co->stack_low, (size_t)((char *)co - co->stack_low));
    co->state = CORO_FREE;
    stack_give(&sched->stacks, co);
    sched->stats->coroutines_live = --sched->live_count;
    if (on_end)
        on_end(arg);
}

/* One turn. True when it has ended; `co` is gone then. */
static bool coro_resume(struct sched *sched, galley_async *co)
{
    GALLEY_BUG_IF(sched->current, "coroutine %s entered from within %s", co->name,
                  sched->current->name);
    GALLEY_BUG_IF(co->state != CORO_READY, "coroutine %s resumed while %s", co->name,
                  coro_state_name(co->state));
    /* The watchdog looks at these from its thread. */
    __atomic_store_n(&sched->resume_count, sched->resume_count + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&sched->current, co, __ATOMIC_RELEASE);
    co->state = CORO_RUNNING;
    co->is_interrupted = false;
    co->budget = CORO_BUDGET_OPERATIONS;
    co->resumed_at_us = 0;
    uint64_t control = fpu_control();
    switch_in(sched, co);
    while (__builtin_expect(co->state == CORO_CALLING, 1)) {
        sched->call(sched->call_arg);
        sched->call = NULL;
        co->state = CORO_RUNNING;
        switch_in(sched, co);
    }
    fpu_check(co, control);
    __atomic_store_n(&sched->current, NULL, __ATOMIC_RELEASE);
    if (co->state != CORO_DONE)
        return false;
    coro_release(sched, co);
    return true;
}

int coro_start(struct sched *sched, const struct coro_opts *opts)
{
    GALLEY_BUG_IF(sched->current, "coro_start(%s) from within coroutine %s", opts->name,
                  sched->current->name);
    galley_async *co = coro_new(sched, opts, NULL);
    if (!co)
        return -EAGAIN;
    return coro_resume(sched, co) ? 0 : 1;
}

/* ---- waiting ---- */

void coro_enqueue(galley_async *co)
{
    GALLEY_BUG_IF(!list_is_empty(&co->link), "coroutine %s is scheduled twice", co->name);
    if (co->timer != 0)
        timer_remove(&co->sched->timers, co);
    co->state = CORO_READY;
    struct list *place = &co->sched->ready;
    if (__builtin_expect(co->sched->fake_place != NULL, 0))
        place = co->sched->fake_place(place);
    list_append(place, &co->link);
}

void coro_wake(galley_async *co, int result)
{
    if (co->state == CORO_WAITING) {
        co->wake_result = result;
        coro_enqueue(co);
    } else if (co->is_interrupted) {
        co->wake_result = result;
        co->is_interrupted = false;
    }
}

void coro_interrupt(galley_async *co, int result)
{
    co->wake_result = result;
    co->is_interrupted = true;
    coro_enqueue(co);
}

/* Leave until somebody enqueues co. */
static void leave(galley_async *co)
{
    int saved_errno = errno;
    GALLEY_BUG_IF(co->sched->current != co, "%s (%s:%d) waits in another coroutine's name",
                  co->name, co->file, co->line);
    GALLEY_BUG_IF(co->sched->call != NULL, "%s (%s:%d) waits on the loop's own stack", co->name,
                  co->file, co->line);
    switch_out(co);
    errno = saved_errno;
}

void coro_call_on_loop(galley_async *co, void (*fn)(void *arg), void *arg)
{
    co->sched->call = fn;
    co->sched->call_arg = arg;
    co->state = CORO_CALLING;
    switch_out(co);
}

static void report_ignored(galley_async *co)
{
    log_line(LOG_LEVEL_WARN, "cancellation_ignored",
             "%s (%s:%d) goes on calling what waits, %d times since it was cancelled", co->name,
             co->file, co->line, CORO_IGNORED_MAX);
}

static GALLEY_YIELDS int refuse(galley_async *co)
{
    co->ignored_count++;
    if (co->ignored_count == CORO_IGNORED_MAX)
        report_ignored(co);
    if (co->ignored_count >= CORO_IGNORED_MAX) /* a loop around it shall not stop the worker */
        coro_yield(co);
    return -ECANCELED;
}

int coro_check_point(galley_async *co)
{
    if (__builtin_expect(co->cancel_reason == GALLEY_NOT_CANCELLED, 1)) {
        if (co->deadline_ms == INT64_MAX)
            return 0;
        int64_t now_ms = sched_now_ms(co->sched);
        if (co->deadline_ms > now_ms)
            return 0;
        scope_expire(co, now_ms);
    }
    return refuse(co);
}

int coro_suspend(galley_async *co, const char *why, int64_t until_ms)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    int64_t at_ms = until_ms < co->deadline_ms ? until_ms : co->deadline_ms;
    co->until_ms = until_ms;
    co->waiting_for = why;
    co->state = CORO_WAITING;
    if (at_ms != INT64_MAX)
        timer_set(&co->sched->timers, co, at_ms);
    leave(co);
    return co->wake_result;
}

int coro_suspend_for(galley_async *co, const char *why, const char *what, const char *here,
                     int64_t until_ms)
{
    co->waiting_what = what;
    co->here = here;
    int rc = coro_suspend(co, why, until_ms);
    co->waiting_what = co->here = NULL;
    return rc;
}

int coro_suspend_deaf(galley_async *co, const char *why)
{
    struct scope *joining = co->joining;
    if (!joining)
        co->joining = &co->sched->scope;
    co->until_ms = INT64_MAX;
    co->waiting_for = why;
    co->state = CORO_WAITING;
    leave(co);
    co->joining = joining;
    return co->wake_result;
}

void coro_yield(galley_async *co)
{
    co->state = CORO_READY;
    list_append(&co->sched->yielded, &co->link);
    leave(co);
}

/* ---- the turn ---- */

/* Append all of `from`. */
static void list_splice(struct list *to, struct list *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

/* Let a few of those go on whose time has come, the first one first. */
static void timers_fire(struct sched *sched, int64_t now_ms)
{
    uint32_t slots[SCHED_TOGETHER];
    struct timer_heap *timers = &sched->timers;
    size_t count = timer_take_due(timers, now_ms, slots, SCHED_TOGETHER);
    for (size_t i = 0; i < count; i++)
        stack_prefetch_page(timers->slots[slots[i]].co);
    for (size_t i = 0; i < count; i++) {
        galley_async *co = timer_taken(timers, slots[i]);
        if (!co)
            continue; /* one before has cancelled it */
        /* Decided by the times, not by how late the loop is: what came first, came first. */
        if (co->until_ms <= co->deadline_ms)
            coro_interrupt(co, -ETIMEDOUT);
        else
            scope_expire(co, now_ms);
        GALLEY_BUG_IF(co->state == CORO_WAITING, "the timer of %s fired in vain", co->name);
    }
}

/* Fetch what the next turn will touch. */
static inline void prefetch_turn(const struct sched *sched)
{
    if (list_is_empty(&sched->ready))
        return;
    const galley_async *co = LIST_ENTRY(sched->ready.next, galley_async, link);
    stack_prefetch_lines(co);
    stack_prefetch(co->arg, 5); /* its connection, as a rule */
}

/* The turns of the next few. */
static void run_some(struct sched *sched)
{
    struct list *node;
    prefetch_turn(sched);
    for (int i = 0; i < SCHED_TOGETHER && (node = list_take_first(&sched->ready)) != NULL; i++) {
        prefetch_turn(sched);
        (void)coro_resume(sched, LIST_ENTRY(node, galley_async, link));
    }
}

int64_t sched_run(struct sched *sched)
{
    int64_t now_ms = sched_now_ms(sched);
    timers_fire(sched, now_ms);
    list_splice(&sched->ready, &sched->yielded);
    for (int turns = 0; turns < SCHED_RESUMES_PER_TURN; turns += SCHED_TOGETHER) {
        if (list_is_empty(&sched->ready))
            break;
        run_some(sched);
        timers_fire(sched, now_ms); /* few by few: what is touched now is still warm at its turn */
    }
    if (!list_is_empty(&sched->ready) || !list_is_empty(&sched->yielded))
        return 0;
    if (sched->timers.count == 0)
        return -1;
    int64_t wait_ms = sched->timers.entries[0].at_ms - sched_now_ms(sched);
    return wait_ms > 0 ? wait_ms : 0;
}

/* ---- the scheduler itself ---- */

struct sched *sched_new(struct loop *loop, const struct sched_opts *opts)
{
    if (ctx_is_forbidden()) {
        log_line(LOG_LEVEL_ERROR, "shadow_stack",
                 "this process has a shadow stack, which the context switch does not keep; build "
                 "with `make SWITCH=ucontext` or start without it");
        errno = ENOTSUP;
        return NULL;
    }
    struct sched *sched = calloc(1, sizeof *sched);
    if (!sched)
        return NULL;
    int rc = stack_pool_init(&sched->stacks, opts->stack_bytes,
                             opts->max_coroutines ? opts->max_coroutines : MAX_COROUTINES_DEFAULT,
                             opts->use_prot_none);
    if (rc < 0) {
        free(sched);
        errno = -rc;
        return NULL;
    }
    sched->loop = loop;
    sched->fiber = san_fiber_current();
    sched->stats = opts->stats;
    sched->fake_now_ms = opts->fake_now_ms;
    sched->fake_place = opts->fake_place;
    list_init(&sched->ready);
    list_init(&sched->yielded);
    scope_init(&sched->scope, NULL, NULL);
    for (size_t i = 0; i < FD_BUCKETS; i++)
        list_init(&sched->fd_waits[i]);
    return sched;
}

void sched_free(struct sched *sched)
{
    if (!sched)
        return;
    GALLEY_BUG_IF(sched->live_count > 0, "%zu coroutines are alive at the end", sched->live_count);
    stack_pool_release(&sched->stacks);
    timer_heap_release(&sched->timers);
    free(sched);
}

void sched_trim(struct sched *sched)
{
    (void)stack_trim(&sched->stacks);
}

size_t sched_live_count(const struct sched *sched)
{
    return sched->live_count;
}

uint64_t sched_last_id(const struct sched *sched)
{
    return sched->next_id;
}

galley_async *sched_current(const struct sched *sched)
{
    return sched->current;
}

struct loop *sched_loop(const struct sched *sched)
{
    return sched->loop;
}

void *sched_remotes(const struct sched *sched)
{
    return sched->remotes;
}

void sched_set_remotes(struct sched *sched, void *remotes)
{
    sched->remotes = remotes;
}

void *sched_app(const struct sched *sched)
{
    return sched->app;
}

void sched_set_app(struct sched *sched, void *app)
{
    sched->app = app;
}

galley_async *sched_next_live(struct sched *sched, size_t *at)
{
    while (*at < stack_count(&sched->stacks)) {
        galley_async *co = stack_at(&sched->stacks, (*at)++);
        if (co->state != CORO_FREE)
            return co;
    }
    return NULL;
}

void sched_cancel_all(struct sched *sched, enum galley_reason reason)
{
    size_t at = 0;
    scope_cancel(&sched->scope, reason);
    for (galley_async *co; (co = sched_next_live(sched, &at)) != NULL;) {
        if (!co->task)
            coro_cancel(co, reason);
    }
}
