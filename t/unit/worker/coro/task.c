/* t/unit/worker/coro/task.c - tasks: spawn, await, forget; background work; the cap. */
#include "t/unit/worker/coro/world.h"

static int napper(galley_async *co, int *ms)
{
    int rc = galley_sleep_ms(co, *ms);
    note("nap:%d", rc);
    return rc < 0 ? rc : *ms;
}

static int nothing(galley_async *co, int *result)
{
    (void)co;
    return *result;
}

static int ten = 10, long_ms = 1000;

/* ---- await ---- */

static void await_twice(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, napper, &ten);
    int first = galley_await(co, task), second = galley_await(co, task);
    note("%d %d", first, second);
}

static void await_null(galley_async *co, void *arg)
{
    (void)arg;
    int rc = galley_await(co, NULL);
    note("%d", rc == -EAGAIN);
    galley_task_cancel(NULL);
}

static galley_task *myself;

static int await_self(galley_async *co, int *unused)
{
    (void)unused;
    return galley_await(co, myself);
}

static void await_oneself(galley_async *co, void *arg)
{
    (void)arg;
    myself = galley_spawn(co, await_self, &ten);
    int rc = galley_await(co, myself);
    note("%d", rc == -EDEADLK);
}

static int await_other(galley_async *co, galley_task **task)
{
    int rc = galley_await(co, *task);
    note("got:%d", rc);
    return rc;
}

static void await_by_several(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, napper, &ten);
    galley_task *one = galley_spawn(co, await_other, &task);
    galley_task *two = galley_spawn(co, await_other, &task);
    int rc = galley_await(co, one), also = galley_await(co, two);
    note("%d %d", rc, also);
}

static void await_cancelled_task_lives_on(galley_async *co, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    galley_task *task = galley_spawn(co, napper, &ten);
    galley_scope_open(co, &scope, 5);
    int rc = galley_await(co, task);
    int closed = galley_scope_close(co, &scope);
    note("%d %d", rc == -ECANCELED, closed == -ETIMEDOUT);
    rc = galley_await(co, task);
    note("%d", rc);
}

static int spawn_deep(galley_async *co, int *depth)
{
    if (*depth == 0)
        return galley_sleep_ms(co, 1000);
    int below = *depth - 1;
    galley_task *task = galley_spawn(co, spawn_deep, &below);
    int rc = galley_await(co, task);
    return rc;
}

/* Cancelling does not recurse: a thousand generations in 64 KiB of stack each. */
static void deep_tree(galley_async *co, void *arg)
{
    int depth = 1000;
    (void)arg;
    galley_task *task = galley_spawn(co, spawn_deep, &depth);
    int rc = galley_sleep_ms(co, 5);
    galley_task_cancel(task);
    int result = galley_await(co, task);
    note("%d %d", rc, result == -ECANCELED);
}

static int count_runs(galley_async *co, int *count)
{
    ++*count;
    return galley_sleep_ms(co, 0);
}

static void recycled_tasks(galley_async *co, void *arg)
{
    int count = 0, failures = 0;
    struct arena arena;
    (void)arg;
    arena_init(&arena, NULL, 0, 64 << 10);
    co->arena = &arena;
    for (int i = 0; i < 10000; i++) {
        struct galley_scope scope;
        galley_scope_open(co, &scope, -1);
        galley_task *task = galley_spawn(co, count_runs, &count);
        failures += task == NULL;
        failures += galley_scope_close(co, &scope) < 0;
    }
    co->arena = NULL;
    arena_release(&arena);
    note("%d %d", count, failures);
}

/* ---- the forgotten ---- */

/* Ends only in its own time, and writes where it was told to. */
static int write_late(galley_async *co, char *buffer)
{
    struct galley_scope shield;
    int rc = galley_scope_open_shielded(co, &shield, 100);
    if (rc == 0)
        rc = galley_sleep_ms(co, 10);
    memset(buffer, 'x', 2000);
    return galley_scope_close(co, &shield) < 0 ? -EIO : rc;
}

static __attribute__((noinline)) void lend_a_buffer(galley_async *co)
{
    char buffer[2000];
    memset(buffer, 'y', sizeof buffer);
    galley_task *task = galley_spawn(co, write_late, buffer);
    (void)task;
    if (galley_sleep_ms(co, 1) == 0)
        note("lent:%c", buffer[1999]);
}

/* A handler's buffer is written to after the handler has returned: nothing of ours may lie there. */
static void forgotten_with_a_buffer(galley_async *co, void *arg)
{
    (void)arg;
    lend_a_buffer(co);
    coro_join_forgotten(co);
    note("whole");
}

static void forgotten_buffer(void **state)
{
    static const struct rule rule = {"buffer", forgotten_with_a_buffer, "lent:y whole ", 11,
                                     "was never awaited"};
    if (CORO_ASAN) /* which finds the application's mistake itself */
        skip();
    *state = (void *)(uintptr_t)&rule;
    check_rule(state);
}

static void forget_one(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, napper, &long_ms);
    (void)task;
    int rc = galley_sleep_ms(co, 1);
    note("%d", rc);
}

static void forget_finished(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, nothing, &ten);
    (void)task;
    int rc = galley_sleep_ms(co, 1);
    note("%d", rc);
}

static void forget_unstarted(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, napper, &long_ms);
    (void)task;
    coro_join_forgotten(co);
    note("answered");
}

