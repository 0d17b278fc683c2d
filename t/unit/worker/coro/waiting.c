/* t/unit/worker/coro/waiting.c - what waits says for what and where, and forgets it afterwards. */
#include <unistd.h>

#include <galley/channel.h>
#include <galley/lock.h>

#include "t/unit/worker/coro/world.h"

static int pipe_fds[2];
static int line_of; /* where the call stands that waits */

static void sleeps(galley_async *co, void *arg)
{
    (void)arg;
    line_of = __LINE__ + 1;
    note("%d", galley_sleep_ms(co, 211));
}

static void waits_for_fd(galley_async *co, void *arg)
{
    int what = (int)(intptr_t)arg;
    line_of = __LINE__ + 1;
    note("%d", galley_wait_fd(co, pipe_fds[0], what, 20));
}

static int nap(galley_async *co, int *ms)
{
    return galley_sleep_ms(co, *ms);
}

static void awaits(galley_async *co, void *arg)
{
    (void)arg;
    int ms = 30;
    galley_task *task = galley_spawn(co, nap, &ms);
    line_of = __LINE__ + 1;
    note("%d", galley_await(co, task));
}

static void closes(galley_async *co, void *arg)
{
    int count = (int)(intptr_t)arg, ms = 30;
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    for (int i = 0; i < count; i++)
        if (!galley_spawn(co, nap, &ms))
            note("none");
    line_of = __LINE__ + 1;
    note("%d", galley_scope_close(co, &scope));
}

static void gathers(galley_async *co, void *arg)
{
    int ms = 30;
    line_of = __LINE__ + 1;
    note("%d", arg ? galley_race(co, (nap, &ms), (nap, &ms)) : galley_gather(co, (nap, &ms)));
}

static void locks(galley_async *co, void *arg)
{
    struct galley_scope scope;
    struct galley_mutex mutex = {._owner = 4711};
    struct galley_semaphore semaphore = GALLEY_SEMAPHORE(0);
    struct galley_event event = {._is_set = false};
    galley_scope_open(co, &scope, 20);
    int kind = (int)(intptr_t)arg, rc;
    if (kind == 0) {
        line_of = __LINE__ + 1;
        rc = galley_mutex_lock(co, &mutex);
    } else if (kind == 1) {
        line_of = __LINE__ + 1;
        rc = galley_semaphore_acquire(co, &semaphore);
    } else {
        line_of = __LINE__ + 1;
        rc = galley_event_wait(co, &event);
    }
    note("%d", rc);
    note("%d", galley_scope_close(co, &scope));
}

GALLEY_CHANNEL(numbers, int, 1);
static void passes(galley_async *co, void *arg)
{
    struct galley_scope scope;
    struct numbers numbers = {.room = {0}};
    int one = 1, rc;
    galley_scope_open(co, &scope, 20);
    if (arg) {
        if (galley_channel_send(co, &numbers, &one) < 0)
            note("full");
        line_of = __LINE__ + 1;
        rc = galley_channel_send(co, &numbers, &one);
    } else {
        line_of = __LINE__ + 1;
        rc = galley_channel_receive(co, &numbers, &one);
    }
    note("%d", rc);
    note("%d", galley_scope_close(co, &scope));
}

static const struct {
    const char *name;
    void (*entry)(galley_async *co, void *arg);
    intptr_t arg;
    const char *kind, *detail;
} rows[] = {
    {"sleep", sleeps, 0, "sleep", "212 ms"},
    {"to read", waits_for_fd, GALLEY_READ, "readable", "fd "},
    {"to write", waits_for_fd, GALLEY_WRITE, "writable", "fd "},
    {"to read or write", waits_for_fd, GALLEY_READ | GALLEY_WRITE, "ready", "fd "},
    {"a task", awaits, 0, "task", "#2"},
    {"one task", closes, 1, "tasks", "#2"},
    {"four tasks", closes, 4, "tasks", "#2 #3 #4 #5"},
    {"a gather", gathers, 0, "gather", "#2"},
    {"a race", gathers, 1, "race", "#2 #3"},
    {"a mutex", locks, 0, "mutex", ""},
    {"a semaphore", locks, 1, "semaphore", ""},
    {"an event", locks, 2, "event", ""},
    {"a full channel", passes, 1, "room in a channel", ""},
    {"an empty channel", passes, 0, "a value from a channel", ""},
    {"eleven tasks", closes, 11, "tasks", "#2 #3 #4 #5 and 7 more"},
};

