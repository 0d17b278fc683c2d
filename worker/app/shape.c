/* shape.c - models become shapes, at load; see shape.h.
 * Does:     one shape a model, registered before its members are compiled, so that models may contain themselves; wire names,
 *           keys, types with their limits, and the bytes of a struct to which nothing was sent.
 * Does not: judge a declaration by itself (model_check.c does).
 * See:      t/unit/worker/app/declarations.c */
#include "worker/app/shape.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/app/json_read.h"
#include "worker/app/json_write.h"
#include "worker/app/model_check.h"
#include "worker/app/pattern.h"

enum { SHAPES_MAX_BYTES = 64 << 20 };

struct entry {
    struct entry *next;
    struct shape *shape;
};

/* What must be given back besides the arena. */
struct held_pattern {
    struct held_pattern *next;
    struct pattern *pattern;
};

struct shapes {
    struct arena memory;
    struct entry *entries;
    struct held_pattern *patterns;
    bool is_blamed; /* a model was found wanting, and its sentence names it */
};

struct shapes *shapes_new(void)
{
    struct shapes *shapes = calloc(1, sizeof *shapes);
    if (shapes != NULL)
        arena_init(&shapes->memory, NULL, 0, SHAPES_MAX_BYTES);
    return shapes;
}

void shapes_free(struct shapes *shapes)
{
    if (shapes == NULL)
        return;
    for (struct held_pattern *held = shapes->patterns; held != NULL; held = held->next)
        pattern_free(held->pattern);
    arena_release(&shapes->memory);
    free(shapes);
}

static void *take(struct shapes *shapes, size_t size, struct errmsg *why)
{
    void *piece = arena_alloc(&shapes->memory, size);
    if (piece != NULL)
        memset(piece, 0, size);
    else
        errmsg_set(why, "there is no memory");
    return piece;
}

/* ---- names ---- */

/* OrderLine for order_line. */
static const char *schema_name(struct shapes *shapes, const struct galley_model *model,
                               struct errmsg *why)
{
    if (model->wire_name != NULL)
        return model->wire_name;
    char *name = take(shapes, strlen(model->name) + 1, why), *next = name;
    if (name == NULL)
        return NULL;
    bool is_start = true;
    for (const char *at = model->name; *at != '\0'; at++) {
        if (*at != '_')
            *next++ = is_start ? (char)toupper((unsigned char)*at) : *at;
        is_start = *at == '_';
    }
    return name;
}

/* The name on the wire: x_trace_id of a header is x-trace-id, an alias is as it is. */
static int set_name(struct shapes *shapes, struct member *member, struct errmsg *why)
{
    const struct galley_field *field = member->field;
    const char *name = model_wire_name(field);
    size_t len = strlen(name);
    char *copy = take(shapes, len + 1, why);
    if (copy == NULL)
        return -1;
    memcpy(copy, name, len);
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '_' && field->in == GALLEY_IN_HEADER && field->alias == NULL &&
            !field->keep_underscores)
            *at = '-';
    member->name = (galley_str){copy, len};
    return 0;
}

static int set_key(struct shapes *shapes, struct member *member, struct errmsg *why)
{
    struct json_out key;
    json_out_init(&key, NULL, 0, 64 * 1024);
    json_literal(&key, ",");
    json_string(&key, member->name);
    json_literal(&key, ":");
    char *copy = key.error == 0 ? take(shapes, key.len + SHAPE_KEY_SLACK, why) : NULL;
    if (copy != NULL)
        memcpy(copy, key.data, key.len);
    else
        errmsg_set(why, "there is no memory");
    member->key = (galley_str){copy, key.len};
    json_out_release(&key);
    return copy != NULL ? 0 : -1;
}

/* ---- types ---- */

static void add_bound(struct type *type, enum problem_kind kind, long double limit)
{
    if (isnan(limit))
        return;
    struct bound *bound = &type->bounds[type->bound_count++];
    *bound = (struct bound){.kind = kind, .limit = limit};
    if (type->kind == GALLEY_INT)
        bound->whole = (int64_t)limit;
    else
        bound->number = (double)limit;
}

