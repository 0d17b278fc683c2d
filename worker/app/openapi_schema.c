/* openapi_schema.c - the JSON schemas of values, models and enums; see openapi_parts.h.
 * Does:     what Pydantic writes for the same declaration: types, formats, limits, null, references, titles, defaults.
 * Does not: know paths or operations, save the parts of a body.
 * See:      openapi_paths.c, shape.h */
#include "worker/app/openapi_parts.h"

#include <math.h>
#include <string.h>

#include "worker/app/json_read.h"
#include "worker/app/json_write.h"

static void value_keys(struct openapi *doc, const struct member *member, enum openapi_side side);

/* ---- references ---- */

void openapi_ref(struct openapi *doc, const struct component *component, enum openapi_side side)
{
    galley_str name = openapi_join(doc, GALLEY_STR("#/components/schemas/"), "", component->name);
    if (component->is_split)
        name =
            openapi_join(doc, name, side == OPENAPI_INPUT ? "-Input" : "-Output", (galley_str){0});
    json_string(doc->out, name);
}

static void ref_key(struct openapi *doc, const struct component *component, enum openapi_side side)
{
    openapi_key(doc->out, "$ref");
    openapi_ref(doc, component, side);
}

/* What stands for `member` once the GALLEY_ROOTs that are written where they are used are looked through. */
static const struct member *look_through(const struct openapi *doc, const struct member *member)
{
    while (member->count == GALLEY_ONE && member->type.kind == GALLEY_OBJECT &&
           member->type.of->form == GALLEY_BARE &&
           openapi_find(doc, member->type.of, NULL) == NULL && !member->is_nullable)
        member = &member->type.of->members[0];
    return member;
}

/* Whether the schema of a value is nothing but a reference (or null). */
static bool is_reference(const struct openapi *doc, const struct member *member, bool or_null)
{
    const struct member *behind = look_through(doc, member);
    if (behind->count != GALLEY_ONE || (behind->is_nullable && !or_null))
        return false;
    return openapi_find(doc, behind->type.of, behind->type.choices) != NULL;
}

/* ---- limits ---- */

static void number(struct json_out *out, long double value)
{
    if (value >= (long double)INT64_MIN && value <= (long double)INT64_MAX &&
        value == (long double)(int64_t)value)
        json_int(out, (int64_t)value);
    else
        json_float(out, (double)value);
}

static const char *bound_name(enum problem_kind kind)
{
    switch (kind) {
    case PROBLEM_MULTIPLE_OF:
        return "multipleOf";
    case PROBLEM_LESS_THAN_EQUAL:
        return "maximum";
    case PROBLEM_LESS_THAN:
        return "exclusiveMaximum";
    case PROBLEM_GREATER_THAN_EQUAL:
        return "minimum";
    case PROBLEM_GREATER_THAN:
        return "exclusiveMinimum";
    default:
        return NULL;
    }
}

/* Each key once: of two limits of one kind (a model's and its C type's) the narrower one holds. */
static void bounds(struct json_out *out, const struct type *type)
{
    for (size_t i = 0; i < type->bound_count; i++) {
        enum problem_kind kind = type->bounds[i].kind;
        long double limit = type->bounds[i].limit;
        bool is_first = true;
        for (size_t j = 0; j < type->bound_count; j++) {
            if (type->bounds[j].kind != kind)
                continue;
            is_first = is_first && j >= i;
            if (kind == PROBLEM_LESS_THAN_EQUAL ? type->bounds[j].limit < limit
                                                : type->bounds[j].limit > limit)
                limit = type->bounds[j].limit;
        }
        if (is_first && bound_name(kind) != NULL) {
            openapi_key(out, bound_name(kind));
            number(out, limit);
        }
    }
}

static void sizes(struct json_out *out, const char *min_name, const char *max_name, size_t min,
                  size_t max)
{
    if (min > 0) {
        openapi_key(out, min_name);
        json_int(out, (int64_t)min);
    }
    if (max != SIZE_MAX) {
        openapi_key(out, max_name);
        json_int(out, (int64_t)max);
    }
}

/* ---- kinds ---- */

