/* pg.c - statements on PostgreSQL: the driver that sql.c calls.
 * Does:     prepare each statement once a session; send in one write what belongs together (a `begin` with the first statement
 *           of its transaction, preparation with the first use); read its results; stop at the server what was cancelled.
 * Does not: open or pool connections, or block: see pg_session.c, pg_wait.c.
 *
 * A usual statement is Bind, Describe, Execute and Sync in one send, and one receive. What is new to the session goes out
 * as a pipeline: [deallocate an old one] [begin] [prepare] execute, sync; its results come in that order.
 * After a cancellation the results are still read to the end, for at most STOP_MS: what had been done by then is done.
 * See:      pg.h, sql_driver.h, t/92-postgres.t */
#include "worker/io/pg.h"

#include <libpq-fe.h>
#include <string.h>
#include <strings.h>

#include <galley/error.h>

enum { STOP_MS = 1000 };

/* One statement on its way. */
struct exchange {
    const struct sql_statement *statement;
    struct galley_sql_rows *rows;
    struct pg_args args;          /* in the arena until they are sent */
    struct pg_prepared *prepared; /* NULL: it is not kept */
    struct galley_scope shield;   /* open once it was stopped */
    int64_t count;    /* what it answers: of several results the last one, or the first error */
    int before_count; /* results of a pipeline that come before its own */
    int at;           /* which result comes next */
    bool was_prepared, is_prepared, has_evicted, is_pipeline, is_stopped, is_over;
    char state[6]; /* SQLSTATE of the first error; "" */
};

static struct pg_session *session_of(struct sql_conn *conn)
{
    return (struct pg_session *)(void *)conn;
}

/* ---- sending ---- */

static bool send_pipeline(struct pg_session *session, struct exchange *ex, const char *evicted)
{
    PGconn *pg = session->pg;
    const struct pg_args *args = &ex->args;
    char deallocate[sizeof "deallocate " + PG_NAME_BYTES] = "deallocate ";
    bool is_sent = PQenterPipelineMode(pg) == 1;
    ex->is_pipeline = true;
    ex->has_evicted = evicted[0] != '\0';
    if (is_sent && ex->has_evicted) {
        memcpy(deallocate + sizeof "deallocate " - 1, evicted, PG_NAME_BYTES);
        is_sent = PQsendQueryParams(pg, deallocate, 0, NULL, NULL, NULL, NULL, 0) == 1;
        ex->before_count++;
    }
    if (is_sent && session->is_begin_pending) {
        is_sent = PQsendQueryParams(pg, "begin", 0, NULL, NULL, NULL, NULL, 0) == 1;
        ex->before_count++;
    }
    if (is_sent && !ex->was_prepared) {
        is_sent = PQsendPrepare(pg, ex->prepared->name, ex->statement->sql, 0, NULL) == 1;
        ex->before_count++;
    }
    session->is_begin_pending = false;
    return is_sent &&
           PQsendQueryPrepared(pg, ex->prepared->name, args->count, args->values, args->lengths,
                               args->formats, 0) == 1 &&
           PQpipelineSync(pg) == 1;
}

/* 0; -ENOMEM with a sentence; -GALLEY_ELOST without. */
static int send_prepared(galley_async *co, struct pg_session *session, struct exchange *ex)
{
    char evicted[PG_NAME_BYTES] = "";
    const struct pg_args *args = &ex->args;
    ex->prepared = pg_cache_find(&session->cache, ex->statement->sql);
    ex->was_prepared = ex->prepared != NULL;
    if (!ex->was_prepared)
        ex->prepared = pg_cache_add(&session->cache, ex->statement->sql, evicted);
    if (ex->prepared == NULL)
        return coro_fail(co, ENOMEM, ex->statement->here, "no memory for a statement");
    bool is_sent = ex->was_prepared && !session->is_begin_pending
                       ? PQsendQueryPrepared(session->pg, ex->prepared->name, args->count,
                                             args->values, args->lengths, args->formats, 0) == 1
                       : send_pipeline(session, ex, evicted);
    return is_sent ? 0 : -GALLEY_ELOST;
}

/* Statements of our own, and scripts: as they are. */
static int send_text(struct pg_session *session, const struct exchange *ex)
{
    return PQsendQuery(session->pg, ex->statement->sql) == 1 ? 0 : -GALLEY_ELOST;
}

/* ---- results ---- */

static void take_error(galley_async *co, struct pg_session *session, struct exchange *ex,
                       const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (ex->count < 0)
        return;
    if (state)
        memcpy(ex->state, state, strnlen(state, sizeof ex->state - 1));
    if (!state)
        ex->count = pg_fail_lost(co, session, ex->statement->here);
    else if (ex->is_stopped && strcmp(state, "57014") == 0)
        ex->count = -ECANCELED;
    else
        ex->count = pg_fail_result(co, result, ex->statement->here);
}

