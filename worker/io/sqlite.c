/* sqlite.c - the driver of SQLite, on the loop's side.
 * Does:     read sqlite:PATH; lend one connection that writes and some that read; have statements run on threads of the
 *           database's own; bring their rows into the memory of the request.
 * Does not: call the library where it could touch a disk: sqlite_run.c does, on those threads.
 *
 * A file is kept in WAL mode, so that who reads never waits for who writes; of writers there is one a worker, and other
 * workers' are waited for (busy_timeout). A database in memory belongs to its worker and has one connection.
 * URL: sqlite:shop.db, sqlite:/var/lib/shop.db, sqlite::memory:, with ?busy_timeout=MS and ?synchronous=normal|full.
 * See:      sql_driver.h, https://sqlite.org/wal.html */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/io/sqlite_conn.h"

enum { BUSY_MS = 5000, BUSY_MAX_MS = 3600000, POOL_GRACE_MS = 3000, QUEUED_MAX = 1024 };

/* ---- the URL ---- */

/* "busy_timeout=100", of `len` bytes. */
static int parse_option(struct sqlite_settings *settings, const char *option, size_t len,
                        struct errmsg *why)
{
    char *end = NULL;
    unsigned long ms = 0;
    if (strncmp(option, "busy_timeout=", 13) == 0)
        ms = strtoul(option + 13, &end, 10);
    if (end != NULL && end == option + len && end > option + 13 && ms <= BUSY_MAX_MS) {
        settings->busy_ms = (int)ms;
        return 0;
    }
    static const char *const levels[] = {"normal", "full", "off", "extra"};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (len == 12 + strlen(levels[i]) && strncmp(option, "synchronous=", 12) == 0 &&
            strncmp(option + 12, levels[i], len - 12) == 0) {
            settings->synchronous = levels[i];
            return 0;
        }
    errmsg_set(why,
               "option %.*s is none of SQLite: there are busy_timeout=MS and "
               "synchronous=normal or full",
               (int)len, option);
    return -EINVAL;
}

static int parse(struct sql_db *db, const char *url, struct errmsg *why)
{
    const char *path = url + strlen("sqlite:"), *question = strchr(path, '?');
    size_t len = question != NULL ? (size_t)(question - path) : strlen(path);
    struct sqlite_settings *settings = calloc(1, sizeof *settings);
    db->settings = settings;
    if (settings != NULL) {
        settings->path = strndup(path, len);
        db->name = strdup(url);
    }
    if (settings == NULL || settings->path == NULL || db->name == NULL) {
        errmsg_set(why, "there is no memory for a database");
        return -ENOMEM;
    }
    settings->busy_ms = BUSY_MS;
    settings->synchronous = "full";
    settings->is_memory = strcmp(settings->path, ":memory:") == 0;
    if (len == 0 || strncmp(path, "//", 2) == 0) {
        errmsg_set(why,
                   "%s names no file: write sqlite:shop.db, sqlite:/var/lib/shop.db or "
                   "sqlite::memory:",
                   url);
        return -EINVAL;
    }
    for (const char *at = question; at != NULL;) {
        size_t option_len = strcspn(at + 1, "&");
        if (parse_option(settings, at + 1, option_len, why) < 0)
            return -EINVAL;
        at = at[1 + option_len] == '&' ? at + 1 + option_len : NULL;
    }
    if (settings->is_memory)
        db->connections = 1;
    settings->threads =
        pool_new(db->remotes->sched, &(struct pool_opts){.max_threads = (size_t)db->connections,
                                                         .max_queued = QUEUED_MAX,
                                                         .is_private = true});
    if (settings->threads == NULL) {
        errmsg_set_sys(why, "there are no threads for %s", url);
        return -errno;
    }
    return 0;
}

static bool release(struct sql_db *db)
{
    struct sqlite_settings *settings = db->settings;
    if (settings == NULL)
        return true;
    if (!pool_free(settings->threads, POOL_GRACE_MS))
        return false; /* a thread still uses it all */
    sqlite3_close(settings->memory);
    free(settings->path);
    free(settings);
    db->settings = NULL;
    return true;
}

/* ---- on the threads ---- */

struct job {
    struct sqlite_conn *conn;
    const struct sql_statement *statement;
    const char *script;
};

static int open_on_thread(galley_sync *rq, void *arg)
{
    struct job *job = arg;
    job->conn->rq = rq;
    int rc = sqlite_open(job->conn);
    job->conn->rq = NULL;
    return rc;
}

static int run_on_thread(galley_sync *rq, void *arg)
{
    struct job *job = arg;
    struct sqlite_conn *conn = job->conn;
    conn->rq = rq;
    int rc = job->script != NULL
                 ? sqlite_run_all(conn, job->script)
                 : sqlite_run_one(conn, job->statement, conn->base.db->max_answer_bytes);
    conn->rq = NULL;
    return rc;
}

static int close_on_thread(galley_sync *rq, void *arg)
{
    (void)rq;
    sqlite_close(arg);
    free(arg);
    return 0;
}

static void interrupt(void *arg)
{
    sqlite_stop(((struct job *)arg)->conn);
}

static GALLEY_YIELDS int call_thread(galley_async *co, struct job *job,
                                     int (*fn)(galley_sync *, void *), const char *what,
                                     const char *here)
{
    struct sched *sched = job->conn->base.db->remotes->sched;
    sched_expect_events(sched, 1);
    int rc = pool_call(job->conn->settings->threads, co,
                       &(struct pool_call){.fn = fn,
                                           .arg = job,
                                           .interrupt = interrupt,
                                           .why = "sqlite",
                                           .what = what,
                                           .here = here});
    sched_expect_events(sched, -1);
    return rc;
}

/* ---- connections ---- */

