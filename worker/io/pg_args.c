/* pg_args.c - typed arguments as libpq sends them.
 * Does:     write each as text, which the server reads as what the statement takes there; bytes go as they are.
 * Does not: name types: the server infers them from the statement, as it does for its other clients.
 * See:      galley/sql.h */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <galley/error.h>

#include "worker/io/pg.h"

enum { NUMBER_BYTES = 32 };

struct room {
    const char **values;
    int *lengths, *formats;
};

/* Its digits, the last one before `end`; where they begin. */
static char *write_integer(char *end, int64_t value)
{
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--end = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0)
        *--end = '-';
    return end;
}

/* Its text, in the arena; NULL with `refused` or without memory. */
static const char *text_of(galley_async *co, const struct galley_sql_value *value, bool *is_refused)
{
    char *to;
    switch (value->type) {
    case GALLEY_SQL_BOOL:
        return value->boolean ? "t" : "f";
    case GALLEY_SQL_INT:
        to = arena_alloc(co->arena, NUMBER_BYTES);
        if (to == NULL)
            return NULL;
        to[NUMBER_BYTES - 1] = '\0';
        return write_integer(to + NUMBER_BYTES - 1, value->integer);
    case GALLEY_SQL_FLOAT:
        to = arena_alloc(co->arena, NUMBER_BYTES);
        if (to)
            snprintf(to, NUMBER_BYTES, "%.17g", value->real);
        return to;
    case GALLEY_SQL_TEXT:
        *is_refused = value->text.len > INT_MAX || memchr(value->text.data, '\0', value->text.len);
        return *is_refused ? NULL : arena_dup(co->arena, value->text.data, value->text.len);
    default:
        to = arena_alloc(co->arena, SQL_VALUE_BYTES);
        if (to)
            sql_value_text(to, value);
        return to;
    }
}

static int make_one(galley_async *co, const struct sql_statement *statement, size_t at,
                    struct room *room)
{
    const struct galley_sql_value *value = &statement->args->at[at];
    bool is_refused = false;
    room->formats[at] = room->lengths[at] = 0;
    room->values[at] = NULL;
    if (value->type == GALLEY_SQL_NULL)
        return 0;
    if (value->type == GALLEY_SQL_BYTES) {
        room->formats[at] = 1;
        is_refused = value->bytes.len > INT_MAX;
        room->lengths[at] = is_refused ? 0 : (int)value->bytes.len;
        room->values[at] = (const char *)value->bytes.data;
    } else {
        room->values[at] = text_of(co, value, &is_refused);
    }
    if (is_refused)
        return coro_fail(co, GALLEY_EREFUSED, statement->here,
                         "$%zu is a text with a NUL in it, or too large", at + 1);
    if (room->values[at] == NULL)
        return coro_fail(co, ENOMEM, statement->here, "no memory for the arguments");
    return 0;
}

int pg_args_make(galley_async *co, const struct sql_statement *statement, struct pg_args *made)
{
    size_t count = statement->args->count;
    *made = (struct pg_args){.count = (int)count};
    if (count == 0)
        return 0;
    struct room room = {.values = arena_alloc(co->arena, count * sizeof(char *)),
                        .lengths = arena_alloc(co->arena, count * sizeof(int)),
                        .formats = arena_alloc(co->arena, count * sizeof(int))};
    if (!room.values || !room.lengths || !room.formats)
        return coro_fail(co, ENOMEM, statement->here, "no memory for the arguments");
    for (size_t i = 0; i < count; i++) {
        int rc = make_one(co, statement, i, &room);
        if (rc < 0)
            return rc;
    }
    made->values = room.values;
    made->lengths = room.lengths;
    made->formats = room.formats;
    return 0;
}
