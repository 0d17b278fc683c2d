/* t/unit/worker/coro/wait.c - descriptors, close, checkpoints and budgets. */
#include <fcntl.h>
#include <sys/socket.h>

#include "t/unit/worker/coro/world.h"

static int fds[2];

static int set_up(void **state)
{
    world_set_up_real(state);
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
}

static int tear_down(void **state)
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    return world_tear_down(state);
}

static void wait_readable(galley_async *co, void *arg)
{
    int rc = galley_wait_fd(co, fds[0], GALLEY_READ, *(const int *)arg);
    note("r:%d", rc);
}

static void wait_writable(galley_async *co, void *arg)
{
    int rc = galley_wait_fd(co, fds[0], GALLEY_READ | GALLEY_WRITE, *(const int *)arg);
    note("rw:%d", rc);
}

static void write_byte(galley_async *co, void *arg)
{
    (void)co;
    (void)arg;
    assert_int_equal(write(fds[1], "x", 1), 1);
}

static int forever = -1, ten_ms = 10;

static void readable(void **state)
{
    (void)state;
    assert_int_equal(world_start("r", wait_readable, &forever), 1);
    assert_int_equal(world_start("rw", wait_writable, &forever), 1);
    world_start("w", write_byte, NULL);
    world_loop();
    assert_true(strcmp(world.trace, "r:1 rw:3 ") == 0 || strcmp(world.trace, "rw:3 r:1 ") == 0 ||
                strcmp(world.trace, "rw:2 r:1 ") == 0);
}

static void end_of_file(void **state)
{
    (void)state;
    assert_int_equal(world_start("r", wait_readable, &forever), 1);
    close(fds[1]);
    fds[1] = -1;
    world_loop();
    assert_string_equal(world.trace, "r:1 ");
}

static void times_out(void **state)
{
    (void)state;
    assert_int_equal(world_start("r", wait_readable, &ten_ms), 1);
    world_loop();
    char expected[32];
    snprintf(expected, sizeof expected, "r:%d ", -ETIMEDOUT);
    assert_string_equal(world.trace, expected);
}

static void bad_arguments(galley_async *co, void *arg)
{
    (void)arg;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int negative = galley_wait_fd(co, -1, GALLEY_READ, 0);
    int nothing = galley_wait_fd(co, fds[0], 0, 0);
    int unknown = galley_wait_fd(co, fds[0], 8, 0);
    int file = galley_wait_fd(co, fd, GALLEY_READ, 0);
    int closed = galley_close(co, fd);
    int again = galley_close(co, fd);
    int gone = galley_wait_fd(co, fd, GALLEY_READ, 0);
    note("%d %d %d %d %d %d %d", negative == -EINVAL, nothing == -EINVAL, unknown == -EINVAL,
         file == GALLEY_READ, closed, again == -EBADF, gone == -EBADF);
}

static void refuses(void **state)
{
    (void)state;
    assert_int_equal(world_start("bad", bad_arguments, NULL), 0);
    assert_string_equal(world.trace, "1 1 1 1 0 1 1 ");
}

static void close_it(galley_async *co, void *arg)
{
    (void)arg;
    int rc = galley_close(co, fds[0]);
    fds[0] = -1;
    note("closed:%d", rc);
}

static void close_wakes(void **state)
{
    (void)state;
    assert_int_equal(world_start("r", wait_readable, &forever), 1);
    assert_int_equal(world_start("r", wait_readable, &forever), 1);
    assert_int_equal(world_start("close", close_it, NULL), 0);
    world_loop();
    char expected[64];
    snprintf(expected, sizeof expected, "closed:0 r:%d r:%d ", -ECANCELED, -ECANCELED);
    assert_string_equal(world.trace, expected);
}

static void cancel_wait(void **state)
{
    (void)state;
    assert_int_equal(world_start("r", wait_readable, &forever), 1);
    sched_cancel_all(world.sched, GALLEY_BY_DISCONNECT);
    world_loop();
    char expected[32];
    snprintf(expected, sizeof expected, "r:%d ", -ECANCELED);
    assert_string_equal(world.trace, expected);
    assert_int_equal(write(fds[1], "x", 1), 1); /* nobody is registered any more */
}

static void wait_and_set_errno(galley_async *co, void *arg)
{
    errno = *(const int *)arg;
    int rc = galley_sleep_ms(co, 1);
    note("%d %d", rc, errno == *(const int *)arg);
}

static void errno_is_kept(void **state)
{
    int one = ENOENT, two = EPIPE;
    (void)state;
    assert_int_equal(world_start("one", wait_and_set_errno, &one), 1);
    assert_int_equal(world_start("two", wait_and_set_errno, &two), 1);
    world_loop();
    assert_string_equal(world.trace, "0 1 0 1 ");
}

/* ---- who never waits ---- */

static void compute(galley_async *co, void *arg)
{
    bool *is_over = arg;
    int rounds = 0;
    while (!*is_over && galley_checkpoint(co) == 0)
        rounds++;
    note("computed:%d", rounds > 0);
}

static void end_it(galley_async *co, void *arg)
{
    int rc = galley_sleep_ms(co, 5);
    *(bool *)arg = true;
    note("other:%d", rc);
}

static void checkpoints_let_others_run(void **state)
{
    bool is_over = false;
    (void)state;
    assert_int_equal(world_start("other", end_it, &is_over), 1);
    assert_int_equal(world_start("compute", compute, &is_over), 1);
    world_loop();
    assert_string_equal(world.trace, "other:0 computed:1 ");
}

static int nothing(galley_async *co, int *unused)
{
    (void)co;
    (void)unused;
    return 0;
}

static void await_finished(galley_async *co, void *arg)
{
    int unused = 0;
    galley_task *task = galley_spawn(co, nothing, &unused);
    int rc = galley_await(co, task);
    for (int i = 0; i < 300; i++)
        rc |= galley_await(co, task); /* done already: never waits by itself */
    note("%d %d", rc, *(const int *)arg);
}

static void count_turns(galley_async *co, void *arg)
{
    for (int i = 0; i < 10; i++) {
        if (galley_sleep_ms(co, 0) == 0)
            ++*(int *)arg;
    }
}

static void budget_of_operations(void **state)
{
    int turns = 0;
    (void)state;
    assert_int_equal(world_start("turns", count_turns, &turns), 1);
    assert_int_equal(world_start("busy", await_finished, &turns), 1);
    world_loop();
    assert_string_equal(world.trace,
                        "0 3 "); /* 300 operations: twice at 128, and the first await */
}

static void ignore(galley_async *co, void *arg)
{
    bool *is_over = arg;
    coro_cancel(co, GALLEY_BY_USER);
    int refused = 0;
    while (!*is_over && galley_sleep_ms(co, 1) == -ECANCELED)
        refused++;
    note("refused:%d", refused >= 1000);
}

static void ignored_cancellation(void **state)
{
    bool is_over = false;
    (void)state;
    assert_int_equal(world_start("other", end_it, &is_over), 1);
    assert_int_equal(world_start("stubborn", ignore, &is_over), 1);
    world_loop();
    assert_string_equal(world.trace, "other:0 refused:1 ");
    assert_true(world_logged("cancellation_ignored stubborn"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(end_of_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(close_wakes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancel_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errno_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(checkpoints_let_others_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(budget_of_operations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ignored_cancellation, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
