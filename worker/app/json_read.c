/* json_read.c - JSON bytes straight into structs; see json_read.h.
 * Does:     one function a form of value (scalar, list, map, object, union), each from the cursor into memory; problems
 *           are put in the order of the declaration by json_order.
 * Does not: know characters and digits (json_scan), judge scalars (scalar.h), or keep what it has passed.
 * See:      json_scan.h, json_reader.h, json_tag.h, json_order.h, t/unit/worker/app/json_read.c */
#include "worker/app/json_read.h"

#include <errno.h>
#include <string.h>

#include "worker/app/json_compact.h"
#include "worker/app/json_order.h"
#include "worker/app/json_reader.h"
#include "worker/app/json_tag.h"

/* An object while it is read. */
struct object {
    const struct shape *shape;
    const struct loc *loc;
    const char *start;
    struct problem *mark; /* the last problem before it */
    uint64_t seen, bad;   /* by place among the shape's members */
    unsigned extra_count;
    unsigned again_count; /* members that were bad and came again */
};

/* What lies at the address of a list or map member. */
struct container {
    char *at;
    size_t count;
};

static int read_one(struct json_reader *r, const struct type *type, void *to,
                    const struct loc *loc);

/* ---- scalars ---- */

static __attribute__((noinline)) int judge(struct json_reader *r, const struct type *type,
                                           const struct token *token, const char *start, void *to,
                                           const struct loc *loc)
{
    struct problem problem = {.kind = PROBLEM_NONE};
    int error = 0;
    enum problem_kind kind = scalar_read(type, token, r->arena, to, &problem, &error);
    if (kind == PROBLEM_NONE)
        return error;
    problem.kind = kind;
    problem.type = type;
    problem.input_kind = INPUT_JSON;
    problem.input = json_slice(start, r->scan.at);
    return json_complain(r, &problem, loc);
}

/* Whether a string of this type may be stored as it is. */
static inline bool is_good_string(const struct type *type, size_t len)
{
    return type->pattern == NULL && type->literals == NULL && len <= type->max_length &&
           len >= type->min_length && type->min_length <= 1;
}

/* The usual values of types without limits are stored here; the rest is scalar_read's. */
static int read_scalar(struct json_reader *r, const struct type *type, void *to,
                       const struct loc *loc)
{
    struct token token;
    const char *start = r->scan.at;
    if (*start == '"') {
        int status = json_scan_string(&r->scan, r->arena, &token.text);
        if (status < 0)
            return status;
        if (type->kind == GALLEY_STRING && is_good_string(type, token.text.len)) {
            *(galley_str *)to = token.text;
            return JSON_GOOD;
        }
        token.kind = TOKEN_STRING;
        return judge(r, type, &token, start, to, loc);
    }
    int status = json_scan_token(&r->scan, r->depth, NULL, &token);
    if (status < 0)
        return status;
    if (type->kind == GALLEY_BOOL && token.kind == TOKEN_BOOL) {
        *(bool *)to = token.boolean;
        return JSON_GOOD;
    }
    if (type->bound_count == 0) {
        if (type->kind == GALLEY_INT && token.kind == TOKEN_INT && type->is_wide) {
            *(int64_t *)to = token.whole;
            return JSON_GOOD;
        }
        if (type->kind == GALLEY_FLOAT && token.kind == TOKEN_FLOAT &&
            __builtin_isfinite(token.number)) {
            *(double *)to = token.number;
            return JSON_GOOD;
        }
    }
    return judge(r, type, &token, start, to, loc);
}

static int read_json(struct json_reader *r, galley_json *to)
{
    const char *start = r->scan.at;
    int status = json_scan_skip(&r->scan, r->depth);
    if (status < 0)
        return status;
    galley_str text = json_slice(start, r->scan.at);
    status = json_compact(&text, r->arena);
    *to = (galley_json){text.data, text.len};
    return status;
}

/* Pass over a value that is no list, map or object where one is due. */
static __attribute__((noinline)) int refuse(struct json_reader *r, enum problem_kind kind,
                                            const struct type *type, const struct loc *loc)
{
    const char *start = r->scan.at;
    int status = json_scan_skip(&r->scan, r->depth);
    return status < 0 ? status : json_complain_of(r, kind, type, start, loc);
}

