/* watchdog.h - notices a loop that does not turn, and says what holds it while it does.
 * Does:     one thread that looks at the loop's turns; a line in the log after `limit_ms` without one, with the route, the
 *           coroutine and the functions that block; a line at the end with the whole time; counts.
 * Does not: stop what blocks, or cost the loop more than a few stores a turn. A thread that sleeps in the kernel is not even
 *           touched: only one that computes gets a signal (SIGRTMIN+1).
 * See:      backtrace.h, common/symbols.h, docs/WAITING.md (what blocks), t/49-blocked.t */
#ifndef GALLEY_WORKER_CORO_WATCHDOG_H
#define GALLEY_WORKER_CORO_WATCHDOG_H

#include "worker/coro/coro.h"

struct watchdog;

/* Memory that stays until the watchdog is stopped; NULL: it has none (yet). */
struct watchdog_route {
    const void *declared;
    void *stats;
};

struct watchdog_opts {
    struct loop *loop;
    struct sched *sched;
    int64_t limit_ms; /* at least 10 */
    /* All three on the watchdog's thread, or all NULL: then there are no routes.
     * The route of a coroutine's request, whose coroutine may go on and end meanwhile: just load pointers. */
    void (*find_route)(const void *request, struct watchdog_route *out);
    /* "GET /slow (slow_report, shop.c:41)" */
    void (*write_route)(const struct watchdog_route *route, char *text, size_t size);
    void (*on_blocked)(const struct watchdog_route *route); /* once a block */
};

/* Call on the loop's thread, after fault_install and with the application loaded; backtrace_know tells which code keeps frame
 * pointers. NULL with errno; ENOTSUP under valgrind, where each turn takes too long. */
struct watchdog *watchdog_start(const struct watchdog_opts *opts);
/* Before the scheduler is freed. False if its thread hangs (then leave with _exit). NULL is none. */
bool watchdog_stop(struct watchdog *watchdog);
/* Blocks so far. */
uint64_t watchdog_count(const struct watchdog *watchdog);

#endif
