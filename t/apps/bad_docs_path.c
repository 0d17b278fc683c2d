/* bad_docs_path.c - for the tests: an application with a route where the documentation is served. */
#include <galley.h>

static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("hello");
    return 0;
}

GALLEY_APP(.title = "Shop",
           .routes = GALLEY_ROUTES(GALLEY_GET("/docs", hello, galley_none, galley_text)));
