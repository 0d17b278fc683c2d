/* bad_start_crashes.c - for the tests: an application whose start hook crashes. */
#include <galley.h>
#include <stdlib.h>

static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("hello");
    return 0;
}

static int start(galley_async *co)
{
    (void)co;
    abort();
}

GALLEY_APP(.title = "Shop", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