static void set_bounds(struct type *type, const struct galley_field *field)
{
    add_bound(type, PROBLEM_MULTIPLE_OF, field->multiple_of);
    add_bound(type, PROBLEM_LESS_THAN_EQUAL, field->le);
    add_bound(type, PROBLEM_LESS_THAN, field->lt);
    add_bound(type, PROBLEM_GREATER_THAN_EQUAL, field->ge);
    add_bound(type, PROBLEM_GREATER_THAN, field->gt);
    if (type->kind == GALLEY_INT && !type->is_wide) {
        add_bound(type, PROBLEM_LESS_THAN_EQUAL, field->is_signed ? INT32_MAX : UINT32_MAX);
        add_bound(type, PROBLEM_GREATER_THAN_EQUAL, field->is_signed ? INT32_MIN : 0);
    }
}

static int set_pattern(struct shapes *shapes, struct type *type, const struct galley_field *field,
                       struct errmsg *why)
{
    struct errmsg fault = {{0}};
    struct held_pattern *held = take(shapes, sizeof *held, why);
    if (held == NULL)
        return -1;
    held->pattern = pattern_new(field->pattern, &fault);
    if (held->pattern == NULL) {
        errmsg_set(why, "member %s has the pattern '%s', which is none: %s", field->name,
                   field->pattern, fault.text);
        return -1;
    }
    held->next = shapes->patterns;
    shapes->patterns = held;
    type->pattern_text = field->pattern;
    type->pattern = held->pattern;
    return 0;
}

static const struct shape *compile(struct shapes *shapes, const struct galley_model *model,
                                   struct errmsg *why);

static int set_type(struct shapes *shapes, struct type *type, const struct galley_field *field,
                    struct errmsg *why)
{
    *type = (struct type){.kind = field->kind,
                          .is_wide = field->is_wide,
                          .is_signed = field->is_signed,
                          .bytes = model_value_bytes(field),
                          .min_length = field->count == GALLEY_ONE ? field->min_length : 0,
                          .max_length = field->count == GALLEY_ONE ? field->max_length : SIZE_MAX,
                          .choices = field->choices,
                          .literals = field->literals};
    set_bounds(type, field);
    if (field->pattern != NULL && set_pattern(shapes, type, field, why) < 0)
        return -1;
    if (field->kind != GALLEY_OBJECT)
        return 0;
    type->of = compile(shapes, field->of, why);
    return type->of != NULL ? 0 : -1;
}

static size_t round_up(size_t value, size_t align)
{
    return (value + align - 1) / align * align;
}

static int compile_member(struct shapes *shapes, const struct galley_model *model,
                          struct member *member, const struct galley_field *field,
                          struct errmsg *why)
{
    bool is_listed = field->count != GALLEY_ONE;
    *member = (struct member){.offset = field->offset,
                              .count = field->count,
                              .in = field->in,
                              .is_pointer = field->is_pointer,
                              .is_nullable = model_is_nullable(field),
                              .is_required = !field->optional && field->default_json == NULL,
                              .min_items = is_listed ? field->min_length : 0,
                              .max_items = is_listed ? field->max_length : SIZE_MAX,
                              .index = (unsigned)(field - model->fields),
                              .check = field->check,
                              .field = field};
    if (set_name(shapes, member, why) < 0 || set_key(shapes, member, why) < 0 ||
        set_type(shapes, &member->type, field, why) < 0)
        return -1;
    member->entry_bytes = round_up(SHAPE_VALUE_AT + member->type.bytes, sizeof(void *));
    return 0;
}

/* ---- the struct when nothing was sent ---- */

static int read_default(struct shapes *shapes, const struct member *member, void *base,
                        struct errmsg *why)
{
    galley_str text = {member->field->default_json, strlen(member->field->default_json)};
    struct problems problems;
    struct loc place = {NULL, GALLEY_STR("default"), 0};
    problems_init(&problems, &shapes->memory, text.len);
    int rc = json_read_member(text, member, base, &shapes->memory, &problems, &place);
    if (rc == 0 && problems.count == 0)
        return 0;
    struct galley_invalid said = {0};
    if (rc == 0 && problems_describe(&problems, &said) < 0)
        said.count = 0;
    errmsg_set(why, "member %s has the default %s, which %s%.*s", member->field->name, text.data,
               rc == 0 ? "does not hold: " : "is no JSON",
               said.count > 0 ? (int)said.problems->msg.len : 0,
               said.count > 0 ? said.problems->msg.data : "");
    return -1;
}

static bool can_be_absent(const struct shape *shape)
{
    for (size_t i = 0; i < shape->member_count; i++)
        if (shape->members[i].is_required)
            return false;
    return shape->form != GALLEY_TAGGED;
}

