/* t/unit/common/loop.c - events, edges, signals, timers, fired events and the hook before each
 * poll. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/loop.h"

struct bench {
    struct loop *loop;
    struct loop_event event, other;
    struct loop_timer timer;
    int fds[2];
    int calls, polls, stop_after_calls, stop_after_polls;
    unsigned what;
    int64_t wait_ms, told_ms;
};

static int set_up(void **state)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    bench.wait_ms = 5000; /* a test that has to wait that long fails by its counts */
    bench.stop_after_polls = 1000;
    bench.loop = loop_new();
    *state = &bench;
    return bench.loop ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, bench.fds) : -1;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    loop_event_stop(&bench->event);
    loop_event_stop(&bench->other);
    loop_timer_stop(&bench->timer);
    loop_free(bench->loop);
    close(bench->fds[0]);
    close(bench->fds[1]);
    return 0;
}

static int64_t before_poll(void *arg)
{
    struct bench *bench = arg;
    if (++bench->polls > bench->stop_after_polls)
        loop_stop(bench->loop);
    return bench->wait_ms;
}

static void count(void *arg, int fd, unsigned what)
{
    struct bench *bench = arg;
    (void)fd;
    bench->what |= what;
    if (++bench->calls >= bench->stop_after_calls)
        loop_stop(bench->loop);
}

static void run(struct bench *bench, int stop_after_calls)
{
    bench->calls = 0;
    bench->polls = 0;
    bench->what = 0;
    bench->stop_after_calls = stop_after_calls;
    loop_run(bench->loop, before_poll, bench);
}

static void descriptors_tell_what_happened(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(loop_event_start(bench->loop, &bench->event, bench->fds[0],
                                      LOOP_READ | LOOP_CLOSED, count, bench),
                     0);
    assert_int_equal(write(bench->fds[1], "x", 1), 1);
    run(bench, 3); /* not edge-triggered: told again */
    assert_int_equal(bench->calls, 3);
    assert_int_equal(bench->what, LOOP_READ);
    shutdown(bench->fds[1], SHUT_WR);
    run(bench, 1);
    assert_int_equal(bench->what, LOOP_READ | LOOP_CLOSED);
    loop_event_stop(&bench->event);
    loop_event_stop(&bench->event);
    assert_int_equal(
        loop_event_start(bench->loop, &bench->event, bench->fds[0], LOOP_WRITE, count, bench), 0);
    run(bench, 1);
    assert_int_equal(bench->what, LOOP_WRITE);
}

static void edges_are_told_once(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(loop_event_start(bench->loop, &bench->event, bench->fds[0],
                                      LOOP_READ | LOOP_WRITE | LOOP_EDGE, count, bench),
                     0);
    assert_int_equal(write(bench->fds[1], "x", 1), 1);
    bench->wait_ms = 0;
    bench->stop_after_polls = 5;
    run(bench, 100);
    assert_int_equal(bench->calls, 1);
    assert_int_equal(bench->what, LOOP_READ | LOOP_WRITE);
}

static void bad_descriptors_are_refused(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(loop_event_start(bench->loop, &bench->event, 1 << 20, LOOP_READ, count, bench),
                     -EBADF);
    loop_event_stop(&bench->event);
    int file = open("/proc/self/exe", O_RDONLY);
    assert_int_equal(loop_event_start(bench->loop, &bench->event, file, LOOP_READ, count, bench),
                     -EPERM);
    close(file);
}

static void signals_are_events(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(loop_signal_start(bench->loop, &bench->event, SIGUSR1, count, bench), 0);
    raise(SIGUSR1);
    run(bench, 1);
    assert_int_equal(bench->calls, 1);
}

static void timer_fn(void *arg)
{
    struct bench *bench = arg;
    bench->calls++;
    loop_stop(bench->loop);
}

static void timers_fire_once(void **state)
{
    struct bench *bench = *state;
    bench->wait_ms = -1;
    loop_timer_stop(&bench->timer);
    loop_timer_start(bench->loop, &bench->timer, 60000, timer_fn, bench);
    loop_timer_start(bench->loop, &bench->timer, 20, timer_fn, bench); /* moved */
    int64_t start_ms = clock_now_ms();
    run(bench, 1);
    assert_int_equal(bench->calls, 1);
    assert_in_range(clock_now_ms() - start_ms, 14, 5000);
    bench->wait_ms = 10;
    bench->stop_after_polls = 2;
    run(bench, 1);
    assert_int_equal(bench->calls, 0);
}

