/* redis_conn.c - one connection to a Redis: opened, kept, written once a turn, opened again.
 * Does:     connect and introduce itself in a coroutine of its own; then one edge-triggered event. Attempts that fail are
 *           repeated after 50 ms, doubling to 2 s, each pause shortened by chance, as long as somebody waits.
 * Does not: know what replies mean: see struct redis_conn_ops.
 * See:      redis.h (states), redis.c, redis_sub.c, t/95-redis.t */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/io/connect.h"
#include "worker/io/redis.h"
#include "worker/io/redis_tls.h"

enum {
    RETRY_FIRST_MS = 50,
    RETRY_LAST_MS = 2000,
    PROVEN_MS = 1000,      /* a connection that stood for so long was a good one */
    USER_WAIT_MS = 10000,  /* what is not acknowledged for so long is lost */
    READS_A_TURN = 16,     /* then others have a turn */
    OUT_KEEP_BYTES = 65536 /* an empty buffer that has grown beyond is given back */
};

static const char *state_name(unsigned state)
{
    static const char *const names[] = {
#define X(state) #state,
        REDIS_STATES(X)
#undef X
    };
    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

static void set_state(struct redis_conn *conn, enum redis_state next)
{
    static const uint8_t may_enter[] = {
        [REDIS_DOWN] = 1 << REDIS_CONNECTING,
        [REDIS_CONNECTING] = 1 << REDIS_UP | 1 << REDIS_DOWN,
        [REDIS_UP] = 1 << REDIS_DOWN,
    };
    GALLEY_BUG_IF((may_enter[conn->state] & 1 << next) == 0, "a connection to redis: %s -> %s",
                  state_name(conn->state), state_name(next));
    if (conn->state == REDIS_UP)
        conn->redis->remotes->stats->redis_connections_open--;
    else if (next == REDIS_UP)
        conn->redis->remotes->stats->redis_connections_open++;
    conn->state = (uint8_t)next;
}

static int64_t now_ms(const struct redis_conn *conn)
{
    return loop_now_ms(conn->redis->remotes->loop);
}

const char *redis_cause_text(int error)
{
    return error == -EPIPE ? "closed by the other side" : galley_error_text(error);
}

/* ---- down, and again ---- */

static void start_connecting(struct redis_conn *conn);

static void retry(void *arg)
{
    struct redis_conn *conn = arg;
    if (conn->state == REDIS_DOWN && conn->ops->is_wanted(conn))
        start_connecting(conn);
}

/* Full jitter would come too early too often, none would bring all workers at once: between half of the pause and all. */
static int64_t pause_ms(struct redis_conn *conn)
{
    if (conn->failures == 0)
        return 0;
    unsigned doublings = conn->failures < 8 ? conn->failures - 1 : 7;
    int64_t most_ms = (int64_t)RETRY_FIRST_MS << doublings;
    most_ms = most_ms < RETRY_LAST_MS ? most_ms : RETRY_LAST_MS;
    return most_ms / 2 + (int64_t)redis_random(conn->redis, (uint64_t)most_ms / 2 + 1);
}

static void plan_retry(struct redis_conn *conn)
{
    if (!conn->ops->is_wanted(conn))
        return;
    int64_t wait_ms = conn->retry_at_ms - now_ms(conn);
    loop_timer_start(conn->redis->remotes->loop, &conn->timer, wait_ms > 0 ? wait_ms : 0, retry,
                     conn);
}

/* Whether those who come now need not wait for the next attempt. */
static bool is_given_up(const struct redis_conn *conn)
{
    return conn->error == -GALLEY_EREFUSED || conn->error == -GALLEY_ETLS ||
           now_ms(conn) - conn->down_since_ms >= REDIS_PATIENCE_MS;
}

static void go_down(struct redis_conn *conn)
{
    set_state(conn, REDIS_DOWN);
    if (conn->down_since_ms == 0)
        conn->down_since_ms = now_ms(conn);
    conn->retry_at_ms = now_ms(conn) + pause_ms(conn);
    int64_t end_ms = conn->down_since_ms + REDIS_PATIENCE_MS; /* who waits is told then */
    if (now_ms(conn) < end_ms && conn->retry_at_ms > end_ms)
        conn->retry_at_ms = end_ms;
}

static void attempt_failed(struct redis_conn *conn, int error)
{
    conn->error = error;
    conn->failures++;
    go_down(conn);
    if (conn->failures == 1 || error != -ECONNREFUSED)
        log_line(LOG_LEVEL_WARN, "redis_down", "%s", conn->why);
    if (is_given_up(conn) || error == -ECANCELED)
        conn->ops->gave_up(conn);
    plan_retry(conn);
}

static void hang_up(struct redis_conn *conn, int fd)
{
    redis_tls_close(conn->ssl);
    conn->ssl = NULL;
    close(fd);
}

/* It was UP. What was sent and not answered is lost; what was not sent stays for the next connection. */
static void break_up(struct redis_conn *conn, int error)
{
    bool was_good = conn->has_worked || now_ms(conn) - conn->up_since_ms >= PROVEN_MS;
    conn->error = error;
    conn->failures = was_good ? 0 : conn->failures + 1;
    loop_event_stop(&conn->event);
    list_remove(&conn->dirty);
    hang_up(conn, conn->fd);
    conn->fd = -1;
    redis_reader_release(&conn->reader);
    go_down(conn);
    conn->ops->broke(conn, error);
    plan_retry(conn);
}

static void say_broken(struct redis_conn *conn, int error)
{
    snprintf(conn->why, sizeof conn->why, "the connection to %s is lost: %s",
             conn->redis->url.shown, redis_cause_text(error));
    if (conn->ops->expects_reply(conn) || error == -GALLEY_EGARBLED)
        log_line(LOG_LEVEL_WARN, "redis_lost", "%s", conn->why);
    break_up(conn, error);
}

/* ---- bytes, by TLS or without ---- */

static ssize_t send_some(const struct redis_conn *conn, int fd, const struct buf *out)
{
    return conn->ssl ? redis_tls_send(conn->ssl, buf_at(out), buf_len(out))
                     : send(fd, buf_at(out), buf_len(out), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t receive_some(const struct redis_conn *conn, int fd, char *in)
{
    return conn->ssl ? redis_tls_recv(conn->ssl, in, REDIS_IN_BYTES)
                     : recv(fd, in, REDIS_IN_BYTES, MSG_DONTWAIT);
}

/* ---- up ---- */

/* True: it broke. */
static bool flush(struct redis_conn *conn)
{
    while (buf_len(&conn->out) > 0) {
        ssize_t n = send_some(conn, conn->fd, &conn->out);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return false; /* the event tells when there is room */
        if (n < 0) {
            say_broken(conn, -errno);
            return true;
        }
        buf_consume(&conn->out, (size_t)n);
    }
    if (conn->out.capacity > OUT_KEEP_BYTES)
        buf_clear(&conn->out);
    return false;
}

/* 1 there may be more, 0 all is read, negative: the connection must end. */
static int read_some(struct redis_conn *conn, bool is_closing)
{
    char *in = conn->redis->in;
    ssize_t n = receive_some(conn, conn->fd, in);
    if (n == 0)
        return -EPIPE;
    if (n < 0)
        return errno == EINTR ? 1 : errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    uint64_t ended_bytes = conn->reader.ended_bytes;
    int rc = redis_reader_feed(&conn->reader, in, (size_t)n);
    if (rc == 0)
        rc = conn->ops->read(conn);
    if (rc < 0)
        return rc;
    if (conn->reader.ended_bytes != ended_bytes)
        conn->has_worked = true;
    /* A reset behind the last bytes would bring no event any more: who still waits looks again. A record of TLS is what one
     * read brings, whatever else is there. */
    return n == REDIS_IN_BYTES || conn->ssl != NULL || is_closing || conn->ops->expects_reply(conn);
}

static void conn_ready(void *arg, int fd, unsigned what)
{
    struct redis_conn *conn = arg;
    (void)fd;
    int rc = 1;
    for (int i = 0; i < READS_A_TURN && rc > 0; i++)
        rc = read_some(conn, (what & LOOP_CLOSED) != 0);
    if (rc < 0) {
        say_broken(conn, rc);
        return;
    }
    if (rc > 0)
        loop_event_fire(&conn->event, what);
    if ((what & LOOP_WRITE) && buf_len(&conn->out) > 0)
        (void)flush(conn);
}

static int go_up(struct redis_conn *conn, int fd)
{
    int rc = loop_event_start(conn->redis->remotes->loop, &conn->event, fd,
                              LOOP_READ | LOOP_WRITE | LOOP_CLOSED | LOOP_EDGE, conn_ready, conn);
    if (rc < 0)
        return rc;
    set_state(conn, REDIS_UP);
    conn->fd = fd;
    conn->has_worked = false;
    conn->up_since_ms = now_ms(conn);
    conn->down_since_ms = 0;
    if (conn->failures > 0)
        log_line(LOG_LEVEL_NOTICE, "redis_up", "%s after %u attempts", conn->redis->url.shown,
                 conn->failures + 1);
    conn->ops->went_up(conn);
    redis_conn_send(conn);
    return 0;
}

/* ---- the introduction, in the connector's coroutine ---- */

static GALLEY_YIELDS int send_all(galley_async *co, const struct redis_conn *conn, int fd,
                                  struct buf *out, int64_t until_ms)
{
    while (buf_len(out) > 0) {
        ssize_t n = send_some(conn, fd, out);
        if (n >= 0) {
            buf_consume(out, (size_t)n);
            continue;
        }
        int rc = errno == EAGAIN
                     ? galley_wait_fd(co, fd, GALLEY_WRITE, until_ms - galley_now_ms(co))
                     : -errno;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Wait for one reply, which is no error. */
static GALLEY_YIELDS int expect_good(galley_async *co, struct redis_conn *conn, int fd,
                                     struct arena *arena, int64_t until_ms)
{
    struct redis_reader *reader = &conn->reader;
    char *in = conn->redis->in;
    int rc;
    while ((rc = redis_reader_next(reader, arena, true)) == 0) {
        ssize_t n = receive_some(conn, fd, in);
        if (n == 0)
            return -ECONNRESET;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        int64_t left_ms = until_ms - galley_now_ms(co);
        rc = n > 0 ? redis_reader_feed(reader, in, (size_t)n)
                   : galley_wait_fd(co, fd, GALLEY_READ, left_ms > 0 ? left_ms : 0);
        if (rc < 0)
            return rc;
    }
    if (rc < 0 || !reader->root)
        return rc < 0 ? rc : -ENOMEM;
    if (reader->root->kind != GALLEY_REDIS_ERROR)
        return 0;
    snprintf(conn->why, sizeof conn->why, "%s: %s", conn->redis->url.shown,
             reader->root->text.data);
    return redis_error_of(reader->root->text);
}

/* AUTH where the URL has a password, and SELECT always: who gets its answer speaks to a Redis that is ready. */
static GALLEY_YIELDS int introduce(galley_async *co, struct redis_conn *conn, int fd,
                                   int64_t until_ms)
{
    const struct redis_url *url = &conn->redis->url;
    struct galley_redis_arg auth[3] = {galley__redis_text("AUTH")};
    struct galley_redis_arg choose[2] = {galley__redis_text("SELECT"),
                                         galley__redis_int(url->number)};
    char memory[256];
    struct arena arena;
    struct buf out;
    size_t count = 1;
    int replies = url->has_password ? 2 : 1;
    if (url->user[0] != '\0')
        auth[count++] = galley__redis_text(url->user);
    auth[count++] = galley__redis_text(url->password);
    buf_init(&out, REDIS_IN_BYTES);
    arena_init(&arena, memory, sizeof memory, REDIS_IN_BYTES);
    int rc = url->has_password ? redis_write(&out, auth, count) : 0;
    if (rc == 0)
        rc = redis_write(&out, choose, 2);
    if (rc == 0)
        rc = send_all(co, conn, fd, &out, until_ms);
    for (int i = 0; i < replies && rc == 0; i++)
        rc = expect_good(co, conn, fd, &arena, until_ms);
    if (rc == 0 && redis_reader_is_amid(&conn->reader))
        rc = -GALLEY_EGARBLED;
    arena_release(&arena);
    buf_release(&out);
    return rc;
}

/* TLS, where the URL asks for it. */
static GALLEY_YIELDS int secure(galley_async *co, struct redis_conn *conn, int fd, int64_t until_ms)
{
    const char *why = NULL;
    if (conn->redis->tls == NULL)
        return 0;
    conn->ssl = redis_tls_open(conn->redis->tls, fd, conn->redis->url.host);
    if (conn->ssl == NULL)
        return -ENOMEM;
    int rc = redis_tls_shake_hands(co, conn->ssl, until_ms, &why);
    if (rc == -GALLEY_ETLS)
        snprintf(conn->why, sizeof conn->why, "cannot connect to %s: TLS: %s",
                 conn->redis->url.shown, why ? why : "failed");
    return rc;
}

static GALLEY_YIELDS int connect_once(galley_async *co, struct redis_conn *conn)
{
    galley_redis *redis = conn->redis;
    const struct connect_opts opts = {
        .path = redis->url.is_unix ? redis->url.host : NULL,
        .host = redis->url.host,
        .port = redis->url.port,
        .timeout_ms = redis->connect_ms,
        .user_wait_ms = USER_WAIT_MS,
        .what = redis->url.shown,
    };
    int64_t until_ms = galley_now_ms(co) + redis->connect_ms;
    int fd = connect_open(co, &opts, GALLEY_HERE);
    if (fd < 0)
        return fd;
    co->waiting_what = redis->url.shown;
    int rc = redis_reader_init(&conn->reader, redis->max_answer_bytes);
    if (rc == 0)
        rc = secure(co, conn, fd, until_ms);
    if (rc == 0)
        rc = introduce(co, conn, fd, until_ms);
    co->waiting_what = NULL;
    if (rc == 0)
        rc = go_up(conn, fd);
    if (rc == 0)
        return 0;
    redis_reader_release(&conn->reader);
    hang_up(conn, fd);
    return rc;
}

static GALLEY_YIELDS int connect_task(galley_async *co, struct redis_conn *conn)
{
    int rc = connect_once(co, conn);
    if (rc == 0)
        return 0;
    /* These have said why, or the server has. */
    if (rc != -GALLEY_EREFUSED && rc != -GALLEY_ENOT_READY && rc != -GALLEY_ETLS)
        snprintf(conn->why, sizeof conn->why, "cannot connect to %s: %s", conn->redis->url.shown,
                 galley_error_text(rc));
    attempt_failed(conn, rc);
    return 0;
}

static GALLEY_YIELDS void connect_main(galley_async *co, void *arg)
{
    (void)connect_task(co, arg);
}

static void start_connecting(struct redis_conn *conn)
{
    struct sched *sched = conn->redis->remotes->sched;
    galley_async *current = sched_current(sched);
    const struct coro_opts opts = {
        .name = "redis connection", .entry = connect_main, .arg = conn, .timeout_ms = -1};
    loop_timer_stop(&conn->timer);
    set_state(conn, REDIS_CONNECTING);
    if (conn->failures == 0) /* nobody knew that it is away */
        conn->down_since_ms = now_ms(conn);
    int rc = current ? galley_background(current, connect_task, conn) : coro_start(sched, &opts);
    if (rc < 0) {
        snprintf(conn->why, sizeof conn->why, "cannot connect to %s: no coroutine is left",
                 conn->redis->url.shown);
        attempt_failed(conn, -EAGAIN);
    }
}

/* ---- for the others ---- */

bool redis_conn_is_usable(const struct redis_conn *conn)
{
    return conn->state != REDIS_DOWN || now_ms(conn) >= conn->retry_at_ms;
}

int redis_conn_want(struct redis_conn *conn)
{
    if (conn->state != REDIS_DOWN)
        return 0;
    if (now_ms(conn) < conn->retry_at_ms) {
        if (is_given_up(conn))
            return conn->error;
        loop_timer_start(conn->redis->remotes->loop, &conn->timer, conn->retry_at_ms - now_ms(conn),
                         retry, conn);
        return 0;
    }
    start_connecting(conn);
    return conn->state == REDIS_DOWN ? conn->error : 0;
}

void redis_conn_send(struct redis_conn *conn)
{
    if (conn->state == REDIS_UP && list_is_empty(&conn->dirty) && buf_len(&conn->out) > 0)
        list_append(&conn->redis->remotes->unsent, &conn->dirty);
}

bool redis_flush(struct remotes *remotes)
{
    struct list *node;
    bool has_broken = false;
    while ((node = list_take_first(&remotes->unsent)) != NULL)
        has_broken |= flush(LIST_ENTRY(node, struct redis_conn, dirty));
    return has_broken;
}

void redis_conn_init(struct redis_conn *conn, galley_redis *redis, const struct redis_conn_ops *ops)
{
    *conn = (struct redis_conn){.redis = redis, .ops = ops, .fd = -1};
    list_init(&conn->dirty);
    buf_init(&conn->out, REDIS_OUT_MAX_BYTES);
}

void redis_conn_release(struct redis_conn *conn)
{
    loop_event_stop(&conn->event);
    loop_timer_stop(&conn->timer);
    list_remove(&conn->dirty);
    if (conn->state == REDIS_UP)
        set_state(conn, REDIS_DOWN);
    if (conn->fd >= 0)
        hang_up(conn, conn->fd);
    redis_reader_release(&conn->reader);
    buf_release(&conn->out);
}
