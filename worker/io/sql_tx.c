/* sql_tx.c - transactions as scopes: begun before a function runs, committed or rolled back after it.
 * Does:     hold one connection for the function; let its tasks take turns on it; savepoints for transactions within;
 *           commit where all went well, else roll back, shielded, whatever happened to the coroutine.
 * Does not: run statements for the application: sql.c does, on the connection it finds here.
 *
 * OPEN (statements come) -> OVER (the function has returned: what tasks still want is refused) -> committed or rolled back.
 * What a database has given up by itself (a deadlock, a conflict, an interrupted write) can only be rolled back: no later
 * statement runs, and a function that returns 0 all the same gets the error that ended it.
 * See:      galley/sql.h, t/unit/worker/io/sql_tx.c */
#include <stdio.h>
#include <stdlib.h>

#include "common/bug.h"
#include "worker/io/sql.h"

enum { COMMIT_MS = 5000, ROLLBACK_MS = 1000, SAVEPOINT_BYTES = 32 };

struct sql_tx {
    struct list in_db; /* of one that is no savepoint, while it holds its connection */
    galley_async *co;
    uint64_t last_id; /* tasks of `co` with a greater one were spawned in the transaction */
    struct galley_sql handle;
    struct sql_conn *conn;
    struct sql_tx *outer; /* of a savepoint */
    galley_async *inner;  /* whose transaction within this one is open; NULL */
    struct list waiters;  /* struct turn.link */
    bool is_busy, is_over;
    int depth;
};

struct turn {
    struct list link;
    galley_async *co;
};

struct sql_conn *sql_tx_conn(const struct sql_tx *tx)
{
    return tx->conn;
}

/* ---- turns ---- */

static bool is_below(const galley_async *co, const galley_async *above)
{
    while (co != NULL && co != above)
        co = co->root.parent != NULL ? co->root.parent->co : NULL;
    return co != NULL;
}

/* Whether `co` runs the transaction, or is a task that was spawned in it. */
static bool is_inside(const galley_async *co, const struct sql_tx *tx)
{
    const galley_async *task = NULL;
    for (; co != NULL && co != tx->co; co = co->root.parent != NULL ? co->root.parent->co : NULL)
        task = co;
    return co != NULL && (task == NULL || task->id > tx->last_id);
}

int sql_tx_check_free(galley_async *co, const struct sql_db *db, const char *here)
{
    if (!db->has_one_writer || list_is_empty(&db->open_txs))
        return 0;
    const struct sql_tx *tx = LIST_ENTRY(db->open_txs.next, struct sql_tx, in_db);
    return is_inside(co, tx)
               ? coro_fail(co, EDEADLK, here,
                           "%s has one connection for this, and it is in the transaction that this "
                           "call is part of: use the handle that the transaction was given",
                           db->name)
               : 0;
}

/* Wait for the turn; 0, -ECANCELED. */
static GALLEY_YIELDS int take_turn(galley_async *co, struct sql_tx *tx, const char *here)
{
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    if (!tx->is_busy) {
        tx->is_busy = true;
        return 0;
    }
    struct turn turn = {.co = co};
    list_append(&tx->waiters, &turn.link);
    rc = coro_suspend_for(co, "transaction", NULL, here, INT64_MAX);
    if (rc < 0)
        list_remove(&turn.link);
    return rc; /* 0: it was handed over */
}

void sql_tx_leave(struct sql_tx *tx)
{
    struct list *next = list_take_first(&tx->waiters);
    if (next != NULL)
        coro_wake(LIST_ENTRY(next, struct turn, link)->co, 0);
    else
        tx->is_busy = false;
}

/* Why no statement may run in it any more; 0. */
static int find_fault(galley_async *co, const struct sql_tx *tx, const char *here)
{
    const struct sql_conn *conn = tx->conn;
    if (tx->is_over)
        return coro_fail(co, EINVAL, here, "the transaction is over");
    if (conn->is_broken)
        return coro_fail(co, GALLEY_ELOST, here, "%s: the transaction has lost its connection",
                         conn->db->name);
    if (conn->has_failed || !conn->is_in_transaction)
        return coro_fail(co, GALLEY_EREFUSED, here,
                         "%s: the transaction has failed and can only be rolled back",
                         conn->db->name);
    return 0;
}

int sql_tx_enter(galley_async *co, struct sql_tx *tx, const char *here)
{
    if (tx->inner != NULL && is_below(co, tx->inner))
        return coro_fail(co, EDEADLK, here,
                         "a transaction within this one is open: use the handle that it was given");
    int rc = take_turn(co, tx, here);
    if (rc < 0) {
        return rc;
    }
    rc = find_fault(co, tx, here);
    if (rc < 0)
        sql_tx_leave(tx);
    return rc;
}

/* The turn of the transaction itself, at its end: deaf, for a task's statement is surely over some time. */
static GALLEY_YIELDS void take_last_turn(galley_async *co, struct sql_tx *tx)
{
    tx->is_over = true;
    if (!tx->is_busy) {
        tx->is_busy = true;
        return;
    }
    struct turn turn = {.co = co};
    list_append(&tx->waiters, &turn.link);
    coro_suspend_deaf(co, "transaction");
}

/* ---- begin, commit, roll back ---- */

