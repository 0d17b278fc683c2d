/* t/unit/worker/io/sqlite.c - SQLite: every type there and back, what goes wrong and how it is told, statements that are
 * cancelled while they run, locks of others. */
#include "t/unit/worker/io/sql_world.h"

#include <sqlite3.h>
#include <sys/stat.h>

static galley_sql *db;

static void open_db(galley_async *co)
{
    assert_int_equal(galley_sql_open(co, &db, .url = here.url), 0);
}

static void open_memory(galley_async *co)
{
    assert_int_equal(galley_sql_open(co, &db, .url = "sqlite::memory:"), 0);
}

/* ---- values ---- */

static void types(galley_async *co)
{
    struct galley_sql_rows rows;
    int64_t number = -5, *none = NULL;
    double real = 2.5;
    bool yes = true;
    galley_uuid uuid = {{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8}};
    open_db(co);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a, b boolean, c text)"), 0);
    assert_int_equal(
        galley_sql_query(
            co, db, &rows, "select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14", 42,
            true, 1.5, "text", GALLEY_STR("slice"), ((galley_bytes){(const uint8_t *)"a\0b", 3}),
            uuid, ((galley_time){.seconds = 1700000000, .nanos = 250000000, .has_offset = true}),
            ((galley_date){2026, 2, 3}), &number, none, &real, &yes, (const char *)NULL),
        1);
    const struct galley_sql_value *cell = rows.cells;
    assert_int_equal(rows.column_count, 14);
    assert_int_equal(cell[0].type, GALLEY_SQL_INT);
    assert_int_equal(cell[0].integer, 42);
    assert_int_equal(cell[1].integer, 1);
    assert_true(cell[2].type == GALLEY_SQL_FLOAT && cell[2].real == 1.5);
    assert_string_equal(cell[3].text.data, "text");
    assert_string_equal(cell[4].text.data, "slice");
    assert_int_equal(cell[5].type, GALLEY_SQL_BYTES);
    assert_memory_equal(cell[5].bytes.data, "a\0b", 3);
    assert_string_equal(cell[6].text.data, "12345678-9abc-def0-0102-030405060708");
    assert_string_equal(cell[7].text.data, "2023-11-14T22:13:20.250000Z");
    assert_string_equal(cell[8].text.data, "2026-02-03");
    assert_int_equal(cell[9].integer, -5);
    assert_int_equal(cell[10].type, GALLEY_SQL_NULL);
    assert_true(cell[11].real == 2.5);
    assert_int_equal(cell[12].integer, 1);
    assert_int_equal(cell[13].type, GALLEY_SQL_NULL);
}

static void columns(galley_async *co)
{
    struct galley_sql_rows rows;
    open_db(co);
    assert_int_equal(galley_sql_exec(co, db, "create table t (id integer primary key, ok boolean)"),
                     0);
    assert_int_equal(galley_sql_query(co, db, &rows, "select id, ok from t"), 0);
    assert_int_equal(rows.column_count, 2);
    assert_string_equal(rows.columns[1], "ok");
    assert_int_equal(galley_sql_exec(co, db, "insert into t (ok) values ($1), ($2), ($2)", true, 7),
                     3);
    assert_int_equal(galley_sql_query(co, db, &rows, "select id, ok from t order by id"), 3);
    assert_int_equal(rows.cells[1].type, GALLEY_SQL_BOOL);
    assert_true(rows.cells[1].boolean);
    assert_int_equal(rows.cells[3].type, GALLEY_SQL_INT);
    assert_int_equal(galley_sql_query(co, db, &rows, "insert into t (ok) values (0) returning id"),
                     1);
    assert_int_equal(rows.cells[0].integer, 4);
    assert_int_equal(rows.changed_count, 1);
    assert_int_equal(galley_sql_exec(co, db, "update t set ok = 1 where id > $1", 2), 2);
    assert_int_equal(galley_sql_exec(co, db, "create index i on t (ok)"), 0);
    assert_int_equal(
        galley_sql_exec(co, db, "with x as (select 1) insert into t (ok) select 1 from x"), 1);
}

/* The same text again, after the table has another column. */
static void schema_change(galley_async *co)
{
    struct galley_sql_rows rows;
    open_db(co);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a)"), 0);
    assert_int_equal(galley_sql_exec(co, db, "insert into t values (1)"), 1);
    assert_int_equal(galley_sql_query(co, db, &rows, "select * from t"), 1);
    assert_int_equal(rows.column_count, 1);
    assert_int_equal(galley_sql_exec(co, db, "alter table t add column b"), 0);
    assert_int_equal(galley_sql_query(co, db, &rows, "select * from t"), 1);
    assert_int_equal(rows.column_count, 2);
    assert_string_equal(rows.columns[1], "b");
}

