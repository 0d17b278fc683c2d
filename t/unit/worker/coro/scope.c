/* t/unit/worker/coro/scope.c - the rules of cancellation, deadlines and shields, a row each. */
#include "t/unit/worker/coro/world.h"

static int sleep_long(galley_async *co, int *ms)
{
    int rc = galley_sleep_ms(co, *ms);
    note("child:%s", rc == 0 ? "slept" : rc == -ECANCELED ? "cancelled" : "?");
    return rc;
}

/* Cancels a scope after some time, from a task of the root scope. */
struct canceller {
    struct galley_scope *scope;
    int64_t after_ms;
};

static int cancel_later(galley_async *co, struct canceller *what)
{
    int rc = galley_sleep_ms(co, what->after_ms);
    galley_scope_cancel(what->scope);
    return rc;
}

/* ---- cancel ---- */

static void cancel_before_start(galley_async *co, void *arg)
{
    int ms = 10;
    (void)arg;
    galley_task *task = galley_spawn(co, sleep_long, &ms);
    galley_task_cancel(task);
    note("%s", word(galley_await(co, task)));
}

static void cancel_while_waiting(galley_async *co, void *arg)
{
    int ms = 1000;
    (void)arg;
    galley_task *task = galley_spawn(co, sleep_long, &ms);
    sleep_and_note(co, "me", 5);
    galley_task_cancel(task);
    note("%s", word(galley_await(co, task)));
}

static void cancel_is_level_triggered(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_scope_cancel(&scope);
    for (int i = 0; i < 3; i++)
        sleep_and_note(co, "in", i);
    note("fd:%s", word(galley_wait_fd(co, 0, GALLEY_READ, 1)));
    note("check:%s", word(galley_checkpoint(co)));
    close_and_note(co, "close", &scope);
    sleep_and_note(co, "out", 1);
}

static void cancel_twice(galley_async *co, void *arg)
{
    (void)arg;
    coro_cancel(co, GALLEY_BY_DISCONNECT);
    coro_cancel(co, GALLEY_BY_SHUTDOWN);
    note("%d", galley_cancel_reason(co) == GALLEY_BY_DISCONNECT);
    sleep_and_note(co, "me", 1);
}

static int cancel_my_parent(galley_async *co, struct galley_scope *scope)
{
    galley_scope_cancel(scope);
    int rc = galley_sleep_ms(co, 1000);
    note("child:%s", word(rc));
    return rc;
}

static void cancel_from_child(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *task = galley_spawn(co, cancel_my_parent, &scope);
    note("await:%s", word(galley_await(co, task)));
    close_and_note(co, "close", &scope);
    sleep_and_note(co, "out", 1);
}

static int at_once(galley_async *co, int *result)
{
    (void)co;
    return *result;
}

static void cancel_finished_task(galley_async *co, void *arg)
{
    int seven = 7;
    (void)arg;
    galley_task *task = galley_spawn(co, at_once, &seven);
    int rc = galley_await(co, task);
    galley_task_cancel(task);
    int again = galley_await(co, task);
    note("%d %d", rc, again);
}

static void cancel_one_task_spares_siblings(galley_async *co, void *arg)
{
    int short_ms = 10, long_ms = 1000;
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *first = galley_spawn(co, sleep_long, &long_ms);
    galley_task *second = galley_spawn(co, sleep_long, &short_ms);
    sleep_and_note(co, "me", 1);
    galley_task_cancel(first);
    note("%s", word(galley_await(co, first)));
    note("%s", word(galley_await(co, second)));
    close_and_note(co, "close", &scope);
}

static int grandchild(galley_async *co, int *ms)
{
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    galley_task *task = galley_spawn(co, sleep_long, ms);
    int rc = galley_await(co, task);
    int closed = galley_scope_close(co, &scope);
    note("between:%s,%s", word(rc), word(closed));
    return rc;
}

static void cancel_reaches_grandchildren(galley_async *co, void *arg)
{
    int ms = 1000;
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *task = galley_spawn(co, grandchild, &ms);
    sleep_and_note(co, "me", 1);
    galley_scope_cancel(&scope);
    note("await:%s", word(galley_await(co, task)));
    close_and_note(co, "close", &scope);
}

