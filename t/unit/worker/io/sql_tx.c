/* t/unit/worker/io/sql_tx.c - transactions: committed, rolled back for each reason, savepoints, turns of tasks. */
#include "t/unit/worker/io/sql_world.h"

static galley_sql *db;

static void open_db(galley_async *co)
{
    assert_int_equal(galley_sql_open(co, &db, .url = here.url), 0);
    assert_int_equal(galley_sql_exec(co, db, "create table t (a integer primary key)"), 0);
}

static int64_t count_rows(galley_async *co, galley_sql *sql)
{
    struct galley_sql_rows rows;
    int64_t rc = galley_sql_query(co, sql, &rows, "select count(*) from t");
    return rc == 1 ? rows.cells[0].integer : rc;
}

static int insert(galley_async *co, galley_sql *tx, int64_t number)
{
    int64_t rc = galley_sql_exec(co, tx, "insert into t values ($1)", number);
    return rc < 0 ? (int)rc : 0;
}

static int insert_and(galley_async *co, galley_sql *tx, int *result)
{
    int rc = insert(co, tx, 1);
    return rc < 0 ? rc : *result;
}

static void ends(galley_async *co)
{
    open_db(co);
    assert_int_equal(galley_sql_transaction(co, db, insert_and, &(int){7}), 7);
    assert_int_equal(count_rows(co, db), 1);
    assert_int_equal(galley_sql_exec(co, db, "delete from t"), 1);
    assert_int_equal(galley_sql_transaction(co, db, insert_and, &(int){-404}), -404);
    assert_int_equal(count_rows(co, db), 0);
}

/* ---- errors that the function does not mention ---- */

static int swallow(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    assert_int_equal(insert(co, tx, 1), 0);
    assert_int_equal(insert(co, tx, 1), -GALLEY_ECONSTRAINT);
    return 0;
}

static void swallowed_error(galley_async *co)
{
    open_db(co); /* SQLite goes on after such an error: what was done before is kept */
    assert_int_equal(galley_sql_transaction(co, db, swallow, NULL), 0);
    assert_int_equal(count_rows(co, db), 1);
}

static int run_long(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    assert_int_equal(insert(co, tx, 1), 0);
    int64_t rc = galley_sql_exec(co, tx,
                                 "insert into t with recursive n(i) as (select 10 union all select "
                                 "i + 1 from n) select i from n");
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(galley_cancel_reason(co), GALLEY_BY_DEADLINE);
    return 0; /* as if nothing had happened */
}

static void deadline(galley_async *co)
{
    struct galley_scope scope;
    open_db(co);
    galley_scope_open(co, &scope, 30);
    assert_int_equal(galley_sql_transaction(co, db, run_long, NULL), -ECANCELED);
    assert_int_equal(galley_scope_close(co, &scope), -ETIMEDOUT);
    assert_int_equal(count_rows(co, db), 0);
    assert_int_equal(galley_sql_transaction(co, db, insert_and, &(int){0}), 0);
}

/* The database has given the transaction up by itself, and the function goes on. */
static int go_on(galley_async *co, galley_sql *tx, void *arg)
{
    struct galley_scope scope;
    (void)arg;
    assert_int_equal(insert(co, tx, 1), 0);
    galley_scope_open(co, &scope, 30);
    int64_t rc = galley_sql_exec(co, tx,
                                 "insert into t with recursive n(i) as (select 10 union all select "
                                 "i + 1 from n) select i from n");
    assert_int_equal(rc, -ECANCELED);
    assert_int_equal(galley_scope_close(co, &scope), -ETIMEDOUT);
    assert_int_equal(insert(co, tx, 2), -GALLEY_EREFUSED); /* would stand alone */
    assert_why(co, "the transaction has failed and can only be rolled back");
    return 0;
}

static void given_up(galley_async *co)
{
    open_db(co);
    assert_int_equal(galley_sql_transaction(co, db, go_on, NULL), -GALLEY_EREFUSED);
    assert_why(co, "it was rolled back");
    assert_int_equal(count_rows(co, db), 0);
}

/* ---- cancelled at each moment ---- */

static int wait_in_it(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    int rc = insert(co, tx, 1);
    if (rc == -ECANCELED)
        return -ECANCELED;
    assert_int_equal(rc, 0);
    return galley_sleep_ms(co, 60000);
}

static int hold(galley_async *co, void *arg)
{
    (void)arg;
    return galley_sql_transaction(co, db, wait_in_it, NULL);
}

static void cancelled(galley_async *co)
{
    open_db(co);
    for (int i = 0; i < 12; i++) {
        galley_task *task = galley_spawn(co, hold, NULL);
        for (int turns = 0; turns < i; turns++)
            assert_int_equal(galley_sleep_ms(co, turns > 8 ? 1 : 0), 0);
        galley_task_cancel(task);
        assert_int_equal(galley_await(co, task), -ECANCELED);
        assert_int_equal(count_rows(co, db), 0);
    }
    assert_int_equal(world.stats.pool_connections_open, 2);
}

/* ---- savepoints ---- */

static int fail_inside(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    assert_int_equal(insert(co, tx, 2), 0);
    return -1;
}

