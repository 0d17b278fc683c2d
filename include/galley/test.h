/* test.h - test an application without a socket: requests go straight in, answers are looked at, TAP comes out.
 * Does:     run its start and stop hooks, its coroutines and its threads in this very process; a clock that jumps: where
 *           nothing but time is waited for, it passes at once, and a sleep of an hour costs nothing.
 * Does not: parse HTTP/1.1 or HTTP/2: `galley run` and curl show what travels. One test at a time; no thread of yours may
 *           call this. Link with -lgalley, run it by itself or under `prove`.
 *
 *     int main(void)
 *     {
 *         struct galley_test *t = galley_test_start(&galley_app);
 *         struct galley_reply r = galley_test_get(t, "/items/5?q=nut");
 *         galley_test_is(t, r.status, 200, "there is an item");
 *         galley_test_is(t, r.body, "{\"item_id\":5,\"q\":\"nut\"}", "this one");
 *         r = galley_test_post_json(t, "/items", "{\"price\":-1}");
 *         galley_test_json_is(t, r, "detail.0.loc", "[\"body\",\"price\"]", "what is wrong");
 *         return galley_test_end(t);
 *     }
 */
#ifndef GALLEY_TEST_H
#define GALLEY_TEST_H

#include <galley/app.h>

/* The application that is linked with the test: GALLEY_APP declares it. */
extern GALLEY_API const struct galley_app galley_app;

struct galley_test;

/* Load the application, run its start hook. Never NULL: one that does not start ends the process: "Bail out!" with the
 * reason, exit status 1. */
GALLEY_API struct galley_test *galley_test_start(const struct galley_app *app);
/* The same of a shared object. */
GALLEY_API struct galley_test *galley_test_load(const char *path);
/* Let background tasks end (as a worker that drains: 30 s of its clock, then they are cancelled), run the stop hook, free
 * everything, print the plan. The exit status: 0 when every check held and there was one. */
GALLEY_API int galley_test_end(struct galley_test *t);

/* ---- requests ---- */

/* What came back; lives until galley_test_end. */
struct galley_reply {
    int status;      /* 0: there was no answer */
    galley_str body; /* NUL-terminated behind its end */
    galley_str type; /* content-type; data NULL: none */
    bool is_cut;     /* the answer broke off */
    const struct galley_reply_field *fields;
    size_t field_count;
};
struct galley_reply_field {
    galley_str name, value; /* the name in lower case */
};

/* One part of a multipart form. `filename` NULL: a plain field. */
struct galley_test_part {
    const char *name, *filename, *type, *text;
    galley_bytes data; /* instead of text */
};

/* Bytes of `path` that no URL may hold are escaped; '%' is left alone. Cookies are kept and sent back, whatever their
 * path and domain. Redirects within the application are followed (20 at most), unless `stay` is set. */
struct galley_test_request {
    const char *method;         /* NULL: GET, or POST where there is a body */
    const char *path;           /* "/items/5?q=nut" */
    const char *const *headers; /* GALLEY_TEST_HEADERS("X-Token: abc", ...) */
    const char *json, *form;    /* a body with its content-type; the form as "a=1&b=2" */
    const struct galley_test_part
        *parts; /* GALLEY_TEST_PARTS({.name = "f", .filename = "a.txt", .text = "..."}, ...) */
    galley_bytes body; /* or any other, without a content-type */
    bool stay;
};
#define GALLEY_TEST_HEADERS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define GALLEY_TEST_PARTS(...)   ((const struct galley_test_part[]){__VA_ARGS__, {.name = NULL}})

/* r = galley_test_request(t, .method = "PUT", .path = "/items/5", .json = "{}"); */
#define galley_test_request(t, ...)                                                                \
    galley__test_request(t, &(struct galley_test_request){__VA_ARGS__})
GALLEY_API struct galley_reply galley__test_request(struct galley_test *t,
                                                    const struct galley_test_request *request);
#define galley_test_get(t, path_)    galley_test_request(t, .method = "GET", .path = path_)
#define galley_test_head(t, path_)   galley_test_request(t, .method = "HEAD", .path = path_)
#define galley_test_delete(t, path_) galley_test_request(t, .method = "DELETE", .path = path_)
#define galley_test_post_json(t, path_, json_)                                                     \
    galley_test_request(t, .method = "POST", .path = path_, .json = json_)
