/* docs_off.c - for the tests: an application that serves no documentation; its own names may then be the same. */
#include <galley.h>

static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("the application");
    return 0;
}

GALLEY_APP(.title = "Quiet", .openapi_path = "",
           .routes = GALLEY_ROUTES(GALLEY_GET("/docs", hello, galley_none, galley_text)));