/* ---- lists and maps ---- */

/* How many elements more there will be if all are as long as those since `start`; 0: too many to hold them at once. */
static size_t foresee(const struct json_reader *r, const char *start, size_t count, size_t bytes)
{
    double share = (double)(r->scan.end - r->scan.at) / (double)(r->scan.at - start);
    double more = (double)count * share * 65 / 64 + 16;
    return (more + (double)count) * (double)bytes < (double)arena_left(r->arena) * 2 / 3
               ? (size_t)more
               : 0;
}

/* Room for one element more, in a list or map that begins at `start`. */
static __attribute__((noinline)) int grow(struct json_reader *r, struct container *list,
                                          size_t *capacity, size_t bytes, const char *start)
{
    enum { FIRST_BYTES = 64, LARGE_BYTES = 4096, MOST_TIMES = 7 };
    size_t had = *capacity * bytes, more;
    if (had == 0)
        more = (FIRST_BYTES + bytes - 1) / bytes;
    else if (had < LARGE_BYTES)
        more = *capacity;
    else
        more = foresee(r, start, *capacity, bytes);
    if (more < *capacity / 4)
        more = *capacity / 4;
    if (had > 0 && had < ARENA_LARGE_BYTES && more > *capacity * MOST_TIMES)
        more = *capacity * MOST_TIMES;
    if (more > (SIZE_MAX / 2 - had) / bytes)
        return -ENOMEM;
    char *at = arena_grow(r->arena, list->at, had, had + more * bytes);
    if (at == NULL)
        return -ENOMEM;
    list->at = at;
    *capacity += more;
    return 0;
}

static int read_list(struct json_reader *r, const struct member *m, struct container *list,
                     const struct loc *loc)
{
    const char *start = r->scan.at;
    if (*start != '[')
        return refuse(r, PROBLEM_LIST_TYPE, &m->type, loc);
    struct problem *mark = r->problems->last;
    struct loc here = {.parent = loc};
    size_t capacity = 0, slot = 0;
    int status = json_enter(r), is_bad = JSON_GOOD;
    if (status < 0)
        return status;
    *list = (struct container){0};
    for (int is_more = *r->scan.at == ']' ? json_go_on(r, ']') : 1; is_more; here.index++) {
        json_scan_space(&r->scan);
        if (r->scan.at == r->scan.end)
            return -EBADMSG;
        if (slot == capacity && (status = grow(r, list, &capacity, m->type.bytes, start)) < 0)
            return status;
        if (here.index >= m->max_items)
            status = json_scan_skip(&r->scan, r->depth);
        else
            status = read_one(r, &m->type, list->at + slot * m->type.bytes, &here);
        if (status < 0)
            return status;
        is_bad |= status;
        slot += !is_bad && here.index < m->max_items;
        if ((is_more = json_go_on(r, ']')) < 0)
            return is_more;
    }
    list->at = capacity
                   ? arena_trim(r->arena, list->at, capacity * m->type.bytes, slot * m->type.bytes)
                   : arena_alloc(r->arena, 0);
    list->count = slot;
    if (here.index > m->max_items) {
        json_order_drop(r->problems, mark);
        return json_complain_count(r, PROBLEM_LIST_TOO_LONG, m->max_items, here.index, start, loc);
    }
    if (!is_bad && slot < m->min_items)
        return json_complain_count(r, PROBLEM_LIST_TOO_SHORT, m->min_items, slot, start, loc);
    return list->at == NULL ? -ENOMEM : is_bad;
}

