/* route.h - routes for tests of declarations: a handler that does nothing, and ROUTE to declare it.
 * Does:     fill in what GALLEY_GET would; include it once, behind galley.h.
 * Does not: run. */
#ifndef GALLEY_T_APP_ROUTE_H
#define GALLEY_T_APP_ROUTE_H

static int run(void *color, const void *in, void *out)
{
    (void)color, (void)in, (void)out;
    return 0;
}

/* A route with these models and options. */
#define ROUTE(path_, in_, out_, ...)                                                               \
    {                                                                                              \
        .method = "GET", .path = path_, .name = "run", .async = true, .run = run,                  \
        .in = &in_##_model, .out = &out_##_model, .file = "shop.c",                                \
        .line = 7 __VA_OPT__(, ) __VA_ARGS__                                                       \
    }

#endif