static void cancel_of_closed_scope(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    close_and_note(co, "close", &scope);
    galley_scope_cancel(&scope);
    sleep_and_note(co, "me", 1);
}

/* ---- a wake and a cancellation in the same turn ---- */

static galley_async *sleeping;

static void wait_for_wake(galley_async *co, void *arg)
{
    (void)arg;
    sleeping = co;
    int rc = coro_suspend(co, "wake", INT64_MAX);
    note("%d", rc);
    rc = coro_suspend(co, "wake", INT64_MAX);
    note("%s", word(rc));
}

static void wake_and_cancel(void **state)
{
    static const struct {
        const char *order, *trace;
    } rows[] = {
        {"wc", "42 ECANCELED "},  /* woken, then cancelled */
        {"cw", "42 ECANCELED "},  /* what was achieved is not lost */
        {"cww", "42 ECANCELED "}, /* only the first wake counts */
        {"wwc", "42 ECANCELED "}, {"c", "-125 ECANCELED "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int value = 42;
        world.trace[0] = '\0';
        assert_int_equal(world_start("waiter", wait_for_wake, NULL), 1);
        for (const char *step = rows[i].order; *step; step++) {
            if (*step == 'w')
                coro_wake(sleeping, value++);
            else
                coro_cancel(sleeping, GALLEY_BY_USER);
        }
        world_run();
        assert_string_equal(world.trace, rows[i].trace);
    }
}

/* ---- deadlines ---- */

static void own_deadline(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, 10);
    sleep_and_note(co, "in", 100);
    note("%d", galley_cancel_reason(co) == GALLEY_BY_DEADLINE);
    close_and_note(co, "close", &scope);
    sleep_and_note(co, "out", 1);
}

static void deadline_not_reached(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, 10);
    sleep_and_note(co, "in", 5);
    close_and_note(co, "close", &scope);
    sleep_and_note(co, "out", 100);
}

static void inner_deadline_first(galley_async *co, void *arg)
{
    struct galley_scope outer, inner;
    (void)arg;
    galley_scope_open(co, &outer, 50);
    galley_scope_open(co, &inner, 10);
    sleep_and_note(co, "in", 100);
    close_and_note(co, "inner", &inner);
    sleep_and_note(co, "between", 10);
    close_and_note(co, "outer", &outer);
}

static void outer_deadline_first(galley_async *co, void *arg)
{
    struct galley_scope outer, inner;
    (void)arg;
    galley_scope_open(co, &outer, 10);
    galley_scope_open(co, &inner, 50);
    sleep_and_note(co, "in", 100);
    close_and_note(co, "inner", &inner);
    sleep_and_note(co, "between", 1);
    close_and_note(co, "outer", &outer);
    sleep_and_note(co, "out", 1);
}

static void deadline_of_zero(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, 0);
    note("check:%s", word(galley_checkpoint(co)));
    close_and_note(co, "close", &scope);
}

static void cancel_before_deadline(galley_async *co, void *arg)
{
    struct galley_scope scope;
    struct canceller what = {&scope, 5};
    (void)arg;
    galley_task *task = galley_spawn(co, cancel_later, &what);
    galley_scope_open(co, &scope, 10);
    sleep_and_note(co, "in", 100);
    note("%d", galley_cancel_reason(co) == GALLEY_BY_USER);
    close_and_note(co, "close", &scope);
    note("%s", word(galley_await(co, task)));
}

static void deadline_before_cancel(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, 10);
    sleep_and_note(co, "in", 100);
    galley_scope_cancel(&scope);
    note("%d", galley_cancel_reason(co) == GALLEY_BY_DEADLINE);
    close_and_note(co, "close", &scope);
}

static void deadline_reaches_tasks(galley_async *co, void *arg)
{
    struct galley_scope scope;
    int ms = 1000;
    (void)arg;
    galley_scope_open(co, &scope, 10);
    galley_task *task = galley_spawn(co, sleep_long, &ms);
    (void)task;
    close_and_note(co, "close", &scope);
}

