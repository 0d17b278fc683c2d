/* t/unit/worker/coro/defer.c - defers run last first, however the coroutine ends, and may wait. */
#include "t/unit/worker/coro/world.h"

static void say(galley_async *co, void *arg)
{
    (void)co;
    note("%s", (const char *)arg);
}

static void nap_10(galley_async *co, void *arg)
{
    int rc = galley_sleep_ms(co, 10);
    note("%s:%d", (const char *)arg, rc);
}

static void nap_4000(galley_async *co, void *arg)
{
    int rc = galley_sleep_ms(co, 4000);
    note("%s:%d", (const char *)arg, rc);
}

static void defer(galley_async *co, void (*fn)(galley_async *, void *), const char *word)
{
    int rc = galley__defer(co, fn, (void *)(uintptr_t)word);
    if (rc < 0)
        note("defer:%d", rc);
}

static void last_first(galley_async *co, void *arg)
{
    (void)arg;
    defer(co, say, "a");
    defer(co, nap_10, "b");
    defer(co, say, "c");
    note("body");
}

static void after_a_cancel(galley_async *co, void *arg)
{
    (void)arg;
    defer(co, nap_10, "a");
    coro_cancel(co, GALLEY_BY_DISCONNECT);
    int rc = galley_sleep_ms(co, 1);
    note("body:%d", rc);
}

static int cancel_it(galley_async *co, galley_async **other)
{
    int rc = galley_sleep_ms(co, 5);
    coro_cancel(*other, GALLEY_BY_SHUTDOWN);
    note("cancelled");
    return rc;
}

static galley_async *victim;

static void cancelled_in_cleanup(galley_async *co, void *arg)
{
    (void)arg;
    victim = co;
    defer(co, nap_10, "a");
    int rc = galley_background(co, cancel_it, &victim);
    note("body:%d", rc);
}

static void five_seconds_in_all(galley_async *co, void *arg)
{
    (void)arg;
    defer(co, nap_4000, "a");
    defer(co, nap_4000, "b");
}

static void defer_again(galley_async *co, void *arg)
{
    defer(co, say, "inner");
    note("%s", (const char *)arg);
}

static void defer_in_defer(galley_async *co, void *arg)
{
    (void)arg;
    defer(co, say, "last");
    defer(co, defer_again, "outer");
}

static int child(galley_async *co, int *ms)
{
    int rc = galley_sleep_ms(co, *ms);
    note("child:%d", rc);
    return rc;
}

static int seven = 7;

static void spawn_and_await(galley_async *co, void *arg)
{
    galley_task *task = galley_spawn(co, child, &seven);
    int rc = galley_await(co, task);
    note("%s:%d", (const char *)arg, rc);
}

static void spawn_and_leave(galley_async *co, void *arg)
{
    galley_task *task = galley_spawn(co, child, &seven);
    (void)task;
    note("%s", (const char *)arg);
}

static void tasks_in_defers(galley_async *co, void *arg)
{
    (void)arg;
    defer(co, say, "end");
    defer(co, spawn_and_leave, "left"); /* joined before the next */
    defer(co, spawn_and_await, "awaited");
}

static int task_with_defer(galley_async *co, int *ms)
{
    defer(co, nap_10, "its");
    return galley_sleep_ms(co, *ms);
}

static void defers_of_a_task(galley_async *co, void *arg)
{
    (void)arg;
    galley_task *task = galley_spawn(co, task_with_defer, &seven);
    int rc = galley_await(co, task);
    note("awaited:%d", rc); /* not before its defers have run */
}

static void count_one(galley_async *co, void *arg)
{
    (void)co;
    ++*(int *)arg;
}

static void in_an_arena(galley_async *co, void *arg)
{
    static struct arena arena;
    (void)arg;
    arena_init(&arena, NULL, 0, 128);
    co->arena = &arena;
    int made = 0, ran = 0, rc;
    while ((rc = galley__defer(co, count_one, &ran)) == 0)
        made++;
    note("%d %d", made > 0, rc == -ENOMEM);
    coro_run_defers(co);
    note("%d", made - ran);
    co->arena = NULL;
    arena_release(&arena);
    note("after");
    coro_run_defers(co);
}

static const struct rule rules[] = {
    {"last in, first out, and they may wait", last_first, "body c b:0 a ", 11, NULL},
    {"after a cancellation they can still wait", after_a_cancel, "body:-125 a:0 ", 11, NULL},
    {"a cancel during cleanup does not reach them", cancelled_in_cleanup, "body:0 cancelled a:0 ",
     11, NULL},
    {"five seconds in all", five_seconds_in_all, "b:0 a:-125 ", 5000, "cleanup_timed_out"},
    {"a defer in a defer", defer_in_defer, "outer inner last ", 0, NULL},
    {"tasks in defers", tasks_in_defers, "child:0 awaited:0 left child:0 end ", 16, NULL},
    {"a task ends after its defers", defers_of_a_task, "its:0 awaited:0 ", 19, NULL},
    {"no memory is an answer; the caller can run them early", in_an_arena, "1 1 0 after ", 0, NULL},
};

int main(void)
{
    return world_main(rules, sizeof rules / sizeof rules[0], NULL, 0);
}
