/* h1_serve.c - an HTTP/1.1 connection: heads in, one request at a time, keep-alive, the end.
 * Does:     read, parse and start requests in order; notice clients that leave; linger after the last answer.
 * Does not: parse (h1_parse.c), move bodies (h1_body.c) or format answers (h1_send.c).
 * See:      h1.h (the states), docs/ARCHITECTURE.md (the life of a request). */
#include "worker/http/h1.h"

#include <stdlib.h>
#include <string.h>

#include "common/bug.h"
#include "common/log.h"

/* How often one event may read. */
enum { MAX_READS = 16 };

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_BYTES = sizeof preface - 1 };

/* ---- one request ---- */

static galley_str slice(const char *text, uint32_t at, uint32_t len)
{
    return (galley_str){text + at, len};
}

/* Copy the head into the request's arena and describe it there. 0, -ENOMEM. */
static int take_head(struct h1_request *r, const struct h1_head *head, const char *data,
                     size_t head_len)
{
    struct galley_request *req = &r->req;
    char *text = arena_alloc(&req->arena, head_len);
    struct http_field *fields = arena_alloc(&req->arena, head->field_count * sizeof *fields);
    if (text == NULL || fields == NULL)
        return -ENOMEM;
    memcpy(text, data, head_len);
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct h1_field *field = &head->fields[i];
        fields[i].name = slice(text, field->name_at, field->name_len);
        fields[i].value = slice(text, field->value_at, field->value_len);
    }
    req->fields = fields;
    req->field_count = head->field_count;
    req->method_text = slice(text, head->method_at, head->method_len);
    req->method = http_method_of(req->method_text);
    req->path_encoded = slice(text, head->path_at, head->path_len);
    if (head->is_path_plain)
        req->path = req->path_encoded; /* the parser takes no more than ASCII */
    req->query = slice(text, head->query_at, head->query_len);
    req->has_query = head->has_query;
    req->authority = slice(text, head->authority_at, head->authority_len);
    req->is_asterisk = head->is_asterisk;
    req->is_tls = r->conn->is_tls;
    req->has_body =
        head->body != H1_BODY_NONE && !(head->body == H1_BODY_LENGTH && head->content_length == 0);
    req->content_length =
        head->body == H1_BODY_CHUNKED ? HTTP_LENGTH_UNKNOWN : head->content_length;
    req->expects_continue = head->expect_continue && req->has_body;
    r->body = head->body;
    r->is_body_done = !req->has_body;
    r->is_continue_due = req->expects_continue;
    r->is_minor_0 = head->minor == 0;
    if (!head->keep_alive)
        r->conn->flags |= H1_CLOSE | H1_CLIENT_CLOSES;
    return 0;
}

/* A coroutine's life with one request; the head is in server->head and the connection's unread bytes. */
static GALLEY_YIELDS void h1_request_main(galley_async *co, void *arg)
{
    struct conn *conn = arg;
    struct server *server = conn->server;
    __attribute__((uninitialized)) struct h1_request r;
    request_init(&r.req, server, co, &h1_transport, conn, r.first, sizeof r.first);
    r.conn = conn;
    r.is_chunked_out = false;
    r.body_waited_ms = 0;
    conn->protocol = &r;
    int rc = take_head(&r, &server->head, conn->in + conn->in_start, server->head_bytes);
    conn->in_start += server->head_bytes;
    if (rc == 0) {
        if (r.body == H1_BODY_CHUNKED)
            h1_chunk_init(&r.chunk);
        if (server->access_log_fd >= 0)
            request_note_peer(&r.req, conn->io.fd);
        request_run(&r.req);
        if (r.req.response != RESPONSE_ENDED)
            conn->flags |= H1_BROKEN;
        else if (!r.is_body_done && (h1_body_is_abandoned(&r) || !h1_body_discard(&r)))
            conn->flags = (uint16_t)((conn->flags | H1_CLOSE) & ~H1_CLIENT_CLOSES);
    } else {
        conn->flags |= H1_BROKEN;
    }
    conn->protocol = NULL;
    request_release(&r.req);
}

static void h1_after_request(struct conn *conn);

static void h1_request_ended(void *arg)
{
    struct conn *conn = arg;
    conn->flags &= (uint16_t)~H1_RUNNING;
    if (!(conn->flags & H1_STARTING))
        h1_after_request(conn);
}

/* The answer that closes: say so, then read on until the client has seen it. */
static void h1_linger(struct conn *conn)
{
    conn->flags |= H1_LINGERING;
    conn->io.ops->shut_write(&conn->io);
    conn_drop_input(conn);
    conn->linger_until_ms = loop_now_ms(conn->server->loop) + LINGER_TOTAL_MS;
    conn_set_timeout(conn, CONN_TIMEOUT_LINGER);
}

static void h1_linger_read(struct conn *conn)
{
    struct server *server = conn->server;
    for (int round = 0; round < MAX_READS; round++) {
        ssize_t n = conn->io.ops->recv(&conn->io, server->in, sizeof server->in);
        if (n == -EAGAIN)
            return;
        if (n <= 0 || loop_now_ms(server->loop) >= conn->linger_until_ms) {
            conn_close(conn);
            return;
        }
        conn_set_timeout(conn, CONN_TIMEOUT_LINGER);
    }
    loop_event_fire(&conn->io.event, LOOP_READ); /* let others have their turn */
}