static void literals(struct json_out *out, const char *const *texts)
{
    if (texts[0] != NULL && texts[1] == NULL) {
        openapi_pair(out, "const", texts[0]);
        return;
    }
    openapi_key(out, "enum");
    json_literal(out, "[");
    for (; *texts != NULL; texts++) {
        openapi_item(out);
        openapi_text(out, *texts);
    }
    json_literal(out, "]");
}

static void octets(struct json_out *out, const struct member *member)
{
    openapi_pair(out, "type", "string");
    if (member->type.kind == GALLEY_BYTES && member->in != GALLEY_IN_FORM)
        openapi_pair(out, "contentEncoding", "base64");
    openapi_pair(out, "contentMediaType", "application/octet-stream");
}

static void text(struct json_out *out, const struct type *type)
{
    openapi_pair(out, "type", "string");
    if (type->literals != NULL)
        literals(out, type->literals);
    sizes(out, "minLength", "maxLength", type->min_length, type->max_length);
    openapi_pair(out, "pattern", type->pattern_text);
}

static void formatted(struct json_out *out, const char *format)
{
    openapi_pair(out, "type", "string");
    openapi_pair(out, "format", format);
}

/* ---- objects ---- */

static void mapping(struct openapi *doc, const struct shape *shape, enum openapi_side side)
{
    struct json_out *out = doc->out;
    galley_str tag = {shape->discriminator, strlen(shape->discriminator)};
    openapi_key(out, "discriminator");
    json_literal(out, "{");
    openapi_pair(out, "propertyName", shape->discriminator);
    openapi_key(out, "mapping");
    json_literal(out, "{");
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct shape *variant = shape->members[i].type.of;
        const struct member *named = shape_find(variant, tag);
        const struct component *component = openapi_find(doc, variant, NULL);
        if (named == NULL || named->type.literals == NULL || component == NULL)
            continue; /* shape.c has refused it */
        for (const char *const *text = named->type.literals; *text != NULL; text++) {
            openapi_key(out, *text);
            openapi_ref(doc, component, side);
        }
    }
    json_literal(out, "}}");
}

static void variants(struct openapi *doc, const struct shape *shape, enum openapi_side side)
{
    struct json_out *out = doc->out;
    openapi_key(out, "oneOf");
    json_literal(out, "[");
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct component *component = openapi_find(doc, shape->members[i].type.of, NULL);
        openapi_item(out);
        json_literal(out, "{");
        if (component != NULL)
            ref_key(doc, component, side);
        json_literal(out, "}");
    }
    json_literal(out, "]");
    mapping(doc, shape, side);
}

static void shape_keys(struct openapi *doc, const struct shape *shape, enum openapi_side side)
{
    const struct component *component = openapi_find(doc, shape, NULL);
    if (component != NULL)
        ref_key(doc, component, side);
    else if (shape->form == GALLEY_TAGGED)
        variants(doc, shape, side);
    else
        value_keys(doc, &shape->members[0], side);
}

/* ---- values ---- */

static void one_value(struct openapi *doc, const struct member *member, enum openapi_side side)
{
    struct json_out *out = doc->out;
    const struct type *type = &member->type;
    switch (type->kind) {
    case GALLEY_BOOL:
        openapi_pair(out, "type", "boolean");
        return;
    case GALLEY_INT:
        openapi_pair(out, "type", "integer");
        bounds(out, type);
        return;
    case GALLEY_FLOAT:
        openapi_pair(out, "type", "number");
        bounds(out, type);
        return;
    case GALLEY_STRING:
        text(out, type);
        return;
    case GALLEY_ENUM: {
        const struct component *component = openapi_find(doc, NULL, type->choices);
        if (component != NULL)
            ref_key(doc, component, side);
        return;
    }
    case GALLEY_UUID:
        formatted(out, "uuid");
        return;
    case GALLEY_DATETIME:
        formatted(out, "date-time");
        return;
    case GALLEY_DATE:
        formatted(out, "date");
        return;
    case GALLEY_CLOCK:
        formatted(out, "time");
        return;
    case GALLEY_BYTES:
    case GALLEY_UPLOAD:
        octets(out, member);
        return;
    case GALLEY_OBJECT:
        shape_keys(doc, type->of, side);
        return;
    case GALLEY_JSON: /* anything */
    case GALLEY_SENT:
        return;
    }
}