/* The loop is late: both times have passed when it looks. What was due first decides. */
static void sleep_in_deadline(galley_async *co, void *arg)
{
    struct galley_scope scope;
    galley_scope_open(co, &scope, *(const int *)arg);
    sleep_and_note(co, "in", 10);
    close_and_note(co, "close", &scope);
}

static void late_loop(void **state)
{
    static const struct {
        int deadline_ms;
        const char *trace;
    } rows[] = {{20, "in:0 close:0 "}, {5, "in:ECANCELED close:ETIMEDOUT "}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        world.trace[0] = '\0';
        assert_int_equal(
            world_start("late", sleep_in_deadline, (void *)(uintptr_t)&rows[i].deadline_ms), 1);
        world.now_ms += 1000;
        world_run();
        assert_string_equal(world.trace, rows[i].trace);
    }
}

static void moved_deadline(void **state)
{
    (void)state;
    assert_int_equal(world_start("waiter", wait_for_wake, NULL), 1);
    coro_set_deadline(sleeping, world.now_ms + 1000);
    assert_int_equal(sched_run(world.sched), 1000);
    coro_set_deadline(sleeping, world.now_ms + 10);
    assert_int_equal(sched_run(world.sched), 10);
    coro_set_deadline(sleeping, INT64_MAX);
    assert_int_equal(sched_run(world.sched), -1);
    coro_set_deadline(sleeping, world.now_ms);
    world_run();
    assert_string_equal(world.trace, "-125 ECANCELED ");
}

/* ---- shields ---- */

static void shield_keeps_cancel_out(galley_async *co, void *arg)
{
    struct galley_scope scope, shield;
    (void)arg;
    galley_scope_open(co, &scope, 5);
    note("%s", word(galley_scope_open_shielded(co, &shield, 100)));
    sleep_and_note(co, "in", 20);
    close_and_note(co, "shield", &shield);
    sleep_and_note(co, "between", 1);
    close_and_note(co, "scope", &scope);
}

static void shield_opened_when_cancelled(galley_async *co, void *arg)
{
    struct galley_scope shield;
    (void)arg;
    coro_cancel(co, GALLEY_BY_DISCONNECT);
    sleep_and_note(co, "out", 1);
    note("%s", word(galley_scope_open_shielded(co, &shield, 100)));
    note("%d", galley_cancel_reason(co) == GALLEY_NOT_CANCELLED);
    sleep_and_note(co, "in", 20);
    close_and_note(co, "shield", &shield);
    sleep_and_note(co, "out", 1);
}

static void shield_has_its_deadline(galley_async *co, void *arg)
{
    struct galley_scope shield;
    (void)arg;
    note("%s", word(galley_scope_open_shielded(co, &shield, 10)));
    sleep_and_note(co, "in", 100);
    close_and_note(co, "shield", &shield);
    sleep_and_note(co, "out", 1);
}

static void shield_without_deadline(galley_async *co, void *arg)
{
    struct galley_scope shield;
    (void)arg;
    note("%s", word(galley_scope_open_shielded(co, &shield, -1)));
    sleep_and_note(co, "out", 1);
}

static void shield_covers_its_tasks(galley_async *co, void *arg)
{
    struct galley_scope scope, shield;
    int ms = 20;
    (void)arg;
    galley_scope_open(co, &scope, 5);
    note("%s", word(galley_scope_open_shielded(co, &shield, 100)));
    galley_task *task = galley_spawn(co, sleep_long, &ms);
    note("await:%s", word(galley_await(co, task)));
    close_and_note(co, "shield", &shield);
    close_and_note(co, "scope", &scope);
}

static void shield_can_be_cancelled_itself(galley_async *co, void *arg)
{
    struct galley_scope shield;
    struct canceller what = {&shield, 5};
    (void)arg;
    galley_task *task = galley_spawn(co, cancel_later, &what);
    note("%s", word(galley_scope_open_shielded(co, &shield, 100)));
    sleep_and_note(co, "in", 20);
    close_and_note(co, "shield", &shield);
    note("%s", word(galley_await(co, task)));
}

/* ---- scopes and the errors of their tasks ---- */

static int fail_after(galley_async *co, int *ms)
{
    int rc = galley_sleep_ms(co, *ms);
    return rc < 0 ? rc : -EIO;
}

