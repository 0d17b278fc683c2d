/* model_check.c - a model against its struct; see model_check.h.
 * Does:     lay the members out as the compiler does, and look for bytes that neither they nor padding explain.
 * Does not: see a left-out member that hides in padding.
 * See:      t/unit/worker/app/model_check.c */
#include "worker/app/model_check.h"

#include <math.h>
#include <string.h>

enum { MAX_DEPTH = 32 };

static size_t align_of_kind(const struct galley_field *field);

/* The strictest alignment among the members. */
static size_t align_of_model(const struct galley_model *model)
{
    size_t most = 1;
    for (size_t i = 0; i < model->field_count; i++) {
        size_t align = align_of_kind(&model->fields[i]);
        most = align > most ? align : most;
    }
    return most;
}

static size_t align_of_kind(const struct galley_field *field)
{
    if (field->nullable || field->list)
        return _Alignof(void *);
    switch (field->kind) {
    case GALLEY_BOOL:
        return _Alignof(bool);
    case GALLEY_INT:
        return field->size;
    case GALLEY_UUID:
        return _Alignof(galley_uuid);
    case GALLEY_FLOAT:
    case GALLEY_STRING:
    case GALLEY_TIME:
        return _Alignof(int64_t);
    case GALLEY_OBJECT:
        return field->of != NULL && !field->internal ? align_of_model(field->of) : 1;
    }
    return 1;
}

static size_t round_up(size_t value, size_t align)
{
    return (value + align - 1) / align * align;
}

/* The member that begins first at or behind `offset`; NULL if none does. */
static const struct galley_field *next_member(const struct galley_model *model, size_t offset)
{
    const struct galley_field *next = NULL;
    for (size_t i = 0; i < model->field_count; i++) {
        const struct galley_field *field = &model->fields[i];
        if (field->offset >= offset && (next == NULL || field->offset < next->offset))
            next = field;
    }
    return next;
}

static int check_gaps(const struct galley_model *model, struct errmsg *why)
{
    size_t at = 0;
    const struct galley_field *field, *before = NULL;
    if (model->field_count == 0)
        return 0;
    while ((field = next_member(model, at)) != NULL) {
        /* The alignment of an internal member is not known: its bytes explain the gap before it. */
        if (!field->internal && round_up(at, align_of_kind(field)) != field->offset)
            break;
        size_t bytes = field->nullable ? sizeof(void *) : field->size;
        at = field->offset + bytes;
        before = field;
    }
    if (field == NULL && (before->internal || round_up(at, align_of_model(model)) == model->size))
        return 0;
    errmsg_set(why,
               "struct %s has a member %s%s that its model leaves out: describe it, or mark it "
               "INTERNAL",
               model->name, before == NULL ? "before " : "behind ",
               before == NULL ? field->name : before->name);
    return -1;
}

static bool has_bounds(const struct galley_field *field)
{
    return !isnan(field->gt) || !isnan(field->ge) || !isnan(field->lt) || !isnan(field->le) ||
           !isnan(field->multiple_of);
}

static bool is_whole_or_none(long double bound)
{
    return isnan(bound) || (bound >= (long double)INT64_MIN && bound <= (long double)INT64_MAX &&
                            floorl(bound) == bound);
}

/* What does not fit the member, as the end of a sentence; NULL if all does. */
static const char *find_misfit(const struct galley_field *field)
{
    bool is_number = field->kind == GALLEY_INT || field->kind == GALLEY_FLOAT;
    bool has_length = field->min_length > 0 || field->max_length < SIZE_MAX;
    if (field->kind == GALLEY_OBJECT && field->of == NULL)
        return "has a type that no model describes: use a type of galley/value.h, or say "
               "OBJECT(model), or LIST_OF(model) for a list";
    if (field->kind == GALLEY_OBJECT && !field->list && field->of->size != field->size)
        return "is not of the struct that its model describes";
    if (has_bounds(field) && (!is_number || field->list))
        return "is no number, so gt, ge, lt, le and multiple_of do not fit it";
    if (has_length && !field->list && field->kind != GALLEY_STRING)
        return "is neither a string nor a list, so min_length and max_length do not fit it";
    if (field->min_length > field->max_length)
        return "has a min_length above its max_length";
    if (field->pattern != NULL)
        return "has a pattern, which is not supported yet";
    if (field->kind == GALLEY_INT && !(is_whole_or_none(field->gt) && is_whole_or_none(field->ge) &&
                                       is_whole_or_none(field->lt) && is_whole_or_none(field->le) &&
                                       is_whole_or_none(field->multiple_of)))
        return "is a whole number, so its bounds must be whole numbers of 64 bits";
    if (field->multiple_of <= 0)
        return "has a multiple_of that is not above 0";
    return NULL;
}

static int check(const struct galley_model *model, int depth, struct errmsg *why)
{
    if (depth > MAX_DEPTH) {
        errmsg_set(why, "model %s nests deeper than %d", model->name, MAX_DEPTH);
        return -1;
    }
    for (size_t i = 0; i < model->field_count; i++) {
        const struct galley_field *field = &model->fields[i];
        if (field->internal)
            continue;
        const char *misfit = find_misfit(field);
        if (misfit != NULL) {
            errmsg_set(why, "member %s of %s %s", field->name, model->name, misfit);
            return -1;
        }
        for (size_t k = 0; k < i; k++) {
            const struct galley_field *other = &model->fields[k];
            if (!other->internal && other->in == field->in &&
                strcmp(model_wire_name(other), model_wire_name(field)) == 0) {
                errmsg_set(why, "members %s and %s of %s have the same name \"%s\"", other->name,
                           field->name, model->name, model_wire_name(field));
                return -1;
            }
        }
        if (field->kind == GALLEY_OBJECT && check(field->of, depth + 1, why) < 0)
            return -1;
    }
    return check_gaps(model, why);
}

int model_check(const struct galley_model *model, struct errmsg *why)
{
    return check(model, 0, why);
}
