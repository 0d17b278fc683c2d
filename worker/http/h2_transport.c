/* h2_transport.c - struct transport over an HTTP/2 stream: bodies in, heads, bodies and files out.
 * Does:     give request bodies with the window they free, submit heads, hold small answers, make large ones wait for
 *           the peer's windows.
 * Does not: frame or send (nghttp2 and h2_session.c do, when they ask for output).
 * See:      request.h (the contract), RFC 9113 sections 5.2 and 8.1. */
#include "worker/http/h2.h"

#include <stdio.h>
#include <string.h>

#include "worker/http/response.h"

enum {
    MAX_HEAD_OUT_BYTES = 48 * 1024, /* nghttp2 refuses to send more than 64 KiB */
    FIRST_NV_COUNT = 12,
    LEAST_ROOM_BYTES = 8 * 1024, /* a smaller DATA frame is not begun: the buffer is sent first */
    DISCARD_BYTES = 1024 * 1024, /* of a body that nobody reads; more resets the stream */
};

/* ---- bodies in ---- */

static ssize_t fail_body(struct galley_request *req, int error)
{
    req->body_error = error;
    return error;
}

static int send_continue(struct h2_stream *stream)
{
    const nghttp2_nv status = {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "100", 7, 3,
                               NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
    stream->is_continue_due = false;
    if (nghttp2_submit_headers(stream->session->ng, NGHTTP2_FLAG_NONE, stream->id, NULL, &status, 1,
                               NULL) != 0)
        return -ENOMEM;
    stream->server->stats->responses_1xx++;
    h2_touch(stream->session);
    return 0;
}

/* Wait for more of the body, no longer than the least rate allows. 0, -errno. */
GALLEY_YIELDS static int wait_for_input(struct h2_stream *stream, struct galley_request *req)
{
    const struct settings *settings = stream->server->settings;
    int64_t begun_ms = loop_now_ms(stream->server->loop);
    int64_t allowed_ms = settings->body_grace - stream->input_waited_ms;
    if (settings->body_rate > 0)
        allowed_ms += (int64_t)(req->body_bytes * 1000 / settings->body_rate);
    stream->is_reading = true;
    int rc = coro_suspend(req->co, "request body", begun_ms + allowed_ms);
    stream->is_reading = false;
    stream->input_waited_ms += loop_now_ms(stream->server->loop) - begun_ms;
    return rc;
}

static ssize_t take_input(struct h2_stream *stream, struct galley_request *req, void *buf,
                          size_t len)
{
    size_t there = buf_len(&stream->input);
    size_t n = there < len ? there : len;
    memcpy(buf, buf_at(&stream->input), n);
    buf_consume(&stream->input, n);
    if (n == there)
        buf_clear(&stream->input);
    if (stream->is_open)
        h2_consume(stream, n);
    req->body_bytes += n;
    return req->body_bytes > req->max_body_bytes ? fail_body(req, -EMSGSIZE) : (ssize_t)n;
}

GALLEY_YIELDS static ssize_t h2_body_read(struct galley_request *req, void *buf, size_t len)
{
    struct h2_stream *stream = req->stream;
    if (req->body_error < 0)
        return req->body_error;
    if (!req->has_body || len == 0)
        return 0;
    if (stream->has_content_length && stream->content_length > req->max_body_bytes)
        return fail_body(req, -EMSGSIZE);
    while (buf_len(&stream->input) == 0) {
        if (stream->is_input_done)
            return 0;
        if (!stream->is_open)
            return fail_body(req, -EBADMSG);
        int rc = stream->is_continue_due ? send_continue(stream) : 0;
        if (rc == 0)
            rc = wait_for_input(stream, req);
        if (rc < 0)
            return rc == -ECANCELED ? rc : fail_body(req, rc);
    }
    return take_input(stream, req, buf, len);
}

void h2_stream_input(struct h2_stream *stream, const uint8_t *data, size_t len)
{
    stream->input_bytes += len;
    stream->progress_ms = stream->session->now_ms;
    if (!stream->is_input_unwanted) {
        if (buf_append(&stream->input, data, len) < 0)
            h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
        if (stream->is_reading)
            coro_wake(stream->co, 0);
        return;
    }
    h2_consume(stream, len);
    stream->discarded_bytes += len;
    if (stream->discarded_bytes > DISCARD_BYTES) {
        stream->is_input_abandoned = true;
        h2_stream_linger(stream);
    }
}

void h2_stream_input_done(struct h2_stream *stream)
{
    stream->is_input_done = true;
    if (stream->is_reading)
        coro_wake(stream->co, 0);
}

bool h2_stream_expects_much(const struct h2_stream *stream)
{
    return stream->has_content_length &&
           stream->content_length > stream->input_bytes + DISCARD_BYTES;
}

void h2_stream_discard_input(struct h2_stream *stream, bool is_abandoned)
{
    size_t unread = buf_len(&stream->input);
    stream->is_input_unwanted = true;
    if (unread > 0)
        h2_consume(stream, unread);
    buf_clear(&stream->input);
    if (stream->is_input_done)
        return;
    stream->is_input_abandoned = is_abandoned;
    h2_stream_linger(stream);
}

void h2_stream_linger(struct h2_stream *stream)
{
    int64_t now_ms = loop_now_ms(stream->server->loop);
    if (!stream->is_input_abandoned || !stream->is_answer_sent || stream->is_input_done)
        return;
    if (!stream->is_lingering || stream->is_continue_due ||
        now_ms - stream->progress_ms >= LINGER_QUIET_MS ||
        now_ms - stream->answered_ms >= LINGER_TOTAL_MS)
        h2_reset(stream, NGHTTP2_NO_ERROR);
}

/* ---- heads out ---- */

static nghttp2_nv make_nv(galley_str name, galley_str value, uint8_t flags)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name.data, (uint8_t *)(uintptr_t)value.data, name.len,
                        value.len, flags};
}

