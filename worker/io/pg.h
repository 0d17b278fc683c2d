/* pg.h - what the files of PostgreSQL share: a session, the settings of a database, the statements it has prepared.
 * Does:     name them, and say who may do what with a session when.
 * Does not: belong to anybody outside of worker/io/pg*.c: sql.c knows pg_driver alone.
 *
 * A session is a connection whose socket has one event from its start to its end, edge-triggered: `has_news` says that
 * something came since it was last read. Whoever borrowed it waits in `waiter`; while nobody has, the event looks whether
 * the server has left, and drops it from the pool.
 * See:      sql_driver.h, PostgreSQL's documentation: libpq (asynchronous commands, pipeline mode) */
#ifndef GALLEY_WORKER_IO_PG_H
#define GALLEY_WORKER_IO_PG_H

#include <galley/lock.h>

#include "worker/io/sql_driver.h"

struct pg_conn;   /* libpq's PGconn */
struct pg_result; /* libpq's PGresult */
struct pg_cancel_job;

/* ---- pg_cache.c: the statements that a session has prepared, the least recently used one leaves ---- */

enum { PG_CACHE_MAX = 128, PG_CACHE_BUCKETS = 256, PG_NAME_BYTES = 12 };
struct pg_prepared {
    struct list by_use;       /* the first one was used last */
    struct pg_prepared *next; /* in its bucket */
    uint64_t hash;
    size_t len;
    char name[PG_NAME_BYTES]; /* "g17"; never used twice in a session */
    char sql[];
};
struct pg_cache {
    struct list by_use;
    struct pg_prepared *buckets[PG_CACHE_BUCKETS];
    size_t count;
    uint32_t next_number;
};
void pg_cache_init(struct pg_cache *cache);
void pg_cache_release(struct pg_cache *cache);
/* Now the one used last; NULL: it is not prepared. */
struct pg_prepared *pg_cache_find(struct pg_cache *cache, const char *sql);
/* One that is not there yet; `evicted` is the name of the one that had to leave, "" if none had. NULL: no memory. */
struct pg_prepared *pg_cache_add(struct pg_cache *cache, const char *sql,
                                 char evicted[PG_NAME_BYTES]);
void pg_cache_remove(struct pg_cache *cache, struct pg_prepared *prepared);

/* ---- settings and sessions ---- */

enum { PG_CANCELS_MAX = 4 }; /* at once: each takes a thread */

/* sql_db.settings. Freed when the database is, and the last request to cancel has come back. */
struct pg_settings {
    const char **keywords,
        **values; /* for libpq; the first is "hostaddr", filled in for each try; NULL at the end */
    struct _PQconninfoOption *options; /* owns their texts */
    char *host; /* whose addresses have to be found; NULL: a UNIX socket or numeric */
    uint16_t port;
    int64_t connect_ms;
    struct galley_semaphore cancels;
    struct list cancel_jobs; /* struct pg_cancel_job */
    bool is_released;
};

struct pg_session {
    struct sql_conn base;
    struct pg_conn *pg;
    struct loop_event event;
    galley_async *waiter;
    bool has_news;
    bool is_dying,
        is_closed; /* the server says so, or has left: there may be something to read still */
    bool is_tls, is_unix;
    bool was_read;         /* since the statement was sent */
    int pending_bytes;     /* on the socket, when it was last asked and not yet read */
    bool is_begin_pending; /* `begin` travels with the next statement */
    struct pg_cache cache;
    struct pg_cancel_job *cancel; /* under way; NULL */
    uint64_t answer_bytes;        /* of the statement that runs, as far as they were counted */
};

static inline struct pg_session *pg_session_of(struct pooled *pooled)
{
    return (struct pg_session *)(void *)pooled;
}
static inline struct pg_settings *pg_settings_of(const struct pg_session *session)
{
    return session->base.db->settings;
}

/* ---- pg_url.c: of struct sql_driver ---- */

/* 0; -EINVAL with a sentence, in which no password stands; -ENOMEM. db->settings is to be released even then. */
int pg_parse(struct sql_db *db, const char *url, struct errmsg *why);
/* Never stuck. What is still asked to stop keeps the settings until it has come back. */
bool pg_release(struct sql_db *db);
/* Nobody asks any more. */
void pg_settings_free(struct pg_settings *settings);

/* ---- pg_session.c: of struct conn_pool_ops, whose contracts hold ---- */

GALLEY_YIELDS int pg_open(galley_async *co, void *arg, struct pooled **conn, const char *here);
bool pg_is_alive(struct pooled *conn);
void pg_close(struct pooled *conn);

/* ---- pg_wait.c ---- */

/* Send what libpq has still to send. 0; -ECANCELED, -GALLEY_ELOST (without a sentence). */
GALLEY_YIELDS int pg_flush(galley_async *co, struct pg_session *session,
                           const struct sql_statement *statement) GALLEY_MUST_USE;
/* Read until libpq has a result, or has nothing more to say. 0; -ECANCELED, -GALLEY_ELOST, -GALLEY_EANSWER_SIZE (without
 * a sentence). */
GALLEY_YIELDS int pg_await(galley_async *co, struct pg_session *session,
                           const struct sql_statement *statement) GALLEY_MUST_USE;

/* ---- pg_tls.c: of a connection that uses TLS ---- */

/* Whether a record was read in part. */
bool pg_tls_has_more(struct pg_conn *pg);
/* All that was read of it so far, as it came. */
uint64_t pg_tls_read_bytes(struct pg_conn *pg);

/* ---- pg_cancel.c ---- */

/* Ask the server to stop what the session runs, on a thread of the pool, and tell the session's waiter when it was asked
 * (session->cancel is NULL then). 0, -errno. */
int pg_cancel_start(galley_async *co, struct pg_session *session);
/* The session ends before that. */
void pg_cancel_forget(struct pg_session *session);
/* Those that were cancelled before they started, when no coroutine lives any more. */
void pg_cancel_free_all(struct pg_settings *settings);

/* ---- pg_error.c ---- */

/* The error of a result, with its sentence. */
int pg_fail_result(galley_async *co, const struct pg_result *result, const char *here);
/* The error of a connection that broke, or of one that could not be opened. */
int pg_fail_lost(galley_async *co, const struct pg_session *session, const char *here);
int pg_fail_open(galley_async *co, const struct sql_db *db, const struct pg_conn *pg,
                 const char *here);
/* What a SQLSTATE means: -GALLEY_ECONSTRAINT ... */
int pg_error_of_state(const char *state);

/* ---- pg_args.c ---- */

struct pg_args {
    const char *const *values;
    const int *lengths, *formats;
    int count;
};
/* As libpq wants them, in the arena. 0; -ENOMEM, -GALLEY_EREFUSED with a sentence. */
int pg_args_make(galley_async *co, const struct sql_statement *statement, struct pg_args *made);

/* ---- pg_rows.c ---- */

/* The rows of a result, in the arena. How many; -ENOMEM, -GALLEY_EANSWER_SIZE with a sentence. */
int64_t pg_rows_take(galley_async *co, const struct pg_result *result,
                     const struct sql_statement *statement, uint64_t max_bytes,
                     struct galley_sql_rows *rows);

#endif
