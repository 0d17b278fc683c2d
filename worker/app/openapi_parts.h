/* openapi_parts.h - what the files openapi*.c share while they write one document.
 * Does:     openapi.c collects what is named and writes the whole; openapi_paths.c writes operations, openapi_schema.c
 *           values and models, openapi_names.c names and titles.
 * Does not: concern anybody else; openapi.h is the door. */
#ifndef GALLEY_WORKER_APP_OPENAPI_PARTS_H
#define GALLEY_WORKER_APP_OPENAPI_PARTS_H

#include "worker/app/openapi.h"

/* Who reads a value: models that contain themselves have a schema for each side (Node-Input, Node-Output). */
enum openapi_side { OPENAPI_INPUT = 1, OPENAPI_OUTPUT = 2 };

/* One of `paths`: a route with what is asked of it again and again. */
struct operation {
    const struct galley_route *route;
    const struct shape *in, *out; /* out NULL: one of galley/output.h */
    galley_str path, id;          /* "/items/{item_id}", "read_item_items__item_id__get" */
};

/* One of `components`: a model, an enum, or the body of an operation that has several parts. */
struct component {
    galley_str name;
    const struct shape *shape;
    const struct galley_enum *choices;
    const struct operation *operation;
    unsigned sides; /* of openapi_side */
    bool is_split;  /* it has a schema for each side */
    bool is_entered, is_left;
};

struct openapi {
    struct json_out *out;
    struct arena memory;
    struct shapes *shapes;
    struct errmsg *why;
    const struct galley_app *app;
    struct operation *operations;
    size_t operation_count;
    struct component *components;
    size_t component_count, component_capacity;
    bool has_validation_error;
    bool is_failed; /* `why` says it */
};

/* ---- text into the document ---- */

/* `"name":` with the comma before it that an object's second key needs. */
void openapi_key(struct json_out *out, const char *name);
void openapi_key_str(struct json_out *out, galley_str name);
/* The comma before a list's second item. */
void openapi_item(struct json_out *out);
void openapi_text(struct json_out *out, const char *text);
/* `"name":"text"`; nothing where `text` is NULL. */
void openapi_pair(struct json_out *out, const char *name, const char *text);

/* ---- openapi_names.c: all in the document's memory; data NULL: there is none, and the document has failed ---- */

/* "X Trace Id" for x_trace_id, "User-Agent" for user-agent: Python's title() of words. */
galley_str openapi_title(struct openapi *doc, galley_str name);
/* "Color" for color, "OrderLine" for order_line. */
galley_str openapi_type_name(struct openapi *doc, const char *name);
/* "/slots/{n}" for /slots/{n:int}. */
galley_str openapi_path(struct openapi *doc, const char *path);
/* What the route says, or "read_item_items__item_id__get". */
galley_str openapi_operation_id(struct openapi *doc, const struct galley_route *route,
                                galley_str path);
/* "Body_" + id, "Node-Input" ... */
galley_str openapi_join(struct openapi *doc, galley_str left, const char *between,
                        galley_str right);

/* ---- openapi.c ---- */

/* The component of a model or an enum; NULL: it has none, its schema stands where it is used. */
const struct component *openapi_find(const struct openapi *doc, const struct shape *shape,
                                     const struct galley_enum *choices);
void openapi_fail(struct openapi *doc);

/* ---- openapi_schema.c ---- */

/* The whole schema of a value that stands alone, a parameter or a whole body, with title, description, examples, default.
 * Null does not take its title away, as it does a member's. */
void openapi_lone_schema(struct openapi *doc, const struct shape *owner,
                         const struct member *member);
/* An answer's. */
void openapi_answer_schema(struct openapi *doc, const struct shape *shape, galley_str title);
/* Of one component. */
void openapi_component_schema(struct openapi *doc, const struct component *component,
                              enum openapi_side side);
/* Whether a member is one of an operation's documented body parts. */
bool openapi_is_body_part(const struct member *member);
/* "#/components/schemas/NAME", and for a split one its side's name. */
void openapi_ref(struct openapi *doc, const struct component *component, enum openapi_side side);

/* ---- openapi_paths.c ---- */

void openapi_paths(struct openapi *doc);

enum openapi_body { OPENAPI_NO_BODY, OPENAPI_BODY_WHOLE, OPENAPI_BODY_PARTS };
/* Which kind of body an operation takes; `*lone` is the whole body's member. */
enum openapi_body openapi_body_of(const struct shape *in, const struct member **lone);

#endif
