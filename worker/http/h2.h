/* h2.h - HTTP/2 from the inside: one session per connection, one stream per request.
 * Does:     name what h2_session.c (frames in and out), h2_headers.c (the head) and h2_stream.c (the request's coroutine
 *           and its transport) share.
 * Does not: leave worker/http/h2*.c; the rest of the server knows h2_open and h2_flush (server.h).
 *
 * A stream has two owners, nghttp2 (is_open) and its coroutine (co): it is freed when both have let go, so a handler may
 * run on after its stream, or its whole connection, is gone. */
#ifndef GALLEY_WORKER_HTTP_H2_H
#define GALLEY_WORKER_HTTP_H2_H

#include <nghttp2/nghttp2.h>

#include "common/buf.h"
#include "worker/http/h2_mem.h"
#include "worker/http/h2_scan.h"
#include "worker/http/server.h"

enum {
    H2_MAX_STREAMS = 100,               /* open, or reset with a handler that still runs */
    H2_STREAM_WINDOW_BYTES = 64 * 1024, /* of a request body, unread by its handler */
    H2_CONN_WINDOW_BYTES = 1024 * 1024, /* of all of them */
    H2_HELD_BYTES = 16 * 1024, /* an answer up to this size is copied, and its coroutine ends */
    H2_CONN_HELD_BYTES = 1024 * 1024, /* of all such copies */
    H2_SPARE_STREAMS = 32,            /* kept for the next requests */
    H2_FIRST_FIELDS = 16,
    H2_FIRST_BYTES = 640,
};

/* HEAD     its field block is coming
 * STARTING complete, to be started after the input at hand
 * RUNNING  its coroutine runs
 * ANSWERED its coroutine has ended, or none was needed; what it left is being sent */
#define H2_STREAM_STATES(X) X(HEAD) X(STARTING) X(RUNNING) X(ANSWERED)
enum h2_stream_state {
#define X(state) H2_STREAM_##state,
    H2_STREAM_STATES(X)
#undef X
};

struct h2_session;

/* What waits to be sent of a body: memory of the waiting coroutine, a copy in the stream, or a file. */
struct h2_output {
    const char *data;
    size_t len;  /* left */
    int file_fd; /* -1: data */
    off_t offset;
    bool is_last; /* the body ends with it */
};

struct h2_stream {
    struct list link;           /* session->streams, ->starting or ->orphans */
    struct h2_session *session; /* NULL once the connection is gone */
    struct server *server;
    int32_t id;
    uint8_t state; /* enum h2_stream_state */
    bool is_open;  /* nghttp2 knows it */
    bool is_answer_begun, is_answer_sent;
    bool is_input_done;          /* END_STREAM came */
    bool is_reset;               /* we have asked nghttp2 to reset it */
    bool is_reading, is_writing; /* what the coroutine waits for */
    bool is_continue_due, has_content_length, has_host;
    bool has_cookie, has_cookies; /* one; more than one */
    bool is_input_unwanted;       /* nobody will read the rest: give its window back */
    bool is_input_abandoned; /* and it may be much: reset the stream some time after its answer */
    bool is_lingering;       /* but not at once: the client is to see that it was refused */
    uint16_t refusal;        /* status of a head that gets no handler; 0: fine */
    galley_async *co;
    struct galley_request *req; /* while the coroutine has one */
    int64_t progress_ms;        /* when its output or input moved last */
    int64_t answered_ms;

    /* The head; slices into `arena`. */
    struct arena arena;
    galley_str method, path, authority, host;
    struct http_field *fields;
    uint16_t field_count, field_capacity;
    uint32_t head_bytes;
    uint64_t content_length;

    struct buf input; /* body bytes that came and were not read */
    uint64_t input_bytes, discarded_bytes;
    int64_t input_waited_ms; /* for the least rate of a body */
    struct h2_output output;
    size_t held_bytes; /* copied for this answer */

    struct http_field first_fields[H2_FIRST_FIELDS];
    _Alignas(16) char first[H2_FIRST_BYTES];
};

