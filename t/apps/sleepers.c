/* sleepers.c - for the tests: handlers that wait for good, each in another way. */
#include <galley.h>

enum { FOREVER_MS = 3600000 };

static int nap(galley_async *co, int *ms)
{
    return galley_sleep_ms(co, *ms);
}

/* A function of the handler that waits. */
static __attribute__((noinline)) int dream(galley_async *co, int depth, const char *of)
{
    if (depth > 0) {
        int rc = dream(co, depth - 1, of);
        return rc < 0 ? rc : depth;
    }
    return galley_sleep_ms(co, FOREVER_MS);
}

static int sleep_long(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    out->text = GALLEY_STR("awake");
    int rc = dream(co, 2, "sheep");
    return rc < 0 ? rc : 0;
}

static int gather(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    int ms = FOREVER_MS;
    (void)in;
    out->text = GALLEY_STR("gathered");
    return galley_gather(co, (nap, &ms), (nap, &ms));
}

static int task(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    int ms = FOREVER_MS;
    (void)in;
    out->text = GALLEY_STR("awaited");
    return galley_await(co, galley_spawn(co, nap, &ms));
}

GALLEY_APP(.title = "Sleepers", .version = "1.0",
           .routes = GALLEY_ROUTES(GALLEY_GET("/sleep", sleep_long, galley_none, galley_text),
                                   GALLEY_GET("/gather", gather, galley_none, galley_text),
                                   GALLEY_GET("/task", task, galley_none, galley_text)));