static void take_result(galley_async *co, struct pg_session *session, struct exchange *ex,
                        const PGresult *result)
{
    switch (PQresultStatus(result)) {
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
        ex->is_prepared = ex->is_prepared || ex->at == ex->before_count - 1;
        if (ex->at >= ex->before_count && ex->count >= 0)
            ex->count = pg_rows_take(co, result, ex->statement, session->base.db->max_answer_bytes,
                                     ex->rows);
        break;
    case PGRES_EMPTY_QUERY:
    case PGRES_PIPELINE_ABORTED:
        break;
    case PGRES_PIPELINE_SYNC:
        ex->is_over = true;
        break;
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        session->base.is_broken = ex->is_over = true;
        ex->count = coro_fail(co, GALLEY_EREFUSED, ex->statement->here,
                              "copy from or to the client is not for galley_sql");
        break;
    default:
        take_error(co, session, ex, result);
    }
}

/* The scope ended while the statement runs: ask the server to stop it, and give both a second. */
static int stop_it(galley_async *co, struct pg_session *session, struct exchange *ex)
{
    if (ex->is_stopped || ex->statement->is_control)
        return -ECANCELED; /* a commit is not stopped, and nobody waits longer */
    int rc = galley_scope_open_shielded(co, &ex->shield, STOP_MS);
    if (rc < 0)
        return rc;
    ex->is_stopped = true;
    return pg_cancel_start(co, session);
}