enum {
    COPY_NONE = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    COPY_VALUE = NGHTTP2_NV_FLAG_NO_COPY_NAME,
};

static galley_str format_uint(char *digits, size_t room, uint64_t value)
{
    size_t at = room;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return (galley_str){digits + at, room - at};
}

/* What nghttp2 asks when the windows allow DATA: how much of it there is; h2_session.c then copies it out. */
static ssize_t read_output(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t len,
                           uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)ng, (void)id, (void)buf;
    struct h2_session *session = user_data;
    const struct h2_stream *stream = source->ptr;
    const struct h2_output *output = &stream->output;
    size_t room = h2_out_room(session);
    if (output->len == 0 && !output->is_last)
        return NGHTTP2_ERR_DEFERRED;
    if (len > output->len)
        len = output->len;
    if (room < len && room < LEAST_ROOM_BYTES) {
        session->is_out_full = true;
        return NGHTTP2_ERR_PAUSE;
    }
    if (len > room)
        len = room;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (len == output->len && output->is_last)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)len;
}

/* Submit the head; with a body the stream's output is asked for from now on. 0, -ENOMEM. */
static int submit(struct h2_stream *stream, const nghttp2_nv *fields, size_t count, bool has_body)
{
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_output};
    int rc = nghttp2_submit_response(stream->session->ng, stream->id, fields, count,
                                     has_body ? &provider : NULL);
    if (rc != 0)
        return -ENOMEM;
    stream->is_answer_begun = true;
    stream->progress_ms = loop_now_ms(stream->server->loop);
    h2_touch(stream->session);
    return 0;
}