struct h2_session {
    struct list dirty; /* in server->dirty */
    struct conn *conn;
    struct server *server;
    nghttp2_session *ng;
    struct h2_mem mem;   /* of ng */
    struct list streams; /* struct h2_stream.link; all that are open */
    struct list starting;
    struct list orphans; /* no longer open, their coroutines still run */
    struct list spare;
    size_t spare_count;
    size_t slot_count; /* streams in the three lists */
    size_t held_bytes;
    struct buf pending; /* what the socket did not take */
    struct h2_scan scan;
    struct loop_timer watch;
    int64_t now_ms;           /* of this turn: set before nghttp2 is let speak */
    int64_t progress_ms;      /* when the socket took something last */
    int64_t closing_ms;       /* when the last byte was said */
    size_t out_used;          /* of server->out, during a flush */
    struct h2_stream *latest; /* the one looked up last */
    struct h2_stream *head;   /* whose field block is coming; NULL: nobody's, or trailers */
    bool is_out_full;         /* something was left out of server->out for want of room */
    bool is_doomed, is_closing, is_watching;
    bool has_settings; /* the client's first came */
    bool is_draining, is_drain_final;
    int64_t drain_since_ms;
};

/* ---- h2_session.c ---- */

/* Something is to be sent: flush before the next poll. */
void h2_touch(struct h2_session *session);
/* Reset a stream that is open; once. */
void h2_reset(struct h2_stream *stream, uint32_t error_code);
/* Give back the window of `len` bytes of the body; the connection's alone for a stream that is no longer open. */
void h2_consume(struct h2_stream *stream, size_t len);
/* End the connection with GOAWAY(error_code), after what stands in front of it. */
void h2_doom(struct h2_session *session, uint32_t error_code, const char *why);
/* The second GOAWAY of a drain: streams that came after the first one's round trip were never ours. */
void h2_drain_finally(struct h2_session *session);
/* Choose the timeout of a session by what it has to do. */
void h2_rest(struct h2_session *session);
/* Bytes of payload that a DATA frame may bring into the hot buffer now. */
size_t h2_out_room(const struct h2_session *session);

/* ---- h2_frames.c ---- */

/* Make session->ng, with our SETTINGS submitted. 0, -ENOMEM. */
int h2_open_frames(struct h2_session *session) GALLEY_MUST_USE;

/* ---- h2_headers.c ---- */

/* One field of the head. What is too much sets stream->refusal. */
void h2_head_add(struct h2_stream *stream, galley_str name, galley_str value);
/* The field block is complete: check it, join cookies. */
void h2_head_end(struct h2_stream *stream);

/* ---- h2_stream.c ---- */

/* A stream of `session`, in its list; NULL without memory. */
struct h2_stream *h2_stream_open(struct h2_session *session, int32_t id);
void h2_stream_set_state(struct h2_stream *stream, enum h2_stream_state next);
/* Start its coroutine, or answer without one. Only on the loop's own stack, outside of nghttp2. */
void h2_stream_start(struct h2_stream *stream);
/* nghttp2 let go of it; `is_by_reset`: before its end. May free it. */
void h2_stream_close(struct h2_stream *stream, bool is_by_reset);
/* Its connection is gone, and its session will be. May free it. */
void h2_stream_orphan(struct h2_stream *stream);
/* Its answer was sent to the last byte. */
void h2_stream_answer_sent(struct h2_stream *stream);
void h2_stream_free_spare(struct h2_session *session);
const char *h2_stream_state_name(enum h2_stream_state state);

/* ---- h2_transport.c ---- */

extern const struct transport h2_transport;
/* Bytes of the body came. */
void h2_stream_input(struct h2_stream *stream, const uint8_t *data, size_t len);
/* And that was the last of them. */
void h2_stream_input_done(struct h2_stream *stream);
/* Whether more of its body is announced than is worth discarding. */
bool h2_stream_expects_much(const struct h2_stream *stream);
/* Nobody will read what comes; `is_abandoned`: reset the stream some time after its answer, rather than wait for its end. */
void h2_stream_discard_input(struct h2_stream *stream, bool is_abandoned);
/* Reset an answered stream whose abandoned body has had its time, or has stopped. Not before: clients that are still
 * sending when the reset comes (curl 7.88) throw the answer away with it. */
void h2_stream_linger(struct h2_stream *stream);
/* Answer stream->refusal, without a coroutine. */
void h2_stream_refuse(struct h2_stream *stream);
/* `len` bytes of its output lie in the hot buffer. */
void h2_stream_sent(struct h2_stream *stream, size_t len);

#endif
