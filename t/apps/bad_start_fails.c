/* bad_start_fails.c - for the tests: an application whose start hook fails. */
#include <errno.h>
#include <galley.h>

static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("hello");
    return 0;
}

static int start(galley_async *co)
{
    int rc = galley_sleep_ms(co, 1);
    return rc < 0 ? rc : -EIO;
}

GALLEY_APP(.title = "Shop", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