static size_t put_common(nghttp2_nv *nv, struct h2_stream *stream, galley_str status,
                         galley_str type, galley_str length)
{
    size_t count = 0;
    bool is_200 = status.len == 3 && memcmp(status.data, "200", 3) == 0;
    nv[count++] = is_200 ? make_nv(GALLEY_STR(":status"), GALLEY_STR("200"), COPY_NONE)
                         : make_nv(GALLEY_STR(":status"), status, COPY_VALUE);
    nv[count++] =
        make_nv(GALLEY_STR("date"), (galley_str){server_date(stream->server), 29}, COPY_VALUE);
    if (type.data != NULL)
        nv[count++] = make_nv(GALLEY_STR("content-type"), type, COPY_VALUE);
    if (length.data != NULL)
        nv[count++] = make_nv(GALLEY_STR("content-length"), length, COPY_VALUE);
    return count;
}

__attribute__((noinline)) static int submit_head(struct h2_stream *stream,
                                                 struct galley_request *req,
                                                 uint64_t content_length, bool has_body)
{
    char status_digits[8], length_digits[24];
    __attribute__((uninitialized)) nghttp2_nv first[FIRST_NV_COUNT];
    nghttp2_nv *nv = first;
    size_t count = 4, bytes = req->content_type.len;
    for (const struct http_out_field *field = req->out_first; field != NULL; field = field->next) {
        count++;
        bytes += field->name.len + field->value.len;
    }
    if (bytes > MAX_HEAD_OUT_BYTES)
        return -EMSGSIZE;
    if (count > FIRST_NV_COUNT && (nv = arena_alloc(&req->arena, count * sizeof *nv)) == NULL)
        return -ENOMEM;
    galley_str status = format_uint(status_digits, sizeof status_digits, (uint64_t)req->status);
    galley_str length = {NULL, 0};
    if (content_length != HTTP_LENGTH_UNKNOWN && !http_status_is_bodyless(req->status))
        length = format_uint(length_digits, sizeof length_digits, content_length);
    count = put_common(nv, stream, status, req->content_type, length);
    for (const struct http_out_field *field = req->out_first; field != NULL; field = field->next)
        nv[count++] = make_nv(field->name, field->value, NGHTTP2_NV_FLAG_NONE);
    return submit(stream, nv, count, has_body);
}

/* ---- bodies out ---- */

/* Copy a small last piece, so that nobody need wait for it. Whether that was possible. */
static bool hold(struct h2_stream *stream, const void *data, size_t len)
{
    struct h2_session *session = stream->session;
    if (len > H2_HELD_BYTES || session->held_bytes + len > H2_CONN_HELD_BYTES)
        return false;
    char *copy = arena_alloc(&stream->arena, len);
    if (copy == NULL)
        return false;
    if (len > 0)
        memcpy(copy, data, len);
    stream->output = (struct h2_output){.data = copy, .len = len, .file_fd = -1, .is_last = true};
    stream->held_bytes += len;
    session->held_bytes += len;
    return true;
}

