/* wall_clock.c - a library for LD_PRELOAD that moves the wall clock of a process when the test says so.
 * Does:     add the seconds that stand in the file $WALL_CLOCK to CLOCK_REALTIME, as clock_gettime, gettimeofday and time tell it.
 * Does not: move CLOCK_MONOTONIC, or what the kernel itself compares.
 * See:      t/84-wall-clock.t (which writes the file) */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Not instrumented: it runs before a sanitizer has set itself up. */
#define PLAIN __attribute__((no_sanitize("address", "undefined")))

static const int64_t *shift_s;

__attribute__((constructor)) PLAIN static void map_shift(void)
{
    const char *path = getenv("WALL_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *page = mmap(NULL, sizeof *shift_s, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (page != MAP_FAILED)
        shift_s = page;
}

PLAIN int clock_gettime(clockid_t clock, struct timespec *now)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, now);
    if (rc == 0 && shift_s != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *(volatile const int64_t *)shift_s;
    return rc;
}

PLAIN int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    *now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
    return 0;
}

PLAIN time_t time(time_t *to)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (to != NULL)
        *to = now.tv_sec;
    return now.tv_sec;
}