static void many_values(struct openapi *doc, const struct member *member, enum openapi_side side)
{
    struct json_out *out = doc->out;
    bool is_map = member->count == GALLEY_KEYED;
    openapi_key(out, is_map ? "additionalProperties" : "items");
    if (is_map && member->type.kind == GALLEY_JSON) {
        json_literal(out, "true");
    } else {
        json_literal(out, "{");
        one_value(doc, member, side);
        json_literal(out, "}");
    }
    openapi_pair(out, "type", is_map ? "object" : "array");
    sizes(out, is_map ? "minProperties" : "minItems", is_map ? "maxProperties" : "maxItems",
          member->min_items, member->max_items);
}

static void filled_value(struct openapi *doc, const struct member *member, enum openapi_side side)
{
    if (member->count == GALLEY_ONE)
        one_value(doc, member, side);
    else
        many_values(doc, member, side);
}

static void value_keys(struct openapi *doc, const struct member *member, enum openapi_side side)
{
    bool is_any = member->type.kind == GALLEY_JSON && member->count == GALLEY_ONE;
    if (!member->is_nullable || is_any) {
        filled_value(doc, member, side);
        return;
    }
    openapi_key(doc->out, "anyOf");
    json_literal(doc->out, "[{");
    filled_value(doc, member, side);
    json_literal(doc->out, "},{\"type\":\"null\"}]");
}

/* ---- members ---- */

/* The value that an absent member of `owner` has, where it is not null. Of an object that is all of its members. */
static void default_key(struct json_out *out, const struct shape *owner,
                        const struct member *member)
{
    const struct type *type = &member->type;
    const char *json = member->field->default_json;
    const void *value = (const char *)owner->absent + member->offset;
    if (member->is_required || (json != NULL && strcmp(json, "null") == 0) ||
        (json == NULL && member->is_nullable))
        return;
    if (member->is_pointer)
        memcpy(&value, value, sizeof value);
    if (json == NULL && member->count != GALLEY_ONE)
        json = member->count == GALLEY_KEYED ? "{}" : "[]";
    else if (json == NULL && type->kind == GALLEY_BOOL)
        json = "false";
    else if (json == NULL && type->kind == GALLEY_INT)
        json = "0";
    else if (json == NULL && type->kind == GALLEY_FLOAT)
        json = "0.0";
    bool is_object = type->kind == GALLEY_OBJECT && member->count == GALLEY_ONE && value != NULL;
    if (json == NULL && !is_object)
        return;
    openapi_key(out, "default");
    if (is_object)
        json_write(out, type->of, value, 0);
    else
        json_echo(out, (galley_str){json, strlen(json)});
}

/* `of` is whose examples they are, for the sentence. */
static void described(struct openapi *doc, const char *description, const char *examples,
                      const char *of)
{
    openapi_pair(doc->out, "description", description);
    if (examples == NULL)
        return;
    galley_str text = {examples, strlen(examples)};
    if (json_check(text) < 0 || text.data[strspn(examples, " ")] != '[') {
        errmsg_set(doc->why, "the examples of %s are no list in JSON: %s", of, examples);
        doc->is_failed = true;
        return;
    }
    openapi_key(doc->out, "examples");
    json_echo(doc->out, text);
}

/* Titles come from the name on the wire; in a model that all headers fill, from the name before it became a header's. */
static void member_keys(struct openapi *doc, const struct shape *owner, const struct member *member,
                        bool is_untitled)
{
    const struct galley_field *field = member->field;
    if (field->title != NULL) {
        openapi_pair(doc->out, "title", field->title);
    } else if (!is_untitled) {
        openapi_key(doc->out, "title");
        json_string(doc->out, openapi_title(doc, member->name));
    }
    described(doc, field->description, field->examples_json, field->name);
    default_key(doc->out, owner, member);
    if (field->deprecated) {
        openapi_key(doc->out, "deprecated");
        json_literal(doc->out, "true");
    }
}

