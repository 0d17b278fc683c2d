/* problems.c - what is wrong with a request's inputs, gathered and told; see problems.h.
 * Does:     copies of problems with their locs in the arena, within a budget; each told by its row of problem_kind.h.
 * Does not: know what was validated, or keep a copy of what is shown.
 * See:      t/unit/worker/app/problems.c */
#include "worker/app/problems.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "worker/app/json_read.h"
#include "worker/app/number.h"
#include "worker/app/problem_cost.h"

/* What must be left for the problem that ends the list, and for a deep loc. */
enum { LAST_BYTES = 1024 };

static const struct {
    const char *type, *message, *ctx;
} kinds[PROBLEM_COUNT] = {
#define X(kind, type, message, ctx) [PROBLEM_##kind] = {type, message, ctx},
    PROBLEM_KINDS(X)
#undef X
};

/* Where the parts of a problem lie in what was written. */
struct marks {
    size_t loc, loc_end, input, input_end, ctx, ctx_end;
};

galley_str problems_place(enum galley_in in)
{
    switch (in) {
    case GALLEY_IN_PATH:
        return GALLEY_STR("path");
    case GALLEY_IN_QUERY:
        return GALLEY_STR("query");
    case GALLEY_IN_HEADER:
        return GALLEY_STR("header");
    case GALLEY_IN_COOKIE:
        return GALLEY_STR("cookie");
    case GALLEY_IN_BODY:
    case GALLEY_IN_FORM:
    case GALLEY_IN_NOWHERE:
        break;
    }
    return GALLEY_STR("body");
}

static galley_str text_of(const char *text)
{
    return (galley_str){text, strlen(text)};
}

/* ---- gathered ---- */

static bool is_same_loc(const struct loc *a, const struct loc *b)
{
    for (; a != b; a = a->parent, b = b->parent) {
        if (a == NULL || b == NULL || (a->key.data == NULL) != (b->key.data == NULL))
            return false;
        if (a->key.data == NULL
                ? a->index != b->index
                : a->key.len != b->key.len || memcmp(a->key.data, b->key.data, a->key.len) != 0)
            return false;
    }
    return true;
}

static size_t loc_depth(const struct loc *loc)
{
    size_t depth = 0;
    for (; loc != NULL; loc = loc->parent)
        depth++;
    return depth;
}

/* A copy of `loc`; what it has in common with `twin`, the copy before it, is shared. */
static const struct loc *keep_loc(struct problems *problems, const struct loc *loc,
                                  const struct loc *twin)
{
    size_t depth = loc_depth(loc), twin_depth = loc_depth(twin);
    const struct loc *first = NULL, **slot = &first;
    for (; twin_depth > depth; twin_depth--)
        twin = twin->parent;
    for (; loc != NULL; loc = loc->parent, depth--) {
        if (depth == twin_depth) {
            if (is_same_loc(loc, twin)) {
                *slot = twin;
                return first;
            }
            twin = twin->parent;
            twin_depth--;
        }
        struct loc *copy = arena_alloc(problems->arena, sizeof *copy);
        if (copy == NULL) {
            problems->error = -ENOMEM;
            return NULL;
        }
        *copy = (struct loc){.key = loc->key, .index = loc->index};
        problems->bytes += sizeof *copy;
        *slot = copy;
        slot = &copy->parent;
    }
    return first;
}

static void link_problem(struct problems *problems, struct problem *problem)
{
    if (problems->last != NULL)
        problems->last->next = problem;
    else
        problems->first = problem;
    problems->last = problem;
    problems->count++;
}

static void append(struct problems *problems, const struct problem *problem, const struct loc *loc)
{
    struct problem *copy = arena_alloc(problems->arena, sizeof *copy);
    const struct loc *twin = problems->last != NULL ? problems->last->loc : NULL;
    if (copy == NULL) {
        problems->error = -ENOMEM;
        return;
    }
    *copy = *problem;
    copy->loc = keep_loc(problems, loc, twin);
    copy->next = NULL;
    if (problems->error == 0)
        link_problem(problems, copy);
}

