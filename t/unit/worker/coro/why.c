/* why.c - tests of galley_why and galley_error_text: who is told of a failure, and in what words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <galley/error.h>

#include "worker/coro/coro.h"

static struct stats stats;
static char parent_why[300], sibling_why[300], child_why[300];

static int lose(galley_async *co, char *name)
{
    int rc = coro_fail(co, GALLEY_ENAME, "shop.c:41", "cannot resolve %s", name);
    snprintf(child_why, sizeof child_why, "%s", galley_why(co));
    return rc;
}

static int succeed(galley_async *co, char *name)
{
    (void)name;
    int rc = galley_sleep_ms(co, 0);
    rc = galley_sleep_ms(co, 0);
    snprintf(sibling_why, sizeof sibling_why, "%s", galley_why(co));
    return rc == -ECANCELED ? 0 : rc;
}

static void main_of_test(galley_async *co, void *arg)
{
    struct arena memory;
    char name[400];
    (void)arg;
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    arena_init(&memory, NULL, 0, 1 << 20);
    co->arena = &memory;
    assert_string_equal(galley_why(co), "");
    char host[] = "a.example", *name_of = host;
    int rc = galley_gather(co, (lose, name_of), (succeed, name_of));
    assert_int_equal(rc, -GALLEY_ENAME);
    snprintf(parent_why, sizeof parent_why, "%s", galley_why(co));
    size_t before = memory.total_bytes - (size_t)(memory.end - memory.next);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(coro_fail(co, -EPROTO, NULL, "%s", name), -EPROTO);
    assert_int_equal(memory.total_bytes - (size_t)(memory.end - memory.next), before);
    assert_int_equal(strlen(galley_why(co)), 255);
    assert_int_equal(coro_fail(co, -ECANCELED, NULL, "nothing"), -ECANCELED);
    assert_int_equal(strlen(galley_why(co)), 255);
    co->arena = NULL;
    co->why = NULL;
    assert_int_equal(coro_fail(co, EPROTO, NULL, "no memory for it"), -EPROTO);
    assert_string_equal(galley_why(co), "");
    arena_release(&memory);
}

static int64_t poll(void *arg)
{
    struct sched *sched = arg;
    int64_t wait_ms = sched_run(sched);
    if (sched_live_count(sched) == 0)
        loop_stop(sched_loop(sched));
    return wait_ms;
}

static void test_failure_reaches_who_gathers(void **state)
{
    (void)state;
    struct loop *loop = loop_new();
    struct sched *sched = sched_new(loop, &(struct sched_opts){.stats = &stats});
    int rc = coro_start(
        sched, &(struct coro_opts){.name = "main", .entry = main_of_test, .timeout_ms = -1});
    assert_true(rc >= 0);
    if (rc == 1)
        loop_run(loop, poll, sched);
    assert_string_equal(child_why, "cannot resolve a.example (shop.c:41)");
    assert_string_equal(parent_why, "cannot resolve a.example (shop.c:41)");
    assert_string_equal(sibling_why, "");
    sched_free(sched);
    loop_free(loop);
}

static void test_words_of_errors(void **state)
{
    (void)state;
    assert_string_equal(galley_error_text(-GALLEY_ENAME), "the name cannot be resolved");
    assert_string_equal(galley_error_text(GALLEY_EFULL), "too many wait for a connection already");
    assert_string_equal(galley_error_text(-ECONNREFUSED), "Connection refused");
    assert_string_equal(galley_error_text(-123456), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure_reaches_who_gathers),
        cmocka_unit_test(test_words_of_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
