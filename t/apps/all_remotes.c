/* all_remotes.c - for the tests: every kind of remote side, alone and gathered, as slow as the query says. */
#include <galley.h>
#include <stdio.h>
#include <stdlib.h>

static galley_sql *sqlite, *postgres;
static galley_redis *redis;
static const char *remote;

static int start(galley_async *co)
{
    remote = getenv("REMOTE_URL");
    int rc = galley_sql_open(co, &sqlite, .url = getenv("SQLITE_URL"));
    if (rc == 0)
        rc = galley_sql_open(co, &postgres, .url = getenv("POSTGRES_URL"));
    if (rc == 0)
        rc = galley_redis_open(co, &redis, .url = getenv("REDIS_URL"));
    if (rc == 0)
        rc = (int)galley_sql_exec(
            co, sqlite, "create table if not exists note (id integer primary key, text text)");
    if (rc >= 0)
        rc = (int)galley_sql_exec(
            co, postgres, "create table if not exists note (id bigserial primary key, text text)");
    return rc < 0 ? rc : 0;
}

GALLEY_STRUCT(slow_in, (int64_t, ms, QUERY, DEFAULT(0)), (int64_t, rows, QUERY, DEFAULT(100)));

static int ask_http(galley_async *co, struct slow_in *in)
{
    struct galley_http got;
    char url[256];
    snprintf(url, sizeof url, "%s/wait?ms=%lld", remote, (long long)in->ms);
    int rc = galley_http_get(co, &got, url);
    return rc < 0 ? rc : got.status == 200 ? 0 : -GALLEY_ESTATUS;
}

static int ask_sqlite(galley_async *co, struct slow_in *in)
{
    struct galley_sql_rows rows;
    int64_t rc = galley_sql_query(co, sqlite, &rows,
                                  "with recursive n(i) as (select 1 union all select i + 1 from n "
                                  "where i < $1) select count(*) from n",
                                  in->rows);
    return rc < 0 ? (int)rc : 0;
}

static int ask_postgres(galley_async *co, struct slow_in *in)
{
    struct galley_sql_rows rows;
    int64_t rc =
        galley_sql_query(co, postgres, &rows, "select pg_sleep($1::float8 / 1000)", (double)in->ms);
    return rc < 0 ? (int)rc : 0;
}

static int ask_redis(galley_async *co, struct slow_in *in)
{
    return galley_redis_call(co, redis, NULL, "DEBUG", "SLEEP", (double)in->ms / 1000);
}

static int nap(galley_async *co, struct slow_in *in)
{
    return galley_sleep_ms(co, in->ms);
}

/* ---- each alone ---- */

static int alone_http(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("http");
    struct slow_in slow = *in;
    return ask_http(co, &slow);
}

static int alone_sqlite(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("sqlite");
    struct slow_in slow = *in;
    return ask_sqlite(co, &slow);
}

static int alone_postgres(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("postgres");
    struct slow_in slow = *in;
    return ask_postgres(co, &slow);
}

static int alone_redis(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("redis");
    struct slow_in slow = *in;
    return ask_redis(co, &slow);
}

/* ---- all at once ---- */

static int all(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("all");
    struct slow_in slow = *in;
    return galley_gather(co, (ask_http, &slow), (ask_sqlite, &slow), (ask_postgres, &slow),
                         (ask_redis, &slow), (nap, &slow));
}

/* ---- what a client that leaves must not leave open ---- */

static int note_and_wait(galley_async *co, galley_sql *tx, struct slow_in *in)
{
    int64_t rc = galley_sql_exec(co, tx, "insert into note (text) values ($1)", "here");
    if (rc >= 0)
        rc = galley_sleep_ms(co, in->ms);
    if (rc >= 0)
        rc = galley_sql_exec(co, tx, "delete from note");
    return rc < 0 ? (int)rc : 0;
}

static int transact_sqlite(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("kept");
    struct slow_in slow = *in;
    return galley_sql_transaction(co, sqlite, note_and_wait, &slow);
}

static int transact_postgres(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("kept");
    struct slow_in slow = *in;
    return galley_sql_transaction(co, postgres, note_and_wait, &slow);
}

static int listen_redis(galley_async *co, const struct slow_in *in, struct galley_text *out)
{
    struct galley_redis_sub *sub;
    struct galley_redis_message message;
    int rc = galley_redis_subscribe(co, redis, &sub, "news", "news.*");
    if (rc == 0)
        rc = galley_redis_receive(co, sub, &message, in->ms);
    out->text = GALLEY_STR("heard");
    return rc < 0 ? rc : 0;
}

GALLEY_APP(.title = "All remotes", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/http", alone_http, slow_in, galley_text),
                                   GALLEY_GET("/sqlite", alone_sqlite, slow_in, galley_text),
                                   GALLEY_GET("/postgres", alone_postgres, slow_in, galley_text),
                                   GALLEY_GET("/redis", alone_redis, slow_in, galley_text),
                                   GALLEY_GET("/all", all, slow_in, galley_text),
                                   GALLEY_POST("/all", all, slow_in, galley_text),
                                   GALLEY_GET("/sqlite-tx", transact_sqlite, slow_in, galley_text),
                                   GALLEY_GET("/postgres-tx", transact_postgres, slow_in,
                                              galley_text),
                                   GALLEY_GET("/listen", listen_redis, slow_in, galley_text)));
