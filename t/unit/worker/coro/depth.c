/* t/unit/worker/coro/depth.c - how deep a stack was used is known to the page, whoever had it before. */
#include "t/unit/worker/coro/world.h"

static struct {
    size_t use_bytes, found_bytes;
    bool has_started;
} now;

/* Touch so much of the stack, as nested calls would. */
__attribute__((noinline)) static void use(size_t bytes)
{
    volatile char frame[1024];
    frame[0] = frame[sizeof frame - 1] = 1;
    if (bytes > sizeof frame)
        use(bytes - sizeof frame);
    frame[1] = frame[0];
}

static void measured(galley_async *co, void *arg)
{
    (void)arg;
    now.has_started = coro_depth_start(co);
    if (now.use_bytes > 0)
        use(now.use_bytes);
    assert_int_equal(galley_sleep_ms(co, 1), 0); /* whatever runs meanwhile */
    now.found_bytes = coro_depth_bytes(co);
}

static size_t measure(size_t use_bytes)
{
    now.use_bytes = use_bytes;
    now.found_bytes = 0;
    assert_int_equal(world_start("measured", measured, NULL), 1);
    world_run();
    assert_true(now.has_started);
    assert_true(now.found_bytes > 0);
    assert_int_equal(now.found_bytes % 4096, 0);
    return now.found_bytes;
}

static void is_known_to_the_page(void **state)
{
    (void)state;
    if (CORO_ASAN || RUNNING_ON_VALGRIND)
        skip(); /* their frames are larger, or elsewhere */
    size_t least = measure(0);
    assert_in_range(least, 4096, 16384);
    for (size_t bytes = 8192; bytes <= 131072; bytes *= 2) {
        size_t found = measure(bytes);
        assert_in_range(found, bytes, bytes * 3 / 2 + least + 4096);
    }
    assert_in_range(measure(0), least, least + 4096); /* what was deep before is forgotten */
}

static void not_from_outside(void **state)
{
    (void)state;
    now.use_bytes = 0;
    assert_int_equal(world_start("measured", measured, NULL), 1);
    size_t at = 0;
    galley_async *co = sched_next_live(world.sched, &at);
    assert_false(coro_depth_start(co)); /* the loop's own stack is elsewhere */
    world_run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_known_to_the_page, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(not_from_outside, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