static void the_poll_waits_as_long_as_wanted(void **state)
{
    struct bench *bench = *state;
    int64_t start_us = clock_now_us();
    bench->wait_ms = 0;
    bench->stop_after_polls = 10;
    run(bench, 1);
    assert_in_range(clock_now_us() - start_us, 0, 1000000);
    bench->wait_ms = 10;
    bench->stop_after_polls = 3;
    start_us = clock_now_us();
    run(bench, 1);
    assert_in_range(clock_now_us() - start_us, 3 * 6000, 3000000);
    assert_in_range(clock_now_ms() - loop_now_ms(bench->loop), 0, 1000);
    bench->wait_ms = 60000; /* then a shorter one: the timer moves forward */
    bench->stop_after_polls = 0;
    run(bench, 1);
    bench->wait_ms = 1;
    bench->stop_after_polls = 1;
    start_us = clock_now_us();
    run(bench, 1);
    assert_in_range(clock_now_us() - start_us, 0, 5000000);
}

/* The poll ends on time and not before it: the best of some tries, as the machine may be busy. */
static void the_wait_is_precise(void **state)
{
    struct bench *bench = *state;
    int64_t best_us = INT64_MAX;
    for (int turn = 0; turn < 20; turn++) {
        int64_t start_us = clock_now_us();
        bench->wait_ms = 10;
        bench->stop_after_polls = 1;
        run(bench, 1);
        int64_t took_us = clock_now_us() - start_us;
        assert_true(took_us >= 9000);
        best_us = took_us < best_us ? took_us : best_us;
    }
    assert_in_range(best_us, 9000, 11500);
}

enum { LINGER_US = 900 };

static int64_t linger_before_poll(void *arg)
{
    struct bench *bench = arg;
    loop_linger(bench->loop, LINGER_US);
    return before_poll(arg);
}

enum { TURNS = 20 };
struct turns {
    int64_t total_us, least_us; /* of the poll alone: the machine may be busy now and then */
};

/* Some polls, with so much work between them. */
static struct turns turn_often(struct bench *bench, int64_t (*hook)(void *), int64_t busy_us)
{
    struct turns turns = {.least_us = INT64_MAX};
    int64_t first_us = clock_now_us(), polled_us = first_us;
    for (int turn = 0; turn <= TURNS; turn++) {
        while (clock_now_us() - polled_us < busy_us)
            continue;
        int64_t begun_us = clock_now_us();
        bench->polls = bench->calls = 0;
        bench->stop_after_calls = 1;
        loop_run(bench->loop, hook, bench);
        assert_int_equal(bench->calls, 1);
        polled_us = clock_now_us();
        if (turn > 0 && polled_us - begun_us < turns.least_us)
            turns.least_us = polled_us - begun_us;
    }
    turns.total_us = polled_us - first_us;
    return turns;
}

/* What is there is told later, once; not where the work took as long, or the poll may not wait. */
static void a_poll_can_be_put_off(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(loop_event_start(bench->loop, &bench->event, bench->fds[0],
                                      LOOP_READ | LOOP_WRITE, count, bench),
                     0);
    assert_true(turn_often(bench, linger_before_poll, 0).total_us >= TURNS * LINGER_US);
    struct turns some = turn_often(bench, linger_before_poll, LINGER_US / 2);
    assert_true(some.total_us >= TURNS * LINGER_US && some.least_us < LINGER_US);
    assert_in_range(turn_often(bench, linger_before_poll, LINGER_US).least_us, 0, LINGER_US / 2);
    assert_in_range(turn_often(bench, before_poll, 0).least_us, 0, LINGER_US / 2);
    bench->wait_ms = 0;
    assert_in_range(turn_often(bench, linger_before_poll, 0).least_us, 0, LINGER_US / 2);
}

static void fire_again(void *arg, int fd, unsigned what)
{
    struct bench *bench = arg;
    assert_int_equal(fd, bench->fds[0]);
    bench->what |= what;
    bench->calls++;
    loop_event_fire(&bench->event, LOOP_READ);
}

