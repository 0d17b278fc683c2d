/* inputs.c - read one request's parameters into the struct of its route; see inputs.h.
 * Does:     split queries and cookies, find fields, convert as Pydantic's lax mode does, judge bounds, collect problems.
 * Does not: allocate but for what is decoded, lists and nullable values; look at what nobody asked for.
 * See:      inputs_compile.c (the slots), t/unit/worker/app/inputs.c (recorded answers of FastAPI) */
#include "worker/app/inputs.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "worker/app/input_slot.h"
#include "worker/app/number.h"
#include "worker/http/text.h"

/* One request being read. */
struct reading {
    const struct inputs *inputs;
    struct galley_request *req;
    galley_str *raw; /* of each slot: its value as it came; data NULL: absent */
    char *in;
    struct json_out *problems;
    bool is_bad;
};

/* ---- where values come from ---- */

/* The next `name=value` of a query; false at its end. */
static bool next_pair(galley_str *rest, galley_str *name, galley_str *value)
{
    while (rest->len > 0) {
        const char *start = rest->data, *end = start + rest->len;
        const char *stop = memchr(start, '&', rest->len);
        stop = stop != NULL ? stop : end;
        *rest =
            stop < end ? (galley_str){stop + 1, (size_t)(end - stop - 1)} : (galley_str){end, 0};
        if (stop == start)
            continue;
        const char *equals = text_find(start, stop, '=');
        *name = (galley_str){start, (size_t)(equals - start)};
        *value = equals < stop ? (galley_str){equals + 1, (size_t)(stop - equals - 1)}
                               : (galley_str){stop, 0};
        return true;
    }
    return false;
}

static const struct slot *find_slot(const struct inputs *inputs, size_t from, size_t to,
                                    galley_str name)
{
    for (size_t i = from; i < to; i++)
        if (text_is_same(inputs->slots[i].name, name))
            return &inputs->slots[i];
    return NULL;
}

/* Call `take` for each value of the query that has a slot, in order. */
static int walk_query(struct reading *r,
                      int (*take)(struct reading *, const struct slot *, galley_str))
{
    const struct inputs *inputs = r->inputs;
    galley_str rest = r->req->query, name, value;
    int rc = 0;
    while (rc == 0 && next_pair(&rest, &name, &value)) {
        const struct slot *slot = find_slot(inputs, inputs->query_at, inputs->header_at, name);
        if (slot == NULL) {
            rc = text_decode(&r->req->arena, name, TEXT_QUERY, &name);
            slot = rc == 0 ? find_slot(inputs, inputs->query_at, inputs->header_at, name) : NULL;
        }
        if (slot != NULL)
            rc = take(r, slot, value);
    }
    return rc;
}

static int take_last(struct reading *r, const struct slot *slot, galley_str value)
{
    r->raw[slot - r->inputs->slots] = value;
    return 0;
}

static void gather_headers(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    for (size_t f = 0; f < r->req->field_count; f++) {
        const struct http_field *field = &r->req->fields[f];
        for (size_t i = inputs->header_at; i < inputs->cookie_at; i++) {
            galley_str name = inputs->slots[i].name;
            if (r->raw[i].data == NULL && name.len == field->name.len &&
                strncasecmp(name.data, field->name.data, name.len) == 0)
                r->raw[i] = field->value.data != NULL ? field->value : GALLEY_STR("");
        }
    }
}

