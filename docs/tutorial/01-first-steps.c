/* 01-first-steps.c - the smallest application: one route, one answer. */
#include <galley.h>

GALLEY_STRUCT(greeting, (galley_str, message));

static int read_root(galley_async *co, const struct galley_none *in, struct greeting *out)
{
    out->message = GALLEY_STR("Hello World");
    return 0;
}

GALLEY_APP(.title = "First steps",
           .routes = GALLEY_ROUTES(GALLEY_GET("/", read_root, galley_none, greeting)));