static void h1_refuse(struct conn *conn, const struct h1_head *head)
{
    struct server *server = conn->server;
    server->stats->requests_malformed++;
    log_line(LOG_LEVEL_INFO, "request_refused", "status=%d reason=\"%s\"", head->status,
             head->reason);
    h1_send_refusal(conn, head->status);
    h1_linger(conn);
    h1_linger_read(conn);
}

/* ---- at rest: heads ---- */

/* Whether the first bytes are (a beginning of) the HTTP/2 preface: 1 whole, 0 no, -1 not yet known. */
static int preface_check(const struct conn *conn)
{
    uint32_t len = conn_unread_bytes(conn);
    if (conn->flags & H1_NOT_FIRST || conn->is_tls || !conn->server->settings->h2c)
        return 0;
    if (memcmp(conn->in + conn->in_start, preface, len < PREFACE_BYTES ? len : PREFACE_BYTES) != 0)
        return 0;
    return len >= PREFACE_BYTES ? 1 : -1;
}

/* Whether the first line is text, but no HTTP/1 at all, where HTTP/2 may be spoken: then it is a broken preface, and
 * HTTP/2 says so (RFC 9113 3.4). */
static bool is_broken_preface(const struct conn *conn)
{
    if (conn->flags & H1_NOT_FIRST || conn->is_tls || !conn->server->settings->h2c)
        return false;
    const char *line = conn->in + conn->in_start;
    const char *end = memchr(line, '\n', conn_unread_bytes(conn));
    const char *space = end == NULL ? NULL : memchr(line, ' ', (size_t)(end - line));
    if (space == NULL || memmem(line, (size_t)(end - line), "HTTP/", 5) != NULL)
        return false;
    for (const char *at = line; at < space; at++)
        if (*at < 'A' || *at > 'Z')
            return false;
    return http_method_of((galley_str){line, (size_t)(space - line)}) == HTTP_OTHER;
}

/* Keep an incomplete head for later, with room for more. False: the connection is closed. */
static bool h1_keep_partial(struct conn *conn)
{
    uint32_t need = conn->server->limits.head_bytes + 1024;
    if (conn_keep_input(conn) < 0) {
        conn_close(conn);
        return false;
    }
    if (conn->in_capacity < need) { /* a buffer that chunks were read into */
        char *larger = realloc(conn->in, need);
        if (larger == NULL) {
            conn_close(conn);
            return false;
        }
        conn->in = larger;
        conn->in_capacity = need;
    }
    if (conn->in_start > 0) {
        memmove(conn->in, conn->in + conn->in_start, conn_unread_bytes(conn));
        conn->in_end -= conn->in_start;
        conn->in_start = 0;
    }
    if (conn->timeout != CONN_TIMEOUT_HEAD)
        conn_set_timeout(conn, CONN_TIMEOUT_HEAD);
    return true;
}

/* Start the request whose head was parsed into server->head. */
static void h1_start_request(struct conn *conn, size_t head_bytes)
{
    struct server *server = conn->server;
    server->head_bytes = (uint32_t)head_bytes;
    conn->scanned = 0;
    conn->flags |= H1_RUNNING | H1_STARTING | H1_NOT_FIRST;
    if (conn->timeout == CONN_TIMEOUT_HEAD)
        conn_set_timeout(conn, CONN_TIMEOUT_IDLE); /* which stays queued while the request runs */
    const struct coro_opts opts = {
        .name = "request",
        .entry = h1_request_main,
        .arg = conn,
        .on_end = h1_request_ended,
        .timeout_ms = server->settings->request_timeout,
    };
    if (coro_start(server->sched, &opts) < 0) {
        conn->flags &= (uint16_t)~H1_RUNNING;
        h1_send_refusal(conn, 503);
        conn->flags |= H1_CLOSE;
    }
    conn->flags &= (uint16_t)~H1_STARTING;
}

/* Go through the unread bytes, a request after the other. Whether the connection is still at rest and may read on. */
static bool h1_consume(struct conn *conn)
{
    struct server *server = conn->server;
    while (conn_unread_bytes(conn) > 0) {
        int is_preface = preface_check(conn);
        if (is_preface > 0) {
            h2_open(conn);
            return false;
        }
        ssize_t head_bytes =
            is_preface < 0
                ? H1_MORE
                : h1_parse_head(&server->head, conn->in + conn->in_start, conn_unread_bytes(conn),
                                &conn->scanned, &server->limits);
        if (head_bytes == H1_BAD && is_broken_preface(conn)) {
            h2_open(conn);
            return false;
        }
        if (head_bytes == H1_BAD) {
            h1_refuse(conn, &server->head);
            return false;
        }
        if (head_bytes == H1_MORE)
            return h1_keep_partial(conn);
        h1_start_request(conn, (size_t)head_bytes);
        if (conn->flags & H1_RUNNING) {
            if (conn_keep_input(conn) < 0)
                conn->flags |= H1_CLOSE;
            return false;
        }
        if (conn->flags & (H1_BROKEN | H1_CLOSE)) {
            h1_after_request(conn);
            return false;
        }
    }
    conn_drop_input(conn);
    conn_set_timeout(conn, server->is_draining ? CONN_TIMEOUT_DRAIN_IDLE : CONN_TIMEOUT_IDLE);
    return true;
}

