/* input_slot.h - what inputs_compile.c makes of an input's model, and what reading one request needs.
 * Does:     order the members by place; give each of a whole-place model's members a slot of its own.
 * Does not: concern anybody but inputs*.c.
 * See:      inputs.h */
#ifndef GALLEY_WORKER_APP_INPUT_SLOT_H
#define GALLEY_WORKER_APP_INPUT_SLOT_H

#include "worker/app/form.h"
#include "worker/app/inputs.h"
#include "worker/app/scalar.h"

/* A parameter: a member of the input, or of one of its whole-place models. */
struct slot {
    galley_str name; /* as it comes, and as a problem's loc has it */
    const struct member *member;
    enum galley_in in;
    bool is_list;
    bool is_plain;             /* neither list nor form nor of a model */
    bool is_any_text;          /* a string without limits */
    unsigned param;            /* which of the path's */
    const struct shape *shape; /* whose member it is */
    struct slot_model *model;  /* NULL: a member of the input itself */
};

/* A member of the input that is filled from all that one place has. Its slots stand together. */
struct slot_model {
    const struct member *member;
    const struct shape *shape;
    enum galley_in in;
    size_t first, end; /* its slots */
};

/* Slots stand in the order in which problems are told: path, query, header, cookie, form; each as declared. */
struct inputs {
    const struct shape *shape;
    size_t count, query_at, header_at, cookie_at, form_at;
    struct slot_model *models;
    size_t model_count;
    const struct member **bodies; /* of a JSON body */
    size_t body_count;
    bool is_embedded; /* the body is an object, and its keys are the members */
    struct slot slots[];
};

/* One request being read. */
struct reading {
    const struct inputs *inputs;
    struct galley_request *req;
    galley_str *raw; /* of each slot from the query on: its value as it came; data NULL: absent */
    const struct form_field **sent; /* of each slot of the form; NULL: absent */
    char *in;
    struct problems *problems;
    struct form form;
    galley_str body;
    struct problem scratch; /* what nobody reads: a value that is wrong is judged again */
};

/* One value of a place as it came. */
struct entry {
    galley_str name; /* decoded; of a field in lower case */
    galley_str raw;
    const struct form_field *field; /* of a form */
};
/* Where walking over all of a place stands; zero it but for `in`. */
struct cursor {
    enum galley_in in;
    size_t at;
    galley_str rest;
};

/* ---- inputs_source.c ---- */

/* Find what each slot but the path's got. 0, -ENOMEM. */
int inputs_gather(struct reading *r);
/* Whether `name`, as it came from `in`, is this one. */
bool slot_is_named(enum galley_in in, galley_str name, galley_str wanted);
/* 1 with the next entry, 0 at the end, -ENOMEM. */
int inputs_next(const struct reading *r, struct cursor *cursor, struct entry *entry);
/* The same for the values of one list; names cost no memory. */
int inputs_next_of(const struct reading *r, const struct slot *slot, struct cursor *cursor,
                   struct entry *entry);
/* The text of an entry, or of a slot's raw value; a file has none (data NULL). 0, -ENOMEM. */
int inputs_decode(const struct reading *r, enum galley_in in, galley_str raw, galley_str *text);

/* ---- inputs.c ---- */

/* Begin a text that inputs_keep ends, of no more than the request's memory may hold. */
void inputs_begin(const struct reading *r, struct json_out *json);
/* A text of the request's memory with what `json` holds, which is released. 0, -ENOMEM. */
int inputs_keep(const struct reading *r, struct json_out *json, galley_str *text);
/* Append a value as an error shows it. 0, -ENOMEM. */
int inputs_show(const struct reading *r, enum galley_in in, const struct entry *entry,
                struct json_out *json);
/* Read one slot into the struct at `base`; `shown` is what a missing one's input is (data NULL: null). 0, -ENOMEM. */
int inputs_read_slot(struct reading *r, size_t index, char *base, galley_str shown);
/* Whether the slot has a value. */
bool inputs_has(const struct reading *r, size_t index);
/* What a check has against `value`, as a problem at `loc`, with `shown` (JSON) or `text` for an input. */
void inputs_check(struct reading *r, galley_check *check, const void *value, const struct loc *loc,
                  enum problem_input input_kind, galley_str input);

/* ---- inputs_model.c ---- */

/* Append all values of a list as an error shows them. 0, -ENOMEM. */
int inputs_show_list(const struct reading *r, const struct slot *slot, struct json_out *json);

/* Read a whole-place model. 0, -ENOMEM. */
int inputs_read_model(struct reading *r, const struct slot_model *model);

/* ---- inputs_body.c ---- */

/* Receive the body, if the input has any use for it. As inputs_read. */
GALLEY_YIELDS int inputs_receive(struct reading *r) GALLEY_MUST_USE;
/* Read the members of a JSON body. As inputs_read, -EINVAL for a syntax error alone. */
int inputs_read_body(struct reading *r) GALLEY_MUST_USE;

#endif