#define galley_test_put_json(t, path_, json_)                                                      \
    galley_test_request(t, .method = "PUT", .path = path_, .json = json_)
#define galley_test_patch_json(t, path_, json_)                                                    \
    galley_test_request(t, .method = "PATCH", .path = path_, .json = json_)
#define galley_test_post_form(t, path_, form_)                                                     \
    galley_test_request(t, .method = "POST", .path = path_, .form = form_)

/* The first header field called `name` (any case); data NULL: none. */
GALLEY_API galley_str galley_reply_header(struct galley_reply reply, const char *name);
/* The text of a value inside the JSON body: "items.0.name"; "" is all of it. data NULL: it is not there. */
GALLEY_API galley_str galley_reply_json(struct galley_reply reply, const char *path);
/* The same as a whole number; 0 where there is none. */
GALLEY_API int64_t galley_reply_int(struct galley_reply reply, const char *path);

/* A cookie that answers have set (data NULL: none); set one; value NULL: forget it. */
GALLEY_API galley_str galley_test_cookie(struct galley_test *t, const char *name);
GALLEY_API void galley_test_set_cookie(struct galley_test *t, const char *name, const char *value);

/* ---- time, and calls from inside ---- */

/* The application's clock; it passes while a request waits, and here: background tasks run on. */
GALLEY_API int64_t galley_test_now_ms(struct galley_test *t);
GALLEY_API void galley_test_advance_ms(struct galley_test *t, int64_t ms);

/* Run fn(co, arg) as a coroutine of the application, to its end: its result, -ETIMEDOUT after 60 s of the clock. */
/* clang-format off */
#define galley_test_call(t, fn, arg)                                                               \
    galley__test_call(t,                                                                           \
                      _Generic((fn), int (*)(galley_async *, __typeof__(arg)): (                   \
                          int (*)(galley_async *, void *))(void (*)(void))(fn)),                   \
                      arg)
/* clang-format on */
GALLEY_API int galley__test_call(struct galley_test *t, int (*fn)(galley_async *, void *),
                                 void *arg);

/* ---- checks: each is one line of TAP; whether it held. One that did not shows where, what was got, and the last answer */

#define galley_test_ok(t, condition, name) galley__test_ok(t, __FILE__, __LINE__, condition, name)
/* `got` is an integer, a galley_str or a char *; text is compared with a char *, of which NULL is what is absent. */
/* clang-format off */
#define galley_test_is(t, got, want, name)                                                         \
    _Generic((got), galley_str: galley__test_is_str, char *: galley__test_is_text,                 \
             const char *: galley__test_is_text,                                                   \
             default: galley__test_is_int)(t, __FILE__, __LINE__, got, want, name)
/* clang-format on */
/* Status and body (NULL: any) at once. */
#define galley_test_answers(t, reply, status, body, name)                                          \
    galley__test_answers(t, __FILE__, __LINE__, reply, status, body, name)
#define galley_test_json_is(t, reply, path, want, name)                                            \
    galley__test_is_str(t, __FILE__, __LINE__, galley_reply_json(reply, path), want, name)
#define galley_test_header_is(t, reply, header, want, name)                                        \
    galley__test_is_str(t, __FILE__, __LINE__, galley_reply_header(reply, header), want, name)

GALLEY_API bool galley__test_ok(struct galley_test *t, const char *file, int line, bool condition,
                                const char *name);
GALLEY_API bool galley__test_is_int(struct galley_test *t, const char *file, int line,
                                    long long got, long long want, const char *name);
GALLEY_API bool galley__test_is_str(struct galley_test *t, const char *file, int line,
                                    galley_str got, const char *want, const char *name);
GALLEY_API bool galley__test_is_text(struct galley_test *t, const char *file, int line,
                                     const char *got, const char *want, const char *name);
GALLEY_API bool galley__test_answers(struct galley_test *t, const char *file, int line,
                                     struct galley_reply reply, int status, const char *body,
                                     const char *name);

/* A remark, "# ..." a line. */
GALLEY_API void galley_test_diag(struct galley_test *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