/* Read what is there, and serve it. `is_end_known`: the end of the stream is there, behind it. */
static void h1_read(struct conn *conn, bool is_end_known)
{
    struct server *server = conn->server;
    for (int round = 0; round < MAX_READS; round++) {
        if (conn->in == NULL) {
            conn->in = server->in;
            conn->in_capacity = sizeof server->in;
            conn->is_in_hot = true;
        }
        uint32_t room = conn->in_capacity - conn->in_end;
        GALLEY_BUG_IF(room == 0, "no room for a head within its limits");
        ssize_t n = conn->io.ops->recv(&conn->io, conn->in + conn->in_end, room);
        if (n == -EAGAIN) {
            if (conn_unread_bytes(conn) == 0)
                conn_drop_input(conn);
            return;
        }
        if (n <= 0) {
            conn_close(conn);
            return;
        }
        conn->in_end += (uint32_t)n;
        server->stats->bytes_received += (uint64_t)n;
        bool is_more = is_end_known || n == room || io_has_more(&conn->io);
        if (is_more)
            conn->flags |= H1_READ_PENDING;
        if (!h1_consume(conn) || !is_more)
            return;
        conn->flags &= (uint16_t)~H1_READ_PENDING;
    }
    loop_event_fire(&conn->io.event, LOOP_READ); /* let others have their turn */
}

/* On the loop's stack, when a request has ended: close, linger, or go on with the next one. */
static void h1_after_request(struct conn *conn)
{
    if (conn->flags & H1_BROKEN) {
        conn_close(conn);
        return;
    }
    bool is_pending = conn->flags & H1_READ_PENDING;
    if (conn->flags & H1_CLOSE) {
        if (conn->flags & H1_CLIENT_CLOSES && !is_pending && conn_unread_bytes(conn) == 0) {
            if (conn->is_tls)
                conn->io.ops->shut_write(&conn->io); /* close_notify: the answer is whole */
            conn_close(conn);
            return;
        }
        h1_linger(conn);
        h1_linger_read(conn);
        return;
    }
    conn->flags &= (uint16_t)~H1_READ_PENDING;
    if (h1_consume(conn) && (is_pending || io_has_more(&conn->io)))
        h1_read(conn, is_pending);
}

/* ---- events ---- */

/* Something happened while the request's coroutine exists: wake it, or notice that the client left. */
static void h1_running_ready(struct conn *conn, unsigned what)
{
    struct h1_request *r = conn->protocol;
    if (what & (IO_READABLE | IO_HANGUP))
        conn->flags |= H1_READ_PENDING;
    if (r == NULL)
        return;
    unsigned waits = conn->flags & (H1_WAITS_READ | H1_WAITS_WRITE);
    if (waits & H1_WAITS_READ && what & (IO_READABLE | IO_HANGUP))
        coro_wake(r->req.co, 0);
    else if (waits & H1_WAITS_WRITE && what & IO_WRITABLE)
        coro_wake(r->req.co, 0);
    else if (waits == 0 && (what & IO_HANGUP || (what & IO_READABLE && io_is_dead(&conn->io))) &&
             request_is_cancelled_by_leaving(&r->req))
        coro_cancel(r->req.co, GALLEY_BY_DISCONNECT);
}

static void h1_on_ready(struct conn *conn, unsigned what)
{
    if (conn->flags & H1_RUNNING)
        h1_running_ready(conn, what);
    else if (conn->flags & H1_LINGERING)
        h1_linger_read(conn);
    else if (what & (IO_READABLE | IO_HANGUP))
        h1_read(conn, what & IO_HANGUP);
}

static void h1_on_timeout(struct conn *conn)
{
    if (conn->flags & H1_RUNNING)
        return; /* silence is allowed now: the request has its own limits */
    if (conn->flags & H1_LINGERING) {
        conn_close(conn);
        return;
    }
    if (conn_unread_bytes(conn) > 0) { /* a head that never ended */
        conn->server->stats->requests_malformed++;
        h1_send_refusal(conn, 408);
        h1_linger(conn);
        return;
    }
    h1_linger(conn);
    h1_linger_read(conn);
}

static void h1_on_drain(struct conn *conn)
{
    if (!(conn->flags & (H1_RUNNING | H1_LINGERING)) && conn_unread_bytes(conn) == 0)
        conn_set_timeout(conn, CONN_TIMEOUT_DRAIN_IDLE);
}

const struct conn_ops h1_conn_ops = {
    .on_ready = h1_on_ready,
    .on_timeout = h1_on_timeout,
    .on_drain = h1_on_drain,
};

const struct transport h1_transport = {
    .body_read = h1_body_read,
    .send_head = h1_send_head,
    .send_body = h1_send_body,
    .send_file = h1_send_file,
};