/* Whether the arena has room for one problem more, the last perhaps; its text is taken from the ceiling. */
static bool has_room(struct problems *problems, size_t text_bytes)
{
    if (arena_left(problems->arena) < text_bytes + sizeof(struct problem) + LAST_BYTES ||
        !arena_charge(problems->arena, text_bytes))
        return false;
    problems->text_bytes += text_bytes;
    return true;
}

bool problems_has_ended(const struct problems *problems)
{
    return problems->last != NULL && problems->last->kind == PROBLEM_TOO_MANY;
}

/* Say, at the root of `loc`, that there is more. */
static void end_at(struct problems *problems, const struct loc *loc)
{
    while (loc->parent != NULL)
        loc = loc->parent;
    problems->end_loc = *loc;
    problems->end =
        (struct problem){.kind = PROBLEM_TOO_MANY, .order = UINT_MAX, .loc = &problems->end_loc};
    link_problem(problems, &problems->end);
}

void problems_add(struct problems *problems, const struct problem *problem, const struct loc *loc)
{
    if (problems->error < 0 || problems_has_ended(problems))
        return;
    size_t text = problem_text_bytes(problem, loc);
    problems->bytes += text + sizeof *problem;
    bool is_first = problems->count == 0;
    if ((problems->bytes <= problems->max_bytes || is_first) && has_room(problems, text)) {
        append(problems, problem, loc);
        return;
    }
    if (is_first) {
        problems->error = -ENOMEM;
        return;
    }
    end_at(problems, loc);
}

void problems_end(struct problems *problems)
{
    if (problems->last != NULL && !problems_has_ended(problems))
        end_at(problems, problems->last->loc);
}

/* ---- told ---- */

/* Text within a message: as it is, or as a part of a JSON string. */
static void put(struct json_out *out, galley_str text, bool is_plain)
{
    if (is_plain) {
        json_raw(out, text.data, text.len);
        return;
    }
    size_t start = out->len;
    json_string(out, text);
    if (out->error < 0)
        return;
    out->len -= 2;
    memmove(out->data + start, out->data + start + 1, out->len - start);
}

/* SIZE_MAX stands for more than the limit, when nobody counted further. */
static void put_actual(struct json_out *out, const struct problem *problem, const char *uncounted)
{
    if (problem->actual == SIZE_MAX)
        json_raw(out, uncounted, strlen(uncounted));
    else
        json_int(out, (int64_t)problem->actual);
}

static void put_bound(struct json_out *out, const struct problem *problem, enum float_form form)
{
    if (problem->bound == NULL) {
        json_int(out, (int64_t)problem->limit);
        return;
    }
    if (problem->type->kind == GALLEY_INT) {
        json_int(out, problem->bound->whole);
        return;
    }
    char *room = json_out_room(out, NUMBER_PLAIN_BYTES);
    if (room != NULL)
        out->len += number_write_float(room, problem->bound->number, form);
}

/* Code points that Python's repr escapes; the common ones. */
static bool is_printable(uint32_t point)
{
    return !(point < 0x20 || (point >= 0x7f && point <= 0xa0) || point == 0xad ||
             (point >= 0x2000 && point <= 0x200f) || (point >= 0x2028 && point <= 0x202f) ||
             (point >= 0x205f && point <= 0x206f) || point == 0x3000 || point == 0xfeff ||
             (point >= 0xe000 && point <= 0xf8ff) || (point >= 0xfff0 && point <= 0xfffb));
}

static size_t escape_point(char *to, uint32_t point)
{
    static const char hex[] = "0123456789abcdef";
    int digits = point < 0x100 ? 2 : 4;
    to[0] = '\\';
    to[1] = point == '\t' ? 't' : point == '\n' ? 'n' : point == '\r' ? 'r' : 'x';
    if (to[1] != 'x')
        return 2;
    if (digits == 4)
        to[1] = 'u';
    for (int i = 0; i < digits; i++)
        to[2 + i] = hex[point >> (4 * (digits - 1 - i)) & 15];
    return (size_t)(2 + digits);
}

