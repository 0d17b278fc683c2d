/* sql.c - databases of a worker: open, run statements, close.
 * Does:     find the driver by the URL; check a statement before it travels; borrow a connection and see that it comes back
 *           at rest; count.
 * Does not: know a database's library (sql_driver.h), read rows into models (worker/app/sql_rows.c).
 *
 * A statement on a database borrows a connection for itself; in a transaction (sql_tx.c) it takes its turn on the one that
 * the transaction holds.
 * See:      galley/sql.h, t/unit/worker/io/sql_client.c */
#include "worker/io/sql.h"

#include <stdlib.h>
#include <string.h>

enum { ROLLBACK_MS = 1000, CONNECTIONS_DEFAULT = 4, CONNECTIONS_MAX = 64 };
static const uint64_t answer_default_bytes = 16 << 20;

static const struct sql_driver *const drivers[] = {&sqlite_driver, &pg_driver};

/* ---- connections ---- */

int sql_take(galley_async *co, struct sql_db *db, struct sql_conn **conn, const char *here)
{
    struct pooled *pooled = NULL;
    int rc = conn_pool_take(co, db->pool, &pooled, here);
    *conn = (struct sql_conn *)(void *)pooled;
    return rc;
}

void sql_give(galley_async *co, struct conn_pool *pool, struct sql_conn *conn)
{
    if (!conn->is_broken && (conn->is_in_transaction || conn->has_failed) &&
        sql_control_shielded(co, conn, "rollback", ROLLBACK_MS, NULL) < 0)
        conn->is_broken = true;
    conn->has_failed = false;
    conn_pool_give(pool, &conn->pooled, !conn->is_broken && !conn->is_in_transaction);
}

int64_t sql_control(galley_async *co, struct sql_conn *conn, const char *sql, const char *here)
{
    static const struct galley__sql_args none = {0};
    struct galley_sql_rows rows;
    return conn->db->driver->run(
        co, conn,
        &(struct sql_statement){
            .sql = sql, .args = &none, .here = here, .is_control = true, .drops_rows = true},
        &rows);
}

int64_t sql_control_shielded(galley_async *co, struct sql_conn *conn, const char *sql,
                             int64_t limit_ms, const char *here)
{
    struct galley_scope shield;
    int rc = galley_scope_open_shielded(co, &shield, limit_ms);
    if (rc < 0)
        return rc;
    int64_t done = sql_control(co, conn, sql, here);
    rc = galley_scope_close(co, &shield);
    if (done >= 0 || (done != -ECANCELED && rc != -ETIMEDOUT))
        return done;
    conn->is_broken = true;
    return coro_fail(co, GALLEY_ELOST, here, "%s: no answer to '%s' within %lld ms", conn->db->name,
                     sql, (long long)limit_ms);
}

/* ---- statements ---- */

/* What can be seen before a database sees it. */
static int check(galley_async *co, const galley_sql *handle, const char *sql,
                 const struct galley__sql_args *args, const char *here)
{
    if (handle == NULL)
        return coro_fail(co, EINVAL, here,
                         "the database was not opened: galley_sql_open in the "
                         "start hook does it");
    if (co->arena == NULL)
        return coro_fail(co, EINVAL, here, "this coroutine has no memory for rows");
    int count = sql_text_arg_count(sql);
    if (count < 0 || (size_t)count != args->count)
        return coro_fail(co, GALLEY_EREFUSED, here,
                         "$%d is the last argument of '%.80s', and there are %zu", count, sql,
                         args->count);
    if (sql_text_is_control(sql))
        return coro_fail(co, GALLEY_EREFUSED, here,
                         "galley_sql_transaction begins and ends transactions, not '%.80s'", sql);
    return 0;
}

