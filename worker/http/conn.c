/* conn.c - the life of one connection: its protocol, its unread bytes, its silence.
 * Does:     accept, choose HTTP/1.1 or HTTP/2, keep the timeout queues, close.
 * Does not: parse or answer; the protocol's struct conn_ops do.
 * See:      server.h; h1_serve.c, h2_session.c (the protocols). */
#include "worker/http/server.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"

/* How often the queues are looked at, and how old an entry may be before a fresh one of its kind moves it. */
enum { TICK_MS = 250, REFRESH_MS = 100 };

enum { DRAIN_LAST_MS = 1000 };

static int64_t timeout_ms(const struct server *server, enum conn_timeout timeout)
{
    switch (timeout) {
    case CONN_TIMEOUT_TLS:
        return server->settings->tls_timeout;
    case CONN_TIMEOUT_HEAD:
        return server->settings->head_timeout;
    case CONN_TIMEOUT_IDLE:
        return server->settings->keepalive_timeout;
    case CONN_TIMEOUT_LINGER:
        return LINGER_QUIET_MS;
    case CONN_TIMEOUT_DRAIN_IDLE:
        return server->settings->drain_idle;
    case CONN_TIMEOUT_DRAIN_LAST:
        return DRAIN_LAST_MS;
    case CONN_TIMEOUT_NONE:
    case CONN_TIMEOUT_COUNT:
        break;
    }
    return INT64_MAX / 2;
}

static void on_tick(void *arg)
{
    struct server *server = arg;
    int64_t now_ms = loop_now_ms(server->loop);
    bool is_any = false;
    for (int kind = CONN_TIMEOUT_NONE + 1; kind < CONN_TIMEOUT_COUNT; kind++) {
        struct list *queue = &server->timeouts[kind];
        int64_t limit_ms = now_ms - timeout_ms(server, (enum conn_timeout)kind);
        while (!list_is_empty(queue)) {
            struct conn *conn = LIST_ENTRY(queue->next, struct conn, timeout_link);
            if (conn->timeout_since_ms > limit_ms)
                break;
            list_remove(&conn->timeout_link);
            conn->timeout = CONN_TIMEOUT_NONE;
            conn->ops->on_timeout(conn);
        }
    }
    for (int kind = CONN_TIMEOUT_NONE + 1; kind < CONN_TIMEOUT_COUNT; kind++)
        is_any = is_any || !list_is_empty(&server->timeouts[kind]); /* on_timeout may have added */
    server->is_ticking = is_any;
    if (is_any)
        loop_timer_start(server->loop, &server->tick, TICK_MS, on_tick, server);
}

void conn_set_timeout(struct conn *conn, enum conn_timeout timeout)
{
    struct server *server = conn->server;
    int64_t now_ms = loop_now_ms(server->loop);
    if (conn->timeout == timeout && now_ms - conn->timeout_since_ms < REFRESH_MS)
        return;
    list_remove(&conn->timeout_link);
    conn->timeout = (uint8_t)timeout;
    conn->timeout_since_ms = now_ms;
    if (timeout == CONN_TIMEOUT_NONE)
        return;
    list_append(&server->timeouts[timeout], &conn->timeout_link);
    if (!server->is_ticking) {
        server->is_ticking = true;
        loop_timer_start(server->loop, &server->tick, TICK_MS, on_tick, server);
    }
}

int conn_keep_input(struct conn *conn)
{
    uint32_t unread = conn_unread_bytes(conn);
    if (!conn->is_in_hot)
        return 0;
    if (unread == 0) {
        conn_drop_input(conn);
        return 0;
    }
    uint32_t capacity = conn->server->limits.head_bytes + 1024;
    if (capacity < unread)
        capacity = unread;
    char *own = malloc(capacity);
    if (own == NULL)
        return -ENOMEM;
    memcpy(own, conn->in + conn->in_start, unread);
    conn->in = own;
    conn->in_start = 0;
    conn->in_end = unread;
    conn->in_capacity = capacity;
    conn->is_in_hot = false;
    return 0;
}

