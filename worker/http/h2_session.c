/* h2_session.c - an HTTP/2 connection: bytes to nghttp2, its events to streams, all it has to say in one send.
 * Does:     read, feed, start streams, gather frames into the hot buffer, keep budgets, timeouts, drain, linger.
 * Does not: know heads (h2_headers.c), bodies (h2_transport.c) or coroutines (h2_stream.c).
 * See:      h2.h, h2_budget.h, RFC 9113. */
#include "worker/http/h2.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"

enum {
    MAX_READS = 16, /* in one event */
    MAX_SENDS = 16, /* in one flush */
    WATCH_MS =
        1000, /* how often stalled streams are looked for, and how long the first GOAWAY stands alone */
    FRAME_BYTES = 16 * 1024 + H2_FRAME_HEAD_BYTES + 1, /* the most nghttp2 hands out at once */
    PENDING_BYTES = SERVER_OUT_BYTES + FRAME_BYTES,
};

size_t h2_out_room(const struct h2_session *session)
{
    size_t used = session->out_used + H2_FRAME_HEAD_BYTES;
    return used < SERVER_OUT_BYTES ? SERVER_OUT_BYTES - used : 0;
}

void h2_touch(struct h2_session *session)
{
    if (list_is_empty(&session->dirty) && !session->is_closing)
        list_append(&session->server->dirty, &session->dirty);
}

void h2_reset(struct h2_stream *stream, uint32_t error_code)
{
    if (!stream->is_open || stream->is_reset)
        return;
    stream->is_reset = true;
    /* Without memory the stream stays until the watch or the connection's end. */
    (void)nghttp2_submit_rst_stream(stream->session->ng, NGHTTP2_FLAG_NONE, stream->id, error_code);
    h2_touch(stream->session);
}

void h2_consume(struct h2_stream *stream, size_t len)
{
    nghttp2_session *ng = stream->session->ng;
    if (stream->is_open)
        (void)nghttp2_session_consume(ng, stream->id, len);
    else
        (void)nghttp2_session_consume_connection(ng, len);
    h2_touch(stream->session);
}

void h2_doom(struct h2_session *session, uint32_t error_code, const char *why)
{
    if (session->is_doomed)
        return;
    session->is_doomed = true;
    session->server->stats->requests_malformed++;
    log_line(LOG_LEVEL_INFO, "h2_refused", "error=%s reason=\"%s\"",
             nghttp2_http2_strerror(error_code), why);
    (void)nghttp2_session_terminate_session(session->ng, error_code);
    h2_touch(session);
}

void h2_drain_finally(struct h2_session *session)
{
    if (!session->is_draining || session->is_drain_final)
        return;
    session->is_drain_final = true;
    (void)nghttp2_submit_goaway(session->ng, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(session->ng),
                                NGHTTP2_NO_ERROR, NULL, 0);
    h2_touch(session);
}

/* ---- sending ---- */

/* 1 all was taken; 0 the socket is full; -errno. `*data`, `*len` become what is left. */
static int send_all(struct h2_session *session, char **data, size_t *len)
{
    struct conn *conn = session->conn;
    while (*len > 0) {
        const struct iovec piece = {*data, *len};
        ssize_t n = conn->io.ops->send(&conn->io, &piece, 1);
        if (n == -EAGAIN)
            return 0;
        if (n < 0)
            return (int)n;
        session->server->stats->bytes_sent += (uint64_t)n;
        session->progress_ms = session->now_ms;
        *data += n;
        *len -= (size_t)n;
    }
    return 1;
}

/* Empty the hot buffer; what the socket does not take is kept. As send_all. */
static int send_out(struct h2_session *session)
{
    char *data = session->server->out;
    size_t len = session->out_used;
    int rc = send_all(session, &data, &len);
    session->out_used = 0;
    if (rc == 0 && buf_append(&session->pending, data, len) < 0)
        return -ENOMEM;
    return rc;
}

static int send_pending(struct h2_session *session)
{
    char *data = buf_at(&session->pending);
    size_t len = buf_len(&session->pending), before = len;
    int rc = send_all(session, &data, &len);
    buf_consume(&session->pending, before - len);
    if (rc == 1)
        buf_clear(&session->pending);
    return rc;
}

/* Fill the hot buffer with frames. 1 there is more to say; 0 that is all, or the socket is full; -errno. */
static int gather(struct h2_session *session)
{
    session->is_out_full = false;
    while (session->out_used + FRAME_BYTES <= SERVER_OUT_BYTES) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(session->ng, &data);
        if (n < 0)
            return -ENOMEM;
        if (n == 0)
            return session->is_out_full;
        if ((size_t)n > SERVER_OUT_BYTES - session->out_used) {
            int rc = send_out(session); /* DATA frames came in front of it and took its room */
            if (rc < 0)
                return rc;
            if (rc == 0)
                return buf_append(&session->pending, data, (size_t)n);
        }
        memcpy(session->server->out + session->out_used, data, (size_t)n);
        session->out_used += (size_t)n;
    }
    return 1;
}

