/* t/unit/worker/io/sql_migrate.c - migrations: applied once and in order, each as a whole; folders and databases that do not
 * fit each other. */
#include "t/unit/worker/io/sql_world.h"

#include <sys/stat.h>

static galley_sql *db;
static char told[512];

static int tell(void *arg, const char *database, int number, const char *name)
{
    (void)arg, (void)database;
    size_t len = strlen(told);
    snprintf(told + len, sizeof told - len, "%d:%s ", number, name != NULL ? name : "-");
    return 0;
}

/* What the last migration told, and what it answered. */
static int open_db(galley_async *co, bool at_start)
{
    told[0] = '\0';
    here.remotes->migrated = tell;
    return galley_sql_open(co, &db, .url = here.url, .migrations = here.folder,
                           .migrate_at_start = at_start);
}

static int64_t count(galley_async *co, const char *table)
{
    struct galley_sql_rows rows;
    char sql[80];
    snprintf(sql, sizeof sql, "select count(*) from %s", table);
    int64_t rc = galley_sql_query(co, db, &rows, sql);
    return rc == 1 ? rows.cells[0].integer : rc;
}

static void in_order(galley_async *co)
{
    sql_write_file("0002-b.sql", "insert into a values (1); insert into a values (2);");
    sql_write_file("0001-a.sql", "create table a (x);\n-- a comment; and no more\n");
    sql_write_file("README", "no migration");
    assert_int_equal(open_db(co, false), -EINVAL);
    assert_why(co, "lacks 2 migrations of ");
    assert_why(co, "the first is 0001-a.sql: run `galley migrate APP`, or set .migrate_at_start");
    assert_int_equal(open_db(co, true), 0);
    assert_string_equal(told, "0:- 1:0001-a.sql 2:0002-b.sql ");
    assert_int_equal(count(co, "a"), 2);
    assert_int_equal(open_db(co, false), 0);
    assert_string_equal(told, "0:- ");
    sql_write_file("0003-c.sql", "insert into a values (3)");
    here.remotes->is_migrating = true;
    assert_int_equal(open_db(co, false), 0);
    assert_string_equal(told, "0:- 3:0003-c.sql ");
    assert_int_equal(count(co, "a"), 3);
    struct galley_sql_rows rows;
    assert_int_equal(
        galley_sql_query(co, db, &rows,
                         "select name, applied_at from galley_migration order by number"),
        3);
    assert_string_equal(rows.cells[4].text.data, "0003-c.sql");
    assert_int_equal(rows.cells[5].text.len, 27);
}

static void as_a_whole(galley_async *co)
{
    sql_write_file("0001-a.sql", "create table a (x);");
    sql_write_file("0002-b.sql", "create table b (x); insert into nowhere values (1);");
    assert_int_equal(open_db(co, true), -GALLEY_EREFUSED);
    assert_why(co, "/0002-b.sql: ");
    assert_why(co, "no such table: nowhere");
    assert_string_equal(told, "0:- 1:0001-a.sql ");
    assert_int_equal(galley_sql_open(co, &db, .url = here.url), 0);
    assert_int_equal(count(co, "a"), 0);
    assert_int_equal(count(co, "b"), -GALLEY_EREFUSED);
    assert_int_equal(count(co, "galley_migration"), 1);
    sql_write_file("0002-b.sql", "create table b (x)"); /* it was never applied: it may change */
    assert_int_equal(open_db(co, true), 0);
    assert_int_equal(count(co, "b"), 0);
}

static void own_transaction(galley_async *co)
{
    sql_write_file("0001-a.sql", "create table a (x); commit; create table b (x);");
    assert_int_equal(open_db(co, true), -EINVAL);
    assert_why(co, "0001-a.sql ends the transaction it runs in");
}

static void changed(galley_async *co)
{
    sql_write_file("0001-a.sql", "create table a (x);");
    assert_int_equal(open_db(co, true), 0);
    sql_write_file("0001-a.sql", "create table a (x, y);");
    assert_int_equal(open_db(co, true), -EINVAL);
    assert_why(co, "/0001-a.sql has changed since it was applied to");
    assert_int_equal(open_db(co, false), -EINVAL);
}

static void ahead(galley_async *co)
{
    char path[100];
    sql_write_file("0001-a.sql", "create table a (x);");
    sql_write_file("0002-b.sql", "create table b (x);");
    assert_int_equal(open_db(co, true), 0);
    snprintf(path, sizeof path, "%s/0002-b.sql", here.folder);
    unlink(path);
    assert_int_equal(open_db(co, false), 0);
    assert_true(world_logged("migrations_ahead"));
}

static void bad_folders(galley_async *co)
{
    assert_int_equal(galley_sql_open(co, &db, .url = here.url, .migrations = "/no/such/folder"),
                     -ENOENT);
    assert_why(co, "cannot read the folder of migrations /no/such/folder: No such file");
    assert_int_equal(open_db(co, false), 0); /* an empty folder lacks nothing */
    sql_write_file("0002-b.sql", "select 1");
    assert_int_equal(open_db(co, true), -EINVAL);
    assert_why(co, "has no migration 0001, but 0002-b.sql");
    sql_write_file("0001-a.sql", "select 1");
    sql_write_file("0001-other.sql", "select 1");
    assert_int_equal(open_db(co, true), -EINVAL);
    assert_why(co, "has two migrations 0001: ");
}

static void bad_names(galley_async *co)
{
    sql_write_file("001-a.sql", "select 1");
    assert_int_equal(open_db(co, true), -EINVAL);
    assert_why(co, "001-a.sql is no migration: their names are 0001-items.sql, 0002-...");
}

static void binary(galley_async *co)
{
    char path[100];
    snprintf(path, sizeof path, "%s/0001-a.sql", here.folder);
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite("a\0b", 1, 3, file), 3);
    fclose(file);
    assert_int_equal(open_db(co, true), -EINVAL);
    assert_why(co, "0001-a.sql is no text");
}

/* Two workers that start at once. */
static int open_another(galley_async *co, galley_sql **mine)
{
    return galley_sql_open(co, mine, .url = here.url, .migrations = here.folder,
                           .migrate_at_start = true);
}

static void at_once(galley_async *co)
{
    galley_sql *three[3];
    sql_write_file("0001-a.sql", "create table a (x);");
    sql_write_file("0002-b.sql", "insert into a values (1);");
    assert_int_equal(galley_gather(co, (open_another, &three[0]), (open_another, &three[1]),
                                   (open_another, &three[2])),
                     0);
    db = three[2];
    assert_int_equal(count(co, "a"), 1);
    assert_int_equal(count(co, "galley_migration"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQL_TEST(in_order),  SQL_TEST(as_a_whole), SQL_TEST(own_transaction),
        SQL_TEST(changed),   SQL_TEST(ahead),      SQL_TEST(bad_folders),
        SQL_TEST(bad_names), SQL_TEST(binary),     SQL_TEST(at_once),
    };
    return cmocka_run_group_tests_name("sql_migrate", tests, NULL, NULL);
}