static int succeed_inside(galley_async *co, galley_sql *tx, void *arg)
{
    assert_int_equal(insert(co, tx, 3), 0);
    assert_int_equal(galley_sql_exec(co, (galley_sql *)arg, "delete from t"), -EDEADLK);
    assert_why(co, "use the handle that it was given");
    assert_int_equal(galley_sql_transaction(co, tx, fail_inside, NULL), -1);
    return 5;
}

static int nest(galley_async *co, galley_sql *tx, int *result)
{
    assert_int_equal(insert(co, tx, 1), 0);
    assert_int_equal(galley_sql_transaction(co, tx, fail_inside, NULL), -1);
    assert_int_equal(count_rows(co, tx), 1);
    assert_int_equal(galley_sql_transaction(co, tx, succeed_inside, (void *)tx), 5);
    assert_int_equal(count_rows(co, tx), 2);
    return *result;
}

static void savepoints(galley_async *co)
{
    open_db(co);
    assert_int_equal(galley_sql_transaction(co, db, nest, &(int){-1}), -1);
    assert_int_equal(count_rows(co, db), 0);
    assert_int_equal(galley_sql_transaction(co, db, nest, &(int){0}), 0);
    assert_int_equal(count_rows(co, db), 2);
}

/* ---- tasks that share one ---- */

struct part {
    galley_sql *tx;
    int64_t number;
};

static int insert_part(galley_async *co, struct part *part)
{
    return insert(co, part->tx, part->number);
}

static int share(galley_async *co, galley_sql *tx, void *arg)
{
    struct part parts[] = {{tx, 1}, {tx, 2}, {tx, 3}};
    (void)arg;
    return galley_gather(co, (insert_part, &parts[0]), (insert_part, &parts[1]),
                         (insert_part, &parts[2]));
}

static void shared(galley_async *co)
{
    open_db(co);
    assert_int_equal(galley_sql_transaction(co, db, share, NULL), 0);
    assert_int_equal(count_rows(co, db), 3);
}

static galley_sql *kept;
static galley_task *left;
static struct part late;

static int leave_task(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    kept = tx;
    late = (struct part){tx, 9};
    left = galley_spawn(co, insert_part, &late);
    return 0;
}

static void over(galley_async *co)
{
    open_db(co);
    assert_int_equal(galley_sql_transaction(co, db, leave_task, NULL), 0);
    assert_int_equal(insert(co, kept, 1), -EINVAL);
    assert_why(co, "the transaction is over");
    int rc = galley_await(co, left);
    assert_true(rc == -EINVAL || rc == 0); /* it came in time, or not */
    assert_int_equal(count_rows(co, db), rc == 0);
}

static int unused(galley_async *co, galley_sql *tx, void *arg)
{
    (void)co, (void)tx, (void)arg;
    fail_msg("it was never begun");
    return 0;
}

static void not_begun(galley_async *co)
{
    struct galley_scope scope;
    open_db(co);
    galley_scope_open(co, &scope, -1);
    galley_scope_cancel(&scope);
    assert_int_equal(galley_sql_transaction(co, db, unused, NULL), -ECANCELED);
    assert_int_equal(galley_scope_close(co, &scope), -ECANCELED);
    assert_int_equal(galley_sql_transaction(co, NULL, unused, NULL), -EINVAL);
}

/* The handle of the database where that of the transaction is meant: it would wait for itself. */
static int use_wrong_handle(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    assert_int_equal(insert(co, tx, 1), 0);
    assert_int_equal(insert(co, db, 2), -EDEADLK);
    assert_why(co, "use the handle that the transaction was given");
    assert_int_equal(galley_sql_transaction(co, db, unused, NULL), -EDEADLK);
    galley_task *task = galley_spawn(co, insert_part, (&(struct part){db, 3}));
    assert_int_equal(galley_await(co, task), -EDEADLK);
    assert_int_equal(count_rows(co, db), 0); /* who reads has connections of their own */
    return 0;
}

static int insert_later(galley_async *co, struct part *part)
{
    int rc = galley_sleep_ms(co, 1);
    return rc < 0 ? rc : insert_part(co, part);
}

static int hold_shortly(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    assert_int_equal(insert(co, tx, 5), 0);
    return galley_sleep_ms(co, 10);
}

static void wrong_handle(galley_async *co)
{
    open_db(co);
    assert_int_equal(galley_sql_transaction(co, db, use_wrong_handle, NULL), 0);
    galley_task *task = galley_spawn(co, insert_later, (&(struct part){db, 3}));
    assert_int_equal(galley_sql_transaction(co, db, hold_shortly, NULL), 0);
    assert_int_equal(galley_await(co, task), 0); /* another one merely waits */
    assert_int_equal(count_rows(co, db), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SQL_TEST(ends),      SQL_TEST(swallowed_error), SQL_TEST(deadline), SQL_TEST(given_up),
        SQL_TEST(cancelled), SQL_TEST(savepoints),      SQL_TEST(shared),   SQL_TEST(over),
        SQL_TEST(not_begun), SQL_TEST(wrong_handle),
    };
    return cmocka_run_group_tests_name("sql_tx", tests, NULL, NULL);
}
