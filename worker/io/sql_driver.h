/* sql_driver.h - what a database must be able to do; between sql.c and sqlite.c, pg.c.
 * Does:     name the operations of a driver and what all connections have in common.
 * Does not: mention any database's library.
 * See:      galley/sql.h (what applications see), conn_pool.h */
#ifndef GALLEY_WORKER_IO_SQL_DRIVER_H
#define GALLEY_WORKER_IO_SQL_DRIVER_H

#include <galley/sql.h>

#include "common/errmsg.h"
#include "worker/io/conn_pool.h"
#include "worker/io/remotes.h"

struct sql_driver;

/* A database that was opened: what a handle means. */
struct sql_db {
    struct list in_remotes; /* remotes->databases */
    struct remotes *remotes;
    const struct sql_driver *driver;
    struct conn_pool *pool;
    char *url;      /* as given */
    char *name;     /* for logs and galley_why: the URL without its password */
    void *settings; /* the driver's own, made by its `parse` */
    uint64_t max_answer_bytes;
};

/* The first member of a driver's connection. */
struct sql_conn {
    struct pooled pooled;
    struct sql_db *db;
    bool is_broken;         /* not to be used again */
    bool is_in_transaction; /* as the database says after the last statement */
};

struct sql_statement {
    const char *sql;
    const struct galley__sql_args *args;
    const char *here;
    bool
        is_control; /* begin, commit, rollback, savepoint: runs even where the scope is cancelled (under a shield) */
};

struct sql_driver {
    const char *scheme; /* "postgresql" */
    /* Read the URL: db->settings and db->name. 0, -EINVAL with why. */
    int (*parse)(struct sql_db *db, const char *url, struct errmsg *why);
    void (*release)(struct sql_db *db);
    struct conn_pool_ops pool;
    /* Run a statement on a borrowed connection and put its rows into the arena of `co`; the cell's text has a NUL behind it.
     * How many rows, or -errno with coro_fail's sentence. When cancelled, or out of time: the statement is stopped at the
     * server if that can be, else the connection is_broken; it never waits longer than a second for that. */
    GALLEY_YIELDS int64_t (*run)(galley_async *co, struct sql_conn *conn,
                                 const struct sql_statement *statement,
                                 struct galley_sql_rows *rows);
    /* Several statements of a migration in one text. 0, -errno. */
    GALLEY_YIELDS int (*run_script)(galley_async *co, struct sql_conn *conn, const char *script,
                                    const char *here);
    /* Keep other workers and hosts from migrating until the transaction ends (NULL: a transaction is enough). */
    const char *lock_statement;
    const char *begin_statement; /* "begin"; of SQLite "begin immediate" */
};

extern const struct sql_driver sqlite_driver, pg_driver;

#endif
