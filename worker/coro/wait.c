/* wait.c - the waiting calls of galley/wait.h that are about time and descriptors.
 * Does:     sleep, checkpoint, wait for a descriptor with an event in the coroutine's own frame, close.
 * Does not: read or write; the layers above do.
 * See:      docs/WAITING.md, t/unit/worker/coro/wait.c */
#include <unistd.h>

#include "common/bug.h"
#include "worker/coro/pool.h"
#include "worker/coro/sched.h"

/* One coroutine that waits for a descriptor; in its frame, and in sched->fd_waits by the descriptor. */
struct fd_wait {
    struct list link;
    galley_async *co;
    int fd;
    unsigned wanted;
    struct loop_event event;
};

void sched_expect_events(struct sched *sched, int change)
{
    GALLEY_BUG_IF(change < 0 && sched->expected_count == 0, "more events came than were expected");
    sched->expected_count += (size_t)change;
}

bool sched_expects_events(const struct sched *sched)
{
    if (sched->expected_count > 0)
        return true;
    for (size_t i = 0; i < FD_BUCKETS; i++)
        if (!list_is_empty(&sched->fd_waits[i]))
            return true;
    return sched->pool && pool_is_busy(sched->pool);
}

int64_t galley_now_ms(galley_async *co)
{
    return sched_now_ms(co->sched);
}

int galley__sleep_ms(galley_async *co, int64_t ms, const char *here)
{
    if (ms <= 0) {
        int rc = coro_check_point(co);
        if (rc == 0)
            coro_yield(co);
        return rc;
    }
    /* The clock was read at the last poll and in whole milliseconds: one more makes it `ms` at least. */
    co->here = here;
    int rc = coro_suspend(co, "sleep", sched_in_ms(co->sched, ms < INT64_MAX ? ms + 1 : ms));
    co->here = NULL;
    return rc == -ETIMEDOUT ? 0 : rc;
}

int galley_checkpoint(galley_async *co)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    int64_t now_us = clock_now_us();
    if (co->resumed_at_us == 0)
        co->resumed_at_us = now_us;
    if (now_us - co->resumed_at_us >= CORO_BUDGET_US)
        coro_yield(co);
    return 0;
}

static void fd_ready(void *arg, int fd, unsigned what)
{
    struct fd_wait *wait = arg;
    (void)fd;
    unsigned ready = what & wait->wanted;
    loop_event_stop(&wait->event);
    coro_wake(wait->co, (int)(ready ? ready : wait->wanted));
}

int galley__wait_fd(galley_async *co, int fd, int what, int64_t timeout_ms, const char *here)
{
    _Static_assert((int)GALLEY_READ == (int)LOOP_READ && (int)GALLEY_WRITE == (int)LOOP_WRITE, "");
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    if (fd < 0 || what == 0 || (what & ~(GALLEY_READ | GALLEY_WRITE)) != 0)
        return -EINVAL;
    struct sched *sched = co->sched;
    struct fd_wait wait = {.co = co, .fd = fd, .wanted = (unsigned)what};
    rc = loop_event_start(sched->loop, &wait.event, fd, (unsigned)what, fd_ready, &wait);
    if (rc == -EPERM) /* a file, which epoll refuses: always ready */
        return what;
    if (rc < 0)
        return rc;
    list_append(&sched->fd_waits[(unsigned)fd % FD_BUCKETS], &wait.link);
    co->here = here;
    co->waiting_on = fd;
    rc = coro_suspend(co,
                      what == GALLEY_READ    ? "readable"
                      : what == GALLEY_WRITE ? "writable"
                                             : "ready",
                      timeout_ms < 0 ? INT64_MAX : sched_in_ms(sched, timeout_ms));
    co->here = NULL;
    loop_event_stop(&wait.event);
    list_remove(&wait.link);
    return rc;
}

int galley_close(galley_async *co, int fd)
{
    if (fd < 0)
        return -EBADF;
    struct list *bucket = &co->sched->fd_waits[(unsigned)fd % FD_BUCKETS];
    for (struct list *node = bucket->next, *next; node != bucket; node = next) {
        struct fd_wait *wait = LIST_ENTRY(node, struct fd_wait, link);
        next = node->next;
        if (wait->fd != fd)
            continue;
        loop_event_stop(&wait->event);
        list_remove(&wait->link);
        coro_wake(wait->co, -ECANCELED);
    }
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}
