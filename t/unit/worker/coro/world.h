/* world.h - a worker's scheduler in a test: a clock that is set by hand, and a trace of what happened.
 * Does:     run everything to its end without ever sleeping: the clock jumps to the next timer.
 * Does not: poll descriptors, but for world_loop(). */
#ifndef T_UNIT_WORKER_CORO_WORLD_H
#define T_UNIT_WORKER_CORO_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log.h"
#include "worker/coro/coro.h"
#include "worker/coro/sanitize.h"
#include "worker/coro/sched.h"

static struct {
    struct loop *loop;
    struct sched *sched;
    struct stats stats;
    int64_t now_ms;
    char trace[4096];
    int ended_count;
    int log_fd;
    uint64_t seed;
} world;

static inline int64_t world_now(void)
{
    return world.now_ms;
}

static inline void world_open(const struct sched_opts *opts)
{
    struct sched_opts mine = *opts;
    memset(&world, 0, sizeof world);
    world.now_ms = 1000000;
    mine.stats = &world.stats;
    world.loop = loop_new();
    assert_non_null(world.loop);
    world.sched = sched_new(world.loop, &mine);
    assert_non_null(world.sched);
    char path[] = "/tmp/galley-unit-XXXXXX";
    world.log_fd = mkstemp(path);
    assert_true(world.log_fd >= 0);
    unlink(path);
    log_open(world.log_fd, LOG_LEVEL_DEBUG, "unit");
}

static inline int world_set_up(void **state)
{
    (void)state;
    world_open(&(struct sched_opts){.fake_now_ms = world_now});
    return 0;
}

/* Below `below`, from world.seed, which is not 0. */
static inline uint64_t world_random(uint64_t below)
{
    world.seed ^= world.seed << 13;
    world.seed ^= world.seed >> 7;
    world.seed ^= world.seed << 17;
    return world.seed % below;
}

/* Anywhere among those that are ready. */
static inline struct list *world_place(struct list *ready)
{
    uint64_t count = 0;
    for (struct list *node = ready->next; node != ready; node = node->next)
        count++;
    struct list *place = ready;
    for (uint64_t i = world_random(count + 1); i > 0; i--)
        place = place->next;
    return place;
}

/* Who is ready runs in an order drawn from world.seed. */
static inline int world_set_up_shuffled(void **state)
{
    (void)state;
    world_open(&(struct sched_opts){.fake_now_ms = world_now, .fake_place = world_place});
    world.seed = 1;
    return 0;
}

/* With the loop's own clock, for what needs real events. */
static inline int world_set_up_real(void **state)
{
    (void)state;
    world_open(&(struct sched_opts){.stack_bytes = 0});
    return 0;
}

static inline int world_tear_down(void **state)
{
    (void)state;
    sched_free(world.sched);
    loop_free(world.loop);
    log_open(STDERR_FILENO, LOG_LEVEL_NOTICE, "unit");
    close(world.log_fd);
    return 0;
}

/* Append a word to the trace. */
__attribute__((format(printf, 1, 2))) static inline void note(const char *format, ...)
{
    size_t len = strlen(world.trace);
    va_list args;
    va_start(args, format);
    vsnprintf(world.trace + len, sizeof world.trace - len, format, args);
    va_end(args);
    strncat(world.trace, " ", sizeof world.trace - strlen(world.trace) - 1);
}

static inline const char *word(int rc)
{
    switch (rc) {
    case 0:
        return "0";
    case -ECANCELED:
        return "ECANCELED";
    case -ETIMEDOUT:
        return "ETIMEDOUT";
    case -EINVAL:
        return "EINVAL";
    case -EIO:
        return "EIO";
    case -EPIPE:
        return "EPIPE";
    case -EDEADLK:
        return "EDEADLK";
    case -EPERM:
        return "EPERM";
    case 1:
        return "1";
    default:
        return "?";
    }
}

static inline void sleep_and_note(galley_async *co, const char *who, int64_t ms)
{
    int rc = galley_sleep_ms(co, ms);
    note("%s:%s", who, word(rc));
}

