/* pg_rows.c - a result of libpq as rows in the arena.
 * Does:     type what has a type of its own (bool, integers, floats, bytea); the rest is text as the server writes it, with a
 *           NUL behind it.
 * Does not: keep the result.
 * See:      galley/sql.h; PostgreSQL's catalog pg_type for the numbers of types, which never change */
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

#include "worker/io/pg.h"

enum pg_oid {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701
};

static enum galley_sql_type type_of(Oid oid)
{
    switch ((enum pg_oid)oid) {
    case OID_BOOL:
        return GALLEY_SQL_BOOL;
    case OID_INT8:
    case OID_INT4:
    case OID_INT2:
        return GALLEY_SQL_INT;
    case OID_FLOAT4:
    case OID_FLOAT8:
        return GALLEY_SQL_FLOAT;
    case OID_BYTEA:
        return GALLEY_SQL_BYTES;
    default:
        return GALLEY_SQL_TEXT;
    }
}

/* As the server writes it: a sign and digits, within 64 bits. */
static int64_t integer_of(const char *text)
{
    bool is_negative = *text == '-';
    uint64_t value = 0;
    for (text += is_negative; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return (int64_t)(is_negative ? 0 - value : value);
}

static int hex_of(char digit)
{
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

/* "\x0aff", which has more characters than bytes; of old settings: "\012 and so on". How many bytes. */
static size_t bytes_of(const char *text, size_t len, unsigned char *to)
{
    size_t count = 0;
    if (len >= 2 && text[0] == '\\' && text[1] == 'x') {
        for (size_t i = 2; i + 1 < len; i += 2)
            to[count++] = (unsigned char)(hex_of(text[i]) << 4 | hex_of(text[i + 1]));
        return count;
    }
    unsigned char *plain = PQunescapeBytea((const unsigned char *)text, &count);
    if (plain && count <= len)
        memcpy(to, plain, count);
    PQfreemem(plain);
    return plain ? count : 0;
}

/* The column's values; `to` has room for their texts. Where the room goes on. */
static char *take_column(const PGresult *result, int column, size_t row_count,
                         struct galley_sql_value *cell, char *to)
{
    enum galley_sql_type type = type_of(PQftype(result, column));
    size_t step = (size_t)PQnfields(result);
    for (size_t row = 0; row < row_count; row++, cell += step) {
        const char *text = PQgetvalue(result, (int)row, column);
        size_t len = (size_t)PQgetlength(result, (int)row, column);
        cell->type = type;
        if (len == 0 && PQgetisnull(result, (int)row, column)) {
            cell->type = GALLEY_SQL_NULL;
        } else if (type == GALLEY_SQL_INT) {
            cell->integer = integer_of(text);
        } else if (type == GALLEY_SQL_BOOL) {
            cell->boolean = *text == 't';
        } else if (type == GALLEY_SQL_FLOAT) {
            cell->real = strtod(text, NULL);
        } else if (type == GALLEY_SQL_BYTES) {
            cell->bytes =
                (galley_bytes){.data = (void *)to, .len = bytes_of(text, len, (unsigned char *)to)};
            to += len + 1;
        } else {
            cell->text = (galley_str){to, len};
            memcpy(to, text, len + 1);
            to += len + 1;
        }
    }
    return to;
}

/* How many bytes its texts need. */
static size_t measure_column(const PGresult *result, int column, size_t row_count)
{
    enum galley_sql_type type = type_of(PQftype(result, column));
    size_t bytes = 0;
    if (type != GALLEY_SQL_TEXT && type != GALLEY_SQL_BYTES)
        return 0;
    for (size_t row = 0; row < row_count; row++)
        bytes += (size_t)PQgetlength(result, (int)row, column) + 1;
    return bytes;
}

/* "INSERT 0 3", but not "SELECT 3": how many rows were changed. */
static int64_t changed_count(const PGresult *result)
{
    const char *tag = PQcmdStatus((PGresult *)(uintptr_t)result);
    if (tag[0] != 'I' && tag[0] != 'U' && tag[0] != 'D' && (tag[0] != 'M' || tag[1] != 'E'))
        return 0;
    return integer_of(PQcmdTuples((PGresult *)(uintptr_t)result));
}

int64_t pg_rows_take(galley_async *co, const PGresult *result,
                     const struct sql_statement *statement, uint64_t max_bytes,
                     struct galley_sql_rows *rows)
{
    size_t row_count = (size_t)PQntuples(result), column_count = (size_t)PQnfields(result);
    size_t names_bytes = 0, texts_bytes = 0;
    *rows = (struct galley_sql_rows){.changed_count = changed_count(result)};
    if (statement->drops_rows || column_count == 0)
        return (int64_t)row_count;
    for (int i = 0; i < (int)column_count; i++) {
        names_bytes += strlen(PQfname(result, i)) + 1;
        texts_bytes += measure_column(result, i, row_count);
    }
    if (texts_bytes > max_bytes)
        return coro_fail(co, GALLEY_EANSWER_SIZE, statement->here,
                         "the answer is larger than %llu bytes", (unsigned long long)max_bytes);
    const char **columns = arena_alloc(co->arena, column_count * sizeof *columns);
    struct galley_sql_value *cells =
        arena_alloc(co->arena, row_count * column_count * sizeof *cells);
    char *to = arena_alloc(co->arena, names_bytes + texts_bytes);
    if (!columns || !cells || !to)
        return coro_fail(co, ENOMEM, statement->here, "no memory for %zu rows of %zu columns",
                         row_count, column_count);
    for (int i = 0; i < (int)column_count; i++) {
        size_t len = strlen(PQfname(result, i)) + 1;
        columns[i] = memcpy(to, PQfname(result, i), len);
        to += len;
    }
    for (int i = 0; i < (int)column_count; i++)
        to = take_column(result, i, row_count, cells + i, to);
    rows->row_count = row_count;
    rows->column_count = column_count;
    rows->columns = columns;
    rows->cells = cells;
    return (int64_t)row_count;
}
