/* h2_stream.c - one HTTP/2 request: its coroutine, its body in, its answer out.
 * Does:     start the coroutine when the head is complete, implement struct transport, wait for the peer's windows.
 * Does not: touch the socket (h2_session.c) or check heads (h2_headers.c).
 * See:      h2.h (who owns a stream), RFC 9113 section 8.1. */
#include "worker/http/h2.h"

#include <stdlib.h>
#include <string.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/http/response.h"

enum { HEAD_ARENA_BYTES = 128 * 1024, REQUEST_FIRST_BYTES = 1024 };

static const char *const state_names[] = {
#define X(state) #state,
    H2_STREAM_STATES(X)
#undef X
};

/* The next state of each; a stream whose head is refused is ANSWERED without having run. */
static const uint8_t may_enter[] = {
    [H2_STREAM_HEAD] = 1 << H2_STREAM_STARTING,
    [H2_STREAM_STARTING] = 1 << H2_STREAM_RUNNING | 1 << H2_STREAM_ANSWERED,
    [H2_STREAM_RUNNING] = 1 << H2_STREAM_ANSWERED,
    [H2_STREAM_ANSWERED] = 0,
};

const char *h2_stream_state_name(enum h2_stream_state state)
{
    return state < sizeof state_names / sizeof state_names[0] ? state_names[state] : "?";
}

void h2_stream_set_state(struct h2_stream *stream, enum h2_stream_state next)
{
    GALLEY_BUG_IF(!(may_enter[stream->state] & 1 << next), "stream %d: %s -> %s", stream->id,
                  h2_stream_state_name(stream->state), h2_stream_state_name(next));
    stream->state = (uint8_t)next;
}

/* ---- life ---- */

struct h2_stream *h2_stream_open(struct h2_session *session, int32_t id)
{
    struct list *spare = list_take_first(&session->spare);
    struct h2_stream *stream;
    if (spare != NULL) {
        stream = LIST_ENTRY(spare, struct h2_stream, link);
        session->spare_count--;
    } else {
        stream = malloc(sizeof *stream);
        if (stream == NULL)
            return NULL;
    }
    memset(stream, 0, offsetof(struct h2_stream, first_fields));
    stream->session = session;
    stream->server = session->server;
    stream->id = id;
    stream->is_open = true;
    stream->output.file_fd = -1;
    stream->fields = stream->first_fields;
    stream->field_capacity = H2_FIRST_FIELDS;
    arena_init(&stream->arena, stream->first, sizeof stream->first, HEAD_ARENA_BYTES);
    buf_init(&stream->input, H2_STREAM_WINDOW_BYTES);
    list_append(&session->streams, &stream->link);
    session->slot_count++;
    return stream;
}

/* Both owners have let go. */
static void free_stream(struct h2_stream *stream)
{
    struct h2_session *session = stream->session;
    buf_release(&stream->input);
    arena_release(&stream->arena);
    list_remove(&stream->link);
    if (session == NULL) {
        free(stream);
        return;
    }
    session->slot_count--;
    session->held_bytes -= stream->held_bytes;
    if (session->spare_count < H2_SPARE_STREAMS) {
        session->spare_count++;
        list_append(session->spare.next, &stream->link); /* in front: it is warm */
    } else {
        free(stream);
    }
}

void h2_stream_free_spare(struct h2_session *session)
{
    struct list *node;
    while ((node = list_take_first(&session->spare)) != NULL)
        free(LIST_ENTRY(node, struct h2_stream, link));
    session->spare_count = 0;
}

/* Let the coroutine of a stream that is gone know: it is cancelled, or its next call fails. */
static void tell_coroutine(struct h2_stream *stream, bool is_by_reset)
{
    const struct galley_request *req = stream->req;
    if (req == NULL)
        return;
    bool is_cancelled =
        is_by_reset ? req->on_disconnect != GALLEY_FINISH : request_is_cancelled_by_leaving(req);
    if (is_cancelled && !stream->is_answer_sent)
        coro_cancel(stream->co, GALLEY_BY_DISCONNECT);
    else if (stream->is_reading || stream->is_writing)
        coro_wake(stream->co, 0);
}

