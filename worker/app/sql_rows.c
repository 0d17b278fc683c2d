/* sql_rows.c - rows of a database in structs with a model: galley_sql_one, galley_sql_all.
 * Does:     find the member of each column, once for all rows; convert and judge each cell as an input would be.
 * Does not: run statements (worker/io/sql.c).
 *
 * A column is called as its member is in C, or as it is on the wire. NULL is for what may be null. A text fills whatever
 * a text of a query would, JSON text a list, map, object or galley_json; bytes are bytes.
 * See:      galley/sql.h, scalar.h, t/unit/worker/app/sql_rows.c */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <galley/sql.h>

#include "worker/app/app.h"
#include "worker/app/json_read.h"
#include "worker/app/problems.h"
#include "worker/app/shape.h"
#include "worker/http/text.h"

/* While the rows of one statement are read. */
struct reading {
    galley_async *co;
    const struct galley_sql_rows *rows;
    const struct shape *shape;
    const struct member **members; /* of each column */
    size_t row, column;            /* where it is */
    const char *here;
};

/* What lies at the address of a list or map member. */
struct container {
    void *at;
    size_t count;
};

/* ---- what does not fit ---- */

static __attribute__((noinline)) int refuse(const struct reading *r, const char *words, size_t len)
{
    return coro_fail(
        r->co, GALLEY_EMODEL, r->here, "column %s of row %zu does not fit struct %s: %.*s",
        r->rows->columns[r->column], r->row + 1, r->shape->model->name, (int)len, words);
}

static int refuse_as(const struct reading *r, const char *words)
{
    return refuse(r, words, strlen(words));
}

/* In the words of a 422. */
static int refuse_first(const struct reading *r, struct problems *problems)
{
    struct galley_invalid invalid = {0};
    if (problems_describe(problems, &invalid) < 0 || invalid.count == 0)
        return refuse_as(r, "it is not valid");
    return refuse(r, invalid.problems[0].msg.data, invalid.problems[0].msg.len);
}

static __attribute__((noinline)) int refuse_problem(const struct reading *r, enum problem_kind kind,
                                                    struct problem *problem,
                                                    const struct type *type)
{
    struct problems problems;
    const struct loc loc = {.key = {"column", 6}};
    problem->kind = kind;
    problem->type = type;
    problem->input_kind = INPUT_NULL;
    problems_init(&problems, r->co->arena, 0);
    problems_add(&problems, problem, &loc);
    return refuse_first(r, &problems);
}

/* ---- cells ---- */

/* PostgreSQL writes an offset of whole hours as "+00", which others read as "+00:00". */
static int complete_offset(const struct reading *r, galley_str *text)
{
    size_t len = text->len;
    bool is_short = len > 13 && text->data[len - 6] != '+' && text->data[len - 6] != '-' &&
                    (text->data[len - 3] == '+' || text->data[len - 3] == '-') &&
                    memchr(text->data, ':', len) != NULL;
    if (!is_short)
        return 0;
    char *copy = arena_alloc(r->co->arena, len + 4);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(mempcpy(copy, text->data, len), ":00", 4);
    *text = (galley_str){copy, len + 3};
    return 0;
}

/* The usual values of types without limits. */
static inline bool take_plain(const struct type *type, const struct galley_sql_value *cell,
                              void *to)
{
    if (type->bound_count > 0)
        return false;
    if (type->kind == GALLEY_INT && cell->type == GALLEY_SQL_INT && type->is_wide) {
        *(int64_t *)to = cell->integer;
        return true;
    }
    if (type->kind == GALLEY_FLOAT && cell->type == GALLEY_SQL_FLOAT &&
        __builtin_isfinite(cell->real)) {
        *(double *)to = cell->real;
        return true;
    }
    return false;
}

static int read_bytes(const struct reading *r, const struct type *type,
                      const struct galley_sql_value *cell, void *to)
{
    struct problem problem = {.kind = PROBLEM_NONE};
    size_t len = cell->bytes.len;
    if (type->kind == GALLEY_UUID && len == sizeof(galley_uuid)) {
        memcpy(to, cell->bytes.data, len);
        return 0;
    }
    if (type->kind != GALLEY_BYTES)
        return refuse_as(r, "it is bytes");
    bool is_short = len < type->min_length;
    if (is_short || len > type->max_length) {
        problem.limit = is_short ? type->min_length : type->max_length;
        return refuse_problem(r, is_short ? PROBLEM_BYTES_TOO_SHORT : PROBLEM_BYTES_TOO_LONG,
                              &problem, type);
    }
    *(galley_bytes *)to = cell->bytes;
    return 0;
}