/* Decode the sequence at `at`: of constant UTF-8, or byte by byte. */
static uint32_t next_point(const char *at, size_t *len)
{
    unsigned char first = (unsigned char)*at;
    *len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    uint32_t point = *len == 1 ? first : first & (0x7fu >> *len);
    for (size_t i = 1; i < *len; i++) {
        if (((unsigned char)at[i] & 0xc0) != 0x80) {
            *len = 1;
            return first;
        }
        point = point << 6 | ((unsigned char)at[i] & 0x3f);
    }
    return point;
}

/* As Python's repr: 'red', "it's". */
static void put_repr(struct json_out *out, const char *text, bool is_plain)
{
    char quote = strchr(text, '\'') != NULL && strchr(text, '"') == NULL ? '"' : '\'';
    put(out, (galley_str){&quote, 1}, is_plain);
    size_t len;
    for (; *text != '\0'; text += len) {
        uint32_t point = next_point(text, &len);
        char piece[8];
        size_t piece_len = len;
        memcpy(piece, text, len);
        if (point == (unsigned char)quote || point == '\\') {
            piece[0] = '\\';
            piece[1] = (char)point;
            piece_len = 2;
        } else if (!is_printable(point)) {
            piece_len = escape_point(piece, point);
        }
        put(out, (galley_str){piece, piece_len}, is_plain);
    }
    put(out, (galley_str){&quote, 1}, is_plain);
}

static void put_between(struct json_out *out, size_t i, size_t count, bool is_or)
{
    if (i > 0 && i + 1 == count && is_or)
        json_literal(out, " or ");
    else if (i > 0)
        json_literal(out, ", ");
}

/* Which tags a tagged union knows: those of each variant's literal. */
static void put_tags(struct json_out *out, const struct shape *shape, bool is_plain)
{
    size_t count = 0;
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *tag =
            shape_find(shape->members[i].type.of, text_of(shape->discriminator));
        if (tag == NULL || tag->type.literals == NULL)
            continue;
        for (const char *const *literal = tag->type.literals; *literal != NULL; literal++) {
            put_between(out, count++, 0, false);
            put_repr(out, *literal, is_plain);
        }
    }
}

static void put_list(struct json_out *out, const struct problem *problem, bool is_plain)
{
    const struct type *type = problem->type;
    if (problem->kind == PROBLEM_LITERAL) {
        size_t count = 0;
        while (type->literals[count] != NULL)
            count++;
        for (size_t i = 0; i < count; i++) {
            put_between(out, i, count, true);
            put_repr(out, type->literals[i], is_plain);
        }
    } else if (problem->kind == PROBLEM_ENUM) {
        for (size_t i = 0; i < type->choices->count; i++) {
            const struct galley_choice *choice = &type->choices->choices[i];
            put_between(out, i, type->choices->count, true);
            if (choice->name != NULL)
                put_repr(out, choice->name, is_plain);
            else
                json_int(out, choice->value);
        }
    } else {
        put_tags(out, type->of, is_plain);
    }
}

static void put_message(struct json_out *out, const struct problem *problem, bool is_plain)
{
    const char *at = kinds[problem->kind].message;
    bool is_one = problem->bound == NULL && problem->limit == 1;
    while (*at != '\0' && out->error == 0) {
        size_t len = strcspn(at, "%~@$!^");
        json_raw(out, at, len);
        at += len;
        switch (*at) {
        case '%':
            put_bound(out, problem, FLOAT_PLAIN);
            break;
        case '~':
            json_raw(out, "s", is_one ? 0 : 1);
            break;
        case '@':
            put_actual(out, problem, "more");
            break;
        case '$':
            put(out, problem->text, is_plain);
            break;
        case '!':
            put_list(out, problem, is_plain);
            break;
        case '^':
            put_repr(out, problem->type->of->discriminator, is_plain);
            break;
        default:
            break;
        }
        at += *at != '\0';
    }
}

