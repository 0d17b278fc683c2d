/* t/unit/worker/coro/pool.c - jobs on threads: results, limits, cancellation in each of their states. */
#include <pthread.h>
#include <signal.h>

#include "t/unit/worker/coro/world.h"
#include "worker/coro/pool.h"

static struct pool *pool;

/* Where jobs stop until the test lets them go. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, ran;
    bool is_open;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static int set_up(void **state)
{
    world_set_up_real(state);
    gate.inside = gate.ran = 0;
    gate.is_open = false;
    pool = pool_new(world.sched,
                    &(struct pool_opts){.max_threads = 3, .max_queued = 4, .stats = &world.stats});
    return pool ? 0 : -1;
}

static int tear_down(void **state)
{
    assert_true(pool_free(pool, 10000));
    return world_tear_down(state);
}

static void open_gate(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.is_open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void wait_inside(int count)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.inside < count)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static int pass_gate(galley_sync *rq, int *number)
{
    pthread_mutex_lock(&gate.lock);
    gate.inside++;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.is_open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.ran++;
    pthread_mutex_unlock(&gate.lock);
    return galley_is_cancelled(rq) ? -EINTR : *number;
}

static int numbers[64];

static void call_gate(galley_async *co, void *arg)
{
    int rc = galley_to_thread(co, pass_gate, (int *)arg);
    note("%d", rc);
}

static int add_one(galley_sync *rq, int *number)
{
    (void)rq;
    return *number + 1;
}

static void call_often(galley_async *co, void *arg)
{
    int sum = 0, number = 1;
    for (int i = 0; i < *(const int *)arg; i++)
        sum += galley_to_thread(co, add_one, &number);
    note("%d", sum);
}

static void results_come_back(void **state)
{
    int often = 1000;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(world_start("caller", call_often, &often), 1);
    world_loop();
    assert_string_equal(world.trace, "2000 2000 2000 2000 ");
    assert_true(world.stats.threads_live >= 1 && world.stats.threads_live <= 2);
}

static void handed_back_in_one_batch(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        numbers[i] = i + 1;
        assert_int_equal(world_start("caller", call_gate, &numbers[i]), 1);
    }
    wait_inside(2);
    pool_note_stats(pool);
    assert_int_equal(world.stats.threads_queued, 0);
    assert_int_equal(world.stats.threads_busy, 2);
    open_gate();
    world_loop();
    assert_true(strcmp(world.trace, "1 2 ") == 0 || strcmp(world.trace, "2 1 ") == 0);
    assert_int_equal(world.stats.threads_busy, 0);
}

/* Two threads run ordinary jobs, four wait, the seventh is refused. */
static void full_queue(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        numbers[i] = 5;
        assert_int_equal(world_start("caller", call_gate, &numbers[i]), 1);
        if (i < 2)
            wait_inside(i + 1);
    }
    assert_int_equal(world.stats.threads_queued, 4);
    assert_int_equal(world_start("caller", call_gate, &numbers[0]), 0);
    char expected[32];
    snprintf(expected, sizeof expected, "%d ", -EAGAIN);
    assert_string_equal(world.trace, expected);
    assert_int_equal(world.stats.threads_refused, 1);
    open_gate();
    world_loop();
    snprintf(expected, sizeof expected, "%d 5 5 5 5 5 5 ", -EAGAIN);
    assert_string_equal(world.trace, expected);
    assert_int_equal(world.stats.threads_queued, 0);
}

static galley_async *victim;

static void call_gate_as_victim(galley_async *co, void *arg)
{
    victim = co;
    call_gate(co, arg);
}

static void queued_job_is_taken_out(void **state)
{
    (void)state;
    numbers[0] = 1;
    for (int i = 0; i < 2; i++)
        assert_int_equal(world_start("caller", call_gate, &numbers[0]), 1);
    wait_inside(2);
    assert_int_equal(world_start("queued", call_gate_as_victim, &numbers[0]), 1);
    coro_cancel(victim, GALLEY_BY_DISCONNECT);
    (void)sched_run(world.sched);
    char expected[32];
    snprintf(expected, sizeof expected, "%d ", -ECANCELED);
    assert_string_equal(world.trace, expected); /* at once */
    open_gate();
    world_loop();
    assert_int_equal(gate.ran, 2);
}

static void running_job_is_told_and_waited_for(void **state)
{
    (void)state;
    numbers[0] = 1;
    assert_int_equal(world_start("running", call_gate_as_victim, &numbers[0]), 1);
    wait_inside(1);
    coro_cancel(victim, GALLEY_BY_DISCONNECT);
    (void)sched_run(world.sched);
    assert_string_equal(world.trace, "");
    coro_cancel(victim, GALLEY_BY_SHUTDOWN); /* twice */
    (void)sched_run(world.sched);
    assert_int_equal(sched_live_count(world.sched), 1);
    open_gate();
    world_loop();
    char expected[32];
    snprintf(expected, sizeof expected, "%d ", -EINTR); /* it saw the flag */
    assert_string_equal(world.trace, expected);
}

static void call_when_cancelled(galley_async *co, void *arg)
{
    coro_cancel(co, GALLEY_BY_USER);
    call_gate(co, arg);
}

static void refused_when_cancelled(void **state)
{
    (void)state;
    assert_int_equal(world_start("cancelled", call_when_cancelled, &numbers[0]), 0);
    char expected[32];
    snprintf(expected, sizeof expected, "%d ", -ECANCELED);
    assert_string_equal(world.trace, expected);
    assert_int_equal(world.stats.threads_live, 0); /* none was started */
}