/* Read until the server is ready for the next statement. 0; -errno: the connection is of no more use. */
static GALLEY_YIELDS int read_results(galley_async *co, struct pg_session *session,
                                      struct exchange *ex)
{
    while (!ex->is_over) {
        int rc = pg_await(co, session, ex->statement);
        if (rc == -ECANCELED)
            rc = stop_it(co, session, ex);
        else if (rc == 0) {
            PGresult *result = PQgetResult(session->pg);
            if (result) {
                take_result(co, session, ex, result);
                PQclear(result);
            } else {
                ex->at++;
                ex->is_over = !ex->is_pipeline || PQstatus(session->pg) == CONNECTION_BAD;
            }
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- the whole ---- */

/* The request to stop must not reach the next statement. */
static GALLEY_YIELDS int await_stop(galley_async *co, struct pg_session *session)
{
    while (session->cancel) {
        session->waiter = co;
        int rc = coro_suspend(co, "stop of a statement", INT64_MAX);
        session->waiter = NULL;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static void note_state(struct pg_session *session)
{
    PGTransactionStatusType status = PQtransactionStatus(session->pg);
    struct sql_conn *conn = &session->base;
    conn->is_in_transaction =
        session->is_begin_pending || status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
    conn->has_failed = status == PQTRANS_INERROR;
    if (status == PQTRANS_ACTIVE || status == PQTRANS_UNKNOWN || session->is_dying ||
        session->is_closed || PQstatus(session->pg) == CONNECTION_BAD)
        conn->is_broken = true;
}

/* Its error, where reading or sending ended with one. */
static int64_t broken(galley_async *co, struct pg_session *session, struct exchange *ex, int rc)
{
    session->base.is_broken = true;
    if (ex->count < 0)
        return ex->count; /* told already */
    if (rc == -ENOMEM)
        return rc;
    if (rc == -GALLEY_EANSWER_SIZE) {
        (void)pg_cancel_start(co, session);
        return coro_fail(co, rc, ex->statement->here, "the answer is larger than %llu bytes",
                         (unsigned long long)session->base.db->max_answer_bytes);
    }
    if (rc == -GALLEY_ELOST)
        return pg_fail_lost(co, session, ex->statement->here);
    if (ex->is_stopped || rc == -ECANCELED)
        return -ECANCELED;
    return coro_fail(co, rc, ex->statement->here, "%s: %s", session->base.db->name,
                     galley_error_text(rc));
}

/* Prepared long ago, and the server has forgotten it (the one that leaves, too), or a table has changed since. */
static bool is_stale(const struct exchange *ex)
{
    bool is_unknown = strcmp(ex->state, "26000") == 0;
    return ex->was_prepared ? is_unknown || strcmp(ex->state, "0A000") == 0
                            : is_unknown && ex->has_evicted;
}

/* What is kept, for the next statement and for who borrowed the session. */
static void settle(struct pg_session *session, const struct exchange *ex, int64_t count)
{
    if (ex->is_pipeline && !session->base.is_broken && !PQexitPipelineMode(session->pg))
        session->base.is_broken = true;
    note_state(session);
    if (session->base.is_broken && count < 0)
        conn_pool_suspect(session->base.db->pool);
    if (ex->prepared && count < 0 && (is_stale(ex) || !(ex->was_prepared || ex->is_prepared)))
        pg_cache_remove(&session->cache, ex->prepared);
}

/* Send, flush, read; `mark` is where the arena was before the arguments. What the statement answers. */
static GALLEY_YIELDS int64_t exchange(galley_async *co, struct pg_session *session,
                                      struct exchange *ex, const struct arena *mark)
{
    session->answer_bytes = 0;
    session->was_read = false;
    int rc = ex->statement->args ? send_prepared(co, session, ex) : send_text(session, ex);
    if (mark) /* libpq has a copy of its own */
        arena_rewind(co->arena, mark);
    if (rc == 0)
        rc = pg_flush(co, session, ex->statement);
    if (rc == 0)
        rc = read_results(co, session, ex);
    if (rc == 0 && ex->is_stopped)
        rc = await_stop(co, session);
    int64_t count = rc < 0 ? broken(co, session, ex, rc) : ex->count;
    if (ex->is_stopped) {
        int ended = galley_scope_close(co, &ex->shield);
        (void)ended; /* it shows in rc */
    }
    settle(session, ex, count);
    return count;
}

static GALLEY_YIELDS int64_t run_prepared(galley_async *co, struct pg_session *session,
                                          const struct sql_statement *statement,
                                          struct galley_sql_rows *rows, bool *is_to_be_repeated)
{
    struct exchange ex = {.statement = statement, .rows = rows};
    const struct arena mark = *co->arena;
    bool was_in_transaction = session->base.is_in_transaction;
    int rc = pg_args_make(co, statement, &ex.args);
    if (rc < 0)
        return rc;
    int64_t count = exchange(co, session, &ex, &mark);
    *is_to_be_repeated =
        count < 0 && is_stale(&ex) && !was_in_transaction && !session->base.is_broken;
    return count;
}

static GALLEY_YIELDS int64_t run_text(galley_async *co, struct pg_session *session, const char *sql,
                                      const char *here, struct galley_sql_rows *rows)
{
    const struct sql_statement text = {
        .sql = sql, .here = here, .is_control = true, .drops_rows = true};
    struct exchange ex = {.statement = &text, .rows = rows};
    return exchange(co, session, &ex, NULL);
}

/* `begin` waits for the next statement; where none came there is nothing to end. True: that was all. */
static bool is_left_out(struct pg_session *session, const char *control)
{
    bool begins = strcasecmp(control, "begin") == 0;
    bool ends = strcasecmp(control, "rollback") == 0 || strcasecmp(control, "commit") == 0;
    if (!begins && !(ends && session->is_begin_pending))
        return false;
    session->is_begin_pending = session->base.is_in_transaction = begins;
    return true;
}

static GALLEY_YIELDS int64_t pg_run(galley_async *co, struct sql_conn *conn,
                                    const struct sql_statement *statement,
                                    struct galley_sql_rows *rows)
{
    struct pg_session *session = session_of(conn);
    int rc = coro_check(co);
    *rows = (struct galley_sql_rows){0};
    if (rc < 0 || (statement->is_control && is_left_out(session, statement->sql)))
        return rc;
    if (statement->is_control && !session->is_begin_pending)
        return run_text(co, session, statement->sql, statement->here, rows);
    bool is_to_be_repeated = false;
    int64_t count = run_prepared(co, session, statement, rows, &is_to_be_repeated);
    if (is_to_be_repeated)
        count = run_prepared(co, session, statement, rows, &is_to_be_repeated);
    return count;
}

static GALLEY_YIELDS int pg_run_script(galley_async *co, struct sql_conn *conn, const char *script,
                                       const char *here)
{
    struct pg_session *session = session_of(conn);
    struct galley_sql_rows rows;
    int64_t count = 0;
    if (session->is_begin_pending) {
        session->is_begin_pending = false;
        count = run_text(co, session, "begin", here, &rows);
    }
    if (count >= 0)
        count = run_text(co, session, script, here, &rows);
    return count < 0 ? (int)count : 0;
}

const struct sql_driver pg_driver = {
    .scheme = "postgresql",
    .other_scheme = "postgres",
    .parse = pg_parse,
    .release = pg_release,
    .pool = {pg_open, pg_is_alive, pg_close},
    .run = pg_run,
    .run_script = pg_run_script,
    .lock_statement =
        "select pg_advisory_xact_lock(1733505136)", /* any number, the same everywhere */
    .begin_statement = "begin",
};
