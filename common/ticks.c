/* ticks.c - the cheapest clock there is: which one, and how fast it runs.
 * Does:     ask the kernel whether it trusts the counter: then it is constant, and the same on all processors.
 * Does not: follow the corrections of CLOCK_MONOTONIC, which are less than a thousandth.
 * See:      t/unit/common/ticks.c */
#include "common/ticks.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CALIBRATION_NS = 200000 };

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

static void calibrate(struct ticks *ticks)
{
    uint64_t start_ns = ticks_read_clock(), start = ticks_now(ticks), now_ns;
    do {
        now_ns = ticks_read_clock();
    } while (now_ns - start_ns < CALIBRATION_NS);
    uint64_t passed = ticks_now(ticks) - start;
    if (passed < CALIBRATION_NS / 1000) { /* not even one a microsecond: no clock for us */
        ticks->is_counter = false;
        return;
    }
    ticks->us_a_tick = (((now_ns - start_ns) << TICKS_SCALE_BITS) + passed * 500) / (passed * 1000);
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
