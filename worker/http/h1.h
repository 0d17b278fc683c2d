/* h1.h - what the files of HTTP/1.1 serving share: the running request and the connection's flags.
 * Does:     name the state between h1_serve.c (heads, keep-alive), h1_body.c (request bodies), h1_send.c (answers).
 * Does not: belong to anybody else.
 *
 * A connection is AT REST (no coroutine; parses heads in the event), RUNNING (one request's coroutine), or LINGERING
 * (the last answer is sent, what the client still sends is thrown away until it has seen the answer). */
#ifndef GALLEY_WORKER_HTTP_H1_H
#define GALLEY_WORKER_HTTP_H1_H

#include "worker/http/h1_chunk.h"
#include "worker/http/request.h"
#include "worker/http/server.h"

enum {
    H1_RUNNING = 1,  /* a request's coroutine exists */
    H1_STARTING = 2, /* and has not yet waited: the hot buffer is still its input */
    H1_LINGERING = 4,
    H1_CLOSE = 8,           /* this answer is the last */
    H1_BROKEN = 16,         /* the peer is gone or the stream is dead: close without more */
    H1_READ_PENDING = 32,   /* something came that nobody has read yet */
    H1_WAITS_READ = 64,     /* the coroutine waits for input */
    H1_WAITS_WRITE = 128,   /* the coroutine waits for room */
    H1_CLIENT_CLOSES = 512, /* it said so: nothing can come behind */
    H1_NOT_FIRST = 256      /* a request was served: no HTTP/2 preface any more */
};

/* The frame of a request's coroutine. */
struct h1_request {
    struct galley_request req; /* first */
    struct conn *conn;
    enum h1_body body;
    bool is_body_done, is_continue_due, is_chunked_out, is_minor_0;
    int64_t body_waited_ms; /* for the least rate of a body */
    struct h1_chunk chunk;
    char first[1024]; /* of the arena */
};

extern const struct transport h1_transport;

/* ---- h1_body.c ---- */
GALLEY_YIELDS ssize_t h1_body_read(struct galley_request *req, void *buf, size_t len);
/* Throw away what is left of a body, if it is little or here already; false: the connection must close. */
GALLEY_YIELDS bool h1_body_discard(struct h1_request *r);
/* Whether the rest of the body is so large, or so far away, that the connection will close rather than read it.
 * Passes over what is here already; never waits. */
bool h1_body_is_abandoned(struct h1_request *r);

/* ---- h1_send.c ---- */
GALLEY_YIELDS int h1_send_head(struct galley_request *req, uint64_t content_length,
                               const void *body, size_t len, bool is_end);
GALLEY_YIELDS int h1_send_body(struct galley_request *req, const void *data, size_t len,
                               bool is_end);
GALLEY_YIELDS int h1_send_file(struct galley_request *req, int file_fd, off_t offset, size_t len);
GALLEY_YIELDS int h1_send_continue(struct h1_request *r);
/* Answer without a request (its head was refused): one try, no waiting. */
void h1_send_refusal(struct conn *conn, int status);

/* Wait until the socket has input (H1_WAITS_READ) or room (H1_WAITS_WRITE). 0, -ECANCELED, -ETIMEDOUT. */
GALLEY_YIELDS int h1_wait(struct conn *conn, galley_async *co, unsigned flag,
                          int64_t until_ms) GALLEY_MUST_USE;

#endif
