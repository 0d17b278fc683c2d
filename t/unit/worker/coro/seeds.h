/* seeds.h - a case of waiting in a thousand orders of who runs first.
 * Does:     give each run new locks, a seed, and bystanders whom nothing may hit; see that nothing is left.
 * Does not: know cases: cancel.c does. Sanitizers and valgrind see fewer orders. */
#ifndef T_UNIT_WORKER_CORO_SEEDS_H
#define T_UNIT_WORKER_CORO_SEEDS_H

#include <galley/channel.h>
#include <galley/lock.h>

#include "t/unit/worker/coro/world.h"

enum { SEEDS = 1000, SEEDS_WITH_TOOLS = 50, BYSTANDERS = 3 };

static int seed_number;

static void check(bool holds, const char *what)
{
    if (!holds)
        fail_msg("seed %d: %s", seed_number, what);
}

GALLEY_CHANNEL(numbers, int, 1);
static struct numbers numbers;
static struct galley_mutex mutex;
static struct galley_semaphore semaphore;
static struct galley_event event;

static void bystand(galley_async *co, void *arg)
{
    (void)arg;
    for (int i = 0; i < 4; i++)
        check(galley_sleep_ms(co, (int64_t)world_random(4)) == 0, "a bystander is hit");
}

static int seed_count(void)
{
    return RUNNING_ON_VALGRIND || CORO_ASAN ? SEEDS_WITH_TOOLS : SEEDS;
}

static void run_seed(int number, void (*entry)(galley_async *co, void *arg), void *arg)
{
    memset(&numbers, 0, sizeof numbers);
    memset(&mutex, 0, sizeof mutex);
    memset(&semaphore, 0, sizeof semaphore);
    memset(&event, 0, sizeof event);
    world.trace[0] = '\0';
    seed_number = number;
    world.seed = (uint64_t)number * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < BYSTANDERS; i++)
        world_start("bystander", bystand, NULL);
    world_start("case", entry, arg);
    world_run();
    check(sched_live_count(world.sched) == 0, "somebody waits for ever");
    check(world.sched->timers.count == 0, "a timer is left");
}

#endif
