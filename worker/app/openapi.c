/* openapi.c - the whole document: what it names, in which order it is written; see openapi.h.
 * Does:     find every model and enum that an operation names, tell which differ between input and output, refuse two of one
 *           name, write info, paths and components.
 * Does not: write a single schema or operation (openapi_parts.h says who does).
 * See:      t/unit/worker/app/openapi.c, t/76-openapi.t (FastAPI's own documents) */
#include "worker/app/openapi.h"

#include <stdlib.h>
#include <string.h>

#include "worker/app/openapi_parts.h"
#include "worker/app/output.h"

enum { OPENAPI_MAX_BYTES = 64 << 20 };

/* ---- text ---- */

void openapi_fail(struct openapi *doc)
{
    doc->is_failed = true;
    errmsg_set(doc->why, "there is no memory for the OpenAPI document");
}

void openapi_item(struct json_out *out)
{
    if (out->len > 0 && out->data[out->len - 1] != '[' && out->data[out->len - 1] != '{')
        json_literal(out, ",");
}

void openapi_key_str(struct json_out *out, galley_str name)
{
    openapi_item(out);
    json_string(out, name);
    json_literal(out, ":");
}

void openapi_key(struct json_out *out, const char *name)
{
    openapi_key_str(out, (galley_str){name, strlen(name)});
}

void openapi_text(struct json_out *out, const char *text)
{
    json_string(out, (galley_str){text, strlen(text)});
}

void openapi_pair(struct json_out *out, const char *name, const char *text)
{
    if (text == NULL)
        return;
    openapi_key(out, name);
    openapi_text(out, text);
}

/* ---- components ---- */

/* A header that several files include declares one model in each of them. */
static bool is_same_model(const struct galley_model *a, const struct galley_model *b)
{
    return a == b || (a->line == b->line && a->file != NULL && b->file != NULL &&
                      strcmp(a->file, b->file) == 0 && strcmp(a->name, b->name) == 0);
}

static bool is_same_enum(const struct galley_enum *a, const struct galley_enum *b)
{
    if (a == b)
        return true;
    if (a == NULL || b == NULL || a->count != b->count || strcmp(a->name, b->name) != 0)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const char *left = a->choices[i].name, *right = b->choices[i].name;
        if (a->choices[i].value != b->choices[i].value || (left == NULL) != (right == NULL) ||
            (left != NULL && strcmp(left, right) != 0))
            return false;
    }
    return true;
}

static bool is_of(const struct component *component, const struct shape *shape,
                  const struct galley_enum *choices)
{
    if (component->operation != NULL)
        return false;
    if (shape != NULL)
        return component->shape != NULL && is_same_model(component->shape->model, shape->model);
    return component->choices != NULL && is_same_enum(component->choices, choices);
}

const struct component *openapi_find(const struct openapi *doc, const struct shape *shape,
                                     const struct galley_enum *choices)
{
    if (shape == NULL && choices == NULL)
        return NULL;
    for (size_t i = 0; i < doc->component_count; i++)
        if (is_of(&doc->components[i], shape, choices))
            return &doc->components[i];
    return NULL;
}

static struct component *add(struct openapi *doc, const struct component *component)
{
    if (doc->component_count == doc->component_capacity) {
        size_t capacity = doc->component_capacity == 0 ? 32 : doc->component_capacity * 2;
        void *more = reallocarray(doc->components, capacity, sizeof *component);
        if (more == NULL) {
            openapi_fail(doc);
            return NULL;
        }
        doc->components = more;
        doc->component_capacity = capacity;
    }
    doc->components[doc->component_count] = *component;
    return &doc->components[doc->component_count++];
}

/* ---- collecting ---- */

/* Whether a GALLEY_ROOT contains itself through nothing but others of its kind: it cannot be written where it is used. */
static bool contains_itself(const struct shape *root, const struct shape *shape, size_t depth)
{
    if (shape == NULL || shape->form != GALLEY_BARE || depth > 64)
        return false;
    const struct shape *next = shape->members[0].type.of;
    return next == root || contains_itself(root, next, depth + 1);
}

