/* request.h - one request and its answer, the same for HTTP/1.1 and HTTP/2.
 * Does:     hold what came (method, target, fields, body) and what is to be sent (status, fields); lives in the frame of
 *           the request's coroutine, with its arena; request_run takes it from its head to its end.
 * Does not: know how bytes travel (struct transport does) or what a route is (server.handle does).
 * See:      h1_serve.c and h2_stream.c (they fill it in), response.h (how it is answered), include/galley/request.h. */
#ifndef GALLEY_WORKER_HTTP_REQUEST_H
#define GALLEY_WORKER_HTTP_REQUEST_H

#include <errno.h>

#include <galley/app.h>

#include "common/arena.h"
#include "worker/coro/coro.h"

enum http_method {
    HTTP_OTHER,
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS
};

struct http_field {
    galley_str name, value;
};

/* A field of the answer, in the request's arena. */
struct http_out_field {
    struct http_out_field *next;
    galley_str name, value; /* the name in lower case */
};

/* NONE nothing sent; BEGUN the head and perhaps some of the body; ENDED all. */
enum response_state { RESPONSE_NONE, RESPONSE_BEGUN, RESPONSE_ENDED };

#define HTTP_LENGTH_UNKNOWN UINT64_MAX

/* What galley_fail returns: an errno that nothing else in a handler's way has. */
enum { REQUEST_FAILED = -EBADE };

struct galley_request;
struct route_stats;
struct server;

/* How a protocol moves bodies. All run on the request's coroutine and may wait; 0 or a count, -errno:
 * -EPIPE, -ECONNRESET the peer is gone, -ETIMEDOUT it is too slow, -ECANCELED. */
struct transport {
    /* The next bytes of the body: > 0; 0 at its end; -EBADMSG, -EMSGSIZE (over req->max_body_bytes),
     * -E2BIG (its trailers), -ETIMEDOUT. */
    GALLEY_YIELDS ssize_t (*body_read)(struct galley_request *req, void *buf, size_t len);
    /* Send the head (status, fields of `req`, content-length unless HTTP_LENGTH_UNKNOWN) and `len` bytes of the body;
     * `is_end`: that is the whole answer. For HEAD and statuses without content the body is left out here. */
    GALLEY_YIELDS int (*send_head)(struct galley_request *req, uint64_t content_length,
                                   const void *body, size_t len, bool is_end);
    /* Send more of the body; len 0 with is_end ends it. */
    GALLEY_YIELDS int (*send_body)(struct galley_request *req, const void *data, size_t len,
                                   bool is_end);
    /* Send [offset, offset + len) of a file as the rest of the body, and end it. */
    GALLEY_YIELDS int (*send_file)(struct galley_request *req, int file_fd, off_t offset,
                                   size_t len);
};

struct galley_request {
    galley_async *co;
    struct server *server;
    const struct transport *transport;
    void *stream; /* the transport's: struct conn (HTTP/1.1), struct h2_stream */

    /* What came. Slices live in the arena. */
    enum http_method method;
    galley_str method_text, path_encoded, query, authority;
    galley_str path; /* decoded; data NULL until it is asked for */
    const struct http_field *fields;
    size_t field_count;
    bool has_query, is_tls, is_h2, is_asterisk, expects_continue;
    bool has_body;           /* announced; false: body_read answers 0 at once */
    uint64_t content_length; /* as declared, or HTTP_LENGTH_UNKNOWN */
    uint64_t body_bytes;     /* received so far */
    uint64_t max_body_bytes;
    int body_error; /* the first -errno of body_read, which sticks */

    /* What goes out. */
    int status;
    bool
        is_failed; /* galley_fail or its kin was called: what a returned REQUEST_FAILED stands for */
    bool fail_is_json;
    int fail_status;
    enum response_state response;
    galley_str wanted_type;  /* content-type set by the handler; data NULL: by the output */
    galley_str content_type; /* of the answer that is sent; data NULL: none */
    struct http_out_field *out_first, *out_last;
    galley_str fail_detail; /* text; with fail_is_json, what galley_fail_json was given */
    const struct galley_model *fail_model; /* of galley_raise; NULL: galley_fail or its kin */
    const void *fail_value;
    uint64_t sent_bytes; /* of the body */
    int send_error; /* the first -errno of the transport's sends: the client is gone or too slow */

    /* The route's, set by server.handle. */
    enum galley_on_disconnect on_disconnect;
    const struct galley_route *route; /* static; NULL: none matched */

    struct route_stats *stats; /* that it counts in; NULL: in none */
    bool is_measured;          /* its stack */

    uint64_t started_ticks; /* of the turn of the loop in which it began */
    galley_str peer;        /* its address, where there is an access log to name it */
    struct arena arena;
};

/* Ready `req` for the transport to fill in; `first` is the arena's first chunk. */
void request_init(struct galley_request *req, struct server *server, galley_async *co,
                  const struct transport *transport, void *stream, void *first, size_t first_bytes);
/* Note who asks, for the access log; nothing happens where there is none. `fd` is the client's socket. */
void request_note_peer(struct galley_request *req, int fd);
/* Handle, answer, run defers, count, log; the transport calls it once on the coroutine. */
GALLEY_YIELDS void request_run(struct galley_request *req);
void request_release(struct galley_request *req);

enum http_method http_method_of(galley_str text);
/* Whether a client that leaves cancels this request (see galley_on_disconnect). */
bool request_is_cancelled_by_leaving(const struct galley_request *req);

#endif