static void fired_events_come_once_a_turn(void **state)
{
    struct bench *bench = *state;
    loop_event_fire(&bench->event, LOOP_READ); /* never started: nothing */
    assert_int_equal(
        loop_event_start(bench->loop, &bench->event, bench->fds[0], LOOP_READ, fire_again, bench),
        0);
    loop_event_fire(&bench->event, LOOP_READ);
    loop_event_fire(&bench->event, LOOP_WRITE); /* the same call */
    bench->stop_after_polls = 10;
    run(bench, 100);
    assert_int_equal(bench->calls, 10);
    assert_int_equal(bench->what, LOOP_READ | LOOP_WRITE);
}

static void stop_other(void *arg, int fd, unsigned what)
{
    struct bench *bench = arg;
    (void)fd;
    (void)what;
    bench->calls++;
    loop_event_stop(&bench->event);
    loop_event_stop(&bench->other);
}

static void stopped_events_are_silent(void **state)
{
    struct bench *bench = *state;
    struct loop_event *events[] = {&bench->event, &bench->other};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(
            loop_event_start(bench->loop, events[i], bench->fds[i], LOOP_READ, stop_other, bench),
            0);
        loop_event_fire(events[i], LOOP_READ);
    }
    bench->wait_ms = 0;
    bench->stop_after_polls = 3;
    run(bench, 100);
    assert_int_equal(bench->calls, 1);
}

static void children_leave_the_parents_loop_alone(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(
        loop_event_start(bench->loop, &bench->event, bench->fds[0], LOOP_READ, count, bench), 0);
    pid_t pid = fork();
    if (!pid) {
        loop_free_in_child(bench->loop);
        struct loop *mine = loop_new();
        loop_free(mine);
        _exit(mine ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(write(bench->fds[1], "x", 1), 1);
    run(bench, 1);
    assert_int_equal(bench->what, LOOP_READ);
}

static void note_time(void *arg)
{
    struct bench *bench = arg;
    bench->told_ms = loop_now_ms(bench->loop);
    loop_stop(bench->loop);
}

/* Who is called after a long poll must not take the time from before it for now. */
static void the_time_in_a_callback_is_that_of_its_poll(void **state)
{
    struct bench *bench = *state;
    int64_t begun_ms = clock_now_ms();
    loop_timer_start(bench->loop, &bench->timer, 60, note_time, bench);
    run(bench, 1);
    assert_true(bench->told_ms >= begun_ms + 50);
    assert_true(bench->told_ms <= clock_now_ms());
}

/* A clock that is set stands still, and polls wait by the real one all the same. */
static void a_set_clock_stands_still(void **state)
{
    struct bench *bench = *state;
    int64_t begun_ms = clock_now_ms();
    loop_set_now_ms(bench->loop, 1000);
    loop_timer_start(bench->loop, &bench->timer, 60, note_time, bench);
    run(bench, 1);
    assert_int_equal(bench->told_ms, 1000);
    assert_true(clock_now_ms() >= begun_ms + 50);
    loop_set_now_ms(bench->loop, 5000);
    assert_int_equal(loop_now_ms(bench->loop), 5000);
    bench->wait_ms = 20;
    bench->stop_after_polls = bench->polls + 2;
    begun_ms = clock_now_ms();
    run(bench, 100);
    assert_true(clock_now_ms() >= begun_ms + 30);
    assert_int_equal(loop_now_ms(bench->loop), 5000);
}

/* What nobody has read yet does not keep a turn from ending, one that does not wait either. */
static void unread_is_told_once_a_turn(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(write(bench->fds[1], "x", 1), 1);
    assert_int_equal(
        loop_event_start(bench->loop, &bench->event, bench->fds[0], LOOP_READ, count, bench), 0);
    bench->wait_ms = 0;
    bench->stop_after_polls = 10;
    run(bench, 100);
    assert_int_equal(bench->calls, 10);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(descriptors_tell_what_happened),
        CASE(edges_are_told_once),
        CASE(unread_is_told_once_a_turn),
        CASE(bad_descriptors_are_refused),
        CASE(signals_are_events),
        CASE(timers_fire_once),
        CASE(the_poll_waits_as_long_as_wanted),
        CASE(the_wait_is_precise),
        CASE(a_poll_can_be_put_off),
        CASE(the_time_in_a_callback_is_that_of_its_poll),
        CASE(a_set_clock_stands_still),
        CASE(fired_events_come_once_a_turn),
        CASE(stopped_events_are_silent),
        CASE(children_leave_the_parents_loop_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