static int set_absent(struct shapes *shapes, struct shape *shape, struct errmsg *why)
{
    char *absent = take(shapes, shape->bytes + 1, why);
    if (absent == NULL)
        return -1;
    for (size_t i = 0; i < shape->member_count && shape->form != GALLEY_TAGGED; i++) {
        const struct member *member = &shape->members[i];
        const struct shape *of = member->type.of;
        bool is_nested = of != NULL && member->count == GALLEY_ONE && !member->is_pointer;
        if (is_nested)
            memcpy(absent + member->offset, of->absent, of->bytes);
        if (is_nested && !member->is_required && member->field->default_json == NULL &&
            !can_be_absent(of)) {
            errmsg_set(why,
                       "member %s is OPTIONAL, but struct %s has members that are not: make it a "
                       "pointer, or give it a DEFAULT",
                       member->field->name, of->model->name);
            return -1;
        }
        if (member->field->default_json != NULL && read_default(shapes, member, absent, why) < 0)
            return -1;
    }
    shape->absent = absent;
    return 0;
}

/* ---- a model ---- */

static int check_union(const struct shape *shape, struct errmsg *why)
{
    galley_str tag = {shape->discriminator, strlen(shape->discriminator)};
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *found = shape_find(shape->members[i].type.of, tag);
        if (found == NULL || found->type.literals == NULL || found->count != GALLEY_ONE) {
            errmsg_set(why,
                       "struct %s has no member %s that is LITERAL(\"...\"), which tells it apart",
                       shape->members[i].type.of->model->name, shape->discriminator);
            return -1;
        }
    }
    return 0;
}

static int compile_members(struct shapes *shapes, struct shape *shape, struct errmsg *why)
{
    const struct galley_model *model = shape->model;
    for (size_t i = 0; i < model->field_count; i++) {
        const struct galley_field *field = &model->fields[i];
        if (field->kind == GALLEY_SENT)
            shape->sent_offset = field->offset;
        if (field->internal || field->kind == GALLEY_SENT)
            continue;
        if (compile_member(shapes, model, &shape->members[shape->member_count], field, why) < 0)
            return -1;
        shape->member_count++;
    }
    if (shape->form == GALLEY_BARE && shape->member_count != 1) {
        errmsg_set(why, "a GALLEY_ROOT has one member, and struct %s has %zu", model->name,
                   shape->member_count);
        return -1;
    }
    return shape->form == GALLEY_TAGGED ? check_union(shape, why) : 0;
}

static const struct shape *compile(struct shapes *shapes, const struct galley_model *model,
                                   struct errmsg *why)
{
    for (struct entry *entry = shapes->entries; entry != NULL; entry = entry->next)
        if (entry->shape->model == model)
            return entry->shape;
    struct errmsg fault = {{0}};
    struct entry *entry = take(shapes, sizeof *entry, &fault);
    struct shape *shape =
        take(shapes, sizeof *shape + model->field_count * sizeof shape->members[0], &fault);
    if (entry == NULL || shape == NULL)
        goto blame;
    *entry = (struct entry){shapes->entries, shape};
    shapes->entries = entry;
    shape->model = model;
    shape->bytes = model->size;
    shape->form = model->form;
    shape->forbids_extra = model->extra == GALLEY_FORBID;
    shape->sent_offset = SHAPE_NO_OFFSET;
    shape->check = model->check;
    shape->discriminator = model->discriminator;
    shape->name = schema_name(shapes, model, &fault);
    if (shape->name == NULL || model_check(model, &fault) < 0 ||
        compile_members(shapes, shape, &fault) < 0 || set_absent(shapes, shape, &fault) < 0)
        goto blame;
    return shape;

blame:
    /* A nested model that is at fault has said so already, with its own line. */
    if (shapes->is_blamed)
        *why = fault;
    else
        errmsg_set(why, "%s:%d: struct %s: %s", model->file != NULL ? model->file : "?",
                   model->line, model->name, fault.text);
    shapes->is_blamed = true;
    return NULL;
}

const struct shape *shapes_get(struct shapes *shapes, const struct galley_model *model,
                               struct errmsg *why)
{
    return compile(shapes, model, why);
}

bool shapes_is_at_fault(const struct shapes *shapes)
{
    return shapes->is_blamed;
}

const struct member *shape_find(const struct shape *shape, galley_str name)
{
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *member = &shape->members[i];
        if (member->name.len == name.len && memcmp(member->name.data, name.data, name.len) == 0)
            return member;
    }
    return NULL;
}
