/* pg_session.c - a connection to PostgreSQL from its start to its end.
 * Does:     connect without blocking, each address of the host in turn; watch the socket; notice a server that leaves.
 * Does not: run statements (pg.c). Everything that libpq would resolve is resolved before.
 * See:      pg.h */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <galley/error.h>

#include "common/log.h"
#include "worker/io/pg.h"
#include "worker/io/resolve.h"

enum { ADDRESS_BYTES = 64 };

/* ---- what the server says without being asked ---- */

static void on_notice(void *arg, const PGresult *notice)
{
    struct pg_session *session = arg;
    const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    const char *state = PQresultErrorField(notice, PG_DIAG_SQLSTATE);
    if ((severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0)) ||
        (state && strncmp(state, "57P", 3) == 0))
        session->is_dying = true;
    log_line(LOG_LEVEL_DEBUG, "sql_notice", "%s: %s: %s", session->base.db->name, severity ?: "?",
             text ?: "?");
}

bool pg_is_alive(struct pooled *conn)
{
    struct pg_session *session = pg_session_of(conn);
    char byte;
    for (;;) {
        ssize_t got = recv(PQsocket(session->pg), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        session->has_news = false;
        if (got < 0)
            return errno == EAGAIN && !session->is_dying && !session->is_closed;
        if (got == 0)
            return false;
        /* A parameter that was changed, a notice, a ticket of TLS: or why it is ended. */
        if (!PQconsumeInput(session->pg) || PQisBusy(session->pg) || session->is_dying)
            return false;
    }
}

static void on_event(void *arg, int fd, unsigned what)
{
    struct pg_session *session = arg;
    (void)fd;
    session->has_news = true;
    session->is_closed = session->is_closed || (what & LOOP_CLOSED);
    if (session->waiter) {
        coro_wake(session->waiter, 0);
    } else if (!list_is_empty(&session->base.pooled.link) && !pg_is_alive(&session->base.pooled)) {
        log_line(LOG_LEVEL_INFO, "sql_lost", "%s: the server has closed an idle connection",
                 session->base.db->name);
        conn_pool_drop(session->base.db->pool, &session->base.pooled);
    }
}

/* ---- the end ---- */

void pg_close(struct pooled *conn)
{
    struct pg_session *session = pg_session_of(conn);
    loop_event_stop(&session->event);
    pg_cancel_forget(session);
    PQfinish(session->pg);
    pg_cache_release(&session->cache);
    free(session);
}

/* ---- the start ---- */

static struct pg_session *session_new(struct sql_db *db)
{
    struct pg_session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return NULL;
    list_init(&session->base.pooled.link);
    session->base.db = db;
    pg_cache_init(&session->cache);
    return session;
}

/* One address. 0; -ECANCELED, or what pg_fail_open says. */
static GALLEY_YIELDS int shake_hands(galley_async *co, struct pg_session *session,
                                     const char *address, const char *here)
{
    const struct pg_settings *settings = pg_settings_of(session);
    settings->values[0] = address;
    session->pg = PQconnectStartParams(settings->keywords, settings->values, 0);
    if (session->pg == NULL)
        return coro_fail(co, ENOMEM, here, "no memory for a connection");
    PQsetErrorVerbosity(
        session->pg, PQERRORS_VERBOSE); /* with the SQLSTATE, which it has no other way to tell */
    PQsetNoticeReceiver(session->pg, on_notice, session);
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (PQstatus(session->pg) != CONNECTION_BAD) {
        int rc =
            galley__wait_fd(co, PQsocket(session->pg),
                            state == PGRES_POLLING_READING ? GALLEY_READ : GALLEY_WRITE, -1, here);
        if (rc < 0)
            return rc;
        state = PQconnectPoll(session->pg);
        if (state == PGRES_POLLING_OK)
            return 0;
        if (state == PGRES_POLLING_FAILED)
            break;
    }
    return pg_fail_open(co, session->base.db, session->pg, here);
}

/* What every statement relies on, whatever the server's defaults are. */
static GALLEY_YIELDS int prepare_session(galley_async *co, struct pg_session *session,
                                         const char *here)
{
    PQsetnonblocking(session->pg, 1);
    int domain = AF_INET;
    socklen_t size = sizeof domain;
    (void)getsockopt(PQsocket(session->pg), SOL_SOCKET, SO_DOMAIN, &domain, &size);
    session->is_unix = domain == AF_UNIX;
    session->is_tls = PQsslInUse(session->pg);
    PQsetErrorVerbosity(session->pg, PQERRORS_DEFAULT);
    int rc = loop_event_start(sched_loop(co->sched), &session->event, PQsocket(session->pg),
                              LOOP_READ | LOOP_CLOSED | LOOP_EDGE, on_event, session);
    if (rc < 0)
        return coro_fail(co, rc, here, "%s: the connection cannot be watched: %s",
                         session->base.db->name, galley_error_text(rc));
    const char *dates = PQparameterStatus(session->pg, "DateStyle");
    if (dates && strncmp(dates, "ISO", 3) == 0)
        return 0;
    return pg_driver.run_script(co, &session->base, "set datestyle to 'ISO'", here);
}

static GALLEY_YIELDS int try_address(galley_async *co, struct sql_db *db, const char *address,
                                     struct pg_session **made, const char *here)
{
    struct galley_scope scope;
    struct pg_session *session = session_new(db);
    const struct pg_settings *settings = db->settings;
    if (session == NULL)
        return coro_fail(co, ENOMEM, here, "no memory for a connection");
    galley_scope_open(co, &scope, settings->connect_ms);
    int rc = shake_hands(co, session, address, here);
    if (rc == 0)
        rc = prepare_session(co, session, here);
    int ended = galley__scope_close(co, &scope, here);
    if (rc == 0) {
        *made = session;
        return 0;
    }
    pg_close(&session->base.pooled);
    if (rc == -ECANCELED && ended == -ETIMEDOUT)
        return coro_fail(co, ETIMEDOUT, here, "cannot reach %s within %lld ms", db->name,
                         (long long)settings->connect_ms);
    return rc;
}

/* One address after the other, as the resolver has put them. */
static GALLEY_YIELDS int try_host(galley_async *co, struct sql_db *db, struct pg_session **made,
                                  const char *here)
{
    const struct pg_settings *settings = db->settings;
    struct resolved found;
    char address[ADDRESS_BYTES];
    int rc = resolve(co, settings->host, settings->port, &found, here);
    if (rc < 0)
        return rc;
    rc = -GALLEY_ENAME;
    for (size_t i = 0; i < found.count; i++) {
        resolve_print(&found.at[i], address, sizeof address);
        rc = try_address(co, db, address, made, here);
        if (rc == 0 || rc == -ECANCELED)
            break;
    }
    return rc;
}

int pg_open(galley_async *co, void *arg, struct pooled **conn, const char *here)
{
    struct sql_db *db = arg;
    const struct pg_settings *settings = db->settings;
    struct pg_session *session = NULL;
    int rc = settings->host ? try_host(co, db, &session, here)
                            : try_address(co, db, NULL, &session, here);
    if (rc < 0)
        return rc;
    *conn = &session->base.pooled;
    return 0;
}