/* Wait until the output is sent. 0; -EPIPE the stream is gone, -ETIMEDOUT the peer takes nothing, -ECANCELED. */
GALLEY_YIELDS static int wait_for_output(struct h2_stream *stream, struct galley_request *req)
{
    int64_t limit_ms = stream->server->settings->write_timeout;
    stream->progress_ms = loop_now_ms(stream->server->loop);
    while (stream->output.len > 0) {
        if (!stream->is_open || stream->is_reset)
            return -EPIPE;
        stream->is_writing = true;
        int rc = coro_suspend(req->co, "room to send", stream->progress_ms + limit_ms);
        stream->is_writing = false;
        if (stream->output.len == 0)
            return 0;
        if (rc == -ETIMEDOUT && loop_now_ms(stream->server->loop) < stream->progress_ms + limit_ms)
            continue;
        if (rc < 0) {
            /* What it points to goes away with the caller. */
            stream->output = (struct h2_output){.file_fd = -1};
            if (stream->is_open)
                h2_reset(stream, rc == -ETIMEDOUT ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
            return rc;
        }
    }
    return 0;
}

void h2_stream_sent(struct h2_stream *stream, size_t len)
{
    struct h2_output *output = &stream->output;
    output->len -= len;
    if (output->file_fd >= 0)
        output->offset += (off_t)len;
    else
        output->data += len;
    stream->progress_ms = stream->session->now_ms;
    if (output->len == 0 && stream->is_writing)
        coro_wake(stream->co, 0);
}

static void resume(struct h2_stream *stream)
{
    nghttp2_session_resume_data(stream->session->ng,
                                stream->id); /* it may not have been deferred */
    h2_touch(stream->session);
}

GALLEY_YIELDS static int put_output(struct h2_stream *stream, struct galley_request *req,
                                    const void *data, size_t len, bool is_last)
{
    if (is_last && hold(stream, data, len))
        return 0;
    stream->output =
        (struct h2_output){.data = data, .len = len, .file_fd = -1, .is_last = is_last};
    return wait_for_output(stream, req);
}

static bool is_bodyless(const struct galley_request *req)
{
    return req->method == HTTP_HEAD || http_status_is_bodyless(req->status);
}

GALLEY_YIELDS static int h2_send_head(struct galley_request *req, uint64_t content_length,
                                      const void *body, size_t len, bool is_end)
{
    struct h2_stream *stream = req->stream;
    if (!stream->is_open || stream->is_reset)
        return -EPIPE;
    bool has_body = !is_bodyless(req) && !(is_end && len == 0);
    int rc = submit_head(stream, req, content_length, has_body);
    if (rc < 0 || !has_body || len == 0)
        return rc;
    return put_output(stream, req, body, len, is_end);
}

GALLEY_YIELDS static int h2_send_body(struct galley_request *req, const void *data, size_t len,
                                      bool is_end)
{
    struct h2_stream *stream = req->stream;
    if (is_bodyless(req))
        return 0;
    if (!stream->is_open || stream->is_reset)
        return -EPIPE;
    if (len == 0 && !is_end)
        return 0;
    resume(stream);
    return put_output(stream, req, data, len, is_end);
}

GALLEY_YIELDS static int h2_send_file(struct galley_request *req, int file_fd, off_t offset,
                                      size_t len)
{
    struct h2_stream *stream = req->stream;
    if (is_bodyless(req))
        return 0;
    if (!stream->is_open || stream->is_reset)
        return -EPIPE;
    stream->output =
        (struct h2_output){.len = len, .file_fd = file_fd, .offset = offset, .is_last = true};
    resume(stream);
    return wait_for_output(stream, req);
}

const struct transport h2_transport = {
    .body_read = h2_body_read,
    .send_head = h2_send_head,
    .send_body = h2_send_body,
    .send_file = h2_send_file,
};

void h2_stream_refuse(struct h2_stream *stream)
{
    char body[128], digits[8], length_digits[24];
    nghttp2_nv nv[5];
    struct stats *stats = stream->server->stats;
    int status = stream->refusal;
    int len = snprintf(body, sizeof body, "{\"detail\":\"%s\"}", http_reason(status));
    if (status < 500)
        stats->responses_4xx++;
    else
        stats->responses_5xx++;
    size_t count = put_common(nv, stream, format_uint(digits, sizeof digits, (uint64_t)status),
                              GALLEY_STR("application/json"),
                              format_uint(length_digits, sizeof length_digits, (uint64_t)len));
    if (status == 503)
        nv[count++] = make_nv(GALLEY_STR("retry-after"), GALLEY_STR("1"), COPY_NONE);
    bool is_head = stream->method.len == 4 && memcmp(stream->method.data, "HEAD", 4) == 0;
    bool has_body = !is_head && hold(stream, body, (size_t)len);
    stream->is_lingering = true;
    h2_stream_discard_input(stream, true);
    if (submit(stream, nv, count, has_body) < 0)
        h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
}