static void put_name(struct json_out *out, const char *name, size_t len)
{
    json_literal(out, "\"");
    json_raw(out, name, len);
    json_literal(out, "\":");
}

static void put_quoted(struct json_out *out, const char *name,
                       void (*value)(struct json_out *, const struct problem *, bool),
                       const struct problem *problem)
{
    put_name(out, name, strlen(name));
    json_literal(out, "\"");
    value(out, problem, false);
    json_literal(out, "\"");
}

static void put_discriminator(struct json_out *out, const struct problem *problem, bool is_plain)
{
    put_repr(out, problem->type->of->discriminator, is_plain);
}

/* "limit ge": its first word says what it holds, the second its name. */
static void put_context(struct json_out *out, const struct problem *problem)
{
    const char *ctx = kinds[problem->kind].ctx;
    size_t len = strcspn(ctx, " ");
    const char *name = ctx + len + (ctx[len] == ' ');
    bool is_items = strncmp(ctx, "items", len) == 0;
    json_literal(out, "{");
    if (is_items &&
        (problem->kind == PROBLEM_MAP_TOO_SHORT || problem->kind == PROBLEM_MAP_TOO_LONG))
        json_literal(out, "\"field_type\":\"Dictionary\",");
    else if (is_items)
        json_literal(out, "\"field_type\":\"List\",");
    if (is_items || strncmp(ctx, "limit", len) == 0) {
        put_name(out, name, strlen(name));
        put_bound(out, problem, FLOAT_PYTHON);
    } else if (strncmp(ctx, "text", len) == 0) {
        put_name(out, name, strlen(name));
        json_string(out, problem->text);
    } else if (strncmp(ctx, "error", len) == 0) {
        json_literal(out, "\"error\":{}");
    } else if (strncmp(ctx, "expected", len) == 0) {
        put_quoted(out, "expected", put_list, problem);
    } else {
        put_quoted(out, "discriminator", put_discriminator, problem);
    }
    if (is_items) {
        json_literal(out, ",\"actual_length\":");
        put_actual(out, problem, "null");
    } else if (problem->kind == PROBLEM_TAG_INVALID) {
        json_literal(out, ",\"tag\":");
        json_string(out, problem->text);
        json_literal(out, ",");
        put_quoted(out, "expected_tags", put_list, problem);
    }
    json_literal(out, "}");
}

static void put_loc(struct json_out *out, const struct loc *loc)
{
    json_literal(out, "[");
    for (size_t depth = loc_depth(loc); depth > 0; depth--) {
        const struct loc *link = loc;
        for (size_t i = 1; i < depth; i++)
            link = link->parent;
        if (link->parent != NULL)
            json_literal(out, ",");
        if (link->key.data != NULL)
            json_string(out, link->key);
        else
            json_int(out, (int64_t)link->index);
    }
    json_literal(out, "]");
}

static void put_input(struct json_out *out, const struct problem *problem)
{
    switch (problem->input_kind) {
    case INPUT_NULL:
        json_literal(out, "null");
        return;
    case INPUT_TEXT:
        json_string(out, problem->input);
        return;
    case INPUT_JSON:
        json_echo(out, problem->input);
        return;
    }
}

static void put_problem(struct json_out *out, const struct problem *problem, struct marks *marks)
{
    *marks = (struct marks){0};
    json_literal(out, "{\"type\":");
    json_string(out, text_of(kinds[problem->kind].type));
    json_literal(out, ",\"loc\":");
    marks->loc = out->len;
    put_loc(out, problem->loc);
    marks->loc_end = out->len;
    json_literal(out, ",\"msg\":\"");
    put_message(out, problem, false);
    json_literal(out, "\",\"input\":");
    marks->input = out->len;
    put_input(out, problem);
    marks->input_end = out->len;
    if (kinds[problem->kind].ctx[0] != '\0') {
        json_literal(out, ",\"ctx\":");
        marks->ctx = out->len;
        put_context(out, problem);
        marks->ctx_end = out->len;
    }
    json_literal(out, "}");
}

