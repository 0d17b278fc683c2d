/* sql_driver.h - what a database must be able to do; between sql.c and sqlite.c, pg.c.
 * Does:     name the operations of a driver and what all connections have in common.
 * Does not: mention any database's library.
 * See:      galley/sql.h (what applications see), sql.h, conn_pool.h. sql.c lists the drivers. */
#ifndef GALLEY_WORKER_IO_SQL_DRIVER_H
#define GALLEY_WORKER_IO_SQL_DRIVER_H

#include <galley/sql.h>

#include "common/errmsg.h"
#include "worker/io/conn_pool.h"
#include "worker/io/remotes.h"

struct sql_driver;
struct sql_tx;

/* What applications hold: a database, or (sql_tx.c) a transaction in it. */
struct galley_sql {
    struct sql_db *db;
    struct sql_tx *tx; /* NULL: none */
};

/* A database that was opened. */
struct sql_db {
    struct list in_remotes; /* remotes->databases */
    struct remotes *remotes;
    struct galley_sql handle;
    struct list open_txs; /* struct sql_tx.in_db */
    const struct sql_driver *driver;
    struct conn_pool *pool;
    bool has_one_writer;       /* `pool` has one connection */
    struct conn_pool *readers; /* of a driver that has some; NULL */
    char *url;                 /* as given */
    char *name;                /* for logs and galley_why: the URL without its password */
    void *settings;            /* the driver's own, made by its `parse` */
    int connections;           /* as opened: at least 1 */
    uint64_t max_answer_bytes;
};

/* The first member of a driver's connection. */
struct sql_conn {
    struct pooled pooled;
    struct sql_db *db;
    bool is_broken; /* not to be used again */
    /* As the database says after the last statement; the driver keeps both up to date. */
    bool is_in_transaction;
    bool has_failed; /* in a transaction that can only be rolled back */
};

struct sql_statement {
    const char *sql;
    const struct galley__sql_args *args;
    const char *here;
    bool
        is_control; /* begin, commit, rollback, savepoint: sql.c's own, under a shield where need be */
    bool drops_rows; /* nobody looks at its rows: they need not be kept (but counted) */
};

/* What `run` answers on a connection of `readers` where the statement writes: nothing was done, sql.c takes a writer. */
enum { SQL_NEEDS_WRITER = -(1 << 20) };

struct sql_driver {
    const char *scheme;       /* "postgresql" */
    const char *other_scheme; /* "postgres"; NULL: none */
    /* Read the URL: db->settings and db->name. 0, -EINVAL with why. */
    int (*parse)(struct sql_db *db, const char *url, struct errmsg *why);
    /* db->pool is closed. False if a thread is stuck in a call. */
    bool (*release)(struct sql_db *db);
    struct conn_pool_ops pool; /* `arg` of its open is the struct sql_db */
    struct conn_pool_ops
        readers; /* for statements that look as if they only read; .open NULL: `pool` is for all */
    bool opens_at_once; /* a database that cannot be reached fails galley_sql_open */
    /* Run a statement on a borrowed connection and put its rows into the arena of `co`; the cell's text has a NUL behind it.
     * How many rows, or -errno with coro_fail's sentence. When cancelled, or out of time: the statement is stopped at the
     * server if that can be, else the connection is_broken; it never waits longer than a second for that. */
    GALLEY_YIELDS int64_t (*run)(galley_async *co, struct sql_conn *conn,
                                 const struct sql_statement *statement,
                                 struct galley_sql_rows *rows);
    /* Several statements of a migration in one text, in a transaction that was begun. 0, -errno with coro_fail's sentence. */
    GALLEY_YIELDS int (*run_script)(galley_async *co, struct sql_conn *conn, const char *script,
                                    const char *here);
    /* Keep other workers and hosts from migrating until the transaction ends (NULL: a transaction is enough). */
    const char *lock_statement;
    const char *begin_statement; /* "begin"; of SQLite "begin immediate" */
};

extern const struct sql_driver sqlite_driver, pg_driver;

/* ---- sql_text.c: what drivers share ---- */

enum { SQL_VALUE_BYTES = 40 };
/* A UUID, time or date as text (ISO 8601: 2026-11-23T20:45:10.000000Z, without the Z where the value has no offset) at `to`
 * with a NUL; its length. Its order as text is its order in time. */
size_t sql_value_text(char to[SQL_VALUE_BYTES], const struct galley_sql_value *value);

#endif