static galley_str trim_blanks(galley_str text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (galley_str){text.data + 1, text.len - 1};
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

static void gather_cookies(struct reading *r, galley_str line)
{
    const struct inputs *inputs = r->inputs;
    const char *at = line.data, *end = at + line.len;
    while (at < end) {
        const char *stop = memchr(at, ';', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (equals != NULL) {
            galley_str name = trim_blanks((galley_str){at, (size_t)(equals - at)});
            const struct slot *slot = find_slot(inputs, inputs->cookie_at, inputs->count, name);
            if (slot != NULL)
                r->raw[slot - inputs->slots] =
                    trim_blanks((galley_str){equals + 1, (size_t)(stop - equals - 1)});
        }
        at = stop < end ? stop + 1 : end;
    }
}

/* "a \"quoted\" \303\245" as Python reads it: what the backslashes stand for, octal ones as Latin-1. */
static int unquote_cookie(struct arena *arena, galley_str text, galley_str *value)
{
    *value = text;
    if (text.len < 2 || text.data[0] != '"' || text.data[text.len - 1] != '"')
        return 0;
    char *copy = arena_alloc(arena, text.len);
    if (copy == NULL)
        return -ENOMEM;
    size_t len = 0;
    for (size_t i = 1; i < text.len - 1; i++) {
        const char *at = text.data + i;
        size_t left = text.len - 1 - i;
        if (*at == '\\' && left >= 4 && at[1] >= '0' && at[1] <= '3' && at[2] >= '0' &&
            at[2] <= '7' && at[3] >= '0' && at[3] <= '7') {
            copy[len++] = (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0'));
            i += 3;
        } else if (*at == '\\' && left >= 2) {
            copy[len++] = at[1];
            i++;
        } else {
            copy[len++] = *at;
        }
    }
    *value = (galley_str){copy, len};
    return 0;
}

/* A value as it came, made the text that is converted. */
static int decode(struct reading *r, enum galley_in in, galley_str raw, galley_str *text)
{
    struct arena *arena = &r->req->arena;
    if (in == GALLEY_IN_QUERY) {
        *text = raw;
        return text_is_plain(raw) ? 0 : text_decode(arena, raw, TEXT_QUERY, text);
    }
    if (in == GALLEY_IN_PATH) { /* decoded by the router's caller, but for the slashes */
        *text = raw;
        if (text_find(raw.data, raw.data + raw.len, TEXT_SLASH) == raw.data + raw.len)
            return 0;
        char *copy = arena_dup(arena, raw.data, raw.len);
        if (copy == NULL)
            return -ENOMEM;
        for (size_t i = 0; i < raw.len; i++)
            if (copy[i] == TEXT_SLASH)
                copy[i] = '/';
        *text = (galley_str){copy, raw.len};
        return 0;
    }
    int rc = in == GALLEY_IN_COOKIE ? unquote_cookie(arena, raw, &raw) : 0;
    return rc < 0 ? rc : text_from_latin1(arena, raw, text);
}

/* ---- conversion ---- */

static int parse_bool(galley_str text, bool *value)
{
    static const struct {
        galley_str word;
        bool value;
    } words[] = {
        {GALLEY_STR("1"), true},      {GALLEY_STR("0"), false},  {GALLEY_STR("true"), true},
        {GALLEY_STR("false"), false}, {GALLEY_STR("t"), true},   {GALLEY_STR("f"), false},
        {GALLEY_STR("yes"), true},    {GALLEY_STR("no"), false}, {GALLEY_STR("y"), true},
        {GALLEY_STR("n"), false},     {GALLEY_STR("on"), true},  {GALLEY_STR("off"), false},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text.len == words[i].word.len &&
            strncasecmp(text.data, words[i].word.data, text.len) == 0) {
            *value = words[i].value;
            return 0;
        }
    }
    return -EINVAL;
}

void slot_store_int(const struct slot *slot, void *to, int64_t value)
{
    if (slot->is_wide)
        *(int64_t *)to = value;
    else
        *(uint32_t *)to = (uint32_t)value;
}

static bool holds(enum problem_kind kind, long double value, long double limit)
{
    switch (kind) {
    case PROBLEM_LESS_THAN_EQUAL:
        return value <= limit;
    case PROBLEM_LESS_THAN:
        return value < limit;
    case PROBLEM_GREATER_THAN_EQUAL:
        return value >= limit;
    case PROBLEM_GREATER_THAN:
        return value > limit;
    default:
        return true;
    }
}

static bool is_multiple_int(int64_t value, int64_t of)
{
    return value % of == 0;
}

/* As Pydantic does: the nearest multiple may be 1e-9 away. */
static bool is_multiple_float(double value, double of)
{
    volatile double nearest =
        round(value / of) * of; /* rounded by itself, not fused with the difference */
    return fabs(value - nearest) <= 1e-9;
}

/* The first bound that the value breaks; NULL if none. */
static const struct slot_bound *find_broken(const struct slot *slot, long double value)
{
    for (size_t i = 0; i < slot->bound_count; i++) {
        const struct slot_bound *bound = &slot->bounds[i];
        if (!holds(bound->kind, value, bound->limit))
            return bound;
        if (bound->kind == PROBLEM_MULTIPLE_OF &&
            !(slot->kind == GALLEY_INT ? is_multiple_int((int64_t)value, (int64_t)bound->limit)
                                       : is_multiple_float((double)value, (double)bound->limit)))
            return bound;
    }
    return NULL;
}

static enum problem_kind parse_int(const struct slot *slot, galley_str text, void *to,
                                   const struct slot_bound **bound)
{
    int64_t whole;
    int rc = number_parse_int(text, &whole);
    if (rc < 0)
        return rc == -ERANGE ? PROBLEM_INT_PARSING_SIZE : PROBLEM_INT_PARSING;
    slot_store_int(slot, to, whole);
    if (slot->bound_count == 0 || (*bound = find_broken(slot, whole)) == NULL)
        return PROBLEM_NONE;
    return (*bound)->kind;
}

static enum problem_kind parse_float(const struct slot *slot, galley_str text, double *to,
                                     const struct slot_bound **bound)
{
    if (number_parse_float(text, to) < 0)
        return PROBLEM_FLOAT_PARSING;
    if (!isfinite(*to))
        return PROBLEM_FINITE_NUMBER;
    return (*bound = find_broken(slot, *to)) == NULL ? PROBLEM_NONE : (*bound)->kind;
}

static enum problem_kind check_length(const struct slot *slot, galley_str text)
{
    if (slot->min_length == 0 && slot->max_length >= text.len)
        return PROBLEM_NONE; /* there are never more characters than bytes */
    size_t count = text_count(text);
    return count < slot->min_length   ? PROBLEM_STRING_TOO_SHORT
           : count > slot->max_length ? PROBLEM_STRING_TOO_LONG
                                      : PROBLEM_NONE;
}

__attribute__((noinline, cold)) static void complain(struct reading *r, const struct slot *slot,
                                                     enum problem_kind kind, galley_str text,
                                                     size_t index, const struct slot_bound *bound)
{
    struct problem problem = {.kind = kind,
                              .in = slot->in,
                              .name = slot->name.data,
                              .input = &text,
                              .index = index,
                              .length = kind == PROBLEM_STRING_TOO_LONG ? slot->max_length
                                                                        : slot->min_length,
                              .bound = bound != NULL ? bound->limit : 0,
                              .is_float = slot->kind == GALLEY_FLOAT};
    problems_add(r->problems, &problem);
    r->is_bad = true;
}

/* Convert one value into `to`, or complain. */
static void convert(struct reading *r, const struct slot *slot, galley_str text, size_t index,
                    void *to)
{
    enum problem_kind kind = PROBLEM_NONE;
    const struct slot_bound *bound = NULL;
    if (slot->kind == GALLEY_STRING) {
        kind = check_length(slot, text);
        *(galley_str *)to = text;
    } else if (slot->kind == GALLEY_INT) {
        kind = parse_int(slot, text, to, &bound);
    } else if (slot->kind == GALLEY_FLOAT) {
        kind = parse_float(slot, text, to, &bound);
    } else if (parse_bool(text, to) < 0) {
        kind = PROBLEM_BOOL_PARSING;
    }
    if (__builtin_expect(kind != PROBLEM_NONE, 0))
        complain(r, slot, kind, text, index, bound);
}

static int read_scalar(struct reading *r, const struct slot *slot, galley_str raw)
{
    void *to = r->in + slot->offset;
    galley_str text;
    if (raw.data == NULL) {
        if (slot->is_required)
            complain(r, slot, PROBLEM_MISSING, text = (galley_str){0}, PROBLEM_NO_INDEX, NULL);
        return 0;
    }
    int rc = decode(r, slot->in, raw, &text);
    if (rc < 0)
        return rc;
    if (slot->is_nullable) {
        void *value = arena_alloc(&r->req->arena, slot->value_bytes);
        if (value == NULL)
            return -ENOMEM;
        *(void **)to = value;
        to = value;
    }
    convert(r, slot, text, PROBLEM_NO_INDEX, to);
    return 0;
}

/* ---- lists ---- */

/* The values of one list slot, gathered: counted first, then kept. */
struct gathering {
    struct reading reading; /* first: walk_query hands it back */
    const struct slot *slot;
    galley_str *values; /* NULL while counting */
    size_t count;
};

static int gather(struct reading *r, const struct slot *slot, galley_str raw)
{
    struct gathering *g = (struct gathering *)(void *)r;
    if (slot != g->slot)
        return 0;
    size_t place = g->count++;
    return g->values != NULL ? decode(r, slot->in, raw, &g->values[place]) : 0;
}

static int walk_headers(struct gathering *g)
{
    const struct galley_request *req = g->reading.req;
    galley_str name = g->slot->name;
    int rc = 0;
    for (size_t f = 0; f < req->field_count && rc == 0; f++)
        if (req->fields[f].name.len == name.len &&
            strncasecmp(req->fields[f].name.data, name.data, name.len) == 0)
            rc = gather(&g->reading, g->slot, req->fields[f].value);
    return rc;
}

static int walk_values(struct gathering *g)
{
    g->count = 0;
    return g->slot->in == GALLEY_IN_QUERY ? walk_query(&g->reading, gather) : walk_headers(g);
}

static void complain_list(struct reading *r, const struct slot *slot, enum problem_kind kind,
                          const struct gathering *g)
{
    struct problem problem = {.kind = kind,
                              .in = slot->in,
                              .name = slot->name.data,
                              .input = g->values,
                              .input_count = g->count,
                              .index = PROBLEM_NO_INDEX,
                              .length = kind == PROBLEM_LIST_TOO_LONG ? slot->max_length
                                                                      : slot->min_length,
                              .actual = g->count};
    problems_add(r->problems, &problem);
    r->is_bad = true;
}

__attribute__((noinline)) static int read_list(struct reading *r, const struct slot *slot)
{
    struct gathering g = {.reading = *r, .slot = slot};
    int rc = walk_values(&g);
    if (rc < 0 || g.count == 0) {
        if (rc == 0 && slot->is_required)
            complain(r, slot, PROBLEM_MISSING, (galley_str){0}, PROBLEM_NO_INDEX, NULL);
        return rc;
    }
    GALLEY_LIST(char) list = {.count = g.count};
    g.values = arena_alloc(&r->req->arena, g.count * sizeof *g.values);
    list.at = arena_alloc(&r->req->arena, g.count * slot->value_bytes);
    if (g.values == NULL || list.at == NULL)
        return -ENOMEM;
    rc = walk_values(&g);
    if (rc < 0)
        return rc;
    if (g.count > slot->max_length) {
        complain_list(r, slot, PROBLEM_LIST_TOO_LONG, &g);
        return 0;
    }
    size_t len_before = r->problems->len;
    struct slot item = *slot;
    item.min_length = 0;
    item.max_length = SIZE_MAX;
    for (size_t i = 0; i < g.count; i++)
        convert(r, &item, g.values[i], i, list.at + i * slot->value_bytes);
    if (r->problems->len == len_before && g.count < slot->min_length)
        complain_list(r, slot, PROBLEM_LIST_TOO_SHORT, &g);
    memcpy(r->in + slot->offset, &list, sizeof list);
    return 0;
}

/* ---- the whole ---- */

static int gather_raw(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    int rc = 0;
    r->raw = arena_alloc(&r->req->arena, inputs->count * sizeof *r->raw);
    if (r->raw == NULL)
        return -ENOMEM;
    for (size_t i = inputs->query_at; i < inputs->count; i++)
        r->raw[i] = (galley_str){0};
    if (inputs->header_at > inputs->query_at)
        rc = walk_query(r, take_last);
    if (inputs->cookie_at > inputs->header_at)
        gather_headers(r);
    if (inputs->count > inputs->cookie_at)
        for (size_t f = 0; f < r->req->field_count; f++)
            if (r->req->fields[f].name.len == 6 &&
                strncasecmp(r->req->fields[f].name.data, "cookie", 6) == 0)
                gather_cookies(r, r->req->fields[f].value);
    return rc;
}

int inputs_read(const struct inputs *inputs, struct galley_request *req, const galley_str *params,
                void *in, struct json_out *problems)
{
    memcpy(in, inputs->absent, inputs->size);
    if (inputs->count == 0)
        return 0;
    struct reading r = {.inputs = inputs, .req = req, .in = in, .problems = problems};
    int rc = 0;
    size_t i = 0;
    for (; i < inputs->query_at && rc == 0; i++)
        rc = read_scalar(&r, &inputs->slots[i], params[inputs->slots[i].param]);
    if (rc == 0 && i < inputs->count)
        rc = gather_raw(&r);
    for (; i < inputs->count && rc == 0; i++)
        rc = inputs->slots[i].is_list ? read_list(&r, &inputs->slots[i])
                                      : read_scalar(&r, &inputs->slots[i], r.raw[i]);
    if (rc < 0)
        return rc;
    if (!r.is_bad)
        return 0;
    problems_end(problems);
    return problems->error == 0 ? -EINVAL : problems->error;
}
