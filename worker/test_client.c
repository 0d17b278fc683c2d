/* test_client.c - an application under test: its runtime without a socket, and the clock that jumps.
 * Does:     start and stop hooks, coroutines, threads, background tasks; lets time pass where nothing else can happen.
 * Does not: ask (test_request.c) or judge (test_tap.c).
 *
 * The clock stands still while anything is ready. Where coroutines wait for time alone it jumps to the first of them;
 * where one waits for a thread or a descriptor too, the poll really waits, and the clock advances by what that took.
 * See:      galley/test.h, t/unit/worker/test_client.c */
#include "worker/test_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/app/app.h"
#include "worker/app/app_load.h"
#include "worker/coro/pool.h"
#include "worker/http/server.h"
#include "worker/io/remotes.h"

enum { CALL_MS = 60000, STOP_MS = 4000, POOL_GRACE_MS = 5000, MEMORY_MAX_BYTES = 1 << 30 };

/* ---- memory ---- */

void *test_alloc(struct galley_test *t, size_t size)
{
    void *memory = arena_alloc(&t->memory, size);
    GALLEY_BUG_IF(memory == NULL, "no memory for %zu bytes of a test", size);
    memset(memory, 0, size);
    return memory;
}

galley_str test_dup(struct galley_test *t, const void *data, size_t len)
{
    char *copy = arena_dup(&t->memory, data, len);
    GALLEY_BUG_IF(copy == NULL, "no memory for %zu bytes of a test", len);
    return (galley_str){copy, len};
}

