/* postgres.c - for the tests: PostgreSQL from handlers; where it is, the environment says. */
#include <galley.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static galley_sql *db;

static int number_of(const char *name)
{
    const char *text = getenv(name);
    return text ? (int)strtol(text, NULL, 10) : 0;
}

static int start(galley_async *co)
{
    return galley_sql_open(
        co, &db, .url = getenv("PG_URL"), .connections = number_of("PG_CONNECTIONS"),
        .max_waiting = number_of("PG_MAX_WAITING"), .max_wait_ms = number_of("PG_MAX_WAIT_MS"),
        .max_answer_bytes = (uint64_t)number_of("PG_MAX_BYTES"));
}

/* ---- any statement, in words ---- */

enum { TEXT_BYTES = 1 << 16 };

struct text {
    char *at, *end;
};

static void print(struct text *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(struct text *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out->at, (size_t)(out->end - out->at), format, args);
    va_end(args);
    out->at += n < out->end - out->at ? n : out->end - out->at - 1;
}

static void print_cell(struct text *out, const struct galley_sql_value *cell)
{
    switch (cell->type) {
    case GALLEY_SQL_NULL:
        print(out, "null");
        break;
    case GALLEY_SQL_BOOL:
        print(out, "bool %s", cell->boolean ? "true" : "false");
        break;
    case GALLEY_SQL_INT:
        print(out, "int %lld", (long long)cell->integer);
        break;
    case GALLEY_SQL_FLOAT:
        print(out, "float %.17g", cell->real);
        break;
    case GALLEY_SQL_BYTES:
        print(out, "bytes ");
        for (size_t i = 0; i < cell->bytes.len && i < 64; i++)
            print(out, "%02x", ((const unsigned char *)cell->bytes.data)[i]);
        break;
    default:
        print(out, "text[%zu] %.200s", cell->text.len, cell->text.data);
    }
}

static galley_str print_rows(galley_async *co, const struct galley_sql_rows *rows, int64_t count)
{
    struct text out = {galley_alloc(co, TEXT_BYTES), NULL};
    char *start_of = out.at;
    out.end = out.at + TEXT_BYTES;
    print(&out, "%lld rows, %lld changed", (long long)count, (long long)rows->changed_count);
    for (size_t i = 0; i < rows->row_count * rows->column_count && i < 100; i++) {
        print(&out, "%s%s=", i % rows->column_count == 0 ? "; " : ", ",
              rows->columns[i % rows->column_count]);
        print_cell(&out, &rows->cells[i]);
    }
    return (galley_str){start_of, (size_t)(out.at - start_of)};
}

static galley_str print_error(galley_async *co, int64_t rc)
{
    return galley_format(co, "error %lld: %s: %s", (long long)rc, galley_error_text((int)rc),
                         galley_why(co));
}

/* $1 is a text, $2 a number; a number alone is $1. */
GALLEY_STRUCT(ask_in, (galley_str, sql, QUERY), (galley_str, a, QUERY, OPTIONAL),
              (int64_t *, n, QUERY, OPTIONAL), (int64_t, timeout_ms, QUERY, DEFAULT(-1)));

static int64_t ask_it(galley_async *co, const struct ask_in *in, struct galley_sql_rows *rows)
{
    const char *sql = galley_format(co, "%.*s", GALLEY_STR_ARG(in->sql)).data;
    if (in->a.data && in->n)
        return galley_sql_query(co, db, rows, sql, in->a, in->n);
    if (in->a.data)
        return galley_sql_query(co, db, rows, sql, in->a);
    if (in->n)
        return galley_sql_query(co, db, rows, sql, in->n);
    return galley_sql_query(co, db, rows, sql);
}

/* What came, or "error NUMBER: text: why". */
static int ask(galley_async *co, const struct ask_in *in, struct galley_text *out)
{
    struct galley_sql_rows rows;
    struct galley_scope scope;
    galley_scope_open(co, &scope, in->timeout_ms);
    int64_t rc = ask_it(co, in, &rows);
    int ended = galley_scope_close(co, &scope);
    if (ended == -ETIMEDOUT)
        rc = ended;
    out->text = rc < 0 ? print_error(co, rc) : print_rows(co, &rows, rc);
    return 0;
}

/* The same, its error left alone: 500, 502, 503, 504. */
static int plain(galley_async *co, const struct ask_in *in, struct galley_text *out)
{
    struct galley_sql_rows rows;
    int64_t rc = ask_it(co, in, &rows);
    if (rc < 0)
        return (int)rc;
    out->text = print_rows(co, &rows, rc);
    return 0;
}

/* ---- every kind of argument ---- */

GALLEY_STRUCT(nothing_in, (int64_t, unused, QUERY, OPTIONAL));

static int arguments(galley_async *co, const struct nothing_in *in, struct galley_text *out)
{
    struct galley_sql_rows rows;
    const galley_bytes bytes = {.data = (const uint8_t *)"\0\1\xff'\\", .len = 5};
    const galley_uuid uuid = {{0x12, 0x3e, 0x45, 0x67, 0xe8, 0x9b, 0x12, 0xd3, 0xa4, 0x56, 0x42,
                               0x66, 0x14, 0x17, 0x40, 0x00}};
    const galley_time time = {.seconds = 1700000000, .nanos = 5000, .has_offset = true};
    const galley_date date = {.year = 2024, .month = 2, .day = 29};
    const int64_t *no_number = NULL;
    const char *no_text = NULL;
    const double *no_price = NULL;
    (void)in;
    int64_t rc = galley_sql_query(
        co, db, &rows,
        "select $1::bool a, $2::int b, $3::bigint c, $4::float8 d, $5::text e, $6::bytea f, "
        "$7::uuid g, $8::timestamptz h, $9::date i, $10::numeric j, $11::int k, $12::text l, "
        "$13::numeric m",
        true, 42, INT64_MIN, 0.1, "it's \"\xc3\xa9\"", bytes, uuid, time, date, 12.5, no_number,
        no_text, no_price);
    out->text = rc < 0 ? print_error(co, rc) : print_rows(co, &rows, rc);
    return 0;
}