static GALLEY_YIELDS int open_one(galley_async *co, struct sql_db *db, bool is_reader,
                                  struct pooled **pooled, const char *here)
{
    struct sqlite_settings *settings = db->settings;
    struct sqlite_conn *conn = calloc(1, sizeof *conn);
    int rc = 0;
    if (conn == NULL)
        return coro_fail(co, ENOMEM, here, "no memory for a connection to %s", db->name);
    conn->base.db = db;
    conn->settings = settings;
    conn->is_reader = is_reader;
    conn->handle = settings->memory;
    settings->memory = NULL;
    if (conn->handle != NULL)
        sqlite_watch(conn);
    else
        rc = call_thread(co, &(struct job){.conn = conn}, open_on_thread, db->name, here);
    if (rc < 0) {
        rc = coro_fail(co, rc, here, "cannot open %s: %s", db->name,
                       conn->words[0] != '\0' ? conn->words : galley_error_text(rc));
        free(conn);
        return rc;
    }
    *pooled = &conn->base.pooled;
    return 0;
}

static GALLEY_YIELDS int open_writer(galley_async *co, void *db, struct pooled **conn,
                                     const char *here)
{
    return open_one(co, db, false, conn, here);
}

static GALLEY_YIELDS int open_reader(galley_async *co, void *db, struct pooled **conn,
                                     const char *here)
{
    return open_one(co, db, true, conn, here);
}

static bool is_alive(struct pooled *conn)
{
    (void)conn; /* a file does not hang up */
    return true;
}

static void close_one(struct pooled *pooled)
{
    struct sqlite_conn *conn = (struct sqlite_conn *)(void *)pooled;
    struct sqlite_settings *settings = conn->base.db->settings;
    if (settings->is_memory) { /* with it all data would go */
        sqlite_forget(conn);
        if (!sqlite3_get_autocommit(conn->handle))
            sqlite3_exec(conn->handle, "rollback", NULL, NULL, NULL);
        settings->memory = conn->handle;
        free(conn);
    } else if (pool_post(settings->threads, close_on_thread, conn, NULL) < 0) {
        sqlite_close(conn);
        free(conn);
    }
}

/* ---- statements ---- */

/* What the thread has gathered, in the memory of the request: names, cells, bytes. */
static int bring_home(galley_async *co, const struct sqlite_answer *answer,
                      struct galley_sql_rows *rows)
{
    const char **columns = arena_alloc(co->arena, answer->column_count * sizeof *columns);
    struct galley_sql_value *cells = arena_alloc(co->arena, answer->cell_count * sizeof *cells);
    char *bytes = arena_alloc(co->arena, answer->byte_count);
    if (columns == NULL || cells == NULL || bytes == NULL)
        return -ENOMEM;
    if (answer->byte_count > 0)
        memcpy(bytes, answer->bytes, answer->byte_count);
    const char *name = bytes;
    for (size_t i = 0; i < answer->column_count; i++, name += strlen(name) + 1)
        columns[i] = name;
    for (size_t i = 0; i < answer->cell_count; i++) {
        cells[i] = answer->cells[i];
        if (cells[i].type == GALLEY_SQL_TEXT)
            cells[i].text.data = bytes + answer->cells[i].integer;
        else if (cells[i].type == GALLEY_SQL_BYTES)
            cells[i].bytes.data = (const uint8_t *)bytes + answer->cells[i].integer;
    }
    rows->columns = columns;
    rows->cells = cells;
    return 0;
}

static GALLEY_YIELDS int64_t run(galley_async *co, struct sql_conn *base,
                                 const struct sql_statement *statement,
                                 struct galley_sql_rows *rows)
{
    struct sqlite_conn *conn = (struct sqlite_conn *)(void *)base;
    struct sqlite_answer *answer = &conn->answer;
    *rows = (struct galley_sql_rows){0};
    conn->words[0] = '\0';
    int64_t rc = call_thread(co, &(struct job){.conn = conn, .statement = statement}, run_on_thread,
                             statement->sql, statement->here);
    if (rc == SQL_NEEDS_WRITER)
        return rc;
    if (rc == 0 && !statement->drops_rows && bring_home(co, answer, rows) < 0) {
        snprintf(conn->words, sizeof conn->words, "no memory for its rows");
        rc = -ENOMEM;
    }
    rows->row_count = answer->row_count;
    rows->column_count = answer->column_count;
    rows->changed_count = answer->changed_count;
    sqlite_answer_trim(answer);
    if (rc < 0) {
        char brief[CORO_DETAIL_BYTES];
        coro_brief(brief, sizeof brief, statement->sql);
        return coro_fail(co, (int)rc, statement->here, "%s: %s: %s", base->db->name,
                         conn->words[0] != '\0' ? conn->words : galley_error_text((int)rc), brief);
    }
    return (int64_t)rows->row_count;
}

static GALLEY_YIELDS int run_script(galley_async *co, struct sql_conn *base, const char *script,
                                    const char *here)
{
    struct sqlite_conn *conn = (struct sqlite_conn *)(void *)base;
    conn->words[0] = '\0';
    int rc = call_thread(co, &(struct job){.conn = conn, .script = script}, run_on_thread,
                         "a migration", here);
    return rc < 0 ? coro_fail(co, rc, here, "%s: %s", base->db->name,
                              conn->words[0] != '\0' ? conn->words : galley_error_text(rc))
                  : 0;
}

const struct sql_driver sqlite_driver = {
    .scheme = "sqlite",
    .parse = parse,
    .release = release,
    .pool = {.open = open_writer, .is_alive = is_alive, .close = close_one},
    .readers = {.open = open_reader, .is_alive = is_alive, .close = close_one},
    .opens_at_once = true,
    .run = run,
    .run_script = run_script,
    .begin_statement = "begin immediate",
};