static void collect_shape(struct openapi *doc, const struct shape *shape, enum openapi_side side);

static void collect_member(struct openapi *doc, const struct member *member, enum openapi_side side)
{
    const struct type *type = &member->type;
    if (type->kind == GALLEY_OBJECT) {
        collect_shape(doc, type->of, side);
    } else if (type->kind == GALLEY_ENUM && openapi_find(doc, NULL, type->choices) == NULL) {
        add(doc, &(struct component){.name = openapi_type_name(doc, type->choices->name),
                                     .choices = type->choices,
                                     .sides = OPENAPI_INPUT | OPENAPI_OUTPUT});
    }
}

static void collect_members(struct openapi *doc, const struct shape *shape, enum openapi_side side)
{
    for (size_t i = 0; i < shape->member_count; i++)
        if (!shape->members[i].field->hidden)
            collect_member(doc, &shape->members[i], side);
}

static void collect_shape(struct openapi *doc, const struct shape *shape, enum openapi_side side)
{
    bool has_schema = shape->form == GALLEY_RECORD ||
                      (shape->form == GALLEY_BARE && contains_itself(shape, shape, 0));
    if (has_schema) {
        struct component *known = (struct component *)(uintptr_t)openapi_find(doc, shape, NULL);
        if (known != NULL && (known->sides & side) != 0)
            return;
        if (known == NULL)
            known = add(doc, &(struct component){.name = {shape->name, strlen(shape->name)},
                                                 .shape = shape});
        if (known == NULL)
            return;
        known->sides |= side;
    }
    collect_members(doc, shape, side);
}

/* What parameters and bodies name. A model that a whole place fills is no component itself: its members are parameters. */
static void collect_inputs(struct openapi *doc, const struct operation *operation)
{
    const struct shape *in = operation->in;
    const struct member *lone;
    for (size_t i = 0; in != NULL && i < in->member_count; i++) {
        const struct member *member = &in->members[i];
        bool is_spread =
            member->type.of != NULL && member->in != GALLEY_IN_BODY && member->in != GALLEY_IN_FORM;
        if (is_spread)
            collect_members(doc, member->type.of, OPENAPI_INPUT);
        else if (!member->field->hidden)
            collect_member(doc, member, OPENAPI_INPUT);
    }
    if (in != NULL && openapi_body_of(in, &lone) == OPENAPI_BODY_PARTS)
        add(doc,
            &(struct component){.name = openapi_join(doc, GALLEY_STR("Body_"), "", operation->id),
                                .operation = operation,
                                .sides = OPENAPI_INPUT});
}

static void collect_answers(struct openapi *doc, const struct operation *operation)
{
    const struct galley_response *response = operation->route->responses;
    if (operation->out != NULL)
        collect_shape(doc, operation->out, OPENAPI_OUTPUT);
    for (; response != NULL && response->status != 0; response++) {
        if (response->model == NULL)
            continue;
        const struct shape *shape = shapes_get(doc->shapes, response->model, doc->why);
        if (shape == NULL) {
            doc->is_failed = true;
            return;
        }
        collect_shape(doc, shape, OPENAPI_OUTPUT);
    }
}

static bool collect_operation(struct openapi *doc, const struct galley_route *route)
{
    struct operation *operation = &doc->operations[doc->operation_count++];
    struct output output;
    *operation = (struct operation){.route = route, .path = openapi_path(doc, route->path)};
    operation->id = openapi_operation_id(doc, route, operation->path);
    if (output_init(&output, route, doc->shapes, doc->why) < 0)
        return false;
    operation->out = output.kind == OUTPUT_MODEL ? output.shape : NULL;
    if (route->in != &galley_none_model) {
        operation->in = shapes_get(doc->shapes, route->in, doc->why);
        if (operation->in == NULL)
            return false;
    }
    collect_inputs(doc, operation);
    collect_answers(doc, operation);
    return !doc->is_failed;
}

