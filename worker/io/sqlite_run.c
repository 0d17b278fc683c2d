/* sqlite_run.c - statements of SQLite, on the threads of its database; see sqlite_conn.h.
 * Does:     open a file and set it up; prepare, bind, step, gather the rows; name what went wrong; end when told to.
 * Does not: touch coroutines or their memory.
 *
 * Two things ask whether the caller still wants the answer: SQLite's progress handler every PROGRESS_STEPS of its own steps,
 * and the wait for a lock that somebody else holds. Time is not asked for: the caller's deadline cancels it.
 * See:      https://sqlite.org/c3ref/intro.html */
#include "worker/io/sqlite_conn.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    PROGRESS_STEPS = 1000,
    BUSY_STEP_MAX_MS = 10,
    ANSWER_KEPT_BYTES = 64 << 10,
    ROOM_FIRST = 64
};

/* ---- what goes wrong ---- */

static int fail(struct sqlite_conn *conn, int error, const char *words)
{
    snprintf(conn->words, sizeof conn->words, "%s", words);
    return -error;
}

static int error_of_open(const struct sqlite_conn *conn)
{
    int error = conn->handle != NULL ? sqlite3_system_errno(conn->handle) : ENOMEM;
    return error != 0 ? error : EIO;
}

static bool is_unwanted(const struct sqlite_conn *conn)
{
    return conn->rq != NULL && atomic_load_explicit(&conn->rq->is_cancelled, memory_order_relaxed);
}

/* The negative errno of a result of SQLite, its words noted. */
static int refuse(struct sqlite_conn *conn, int result)
{
    int error = GALLEY_EREFUSED;
    switch (result & 0xff) {
    case SQLITE_CONSTRAINT:
        error = GALLEY_ECONSTRAINT;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        error = is_unwanted(conn) ? ECANCELED : GALLEY_ECONFLICT;
        break;
    case SQLITE_INTERRUPT:
        error = ECANCELED;
        break;
    case SQLITE_NOMEM:
        error = ENOMEM;
        break;
    case SQLITE_FULL:
        error = ENOSPC;
        break;
    case SQLITE_IOERR:
        error = EIO;
        break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        error = EUCLEAN;
        break;
    case SQLITE_CANTOPEN:
        error = error_of_open(conn);
        break;
    case SQLITE_READONLY:
        error = EROFS;
        break;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        error = EACCES;
        break;
    default:
        break;
    }
    if (conn->base.is_broken == false)
        conn->base.is_broken = error == EIO || error == EUCLEAN;
    return fail(conn, error, sqlite3_errmsg(conn->handle));
}

/* ---- ending early, and waiting for others ---- */

static int on_progress(void *arg)
{
    return is_unwanted(arg);
}

/* Somebody else has the lock: 1: try again. */
static int on_busy(void *arg, int count)
{
    struct sqlite_conn *conn = arg;
    int step_ms = count < 4 ? 1 << count : BUSY_STEP_MAX_MS;
    if (count == 0)
        conn->waited_ms = 0;
    if (is_unwanted(conn) || conn->waited_ms >= conn->settings->busy_ms)
        return 0;
    nanosleep(&(struct timespec){.tv_nsec = step_ms * 1000000L}, NULL);
    conn->waited_ms += step_ms;
    return !is_unwanted(conn);
}

void sqlite_stop(struct sqlite_conn *conn)
{
    if (conn->handle != NULL)
        sqlite3_interrupt(conn->handle);
}

/* ---- opening and closing ---- */

/* The first one of all to open a file makes it a WAL file, for which it needs the file alone: the busy handler is not asked
 * there. */
static int set_up(struct sqlite_conn *conn)
{
    char script[160];
    snprintf(script, sizeof script, "pragma foreign_keys=on;pragma synchronous=%s;%s%s",
             conn->settings->synchronous,
             conn->settings->is_memory ? "" : "pragma journal_mode=wal;",
             conn->is_reader ? "pragma query_only=on;" : "");
    for (int count = 0;; count++) {
        int result = sqlite3_exec(conn->handle, script, NULL, NULL, NULL);
        if (result == SQLITE_OK)
            return 0;
        if ((result & 0xff) != SQLITE_BUSY || !on_busy(conn, count))
            return refuse(conn, result);
    }
}

void sqlite_watch(struct sqlite_conn *conn)
{
    sqlite3_busy_handler(conn->handle, on_busy, conn);
    sqlite3_progress_handler(conn->handle, PROGRESS_STEPS, on_progress, conn);
}