static GALLEY_YIELDS int64_t run_in(galley_async *co, struct conn_pool *pool,
                                    const struct sql_statement *statement,
                                    struct galley_sql_rows *rows)
{
    struct pooled *pooled = NULL;
    int rc = conn_pool_take(co, pool, &pooled, statement->here);
    if (rc < 0)
        return rc;
    struct sql_conn *conn = (struct sql_conn *)(void *)pooled;
    int64_t count = conn->db->driver->run(co, conn, statement, rows);
    sql_give(co, pool, conn);
    return count;
}

static GALLEY_YIELDS int64_t run_on_database(galley_async *co, const struct sql_db *db,
                                             const struct sql_statement *statement,
                                             struct galley_sql_rows *rows)
{
    int64_t count = SQL_NEEDS_WRITER;
    if (db->readers != NULL && sql_text_may_read(statement->sql))
        count = run_in(co, db->readers, statement, rows);
    if (count != SQL_NEEDS_WRITER)
        return count;
    int rc = sql_tx_check_free(co, db, statement->here);
    return rc < 0 ? rc : run_in(co, db->pool, statement, rows);
}

static GALLEY_YIELDS int64_t run_in_transaction(galley_async *co, struct sql_tx *tx,
                                                const struct sql_statement *statement,
                                                struct galley_sql_rows *rows)
{
    int rc = sql_tx_enter(co, tx, statement->here);
    if (rc < 0)
        return rc;
    struct sql_conn *conn = sql_tx_conn(tx);
    int64_t count = conn->db->driver->run(co, conn, statement, rows);
    sql_tx_leave(tx);
    return count;
}

static GALLEY_YIELDS int64_t run(galley_async *co, galley_sql *handle, const char *sql,
                                 const struct galley__sql_args *args, const char *here,
                                 bool drops_rows, struct galley_sql_rows *rows)
{
    *rows = (struct galley_sql_rows){0};
    int64_t count = check(co, handle, sql, args, here);
    if (count < 0)
        return count;
    struct stats *stats = handle->db->remotes->stats;
    const struct sql_statement statement = {
        .sql = sql, .args = args, .here = here, .drops_rows = drops_rows};
    stats->sql_statements_total++;
    count = handle->tx != NULL ? run_in_transaction(co, handle->tx, &statement, rows)
                               : run_on_database(co, handle->db, &statement, rows);
    if (count < 0)
        stats->sql_failed_total++;
    return count;
}

int64_t galley__sql_exec(galley_async *co, galley_sql *db, const char *sql,
                         const struct galley__sql_args *args, const char *here)
{
    struct galley_sql_rows rows;
    int64_t count = run(co, db, sql, args, here, true, &rows);
    return count < 0 ? count : rows.changed_count;
}

int64_t galley__sql_query(galley_async *co, galley_sql *db, struct galley_sql_rows *rows,
                          const char *sql, const struct galley__sql_args *args, const char *here)
{
    return run(co, db, sql, args, here, false, rows);
}

/* ---- opening ---- */

static bool free_db(struct sql_db *db)
{
    list_remove(&db->in_remotes);
    if (db->pool != NULL)
        conn_pool_free(db->pool);
    if (db->readers != NULL)
        conn_pool_free(db->readers);
    if (!db->driver->release(db))
        return false; /* a thread still looks into it: the process is about to end */
    free(db->name);
    free(db->url);
    free(db);
    return true;
}

static bool has_scheme(const char *url, const char *scheme)
{
    size_t len = scheme != NULL ? strlen(scheme) : 0;
    return len > 0 && strncmp(url, scheme, len) == 0 && url[len] == ':';
}

static const struct sql_driver *find_driver(const char *url)
{
    for (size_t i = 0; url != NULL && i < sizeof drivers / sizeof drivers[0]; i++) {
        if (has_scheme(url, drivers[i]->scheme) || has_scheme(url, drivers[i]->other_scheme))
            return drivers[i];
    }
    return NULL;
}

