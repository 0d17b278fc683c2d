/* ledger.c - SQLite under bad circumstances: long transactions, endless queries, locks, many statements. */
#include <errno.h>
#include <galley.h>
#include <stdlib.h>
#include <time.h>

static galley_sql *db;

static int start(galley_async *co)
{
    return galley_sql_open(co, &db, .url = getenv("LEDGER"), .connections = 3,
                           .migrations = getenv("LEDGER_MIGRATIONS"), .migrate_at_start = true);
}

GALLEY_STRUCT(number, (int64_t, value));
GALLEY_STRUCT(amount_in, (int64_t, n, QUERY, DEFAULT(1)));

/* ---- POST /add?n=: a counter that every transaction reads and writes ---- */

static int add(galley_async *co, galley_sql *tx, int64_t *n)
{
    struct number number;
    int rc = galley_sql_one(co, tx, &number, number, "select value from total");
    if (rc < 1)
        return rc < 0 ? rc : -ENOENT;
    int64_t done = galley_sql_exec(co, tx, "update total set value = $1", number.value + *n);
    *n = number.value + *n;
    return done < 0 ? (int)done : 0;
}

static int post_add(galley_async *co, const struct amount_in *in, struct number *out)
{
    out->value = in->n;
    return galley_sql_transaction(co, db, add, &out->value);
}

static int read_total(galley_async *co, const struct galley_none *in, struct number *out)
{
    (void)in;
    int rc = galley_sql_one(co, db, out, number, "select value from total");
    return rc < 0 ? rc : 0;
}

/* ---- GET /hold?n=: write, then wait n ms in the transaction ---- */

static int write_and_wait(galley_async *co, galley_sql *tx, int64_t *ms)
{
    int64_t rc = galley_sql_exec(co, tx, "update total set value = value + 1000000");
    return rc < 0 ? (int)rc : galley_sleep_ms(co, *ms);
}

static int hold(galley_async *co, const struct amount_in *in, struct number *out)
{
    out->value = in->n;
    return galley_sql_transaction(co, db, write_and_wait, &out->value);
}

/* ---- GET /endless: a query that would run for ever; /endless-write in a transaction ---- */

static int endless(galley_async *co, const struct galley_none *in, struct number *out)
{
    (void)in;
    return galley_sql_one(co, db, out, number,
                          "with recursive n(i) as (select 1 union all select i + 1 from n)\n"
                          "select count(*) as value from n");
}

static int write_endless(galley_async *co, galley_sql *tx, void *arg)
{
    (void)arg;
    int64_t rc = galley_sql_exec(co, tx,
                                 "insert into line with recursive n(i) as (select 1 union all "
                                 "select i + 1 from n) select i from n");
    return rc < 0 ? (int)rc : 0;
}

static int endless_write(galley_async *co, const struct galley_none *in, struct number *out)
{
    (void)in;
    out->value = 0;
    return galley_sql_transaction(co, db, write_endless, NULL);
}

/* ---- GET /many?n=: so many statements, and what one costs in ns ---- */

GALLEY_STRUCT(cost, (int64_t, count), (int64_t, read_ns), (int64_t, write_ns));
static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int write_many(galley_async *co, galley_sql *tx, struct cost *cost)
{
    int64_t start_ns = now_ns();
    for (int64_t i = 0; i < cost->count; i++) {
        int64_t rc = galley_sql_exec(co, tx, "insert into line (number) values ($1)", i);
        if (rc < 0)
            return (int)rc;
    }
    cost->write_ns = (now_ns() - start_ns) / cost->count;
    return 0;
}

static int many(galley_async *co, const struct amount_in *in, struct cost *out)
{
    struct number number;
    int64_t gone = galley_sql_exec(co, db, "delete from line");
    int64_t start_ns = now_ns();
    out->count = gone < 0 ? 0 : in->n;
    for (int64_t i = 0; i < in->n; i++) {
        int rc = galley_sql_one(co, db, &number, number, "select $1 as value", i);
        if (rc < 0 || number.value != i)
            return rc < 0 ? rc : -EIO;
    }
    out->read_ns = (now_ns() - start_ns) / in->n;
    int rc = galley_sql_transaction(co, db, write_many, out);
    gone = galley_sql_exec(co, db, "delete from line");
    return rc < 0 ? rc : gone != in->n ? -EIO : 0;
}

/* ---- POST /line?n=: a constraint ---- */

static int add_line(galley_async *co, const struct amount_in *in, struct number *out)
{
    int64_t rc = galley_sql_exec(co, db, "insert into line (number) values ($1)", in->n);
    out->value = in->n;
    return rc < 0 ? (int)rc : 0;
}

GALLEY_APP(.title = "Ledger", .on_start = start,
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/add", post_add, amount_in, number),
               GALLEY_GET("/total", read_total, galley_none, number),
               GALLEY_GET("/hold", hold, amount_in, number),
               GALLEY_GET("/endless", endless, galley_none, number),
               GALLEY_GET("/endless-write", endless_write, galley_none, number),
               GALLEY_GET("/brief", endless, galley_none, number, .timeout_ms = 300),
               GALLEY_GET("/long", endless, galley_none, number, .timeout_ms = 2000),
               GALLEY_GET("/long-write", endless_write, galley_none, number, .timeout_ms = 2000),
               GALLEY_GET("/many", many, amount_in, cost),
               GALLEY_POST("/line", add_line, amount_in, number)));
