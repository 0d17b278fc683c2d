/* app.h - routes and the application: a typed function is an endpoint.
 * Does:     GALLEY_APP, GALLEY_ROUTES, GALLEY_GET ...; galley_main for self-contained programs.
 * Does not: run at load: an application is constant data with one symbol, galley_app.
 *
 *     static int hello(galley_async *co, const struct galley_none *in, struct galley_text *out);
 *     GALLEY_APP(.title = "Hello", .routes = GALLEY_ROUTES(GALLEY_GET("/", hello, galley_none, galley_text)));
 */
#ifndef GALLEY_APP_H
#define GALLEY_APP_H

#include <galley/output.h>

/* What happens when the client leaves before the answer. */
enum galley_on_disconnect {
    GALLEY_AUTO, /* cancel GET, HEAD, OPTIONS and every reset HTTP/2 stream; finish the others */
    GALLEY_CANCEL,
    GALLEY_FINISH
};

struct galley_route {
    const char *method, *path, *name;
    bool async;
    int (*run)(void *color, const void *in, void *out);
    const struct galley_model *in, *out;
    int status; /* 0: 200 */
    const char *summary, *description, *tags;
    bool deprecated, hidden;
    int64_t timeout_ms;      /* 0: the server's request_timeout; then 504 */
    uint64_t max_body_bytes; /* 0: the server's max_body */
    enum galley_on_disconnect on_disconnect;
    const char *file;
    int line;
};

/* A handler of the wrong shape does not compile; its color is read from its type. */
/* clang-format off */
#define GALLEY__IS_ASYNC(h, In, Out)                                                               \
    _Generic(&(h),                                                                                 \
        int (*)(galley_async *, const struct In *, struct Out *): true,                            \
        int (*)(galley_sync *, const struct In *, struct Out *): false)
#define GALLEY_ROUTE(m, p, h, In, Out, ...)                                                        \
    {.method = m,                                                                                  \
     .path = p,                                                                                    \
     .name = #h,                                                                                   \
     .async = GALLEY__IS_ASYNC(h, In, Out),                                                        \
     .run = (int (*)(void *, const void *, void *))(void (*)(void))(h),                            \
     .in = &In##_model,                                                                            \
     .out = &Out##_model,                                                                          \
     .file = __FILE__,                                                                             \
     .line = __LINE__ __VA_OPT__(, ) __VA_ARGS__}
/* clang-format on */
#define GALLEY_GET(...)    GALLEY_ROUTE("GET", __VA_ARGS__)
#define GALLEY_POST(...)   GALLEY_ROUTE("POST", __VA_ARGS__)
#define GALLEY_PUT(...)    GALLEY_ROUTE("PUT", __VA_ARGS__)
#define GALLEY_PATCH(...)  GALLEY_ROUTE("PATCH", __VA_ARGS__)
#define GALLEY_DELETE(...) GALLEY_ROUTE("DELETE", __VA_ARGS__)

#define GALLEY_ROUTES(...)                                                                         \
    (const struct galley_route[]){__VA_ARGS__},                                                    \
        .route_count =                                                                             \
            sizeof((const struct galley_route[]){__VA_ARGS__}) / sizeof(struct galley_route)

/* Bumped when a struct that applications define changes its shape; checked at load. */
#define GALLEY_ABI 1

struct galley_app {
    int abi;
    const char *title, *version, *description;
    const struct galley_route *routes;
    size_t route_count;
    int (*on_start)(galley_async *co); /* before ready; < 0: the worker does not start */
    void (*on_stop)(galley_async *co); /* after the last request */
};
#define GALLEY_APP(...)                                                                            \
    GALLEY_API const struct galley_app galley_app = {.abi = GALLEY_ABI, __VA_ARGS__}

/* `galley run` for a program that is linked with its application:
 * int main(int argc, char **argv) { return galley_main(argc, argv, &galley_app); }
 * Takes the options of `galley run`; returns the exit status. */
GALLEY_API int galley_main(int argc, char **argv, const struct galley_app *app);

#endif
