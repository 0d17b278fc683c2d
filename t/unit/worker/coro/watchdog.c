/* t/unit/worker/coro/watchdog.c - a loop that is held, on its own stack and on a coroutine's, asleep and computing. */
#include <signal.h>

#include "t/unit/worker/coro/world.h"
#include "worker/coro/backtrace.h"
#include "worker/coro/fault.h"
#include "worker/coro/watchdog.h"

#ifdef __clang__
#define AS_IT_IS __attribute__((noinline, optnone))
#else
#define AS_IT_IS __attribute__((noipa)) /* a clone would have another name */
#endif

enum { LIMIT_MS = 20, LATE_MS = 150, PATIENCE_MS = 20000 };

static struct watchdog *dog;
static int blocked_count; /* by on_blocked, on the watchdog's thread */

static void find_route(const void *request, struct watchdog_route *out)
{
    out->declared = request;
}

static void write_route(const struct watchdog_route *route, char *text, size_t size)
{
    snprintf(text, size, "%s", (const char *)route->declared);
}

static void on_blocked(const struct watchdog_route *route)
{
    (void)route;
    blocked_count++;
}

static int set_up(void **state)
{
    world_set_up_real(state);
    assert_int_equal(fault_install(world.sched), 0);
    blocked_count = 0;
    dog = watchdog_start(&(struct watchdog_opts){.loop = world.loop,
                                                 .sched = world.sched,
                                                 .limit_ms = LIMIT_MS,
                                                 .find_route = find_route,
                                                 .write_route = write_route,
                                                 .on_blocked = on_blocked});
    if (RUNNING_ON_VALGRIND)
        assert_null(dog);
    else
        assert_non_null(dog);
    return 0;
}

static int tear_down(void **state)
{
    assert_true(watchdog_stop(dog));
    fault_remove();
    return world_tear_down(state);
}

static void assert_logged(const char *text)
{
    char log[4096];
    ssize_t len = pread(world.log_fd, log, sizeof log - 1, 0);
    log[len > 0 ? len : 0] = '\0';
    if (strstr(log, text) == NULL)
        fail_msg("%s is not in %s", text, log);
}

/* Hold the thread until the log has `text`. */
static AS_IT_IS bool compute_until(const char *text)
{
    int64_t end_ms = clock_now_ms() + PATIENCE_MS;
    while (!world_logged(text) && clock_now_ms() < end_ms)
        for (volatile int i = 0; i < 1000000; i++)
            continue;
    return world_logged(text);
}

static AS_IT_IS bool sleep_until(const char *text)
{
    int64_t end_ms = clock_now_ms() + PATIENCE_MS;
    while (!world_logged(text) && clock_now_ms() < end_ms)
        usleep(100000);
    return world_logged(text);
}

static void compute_later(galley_async *co, void *arg)
{
    int rc = galley_sleep_ms(co, 1);
    co->request = arg;
    note("%d%d", rc, compute_until(" blocked "));
}

/* Run `main` until it ends; the test is skipped where nobody watches. */
static void run_watched(const char *name, void (*main)(galley_async *co, void *arg), void *arg)
{
    if (dog == NULL)
        skip();
    world_start(name, main, arg);
    world_loop();
}

static void computing(void **state)
{
    (void)state;
    run_watched("thinker", compute_later, NULL);
    assert_string_equal(world.trace, "01 ");
    assert_logged(" ms in thinker: ");
    assert_logged("compute_until < compute_later");
    assert_int_equal(watchdog_count(dog), 1);
    assert_int_equal(blocked_count, 0); /* it has no route */
}

static void with_a_route(void **state)
{
    (void)state;
    run_watched("thinker", compute_later, (void *)(uintptr_t) "GET /think");
    assert_logged(" ms in GET /think: ");
    assert_int_equal(blocked_count, 1);
}

static void block_the_loop(void *arg)
{
    (void)arg;
    note("%d", sleep_until(" blocked "));
    loop_stop(world.loop);
}

static void on_the_loops_own_stack(void **state)
{
    struct loop_timer timer = {.fn = NULL};
    (void)state;
    if (dog == NULL)
        skip();
    loop_timer_start(world.loop, &timer, 1, block_the_loop, NULL);
    loop_run(world.loop, NULL, NULL);
    assert_string_equal(world.trace, "1 ");
    assert_logged(" ms in the loop: ");
    assert_logged("usleep < sleep_until < block_the_loop");
}

static sigset_t stop_listening(void)
{
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    return before;
}

static void deaf(galley_async *co, void *arg)
{
    sigset_t before = stop_listening();
    compute_later(co, arg);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void without_signals(void **state)
{
    (void)state;
    run_watched("deaf", deaf, NULL);
    assert_logged(" ms in deaf: where is not known, it takes no signal");
}

/* Takes the signal later on, as one does that has to wait for a processor. */
static AS_IT_IS void hear_late(galley_async *co, void *arg)
{
    int rc = galley_sleep_ms(co, 1);
    (void)arg;
    sigset_t before = stop_listening();
    while (watchdog_count(dog) == 0)
        continue;
    for (int64_t end_ms = clock_now_ms() + LATE_MS; clock_now_ms() < end_ms;)
        continue;
    sigprocmask(SIG_SETMASK, &before, NULL);
    note("%d%d", rc, compute_until(" blocked "));
}

static void a_signal_that_comes_late(void **state)
{
    (void)state;
    run_watched("late", hear_late, NULL);
    assert_string_equal(world.trace, "01 ");
    assert_logged(" < hear_late");
}

static void rest(galley_async *co, void *arg)
{
    (void)arg;
    sleep_and_note(co, "rested", 5 * LIMIT_MS);
}

static void a_loop_that_waits_is_not_blocked(void **state)
{
    (void)state;
    world_start("rester", rest, NULL);
    world_loop();
    assert_string_equal(world.trace, "rested:0 ");
    assert_int_equal(watchdog_count(dog), 0);
}

static void none(void **state)
{
    (void)state;
    assert_true(watchdog_stop(NULL));
    assert_int_equal(watchdog_count(NULL), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(computing),
        CASE(with_a_route),
        CASE(on_the_loops_own_stack),
        CASE(without_signals),
        CASE(a_signal_that_comes_late),
        CASE(a_loop_that_waits_is_not_blocked),
        cmocka_unit_test(none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