/* After all entries were read: the last of each key at the place of the first, and the limits. */
static __attribute__((noinline)) int finish_map(struct json_reader *r, const struct member *m,
                                                struct container *map, struct problem *mark,
                                                const char *start, const struct loc *loc)
{
    size_t bad_count = 0;
    int status =
        json_order_map(r->problems, mark, map->at, &map->count, m->entry_bytes, &bad_count);
    if (status < 0)
        return status;
    if (map->count - bad_count > m->max_items) {
        json_order_drop(r->problems, mark);
        return json_complain_count(r, PROBLEM_MAP_TOO_LONG, m->max_items, SIZE_MAX, start, loc);
    }
    if (bad_count == 0 && map->count < m->min_items)
        return json_complain_count(r, PROBLEM_MAP_TOO_SHORT, m->min_items, map->count, start, loc);
    return bad_count > 0 ? JSON_BAD : JSON_GOOD;
}

static int read_map(struct json_reader *r, const struct member *m, struct container *map,
                    const struct loc *loc)
{
    const char *start = r->scan.at;
    if (*start != '{')
        return refuse(r, PROBLEM_DICT_TYPE, &m->type, loc);
    struct problem *mark = r->problems->last;
    struct loc here = {.parent = loc};
    size_t capacity = 0, bytes = m->entry_bytes;
    int status = json_enter(r);
    if (status < 0)
        return status;
    *map = (struct container){0};
    for (int is_more = *r->scan.at == '}' ? json_go_on(r, '}') : 1; is_more; map->count++) {
        if (map->count == capacity && (status = grow(r, map, &capacity, bytes, start)) < 0)
            return status;
        char *entry = map->at + map->count * bytes;
        if ((status = json_scan_key(&r->scan, r->arena, &here.key)) < 0)
            return status;
        *(galley_str *)(void *)entry = here.key;
        json_scan_space(&r->scan);
        if (r->scan.at == r->scan.end)
            return -EBADMSG;
        struct problem *before = r->problems->last;
        status = read_one(r, &m->type, entry + SHAPE_VALUE_AT, &here);
        if (status < 0)
            return status;
        if (status == JSON_BAD)
            json_order_label(r->problems, before, (unsigned)map->count);
        if ((is_more = json_go_on(r, '}')) < 0)
            return is_more;
    }
    map->at = capacity ? arena_trim(r->arena, map->at, capacity * bytes, map->count * bytes)
                       : arena_alloc(r->arena, 0);
    if (map->at == NULL)
        return -ENOMEM;
    return finish_map(r, m, map, mark, start, loc);
}

/* ---- members ---- */

/* null for a member that may be: its pointer, .data or .at is. */
static int read_null(struct json_reader *r, const struct member *m, void *to)
{
    struct token token;
    int status = json_scan_token(&r->scan, r->depth, NULL, &token);
    if (status < 0)
        return status;
    memset(to, 0,
           m->is_pointer            ? sizeof(void *)
           : m->count == GALLEY_ONE ? m->type.bytes
                                    : sizeof(struct container));
    return JSON_GOOD;
}

int json_read_value(struct json_reader *r, const struct member *m, void *base,
                    const struct loc *loc)
{
    void *to = (char *)base + m->offset;
    json_scan_space(&r->scan);
    if (r->scan.at == r->scan.end)
        return -EBADMSG;
    bool is_json = m->type.kind == GALLEY_JSON && m->count == GALLEY_ONE && !m->is_pointer;
    if (*r->scan.at == 'n' && m->is_nullable && !is_json)
        return read_null(r, m, to);
    if (m->is_pointer) {
        void *value = arena_alloc(r->arena, m->count == GALLEY_ONE ? m->type.bytes
                                                                   : sizeof(struct container));
        if (value == NULL)
            return -ENOMEM;
        *(void **)to = value;
        to = value;
    }
    const char *start = r->scan.at;
    int status;
    if (m->count == GALLEY_ONE)
        status = read_one(r, &m->type, to, loc);
    else if (m->count == GALLEY_MANY)
        status = read_list(r, m, to, loc);
    else
        status = read_map(r, m, to, loc);
    if (status == JSON_GOOD && m->check != NULL)
        status = json_ask(r, m->check, to, start, loc);
    return status;
}

/* ---- objects ---- */