static void forgotten(void **state)
{
    static const struct {
        const char *name;
        void (*entry)(galley_async *, void *);
        const char *trace;
    } rows[] = {
        {"running", forget_one, "0 nap:-125 "},
        {"finished", forget_finished, "0 "},
        {"not started", forget_unstarted, "answered "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world.trace[0] = '\0';
        world_forget_log();
        world_start(rows[i].name, rows[i].entry, NULL);
        world_run();
        assert_string_equal(world.trace, rows[i].trace);
        assert_int_equal(world.stats.tasks_not_awaited, i + 1);
        assert_true(world_logged("warn"));
        assert_true(world_logged(i == 1 ? "task nothing (t/unit/worker/coro/task.c:"
                                        : "task napper (t/unit/worker/coro/task.c:"));
        assert_true(world_logged(") was never awaited"));
    }
}

static void cancelled_parent(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, napper, &long_ms);
    (void)task;
    int rc = galley_sleep_ms(co, 100);
    note("%d", rc == -ECANCELED);
}

/* Who was cancelled could not await: no warning. */
static void forgotten_by_the_cancelled(void **state)
{
    (void)state;
    assert_int_equal(coro_start(world.sched, &(struct coro_opts){.name = "parent",
                                                                 .entry = cancelled_parent,
                                                                 .timeout_ms = 10}),
                     1);
    world_run();
    assert_string_equal(world.trace, "1 nap:-125 ");
    assert_int_equal(world.stats.tasks_not_awaited, 0);
}

/* ---- background ---- */

static int in_background(galley_async *co, int *ms)
{
    void *memory = arena_alloc(co->arena, 1000);
    int rc = memory ? galley_sleep_ms(co, *ms) : -ENOMEM;
    note("background:%d", rc);
    return rc;
}

static void start_background(galley_async *co, void *arg)
{
    (void)arg;
    int rc = galley_background(co, in_background, &ten);
    note("%d", rc);
}

static void background_outlives(void **state)
{
    (void)state;
    assert_int_equal(world_start("handler", start_background, NULL), 0);
    assert_int_equal(world.ended_count, 1);
    assert_int_equal(world.stats.background_active, 1);
    world_run();
    assert_string_equal(world.trace, "0 background:0 ");
    assert_int_equal(world.stats.background_active, 0);
}

static int quiet_background(galley_async *co, int *count)
{
    int rc = galley_sleep_ms(co, 1000);
    ++*count;
    return rc;
}

static void start_many(galley_async *co, void *arg)
{
    int started = 0, refused = 0;
    for (int i = 0; i < 1100; i++) {
        int rc = galley_background(co, quiet_background, (int *)arg);
        started += rc == 0;
        refused += rc == -EAGAIN;
    }
    note("%d %d", started, refused);
}

static void background_is_bounded(void **state)
{
    int ended = 0;
    (void)state;
    assert_int_equal(world_start("handler", start_many, &ended), 0);
    assert_string_equal(world.trace, "1000 100 ");
    assert_int_equal(world.stats.background_active, 1000);
    sched_cancel_all(world.sched, GALLEY_BY_SHUTDOWN);
    world_run();
    assert_int_equal(ended, 1000); /* they run, to free what they own, but cannot wait */
    assert_int_equal(world.stats.background_active, 0);
}

/* ---- many, and too many ---- */

static int counted_sleep(galley_async *co, int *count)
{
    int rc = galley_sleep_ms(co, 10);
    ++*count;
    return rc;
}

static void spawn_all(galley_async *co, void *arg)
{
    int *count = arg, spawned = 0, refused = 0;
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    for (int i = 0; i < 10001; i++) {
        galley_task *task = galley_spawn(co, counted_sleep, count);
        spawned += task != NULL;
        refused += task == NULL;
    }
    note("%d %d", spawned, refused);
    int rc = galley_scope_close(co, &scope);
    note("%d", rc);
}

static void not_run(galley_async *co, void *arg)
{
    (void)co;
    (void)arg;
    note("ran");
}

static void ten_thousand(void **state)
{
    int count = 0;
    (void)state;
    assert_int_equal(world_start("parent", spawn_all, &count), 1);
    assert_string_equal(world.trace, "9999 2 ");
    assert_int_equal(world.stats.coroutines_refused, 2);
    assert_int_equal(world_start("one too many", not_run, NULL), -EAGAIN);
    assert_int_equal(world.stats.coroutines_refused, 3);
    world_run();
    assert_string_equal(world.trace, "9999 2 0 ");
    assert_int_equal(count, 9999);
    assert_int_equal(world.stats.coroutines_peak, 10000);
    assert_int_equal(world_start("room again", not_run, NULL), 0);
}

static const struct rule rules[] = {
    {"await twice", await_twice, "nap:0 10 10 ", 11, NULL},
    {"await of NULL", await_null, "1 ", 0, NULL},
    {"await of oneself", await_oneself, "1 ", 0, NULL},
    {"await by several", await_by_several, "nap:0 got:10 got:10 10 10 ", 11, NULL},
    {"an await that is cancelled leaves the task alone", await_cancelled_task_lives_on,
     "1 1 nap:0 10 ", 11, NULL},
    {"a tree of a thousand generations is cancelled", deep_tree, "0 1 ", 6, NULL},
    {"tasks of closed scopes are used again", recycled_tasks, "10000 0 ", 0, NULL},
};

int main(void)
{
    const struct CMUnitTest others[] = {
        cmocka_unit_test_setup_teardown(forgotten_buffer, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(forgotten, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(forgotten_by_the_cancelled, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(background_outlives, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(background_is_bounded, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(ten_thousand, world_set_up, world_tear_down),
    };
    return WORLD_RUN(rules, others);
}