int sqlite_open(struct sqlite_conn *conn)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int result = sqlite3_open_v2(conn->settings->path, &conn->handle,
                                 flags | (conn->is_reader ? 0 : SQLITE_OPEN_CREATE), NULL);
    int rc;
    if (result != SQLITE_OK && conn->handle == NULL) {
        rc = fail(conn, ENOMEM, "out of memory");
    } else if (result != SQLITE_OK) {
        rc = refuse(conn, result);
    } else {
        sqlite_watch(conn);
        rc = set_up(conn);
    }
    if (rc < 0) {
        sqlite3_close(conn->handle);
        conn->handle = NULL;
    }
    return rc;
}

void sqlite_forget(struct sqlite_conn *conn)
{
    struct sqlite_cached *cached = &conn->cache[0][0];
    for (size_t i = 0; i < (size_t)SQLITE_CACHE_SETS * SQLITE_CACHE_WAYS; i++, cached++) {
        sqlite3_finalize(cached->statement);
        free(cached->sql);
        *cached = (struct sqlite_cached){0};
    }
    free(conn->answer.cells);
    free(conn->answer.bytes);
    conn->answer = (struct sqlite_answer){0};
}

void sqlite_close(struct sqlite_conn *conn)
{
    sqlite_forget(conn);
    sqlite3_close(conn->handle);
    conn->handle = NULL;
}

/* ---- statements, prepared once ---- */

static uint64_t hash_of(const char *sql)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *sql != '\0'; sql++)
        hash = (hash ^ (unsigned char)*sql) * 0x100000001b3u;
    return hash;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n;")] == '\0';
}

/* Its arguments are $1, $2 ...: SQLite would take others, too. */
static int check_parameters(struct sqlite_conn *conn, sqlite3_stmt *statement)
{
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement); i++) {
        const char *name = sqlite3_bind_parameter_name(statement, i);
        if (name == NULL || name[0] != '$' || name[1] < '1' || name[1] > '9')
            return fail(conn, GALLEY_EREFUSED, "arguments are written $1, $2 ...");
    }
    return 0;
}

static int prepare(struct sqlite_conn *conn, const char *sql, sqlite3_stmt **statement)
{
    const char *rest = "";
    int result =
        sqlite3_prepare_v3(conn->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, &rest);
    if (result != SQLITE_OK)
        return refuse(conn, result);
    int rc = 0;
    if (*statement == NULL)
        rc = fail(conn, GALLEY_EREFUSED, "there is no statement in it");
    else if (!is_blank(rest))
        rc = fail(conn, GALLEY_EREFUSED, "one statement at a time");
    else
        rc = check_parameters(conn, *statement);
    if (rc < 0) {
        sqlite3_finalize(*statement);
        *statement = NULL;
    }
    return rc;
}

/* The statement of this text, from before or prepared now; the one of its set that was used longest ago makes room. */
static int find_statement(struct sqlite_conn *conn, const char *sql, sqlite3_stmt **statement)
{
    uint64_t hash = hash_of(sql);
    struct sqlite_cached *set = conn->cache[hash >> 60 & (SQLITE_CACHE_SETS - 1)], *oldest = set;
    conn->clock++;
    for (struct sqlite_cached *at = set; at < set + SQLITE_CACHE_WAYS; at++) {
        if (at->sql != NULL && at->hash == hash && strcmp(at->sql, sql) == 0) {
            at->used_at = conn->clock;
            *statement = at->statement;
            return 0;
        }
        if (at->sql == NULL ||
            (oldest->sql != NULL && conn->clock - at->used_at > conn->clock - oldest->used_at))
            oldest = at;
    }
    int rc = prepare(conn, sql, statement);
    if (rc < 0)
        return rc;
    sqlite3_finalize(oldest->statement);
    free(oldest->sql);
    *oldest = (struct sqlite_cached){
        .hash = hash, .sql = strdup(sql), .statement = *statement, .used_at = conn->clock};
    if (oldest->sql != NULL)
        return 0;
    sqlite3_finalize(*statement);
    *oldest = (struct sqlite_cached){0};
    return fail(conn, ENOMEM, "out of memory");
}

/* ---- arguments ---- */

