/* sqlite_conn.h - one connection to SQLite, between sqlite.c (on the loop) and sqlite_run.c (on its threads).
 * Does:     hold the connection, its prepared statements, what the statement that runs has answered.
 * Does not: belong to anybody but sqlite*.c. Loop and thread take turns: a thread has it while its job runs.
 * See:      sqlite.c */
#ifndef GALLEY_WORKER_IO_SQLITE_CONN_H
#define GALLEY_WORKER_IO_SQLITE_CONN_H

#include "worker/coro/pool.h"
#include "worker/io/sql_driver.h"

struct sqlite3;
struct sqlite3_stmt;

enum { SQLITE_CACHE_SETS = 16, SQLITE_CACHE_WAYS = 4, SQLITE_WORDS_BYTES = 200 };

struct sqlite_settings {
    char *path;
    bool is_memory;
    int busy_ms;
    const char *synchronous;
    struct pool *threads;
    struct sqlite3
        *memory; /* of a database in memory: its one connection, while it is not borrowed */
};

/* A statement that was prepared. */
struct sqlite_cached {
    uint64_t hash;
    char *sql; /* NULL: free */
    struct sqlite3_stmt *statement;
    unsigned used_at;
};

struct sqlite_conn {
    struct sql_conn base;
    struct sqlite3 *handle;
    const struct sqlite_settings *settings;
    bool is_reader;
    struct sqlite_cached cache[SQLITE_CACHE_SETS][SQLITE_CACHE_WAYS];
    unsigned clock;

    /* Of the statement that runs, or ran last. */
    galley_sync *rq;   /* NULL: none runs */
    int64_t waited_ms; /* for the lock of others */
    struct sqlite_answer {
        size_t row_count, column_count, cell_count, cell_room, byte_count, byte_room;
        struct galley_sql_value *cells; /* the data of texts are offsets into `bytes` */
        char *bytes;                    /* begins with the names of the columns */
        int64_t changed_count;
    } answer;
    char words[SQLITE_WORDS_BYTES]; /* why it failed */
};

/* ---- sqlite_run.c; each on a thread of the database, or where none runs ---- */

/* Open the file at settings->path. 0; -errno with conn->words. */
int sqlite_open(struct sqlite_conn *conn);
/* Have it ask this connection for its patience. */
void sqlite_watch(struct sqlite_conn *conn);
/* Forget the statements and close; may write to the disk. */
void sqlite_close(struct sqlite_conn *conn);
void sqlite_forget(struct sqlite_conn *conn);
/* Run into conn->answer: 0; -errno with conn->words; SQL_NEEDS_WRITER. */
int sqlite_run_one(struct sqlite_conn *conn, const struct sql_statement *statement,
                   uint64_t max_bytes);
int sqlite_run_all(struct sqlite_conn *conn, const char *script);
/* Give large memory back. */
void sqlite_answer_trim(struct sqlite_answer *answer);
/* From the loop: end what runs, soon. */
void sqlite_stop(struct sqlite_conn *conn);

#endif