/* Past the key of `m` and its colon, if that is what comes next, written as we would. */
static inline bool take_key(struct json_scan *scan, const struct member *m)
{
    size_t len = m->key.len - 1;
    const char *key = m->key.data + 1; /* behind the brace or comma */
#ifdef __SSE2__
    if (len <= 16 && scan->end - scan->at >= 16) {
        __m128i there = _mm_loadu_si128((const __m128i *)(const void *)scan->at);
        __m128i wanted = _mm_loadu_si128((const __m128i *)(const void *)key);
        unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(there, wanted));
        if ((~same & ((1u << len) - 1)) != 0)
            return false;
        scan->at += len;
        return true;
    }
#endif
    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, key, len) != 0)
        return false;
    scan->at += len;
    return true;
}

/* Pass over a key that is no member's, with its value. */
static int read_extra(struct json_reader *r, struct object *object, galley_str key)
{
    json_scan_space(&r->scan);
    const char *start = r->scan.at;
    int status = json_scan_skip(&r->scan, r->depth);
    if (status < 0 || !object->shape->forbids_extra)
        return status;
    struct loc here = {.parent = object->loc, .key = key};
    struct problem *before = r->problems->last;
    status = json_complain_of(r, PROBLEM_EXTRA_FORBIDDEN, NULL, start, &here);
    json_order_label(r->problems, before, JSON_ORDER_EXTRA + object->extra_count++);
    return status < 0 ? status : JSON_GOOD;
}

/* A member or a key beside them: the key, the value. `next` is the member that is expected. */
static int read_pair(struct json_reader *r, struct object *object, void *to, unsigned *next)
{
    const struct shape *shape = object->shape;
    const struct member *m = &shape->members[*next];
    galley_str key;
    json_scan_space(&r->scan);
    if (*next >= shape->member_count || !take_key(&r->scan, m)) {
        int status = json_scan_key(&r->scan, r->arena, &key);
        if (status < 0)
            return status;
        m = shape_find(shape, key);
        if (m == NULL)
            return read_extra(r, object, key);
    }
    unsigned place = (unsigned)(m - shape->members);
    uint64_t bit = UINT64_C(1) << place;
    object->again_count += (object->bad & bit) != 0;
    object->seen |= bit;
    object->bad &= ~bit;
    *next = place + 1;
    shape_mark_sent(shape, to, m->index);
    struct loc here = {.parent = object->loc, .key = m->name};
    struct problem *before = r->problems->last;
    int status = json_read_value(r, m, to, &here);
    if (status == JSON_BAD) {
        object->bad |= bit;
        json_order_label(r->problems, before, json_order_of(place, object->again_count));
    }
    return status;
}

/* Something is missing, wrong or forbidden, perhaps. */
static __attribute__((noinline)) int finish_object(struct json_reader *r, struct object *object)
{
    const struct shape *shape = object->shape;
    bool is_bad = object->bad != 0 || object->extra_count > 0;
    if (object->again_count > 0)
        json_order_latest(r->problems, object->mark, object->bad);
    for (unsigned i = 0; i < shape->member_count; i++) {
        const struct member *m = &shape->members[i];
        if (!m->is_required || (object->seen >> i & 1))
            continue;
        struct loc here = {.parent = object->loc, .key = m->name};
        struct problem *before = r->problems->last;
        int status = json_complain_of(r, PROBLEM_MISSING, NULL, object->start, &here);
        if (status < 0)
            return status;
        json_order_label(r->problems, before, i);
        is_bad = true;
    }
    if (!is_bad)
        return JSON_GOOD;
    if (object->extra_count > 1)
        json_order_extras(r->problems, object->mark);
    json_order_sort(r->problems, object->mark);
    return JSON_BAD;
}