static int bind_value(sqlite3_stmt *statement, int at, const struct galley_sql_value *value)
{
    char text[SQL_VALUE_BYTES];
    switch (value->type) {
    case GALLEY_SQL_BOOL:
        return sqlite3_bind_int(statement, at, value->boolean);
    case GALLEY_SQL_INT:
        return sqlite3_bind_int64(statement, at, value->integer);
    case GALLEY_SQL_FLOAT:
        return sqlite3_bind_double(statement, at, value->real);
    case GALLEY_SQL_TEXT:
        return sqlite3_bind_text64(statement, at, value->text.data, value->text.len, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case GALLEY_SQL_BYTES:
        return sqlite3_bind_blob64(statement, at, value->bytes.data, value->bytes.len,
                                   SQLITE_STATIC);
    case GALLEY_SQL_UUID:
    case GALLEY_SQL_TIME:
    case GALLEY_SQL_DATE:
        return sqlite3_bind_text64(statement, at, text, sql_value_text(text, value),
                                   SQLITE_TRANSIENT, SQLITE_UTF8);
    case GALLEY_SQL_NULL:
        break;
    }
    return sqlite3_bind_null(statement, at);
}

/* sql.c has counted them: there is one for each $n. */
static int bind_all(struct sqlite_conn *conn, sqlite3_stmt *statement,
                    const struct galley__sql_args *args)
{
    int count = sqlite3_bind_parameter_count(statement);
    for (int i = 1; i <= count; i++) {
        unsigned long n = strtoul(sqlite3_bind_parameter_name(statement, i) + 1, NULL, 10);
        int result =
            n >= 1 && n <= args->count ? bind_value(statement, i, &args->at[n - 1]) : SQLITE_RANGE;
        if (result != SQLITE_OK)
            return refuse(conn, result);
    }
    return 0;
}

/* ---- rows ---- */

static void *grown(void *old, size_t size, size_t *room, size_t need)
{
    size_t more = *room > 0 ? *room : ROOM_FIRST;
    while (more < need)
        more *= 2;
    void *piece = realloc(old, more * size);
    if (piece != NULL)
        *room = more;
    return piece;
}

/* `len` bytes and a NUL; the offset, or SIZE_MAX without memory. */
static size_t put_bytes(struct sqlite_answer *answer, const void *data, size_t len)
{
    size_t need = answer->byte_count + len + 1, start = answer->byte_count;
    if (need > answer->byte_room) {
        char *more = grown(answer->bytes, 1, &answer->byte_room, need);
        if (more == NULL)
            return SIZE_MAX;
        answer->bytes = more;
    }
    if (len > 0)
        memcpy(answer->bytes + start, data, len);
    answer->bytes[start + len] = '\0';
    answer->byte_count = need;
    return start;
}

static int begin_answer(struct sqlite_conn *conn, sqlite3_stmt *statement)
{
    struct sqlite_answer *answer = &conn->answer;
    answer->column_count = (size_t)sqlite3_column_count(statement);
    for (int i = 0; i < (int)answer->column_count; i++) {
        const char *name = sqlite3_column_name(statement, i);
        if (name == NULL || put_bytes(answer, name, strlen(name)) == SIZE_MAX)
            return fail(conn, ENOMEM, "out of memory");
    }
    return 0;
}

/* A column that was declared as one of truth values; SQLite has whole numbers for them. */
static bool is_boolean(sqlite3_stmt *statement, int column)
{
    const char *declared = sqlite3_column_decltype(statement, column);
    return declared != NULL && strncasecmp(declared, "bool", 4) == 0;
}

static bool put_cell(struct sqlite_answer *answer, sqlite3_stmt *statement, int column)
{
    struct galley_sql_value *cell = &answer->cells[answer->cell_count++];
    *cell = (struct galley_sql_value){.type = GALLEY_SQL_NULL};
    size_t at, len;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        cell->type = GALLEY_SQL_INT;
        cell->integer = sqlite3_column_int64(statement, column);
        if ((cell->integer == 0 || cell->integer == 1) && is_boolean(statement, column))
            *cell =
                (struct galley_sql_value){.type = GALLEY_SQL_BOOL, .boolean = cell->integer == 1};
        return true;
    case SQLITE_FLOAT:
        cell->type = GALLEY_SQL_FLOAT;
        cell->real = sqlite3_column_double(statement, column);
        return true;
    case SQLITE_TEXT:
    case SQLITE_BLOB: {
        bool is_text = sqlite3_column_type(statement, column) == SQLITE_TEXT;
        const void *data = is_text ? (const void *)sqlite3_column_text(statement, column)
                                   : sqlite3_column_blob(statement, column);
        len = (size_t)sqlite3_column_bytes(statement, column);
        at = data != NULL || len == 0 ? put_bytes(answer, data, len) : SIZE_MAX;
        cell->type = is_text ? GALLEY_SQL_TEXT : GALLEY_SQL_BYTES;
        cell->integer = (int64_t)at; /* until there is an address: see sqlite.c */
        cell->bytes.len = len;
        return at != SIZE_MAX;
    }
    default:
        return true;
    }
}

