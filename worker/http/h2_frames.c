/* h2_frames.c - what nghttp2 tells of frames that came and went, and the nghttp2 session itself.
 * Does:     open streams, hand them heads and bodies, copy DATA out, notice closed streams, count resets.
 * Does not: read or send (h2_session.c); nothing here starts a coroutine, for nghttp2 must have returned first.
 * See:      h2.h, RFC 9113 sections 5 and 6. */
#include "worker/http/h2.h"

#include <string.h>
#include <unistd.h>

#include "common/bug.h"

/* The stream of that number that is open; NULL. */
static struct h2_stream *find_stream(struct h2_session *session, int32_t id)
{
    if (session->latest == NULL || session->latest->id != id)
        session->latest = nghttp2_session_get_stream_user_data(session->ng, id);
    return session->latest;
}

/* ---- what nghttp2 tells of input ---- */

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    struct h2_session *session = user_data;
    int32_t id = frame->hd.stream_id;
    session->head = NULL;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (session->slot_count < H2_MAX_STREAMS)
        session->head = h2_stream_open(session, id);
    if (session->head == NULL) {
        (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return nghttp2_session_set_stream_user_data(ng, id, session->head);
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data)
{
    const struct h2_session *session = user_data;
    (void)ng, (void)frame, (void)flags;
    if (session->head != NULL)
        h2_head_add(session->head, (galley_str){(const char *)name, name_len},
                    (galley_str){(const char *)value, value_len});
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *user_data)
{
    (void)flags;
    struct h2_session *session = user_data;
    struct h2_stream *stream = find_stream(session, id);
    if (stream != NULL)
        h2_stream_input(stream, data, len);
    else
        (void)nghttp2_session_consume(ng, id, len);
    return 0;
}

static void on_head_complete(struct h2_session *session, bool is_end)
{
    struct h2_stream *stream = session->head;
    session->head = NULL;
    if (stream == NULL)
        return;
    stream->is_input_done = is_end;
    h2_head_end(stream);
    h2_stream_set_state(stream, H2_STREAM_STARTING);
    list_remove(&stream->link);
    list_append(&session->starting, &stream->link);
}

static int on_frame_recv(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    (void)ng;
    struct h2_session *session = user_data;
    struct h2_stream *stream;
    bool is_end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            on_head_complete(session, is_end);
            break;
        }
        /* fall through */
    case NGHTTP2_DATA:
        stream = find_stream(session, frame->hd.stream_id);
        if (is_end && stream != NULL)
            h2_stream_input_done(stream);
        break;
    case NGHTTP2_RST_STREAM:
        session->server->stats->h2_streams_reset++;
        break;
    case NGHTTP2_SETTINGS:
        session->has_settings = true;
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            h2_drain_finally(session);
        break;
    default:
        break;
    }
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t error_code, void *user_data)
{
    (void)ng;
    struct h2_session *session = user_data;
    struct h2_stream *stream = find_stream(session, id);
    if (stream == NULL)
        return 0;
    session->latest = NULL;
    if (session->head == stream)
        session->head = NULL;
    h2_stream_close(stream, error_code != NGHTTP2_NO_ERROR || !stream->is_answer_sent);
    return 0;
}

/* ---- what nghttp2 tells of output ---- */

static void on_reset_sent(struct h2_session *session, const nghttp2_frame *frame)
{
    const struct h2_stream *stream = find_stream(session, frame->hd.stream_id);
    session->server->stats->h2_streams_reset++;
    if (stream != NULL && stream->is_reset)
        return; /* by our own will */
    if (!h2_budget_reset(&session->scan.budget, session->now_ms))
        h2_doom(session, NGHTTP2_ENHANCE_YOUR_CALM, session->scan.budget.why);
}

static int on_frame_send(nghttp2_session *ng, const nghttp2_frame *frame, void *user_data)
{
    (void)ng;
    struct h2_session *session = user_data;
    struct h2_stream *stream;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
            break;
        stream = find_stream(session, frame->hd.stream_id);
        if (stream != NULL)
            h2_stream_answer_sent(stream);
        break;
    case NGHTTP2_RST_STREAM:
        on_reset_sent(session, frame);
        break;
    case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM)
            session->server->stats->h2_calmed_total++;
        break;
    default:
        break;
    }
    return 0;
}

static int on_frame_not_send(nghttp2_session *ng, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    (void)ng, (void)error;
    struct h2_session *session = user_data;
    struct h2_stream *stream = find_stream(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS && stream != NULL)
        h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

/* Copy a DATA frame's head and payload out; read_output has seen to the room. */
static int send_data(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t len,
                     nghttp2_data_source *source, void *user_data)
{
    (void)ng, (void)frame;
    struct h2_session *session = user_data;
    struct h2_stream *stream = source->ptr;
    struct h2_output *output = &stream->output;
    GALLEY_BUG_IF(len > output->len || len > h2_out_room(session), "%zu of %zu bytes", len,
                  output->len);
    char *at = session->server->out + session->out_used;
    if (output->file_fd >= 0) {
        ssize_t n = pread(output->file_fd, at + H2_FRAME_HEAD_BYTES, len, output->offset);
        if (n != (ssize_t)len) {
            stream->is_reset = true; /* the file became shorter: nghttp2 resets it now */
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
    } else if (len > 0) {
        memcpy(at + H2_FRAME_HEAD_BYTES, output->data, len);
    }
    memcpy(at, head, H2_FRAME_HEAD_BYTES);
    session->out_used += H2_FRAME_HEAD_BYTES + len;
    session->latest = stream;
    h2_budget_served(&session->scan.budget, len);
    h2_stream_sent(stream, len);
    return 0;
}

/* ---- the session ---- */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_recv);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_send);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
    return callbacks;
}

int h2_open_frames(struct h2_session *session)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_MAX_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW_BYTES},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, session->server->limits.head_bytes},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_option *option = NULL;
    nghttp2_session_callbacks *callbacks = make_callbacks();
    int rc = -ENOMEM;
    if (callbacks == NULL || nghttp2_option_new(&option) != 0)
        goto free_callbacks;
    nghttp2_option_set_no_auto_window_update(option, 1);
    h2_mem_init(&session->mem);
    if (nghttp2_session_server_new3(&session->ng, callbacks, session, option,
                                    &session->mem.callbacks) != 0)
        goto free_option;
    if (nghttp2_submit_settings(session->ng, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) == 0 &&
        nghttp2_session_set_local_window_size(session->ng, NGHTTP2_FLAG_NONE, 0,
                                              H2_CONN_WINDOW_BYTES) == 0)
        rc = 0;
    else
        nghttp2_session_del(session->ng);

free_option:
    nghttp2_option_del(option);
free_callbacks:
    nghttp2_session_callbacks_del(callbacks);
    return rc;
}
