/* t/unit/worker/coro/random.c - random programs of scopes, tasks, sleeps, wakes and cancellations; whatever the order,
 * the rules hold, everything ends, and no task outlives its scope. */
#include "t/unit/worker/coro/world.h"

enum { SEEDS = 1000, DEPTH_MAX = 4, STEPS_MAX = 8, TASKS_MAX = 4, HANDLES = 64 };

static uint64_t seed;
static unsigned refusals, timeouts, successes, wakes, forgotten;

static uint64_t next_random(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

/* Coroutines that wait in coro_suspend just now, for anybody to wake or cancel. */
static galley_async *handles[HANDLES];

static void check(bool holds, const char *what)
{
    if (!holds)
        fail_msg("%s", what);
}

static bool is_cancelled(galley_async *co)
{
    return galley_cancel_reason(co) != GALLEY_NOT_CANCELLED;
}

/* Every result that a waiting call may have, judged. */
static int judge(galley_async *co, int rc, bool was_cancelled)
{
    if (was_cancelled)
        check(rc == -ECANCELED, "a call in a cancelled scope did not fail");
    if (rc == -ECANCELED)
        check(galley_cancel_reason(co) != GALLEY_NOT_CANCELLED, "ECANCELED without a reason");
    refusals += rc == -ECANCELED;
    successes += rc >= 0;
    return rc;
}

static void wait_for_a_wake(galley_async *co)
{
    size_t at = next_random(HANDLES);
    bool was_cancelled = is_cancelled(co);
    if (handles[at])
        return;
    int64_t until_ms = galley_now_ms(co) + (int64_t)next_random(20);
    handles[at] = co;
    int rc = coro_suspend(co, "a wake", until_ms);
    handles[at] = NULL;
    if (rc == -ETIMEDOUT) {
        check(galley_now_ms(co) >= until_ms, "timed out too early");
        timeouts++;
        return;
    }
    judge(co, rc, was_cancelled);
    check(rc == -ECANCELED || rc == 77, "a result that nobody gave");
}

static void meddle(void)
{
    size_t start = next_random(HANDLES), i = 0;
    while (i < HANDLES && !handles[(start + i) % HANDLES])
        i++;
    galley_async *other = handles[(start + i) % HANDLES];
    if (!other)
        return;
    if (next_random(8) == 0) {
        coro_cancel(other, GALLEY_BY_DISCONNECT);
    } else {
        coro_wake(other, 77);
        wakes++;
    }
}

static void sleep_some(galley_async *co)
{
    bool was_cancelled = is_cancelled(co);
    int64_t ms = (int64_t)next_random(15), start_ms = galley_now_ms(co);
    int rc = judge(co, galley_sleep_ms(co, ms), was_cancelled);
    check(rc == 0 || rc == -ECANCELED, "sleep's result");
    if (rc == 0)
        check(galley_now_ms(co) - start_ms >= ms, "slept too short");
}

static void await_judged(galley_async *co, galley_task *task)
{
    bool was_cancelled = is_cancelled(co);
    int rc = galley_await(co, task);
    if (was_cancelled)
        check(rc == -ECANCELED, "an await in a cancelled scope did not fail");
    check(rc == 1 || rc == -ECANCELED || rc == -EIO, "await's result");
}

struct program {
    int depth;
};

static int run_program(galley_async *co, struct program *program);

static void in_a_scope(galley_async *co, int depth)
{
    struct galley_scope scope;
    struct program programs[TASKS_MAX];
    galley_task *tasks[TASKS_MAX] = {NULL};
    bool is_shield = next_random(4) == 0;
    if (is_shield) {
        if (galley_scope_open_shielded(co, &scope, (int64_t)next_random(90)) < 0)
            fail_msg("shield");
    } else {
        galley_scope_open(co, &scope, next_random(3) == 0 ? (int64_t)next_random(60) : -1);
    }
    size_t count = next_random(TASKS_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        programs[i].depth = depth + 1;
        tasks[i] = galley_spawn(co, run_program, &programs[i]);
    }
    for (size_t i = 0; i < count; i++) {
        switch (next_random(12)) {
        case 0:
            galley_task_cancel(tasks[i]);
            break;
        case 1:
            galley_scope_cancel(&scope);
            break;
        case 2:
        case 3:
            await_judged(co, tasks[i]);
            break;
        default:
            sleep_some(co);
        }
    }
    int rc = galley_scope_close(co, &scope);
    check(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT || rc == -EIO, "close's result");
}

static void cleanup(galley_async *co, void *arg)
{
    (void)arg;
    int64_t start_ms = galley_now_ms(co);
    int rc = galley_sleep_ms(co, 2);
    check(rc == 0 && galley_now_ms(co) - start_ms >= 2, "a defer could not wait");
}

static void spawn_and_forget(galley_async *co, int depth)
{
    /* Programs without frames of ours: what they read must outlive this function. */
    static struct program leaves[DEPTH_MAX + 2];
    leaves[depth + 1].depth = depth + 1;
    galley_task *task = galley_spawn(co, run_program, &leaves[depth + 1]);
    (void)task;
    forgotten++;
}

static int run_program(galley_async *co, struct program *program)
{
    int depth = program->depth;
    uint64_t steps = 1 + next_random(STEPS_MAX);
    for (uint64_t i = 0; i < steps; i++) {
        switch (next_random(8)) {
        case 0:
            if (depth < DEPTH_MAX)
                in_a_scope(co, depth);
            break;
        case 1:
            if (galley__defer(co, cleanup, NULL) < 0)
                fail_msg("defer");
            break;
        case 2:
            meddle();
            break;
        case 3:
            if (depth < DEPTH_MAX && next_random(8) == 0)
                spawn_and_forget(co, depth);
            break;
        case 4:
        case 5:
            wait_for_a_wake(co);
            break;
        default:
            sleep_some(co);
        }
    }
    return next_random(16) == 0 ? -EIO : 1;
}

static void start_program(galley_async *co, void *arg)
{
    (void)run_program(co, arg);
}

static void any_order(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= SEEDS; i++) {
        struct program program = {.depth = 0};
        seed = i * 0x9e3779b97f4a7c15u;
        for (int k = 0; k < 3; k++) {
            int rc = coro_start(world.sched, &(struct coro_opts){.name = "program",
                                                                 .entry = start_program,
                                                                 .arg = &program,
                                                                 .timeout_ms = k == 0 ? 60 : -1});
            assert_true(rc >= 0);
        }
        world_run();
        if (sched_live_count(world.sched) != 0)
            fail_msg("seed %d: %zu coroutines never end", (int)i, sched_live_count(world.sched));
        assert_int_equal(world.sched->timers.count, 0);
        world_forget_log();
    }
    printf("# %u refused, %u timed out, %u succeeded, %u woken, %u forgotten\n", refusals, timeouts,
           successes, wakes, forgotten);
    assert_true(refusals > 1000 && timeouts > 1000 && successes > 1000 && wakes > 1000);
    assert_true(forgotten > 100 && world.stats.tasks_not_awaited > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_order, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
