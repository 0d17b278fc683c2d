/* peer.c - what the benchmark asks of every peer, in Galley: a sleep, four calls to a remote API, four queries.
 * Does:     as app.py, app.js and main.go beside it do: the same paths, answers and sizes of pools. Settings from the
 *           environment: REMOTE, QUERIES, PGHOST ...
 * See:      run (starts and measures them). */
#include <galley.h>
#include <galley/http.h>
#include <galley/sql.h>
#include <stdlib.h>

static const char *remote;
static galley_sql *database;

static int setting(const char *name)
{
    const char *text = getenv(name);
    return text ? (int)strtol(text, NULL, 10) : 0;
}

static int start(galley_async *co)
{
    remote = getenv("REMOTE");
    return galley_sql_open(co, &database, .url = "postgresql://",
                           .connections = setting("QUERIES"));
}

/* ---- GET /sleep ---- */

GALLEY_STRUCT(slept, (galley_str, status));

static int sleep_10_ms(galley_async *co, const struct galley_none *in, struct slept *out)
{
    (void)in;
    out->status = GALLEY_STR("slept");
    return galley_sleep_ms(co, 10);
}

/* ---- GET /calls ---- */

GALLEY_STRUCT(answer, (int64_t, id), (galley_str, name), (int64_t, value));
GALLEY_STRUCT(total, (int64_t, count), (int64_t, total));

static int call(galley_async *co, struct answer *answer)
{
    return galley_http_get_json(co, answer, answer, remote);
}

static int make_calls(galley_async *co, const struct galley_none *in, struct total *out)
{
    (void)in;
    struct answer a[4];
    int rc = galley_gather(co, (call, &a[0]), (call, &a[1]), (call, &a[2]), (call, &a[3]));
    *out = (struct total){.count = 4, .total = a[0].value + a[1].value + a[2].value + a[3].value};
    return rc;
}

/* ---- GET /queries ---- */

GALLEY_STRUCT(number, (int64_t, number));

static int query(galley_async *co, struct number *row)
{
    return galley_sql_one(co, database, row, number,
                          "select $1::int as number from pg_sleep(0.002)", row->number);
}

static int make_queries(galley_async *co, const struct galley_none *in, struct total *out)
{
    (void)in;
    struct number row[4] = {{1}, {2}, {3}, {4}};
    int rc =
        galley_gather(co, (query, &row[0]), (query, &row[1]), (query, &row[2]), (query, &row[3]));
    *out = (struct total){.count = 4,
                          .total = row[0].number + row[1].number + row[2].number + row[3].number};
    return rc;
}

GALLEY_APP(.title = "Peer", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/sleep", sleep_10_ms, galley_none, slept),
                                   GALLEY_GET("/calls", make_calls, galley_none, total),
                                   GALLEY_GET("/queries", make_queries, galley_none, total)));
