/* ticks.c - the cheapest clock there is: which one, and how fast it runs.
 * Does:     ask the kernel whether it trusts the counter: then it is constant, and the same on all processors.
 * Does not: follow the corrections of CLOCK_MONOTONIC, which are less than a thousandth.
 * See:      t/unit/common/ticks.c */
#include "common/ticks.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CALIBRATION_NS = 200000, TRIES = 8 };

uint64_t ticks_read_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#ifdef __x86_64__
static bool is_trusted(void)
{
    char name[8] = "";
    int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                  O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, name, sizeof(name) - 1);
    close(fd);
    return len > 0 && !strcmp(name, "tsc\n");
}

struct reading {
    uint64_t ticks, ns;
};

/* Both clocks at the same time: the closest of a few tries, since any one may be interrupted between the two. */
static struct reading read_both(const struct ticks *ticks)
{
    struct reading closest = {0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = ticks_now(ticks), ns = ticks_read_clock();
        uint64_t gap = ticks_now(ticks) - before;
        if (gap >= least)
            continue;
        least = gap;
        closest = (struct reading){before + gap / 2, ns};
    }
    return closest;
}

static void calibrate(struct ticks *ticks)
{
    struct reading first = read_both(ticks), last;
    while (ticks_read_clock() - first.ns < CALIBRATION_NS)
        ;
    last = read_both(ticks);
    uint64_t passed = last.ticks - first.ticks, passed_ns = last.ns - first.ns;
    if (passed < passed_ns / 1000) { /* not even one a microsecond: no clock for us */
        ticks->is_counter = false;
        return;
    }
    ticks->us_a_tick = ((passed_ns << TICKS_SCALE_BITS) + passed * 500) / (passed * 1000);
}
#endif

void ticks_init(struct ticks *ticks)
{
    *ticks = (struct ticks){.us_a_tick = (1 << TICKS_SCALE_BITS) / 1000};
#ifdef __x86_64__
    ticks->is_counter = is_trusted();
    if (ticks->is_counter)
        calibrate(ticks);
#endif
}