static int read_scalar(const struct reading *r, const struct type *type,
                       const struct galley_sql_value *cell, void *to)
{
    struct token token = {.kind = TOKEN_NULL};
    switch (cell->type) {
    case GALLEY_SQL_BOOL:
        token = (struct token){.kind = TOKEN_BOOL, .boolean = cell->boolean};
        break;
    case GALLEY_SQL_INT:
        token = (struct token){.kind = TOKEN_INT, .whole = cell->integer};
        break;
    case GALLEY_SQL_FLOAT:
        token = (struct token){.kind = TOKEN_FLOAT, .number = cell->real};
        break;
    case GALLEY_SQL_TEXT:
        token = (struct token){.kind = TOKEN_STRING, .text = cell->text};
        break;
    default:
        return read_bytes(r, type, cell, to);
    }
    if (token.kind == TOKEN_STRING && type->kind == GALLEY_BYTES)
        return read_bytes(r, type, cell, to);
    if (token.kind == TOKEN_STRING && !text_is_utf8(token.text))
        return refuse_as(r, "it is not UTF-8");
    if (token.kind == TOKEN_STRING && type->kind == GALLEY_DATETIME &&
        complete_offset(r, &token.text) < 0)
        return coro_fail(r->co, ENOMEM, r->here, "no memory for rows");
    struct problem problem = {.kind = PROBLEM_NONE};
    int error = 0;
    enum problem_kind kind = scalar_read(type, &token, r->co->arena, to, &problem, &error);
    if (kind != PROBLEM_NONE)
        return refuse_problem(r, kind, &problem, type);
    return error < 0 ? coro_fail(r->co, error, r->here, "no memory for rows") : 0;
}

/* Lists, maps, objects and free JSON come as JSON text. */
static int read_json(const struct reading *r, const struct member *member,
                     const struct galley_sql_value *cell, void *row)
{
    struct problems problems;
    const struct loc loc = {.key = {"column", 6}};
    galley_str text = cell->text;
    if (cell->type == GALLEY_SQL_INT || cell->type == GALLEY_SQL_FLOAT ||
        cell->type == GALLEY_SQL_BOOL) {
        char number[40];
        int len = cell->type == GALLEY_SQL_INT
                      ? snprintf(number, sizeof number, "%lld", (long long)cell->integer)
                  : cell->type == GALLEY_SQL_FLOAT
                      ? snprintf(number, sizeof number, "%.17g", cell->real)
                      : snprintf(number, sizeof number, "%s", cell->boolean ? "true" : "false");
        text.len = (size_t)len;
        text.data = arena_dup(r->co->arena, number, text.len);
        if (text.data == NULL)
            return coro_fail(r->co, ENOMEM, r->here, "no memory for rows");
    }
    problems_init(&problems, r->co->arena, text.len);
    int rc = json_read_member(text, member, row, r->co->arena, &problems, &loc);
    if (rc == -ENOMEM)
        return coro_fail(r->co, rc, r->here, "no memory for rows");
    if (rc < 0)
        return refuse_as(r, "it is no JSON");
    return problems.count > 0 ? refuse_first(r, &problems) : 0;
}

static int read_cell(const struct reading *r, const struct member *member,
                     const struct galley_sql_value *cell, void *row)
{
    void *to = (char *)row + member->offset;
    if (cell->type == GALLEY_SQL_NULL) {
        if (!member->is_nullable)
            return refuse_as(r, "it is null");
        memset(to, 0,
               member->is_pointer            ? sizeof(void *)
               : member->count == GALLEY_ONE ? member->type.bytes
                                             : sizeof(struct container));
        return 0;
    }
    enum galley_kind kind = member->type.kind;
    if (member->count != GALLEY_ONE || kind == GALLEY_OBJECT || kind == GALLEY_JSON)
        return read_json(r, member, cell, row);
    if (member->is_pointer) {
        void *value = arena_alloc(r->co->arena, member->type.bytes);
        if (value == NULL)
            return coro_fail(r->co, ENOMEM, r->here, "no memory for rows");
        *(void **)to = value;
        to = value;
    }
    int rc = take_plain(&member->type, cell, to) ? 0 : read_scalar(r, &member->type, cell, to);
    const char *fault = rc == 0 && member->check != NULL ? member->check(to) : NULL;
    return fault != NULL ? refuse_as(r, fault) : rc;
}

