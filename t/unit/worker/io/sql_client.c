/* t/unit/worker/io/sql_client.c - databases in a test of an application: its clock does not jump over the work of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <galley.h>
#include <galley/test.h>

static galley_sql *db;

static int start(galley_async *co)
{
    return galley_sql_open(co, &db, .url = "sqlite::memory:");
}

GALLEY_STRUCT(sum, (int64_t, value));

/* Takes some 10 ms of real time, beside a timer that would jump ahead if nothing else were waited for. */
static int sleep_long(galley_async *co, int64_t *ms)
{
    return galley_sleep_ms(co, *ms);
}

static int add_up(galley_async *co, struct sum *sum)
{
    int rc =
        galley_sql_one(co, db, sum, sum,
                       "with recursive n(i) as (select 1 union all select i + 1 from n where i < "
                       "100000) select count(*) as value from n");
    return rc < 0 ? rc : 0;
}

static int read_sum(galley_async *co, const struct galley_none *in, struct sum *out)
{
    (void)in;
    return galley_race(co, (add_up, out), (sleep_long, &(int64_t){3000000}));
}

static int call_inside(galley_async *co, struct sum *sum)
{
    return galley_sql_one(co, db, sum, sum, "select 7 as value");
}

GALLEY_APP(.title = "Sums", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/sum", read_sum, galley_none, sum)));

int main(void)
{
    struct galley_test *t = galley_test_start(&galley_app);
    struct sum sum = {0};
    int64_t start_ms = galley_test_now_ms(t);
    galley_test_answers(t, galley_test_get(t, "/sum"), 200, "{\"value\":100000}",
                        "the query is waited for, not the sleep");
    galley_test_ok(t, galley_test_now_ms(t) - start_ms < 60000, "the clock did not jump");
    galley_test_is(t, galley_test_call(t, call_inside, &sum), 1, "a call from inside has memory");
    galley_test_is(t, sum.value, 7, "and rows");
    return galley_test_end(t);
}