static inline void close_and_note(galley_async *co, const char *who, struct galley_scope *scope)
{
    int rc = galley_scope_close(co, scope);
    note("%s:%s", who, word(rc));
}

static inline void world_ended(void *arg)
{
    (void)arg;
    world.ended_count++;
}

static inline int world_start(const char *name, void (*entry)(galley_async *, void *), void *arg)
{
    return coro_start(
        world.sched,
        &(struct coro_opts){
            .name = name, .entry = entry, .arg = arg, .on_end = world_ended, .timeout_ms = -1});
}

/* Run until nothing is ready and nothing is timed; the clock jumps. */
static inline void world_run(void)
{
    for (int turns = 0; turns < 1000000; turns++) {
        int64_t wait_ms = sched_run(world.sched);
        if (wait_ms < 0)
            return;
        world.now_ms += wait_ms;
    }
    fail_msg("it never comes to rest");
}

static inline int64_t world_before_poll(void *arg)
{
    (void)arg;
    int64_t wait_ms = sched_run(world.sched);
    if (sched_live_count(world.sched) == 0) {
        loop_stop(world.loop);
        return 0;
    }
    return wait_ms;
}

/* Run the loop until no coroutine lives. */
static inline void world_loop(void)
{
    if (sched_live_count(world.sched) > 0)
        loop_run(world.loop, world_before_poll, NULL);
}

/* Whether the log has this text. */
static inline bool world_logged(const char *text)
{
    static char log[65536];
    ssize_t len = pread(world.log_fd, log, sizeof log - 1, 0);
    log[len > 0 ? len : 0] = '\0';
    return strstr(log, text) != NULL;
}

static inline void world_forget_log(void)
{
    assert_int_equal(ftruncate(world.log_fd, 0), 0);
    assert_int_equal(lseek(world.log_fd, 0, SEEK_SET), 0);
}

/* A rule of waiting as a row: run `entry` as a request's coroutine, compare what it noted and how long it took. */
struct rule {
    const char *name;
    void (*entry)(galley_async *co, void *arg);
    const char *trace;
    int64_t took_ms;    /* of the hand-set clock; a sleep of n takes n + 1 */
    const char *logged; /* NULL: nothing of interest */
};

static inline void check_rule(void **state)
{
    const struct rule *rule = *state;
    int64_t start_ms = world.now_ms;
    world_start(rule->name, rule->entry, NULL);
    world_run();
    if (rule->trace)
        assert_string_equal(world.trace, rule->trace);
    assert_int_equal(world.now_ms - start_ms, rule->took_ms);
    assert_int_equal(sched_live_count(world.sched), 0);
    assert_int_equal(world.stats.coroutines_live, 0);
    if (rule->logged)
        assert_true(world_logged(rule->logged));
}

/* One group of tests, so that TAP has one plan: rules first, then the others. */
static inline int world_main(const struct rule *rules, size_t rule_count,
                             const struct CMUnitTest *others, size_t other_count)
{
    struct CMUnitTest tests[128] = {{0}};
    size_t count = 0;
    for (size_t i = 0; i < rule_count; i++)
        tests[count++] = (struct CMUnitTest){rules[i].name, check_rule, world_set_up,
                                             world_tear_down, (void *)(uintptr_t)&rules[i]};
    for (size_t i = 0; i < other_count; i++)
        tests[count++] = others[i];
    return _cmocka_run_group_tests("tests", tests, count, NULL, NULL);
}
#define WORLD_RUN(rules, others)                                                                   \
    world_main(rules, sizeof(rules) / sizeof(rules)[0], others, sizeof(others) / sizeof(others)[0])

static inline void world_note_another(galley_async *co, void *arg)
{
    (void)co;
    (void)arg;
    note("another");
}

/* A coroutine that never has to wait in what it does lets others have a turn all the same. */
static inline void world_check_turns(void (*busy)(galley_async *co, void *arg))
{
    world_start("busy", busy, NULL);
    world_start("another", world_note_another, NULL);
    world_run();
    assert_string_equal(world.trace, "another busy:0 ");
}

#endif
