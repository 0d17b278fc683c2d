/* t/unit/common/ticks.c - whichever clock it is, it runs as fast as CLOCK_MONOTONIC, and never backwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "common/ticks.h"

/* Between two readings of the one, two of the other: what the inner ones say is no more than what the outer ones say. */
static void runs_as_fast(const struct ticks *ticks, uint64_t pass_ns)
{
    uint64_t outer = ticks_read_clock(), from = ticks_now(ticks), inner = ticks_read_clock();
    while (ticks_read_clock() - outer < pass_ns)
        ;
    uint64_t inner_ns = ticks_read_clock() - inner;
    uint64_t took_us = ticks_us(ticks, from, ticks_now(ticks));
    uint64_t outer_ns = ticks_read_clock() - outer;
    assert_in_range(took_us, inner_ns / 1000 * 99 / 100, outer_ns / 1000 * 101 / 100 + 1);
}

static void the_chosen_one(void **state)
{
    struct ticks ticks;
    (void)state;
    ticks_init(&ticks);
    runs_as_fast(&ticks, 20000000);
    uint64_t last = ticks_now(&ticks);
    for (int i = 0; i < 100000; i++) {
        uint64_t now = ticks_now(&ticks);
        assert_true(ticks_us(&ticks, last, now) < 1000000);
        last = now;
    }
}

/* However it was interrupted while it found out. */
static void found_out_again_and_again(void **state)
{
    struct ticks ticks;
    (void)state;
    for (int i = 0; i < 50; i++) {
        ticks_init(&ticks);
        runs_as_fast(&ticks, 1000000);
    }
}

static void the_other_one(void **state)
{
    struct ticks ticks;
    (void)state;
    ticks_init(&ticks);
    ticks = (struct ticks){.us_a_tick = (1 << TICKS_SCALE_BITS) / 1000};
    runs_as_fast(&ticks, 20000000);
}

static void differences(void **state)
{
    const struct ticks a_gigahertz = {.us_a_tick = (1 << TICKS_SCALE_BITS) / 1000};
    static const struct {
        const char *name;
        uint64_t from, to, least, most;
    } cases[] = {
        {"none", 5, 5, 0, 0},
        {"backwards", 10, 3, 0, 0},
        {"a little", 0, 1500, 1, 1},
        {"a second", 7, 1000000007, 999900, 1000000},
        {"over the end", UINT64_MAX - 999999, 1000000, 1999, 2000},
        {"40 days", 0, 3456000000000000, 3455600000000, 3456000000000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t us = ticks_us(&a_gigahertz, cases[i].from, cases[i].to);
        if (us < cases[i].least || us > cases[i].most)
            fail_msg("%s: %llu us", cases[i].name, (unsigned long long)us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chosen_one),
        cmocka_unit_test(found_out_again_and_again),
        cmocka_unit_test(the_other_one),
        cmocka_unit_test(differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