galley_str test_format(struct galley_test *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    GALLEY_BUG_IF(len < 0, "a format that cannot be: %s", format);
    char *text = test_alloc(t, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return (galley_str){text, (size_t)len};
}

/* ---- the clock and the loop ---- */

static void set_now(struct galley_test *t, int64_t now_ms)
{
    t->now_ms = now_ms;
    loop_set_now_ms(t->loop, now_ms);
}

/* Nothing is ready for wait_ms (< 0: ever). How long the poll waits in fact. */
static int64_t pass_time(struct galley_test *t, int64_t wait_ms)
{
    int64_t left_ms = t->limit_ms - t->now_ms;
    if (wait_ms < 0 && t->limit_ms == INT64_MAX && !sched_expects_events(t->sched)) {
        t->is_stuck = true;
        loop_stop(t->loop);
        return 0;
    }
    if (wait_ms < 0 || wait_ms > left_ms)
        wait_ms = left_ms;
    if (sched_expects_events(t->sched)) {
        t->polled_ms = clock_now_ms();
        return wait_ms;
    }
    set_now(t, t->now_ms + wait_ms);
    return 0;
}

static int64_t before_poll(void *arg)
{
    struct galley_test *t = arg;
    if (t->polled_ms != 0)
        set_now(t, t->now_ms + clock_now_ms() - t->polled_ms);
    t->polled_ms = 0;
    int64_t wait_ms = sched_run(t->sched);
    if (remotes_flush(t->remotes))
        wait_ms = 0;
    if (t->is_over || (wait_ms != 0 && t->now_ms >= t->limit_ms) ||
        (t->is_draining && sched_live_count(t->sched) == 0)) {
        loop_stop(t->loop);
        return 0;
    }
    return wait_ms == 0 ? 0 : pass_time(t, wait_ms);
}

/* In the test's memory: one that is stuck outlives the call that started it. */
struct job {
    struct galley_test *t;
    void (*fn)(galley_async *co, void *arg);
    void *arg;
};

static GALLEY_YIELDS void job_main(galley_async *co, void *arg)
{
    struct job *job = arg;
    co->arena =
        &job->t->memory; /* for the answers of remote calls; a request or a hook brings its own */
    job->fn(co, job->arg);
}

static void job_ended(void *arg)
{
    ((struct job *)arg)->t->is_over = true;
}

int test_run(struct galley_test *t, const char *name, void (*fn)(galley_async *, void *), void *arg,
             int64_t timeout_ms)
{
    struct job *job = test_alloc(t, sizeof *job);
    *job = (struct job){t, fn, arg};
    const struct coro_opts opts = {
        .name = name,
        .entry = job_main,
        .arg = job,
        .on_end = job_ended,
        .timeout_ms = timeout_ms,
    };
    t->is_over = t->is_stuck = false;
    t->limit_ms = INT64_MAX;
    int rc = coro_start(t->sched, &opts);
    if (rc > 0)
        loop_run(t->loop, before_poll, t);
    return rc < 0 ? rc : 0;
}

/* Let everything go on for `ms`, or until nothing lives. */
static void let_run(struct galley_test *t, int64_t ms)
{
    t->is_over = t->is_stuck = false;
    t->limit_ms = ms < INT64_MAX - t->now_ms ? t->now_ms + ms : INT64_MAX - 1;
    loop_run(t->loop, before_poll, t);
}

int64_t galley_test_now_ms(struct galley_test *t)
{
    return t->now_ms;
}

void galley_test_advance_ms(struct galley_test *t, int64_t ms)
{
    let_run(t, ms > 0 ? ms : 0);
}

/* ---- calls from inside ---- */

struct call {
    int (*fn)(galley_async *co, void *arg);
    void *arg;
    struct arena *memory;
    int result;
};

static GALLEY_YIELDS void call_main(galley_async *co, void *arg)
{
    struct call *call = arg;
    co->arena = call->memory; /* what calls to remote sides answer stays until the test ends */
    call->result = call->fn(co, call->arg);
    if (call->result == -ECANCELED && galley_cancel_reason(co) == GALLEY_BY_DEADLINE)
        call->result = -ETIMEDOUT;
}

int galley__test_call(struct galley_test *t, int (*fn)(galley_async *, void *), void *arg)
{
    struct call *call = test_alloc(t, sizeof *call);
    *call = (struct call){fn, arg, &t->memory, -EDEADLK};
    int rc = test_run(t, "test", call_main, call, CALL_MS);
    return rc < 0 ? rc : call->result;
}

/* ---- start ---- */

static _Noreturn void bail_out(const char *why)
{
    printf("Bail out! %s\n", why);
    fflush(stdout);
    exit(1);
}

static int start_runtime(struct galley_test *t, struct errmsg *why)
{
    const struct sched_opts sched_opts = {.max_coroutines = t->settings.max_coroutines,
                                          .stats = &t->stats};
    const struct pool_opts pool_opts = {.max_threads = t->settings.threads,
                                        .max_queued = t->settings.thread_queue,
                                        .stats = &t->stats};
    t->loop = loop_new();
    if (t->loop != NULL)
        t->sched = sched_new(t->loop, &sched_opts);
    if (t->sched != NULL)
        t->pool = pool_new(t->sched, &pool_opts);
    if (t->pool != NULL)
        t->remotes = remotes_new(t->sched, &t->stats);
    t->server = calloc(1, sizeof *t->server);
    if (t->remotes == NULL || t->server == NULL) {
        errmsg_set_sys(why, "cannot start the event loop of a test");
        return -1;
    }
    set_now(t, loop_now_ms(t->loop));
    t->server->loop = t->loop;
    t->server->sched = t->sched;
    t->server->pool = t->pool;
    t->server->stats = &t->stats;
    t->server->settings = &t->settings;
    t->server->access_log_fd = -1;
    t->server->handle = app_handle;
    t->server->app = t->app;
    server_start(t->server);
    return 0;
}

static void release(struct galley_test *t)
{
    pool_free(t->pool, POOL_GRACE_MS);
    remotes_free(t->remotes);
    app_free(t->app);
    sched_free(t->sched);
    loop_free(t->loop);
    free(t->server);
    settings_release(&t->settings);
    arena_release(&t->memory);
    free(t);
}

struct hook {
    struct app *app;
    struct errmsg why;
    int result;
};

static GALLEY_YIELDS void start_main(galley_async *co, void *arg)
{
    struct hook *hook = arg;
    hook->result = app_start(hook->app, co, &hook->why);
}

static GALLEY_YIELDS void stop_main(galley_async *co, void *arg)
{
    app_stop(((struct hook *)arg)->app, co);
}

struct galley_test *galley_test_start(const struct galley_app *declared)
{
    struct errmsg why = {{0}};
    struct galley_test *t = calloc(1, sizeof *t);
    if (t == NULL)
        bail_out("no memory for a test");
    log_open(STDERR_FILENO, LOG_LEVEL_WARN, "test");
    arena_init(&t->memory, NULL, 0, MEMORY_MAX_BYTES);
    if (settings_init(&t->settings) < 0)
        bail_out("no memory for a test");
    t->app = app_new(declared, &why);
    if (t->app != NULL && start_runtime(t, &why) == 0) {
        struct hook *hook = test_alloc(t, sizeof *hook);
        *hook = (struct hook){.app = t->app, .result = -EDEADLK};
        if (test_run(t, "start hook", start_main, hook, t->settings.start_timeout) < 0)
            errmsg_set(&why, "no coroutine for the start hook");
        else if (hook->result < 0)
            errmsg_set(&why, "%s",
                       hook->why.text[0] != '\0' ? hook->why.text : "the start hook never ends");
    }
    if (why.text[0] != '\0')
        bail_out(why.text); /* the process ends: nothing is taken apart */
    return t;
}

struct galley_test *galley_test_load(const char *path)
{
    struct errmsg why = {{0}};
    const struct galley_app *declared = app_load(path, &why);
    if (declared == NULL)
        bail_out(why.text);
    return galley_test_start(declared);
}

/* ---- stop ---- */

/* As a worker stops: what runs may end, then it is cancelled. */
static void drain(struct galley_test *t)
{
    t->is_draining = true;
    if (sched_live_count(t->sched) > 0)
        let_run(t, t->settings.drain_timeout);
    if (sched_live_count(t->sched) > 0) {
        sched_cancel_all(t->sched, GALLEY_BY_SHUTDOWN);
        let_run(t, STOP_MS);
    }
    t->is_draining = false;
}

int galley_test_end(struct galley_test *t)
{
    drain(t);
    struct hook *hook = test_alloc(t, sizeof *hook);
    hook->app = t->app;
    bool is_whole = test_run(t, "stop hook", stop_main, hook, STOP_MS) == 0 && t->is_over &&
                    sched_live_count(t->sched) == 0;
    if (!is_whole) {
        galley_test_diag(t, "%zu coroutines do not end", sched_live_count(t->sched));
        sched_dump(t->sched);
    }
    bool is_good = is_whole && t->check_count > 0 && t->failed_count == 0;
    if (t->failed_count > 0)
        galley_test_diag(t, "%zu of %zu checks failed", t->failed_count, t->check_count);
    if (t->check_count == 0)
        galley_test_diag(t, "nothing was checked");
    printf("1..%zu\n", t->check_count);
    fflush(stdout);
    if (is_whole)
        release(t); /* else what hangs still uses it */
    return is_good ? 0 : 1;
}