static void many_statements(galley_async *co)
{
    struct galley_sql_rows rows;
    char sql[80];
    open_memory(co);
    for (int i = 0; i < 500; i++) {
        snprintf(sql, sizeof sql, "select %d", i % 200);
        assert_int_equal(galley_sql_query(co, db, &rows, sql), 1);
        assert_int_equal(rows.cells[0].integer, i % 200);
    }
}

static void memory_stays(galley_async *co)
{
    struct galley_sql_rows rows;
    open_memory(co);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a)"), 0);
    assert_int_equal(galley_sql_exec(co, db, "insert into t values (1)"), 1);
    struct sql_conn *conn;
    assert_int_equal(sql_take(co, db->db, &conn, NULL), 0);
    conn->is_broken = true; /* it is closed, the data stay */
    sql_give(co, db->db->pool, conn);
    assert_int_equal(galley_sql_query(co, db, &rows, "select a from t"), 1);
}

/* ---- what goes wrong ---- */

static void refusals(galley_async *co)
{
    static const struct {
        const char *sql;
        int error;
        const char *why;
    } rows[] = {
        {"selec 1", GALLEY_EREFUSED, "near \"selec\": syntax error: selec 1 ("},
        {"select a from nowhere", GALLEY_EREFUSED, "no such table: nowhere"},
        {"select 1; select 2", GALLEY_EREFUSED, "one statement at a time"},
        {"", GALLEY_EREFUSED, "there is no statement in it"},
        {"select ?", GALLEY_EREFUSED, "arguments are written $1"},
        {"select :name", GALLEY_EREFUSED, "arguments are written $1"},
        {"select $1", GALLEY_EREFUSED, "$1 is the last argument of 'select $1', and there are 0"},
        {"begin", GALLEY_EREFUSED, "galley_sql_transaction begins and ends transactions"},
        {" /* x */ Commit", GALLEY_EREFUSED, "galley_sql_transaction"},
        {"insert into t values (1)", GALLEY_ECONSTRAINT, "UNIQUE constraint failed: t.id"},
        {"insert into child values (99)", GALLEY_ECONSTRAINT, "FOREIGN KEY constraint failed"},
    };
    open_db(co);
    assert_int_equal(galley_sql_exec(co, db, "create table t (id integer primary key)"), 0);
    assert_int_equal(galley_sql_exec(co, db, "create table child (t integer references t)"), 0);
    assert_int_equal(galley_sql_exec(co, db, "insert into t values (1)"), 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(galley_sql_exec(co, db, rows[i].sql), -rows[i].error);
        assert_why(co, rows[i].why);
        assert_why(co, "t/unit/worker/io/sqlite.c:");
    }
    struct galley_sql_rows all;
    assert_int_equal(galley_sql_query(co, db, &all, "select zeroblob(20000000)"),
                     -GALLEY_EANSWER_SIZE);
    assert_int_equal(galley_sql_query(co, db, &all, "select count(*) from t"), 1);
    assert_int_equal(galley_sql_query(co, NULL, &all, "select 1"), -EINVAL);
    assert_why(co, "the database was not opened");
}

static void wrong_urls(galley_async *co)
{
    static const struct {
        const char *url, *why;
    } rows[] = {
        {NULL, "NULL is no database"},
        {"oracle:x", "oracle:x is no database: a URL begins with sqlite: or postgresql:"},
        {"sqlite:", "names no file"},
        {"sqlite://x", "write sqlite:shop.db"},
        {"sqlite:x?busy_timeout=", "busy_timeout= is none of SQLite"},
        {"sqlite:x?busy_timeout=1s", "busy_timeout=1s is none"},
        {"sqlite:x?synchronous=never", "synchronous=never is none"},
        {"sqlite:x?synchronous=full&cache=1", "cache=1 is none"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(galley_sql_open(co, &db, .url = rows[i].url), -EINVAL);
        assert_why(co, rows[i].why);
        assert_null(db);
    }
    assert_int_equal(galley_sql_open(co, &db, .url = here.url, .connections = 65), -EINVAL);
    assert_int_equal(galley_sql_open(co, &db, .url = here.url, .max_waiting = -1), -EINVAL);
}

static void bad_files(galley_async *co)
{
    char url[200];
    snprintf(url, sizeof url, "sqlite:%s/none/x.db", here.folder);
    assert_int_equal(galley_sql_open(co, &db, .url = url), -ENOENT);
    assert_why(co, "unable to open database file");
    snprintf(url, sizeof url, "sqlite:%s/garbage.db", here.folder);
    sql_write_file("garbage.db",
                   "This is a text, and not a short one, that never was a database file; "
                   "SQLite looks at the first hundred bytes of a file to know it.");
    assert_int_equal(galley_sql_open(co, &db, .url = url), -EUCLEAN);
    assert_why(co, "file is not a database");
}

static void full_disk(galley_async *co)
{
    open_db(co);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a)"), 0);
    assert_int_equal(galley_sql_exec(co, db, "pragma max_page_count = 3"), 0);
    assert_int_equal(galley_sql_exec(co, db, "insert into t values (zeroblob(1000000))"), -ENOSPC);
    assert_why(co, "database or disk is full");
}

