/* ticks.h - the cheapest clock there is, for how long a request took.
 * Does:     read the processor's time stamp counter where the kernel itself keeps time by it (12 ns here), else
 *           CLOCK_MONOTONIC (32 ns); turn differences into microseconds.
 * Does not: tell the time: for deadlines there is the loop's clock. */
#ifndef GALLEY_COMMON_TICKS_H
#define GALLEY_COMMON_TICKS_H

#include <stdbool.h>
#include <stdint.h>

struct ticks {
    bool is_counter;
    uint64_t
        us_a_tick; /* times 2^TICKS_SCALE_BITS: right to a thousandth up to 4 GHz, for 50 days */
};
enum { TICKS_SCALE_BITS = 22 };

/* Finds out, and how fast it runs: takes 200 us. */
void ticks_init(struct ticks *ticks);
/* CLOCK_MONOTONIC in ns. */
uint64_t ticks_read_clock(void);

static inline __attribute__((always_inline)) uint64_t ticks_now(const struct ticks *ticks)
{
#ifdef __x86_64__
    if (__builtin_expect(ticks->is_counter, 1))
        return __builtin_ia32_rdtsc();
#else
    (void)ticks;
#endif
    return ticks_read_clock();
}

/* Microseconds from `from` to `to`; 0 where two processors do not agree on which comes first. */
static inline uint64_t ticks_us(const struct ticks *ticks, uint64_t from, uint64_t to)
{
    int64_t passed = (int64_t)(to - from);
    if (__builtin_expect(passed < 0, 0))
        return 0;
    return (uint64_t)passed * ticks->us_a_tick >> TICKS_SCALE_BITS;
}

#endif