/* The pools: of a driver with readers one connection writes, the others read. */
static int open_pools(struct sql_db *db, const struct galley_sql_opts *opts)
{
    struct sched *sched = db->remotes->sched;
    bool has_readers = db->driver->readers.open != NULL && db->connections > 1;
    struct conn_pool_opts pool_opts = {
        .max_open = has_readers ? 1 : (size_t)db->connections,
        .max_waiting = (size_t)opts->max_waiting,
        .max_wait_ms = opts->max_wait_ms,
        .kind = db->driver->scheme,
    };
    db->has_one_writer = pool_opts.max_open == 1;
    db->pool = conn_pool_new(sched, &db->driver->pool, db, &pool_opts);
    if (db->pool == NULL || !has_readers)
        return db->pool != NULL ? 0 : -ENOMEM;
    pool_opts.max_open = (size_t)db->connections - 1;
    db->readers = conn_pool_new(sched, &db->driver->readers, db, &pool_opts);
    return db->readers != NULL ? 0 : -ENOMEM;
}

static int make(galley_async *co, const struct galley_sql_opts *opts, struct sql_db **made,
                const char *here)
{
    struct errmsg why = {{0}};
    const struct sql_driver *driver = find_driver(opts->url);
    if (driver == NULL)
        return coro_fail(co, EINVAL, here,
                         "%s is no database: a URL begins with sqlite: or postgresql:",
                         opts->url != NULL ? opts->url : "NULL");
    if (opts->connections < 0 || opts->connections > CONNECTIONS_MAX || opts->max_waiting < 0 ||
        opts->max_wait_ms < 0)
        return coro_fail(co, EINVAL, here,
                         "a database has at most %d connections a worker, and no "
                         "limit of it is negative",
                         CONNECTIONS_MAX);
    struct sql_db *db = calloc(1, sizeof *db);
    if (db == NULL)
        return coro_fail(co, ENOMEM, here, "no memory for a database");
    db->remotes = remotes_of(co);
    db->driver = driver;
    db->handle.db = db;
    db->connections = opts->connections > 0 ? opts->connections : CONNECTIONS_DEFAULT;
    db->max_answer_bytes =
        opts->max_answer_bytes > 0 ? opts->max_answer_bytes : answer_default_bytes;
    db->url = strdup(opts->url);
    list_init(&db->open_txs);
    list_append(&db->remotes->databases, &db->in_remotes);
    int rc = db->url == NULL ? -ENOMEM : driver->parse(db, opts->url, &why);
    if (rc == 0)
        rc = open_pools(db, opts);
    if (rc < 0) {
        rc = coro_fail(co, rc, here, "%s",
                       why.text[0] != '\0' ? why.text : "no memory for a database");
        free_db(db);
        return rc;
    }
    *made = db;
    return 0;
}

int galley__sql_open(galley_async *co, galley_sql **handle, const struct galley_sql_opts *opts,
                     const char *here)
{
    struct sql_db *db = NULL;
    *handle = NULL;
    if (remotes_of(co) == NULL)
        return coro_fail(co, EINVAL, here, "there is no worker that a database could belong to");
    int rc = make(co, opts, &db, here);
    if (rc < 0)
        return rc;
    struct sql_conn *conn = NULL;
    if (db->driver->opens_at_once) {
        rc = sql_take(co, db, &conn, here);
        if (rc == 0)
            sql_give(co, db->pool, conn);
    }
    if (rc == 0 && opts->migrations != NULL)
        rc = sql_migrate(co, db, opts->migrations,
                         opts->migrate_at_start || db->remotes->is_migrating, here);
    if (rc < 0) {
        free_db(db);
        return rc;
    }
    *handle = &db->handle;
    return 0;
}

/* ---- the worker's end ---- */

bool sql_close_all(struct remotes *remotes)
{
    bool is_quiet = true;
    while (!list_is_empty(&remotes->databases))
        is_quiet =
            free_db(LIST_ENTRY(remotes->databases.next, struct sql_db, in_remotes)) && is_quiet;
    return is_quiet;
}