static int put_row(struct sqlite_conn *conn, sqlite3_stmt *statement, uint64_t max_bytes)
{
    struct sqlite_answer *answer = &conn->answer;
    size_t need = answer->cell_count + answer->column_count;
    if (need > answer->cell_room) {
        struct galley_sql_value *more =
            grown(answer->cells, sizeof *more, &answer->cell_room, need);
        if (more == NULL)
            return fail(conn, ENOMEM, "out of memory");
        answer->cells = more;
    }
    for (int i = 0; i < (int)answer->column_count; i++)
        if (!put_cell(answer, statement, i))
            return fail(conn, ENOMEM, "out of memory");
    answer->row_count++;
    if (answer->byte_count + answer->cell_count * sizeof *answer->cells > max_bytes)
        return fail(conn, GALLEY_EANSWER_SIZE, "its rows are larger than max_answer_bytes");
    return 0;
}

void sqlite_answer_trim(struct sqlite_answer *answer)
{
    if (answer->byte_room > ANSWER_KEPT_BYTES) {
        free(answer->bytes);
        answer->bytes = NULL;
        answer->byte_room = 0;
    }
    if (answer->cell_room * sizeof *answer->cells > ANSWER_KEPT_BYTES) {
        free(answer->cells);
        answer->cells = NULL;
        answer->cell_room = 0;
    }
}

/* ---- running ---- */

static int step_through(struct sqlite_conn *conn, sqlite3_stmt *statement, bool drops_rows,
                        uint64_t max_bytes)
{
    bool is_first = true;
    int result, rc = 0;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW && rc == 0) {
        if (drops_rows) {
            conn->answer.row_count++;
            continue;
        }
        if (is_first) /* by now the schema is the one that it runs with */
            rc = begin_answer(conn, statement);
        is_first = false;
        if (rc == 0)
            rc = put_row(conn, statement, max_bytes);
        if (rc < 0)
            return rc;
    }
    if (result != SQLITE_DONE)
        return refuse(conn, result);
    return is_first && !drops_rows ? begin_answer(conn, statement) : 0;
}

int sqlite_run_one(struct sqlite_conn *conn, const struct sql_statement *statement,
                   uint64_t max_bytes)
{
    sqlite3_stmt *prepared = NULL;
    struct sqlite_answer *answer = &conn->answer;
    bool was_in_transaction = conn->base.is_in_transaction;
    answer->row_count = answer->column_count = answer->cell_count = answer->byte_count = 0;
    answer->changed_count = 0;
    conn->waited_ms = 0;
    int rc = find_statement(conn, statement->sql, &prepared);
    if (rc == 0 && conn->is_reader && !sqlite3_stmt_readonly(prepared))
        return SQL_NEEDS_WRITER;
    if (rc == 0)
        rc = bind_all(conn, prepared, statement->args);
    int64_t changes = sqlite3_total_changes64(conn->handle);
    if (rc == 0)
        rc = step_through(conn, prepared, statement->drops_rows, max_bytes);
    if (sqlite3_total_changes64(conn->handle) != changes)
        answer->changed_count = sqlite3_changes64(conn->handle);
    if (prepared != NULL) {
        sqlite3_reset(prepared);
        sqlite3_clear_bindings(prepared); /* they lie in the caller's memory */
    }
    conn->base.is_in_transaction = !sqlite3_get_autocommit(conn->handle);
    if (rc < 0 && was_in_transaction && !conn->base.is_in_transaction)
        conn->base.has_failed = true; /* SQLite has rolled it back by itself */
    else if (!conn->base.is_in_transaction)
        conn->base.has_failed = false;
    return rc;
}

int sqlite_run_all(struct sqlite_conn *conn, const char *script)
{
    int result = sqlite3_exec(conn->handle, script, NULL, NULL, NULL);
    conn->base.is_in_transaction = !sqlite3_get_autocommit(conn->handle);
    return result == SQLITE_OK ? 0 : refuse(conn, result);
}