void conn_close(struct conn *conn)
{
    struct server *server = conn->server;
    if (conn->ops->on_close != NULL)
        conn->ops->on_close(conn);
    conn_drop_input(conn);
    conn->io.ops->close(&conn->io);
    list_remove(&conn->timeout_link);
    list_remove(&conn->all);
    server->conn_count--;
    server->stats->connections_open--;
    free(conn);
}

/* Before the protocol is known: a TLS handshake runs. */
static void handshake_ready(struct conn *conn, unsigned what)
{
    conn_set_timeout(conn, CONN_TIMEOUT_NONE);
    if (what & IO_HANGUP && !(what & IO_READABLE)) {
        conn_close(conn);
        return;
    }
    if (conn->io.is_h2_chosen) {
        h2_open(conn);
        return;
    }
    conn->ops = &h1_conn_ops;
    conn_set_timeout(conn, CONN_TIMEOUT_HEAD);
    conn->ops->on_ready(conn, what);
}

static void handshake_drain(struct conn *conn)
{
    (void)conn; /* it ends by itself or by its timeout; then the protocol drains */
}

static const struct conn_ops handshake_conn_ops = {
    .on_ready = handshake_ready,
    .on_timeout = conn_close,
    .on_drain = handshake_drain,
};

static void on_io_ready(struct io *io, unsigned what)
{
    struct conn *conn = (struct conn *)(void *)io;
    conn->ops->on_ready(conn, what);
}

void server_accept(struct server *server, int fd, bool is_tls)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (conn == NULL) {
        close(fd);
        return;
    }
    conn->server = server;
    conn->is_tls = is_tls;
    conn->ops = is_tls ? &handshake_conn_ops : &h1_conn_ops;
    list_init(&conn->timeout_link);
    list_append(&server->conns, &conn->all);
    server->conn_count++;
    server->stats->connections_open++;
    server->stats->connections_total++;
    int rc = is_tls ? tls_open(&conn->io, server->loop, fd, server->tls, on_io_ready)
                    : tcp_open(&conn->io, server->loop, fd, on_io_ready);
    if (rc < 0) {
        list_remove(&conn->all);
        server->conn_count--;
        server->stats->connections_open--;
        free(conn);
        return;
    }
    conn_set_timeout(conn, is_tls ? CONN_TIMEOUT_TLS : CONN_TIMEOUT_HEAD);
}

/* ---- the server ---- */

void server_start(struct server *server)
{
    const struct settings *settings = server->settings;
    server->limits = (struct h1_limits){
        .target_bytes = (uint32_t)settings->max_target,
        .field_bytes = (uint32_t)settings->max_field,
        .head_bytes = (uint32_t)settings->max_head,
        .field_count = (uint32_t)settings->max_fields,
    };
    ticks_init(&server->ticks);
    loop_keep_ticks(server->loop, &server->ticks);
    list_init(&server->conns);
    list_init(&server->dirty);
    for (int kind = 0; kind < CONN_TIMEOUT_COUNT; kind++)
        list_init(&server->timeouts[kind]);
    server->date_ms = INT64_MIN / 2;
}

void server_flush(struct server *server)
{
    if (!list_is_empty(&server->dirty))
        h2_flush(server);
}

void server_drain(struct server *server)
{
    server->is_draining = true;
    for (struct list *at = server->conns.next, *next; at != &server->conns; at = next) {
        next = at->next;
        struct conn *conn = LIST_ENTRY(at, struct conn, all);
        conn->ops->on_drain(conn);
    }
}

void server_stop(struct server *server)
{
    while (!list_is_empty(&server->conns))
        conn_close(LIST_ENTRY(server->conns.next, struct conn, all));
    loop_timer_stop(&server->tick);
}

void server_renew_date(struct server *server)
{
    struct timespec wall;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME_COARSE, &wall);
    server->date_ms = loop_now_ms(server->loop);
    if (gmtime_r(&wall.tv_sec, &parts) != NULL)
        strftime(server->date, sizeof server->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}