/* ---- ending early ---- */

static const char endless[] =
    "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";

static int run_endless(galley_async *co, void *arg)
{
    (void)arg;
    struct galley_sql_rows rows;
    return (int)galley_sql_query(co, db, &rows, endless);
}

static void cancelled(galley_async *co)
{
    struct galley_sql_rows rows;
    int soon_count = 0; /* on a busy machine a thread may not get its turn in time */
    open_db(co);
    for (int i = 0; i < 20; i++) {
        galley_task *task = galley_spawn(co, run_endless, NULL);
        assert_int_equal(galley_sleep_ms(co, i), 0);
        int64_t start_ms = clock_now_ms();
        galley_task_cancel(task);
        assert_int_equal(galley_await(co, task), -ECANCELED);
        soon_count += clock_now_ms() - start_ms < 100;
    }
    assert_true(soon_count >= 10);
    assert_int_equal(galley_sql_query(co, db, &rows, "select 1"), 1);
    assert_int_equal(world.stats.pool_connections_open, 2);
}

static void deadline(galley_async *co)
{
    struct galley_scope scope;
    struct galley_sql_rows rows;
    open_db(co);
    galley_scope_open(co, &scope, 20);
    assert_int_equal(galley_sql_query(co, db, &rows, endless), -ECANCELED);
    assert_int_equal(galley_scope_close(co, &scope), -ETIMEDOUT);
    assert_int_equal(galley_sql_query(co, db, &rows, "select 1"), 1);
}

/* ---- others ---- */

static void locked(galley_async *co)
{
    sqlite3 *other;
    char url[200], path[100];
    struct galley_sql_rows rows;
    snprintf(url, sizeof url, "%s?busy_timeout=30&synchronous=normal", here.url);
    snprintf(path, sizeof path, "%s/test.db", here.folder);
    assert_int_equal(galley_sql_open(co, &db, .url = url), 0);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a)"), 0);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "begin immediate", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(galley_sql_exec(co, db, "insert into t values (1)"), -GALLEY_ECONFLICT);
    assert_why(co, "database is locked");
    assert_int_equal(galley_sql_query(co, db, &rows, "select a from t"),
                     0); /* readers never wait */
    assert_int_equal(sqlite3_exec(other, "rollback", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(galley_sql_exec(co, db, "insert into t values (1)"), 1);
    sqlite3_close(other);
}

/* A wait for the lock of others ends when nobody wants it any more. */
static void locked_and_cancelled(galley_async *co)
{
    sqlite3 *other;
    char path[100];
    struct galley_scope scope;
    snprintf(path, sizeof path, "%s/test.db", here.folder);
    open_db(co);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a)"), 0);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "begin immediate", NULL, NULL, NULL), SQLITE_OK);
    int64_t start_ms = clock_now_ms();
    galley_scope_open(co, &scope, 20);
    int64_t rc = galley_sql_exec(co, db, "insert into t values (1)");
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(galley_scope_close(co, &scope), -ETIMEDOUT);
    assert_true(clock_now_ms() - start_ms < 1000);
    sqlite3_close(other);
    assert_int_equal(galley_sql_exec(co, db, "insert into t values (1)"), 1);
}

static int insert_many(galley_async *co, int *first)
{
    for (int i = 0; i < 100; i++) {
        int64_t rc = galley_sql_exec(co, db, "insert into t values ($1)", *first + i);
        if (rc != 1)
            return rc < 0 ? (int)rc : -EIO;
    }
    return 0;
}

static void concurrent_writers(galley_async *co)
{
    int from[4] = {0, 1000, 2000, 3000};
    struct galley_sql_rows rows;
    char url[200];
    snprintf(url, sizeof url, "%s?synchronous=off", here.url);
    assert_int_equal(galley_sql_open(co, &db, .url = url), 0);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a)"), 0);
    assert_int_equal(galley_gather(co, (insert_many, &from[0]), (insert_many, &from[1]),
                                   (insert_many, &from[2]), (insert_many, &from[3])),
                     0);
    assert_int_equal(galley_sql_query(co, db, &rows, "select count(distinct a) from t"), 1);
    assert_int_equal(rows.cells[0].integer, 400);
    assert_true(world.stats.sql_statements_total == 402 && world.stats.sql_failed_total == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQL_TEST(types),
        SQL_TEST(columns),
        SQL_TEST(schema_change),
        SQL_TEST(many_statements),
        SQL_TEST(memory_stays),
        SQL_TEST(refusals),
        SQL_TEST(wrong_urls),
        SQL_TEST(bad_files),
        SQL_TEST(full_disk),
        SQL_TEST(cancelled),
        SQL_TEST(deadline),
        SQL_TEST(locked),
        SQL_TEST(locked_and_cancelled),
        SQL_TEST(concurrent_writers),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
