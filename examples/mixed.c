/* mixed.c - the same work done by a coroutine, by a thread, and by a thread that a coroutine asks; and what each costs.
 *
 *     curl http://127.0.0.1:8000/async               {"sku":7,"in_stock":42,"by":"a coroutine"}
 *     curl http://127.0.0.1:8000/sync                {"sku":7,"in_stock":42,"by":"a thread"}
 *     curl http://127.0.0.1:8000/helper              {"sku":7,"in_stock":42,"by":"a thread, for a coroutine"}
 *     curl http://127.0.0.1:8000/wrong               {"sku":7,"in_stock":42,"by":"a coroutine that blocks"}
 *     curl 'http://127.0.0.1:8000/costs?jobs=64'     {"jobs":64,"async_ms":20,"threads_ms":201,"task_ns":150,"thread_ns":9000}
 *
 * Each takes 20 ms when it is alone. Sixty-four at once tell them apart (`build/bin/galley run build/examples/mixed.so --workers 1`):
 *
 *     time curl -sZ --parallel-max 64 'http://127.0.0.1:8000/async?[1-64]'      0.05 s: they all wait at once
 *     time curl -sZ --parallel-max 64 'http://127.0.0.1:8000/sync?[1-64]'       0.2 s: seven at a time; the eighth thread is kept for cleanup
 *     time curl -sZ --parallel-max 64 'http://127.0.0.1:8000/helper?[1-64]'     0.2 s: the same threads, each with a coroutine
 *     time curl -sZ --parallel-max 64 'http://127.0.0.1:8000/wrong?[1-64]'      1.3 s: one after the other; nobody else is served
 *
 * A waiting coroutine costs 4 KiB and holds nobody up; a thread costs a megabyte of address space and two system calls, and there
 * are few. So: wait where there is a call that waits; hand what can only block to a thread; never block in a coroutine. */
#include <galley.h>
#include <time.h>

enum { ANSWER_MS = 20, ROUNDS = 1000 };

GALLEY_STRUCT(stock, (int64_t, sku), (int64_t, in_stock), (galley_str, by));

/* ---- the work, in both colors: ask the warehouse, which takes its time ---- */

static int ask_waiting(galley_async *co, struct stock *stock)
{
    stock->sku = 7;
    stock->in_stock = 42;
    return galley_sleep_ms(co, ANSWER_MS); /* stands for galley_http_get and its kind */
}

static int ask_blocking(galley_sync *rq, struct stock *stock)
{
    const struct timespec answer_time = {.tv_nsec = ANSWER_MS * 1000000L};
    (void)rq; /* galley_is_cancelled(rq) would tell when nobody wants the answer */
    stock->sku = 7;
    stock->in_stock = 42;
    nanosleep(&answer_time, NULL); /* a library that blocks */
    return 0;
}

/* ---- the same work, asked in four ways ---- */

static int read_async(galley_async *co, const struct galley_none *in, struct stock *out)
{
    (void)in;
    out->by = GALLEY_STR("a coroutine");
    return ask_waiting(co, out); /* a plain call waits; meanwhile the worker serves others */
}

static int read_sync(galley_sync *rq, const struct galley_none *in, struct stock *out)
{
    (void)in;
    out->by = GALLEY_STR("a thread");
    return ask_blocking(rq, out); /* the first parameter sent this handler to a thread */
}

static int read_helper(galley_async *co, const struct galley_none *in, struct stock *out)
{
    (void)in;
    out->by = GALLEY_STR("a thread, for a coroutine");
    return galley_to_thread(co, ask_blocking, out); /* only for as long as it blocks */
}

static int read_wrong(galley_async *co, const struct galley_none *in, struct stock *out)
{
    (void)co, (void)in;
    out->by = GALLEY_STR("a coroutine that blocks");
    return ask_blocking(NULL, out); /* nobody sees that it blocks; the worker stands still */
}

/* ---- GET /costs ---- */

GALLEY_STRUCT(costs_in, (int64_t, jobs, QUERY, .default_json = "64", .ge = 1, .le = 128));
/* clang-format off */
GALLEY_STRUCT(costs,
    (int64_t, jobs),
    (int64_t, async_ms),   /* all of them at once, as coroutines */
    (int64_t, threads_ms), /* all of them at once, on threads */
    (int64_t, task_ns),    /* to spawn and await a task that does nothing */
    (int64_t, thread_ns)); /* to have a thread do nothing */
/* clang-format on */

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int ask_thread(galley_async *co, struct stock *stock)
{
    return galley_to_thread(co, ask_blocking, stock);
}

/* `jobs` times the same at once: how long until the last one has its answer. */
static int time_jobs(galley_async *co, int64_t jobs, int (*ask)(galley_async *, struct stock *),
                     int64_t *took_ms)
{
    struct stock *stocks = galley_alloc(co, (size_t)jobs * sizeof *stocks);
    if (stocks == NULL)
        return galley_fail(co, 503, "no memory for so many");
    struct galley_scope all;
    galley_scope_open(co, &all, -1);
    int64_t begun = now_ns();
    int rc = 0;
    for (int64_t i = 0; i < jobs && rc == 0; i++)
        if (galley_spawn(co, ask, &stocks[i]) == NULL)
            rc = galley_fail(co, 503, "no coroutine is free");
    int closed = galley_scope_close(co, &all); /* waits for all of them; the first failure */
    *took_ms = (now_ns() - begun) / 1000000;
    return rc < 0 ? rc : closed;
}

static int nothing_waiting(galley_async *co, struct stock *stock)
{
    (void)co, (void)stock;
    return 0;
}

static int nothing_blocking(galley_sync *rq, struct stock *stock)
{
    (void)rq, (void)stock;
    return 0;
}

static int time_calls(galley_async *co, struct costs *out)
{
    struct stock stock;
    int rc = 0;
    int64_t begun = now_ns();
    for (int i = 0; i < ROUNDS && rc == 0; i++) {
        struct galley_scope scope; /* a task's handle lives until its scope is closed */
        galley_scope_open(co, &scope, -1);
        rc = galley_await(co, galley_spawn(co, nothing_waiting, &stock));
        int closed = galley_scope_close(co, &scope);
        rc = rc < 0 ? rc : closed;
    }
    out->task_ns = (now_ns() - begun) / ROUNDS;

    begun = now_ns();
    for (int i = 0; i < ROUNDS && rc == 0; i++)
        rc = galley_to_thread(co, nothing_blocking, &stock);
    out->thread_ns = (now_ns() - begun) / ROUNDS;
    return rc;
}

static int read_costs(galley_async *co, const struct costs_in *in, struct costs *out)
{
    out->jobs = in->jobs;
    int rc = time_jobs(co, in->jobs, ask_waiting, &out->async_ms);
    if (rc == 0)
        rc = time_jobs(co, in->jobs, ask_thread, &out->threads_ms);
    return rc < 0 ? rc : time_calls(co, out);
}

GALLEY_APP(.title = "Mixed", .version = "1.0",
           .routes = GALLEY_ROUTES(GALLEY_GET("/async", read_async, galley_none, stock),
                                   GALLEY_GET("/sync", read_sync, galley_none, stock),
                                   GALLEY_GET("/helper", read_helper, galley_none, stock),
                                   GALLEY_GET("/wrong", read_wrong, galley_none, stock),
                                   GALLEY_GET("/costs", read_costs, costs_in, costs)));
