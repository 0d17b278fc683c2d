/* bad_start_hangs.c - for the tests: an application whose start hook waits until start_timeout ends it. */
#include <galley.h>

static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("hello");
    return 0;
}

static int start(galley_async *co)
{
    return galley_sleep_ms(co, 600000);
}

GALLEY_APP(.title = "Shop", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