/* ---- models that contain themselves ---- */

/* Whether a model leads into a circle, itself included: then its schema differs between the sides, since each refers to
 * its own. `shape` is one without a component (a union, a root), or the component's own. */
static bool leads_into_circle(struct openapi *doc, const struct shape *shape)
{
    struct component *own = (struct component *)(uintptr_t)openapi_find(doc, shape, NULL);
    if (own != NULL && own->is_entered && !own->is_left)
        own->is_split = true;
    if (own != NULL && own->is_entered)
        return own->is_split;
    if (own != NULL)
        own->is_entered = true;
    bool is_split = false;
    for (size_t i = 0; i < shape->member_count; i++)
        if (shape->members[i].type.of != NULL && !shape->members[i].field->hidden)
            is_split |= leads_into_circle(doc, shape->members[i].type.of);
    if (own != NULL) {
        own->is_left = true;
        own->is_split |= is_split;
    }
    return is_split || (own != NULL && own->is_split);
}

static void split(struct openapi *doc)
{
    for (size_t i = 0; i < doc->component_count; i++)
        if (doc->components[i].shape != NULL)
            leads_into_circle(doc, doc->components[i].shape);
    for (size_t i = 0; i < doc->component_count; i++)
        doc->components[i].is_split &= doc->components[i].sides == (OPENAPI_INPUT | OPENAPI_OUTPUT);
}

/* ---- names ---- */

static int by_name(const void *left, const void *right)
{
    const galley_str *a = &((const struct component *)left)->name;
    const galley_str *b = &((const struct component *)right)->name;
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->data, b->data, len);
    return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* "struct item (shop.c:12)". */
static void tell(const struct component *component, struct errmsg *who)
{
    if (component->choices != NULL)
        errmsg_set(who, "enum %s", component->choices->name);
    else if (component->operation != NULL)
        errmsg_set(who, "the body of %s %s (%s:%d)", component->operation->route->method,
                   component->operation->route->path, component->operation->route->file,
                   component->operation->route->line);
    else
        errmsg_set(who, "struct %s (%s:%d)", component->shape->model->name,
                   component->shape->model->file != NULL ? component->shape->model->file : "?",
                   component->shape->model->line);
}

static void check_names(struct openapi *doc)
{
    if (doc->component_count > 0)
        qsort(doc->components, doc->component_count, sizeof *doc->components, by_name);
    for (size_t i = 1; i < doc->component_count; i++) {
        const struct component *one = &doc->components[i - 1], *two = &doc->components[i];
        struct errmsg first = {{0}}, second = {{0}};
        if (by_name(one, two) != 0)
            continue;
        tell(one, &first);
        tell(two, &second);
        errmsg_set(doc->why,
                   "%s and %s are both %.*s in the OpenAPI document: give one of them another "
                   "name there, as (MODEL, .wire_name = \"...\") does for a struct",
                   first.text, second.text, GALLEY_STR_ARG(one->name));
        doc->is_failed = true;
        return;
    }
}

/* ---- writing ---- */

static void info(struct openapi *doc)
{
    const struct galley_app *app = doc->app;
    openapi_key(doc->out, "info");
    json_literal(doc->out, "{");
    openapi_pair(doc->out, "title", app->title != NULL ? app->title : "Galley");
    openapi_pair(doc->out, "description", app->description);
    openapi_pair(doc->out, "version", app->version != NULL ? app->version : "0.1.0");
    json_literal(doc->out, "}");
}

static const char http_validation_error[] =
    "{\"properties\":{\"detail\":{\"items\":{\"$ref\":\"#/components/schemas/ValidationError\"},"
    "\"type\":\"array\",\"title\":\"Detail\"}},\"type\":\"object\",\"title\":"
    "\"HTTPValidationError\"}";