static int read_row(struct reading *r, size_t row, void *to)
{
    const struct galley_sql_value *cells = &r->rows->cells[row * r->rows->column_count];
    r->row = row;
    memcpy(to, r->shape->absent, r->shape->bytes);
    for (r->column = 0; r->column < r->rows->column_count; r->column++) {
        int rc = read_cell(r, r->members[r->column], &cells[r->column], to);
        if (rc < 0)
            return rc;
        shape_mark_sent(r->shape, to, r->members[r->column]->index);
    }
    const char *fault = r->shape->check != NULL ? r->shape->check(to) : NULL;
    if (fault != NULL)
        return coro_fail(r->co, GALLEY_EMODEL, r->here, "row %zu does not fit struct %s: %s",
                         row + 1, r->shape->model->name, fault);
    return 0;
}

/* ---- columns ---- */

static const struct member *find_member(const struct shape *shape, const char *column)
{
    for (size_t i = 0; i < shape->member_count; i++)
        if (strcmp(shape->members[i].field->name, column) == 0)
            return &shape->members[i];
    return shape_find(shape, (galley_str){column, strlen(column)});
}

static int find_members(struct reading *r)
{
    const struct galley_sql_rows *rows = r->rows;
    const char *model = r->shape->model->name;
    uint64_t seen = 0;
    if (r->shape->form == GALLEY_TAGGED)
        return coro_fail(r->co, GALLEY_EMODEL, r->here,
                         "a row cannot be one of several structs, as %s is", model);
    r->members = arena_alloc(r->co->arena, rows->column_count * sizeof(struct member *));
    if (r->members == NULL)
        return coro_fail(r->co, ENOMEM, r->here, "no memory for rows");
    for (size_t i = 0; i < rows->column_count; i++) {
        const struct member *member = find_member(r->shape, rows->columns[i]);
        if (member == NULL)
            return coro_fail(r->co, GALLEY_EMODEL, r->here, "struct %s has no member for column %s",
                             model, rows->columns[i]);
        uint64_t bit = UINT64_C(1) << (member - r->shape->members);
        if (seen & bit)
            return coro_fail(r->co, GALLEY_EMODEL, r->here, "column %s is there twice",
                             rows->columns[i]);
        seen |= bit;
        r->members[i] = member;
    }
    for (size_t i = 0; i < r->shape->member_count; i++)
        if (r->shape->members[i].is_required && !(seen >> i & 1))
            return coro_fail(r->co, GALLEY_EMODEL, r->here,
                             "no column fills member %s of struct %s",
                             r->shape->members[i].field->name, model);
    return 0;
}

/* ---- the calls ---- */

static GALLEY_YIELDS int64_t query(struct reading *r, galley_sql *db,
                                   const struct galley_model *model, const char *sql,
                                   const struct galley__sql_args *args,
                                   struct galley_sql_rows *rows)
{
    r->shape = app_shape_of(r->co, model, r->here);
    if (r->shape == NULL)
        return -EINVAL;
    r->rows = rows;
    int64_t count = galley__sql_query(r->co, db, rows, sql, args, r->here);
    if (count < 0)
        return count;
    int rc = find_members(r);
    return rc < 0 ? rc : count;
}

int galley__sql_one(galley_async *co, galley_sql *db, void *row, const struct galley_model *model,
                    const char *sql, const struct galley__sql_args *args, const char *here)
{
    struct galley_sql_rows rows;
    struct reading r = {.co = co, .here = here};
    int64_t count = query(&r, db, model, sql, args, &rows);
    if (count <= 0)
        return (int)count;
    int rc = read_row(&r, 0, row);
    return rc < 0 ? rc : 1;
}

int64_t galley__sql_all(galley_async *co, galley_sql *db, void *list,
                        const struct galley_model *model, const char *sql,
                        const struct galley__sql_args *args, const char *here)
{
    struct galley_sql_rows rows;
    struct reading r = {.co = co, .here = here};
    struct container *all = list;
    *all = (struct container){0};
    int64_t count = query(&r, db, model, sql, args, &rows);
    if (count < 0)
        return count;
    char *at = (size_t)count <= SIZE_MAX / r.shape->bytes
                   ? arena_alloc(co->arena, (size_t)count * r.shape->bytes)
                   : NULL;
    if (at == NULL)
        return coro_fail(co, ENOMEM, here, "no memory for %lld rows", (long long)count);
    for (size_t i = 0; i < (size_t)count; i++) {
        int rc = read_row(&r, i, at + i * r.shape->bytes);
        if (rc < 0)
            return rc;
    }
    *all = (struct container){at, (size_t)count};
    return count;
}
