/* model_check.c - a model against its struct; see model_check.h.
 * Does:     lay the members out as the compiler does, and look for bytes that neither they nor padding explain.
 * Does not: see a left-out member that hides in padding.
 * See:      t/unit/worker/app/declarations.c */
#include "worker/app/model_check.h"

#include <math.h>
#include <string.h>

static size_t align_of_member(const struct galley_field *field);

/* The strictest alignment among the members. */
static size_t align_of_model(const struct galley_model *model)
{
    size_t most = model->form == GALLEY_TAGGED ? _Alignof(int) : 1;
    for (size_t i = 0; i < model->field_count; i++) {
        size_t align = align_of_member(&model->fields[i]);
        most = align > most ? align : most;
    }
    return most;
}

/* What a value of each kind takes and how it is aligned; of an object its model knows. */
static const struct {
    size_t bytes, align;
} layouts[] = {
    [GALLEY_BOOL] = {sizeof(bool), _Alignof(bool)},
    [GALLEY_INT] = {sizeof(int64_t), _Alignof(int64_t)},
    [GALLEY_FLOAT] = {sizeof(double), _Alignof(double)},
    [GALLEY_STRING] = {sizeof(galley_str), _Alignof(galley_str)},
    [GALLEY_ENUM] = {sizeof(int), _Alignof(int)},
    [GALLEY_UUID] = {sizeof(galley_uuid), _Alignof(galley_uuid)},
    [GALLEY_DATETIME] = {sizeof(galley_time), _Alignof(galley_time)},
    [GALLEY_DATE] = {sizeof(galley_date), _Alignof(galley_date)},
    [GALLEY_CLOCK] = {sizeof(galley_clock), _Alignof(galley_clock)},
    [GALLEY_BYTES] = {sizeof(galley_bytes), _Alignof(galley_bytes)},
    [GALLEY_JSON] = {sizeof(galley_json), _Alignof(galley_json)},
    [GALLEY_UPLOAD] = {sizeof(galley_upload), _Alignof(galley_upload)},
    [GALLEY_SENT] = {sizeof(galley_sent), _Alignof(galley_sent)},
};

size_t model_value_bytes(const struct galley_field *field)
{
    if (field->kind == GALLEY_OBJECT)
        return field->of->size;
    return field->kind == GALLEY_INT && !field->is_wide ? sizeof(int32_t)
                                                        : layouts[field->kind].bytes;
}

static size_t align_of_member(const struct galley_field *field)
{
    if (field->is_pointer || field->count != GALLEY_ONE)
        return _Alignof(void *);
    if (field->kind == GALLEY_OBJECT)
        return field->of != NULL && !field->internal ? align_of_model(field->of) : 1;
    return field->kind == GALLEY_INT && !field->is_wide ? _Alignof(int32_t)
                                                        : layouts[field->kind].align;
}

/* Whether its value has a null of its own: a NULL data or at. */
static bool has_null(const struct galley_field *field)
{
    return field->count != GALLEY_ONE || field->kind == GALLEY_STRING ||
           field->kind == GALLEY_BYTES || field->kind == GALLEY_JSON;
}

static bool is_told_nullable(const struct galley_field *field)
{
    return field->nullable ||
           (field->default_json != NULL && strcmp(field->default_json, "null") == 0);
}