static GALLEY_YIELDS int64_t begin(galley_async *co, struct sql_tx *tx, const char *here)
{
    if (tx->outer == NULL)
        return sql_control(co, tx->conn, tx->conn->db->driver->begin_statement, here);
    char sql[SAVEPOINT_BYTES];
    snprintf(sql, sizeof sql, "savepoint galley_%d", tx->depth);
    return sql_control(co, tx->conn, sql, here);
}

static GALLEY_YIELDS int64_t commit(galley_async *co, struct sql_tx *tx, const char *here)
{
    char sql[SAVEPOINT_BYTES] = "commit";
    if (tx->outer != NULL)
        snprintf(sql, sizeof sql, "release savepoint galley_%d", tx->depth);
    return sql_control_shielded(co, tx->conn, sql, COMMIT_MS, here);
}

static GALLEY_YIELDS void roll_back(galley_async *co, struct sql_tx *tx, const char *here)
{
    struct sql_conn *conn = tx->conn;
    char sql[SAVEPOINT_BYTES + 8] = "rollback";
    if (conn->is_broken || (!conn->is_in_transaction && !conn->has_failed))
        return;
    if (!conn->is_in_transaction) { /* the database has done it, for the outer ones, too */
        conn->has_failed = tx->outer != NULL;
        return;
    }
    if (tx->outer != NULL)
        snprintf(sql, sizeof sql, "rollback to savepoint galley_%d", tx->depth);
    int64_t rc = sql_control_shielded(co, conn, sql, ROLLBACK_MS, here);
    if (rc >= 0 && tx->outer != NULL) {
        snprintf(sql, sizeof sql, "release savepoint galley_%d", tx->depth);
        rc = sql_control_shielded(co, conn, sql, ROLLBACK_MS, here);
    }
    if (rc < 0)
        conn->is_broken = true;
}

static GALLEY_YIELDS int commit_or_not(galley_async *co, struct sql_tx *tx, int rc,
                                       const char *here)
{
    struct sql_conn *conn = tx->conn;
    if (rc >= 0 && coro_check(co) < 0)
        return -ECANCELED;
    if (rc >= 0 && (conn->is_broken || conn->has_failed || !conn->is_in_transaction))
        return coro_fail(co, conn->is_broken ? GALLEY_ELOST : GALLEY_EREFUSED, here,
                         "%s: a statement of the transaction has failed, and it was rolled back",
                         conn->db->name);
    int64_t done = rc >= 0 ? commit(co, tx, here) : rc;
    return done < 0 ? (int)done : rc;
}

/* The end of a transaction whose function has returned `rc`: what the application gets. */
static GALLEY_YIELDS int finish(galley_async *co, struct sql_tx *tx, int rc, const char *here)
{
    take_last_turn(co, tx);
    rc = commit_or_not(co, tx, rc, here);
    if (rc < 0)
        roll_back(co, tx, here);
    sql_tx_leave(tx); /* who still waits hears that it is over */
    return rc;
}

static GALLEY_YIELDS int run(galley_async *co, struct sql_tx *tx,
                             int (*fn)(galley_async *, galley_sql *, void *), void *arg,
                             const char *here)
{
    int64_t begun = begin(co, tx, here);
    int rc = begun < 0 ? (int)begun : fn(co, &tx->handle, arg);
    if (begun >= 0)
        return finish(co, tx, rc, here);
    tx->is_over = true;
    return rc;
}

static struct sql_tx *new_tx(galley_async *co, galley_sql *within, struct sql_conn *conn)
{
    struct sql_tx *tx = arena_alloc(co->arena, sizeof *tx);
    if (tx == NULL)
        return NULL;
    *tx = (struct sql_tx){.co = co,
                          .last_id = sched_last_id(co->sched),
                          .handle = {.db = within->db, .tx = tx},
                          .conn = conn,
                          .outer = within->tx,
                          .depth = within->tx != NULL ? within->tx->depth + 1 : 0};
    list_init(&tx->waiters);
    return tx;
}

static GALLEY_YIELDS int run_within(galley_async *co, galley_sql *outer,
                                    int (*fn)(galley_async *, galley_sql *, void *), void *arg,
                                    const char *here)
{
    int rc = sql_tx_enter(co, outer->tx, here);
    if (rc < 0)
        return rc;
    struct sql_tx *tx = new_tx(co, outer, outer->tx->conn);
    outer->tx->inner = co;
    rc = tx != NULL ? run(co, tx, fn, arg, here)
                    : coro_fail(co, ENOMEM, here, "no memory for a transaction");
    outer->tx->inner = NULL;
    sql_tx_leave(outer->tx);
    return rc;
}

int galley__sql_transaction(galley_async *co, galley_sql *db,
                            int (*fn)(galley_async *, galley_sql *, void *), void *arg,
                            const char *here)
{
    if (db == NULL || co->arena == NULL)
        return coro_fail(co, EINVAL, here, "the database was not opened");
    if (db->tx != NULL)
        return run_within(co, db, fn, arg, here);
    struct sql_conn *conn = NULL;
    int rc = sql_tx_check_free(co, db->db, here);
    if (rc == 0)
        rc = sql_take(co, db->db, &conn, here);
    if (rc < 0)
        return rc;
    struct sql_tx *tx = new_tx(co, db, conn);
    if (tx != NULL) {
        list_append(&db->db->open_txs, &tx->in_db);
        rc = run(co, tx, fn, arg, here);
        list_remove(&tx->in_db);
    } else {
        rc = coro_fail(co, ENOMEM, here, "no memory for a transaction");
    }
    sql_give(co, db->db->pool, conn);
    return rc;
}