static void put_all(struct json_out *out, const struct problems *problems, struct marks *marks)
{
    struct marks unused;
    if (problems->text_bytes > out->capacity) /* at once, lest it grow by doubling */
        (void)json_out_room(out, problems->text_bytes);
    json_literal(out, "{\"detail\":[");
    size_t i = 0;
    for (const struct problem *problem = problems->first; problem != NULL;
         problem = problem->next, i++) {
        if (i > 0)
            json_literal(out, ",");
        put_problem(out, problem, marks != NULL ? &marks[i] : &unused);
    }
    json_literal(out, "]}");
}

void problems_write(const struct problems *problems, struct json_out *out)
{
    put_all(out, problems, NULL);
}

static galley_json part_of(const char *body, size_t start, size_t end)
{
    return end > start ? (galley_json){body + start, end - start} : (galley_json){NULL, 0};
}

/* The whole body, and in it the parts; the messages apart, since there they are escaped. */
static int describe(const struct problems *problems, struct galley_problem *list,
                    struct marks *marks, struct json_out *out, galley_json *body)
{
    struct arena *arena = problems->arena;
    put_all(out, problems, marks);
    if (out->error < 0)
        return out->error;
    char *text = arena_dup(arena, out->data, out->len);
    if (text == NULL)
        return -ENOMEM;
    *body = (galley_json){text, out->len};
    size_t i = 0;
    for (const struct problem *problem = problems->first; problem != NULL;
         problem = problem->next, i++) {
        out->len = 0;
        put_message(out, problem, true);
        char *message = out->error == 0 ? arena_dup(arena, out->data, out->len) : NULL;
        if (message == NULL)
            return -ENOMEM;
        list[i] =
            (struct galley_problem){.loc = part_of(text, marks[i].loc, marks[i].loc_end),
                                    .type = text_of(kinds[problem->kind].type),
                                    .msg = {message, out->len},
                                    .input = part_of(text, marks[i].input, marks[i].input_end),
                                    .ctx = part_of(text, marks[i].ctx, marks[i].ctx_end)};
    }
    return 0;
}

/* End the list where describing it would take too much: each text and message once more, and where they lie. */
static void cut(struct problems *problems)
{
    size_t left = problems->room_bytes / 4 * 3, count = 1;
    struct problem *before = problems->first;
    for (struct problem *p = before; p != NULL; p = p->next) {
        size_t text = problem_text_bytes(p, p->loc);
        size_t cost = text + text / 2 + sizeof(struct galley_problem) + sizeof(struct marks);
        if (p->next != NULL && cost > left) {
            before->next = NULL;
            problems->last = before;
            problems->count = count;
            problems_end(problems);
            return;
        }
        left -= cost < left ? cost : left;
        count += p != problems->first;
        before = p;
    }
}

static int describe_all(struct problems *problems, struct galley_invalid *invalid)
{
    struct galley_problem *list = arena_alloc(problems->arena, problems->count * sizeof *list);
    struct marks *marks = arena_alloc(problems->arena, problems->count * sizeof *marks);
    struct json_out out;
    if (list == NULL || marks == NULL)
        return -ENOMEM;
    *invalid = (struct galley_invalid){.problems = list, .count = problems->count};
    json_out_init(&out, NULL, 0, SIZE_MAX / 2);
    int rc = describe(problems, list, marks, &out, &invalid->body);
    json_out_release(&out);
    return rc;
}

int problems_describe(struct problems *problems, struct galley_invalid *invalid)
{
    struct arena *arena = problems->arena;
    size_t ceiling = arena->max_bytes;
    cut(problems);
    if (arena->total_bytes < ceiling && problems->room_bytes < ceiling - arena->total_bytes)
        arena->max_bytes = arena->total_bytes + problems->room_bytes;
    int rc = describe_all(problems, invalid);
    arena->max_bytes = ceiling;
    return rc == -ENOMEM && problems->room_bytes < SIZE_MAX ? describe_all(problems, invalid) : rc;
}