/* The first coroutine that lives. */
static galley_async *first_one(void)
{
    size_t at = 0;
    return sched_next_live(world.sched, &at);
}

static void each_kind_says_what_and_where(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char detail[CORO_DETAIL_BYTES], expected[CORO_DETAIL_BYTES];
        galley_str file;
        int line = 0;
        world_tear_down(state);
        world_set_up(state);
        assert_int_equal(pipe(pipe_fds), 0);
        assert_int_equal(world_start(rows[i].name, rows[i].entry, (void *)rows[i].arg), 1);
        galley_async *co = first_one();
        assert_non_null(co);
        coro_wait_detail(co, detail, sizeof detail);
        snprintf(expected, sizeof expected, "%s", rows[i].detail);
        if (!strcmp(rows[i].detail, "fd "))
            snprintf(expected, sizeof expected, "fd %d", pipe_fds[0]);
        if (strcmp(co->waiting_for, rows[i].kind) || strcmp(detail, expected))
            fail_msg("%s: %s, %s", rows[i].name, co->waiting_for, detail);
        assert_true(coro_place(co->here, &file, &line));
        assert_int_equal(file.len, strlen(__FILE__));
        assert_memory_equal(file.data, __FILE__, file.len);
        if (line != line_of)
            fail_msg("%s: waits in line %d, not %d", rows[i].name, line, line_of);
        world_run();
        close(pipe_fds[0]);
        close(pipe_fds[1]);
    }
}

static void two_waits(galley_async *co, void *arg)
{
    (void)arg;
    note("%d", galley_sleep_ms(co, 5));
    note("%d", coro_suspend(co, "something else", INT64_MAX));
}

static void a_wait_without_a_place_has_none(void **state)
{
    char detail[CORO_DETAIL_BYTES] = "x";
    galley_str file;
    int line;
    (void)state;
    assert_int_equal(world_start("two waits", two_waits, NULL), 1);
    galley_async *co = first_one();
    assert_non_null(co->here);
    world_run();
    assert_string_equal(co->waiting_for, "something else");
    coro_wait_detail(co, detail, sizeof detail);
    assert_string_equal(detail, "");
    assert_false(coro_place(co->here, &file, &line));
    assert_false(coro_place("no colon", &file, &line));
    coro_wake(co, 7);
    coro_wait_detail(co, detail, sizeof detail); /* it waits no more */
    assert_string_equal(detail, "");
    world_run();
    assert_string_equal(world.trace, "0 7 ");
}

static void a_text_in_brief(void **state)
{
    char what[84], many[400];
    (void)state;
    coro_brief(what, sizeof what, "  select\n\t 1,\r\n 2  ");
    assert_string_equal(what, "select 1, 2");
    coro_brief(what, sizeof what, "");
    assert_string_equal(what, "");
    memset(many, 'x', sizeof many);
    many[sizeof many - 1] = '\0';
    coro_brief(what, sizeof what, many);
    assert_int_equal(strlen(what), 83);
    for (size_t shift = 0; shift < 4; shift++) { /* never half a character */
        memset(many, 'x', shift);
        for (size_t at = shift; at + 4 < 300; at += 3)
            memcpy(many + at, "\xe2\x82\xac", 4);
        coro_brief(what, sizeof what, many);
        assert_true(strlen(what) >= 80 && (strlen(what) - shift) % 3 == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_kind_says_what_and_where, world_set_up,
                                        world_tear_down),
        cmocka_unit_test_setup_teardown(a_wait_without_a_place_has_none, world_set_up,
                                        world_tear_down),
        cmocka_unit_test(a_text_in_brief),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