/* Send all there is, as far as the socket takes it. 1 done; 0 the socket is full; -errno the connection is dead. */
static int send_frames(struct h2_session *session)
{
    session->now_ms = loop_now_ms(session->server->loop);
    session->out_used = 0;
    int rc = send_pending(session);
    for (int round = 0; rc == 1; round++) {
        if (round == MAX_SENDS) { /* let others have their turn */
            loop_event_fire(&session->conn->io.event, LOOP_WRITE);
            return 1;
        }
        int more = gather(session);
        if (more < 0)
            return more;
        rc = buf_len(&session->pending) > 0 ? 0 : send_out(session);
        if (more == 0)
            break;
    }
    return rc;
}

/* ---- the end ---- */

static void let_streams_go(struct h2_session *session)
{
    struct list *lists[] = {&session->streams, &session->starting, &session->orphans};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        while (!list_is_empty(lists[i]))
            h2_stream_orphan(LIST_ENTRY(lists[i]->next, struct h2_stream, link));
    session->slot_count = 0;
}

static void linger_read(struct h2_session *session)
{
    struct conn *conn = session->conn;
    struct server *server = session->server;
    for (int round = 0; round < MAX_READS; round++) {
        ssize_t n = conn->io.ops->recv(&conn->io, server->in, sizeof server->in);
        if (n == -EAGAIN)
            return;
        if (n <= 0 || loop_now_ms(server->loop) - session->closing_ms >= LINGER_TOTAL_MS) {
            conn_close(conn);
            return;
        }
        conn_set_timeout(conn, CONN_TIMEOUT_LINGER);
    }
    loop_event_fire(&conn->io.event, LOOP_READ);
}

/* The last GOAWAY is sent: read on until the peer has seen it. */
static void linger(struct h2_session *session)
{
    struct conn *conn = session->conn;
    session->is_closing = true;
    session->closing_ms = loop_now_ms(session->server->loop);
    list_remove(&session->dirty);
    let_streams_go(session);
    conn->io.ops->shut_write(&conn->io);
    conn_set_timeout(conn, CONN_TIMEOUT_LINGER);
    linger_read(session);
}

/* Send; false: the connection is no more, or lingers. */
static bool flush(struct h2_session *session)
{
    list_remove(&session->dirty);
    if (session->is_closing)
        return false;
    int rc = send_frames(session);
    if (rc < 0 || session->mem.is_starved) {
        conn_close(session->conn);
        return false;
    }
    if (rc == 1 && !nghttp2_session_want_read(session->ng) &&
        !nghttp2_session_want_write(session->ng)) {
        linger(session);
        return false;
    }
    h2_rest(session);
    return true;
}

void h2_flush(struct server *server)
{
    struct list *node;
    while ((node = list_take_first(&server->dirty)) != NULL)
        (void)flush(LIST_ENTRY(node, struct h2_session, dirty));
}

/* ---- time ---- */

