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

/* A documented answer besides the usual one. `model` NULL: it has no content that is described. */
struct galley_response {
    int status;
    const struct galley_model *model;
    const char *description; /* NULL: the reason phrase */
};
#define GALLEY_RESPONSES(...)                                                                      \
    (const struct galley_response[])                                                               \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

struct galley_route {
    const char *method, *path;
    const char *name; /* the handler's, unless set: .name = "switch" for switch_ */
    bool async;
    int (*run)(void *color, const void *in, void *out);
    const struct galley_model *in, *out;
    int status;                        /* 0: 200 */
    const char *summary, *description; /* of the documentation; NULL: "Read Item" for read_item */
    const char *tags;                  /* "items, users" */
    const char *response_description;  /* NULL: "Successful Response" */
    const char *operation_id;
    const struct galley_response *responses; /* GALLEY_RESPONSES(...): others than the usual one */
    bool deprecated, hidden;                 /* hidden: not in the documentation */
    /* Members left out of the answer: those not marked sent, null ones, those that equal their default. */
    bool exclude_unset, exclude_none, exclude_defaults;
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

/* ---- answers to what went wrong ----
 * A handler of a failure is a handler without a path: (color, what failed, its answer). It answers in place of the usual
 * {"detail": ...}, with .status or else that of the failure (422 of inputs; 500 of what was raised and of a crash); when
 * it fails itself, that is a 500. Header fields that were set before stay with GALLEY_ON_STATUS alone. */

enum galley_failure_kind {
    GALLEY_FAILURE_RAISED, /* galley_raise(co, model, ...) */
    GALLEY_FAILURE_STATUS, /* galley_fail, and the server's own 404, 405, 413 ...; its In is galley_failure */
    GALLEY_FAILURE_INVALID, /* the inputs of a route do not hold; its In is galley_invalid */
    GALLEY_FAILURE_CRASH /* a handler ended with an error that nobody answers; its In is galley_failure */
};

struct galley_failure {
    int status;
    galley_json detail; /* what {"detail": ...} would have held */
};

/* One problem of a request's inputs, as the usual 422 lists it. */
struct galley_problem {
    galley_json loc; /* ["body","price"] */
    galley_str type, msg;
    galley_json input, ctx; /* ctx.data NULL: it has none */
};
struct galley_invalid {
    const struct galley_problem *problems;
    size_t count;
    galley_json body; /* what the usual answer would be */
};
extern GALLEY_API const struct galley_model galley_failure_model, galley_invalid_model;

struct galley_failure_handler {
    enum galley_failure_kind kind;
    int status; /* FAILURE_STATUS: of this status; 0: of those that have none of their own */
    const struct galley_model *model; /* FAILURE_RAISED: of this model */
    struct galley_route route;        /* run, async, out, status: as of a route */
};
#define GALLEY_ON_RAISED(m, h, Out, ...)                                                           \
    {                                                                                              \
        .kind = GALLEY_FAILURE_RAISED, .model = &m##_model,                                        \
        .route = GALLEY_ROUTE(NULL, NULL, h, m, Out, __VA_ARGS__)                                  \
    }
#define GALLEY_ON_STATUS(code, h, Out, ...)                                                        \
    {                                                                                              \
        .kind = GALLEY_FAILURE_STATUS, .status = code,                                             \
        .route = GALLEY_ROUTE(NULL, NULL, h, galley_failure, Out, __VA_ARGS__)                     \
    }
#define GALLEY_ON_INVALID(h, Out, ...)                                                             \
    {                                                                                              \
        .kind = GALLEY_FAILURE_INVALID,                                                            \
        .route = GALLEY_ROUTE(NULL, NULL, h, galley_invalid, Out, __VA_ARGS__)                     \
    }
#define GALLEY_ON_CRASH(h, Out, ...)                                                               \
    {                                                                                              \
        .kind = GALLEY_FAILURE_CRASH,                                                              \
        .route = GALLEY_ROUTE(NULL, NULL, h, galley_failure, Out, __VA_ARGS__)                     \
    }
#define GALLEY_HANDLERS(...)                                                                       \
    (const struct galley_failure_handler[]){__VA_ARGS__},                                          \
        .handler_count = sizeof((const struct galley_failure_handler[]){__VA_ARGS__}) /            \
                         sizeof(struct galley_failure_handler)

/* Bumped when a struct that applications define changes its shape; checked at load. */
#define GALLEY_ABI 3

struct galley_app {
    int abi;
    const char *title, *version, *description;
    const struct galley_route *routes;
    size_t route_count;
    const struct galley_failure_handler *handlers; /* GALLEY_HANDLERS(...) */
    size_t handler_count;
    /* NULL: "/openapi.json", "/docs", "/redoc"; "": not served (without openapi_path neither are the pages). */
    const char *openapi_path, *docs_path, *redoc_path;
    int (*on_start)(galley_async *co); /* before ready; < 0: the worker does not start */
    void (*on_stop)(galley_async *co); /* after the last request */
};
/* clang-format off */
#define GALLEY_APP(...)                                                                            \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")           \
    GALLEY_API const struct galley_app galley_app = {.abi = GALLEY_ABI, __VA_ARGS__};              \
    _Pragma("GCC diagnostic pop") _Static_assert(GALLEY_ABI > 0, "an application is declared once")
/* clang-format on */

/* `galley run` for a program that is linked with its application:
 * int main(int argc, char **argv) { return galley_main(argc, argv, &galley_app); }
 * Takes the options of `galley run`; returns the exit status. */
GALLEY_API int galley_main(int argc, char **argv, const struct galley_app *app);

#endif
