/* sql.h - databases for handlers: SQLite and PostgreSQL behind one small interface; rows straight into models.
 * Does:     run statements with typed arguments ($1, $2 ...), rows into structs by column name, transactions that cannot
 *           leak, migrations; a pool of connections for each worker.
 * Does not: build SQL, or hide which database it is.
 *
 *     static galley_sql *shop;
 *     static int start(galley_async *co) { return galley_sql_open(co, &shop, .url = "sqlite:shop.db", .migrations = "shop"); }
 *
 *     struct item item;
 *     int64_t rc = galley_sql_one(co, shop, &item, item, "select id, name from item where id = $1", in->id);   // 1, 0 none
 *     struct item_list items;
 *     rc = galley_sql_all(co, shop, &items, item, "select id, name from item where price < $1", in->price);    // how many
 *     rc = galley_sql_exec(co, shop, "delete from item where id = $1", in->id);                               // rows changed
 *     rc = galley_sql_transaction(co, shop, place_order, &order);    // int place_order(galley_async *, galley_sql *, struct order *)
 *
 * Results live in the memory of the request. Relative paths begin where the server was started. Errors: -GALLEY_EREFUSED the
 * statement is wrong; -GALLEY_ECONSTRAINT, -GALLEY_ECONFLICT, -GALLEY_EMODEL a row does not fit its model; -GALLEY_EFULL, -ECONNREFUSED, -GALLEY_ENAME, -GALLEY_ENOT_READY
 * no connection; -GALLEY_ELOST it broke while the statement ran; -GALLEY_EANSWER_SIZE; -ETIMEDOUT, -ECANCELED, -ENOMEM, -EINVAL;
 * -EDEADLK the caller's own transaction holds what it would wait for; of SQLite's files -ENOENT, -EACCES, -EROFS, -ENOSPC, -EIO,
 * -EUCLEAN (no database, or a damaged one).
 * galley_why(co) has the database's own words. */
#ifndef GALLEY_SQL_H
#define GALLEY_SQL_H

#include <galley/error.h>
#include <galley/model.h>
#include <galley/value.h>

struct galley_sql; /* a database, or a transaction in it */
typedef struct galley_sql galley_sql;

struct galley_sql_opts {
    /* sqlite:shop.db, sqlite::memory:, postgresql://user@host/name?options; over networks that are not your own with the
     * options sslmode=verify-full&sslrootcert=FILE: libpq asks for less by itself. */
    const char *url;
    int connections;           /* of this worker; 0: 4; of SQLite's one writes, the others read */
    int max_waiting;           /* who may wait for one; 0: 10,000; beyond: -GALLEY_EFULL */
    int64_t max_wait_ms;       /* 0: only the scope's deadline; beyond: -ETIMEDOUT */
    uint64_t max_answer_bytes; /* of one statement's rows; 0: 16 MiB */
    const char *migrations; /* a folder with 0001-items.sql, 0002-...; NULL: none are looked at */
    bool
        migrate_at_start; /* apply what is missing; otherwise the worker does not start where something is missing */
};
/* For the start hook: the handle belongs to the worker, which closes it at its end. A PostgreSQL server that is down does
 * not keep the worker from starting, unless there are migrations to look at. 0; -EINVAL a wrong URL or option. */
