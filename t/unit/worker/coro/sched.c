/* t/unit/worker/coro/sched.c - coroutines start, wait, wake and end; their stacks are used again. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/unit/worker/coro/world.h"

static void say_name(galley_async *co, void *arg)
{
    (void)co;
    note("%s", (const char *)arg);
}

static void ends_without_waiting(void **state)
{
    (void)state;
    assert_int_equal(world_start("a", say_name, (void *)(uintptr_t) "a"), 0);
    assert_string_equal(world.trace, "a ");
    assert_int_equal(world.ended_count, 1);
    assert_int_equal(sched_live_count(world.sched), 0);
    assert_int_equal(sched_run(world.sched), -1);
}

static void sleeper(galley_async *co, void *arg)
{
    int64_t ms = (int64_t)(intptr_t)arg;
    int rc = galley_sleep_ms(co, ms);
    note("%d:%d", (int)ms, rc);
}

static void sleepers_wake_in_order(void **state)
{
    (void)state;
    int64_t start_ms = world.now_ms;
    for (int i = 0; i < 50; i++)
        assert_int_equal(world_start("sleeper", sleeper, (void *)(intptr_t)(50 - i)), 1);
    assert_int_equal(world.stats.coroutines_live, 50);
    world_run();
    char expected[4096] = "";
    for (int i = 1; i <= 50; i++)
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%d:0 ", i);
    assert_string_equal(world.trace, expected);
    assert_int_equal(world.now_ms - start_ms, 51); /* at least what was asked for */
    assert_int_equal(world.ended_count, 50);
    assert_int_equal(world.stats.coroutines_live, 0);
    assert_int_equal(world.stats.coroutines_peak, 50);
}

static int child(galley_async *co, int *number)
{
    int rc = galley_sleep_ms(co, *number);
    return rc < 0 ? rc : *number * 2;
}

static void parent(galley_async *co, void *arg)
{
    (void)arg;
    int one = 10, two = 5;
    galley_task *first = galley_spawn(co, child, &one), *second = galley_spawn(co, child, &two);
    note("spawned");
    int rc = galley_await(co, first);
    note("%d", rc);
    rc = galley_await(co, second);
    note("%d", rc);
    rc = galley_await(co, first);
    note("%d", rc);
}

static void spawns_and_awaits(void **state)
{
    (void)state;
    assert_int_equal(world_start("parent", parent, NULL), 1);
    world_run();
    assert_string_equal(world.trace, "spawned 20 10 20 ");
    assert_int_equal(world.ended_count, 1);
    assert_int_equal(world.stats.tasks_not_awaited, 0);
}

/* ---- what can be asked of it ---- */

static void wait_for_ever(galley_async *co, void *arg)
{
    (void)arg;
    if (coro_suspend(co, "godot", INT64_MAX) < 0)
        note("cancelled:%d", (int)galley_cancel_reason(co));
}

static void dumps_and_cancels(void **state)
{
    (void)state;
    assert_int_equal(world_start("estragon", wait_for_ever, NULL), 1);
    assert_int_equal(world_start("parent", parent, NULL), 1);
    assert_null(sched_current(world.sched));
    assert_ptr_equal(sched_loop(world.sched), world.loop);
    sched_dump(world.sched);
    assert_true(world_logged("id=1 parent=0 name=estragon at=:0 state=WAITING waiting_for=godot "
                             "in=- age_ms=0"));
    assert_true(world_logged("id=2 parent=0 name=parent at=:0 state=WAITING "
                             "waiting_for=task (#3) in=t/unit/worker/coro/sched.c:"));
    assert_true(world_logged("id=3 parent=2 name=child at=t/unit/worker/coro/sched.c:"));
    assert_true(world_logged("state=READY waiting_for=- in=- age_ms="));
    sched_cancel_all(world.sched, GALLEY_BY_SHUTDOWN);
    world_run();
    assert_string_equal(world.trace, "spawned cancelled:6 -125 -125 -125 ");
    assert_string_equal(coro_state_name(CORO_DONE), "DONE");
    assert_string_equal(coro_state_name((enum coro_state)99), "?");
}

static void yield_often(galley_async *co, void *arg)
{
    for (int i = 0; i < 1000; i++) {
        if (galley_sleep_ms(co, 0) == 0)
            ++*(int *)arg;
    }
}

/* A turn ends after 128 resumes, and one who yields waits for a poll. */
static void turns_are_bounded(void **state)
{
    int yields = 0;
    (void)state;
    assert_int_equal(world_start("yields", yield_often, &yields), 1);
    assert_int_equal(sched_run(world.sched), 0);
    assert_int_equal(yields, 1);
    assert_int_equal(sched_run(world.sched), 0);
    assert_int_equal(yields, 2);
    for (int i = 0; i < 300; i++)
        assert_int_equal(world_start("sleeper", sleeper, (void *)(intptr_t)1), 1);
    world.now_ms += 2;
    size_t live = sched_live_count(world.sched);
    assert_int_equal(sched_run(world.sched), 0);
    assert_int_equal(live - sched_live_count(world.sched), 127); /* and a turn of who yields */
    assert_int_equal(yields, 3);
    world_run();
    assert_int_equal(yields, 1000);
}

/* ---- what is done on the loop's stack ---- */

struct called {
    galley_async *co;
    const void *frame;
    const char *state;
    bool is_current, does_wait;
};

static void look_around(void *arg)
{
    struct called *called = arg;
    called->frame = __builtin_frame_address(0);
    called->state = coro_state_name((enum coro_state)called->co->state);
    called->is_current = sched_current(called->co->sched) == called->co;
    note("called");
    if (called->does_wait && galley_sleep_ms(called->co, 1) == 0)
        note("waited");
}

static void calls_twice(galley_async *co, void *arg)
{
    struct called *called = arg;
    called->co = co;
    coro_call_on_loop(co, look_around, called);
    note("back");
    if (galley_sleep_ms(co, 1) == 0)
        coro_call_on_loop(co, look_around, called);
    note("back");
}

static bool is_on_stack_of(const void *frame, const galley_async *co)
{
    return (const char *)frame >= co->stack_low && (const char *)frame < (const char *)co;
}

static void calls_on_the_loops_stack(void **state)
{
    struct called called = {0};
    (void)state;
    assert_int_equal(world_start("calls", calls_twice, &called), 1);
    assert_string_equal(world.trace, "called back ");
    assert_false(is_on_stack_of(called.frame, called.co));
    assert_string_equal(called.state, "CALLING");
    assert_true(called.is_current); /* what blocks or crashes there is its doing */
    world_run();
    assert_string_equal(world.trace, "called back called back ");
    assert_int_equal(world.ended_count, 1);
}

static void no_waiting_there(void **state)
{
    struct called called = {.does_wait = true};
    int status = 0;
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        (void)world_start("calls", calls_twice, &called);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_true(world_logged("calls (:0) waits on the loop's own stack"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ends_without_waiting, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(sleepers_wake_in_order, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(spawns_and_awaits, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(dumps_and_cancels, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(turns_are_bounded, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(calls_on_the_loops_stack, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(no_waiting_there, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
