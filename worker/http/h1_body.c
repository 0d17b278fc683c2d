/* h1_body.c - request bodies over HTTP/1.1: by length or chunked, as the handler asks for them.
 * Does:     read, decode, enforce size and least rate, send 100 Continue when somebody wants the body.
 * Does not: collect: bytes go straight to the reader's buffer.
 * See:      h1_chunk.c (the decoder), RFC 9112 sections 6 and 7. */
#include "worker/http/h1.h"

#include <stdlib.h>
#include <string.h>

/* A rest of at most so many bytes is read to keep the connection; a larger one closes it. */
enum { DISCARD_BYTES = 64 * 1024, CHUNK_INPUT_BYTES = 16 * 1024 };

static uint64_t bytes_left(const struct h1_request *r)
{
    return r->req.content_length - r->req.body_bytes;
}

static int fail(struct h1_request *r, int error)
{
    r->req.body_error = error;
    r->conn->flags |= H1_CLOSE;
    return error;
}

int h1_wait(struct conn *conn, galley_async *co, unsigned flag, int64_t until_ms)
{
    if (conn_keep_input(conn) < 0)
        return -ENOMEM;
    conn->flags |= (uint16_t)flag;
    int rc = coro_suspend(co, flag == H1_WAITS_READ ? "request body" : "room to send", until_ms);
    conn->flags &= (uint16_t)~flag;
    return rc;
}

/* Wait for input, no longer than the least rate allows. 0, or what ends the body. */
static GALLEY_YIELDS int wait_for_input(struct h1_request *r)
{
    const struct settings *settings = r->req.server->settings;
    int64_t begun_ms = loop_now_ms(r->req.server->loop);
    int64_t allowed_ms = settings->body_grace;
    if (settings->body_rate > 0)
        allowed_ms += (int64_t)(r->req.body_bytes * 1000 / settings->body_rate);
    int rc = h1_wait(r->conn, r->req.co, H1_WAITS_READ, begun_ms + allowed_ms - r->body_waited_ms);
    r->body_waited_ms += loop_now_ms(r->req.server->loop) - begun_ms;
    return rc == -ETIMEDOUT ? fail(r, -ETIMEDOUT) : rc;
}

/* The answer of a read from the socket that is no bytes. */
static GALLEY_YIELDS int check_read(struct h1_request *r, ssize_t n)
{
    if (n == -EAGAIN)
        return wait_for_input(r);
    return fail(r, -EBADMSG); /* the stream ended, or died, inside the body */
}

static ssize_t count_body(struct h1_request *r, size_t n)
{
    r->req.body_bytes += n;
    if (r->req.body_bytes > r->req.max_body_bytes)
        return fail(r, -EMSGSIZE);
    return (ssize_t)n;
}

static GALLEY_YIELDS ssize_t read_by_length(struct h1_request *r, char *buf, size_t len)
{
    struct conn *conn = r->conn;
    if (len > bytes_left(r))
        len = (size_t)bytes_left(r);
    for (;;) {
        ssize_t n = conn_unread_bytes(conn);
        if (n > 0) {
            n = n > (ssize_t)len ? (ssize_t)len : n;
            memcpy(buf, conn->in + conn->in_start, (size_t)n);
            conn->in_start += (uint32_t)n;
        } else {
            n = conn->io.ops->recv(&conn->io, buf, len);
            if (n > 0)
                r->req.server->stats->bytes_received += (uint64_t)n;
        }
        if (n > 0) {
            ssize_t counted = count_body(r, (size_t)n);
            r->is_body_done = bytes_left(r) == 0;
            return counted;
        }
        int rc = check_read(r, n);
        if (rc < 0)
            return rc;
    }
}