static void first_error_cancels_siblings(galley_async *co, void *arg)
{
    int ms[] = {5, 1000, 1000};
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *one = galley_spawn(co, fail_after, &ms[0]);
    galley_task *two = galley_spawn(co, sleep_long, &ms[1]);
    galley_task *three = galley_spawn(co, sleep_long, &ms[2]);
    (void)one, (void)two, (void)three;
    sleep_and_note(co, "me", 1000);
    note("%d", galley_cancel_reason(co) == GALLEY_BY_SIBLING);
    close_and_note(co, "close", &scope);
    sleep_and_note(co, "out", 1);
}

static void close_joins(galley_async *co, void *arg)
{
    int ms[] = {30, 10};
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *one = galley_spawn(co, sleep_long, &ms[0]);
    galley_task *two = galley_spawn(co, sleep_long, &ms[1]);
    (void)one, (void)two;
    close_and_note(co, "close", &scope);
}

static void join_is_shielded(galley_async *co, void *arg)
{
    int ms = 30;
    struct galley_scope scope, shield;
    (void)arg;
    coro_set_deadline(co, galley_now_ms(co) + 5);
    galley_scope_open(co, &scope, -1);
    note("%s", word(galley_scope_open_shielded(co, &shield, 100)));
    galley_task *task = galley_spawn(co, sleep_long, &ms);
    (void)task;
    close_and_note(co, "shield", &shield); /* the deadline passes here, and the task goes on */
    close_and_note(co, "scope", &scope);
    sleep_and_note(co, "out", 1);
}

static void error_in_root_scope_cancels_nobody(galley_async *co, void *arg)
{
    int ms[] = {5, 20};
    (void)arg;
    galley_task *one = galley_spawn(co, fail_after, &ms[0]);
    galley_task *two = galley_spawn(co, sleep_long, &ms[1]);
    note("%s", word(galley_await(co, one)));
    note("%s", word(galley_await(co, two)));
}

/* ---- scopes used wrongly ---- */

static void closed_twice(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    close_and_note(co, "close", &scope);
    close_and_note(co, "again", &scope);
}

static void closed_in_wrong_order(galley_async *co, void *arg)
{
    int ms = 10;
    struct galley_scope outer, inner;
    (void)arg;
    galley_scope_open(co, &outer, -1);
    galley_scope_open(co, &inner, -1);
    galley_task *task = galley_spawn(co, sleep_long, &ms);
    (void)task;
    close_and_note(co, "outer", &outer);
    close_and_note(co, "inner", &inner);
}

#if !CORO_IS_STRICT /* there it aborts */
static __attribute__((noinline)) void open_and_forget(galley_async *co, int *ms)
{
    struct galley_scope outer, inner;
    galley_scope_open(co, &outer, 10);
    galley_task *one = galley_spawn(co, sleep_long, ms);
    galley_scope_open(co, &inner, -1);
    galley_task *two = galley_spawn(co, sleep_long, ms);
    (void)one, (void)two;
    sleep_and_note(co, "me", 1);
}

static void left_open(galley_async *co, void *arg)
{
    static int ms = 1000; /* outlives the frame of what forgets */
    (void)arg;
    open_and_forget(co, &ms);
}
#endif

/* In strict builds it aborts; under valgrind, reading what the frame left behind is a finding. */
static void scopes_left_open(void **state)
{
#if !CORO_IS_STRICT
    static const struct rule rule = {"left open", left_open,
                                     "me:0 child:cancelled child:cancelled ", 2, "scope_left_open"};
    if (RUNNING_ON_VALGRIND)
        skip();
    *state = (void *)(uintptr_t)&rule;
    check_rule(state);
#else
    (void)state;
    skip();
#endif
}

