/* server.h - what all connections of a worker share, and the life of one connection.
 * Does:     accept a socket into a struct conn, choose its protocol, keep its timeouts, drain.
 * Does not: parse (h1_*, h2_*) or route (handle). */
#ifndef GALLEY_WORKER_HTTP_SERVER_H
#define GALLEY_WORKER_HTTP_SERVER_H

#include <stdlib.h>
#include <time.h>

#include "common/inherit.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/stats.h"
#include "common/ticks.h"
#include "worker/coro/coro.h"
#include "worker/coro/pool.h"
#include "worker/http/h1_parse.h"
#include "worker/http/request.h"
#include "worker/net/io.h"

enum { SERVER_IN_BYTES = 64 * 1024, SERVER_OUT_BYTES = 64 * 1024, SERVER_DATE_BYTES = 29 };

/* What a client still sends behind its answer is thrown away for so long in all; a pause ends that earlier. */
enum { LINGER_TOTAL_MS = 5000, LINGER_QUIET_MS = 1000 };

/* What limits a connection's silence. A connection is in one queue; those of one kind expire in order. */
enum conn_timeout {
    CONN_TIMEOUT_NONE,
    CONN_TIMEOUT_TLS,
    CONN_TIMEOUT_HEAD,
    CONN_TIMEOUT_IDLE,
    CONN_TIMEOUT_LINGER,
    CONN_TIMEOUT_DRAIN_IDLE,
    CONN_TIMEOUT_DRAIN_LAST,
    CONN_TIMEOUT_COUNT
};

struct conn;

/* A protocol's part of a connection. None of these waits; all may end in conn_close. */
struct conn_ops {
    void (*on_ready)(struct conn *conn, unsigned what); /* IO_* */
    void (*on_timeout)(struct conn *conn);
    void (*on_drain)(struct conn *conn); /* finish what runs, take no more */
    void (*on_close)(struct conn *conn); /* free what the protocol holds */
};

/* One connection; an idle one should need nothing else (< 300 bytes). */
struct conn {
    struct io io; /* first */
    struct server *server;
    const struct conn_ops *ops;
    struct list all; /* in server->conns */
    struct list timeout_link;
    int64_t timeout_since_ms;
    /* Unread bytes: the server's hot buffer during an event, else its own from the heap, or none. */
    char *in;
    uint32_t in_start, in_end, in_capacity;
    size_t scanned;  /* h1: of an incomplete head, where the parser stands */
    uint16_t flags;  /* of h1 */
    uint8_t timeout; /* enum conn_timeout */
    bool is_tls, is_in_hot;
    union {
        void *protocol;          /* h1: the running struct h1_request; h2: struct h2_session */
        int64_t linger_until_ms; /* h1, while lingering */
    };
};

struct server {
    struct loop *loop;
    struct sched *sched;
    struct pool *pool;
    struct stats *stats;
    const struct settings *settings;
    struct h1_limits limits;
    struct tls_server *tls; /* NULL: no https listener */
    /* Answers the request; runs on its coroutine. What it leaves unanswered becomes 500. */
    GALLEY_YIELDS void (*handle)(void *app, struct galley_request *req);
    void *app;
    struct list conns;
    size_t conn_count;
    struct list timeouts[CONN_TIMEOUT_COUNT];
    struct loop_timer tick;
    bool is_ticking, is_draining;
    struct ticks ticks; /* what requests are timed by */
    struct list dirty;  /* h2 sessions with something to send, flushed before each poll */
    int access_log_fd;
    int64_t date_ms;     /* when `date` was made, by the loop's clock */
    char date[32];       /* "Mon, 23 Nov 2026 14:00:00 GMT", IMF-fixdate */
    struct h1_head head; /* the head being parsed: used up within one event */
    uint32_t head_bytes; /* its length */
    char in[SERVER_IN_BYTES],
        out[SERVER_OUT_BYTES]; /* hot buffers: used up within one event or send */
};

/* One per worker, on the heap. The caller has set loop, sched, pool, stats, settings, tls, handle, app, access_log_fd. */
void server_start(struct server *server);
/* Take an accepted socket. */
void server_accept(struct server *server, int fd, bool is_tls);
/* The last thing before each poll: let HTTP/2 sessions send what they gathered. */
void server_flush(struct server *server);
/* Answer what runs, close what is idle after drain_idle; conn_count falls to 0. */
void server_drain(struct server *server);
/* Close every connection now. Coroutines must have ended or been cancelled. */
void server_stop(struct server *server);
void server_renew_date(struct server *server);
/* The Date field's value, fresh to the second: it is looked at anew after a tenth of one. */
static inline const char *server_date(struct server *server)
{
    if (__builtin_expect(loop_now_ms(server->loop) - server->date_ms >= 100, 0))
        server_renew_date(server);
    return server->date;
}

void conn_set_timeout(struct conn *conn, enum conn_timeout timeout);
/* Close and free; the protocol's on_close comes first. */
void conn_close(struct conn *conn);
/* Make the unread bytes the connection's own (after an event that leaves some). 0, -ENOMEM. */
int conn_keep_input(struct conn *conn) GALLEY_MUST_USE;
static inline void conn_drop_input(struct conn *conn)
{
    if (__builtin_expect(!conn->is_in_hot, 0))
        free(conn->in);
    conn->in = NULL;
    conn->is_in_hot = false;
    conn->in_start = conn->in_end = conn->in_capacity = 0;
}
/* How much of the input nobody has taken yet. */
static inline uint32_t conn_unread_bytes(const struct conn *conn)
{
    return conn->in_end - conn->in_start;
}

extern const struct conn_ops h1_conn_ops;

/* h2_session.c: make `conn` speak HTTP/2; unread input (conn->in) begins with the client's preface. On failure the
 * connection is closed. */
void h2_open(struct conn *conn);
/* Send what the sessions in server->dirty have gathered. */
void h2_flush(struct server *server);

#endif