/* Read more chunked input into a buffer of the connection's own. 0, -errno. */
static GALLEY_YIELDS int fill_input(struct h1_request *r)
{
    struct conn *conn = r->conn;
    if (conn->is_in_hot)
        conn_drop_input(conn);
    if (conn->in == NULL) {
        conn->in = malloc(CHUNK_INPUT_BYTES);
        if (conn->in == NULL)
            return -ENOMEM;
        conn->in_capacity = CHUNK_INPUT_BYTES;
    }
    conn->in_start = conn->in_end = 0;
    for (;;) {
        ssize_t n = conn->io.ops->recv(&conn->io, conn->in, conn->in_capacity);
        if (n > 0) {
            conn->in_end = (uint32_t)n;
            r->req.server->stats->bytes_received += (uint64_t)n;
            if (n == conn->in_capacity || io_has_more(&conn->io))
                conn->flags |= H1_READ_PENDING;
            return 0;
        }
        int rc = check_read(r, n);
        if (rc < 0)
            return rc;
    }
}

static GALLEY_YIELDS ssize_t read_chunked(struct h1_request *r, char *buf, size_t len)
{
    struct conn *conn = r->conn;
    for (;;) {
        if (conn_unread_bytes(conn) == 0) {
            int rc = fill_input(r);
            if (rc < 0)
                return rc;
        }
        size_t produced = 0;
        ssize_t used = h1_chunk_decode(&r->chunk, conn->in + conn->in_start,
                                       conn_unread_bytes(conn), buf, len, &produced);
        if (used == H1_BAD) {
            r->req.server->stats->requests_malformed++;
            return fail(r, r->chunk.status == 431 ? -E2BIG : -EBADMSG);
        }
        conn->in_start += (uint32_t)used;
        r->is_body_done = r->chunk.done;
        if (produced > 0)
            return count_body(r, produced);
        if (r->is_body_done)
            return 0;
    }
}

ssize_t h1_body_read(struct galley_request *req, void *buf, size_t len)
{
    struct h1_request *r = (struct h1_request *)(void *)req;
    if (req->body_error < 0)
        return req->body_error;
    if (r->is_body_done || len == 0)
        return 0;
    if (req->content_length != HTTP_LENGTH_UNKNOWN && req->content_length > req->max_body_bytes)
        return fail(r, -EMSGSIZE);
    if (r->is_continue_due && conn_unread_bytes(r->conn) == 0) {
        int rc = h1_send_continue(r);
        if (rc < 0)
            return fail(r, rc);
    }
    r->is_continue_due = false;
    ssize_t n =
        r->body == H1_BODY_CHUNKED ? read_chunked(r, buf, len) : read_by_length(r, buf, len);
    if (r->conn->is_in_hot && !(r->conn->flags & H1_STARTING) && conn_keep_input(r->conn) < 0)
        return fail(r, -ENOMEM);
    return n;
}

/* Pass over the chunks that are here already. */
static void discard_buffered_chunks(struct h1_request *r)
{
    struct conn *conn = r->conn;
    __attribute__((uninitialized)) char scratch[1024];
    while (conn_unread_bytes(conn) > 0 && !r->is_body_done) {
        size_t produced = 0;
        ssize_t used = h1_chunk_decode(&r->chunk, conn->in + conn->in_start,
                                       conn_unread_bytes(conn), scratch, sizeof scratch, &produced);
        if (used == H1_BAD) {
            (void)fail(r, -EBADMSG);
            return;
        }
        conn->in_start += (uint32_t)used;
        r->is_body_done = r->chunk.done;
    }
}

bool h1_body_is_abandoned(struct h1_request *r)
{
    if (r->is_body_done)
        return false;
    if (r->req.body_error < 0 || r->is_continue_due || coro_check(r->req.co) < 0)
        return true;
    if (r->body == H1_BODY_LENGTH)
        return bytes_left(r) > DISCARD_BYTES;
    discard_buffered_chunks(r);
    return !r->is_body_done;
}

bool h1_body_discard(struct h1_request *r)
{
    __attribute__((uninitialized)) char scratch[1024];
    for (;;) {
        ssize_t n = h1_body_read(&r->req, scratch, sizeof scratch);
        if (n <= 0)
            return n == 0;
    }
}
