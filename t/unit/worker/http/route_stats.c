/* t/unit/worker/http/route_stats.c - what is counted of a request, and whose stack is measured. */
#include "t/unit/worker/coro/world.h"

#include "worker/http/route_stats.h"

static void every_request_is_somewhere(void **state)
{
    struct route_stats stats;
    (void)state;
    route_stats_init(&stats);
    stats.measured_next = 0; /* no coroutine is at hand */
    for (int i = 0; i < 5; i++)
        assert_false(route_stats_begin(&stats, NULL));
    route_stats_end(&stats, 2, 100, 0);
    route_stats_end(&stats, 5, 30000, 4096);
    route_stats_end(&stats, 0, 7, 1024);
    assert_int_equal(stats.requests, 5);
    assert_int_equal(stats.responses[2], 1);
    assert_int_equal(stats.responses[5], 1);
    assert_int_equal(stats.responses[0], 1);
    assert_int_equal(stats.arena_high_bytes, 4096);
    assert_int_equal(stats.latency_us.max, 30000);
    assert_int_equal(histogram_count(&stats.latency_us), 3);
    route_stats_blocked(&stats);
    assert_int_equal(stats.blocked, 1);
}

struct walk {
    struct route_stats stats;
    char measured[12000];
    size_t count;
};

static void begin_many(galley_async *co, void *arg)
{
    struct walk *walk = arg;
    for (; walk->count < sizeof walk->measured; walk->count++) {
        bool is_measured = route_stats_begin(&walk->stats, co);
        walk->measured[walk->count] = is_measured;
        if (is_measured)
            route_stats_measured(&walk->stats, co);
    }
}

static void measured_at_powers_of_two_then_now_and_then(void **state)
{
    static struct walk walk;
    (void)state;
    route_stats_init(&walk.stats);
    assert_int_equal(world_start("walk", begin_many, &walk), 0);
    assert_int_equal(walk.count, sizeof walk.measured);
    for (size_t number = 1; number <= walk.count; number++) {
        bool is_power = (number & (number - 1)) == 0;
        bool is_due = number % ROUTE_STATS_MEASURE_EVERY == 0;
        if (walk.measured[number - 1] != (number < ROUTE_STATS_MEASURE_EVERY ? is_power : is_due))
            fail_msg("request %zu", number);
    }
    assert_in_range(walk.stats.stack_high_bytes, 4096, 65536);
    assert_int_equal(walk.stats.stack_high_bytes % 4096, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_somewhere),
        cmocka_unit_test_setup_teardown(measured_at_powers_of_two_then_now_and_then, world_set_up,
                                        world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