static const struct rule rules[] = {
    {"cancel before start: the function never runs", cancel_before_start, "ECANCELED ", 0, NULL},
    {"cancel while waiting", cancel_while_waiting, "me:0 child:cancelled ECANCELED ", 6, NULL},
    {"cancellation is level-triggered and ends with its scope", cancel_is_level_triggered,
     "in:ECANCELED in:ECANCELED in:ECANCELED fd:ECANCELED check:ECANCELED close:ECANCELED out:0 ",
     2, NULL},
    {"cancel twice: the first reason wins", cancel_twice, "1 me:ECANCELED ", 0, NULL},
    {"cancel from a child", cancel_from_child,
     "child:ECANCELED await:ECANCELED close:ECANCELED out:0 ", 2, NULL},
    {"cancel of a finished task changes nothing", cancel_finished_task, "7 7 ", 0, NULL},
    {"cancel of one task spares its siblings", cancel_one_task_spares_siblings,
     "me:0 child:cancelled ECANCELED child:slept 0 close:0 ", 11, NULL},
    {"cancel reaches grandchildren", cancel_reaches_grandchildren,
     "me:0 await:ECANCELED child:cancelled between:ECANCELED,ECANCELED close:ECANCELED ", 2, NULL},
    {"cancel of a closed scope changes nothing", cancel_of_closed_scope, "close:0 me:0 ", 2, NULL},
    {"own deadline: ECANCELED inside, ETIMEDOUT from close", own_deadline,
     "in:ECANCELED 1 close:ETIMEDOUT out:0 ", 12, NULL},
    {"deadline not reached", deadline_not_reached, "in:0 close:0 out:0 ", 107, NULL},
    {"nested deadlines: the inner first", inner_deadline_first,
     "in:ECANCELED inner:ETIMEDOUT between:0 outer:0 ", 21, NULL},
    {"nested deadlines: the outer first", outer_deadline_first,
     "in:ECANCELED inner:0 between:ECANCELED outer:ETIMEDOUT out:0 ", 12, NULL},
    {"deadline of zero: the first checkpoint fails", deadline_of_zero,
     "check:ECANCELED close:ETIMEDOUT ", 0, NULL},
    {"cancel before the deadline", cancel_before_deadline, "in:ECANCELED 1 close:ECANCELED 0 ", 6,
     NULL},
    {"deadline before a cancel", deadline_before_cancel, "in:ECANCELED 1 close:ETIMEDOUT ", 10,
     NULL},
    {"a deadline reaches the tasks of its scope", deadline_reaches_tasks,
     "child:cancelled close:ETIMEDOUT ", 10, NULL},
    {"a shield keeps cancellation out", shield_keeps_cancel_out,
     "0 in:0 shield:0 between:ECANCELED scope:ETIMEDOUT ", 21, NULL},
    {"a shield opened when cancelled already", shield_opened_when_cancelled,
     "out:ECANCELED 0 1 in:0 shield:0 out:ECANCELED ", 21, NULL},
    {"a shield's own deadline holds", shield_has_its_deadline,
     "0 in:ECANCELED shield:ETIMEDOUT out:0 ", 12, NULL},
    {"a shield without a deadline is refused", shield_without_deadline, "EINVAL out:0 ", 2, NULL},
    {"a shield covers its tasks", shield_covers_its_tasks,
     "0 child:slept await:0 shield:0 scope:0 ", 21, NULL},
    {"a shield can be cancelled itself", shield_can_be_cancelled_itself,
     "0 in:ECANCELED shield:ECANCELED 0 ", 6, NULL},
    {"the first error cancels the siblings", first_error_cancels_siblings,
     "me:ECANCELED 1 child:cancelled child:cancelled close:EIO out:0 ", 8, NULL},
    {"close joins the tasks", close_joins, "child:slept child:slept close:0 ", 31, NULL},
    {"joining is shielded", join_is_shielded, "0 child:slept shield:0 scope:0 out:ECANCELED ", 31,
     NULL},
    {"an error in the root scope cancels nobody", error_in_root_scope_cancels_nobody,
     "EIO child:slept 0 ", 21, NULL},
    {"a scope closed twice", closed_twice, "close:0 again:EINVAL ", 0, "scope_not_open"},
    {"scopes closed in the wrong order", closed_in_wrong_order, "child:slept outer:0 inner:EINVAL ",
     11, "scope_left_open"},
};

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(scopes_left_open, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(wake_and_cancel, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(late_loop, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(moved_deadline, world_set_up, world_tear_down),
    };
    return WORLD_RUN(rules, others);
}