#define galley_sql_open(co, db, ...)                                                               \
    galley__sql_open(co, db, &(struct galley_sql_opts){__VA_ARGS__}, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__sql_open(galley_async *co, galley_sql **db,
                                              const struct galley_sql_opts *opts,
                                              const char *here) GALLEY_MUST_USE;

/* ---- values: arguments of statements, cells of rows ---- */

enum galley_sql_type {
    GALLEY_SQL_NULL,
    GALLEY_SQL_BOOL,
    GALLEY_SQL_INT,
    GALLEY_SQL_FLOAT,
    GALLEY_SQL_TEXT, /* every type that has none of its own: numeric, timestamp, uuid, json ... */
    GALLEY_SQL_BYTES,
    /* Of arguments alone: */
    GALLEY_SQL_UUID,
    GALLEY_SQL_TIME,
    GALLEY_SQL_DATE
};
struct galley_sql_value {
    enum galley_sql_type type;
    union {
        bool boolean;
        int64_t integer;
        double real;
        galley_str text;
        galley_bytes bytes;
        galley_uuid uuid;
        galley_time time;
        galley_date date;
    };
};

/* An argument may be a number (unsigned ones up to 32 bits; of an enum its number), bool, text (const char *, galley_str,
 * galley_json), galley_bytes, galley_uuid, galley_time, galley_date, or a pointer to int64_t, double, bool, uuid, time or
 * date; a null pointer or string is NULL. Anything else does not compile. */
/* clang-format off */
#define GALLEY__SQL_ARG(unused, x)                                                                 \
    _Generic((x), bool: galley__sql_bool, float: galley__sql_float, double: galley__sql_float,     \
             signed char: galley__sql_int, unsigned char: galley__sql_int, short: galley__sql_int, \
             unsigned short: galley__sql_int, int: galley__sql_int, unsigned: galley__sql_int,     \
             long: galley__sql_int, long long: galley__sql_int,                                    \
             char *: galley__sql_text, const char *: galley__sql_text, galley_str: galley__sql_str, \
             galley_json: galley__sql_json, galley_bytes: galley__sql_bytes,                       \
             galley_uuid: galley__sql_uuid, galley_time: galley__sql_time,                         \
             galley_date: galley__sql_date, GALLEY__SQL_AT(int64_t, int),                          \
             GALLEY__SQL_AT(double, float), GALLEY__SQL_AT(bool, bool),                            \
             GALLEY__SQL_AT(galley_uuid, uuid), GALLEY__SQL_AT(galley_time, time),                 \
             GALLEY__SQL_AT(galley_date, date))(x),
#define GALLEY__SQL_AT(T, name) T *: galley__sql_##name##_at, const T *: galley__sql_##name##_at
#define GALLEY__SQL_ARGS(...)                                                                      \
    &(const struct galley__sql_args){                                                              \
        .count = 0 __VA_OPT__(+ GALLEY__COUNT(__VA_ARGS__)),                                       \
        .at = (const struct galley_sql_value[]){                                                   \
            GALLEY__EACH(GALLEY__SQL_ARG, , __VA_ARGS__) {.type = GALLEY_SQL_NULL}}}
/* clang-format on */
struct galley__sql_args {
    size_t count;
    const struct galley_sql_value *at;
};
#define GALLEY__SQL_MAKE(name, T, type_, member)                                                   \
    static inline struct galley_sql_value galley__sql_##name(T x)                                  \
    {                                                                                              \
        return (struct galley_sql_value){.type = type_, .member = x};                              \
    }
#define GALLEY__SQL_MAKE_AT(name, T)                                                               \
    static inline struct galley_sql_value galley__sql_##name##_at(const T *x)                      \
    {                                                                                              \
        return x ? galley__sql_##name(*x) : (struct galley_sql_value){.type = GALLEY_SQL_NULL};    \
    }
GALLEY__SQL_MAKE(bool, bool, GALLEY_SQL_BOOL, boolean)
GALLEY__SQL_MAKE(int, int64_t, GALLEY_SQL_INT, integer)
GALLEY__SQL_MAKE(float, double, GALLEY_SQL_FLOAT, real)
GALLEY__SQL_MAKE(str, galley_str, x.data ? GALLEY_SQL_TEXT : GALLEY_SQL_NULL, text)
GALLEY__SQL_MAKE(bytes, galley_bytes, x.data ? GALLEY_SQL_BYTES : GALLEY_SQL_NULL, bytes)
GALLEY__SQL_MAKE(uuid, galley_uuid, GALLEY_SQL_UUID, uuid)
GALLEY__SQL_MAKE(time, galley_time, GALLEY_SQL_TIME, time)
GALLEY__SQL_MAKE(date, galley_date, GALLEY_SQL_DATE, date)
GALLEY__SQL_MAKE_AT(bool, bool)
GALLEY__SQL_MAKE_AT(int, int64_t)
GALLEY__SQL_MAKE_AT(float, double)
GALLEY__SQL_MAKE_AT(uuid, galley_uuid)
GALLEY__SQL_MAKE_AT(time, galley_time)
GALLEY__SQL_MAKE_AT(date, galley_date)
static inline struct galley_sql_value galley__sql_text(const char *x)
{
    return galley__sql_str((galley_str){x, x ? __builtin_strlen(x) : 0});
}
static inline struct galley_sql_value galley__sql_json(galley_json x)
{
    return galley__sql_str((galley_str){x.data, x.len});
}

/* ---- statements ---- */

/* One statement without rows, or whose rows do not matter: how many rows it changed. */
#define galley_sql_exec(co, db, sql, ...)                                                          \
    galley__sql_exec(co, db, sql, GALLEY__SQL_ARGS(__VA_ARGS__), GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int64_t galley__sql_exec(galley_async *co, galley_sql *db, const char *sql,
                                                  const struct galley__sql_args *args,
                                                  const char *here) GALLEY_MUST_USE;

/* All rows of a statement, as they are: row r's column c is cells[r * column_count + c]. How many rows. */
struct galley_sql_rows {
    size_t row_count, column_count;
    const char *const *columns; /* their names */
    const struct galley_sql_value *cells;
    int64_t changed_count; /* rows that it inserted, updated or deleted */
};
#define galley_sql_query(co, db, rows, sql, ...)                                                   \
    galley__sql_query(co, db, rows, sql, GALLEY__SQL_ARGS(__VA_ARGS__), GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int64_t galley__sql_query(galley_async *co, galley_sql *db,
                                                   struct galley_sql_rows *rows, const char *sql,
                                                   const struct galley__sql_args *args,
                                                   const char *here) GALLEY_MUST_USE;

/* Rows in structs with a model, by column name. A column that the model does not know is -GALLEY_EMODEL, so is a member
 * that must be there and has no column, and a value that does not fit (its bounds are checked, too).
 * _one: 1 and the first row, or 0 and nothing. _all: how many; `list` is the model's m_list. */
#define galley_sql_one(co, db, row, m, sql, ...)                                                   \
    galley__sql_one(co, db, (struct m *){row}, &m##_model, sql, GALLEY__SQL_ARGS(__VA_ARGS__),     \
                    GALLEY_HERE)
#define galley_sql_all(co, db, list, m, sql, ...)                                                  \
    galley__sql_all(co, db, (struct m##_list *){list}, &m##_model, sql,                            \
                    GALLEY__SQL_ARGS(__VA_ARGS__), GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__sql_one(galley_async *co, galley_sql *db, void *row,
                                             const struct galley_model *model, const char *sql,
                                             const struct galley__sql_args *args,
                                             const char *here) GALLEY_MUST_USE;
GALLEY_API GALLEY_YIELDS int64_t galley__sql_all(galley_async *co, galley_sql *db, void *list,
                                                 const struct galley_model *model, const char *sql,
                                                 const struct galley__sql_args *args,
                                                 const char *here) GALLEY_MUST_USE;

/* ---- transactions ---- */

/* Run fn(co, tx, arg) in a transaction: committed when it returns 0 or more, else rolled back, also when it was cancelled
 * or its client has left. What fn returned, or the error of the commit. `tx` is valid until fn returns; a transaction in
 * a transaction is a savepoint. One statement at a time: tasks that share `tx` wait for each other. */
/* clang-format off */
#define galley_sql_transaction(co, db, fn, arg)                                                    \
    galley__sql_transaction(                                                                       \
        co, db,                                                                                    \
        _Generic((fn), int (*)(galley_async *, galley_sql *, __typeof__(arg)): (                   \
            int (*)(galley_async *, galley_sql *, void *))(void (*)(void))(fn)),                   \
        arg, GALLEY_HERE)
/* clang-format on */
GALLEY_API GALLEY_YIELDS int galley__sql_transaction(galley_async *co, galley_sql *db,
                                                     int (*fn)(galley_async *, galley_sql *,
                                                               void *),
                                                     void *arg, const char *here) GALLEY_MUST_USE;

#endif