static void on_watch(void *arg)
{
    struct h2_session *session = arg;
    struct server *server = session->server;
    int64_t now_ms = loop_now_ms(server->loop), limit_ms = now_ms - server->settings->write_timeout;
    session->is_watching = false;
    if (session->is_closing)
        return;
    if (buf_len(&session->pending) > 0 && session->progress_ms <= limit_ms) {
        conn_close(session->conn);
        return;
    }
    if (session->is_draining && now_ms - session->drain_since_ms >= WATCH_MS)
        h2_drain_finally(session);
    for (struct list *at = session->streams.next; at != &session->streams; at = at->next) {
        struct h2_stream *stream = LIST_ENTRY(at, struct h2_stream, link);
        if (stream->state == H2_STREAM_ANSWERED && stream->progress_ms <= limit_ms)
            h2_reset(stream, stream->is_answer_sent ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
        h2_stream_linger(stream);
    }
    h2_rest(session);
}

static void watch(struct h2_session *session)
{
    if (session->is_watching)
        return;
    /* Without memory the next event of the session tries again. */
    session->is_watching =
        loop_timer_try(session->server->loop, &session->watch, WATCH_MS, on_watch, session) == 0;
}

void h2_rest(struct h2_session *session)
{
    enum conn_timeout timeout = CONN_TIMEOUT_NONE;
    if (session->is_closing)
        return;
    if (!session->has_settings || session->scan.is_in_block)
        timeout = CONN_TIMEOUT_HEAD;
    else if (session->slot_count == 0)
        timeout = CONN_TIMEOUT_IDLE;
    if (session->conn->timeout != timeout)
        conn_set_timeout(session->conn, timeout);
    if (session->slot_count > 0 || buf_len(&session->pending) > 0 ||
        (session->is_draining && !session->is_drain_final))
        watch(session);
}

static void h2_on_timeout(struct conn *conn)
{
    struct h2_session *session = conn->protocol;
    if (session->is_closing) {
        conn_close(conn);
        return;
    }
    uint32_t error_code = !session->has_settings      ? NGHTTP2_SETTINGS_TIMEOUT
                          : session->scan.is_in_block ? NGHTTP2_PROTOCOL_ERROR
                                                      : NGHTTP2_NO_ERROR;
    (void)nghttp2_session_terminate_session(session->ng, error_code);
    if (flush(session)) /* the socket is full: nobody will see the GOAWAY */
        conn_close(conn);
}

static void h2_on_drain(struct conn *conn)
{
    static const uint8_t opaque[8] = "galley";
    struct h2_session *session = conn->protocol;
    if (session->is_draining || session->is_closing)
        return;
    session->is_draining = true;
    session->drain_since_ms = loop_now_ms(session->server->loop);
    (void)nghttp2_submit_shutdown_notice(session->ng);
    (void)nghttp2_submit_ping(session->ng, NGHTTP2_FLAG_NONE, opaque);
    h2_touch(session);
    watch(session);
}

static void h2_on_close(struct conn *conn)
{
    struct h2_session *session = conn->protocol;
    let_streams_go(session);
    h2_stream_free_spare(session);
    loop_timer_stop(&session->watch);
    list_remove(&session->dirty);
    nghttp2_session_del(session->ng);
    h2_mem_release(&session->mem);
    buf_release(&session->pending);
    free(session);
    conn->protocol = NULL;
}

/* ---- reading ---- */

/* Let nghttp2 have the next bytes, then start what they completed. */
static void feed(struct h2_session *session, const char *data, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)data;
    if (session->is_doomed)
        return;
    session->now_ms = loop_now_ms(session->server->loop);
    if (!h2_scan_bytes(&session->scan, bytes, len, session->now_ms)) {
        h2_doom(session, session->scan.error, session->scan.why);
        return;
    }
    ssize_t n = nghttp2_session_mem_recv(session->ng, bytes, len);
    if (n < 0)
        h2_doom(session,
                n == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR,
                nghttp2_strerror((int)n));
    struct list *node;
    while ((node = list_take_first(&session->starting)) != NULL) {
        list_append(&session->streams, node);
        h2_stream_start(LIST_ENTRY(node, struct h2_stream, link));
    }
}

/* Read what is there. `is_end_known`: the end of the stream is there, behind it. */
static void read_input(struct h2_session *session, bool is_end_known)
{
    struct conn *conn = session->conn;
    struct server *server = session->server;
    bool is_more = true;
    for (int round = 0; is_more && round < MAX_READS; round++) {
        ssize_t n = conn->io.ops->recv(&conn->io, server->in, sizeof server->in);
        if (n == -EAGAIN) {
            is_more = false;
        } else if (n <= 0) {
            /* What was asked for in one breath with the end, and is answered already, is still sent. */
            if (n < 0 || flush(session))
                conn_close(conn);
            return;
        } else {
            server->stats->bytes_received += (uint64_t)n;
            feed(session, server->in, (size_t)n);
            is_more = is_end_known || (size_t)n == sizeof server->in || io_has_more(&conn->io);
        }
    }
    if (is_more)
        loop_event_fire(&conn->io.event, LOOP_READ); /* let others have their turn */
    h2_touch(session);
    h2_rest(session);
}

static void h2_on_ready(struct conn *conn, unsigned what)
{
    struct h2_session *session = conn->protocol;
    if (session->is_closing) {
        linger_read(session);
        return;
    }
    if (what & IO_WRITABLE)
        h2_touch(session);
    if (what & (IO_READABLE | IO_HANGUP))
        read_input(session, what & IO_HANGUP);
}

static const struct conn_ops h2_conn_ops = {
    .on_ready = h2_on_ready,
    .on_timeout = h2_on_timeout,
    .on_drain = h2_on_drain,
    .on_close = h2_on_close,
};

/* ---- the beginning ---- */

void h2_open(struct conn *conn)
{
    struct server *server = conn->server;
    struct h2_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        conn_close(conn);
        return;
    }
    session->server = server;
    session->conn = conn;
    if (h2_open_frames(session) < 0) {
        h2_mem_release(&session->mem);
        free(session);
        conn_close(conn);
        return;
    }
    list_init(&session->dirty);
    list_init(&session->streams);
    list_init(&session->starting);
    list_init(&session->orphans);
    list_init(&session->spare);
    buf_init(&session->pending, PENDING_BYTES);
    session->progress_ms = loop_now_ms(server->loop);
    h2_scan_init(&session->scan, session->progress_ms);
    server->stats->h2_sessions_total++;
    conn->protocol = session;
    conn->ops = &h2_conn_ops;
    if (conn->in_end > conn->in_start) {
        /* What HTTP/1.1 has read may lie in the hot buffer; nothing else uses that before it is fed. */
        feed(session, conn->in + conn->in_start, conn->in_end - conn->in_start);
        conn_drop_input(conn);
    }
    if (server->is_draining)
        h2_on_drain(conn);
    read_input(session, false);
}