static const char validation_error[] =
    "{\"properties\":{\"loc\":{\"items\":{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}"
    ",\"type\":\"array\",\"title\":\"Location\"},\"msg\":{\"type\":\"string\",\"title\":"
    "\"Message\"},\"type\":{\"type\":\"string\",\"title\":\"Error Type\"},\"input\":{\"title\":"
    "\"Input\"},\"ctx\":{\"type\":\"object\",\"title\":\"Context\"}},\"type\":\"object\","
    "\"required\":[\"loc\",\"msg\",\"type\"],\"title\":\"ValidationError\"}";

static void component(struct openapi *doc, const struct component *one)
{
    if (!one->is_split) {
        openapi_key_str(doc->out, one->name);
        openapi_component_schema(doc, one,
                                 one->sides == OPENAPI_OUTPUT ? OPENAPI_OUTPUT : OPENAPI_INPUT);
        return;
    }
    openapi_key_str(doc->out, openapi_join(doc, one->name, "-Input", (galley_str){0}));
    openapi_component_schema(doc, one, OPENAPI_INPUT);
    openapi_key_str(doc->out, openapi_join(doc, one->name, "-Output", (galley_str){0}));
    openapi_component_schema(doc, one, OPENAPI_OUTPUT);
}

/* In the order of their names; the two of the usual 422 are raw text and find their place. */
static void components(struct openapi *doc)
{
    static const struct {
        galley_str name;
        galley_str schema;
    } fixed[] = {
        {GALLEY_STR("HTTPValidationError"),
         {http_validation_error, sizeof http_validation_error - 1}},
        {GALLEY_STR("ValidationError"), {validation_error, sizeof validation_error - 1}},
    };
    size_t at = 0, fixed_count = doc->has_validation_error ? 2 : 0;
    if (doc->component_count + fixed_count == 0)
        return;
    openapi_key(doc->out, "components");
    json_literal(doc->out, "{\"schemas\":{");
    for (size_t i = 0; i <= doc->component_count; i++) {
        for (; at < fixed_count &&
               (i == doc->component_count ||
                by_name(&(struct component){.name = fixed[at].name}, &doc->components[i]) < 0);
             at++) {
            openapi_key_str(doc->out, fixed[at].name);
            json_raw(doc->out, fixed[at].schema.data, fixed[at].schema.len);
        }
        if (i < doc->component_count)
            component(doc, &doc->components[i]);
    }
    json_literal(doc->out, "}}");
}

static void write_document(struct openapi *doc)
{
    json_literal(doc->out, "{\"openapi\":\"3.1.0\"");
    info(doc);
    openapi_paths(doc);
    components(doc);
    json_literal(doc->out, "}");
    if (doc->out->error == 0)
        return;
    doc->is_failed = true;
    errmsg_set(doc->why, "the OpenAPI document cannot be written: %s", strerror(-doc->out->error));
}

int openapi_write(struct json_out *out, const struct galley_app *app, struct shapes *shapes,
                  struct errmsg *why)
{
    struct openapi doc = {.out = out, .shapes = shapes, .why = why, .app = app};
    arena_init(&doc.memory, NULL, 0, OPENAPI_MAX_BYTES);
    doc.operations = calloc(app->route_count + 1, sizeof *doc.operations);
    if (doc.operations == NULL)
        openapi_fail(&doc);
    for (size_t i = 0; !doc.is_failed && i < app->route_count; i++)
        if (!app->routes[i].hidden && !collect_operation(&doc, &app->routes[i]))
            doc.is_failed = true;
    if (!doc.is_failed) {
        split(&doc);
        check_names(&doc);
    }
    if (!doc.is_failed)
        write_document(&doc);
    free(doc.operations);
    free(doc.components);
    arena_release(&doc.memory);
    return doc.is_failed ? -1 : 0;
}