bool model_is_nullable(const struct galley_field *field)
{
    return field->is_pointer || is_told_nullable(field) ||
           (has_null(field) && field->count == GALLEY_ONE && field->optional &&
            field->default_json == NULL);
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
    if (model->field_count == 0 || model->form == GALLEY_TAGGED)
        return 0;
    while ((field = next_member(model, at)) != NULL) {
        /* The alignment of an internal member is not known: its bytes explain the gap before it. */
        if (!field->internal && round_up(at, align_of_member(field)) != field->offset)
            break;
        at = field->offset + field->size;
        before = field;
    }
    if (field == NULL && (before->internal || round_up(at, align_of_model(model)) == model->size))
        return 0;
    errmsg_set(why,
               "it has a member %s%s that its model leaves out: describe it, or mark it INTERNAL",
               before == NULL ? "before " : "behind ", before == NULL ? field->name : before->name);
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

/* Which options do not fit which members, as the ends of sentences. */
static const char *find_misfit_of_type(const struct galley_field *field)
{
    GALLEY_LIST(char) list;
    bool is_plain = field->count == GALLEY_ONE && !field->is_pointer;
    if (field->kind == GALLEY_OBJECT && field->of == NULL)
        return "has a type that no model describes: use a type of galley/value.h, or say "
               "OBJECT(model), ENUM(enum), or LIST_OF(model) for a list";
    if (field->kind == GALLEY_OBJECT && is_plain && field->of->size != field->size)
        return "is not of the struct that its model describes";
    if (field->kind == GALLEY_ENUM && is_plain && field->size != sizeof(int))
        return "is marked ENUM, but is no enum";
    if (field->kind == GALLEY_ENUM && field->choices->count == 0)
        return "is an enum without a value";
    if (field->count != GALLEY_ONE && !field->is_pointer && field->size != sizeof list)
        return "is marked as a list or map, but is none: use struct item_list, GALLEY_LIST(type) "
               "or GALLEY_MAP(type)";
    if (field->kind == GALLEY_SENT && !is_plain)
        return "is a galley_sent, which stands by itself";
    if (is_told_nullable(field) && !field->is_pointer && !has_null(field))
        return "is NULLABLE, but has no null: make it a pointer";
    return NULL;
}

static const char *find_misfit_of_options(const struct galley_field *field)
{
    bool is_number = field->kind == GALLEY_INT || field->kind == GALLEY_FLOAT;
    bool has_length = field->min_length > 0 || field->max_length < SIZE_MAX;
    if (has_bounds(field) && !is_number)
        return "is no number, so gt, ge, lt, le and multiple_of do not fit it";
    if (has_length && field->count == GALLEY_ONE && field->kind != GALLEY_STRING &&
        field->kind != GALLEY_BYTES)
        return "is neither a string nor a list, so min_length and max_length do not fit it";
    if (field->min_length > field->max_length)
        return "has a min_length above its max_length";
    if (field->pattern != NULL && field->kind != GALLEY_STRING)
        return "is no string, so a pattern does not fit it";
    if (field->literals != NULL && (field->kind != GALLEY_STRING || field->literals[0] == NULL))
        return "is LITERAL, which is for strings, and names at least one";
    if (field->kind == GALLEY_INT && !(is_whole_or_none(field->gt) && is_whole_or_none(field->ge) &&
                                       is_whole_or_none(field->lt) && is_whole_or_none(field->le) &&
                                       is_whole_or_none(field->multiple_of)))
        return "is a whole number, so its bounds must be whole numbers of 64 bits";
    if (field->multiple_of <= 0)
        return "has a multiple_of that is not above 0";
    return NULL;
}

/* Kinds whose zero means nothing, so that they cannot be left out without a word. */
static bool has_no_zero(const struct galley_field *field)
{
    return field->count == GALLEY_ONE && !field->is_pointer &&
           (field->kind == GALLEY_ENUM || field->kind == GALLEY_UUID ||
            field->kind == GALLEY_DATETIME || field->kind == GALLEY_DATE ||
            field->kind == GALLEY_CLOCK || field->kind == GALLEY_UPLOAD);
}

/* What does not fit the member, as the end of a sentence; NULL if all does. */
static const char *find_misfit(const struct galley_field *field)
{
    const char *misfit = find_misfit_of_type(field);
    if (misfit == NULL)
        misfit = find_misfit_of_options(field);
    if (misfit == NULL && has_no_zero(field) && field->optional && field->default_json == NULL)
        misfit = "is OPTIONAL, but nothing stands for its absence: make it a pointer, or give it a "
                 "DEFAULT";
    return misfit;
}

int model_check(const struct galley_model *model, struct errmsg *why)
{
    for (size_t i = 0; i < model->field_count; i++) {
        const struct galley_field *field = &model->fields[i];
        if (field->internal)
            continue;
        const char *misfit = find_misfit(field);
        if (misfit != NULL) {
            errmsg_set(why, "member %s %s", field->name, misfit);
            return -1;
        }
        for (size_t k = 0; k < i; k++) {
            const struct galley_field *other = &model->fields[k];
            if (!other->internal && other->in == field->in && model->form != GALLEY_TAGGED &&
                strcmp(model_wire_name(other), model_wire_name(field)) == 0) {
                errmsg_set(why, "members %s and %s have the same name \"%s\"", other->name,
                           field->name, model_wire_name(field));
                return -1;
            }
        }
    }
    return check_gaps(model, why);
}
