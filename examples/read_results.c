/* read_results.c - what it means to wait, and what happens to whoever forgets it.
 *
 *     curl http://127.0.0.1:8000/results                {"status":"ok"}
 *     curl http://127.0.0.1:8000/results-not-awaited    {"status":"notok"}, and the log names the forgotten task
 *     curl http://127.0.0.1:8000/results-sync           {"status":"ok"}, from a thread that may block
 *     curl http://127.0.0.1:8000/results-both           {"status":"ok"}, two of them at once */
#include <galley.h>
#include <time.h>

GALLEY_STRUCT(results, (galley_str, status));

/* Stands for a call to another machine: a coroutine waits, and its worker serves others. */
static int get_results(galley_async *co, struct results *results)
{
    int rc = galley_sleep_ms(co, 20);
    if (rc == 0)
        results->status = GALLEY_STR("ok");
    return rc;
}

/* A plain call waits. */
static int read_results(galley_async *co, const struct galley_none *in, struct results *out)
{
    (void)in;
    return get_results(co, out);
}

/* A spawned call does not, and its result must be awaited. To ignore it does not compile; who keeps it and still
 * forgets it answers with what there is by then, and finds the name, file and line of the task in the log. */
static int read_results_not_awaited(galley_async *co, const struct galley_none *in,
                                    struct results *out)
{
    (void)in;
    out->status = GALLEY_STR("notok");
    galley_task *task = galley_spawn(co, get_results, out);
    return task != NULL ? 0 : galley_fail(co, 503, "no coroutine is free");
}

/* The other color: a thread of the pool. It has nothing to await with, and blocks with the calls it knows. */
static int read_results_sync(galley_sync *rq, const struct galley_none *in, struct results *out)
{
    (void)rq, (void)in;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    out->status = GALLEY_STR("ok");
    return 0;
}

/* Two at once take the time of one. */
static int read_results_both(galley_async *co, const struct galley_none *in, struct results *out)
{
    (void)in;
    struct results other = {0};
    galley_task *task = galley_spawn(co, get_results, &other);
    int rc = get_results(co, out);
    int other_rc = galley_await(co, task);
    return rc < 0 ? rc : other_rc;
}

GALLEY_APP(.title = "Results", .version = "1.0",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/results", read_results, galley_none, results),
               GALLEY_GET("/results-not-awaited", read_results_not_awaited, galley_none, results),
               GALLEY_GET("/results-sync", read_results_sync, galley_none, results),
               GALLEY_GET("/results-both", read_results_both, galley_none, results)));
