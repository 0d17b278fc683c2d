/* coro.c - what the life of a coroutine costs, in nanoseconds.
 * Does:     start and end on a pooled stack; wait with a timer, be woken, go on; spawn and await.
 * Does not: poll: the scheduler runs by itself. The switch alone is bench/switch.c. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "worker/coro/coro.h"

enum { ROUNDS = 20 * 1000, RUNS = 50, WAITERS = 1000 };

static struct stats stats;
static struct sched *sched;
static galley_async *waiters[WAITERS];
static size_t waiter_count;
static int64_t the_time_ms;

static int64_t fake_now_ms(void)
{
    return the_time_ms;
}

static void end_at_once(galley_async *co, void *arg)
{
    (void)co;
    (void)arg;
}

static void wait_and_end(galley_async *co, void *arg)
{
    (void)arg;
    waiters[waiter_count++] = co;
    if (coro_suspend(co, "bench", the_time_ms + 10000) < 0)
        abort();
}

static void sleep_and_end(galley_async *co, void *arg)
{
    (void)arg;
    if (galley_sleep_ms(co, 9) < 0)
        abort();
}

static int nothing(galley_async *co, int *arg)
{
    (void)co;
    return *arg;
}

static void spawn_many(galley_async *co, void *arg)
{
    int one = 1;
    (void)arg;
    for (int i = 0; i < ROUNDS / 10; i++) {
        struct galley_scope scope;
        galley_scope_open(co, &scope, -1);
        if (galley_await(co, galley_spawn(co, nothing, &one)) != 1)
            abort();
        if (galley_scope_close(co, &scope) < 0)
            abort();
    }
}

static void start(void (*entry)(galley_async *, void *))
{
    if (coro_start(sched,
                   &(struct coro_opts){.name = "bench", .entry = entry, .timeout_ms = 60000}) < 0)
        abort();
}

static void run_starts(void)
{
    for (int i = 0; i < ROUNDS; i++)
        start(end_at_once);
}

static void run_waits(void)
{
    for (int i = 0; i < ROUNDS / WAITERS; i++) {
        waiter_count = 0;
        for (int k = 0; k < WAITERS; k++)
            start(wait_and_end);
        for (int k = 0; k < WAITERS; k++)
            coro_wake(waiters[k], 0);
        while (sched_live_count(sched) > 0)
            (void)sched_run(sched);
    }
}

static void run_sleeps(void)
{
    for (int i = 0; i < ROUNDS / WAITERS; i++) {
        for (int k = 0; k < WAITERS; k++)
            start(sleep_and_end);
        the_time_ms += 10;
        while (sched_live_count(sched) > 0)
            (void)sched_run(sched);
    }
}

static void run_spawns(void)
{
    start(spawn_many);
    while (sched_live_count(sched) > 0)
        (void)sched_run(sched);
}

static double now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void measure(const char *what, void (*run)(void), int count)
{
    double best = 0;
    for (int i = 0; i < RUNS; i++) {
        double begun = now_ns();
        run();
        double each = (now_ns() - begun) / count;
        if (best == 0 || each < best)
            best = each;
    }
    printf("%6.1f ns  %s\n", best, what);
}

int main(void)
{
    struct loop *loop = loop_new();
    sched = loop
                ? sched_new(loop, &(struct sched_opts){.stats = &stats, .fake_now_ms = fake_now_ms})
                : NULL;
    if (!sched)
        return 1;
    measure("start and end on a pooled stack", run_starts, ROUNDS);
    measure("start, wait with a timer, wake, end (1,000 at once)", run_waits, ROUNDS);
    measure("start, sleep, timer, end (1,000 at once)", run_sleeps, ROUNDS);
    measure("scope, spawn, await, close", run_spawns, ROUNDS / 10);
    sched_free(sched);
    loop_free(loop);
    return 0;
}