static void clean_up(galley_async *co, void *arg)
{
    int number = 6;
    (void)arg;
    int rc = galley_to_thread(co, add_one, &number);
    note("cleanup:%d", rc);
}

static void end_with_cleanup(galley_async *co, void *arg)
{
    if (galley__defer(co, clean_up, arg) < 0)
        note("no defer");
}

static int64_t until_cleaned(void *arg)
{
    int64_t wait_ms = sched_run(world.sched);
    (void)arg;
    if (strstr(world.trace, "cleanup"))
        loop_stop(world.loop);
    return wait_ms;
}

/* All that handlers may have is taken; cleanup still finds its thread. */
static void a_thread_is_kept_for_cleanup(void **state)
{
    (void)state;
    numbers[0] = 1;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(world_start("caller", call_gate, &numbers[0]), 1);
        if (i < 2)
            wait_inside(i + 1);
    }
    assert_int_equal(world_start("cleaner", end_with_cleanup, NULL), 1);
    loop_run(world.loop, until_cleaned, NULL);
    assert_string_equal(world.trace, "cleanup:7 ");
    open_gate();
    world_loop();
    assert_string_equal(world.trace, "cleanup:7 1 1 1 1 1 1 ");
}

static int signals_masked(galley_sync *rq, int *unused)
{
    sigset_t mask;
    (void)rq;
    (void)unused;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1 &&
           sigismember(&mask, SIGSEGV) == 0;
}

static void ask_for_mask(galley_async *co, void *arg)
{
    int unused = 0;
    (void)arg;
    int rc = galley_to_thread(co, signals_masked, &unused);
    note("%d", rc);
}

static void signals_stay_with_the_loop(void **state)
{
    (void)state;
    assert_int_equal(world_start("mask", ask_for_mask, NULL), 1);
    world_loop();
    assert_string_equal(world.trace, "1 ");
}

static void stuck_threads_are_reported(void **state)
{
    (void)state;
    numbers[0] = 1;
    assert_int_equal(world_start("stuck", call_gate, &numbers[0]), 1);
    wait_inside(1);
    assert_false(pool_free(pool, 0));
    assert_true(world_logged("threads_stuck"));
    open_gate();
    world_loop();
    assert_string_equal(world.trace, "1 ");
}

static void without_a_pool(void **state)
{
    (void)state;
    assert_true(pool_free(pool, 1000));
    pool = NULL;
    assert_int_equal(world_start("alone", call_gate, &numbers[0]), 0);
    char expected[32];
    snprintf(expected, sizeof expected, "%d ", -EAGAIN);
    assert_string_equal(world.trace, expected);
}

/* ---- a pool for one purpose ---- */

static struct pool *own;
static int told_count;

static void tell(void *arg)
{
    assert_ptr_equal(arg, &numbers[0]);
    told_count++;
    open_gate();
}

static int pass_gate_of(galley_sync *rq, void *arg)
{
    return pass_gate(rq, arg);
}

static void call_own(galley_async *co, void *arg)
{
    const struct pool_call call = {.fn = pass_gate_of,
                                   .arg = arg,
                                   .interrupt = tell,
                                   .why = "database",
                                   .what = "select 1",
                                   .here = "shop.c:7"};
    int rc = pool_call(own, co, &call);
    note("%d", rc == -EINTR ? 4 : rc);
}

static void private_pool(void **state)
{
    (void)state;
    own = pool_new(world.sched, &(struct pool_opts){.max_threads = 1, .is_private = true});
    assert_non_null(own);
    size_t at = 0;
    told_count = 0;
    assert_int_equal(world_start("caller", call_own, &numbers[0]), 1);
    wait_inside(1);
    galley_async *co = sched_next_live(world.sched, &at);
    char detail[CORO_DETAIL_BYTES];
    coro_wait_detail(co, detail, sizeof detail);
    assert_string_equal(co->waiting_for, "database");
    assert_string_equal(detail, "select 1");
    assert_string_equal(co->here, "shop.c:7");
    assert_int_equal(world.stats.threads_busy, 0);
    coro_cancel(co, GALLEY_BY_USER); /* its one thread is not kept for cleanup, and is told */
    world_loop();
    assert_int_equal(told_count, 1);
    assert_string_equal(world.trace, "4 ");
    assert_true(pool_free(own, 10000));
    assert_false(pool_is_busy(pool)); /* the worker's own stays where it was */
    assert_int_equal(world_start("caller", call_gate, &numbers[0]), 1);
    world_loop();
}

static int count_up(galley_sync *rq, void *arg)
{
    (void)rq;
    ++*(int *)arg;
    return 0;
}

static int done_count;

static void count_done(void *arg)
{
    assert_true(*(int *)arg > done_count);
    done_count++;
}

static void posted_jobs_are_seen_through(void **state)
{
    int count = 0;
    (void)state;
    done_count = 0;
    own = pool_new(world.sched, &(struct pool_opts){.max_threads = 1, .is_private = true});
    assert_non_null(own);
    for (int i = 0; i < 100; i++)
        assert_int_equal(pool_post(own, count_up, &count, i % 2 ? count_done : NULL), 0);
    assert_true(pool_free(own, 10000));
    assert_int_equal(count, 100);
    assert_int_equal(done_count, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(results_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(handed_back_in_one_batch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_queue, set_up, tear_down),
        cmocka_unit_test_setup_teardown(queued_job_is_taken_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(running_job_is_told_and_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused_when_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_thread_is_kept_for_cleanup, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signals_stay_with_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stuck_threads_are_reported, set_up, tear_down),
        cmocka_unit_test_setup_teardown(private_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(posted_jobs_are_seen_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_pool, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
