/* leaving.c - what happens to a request whose client leaves: handlers that wait, and count how they ended. */
#include <galley.h>

static struct {
    int64_t waiting, cancelled, finished, defers_run;
} counts;

GALLEY_STRUCT(wait_in, (int64_t, ms, QUERY));
GALLEY_STRUCT(counts, (int64_t, waiting), (int64_t, cancelled), (int64_t, finished),
              (int64_t, defers_run));

static void count_defer(galley_async *co, int64_t *counter)
{
    (void)co;
    ++*counter;
}

/* Also the cleanup may wait, and is not cut short by the cancellation. */
static void slow_defer(galley_async *co, int64_t *counter)
{
    if (galley_sleep_ms(co, 5) == 0)
        ++*counter;
}

static int wait_for_it(galley_async *co, const struct wait_in *in, struct galley_text *out)
{
    int rc = galley_defer(co, count_defer, &counts.defers_run);
    if (rc == 0)
        rc = galley_defer(co, slow_defer, &counts.defers_run);
    if (rc < 0)
        return rc;
    counts.waiting++;
    rc = galley_sleep_ms(co, in->ms);
    counts.waiting--;
    if (rc < 0)
        counts.cancelled++;
    else
        counts.finished++;
    out->text = GALLEY_STR("waited");
    return rc;
}

static int read_counts(galley_async *co, const struct galley_none *in, struct counts *out)
{
    (void)co, (void)in;
    *out = (struct counts){counts.waiting, counts.cancelled, counts.finished, counts.defers_run};
    return 0;
}

GALLEY_APP(.title = "Leaving",
           .routes = GALLEY_ROUTES(GALLEY_GET("/wait", wait_for_it, wait_in, galley_text),
                                   GALLEY_POST("/wait", wait_for_it, wait_in, galley_text),
                                   GALLEY_GET("/stay", wait_for_it, wait_in, galley_text,
                                              .on_disconnect = GALLEY_FINISH),
                                   GALLEY_POST("/leave", wait_for_it, wait_in, galley_text,
                                               .on_disconnect = GALLEY_CANCEL),
                                   GALLEY_GET("/short", wait_for_it, wait_in, galley_text,
                                              .timeout_ms = 50),
                                   GALLEY_GET("/counts", read_counts, galley_none, counts)));
