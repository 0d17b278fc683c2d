/* http.h - call remote APIs: an HTTP client for handlers. Waiting is a function call.
 * Does:     HTTP/1.1 and HTTP/2, TLS verified, connections kept and shared by the worker, names resolved without blocking,
 *           redirects, retries, proxies, bodies streamed up and down, JSON from and into models.
 * Does not: keep cookies or cache.
 *
 *     struct galley_http got;
 *     int rc = galley_http_get(co, &got, "https://api.example/rates", .timeout_ms = 2000);
 *     struct rates rates;
 *     rc = galley_http_get_json(co, &rates, rates, "https://api.example/rates");      // 2xx and fits, or an error
 *     rc = galley_http_post_json(co, &made, order, "https://api.example/orders", JSON_OF(order, &wanted));
 *
 * Calls of all coroutines of a worker share its connections; at most 256 at once go to one origin, others wait in line. A kept
 * connection that breaks before anything was answered is replaced once, for methods that may be repeated.
 *
 * Errors: -EINVAL a wrong URL or option; -GALLEY_ENAME, -ECONNREFUSED, -EHOSTUNREACH, -ECONNRESET, -GALLEY_ETLS, -GALLEY_EGARBLED,
 * -GALLEY_EANSWER_SIZE, -ETIMEDOUT (the call's own limit), -ECANCELED (the scope's), -ENOMEM. A status is none: look at
 * `status`, or use the _json forms (-GALLEY_ESTATUS, -GALLEY_EMODEL). galley_why(co) has the sentence. */
#ifndef GALLEY_HTTP_H
#define GALLEY_HTTP_H

#include <errno.h>
#include <sys/types.h>

#include <galley/error.h>
#include <galley/model.h>
#include <galley/value.h>

struct galley_http_field {
    const char *name, *value;
};

/* What to ask. Zeroed members have their defaults. Everything is the caller's until the call returns. */
struct galley_http_request {
    const char *method;                     /* NULL: GET, or POST with a body */
    const char *url;                        /* http:// or https:// */
    const struct galley_http_field *fields; /* GALLEY_FIELDS({"accept", "text/csv"}, ...) */
    galley_bytes body;
    const char *type; /* of the body; NULL: application/octet-stream, of a model application/json */
    const struct galley_model *json_model; /* JSON_OF(item, &value): the body is that value */
    const void *json_value;
    /* Streams the body up: up to `len` bytes into buf, 0 at its end, < 0 gives the call up with that. It may wait. */
    ssize_t (*read)(galley_async *co, void *arg, void *buf, size_t len);
    void *read_arg;
    int64_t read_bytes;         /* how many it will bring; 0: not known (chunked) */
    int64_t timeout_ms;         /* of the whole call; 0: only the scope's deadline */
    int64_t connect_timeout_ms; /* 0: 5 s */
    uint64_t max_answer_bytes;  /* of the body; 0: 16 MiB */
    int retries; /* of GET, HEAD, PUT, DELETE, OPTIONS after a refused, broken or timed out connection, 502, 503, 504 */
    int max_redirects;           /* 0: none is followed */
    const char *proxy;           /* NULL: as http_proxy, https_proxy, no_proxy say; "": none */
    const char *ca_file;         /* PEM; NULL: the system's */
    const char *http_version;    /* NULL: h2 where TLS agrees on it; "1.1"; "2": prior knowledge */
    bool accept_any_certificate; /* of tests alone */
    bool no_trace;  /* do not pass traceparent, tracestate, x-request-id of the request on */
    bool is_stream; /* return after the head; the body comes from galley_http_read */
};
#define GALLEY_FIELDS(...)                                                                         \
    (const struct galley_http_field[])                                                             \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }
#define JSON_OF(m, value)                                                                          \
    .json_model = &m##_model, .json_value = (const struct m *)                                     \
    {                                                                                              \
        value                                                                                      \
    }

/* What came back; in the memory of the request. */
struct galley_http {
    int status;
    galley_str body; /* a NUL stands behind it; of a stream empty */
    galley_str type; /* content-type; data NULL: none */
    galley_str url;  /* the last one asked, after redirects */
    const struct galley_http_answer_field *fields;
    size_t field_count;
    int attempts; /* 1 without retries */
    void *_call;  /* of a stream */
};
struct galley_http_answer_field {
    galley_str name, value; /* the name in lower case */
};

/* galley_http(co, &got, .method = "PATCH", .url = "...", ...): 0 when there is an answer, or -errno. */
#define galley_http(co, got, ...)                                                                  \
    galley__http(co, got, &(struct galley_http_request){__VA_ARGS__}, GALLEY_HERE)
#define galley_http_get(co, got, address, ...)                                                     \
    galley_http(co, got, .method = "GET", .url = address __VA_OPT__(, ) __VA_ARGS__)
#define galley_http_post(co, got, address, ...)                                                    \
    galley_http(co, got, .method = "POST", .url = address __VA_OPT__(, ) __VA_ARGS__)
GALLEY_API GALLEY_YIELDS int galley__http(galley_async *co, struct galley_http *got,
                                          const struct galley_http_request *request,
                                          const char *here) GALLEY_MUST_USE;

/* The answer's JSON in a struct with a model. 0; -GALLEY_ESTATUS unless 2xx; -GALLEY_EMODEL. */
#define galley_http_get_json(co, out, m, address, ...)                                             \
    galley__http_json(                                                                             \
        co, (struct m *){out}, &m##_model,                                                         \
        &(struct galley_http_request){.method = "GET", .url = address __VA_OPT__(, ) __VA_ARGS__}, \
        GALLEY_HERE)
#define galley_http_post_json(co, out, m, address, ...)                                            \
    galley__http_json(co, (struct m *){out}, &m##_model,                                           \
                      &(struct galley_http_request){.method = "POST",                              \
                                                    .url = address __VA_OPT__(, ) __VA_ARGS__},    \
                      GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__http_json(galley_async *co, void *out,
                                               const struct galley_model *model,
                                               const struct galley_http_request *request,
                                               const char *here) GALLEY_MUST_USE;

/* The value of the first field called `name` (any case); data is NULL if there is none. */
GALLEY_API galley_str galley_http_field(const struct galley_http *got, const char *name);

/* The next bytes of a stream's body, at most `len`, into `buf`; waits until there are some. > 0 bytes; 0 at its end; or an
 * error as above, and it is over. A stream that is not read to its end is given up when the coroutine that opened it ends,
 * or by galley_http_close. */
#define galley_http_read(...) galley__http_read(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS ssize_t galley__http_read(galley_async *co, struct galley_http *got,
                                                   void *buf, size_t len,
                                                   const char *here) GALLEY_MUST_USE;
/* Never waits; harmless for what is no stream or has ended. */
GALLEY_API void galley_http_close(galley_async *co, struct galley_http *got);

/* What galley__http stands on: a request whose body is not a model's. */
GALLEY_API GALLEY_YIELDS int galley__http_send(galley_async *co, struct galley_http *got,
                                               const struct galley_http_request *request,
                                               const char *here) GALLEY_MUST_USE;

#endif