/* The same of a member of a model `owner`, or of a body with several parts. */
static void member_schema(struct openapi *doc, const struct shape *owner,
                          const struct member *member, enum openapi_side side)
{
    json_literal(doc->out, "{");
    value_keys(doc, member, side);
    member_keys(doc, owner, member, is_reference(doc, member, true));
    json_literal(doc->out, "}");
}

void openapi_lone_schema(struct openapi *doc, const struct shape *owner,
                         const struct member *member)
{
    json_literal(doc->out, "{");
    value_keys(doc, member, OPENAPI_INPUT);
    member_keys(doc, owner, member, is_reference(doc, member, false));
    json_literal(doc->out, "}");
}

void openapi_answer_schema(struct openapi *doc, const struct shape *shape, galley_str title)
{
    bool is_titled = openapi_find(doc, shape, NULL) == NULL &&
                     (shape->form != GALLEY_BARE || !is_reference(doc, &shape->members[0], false));
    json_literal(doc->out, "{");
    shape_keys(doc, shape, OPENAPI_OUTPUT);
    if (is_titled) {
        openapi_key(doc->out, "title");
        json_string(doc->out, openapi_title(doc, title));
    }
    json_literal(doc->out, "}");
}

/* ---- components ---- */

bool openapi_is_body_part(const struct member *member)
{
    return (member->in == GALLEY_IN_BODY || member->in == GALLEY_IN_FORM) && !member->field->hidden;
}

static bool is_property(const struct member *member, bool is_body)
{
    return is_body ? openapi_is_body_part(member) : !member->field->hidden;
}

/* Of a model's members, or of an operation's body parts. */
static void properties(struct openapi *doc, const struct shape *shape, enum openapi_side side,
                       bool is_body)
{
    struct json_out *out = doc->out;
    size_t required = 0;
    openapi_key(out, "properties");
    json_literal(out, "{");
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *member = &shape->members[i];
        if (!is_property(member, is_body))
            continue;
        openapi_key_str(out, member->name);
        member_schema(doc, shape, member, side);
        required += member->is_required;
    }
    json_literal(out, "}");
    if (shape->forbids_extra && !is_body) {
        openapi_key(out, "additionalProperties");
        json_literal(out, "false");
    }
    openapi_pair(out, "type", "object");
    if (required == 0)
        return;
    openapi_key(out, "required");
    json_literal(out, "[");
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *member = &shape->members[i];
        if (is_property(member, is_body) && member->is_required) {
            openapi_item(out);
            json_string(out, member->name);
        }
    }
    json_literal(out, "]");
}

static void enum_keys(struct json_out *out, const struct galley_enum *choices)
{
    bool is_number = choices->count > 0 && choices->choices[0].name == NULL;
    openapi_pair(out, "type", is_number ? "integer" : "string");
    openapi_key(out, "enum");
    json_literal(out, "[");
    for (size_t i = 0; i < choices->count; i++) {
        openapi_item(out);
        if (is_number)
            json_int(out, choices->choices[i].value);
        else
            openapi_text(out, choices->choices[i].name);
    }
    json_literal(out, "]");
}

void openapi_component_schema(struct openapi *doc, const struct component *component,
                              enum openapi_side side)
{
    const struct shape *shape = component->shape;
    json_literal(doc->out, "{");
    if (component->choices != NULL)
        enum_keys(doc->out, component->choices);
    else if (component->operation != NULL)
        properties(doc, component->operation->in, side, true);
    else if (shape->form == GALLEY_BARE)
        value_keys(doc, &shape->members[0], side); /* one that contains itself */
    else
        properties(doc, shape, side, false);
    openapi_key(doc->out, "title");
    if (shape != NULL && shape->model->title != NULL)
        openapi_text(doc->out, shape->model->title);
    else
        json_string(doc->out, component->name);
    if (shape != NULL)
        described(doc, shape->model->description, shape->model->examples_json, shape->model->name);
    json_literal(doc->out, "}");
}
