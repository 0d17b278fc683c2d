/* 23-async-and-sync.c - two colors of functions: one waits, the other blocks. */
#include <galley.h>
#include <time.h>

GALLEY_STRUCT(results, (galley_str, status));

/* galley_async: a coroutine. What waits looks like a plain call; meanwhile the worker serves others. */
static int get_results(galley_async *co, struct results *results)
{
    int rc = galley_sleep_ms(co, 200); /* as if another machine were asked */
    results->status = GALLEY_STR("ok");
    return rc;
}

static int read_results(galley_async *co, const struct galley_none *in, struct results *out)
{
    return get_results(co, out);
}

/* Two at once take the time of one. */
GALLEY_STRUCT(both,
    (struct results, first,  OBJECT(results)),
    (struct results, second, OBJECT(results)),
    (bool,           at_once));

static int read_both(galley_async *co, const struct galley_none *in, struct both *out)
{
    int64_t start_ms = galley_now_ms(co);
    galley_task *task = galley_spawn(co, get_results, &out->first);
    int rc = get_results(co, &out->second);
    int first = galley_await(co, task);
    out->at_once = galley_now_ms(co) - start_ms < 400;
    return rc < 0 ? rc : first;
}

/* galley_sync: a thread of the pool, for what can only block. It has nothing to await with. */
GALLEY_STRUCT(digest, (int64_t, rounds));

static int compute(galley_sync *rq, const struct galley_none *in, struct digest *out)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL); /* as if it were computed, or read */
    out->rounds = 100000;
    return 0;
}

GALLEY_APP(.title = "Async and sync",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/results", read_results, galley_none, results),
               GALLEY_GET("/both", read_both, galley_none, both),
               GALLEY_GET("/digest", compute, galley_none, digest)));