static int read_object(struct json_reader *r, const struct shape *shape, void *to,
                       const struct type *type, const struct loc *loc)
{
    if (*r->scan.at != '{')
        return refuse(r, PROBLEM_MODEL_ATTRIBUTES_TYPE, type, loc);
    struct object object = {
        .shape = shape, .loc = loc, .start = r->scan.at, .mark = r->problems->last};
    unsigned next = 0;
    memcpy(to, shape->absent, shape->bytes);
    int status = json_enter(r);
    if (status < 0)
        return status;
    for (int is_more = *r->scan.at == '}' ? json_go_on(r, '}') : 1; is_more;) {
        if ((status = read_pair(r, &object, to, &next)) < 0)
            return status;
        if ((is_more = json_go_on(r, '}')) < 0)
            return is_more;
    }
    uint64_t all = UINT64_MAX >> (SHAPE_MAX_MEMBERS - shape->member_count) % SHAPE_MAX_MEMBERS;
    status = JSON_GOOD;
    if (object.seen != all || (object.bad | object.extra_count | object.again_count) != 0)
        status = finish_object(r, &object);
    if (status == JSON_GOOD && shape->check != NULL)
        status = json_ask(r, shape->check, to, object.start, loc);
    return status;
}

/* ---- unions ---- */

/* None of the variants, or no tag at all. `tag` is how Python would print it. */
static __attribute__((noinline)) int refuse_tag(struct json_reader *r, const struct type *type,
                                                enum problem_kind kind, galley_str tag,
                                                const struct loc *loc)
{
    struct problem problem = {.kind = kind, .type = type, .text = tag, .input_kind = INPUT_JSON};
    const char *start = r->scan.at;
    int status = json_scan_skip(&r->scan, r->depth);
    if (status < 0)
        return status;
    if (kind == PROBLEM_TAG_INVALID && tag.data == NULL)
        return -ENOMEM;
    problem.input = json_slice(start, r->scan.at);
    return json_complain(r, &problem, loc);
}

static int read_union(struct json_reader *r, const struct type *type, void *to,
                      const struct loc *loc)
{
    const struct shape *shape = type->of;
    struct token tag;
    galley_str text;
    if (*r->scan.at != '{')
        return refuse(r, PROBLEM_MODEL_ATTRIBUTES_TYPE, type, loc);
    int found = json_find_tag(r, shape->discriminator, &tag, &text);
    if (found < 0)
        return found;
    if (found == 0)
        return refuse_tag(r, type, PROBLEM_TAG_NOT_FOUND, (galley_str){0}, loc);
    const struct member *m = json_find_variant(shape, &tag);
    if (m == NULL)
        return refuse_tag(r, type, PROBLEM_TAG_INVALID, json_tag_text(&tag, text, r->arena), loc);
    memcpy(to, shape->absent, shape->bytes);
    *(int *)to = (int)(m - shape->members);
    struct loc here = {.parent = loc, .key = tag.text};
    const char *start = r->scan.at;
    int status = read_object(r, m->type.of, (char *)to + m->offset, &m->type, &here);
    if (status == JSON_GOOD && shape->check != NULL)
        status = json_ask(r, shape->check, to, start, loc);
    return status;
}

/* What stands for the one member of a struct. */
static int read_bare(struct json_reader *r, const struct shape *shape, void *to,
                     const struct loc *loc)
{
    const char *start = r->scan.at;
    memcpy(to, shape->absent, shape->bytes);
    shape_mark_sent(shape, to, shape->members[0].index);
    int status = json_read_value(r, &shape->members[0], to, loc);
    if (status == JSON_GOOD && shape->check != NULL)
        status = json_ask(r, shape->check, to, start, loc);
    return status;
}

/* The value at the cursor, which is not at the end. */
static int read_one(struct json_reader *r, const struct type *type, void *to, const struct loc *loc)
{
    if (type->kind == GALLEY_JSON)
        return read_json(r, to);
    if (type->kind != GALLEY_OBJECT)
        return read_scalar(r, type, to, loc);
    switch (type->of->form) {
    case GALLEY_BARE:
        return read_bare(r, type->of, to, loc);
    case GALLEY_TAGGED:
        return read_union(r, type, to, loc);
    case GALLEY_RECORD:
        break;
    }
    return read_object(r, type->of, to, type, loc);
}

/* ---- whole texts ---- */

int json_read_member(galley_str text, const struct member *member, void *base, struct arena *arena,
                     struct problems *problems, const struct loc *place)
{
    struct json_reader r;
    json_start_reading(&r, text, arena, problems);
    return json_finish_reading(&r, text, json_read_value(&r, member, base, place));
}