void h2_stream_close(struct h2_stream *stream, bool is_by_reset)
{
    size_t unread = buf_len(&stream->input);
    stream->is_open = false;
    if (unread > 0)
        h2_consume(stream, unread);
    list_remove(&stream->link);
    if (stream->co == NULL) {
        free_stream(stream);
        return;
    }
    list_append(&stream->session->orphans, &stream->link);
    tell_coroutine(stream, is_by_reset);
}

void h2_stream_orphan(struct h2_stream *stream)
{
    bool was_open = stream->is_open;
    stream->is_open = false;
    stream->session = NULL;
    list_remove(&stream->link);
    if (stream->co == NULL)
        free_stream(stream);
    else if (was_open)
        tell_coroutine(stream, false);
}

void h2_stream_answer_sent(struct h2_stream *stream)
{
    stream->is_answer_sent = true;
    stream->answered_ms = loop_now_ms(stream->server->loop);
    h2_stream_linger(stream);
}

/* ---- its coroutine ---- */

static void fill_request(struct galley_request *req, const struct h2_stream *stream)
{
    const char *mark = memchr(stream->path.data, '?', stream->path.len);
    req->method_text = stream->method;
    req->method = http_method_of(stream->method);
    req->path_encoded = stream->path;
    if (mark != NULL) {
        req->path_encoded.len = (size_t)(mark - stream->path.data);
        req->query = (galley_str){mark + 1, stream->path.len - req->path_encoded.len - 1};
        req->has_query = true;
    }
    req->authority = stream->authority;
    req->fields = stream->fields;
    req->field_count = stream->field_count;
    req->is_tls = stream->session->conn->is_tls;
    req->is_h2 = true;
    req->is_asterisk = stream->path.len == 1 && stream->path.data[0] == '*';
    req->has_body = !(stream->is_input_done && stream->input_bytes == 0);
    req->content_length = stream->has_content_length ? stream->content_length
                          : req->has_body            ? HTTP_LENGTH_UNKNOWN
                                                     : 0;
    req->expects_continue = stream->is_continue_due && req->has_body;
}

/* The handler is done: what nobody read is not wanted, and an answer that is not whole is no answer. */
static void finish_request(struct h2_stream *stream, const struct galley_request *req)
{
    stream->req = NULL;
    if (!stream->is_open)
        return;
    if (req->response != RESPONSE_ENDED)
        h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    stream->is_lingering = req->status >= 400;
    h2_stream_discard_input(stream, req->body_error < 0 || h2_stream_expects_much(stream));
}

GALLEY_YIELDS static void stream_main(galley_async *co, void *arg)
{
    struct h2_stream *stream = arg;
    __attribute__((uninitialized)) struct galley_request req;
    __attribute__((uninitialized)) _Alignas(16) char first[REQUEST_FIRST_BYTES];
    request_init(&req, stream->server, co, &h2_transport, stream, first, sizeof first);
    fill_request(&req, stream);
    request_note_peer(&req, stream->session->conn->io.fd);
    stream->co = co;
    stream->req = &req;
    request_run(&req);
    finish_request(stream, &req);
    request_release(&req);
}

static void stream_main_ended(void *arg)
{
    struct h2_stream *stream = arg;
    struct h2_session *session = stream->session;
    stream->co = NULL;
    h2_stream_set_state(stream, H2_STREAM_ANSWERED);
    if (!stream->is_open)
        free_stream(stream);
    if (session != NULL)
        h2_rest(session);
}

void h2_stream_start(struct h2_stream *stream)
{
    if (stream->refusal == 0) {
        const struct coro_opts opts = {
            .name = "request",
            .entry = stream_main,
            .arg = stream,
            .on_end = stream_main_ended,
            .timeout_ms = stream->server->settings->request_timeout,
        };
        h2_stream_set_state(stream, H2_STREAM_RUNNING);
        if (coro_start(stream->server->sched, &opts) >= 0)
            return;
        stream->refusal = 503;
    }
    h2_stream_set_state(stream, H2_STREAM_ANSWERED);
    h2_stream_refuse(stream);
}
