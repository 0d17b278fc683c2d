/* bad_route.c - for the tests: an application whose path has no member for its parameter. */
#include <galley.h>

static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("hello");
    return 0;
}

GALLEY_APP(.title = "Shop", .routes = GALLEY_ROUTES(GALLEY_GET("/items/{item_id}", hello,
                                                               galley_none, galley_text)));