GALLEY_STRUCT(size_in, (int64_t, bytes, QUERY));

/* A large value there and back. */
static int large(galley_async *co, const struct size_in *in, struct galley_text *out)
{
    struct galley_sql_rows rows;
    char *text = galley_alloc(co, (size_t)in->bytes + 1);
    memset(text, 'x', (size_t)in->bytes);
    text[in->bytes] = '\0';
    int64_t rc =
        galley_sql_query(co, db, &rows, "select $1::text, length($1::text)", (const char *)text);
    if (rc < 0)
        return (int)rc;
    bool is_same = rows.cells[0].text.len == (size_t)in->bytes &&
                   memcmp(rows.cells[0].text.data, text, (size_t)in->bytes) == 0;
    out->text = galley_format(co, "%s %lld", is_same ? "same" : "different",
                              (long long)rows.cells[1].integer);
    return 0;
}

/* ---- rows in models ---- */

GALLEY_STRUCT(item, (int64_t, id), (galley_str, name), (double *, price, OPTIONAL));
GALLEY_STRUCT(items_out, (struct item_list, items, LIST_OF(item)));
GALLEY_STRUCT(items_in, (int64_t, most, QUERY, DEFAULT(1000)));

static int items(galley_async *co, const struct items_in *in, struct items_out *out)
{
    int64_t rc =
        galley_sql_all(co, db, &out->items, item,
                       "select id, name, price from item where id <= $1 order by id", in->most);
    return rc < 0 ? (int)rc : 0;
}

/* Four of them at once. */
static int nap(galley_async *co, int64_t *total)
{
    struct galley_sql_rows rows;
    int64_t rc = galley_sql_query(co, db, &rows, "select 1::int from pg_sleep(0.002)");
    if (rc > 0)
        *total += rows.cells[0].integer;
    return rc < 0 ? (int)rc : 0;
}

static int four(galley_async *co, const struct nothing_in *in, struct galley_text *out)
{
    int64_t total = 0;
    (void)in;
    int rc = galley_gather(co, (nap, &total), (nap, &total), (nap, &total), (nap, &total));
    if (rc < 0)
        return rc;
    out->text = galley_format(co, "%lld", (long long)total);
    return 0;
}

/* ---- transactions ---- */

GALLEY_STRUCT(tx_in, (int64_t, id, QUERY, DEFAULT(1)), (int64_t, then, QUERY, DEFAULT(0)),
              (int64_t, ms, QUERY, DEFAULT(0)), (int64_t, fails, QUERY, DEFAULT(0)));

static int change(galley_async *co, galley_sql *tx, struct tx_in *in)
{
    int64_t rc = galley_sql_exec(co, tx, "update item set price = price + 1 where id = $1", in->id);
    if (rc >= 0 && in->ms > 0)
        rc = galley_sql_exec(co, tx, "select pg_sleep($1)", (double)in->ms / 1000);
    if (rc >= 0 && in->then > 0)
        rc = galley_sql_exec(co, tx, "update item set price = price + 1 where id = $1", in->then);
    if (rc >= 0 && in->fails == 1)
        rc = galley_sql_exec(co, tx, "select no_such_column from item");
    return rc < 0 ? (int)rc : in->fails == 2 ? -EIO : 0;
}

static int transaction(galley_async *co, const struct tx_in *in, struct galley_text *out)
{
    struct tx_in mine = *in;
    int rc = galley_sql_transaction(co, db, change, &mine);
    if (rc < 0)
        return rc;
    out->text = GALLEY_STR("done");
    return 0;
}

/* Holds a transaction while it waits for something else. */
static int rest(galley_async *co, galley_sql *tx, struct tx_in *in)
{
    int64_t rc = galley_sql_exec(co, tx, "insert into visit values ($1)", in->id);
    if (rc >= 0)
        rc = galley_sleep_ms(co, in->ms);
    return rc < 0 ? (int)rc : 0;
}

static int visit(galley_async *co, const struct tx_in *in, struct galley_text *out)
{
    struct tx_in mine = *in;
    int rc = galley_sql_transaction(co, db, rest, &mine);
    if (rc < 0)
        return rc;
    out->text = GALLEY_STR("done");
    return 0;
}

/* Begun, and nothing done in it. */
static int idle(galley_async *co, galley_sql *tx, struct tx_in *in)
{
    (void)tx;
    return in->fails ? -EIO : galley_sleep_ms(co, in->ms);
}

static int empty(galley_async *co, const struct tx_in *in, struct galley_text *out)
{
    struct tx_in mine = *in;
    int rc = galley_sql_transaction(co, db, idle, &mine);
    out->text = galley_format(co, "%d", rc);
    return 0;
}

GALLEY_APP(.title = "PostgreSQL", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/ask", ask, ask_in, galley_text),
                                   GALLEY_GET("/plain", plain, ask_in, galley_text),
                                   GALLEY_GET("/arguments", arguments, nothing_in, galley_text),
                                   GALLEY_GET("/large", large, size_in, galley_text),
                                   GALLEY_GET("/items", items, items_in, items_out),
                                   GALLEY_GET("/four", four, nothing_in, galley_text),
                                   GALLEY_GET("/transaction", transaction, tx_in, galley_text),
                                   GALLEY_GET("/visit", visit, tx_in, galley_text),
                                   GALLEY_POST("/visit", visit, tx_in, galley_text),
                                   GALLEY_GET("/empty", empty, tx_in, galley_text)));
