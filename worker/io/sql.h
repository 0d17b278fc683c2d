/* sql.h - what the files of SQL share with each other and with the worker.
 * Does:     run a statement on a connection that is borrowed or that a transaction holds; look into statement texts;
 *           transactions; migrations; the end of all databases.
 * Does not: know a database's library: see sql_driver.h.
 * See:      galley/sql.h */
#ifndef GALLEY_WORKER_IO_SQL_H
#define GALLEY_WORKER_IO_SQL_H

#include "worker/io/sql_driver.h"

/* ---- sql.c ---- */

/* Borrow a connection of the writing kind. 0; -errno with a sentence. */
GALLEY_YIELDS int sql_take(galley_async *co, struct sql_db *db, struct sql_conn **conn,
                           const char *here) GALLEY_MUST_USE;
/* Give it back, at rest: what is in a transaction is rolled back (1 s, shielded), else closed. */
GALLEY_YIELDS void sql_give(galley_async *co, struct conn_pool *pool, struct sql_conn *conn);
/* Run a statement of our own without arguments: begin, commit ... 0 or more; -errno. */
GALLEY_YIELDS int64_t sql_control(galley_async *co, struct sql_conn *conn, const char *sql,
                                  const char *here) GALLEY_MUST_USE;
/* The same in a shield of so long; -GALLEY_ELOST when that was not enough. */
GALLEY_YIELDS int64_t sql_control_shielded(galley_async *co, struct sql_conn *conn, const char *sql,
                                           int64_t limit_ms, const char *here) GALLEY_MUST_USE;

/* Close all databases; no coroutine lives. False if a thread is stuck. */
bool sql_close_all(struct remotes *remotes);

/* ---- sql_tx.c ---- */

/* One statement at a time: a handle's turn. 0; -ECANCELED, -EINVAL it is over, -EDEADLK an inner one is open; with why. */
GALLEY_YIELDS int sql_tx_enter(galley_async *co, struct sql_tx *tx,
                               const char *here) GALLEY_MUST_USE;
void sql_tx_leave(struct sql_tx *tx);
struct sql_conn *sql_tx_conn(const struct sql_tx *tx);
/* Before `pool` is asked for a connection: -EDEADLK where it has but one, and a transaction that `co` runs in holds that. */
int sql_tx_check_free(galley_async *co, const struct sql_db *db, const char *here) GALLEY_MUST_USE;

/* ---- sql_text.c ---- */

/* The largest n of its $n; -1: beyond 9,999. Quoted text and comments are passed over. */
int sql_text_arg_count(const char *sql);
/* Whether it begins with one of the words that end or begin transactions. */
bool sql_text_is_control(const char *sql);
/* Whether it looks as if it only read. */
bool sql_text_may_read(const char *sql);

/* ---- sql_migrate.c ---- */

/* Apply what is missing of `folder` (should_apply), or see that nothing is. 0; -errno with a sentence. */
GALLEY_YIELDS int sql_migrate(galley_async *co, struct sql_db *db, const char *folder,
                              bool should_apply, const char *here) GALLEY_MUST_USE;

#endif
