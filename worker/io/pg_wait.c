/* pg_wait.c - libpq on the loop: send what it has to send, read until it has a result.
 * Does:     one send and one receive for a statement of usual size; count what a large answer brings; see every end.
 * Does not: judge results (pg.c), or change what the loop watches but while the kernel takes no more.
 *
 * The event is edge-triggered, and libpq reads once a call without telling what it got. So the first read of an answer
 * follows the event; where the answer was not complete the socket itself is asked whether there is more, be it data, an
 * end or an error: the edge of that may have come together with what was read. An end that came together with the answer
 * before is remembered (is_closed): of the statement after it no more than the send might fail, which libpq keeps to itself.
 * See:      pg.h */
#include <libpq-fe.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "worker/io/pg.h"

static GALLEY_YIELDS int suspend(galley_async *co, struct pg_session *session,
                                 const struct sql_statement *statement)
{
    sched_expect_events(co->sched, +1);
    session->waiter = co;
    int rc = coro_suspend_for(co, "database", statement->sql, statement->here, INT64_MAX);
    session->waiter = NULL;
    sched_expect_events(co->sched, -1);
    return rc;
}

static void on_writable(void *arg, int fd, unsigned what)
{
    struct pg_session *session = arg;
    (void)fd;
    (void)what;
    if (session->waiter)
        coro_wake(session->waiter, 0);
}

/* The kernel takes no more: the server may wait for us to read, too. */
static GALLEY_YIELDS int flush_slowly(galley_async *co, struct pg_session *session,
                                      const struct sql_statement *statement)
{
    struct loop_event writable = {.fn = NULL};
    int rc = loop_event_start(sched_loop(co->sched), &writable, PQsocket(session->pg),
                              LOOP_WRITE | LOOP_EDGE, on_writable, session);
    while (rc == 0) {
        int left = PQflush(session->pg);
        if (left <= 0) {
            rc = left < 0 ? -GALLEY_ELOST : 0;
            break;
        }
        rc = suspend(co, session, statement);
        if (session->has_news) {
            session->has_news = false;
            session->was_read = true; /* perhaps not all of it */
            if (!PQconsumeInput(session->pg))
                rc = -GALLEY_ELOST;
        }
    }
    loop_event_stop(&writable);
    return rc;
}

int pg_flush(galley_async *co, struct pg_session *session, const struct sql_statement *statement)
{
    int left = PQflush(session->pg);
    if (left < 0)
        return -GALLEY_ELOST;
    return left == 0 ? 0 : flush_slowly(co, session, statement);
}

/* ---- what there is to read ---- */

static int pending_bytes(const struct pg_session *session)
{
    int count = 0;
    return ioctl(PQsocket(session->pg), FIONREAD, &count) == 0 ? count : 0;
}

/* Whether there is more to read, or the end. */
static bool has_more(struct pg_session *session)
{
    session->pending_bytes = pending_bytes(session);
    if (session->pending_bytes > 0 || (session->is_tls && pg_tls_has_more(session->pg)))
        return true;
    struct pollfd end = {.fd = PQsocket(session->pg), .events = POLLIN | POLLRDHUP};
    return poll(&end, 1, 0) > 0;
}

/* ---- how much libpq reads, which it does not tell: as much as it has room for, and that is as much as the largest row
 * that this connection ever had; the server fills the socket again meanwhile, so that what is left there tells nothing ---- */

/* Where the next peek at a UNIX socket would begin: each read moves it towards 0. -1: at what is next, as ever. */
static void set_place(const struct pg_session *session, int place)
{
    if (!session->is_tls && session->is_unix)
        (void)setsockopt(PQsocket(session->pg), SOL_SOCKET, SO_PEEK_OFF, &place, sizeof place);
}

static int64_t tcp_read_bytes(const struct pg_session *session)
{
    struct tcp_info info = {.tcpi_bytes_received = 0};
    socklen_t size = sizeof info;
    (void)getsockopt(PQsocket(session->pg), IPPROTO_TCP, TCP_INFO, &info, &size);
    return (int64_t)info.tcpi_bytes_received - pending_bytes(session);
}

/* Since the place was set; with TLS and TCP since some moment before. */
static int64_t read_bytes(const struct pg_session *session)
{
    int place = INT_MAX;
    socklen_t size = sizeof place;
    if (session->is_tls)
        return (int64_t)pg_tls_read_bytes(session->pg);
    if (!session->is_unix)
        return tcp_read_bytes(session);
    (void)getsockopt(PQsocket(session->pg), SOL_SOCKET, SO_PEEK_OFF, &place, &size);
    return INT_MAX - place;
}

/* 0; -GALLEY_ELOST. Answers that come at once, as most do, are not worth to be counted. */
static int read_once(struct pg_session *session)
{
    bool is_counted = session->is_tls || session->pending_bytes > 0;
    session->pending_bytes = 0;
    if (!is_counted)
        return PQconsumeInput(session->pg) ? 0 : -GALLEY_ELOST;
    set_place(session, INT_MAX);
    int64_t known = read_bytes(session);
    int is_alive = PQconsumeInput(session->pg);
    int64_t count = read_bytes(session) - known;
    set_place(session, -1);
    session->answer_bytes += count > 0 ? (uint64_t)count : 0;
    return is_alive ? 0 : -GALLEY_ELOST;
}

/* ---- the whole ---- */

/* Once something was read, or the server has left, the edges tell no more. */
static bool must_ask(const struct pg_session *session)
{
    return session->was_read || session->is_closed || session->is_dying;
}

int pg_await(galley_async *co, struct pg_session *session, const struct sql_statement *statement)
{
    while (PQisBusy(session->pg)) {
        while (must_ask(session) ? !has_more(session) : !session->has_news) {
            int rc = suspend(co, session, statement);
            if (rc < 0)
                return rc;
        }
        session->has_news = false;
        session->was_read = true;
        int rc = read_once(session);
        if (rc < 0)
            return rc;
        if (session->answer_bytes > session->base.db->max_answer_bytes)
            return -GALLEY_EANSWER_SIZE;
        coro_spend(co);
    }
    return 0;
}
