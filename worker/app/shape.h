/* shape.h - a model compiled at load: what reading, writing and judging a value need, without looking at the model again.
 * Does:     compile every model that routes name, once, also those that contain themselves; say what is wrong with one.
 * Does not: read or write values (scalar.h, json_read.h, json_write.h, inputs.h), or document them (openapi.h).
 * See:      galley/model.h */
#ifndef GALLEY_WORKER_APP_SHAPE_H
#define GALLEY_WORKER_APP_SHAPE_H

#include <galley/model.h>

#include "common/arena.h"
#include "common/errmsg.h"
#include "worker/app/problem_kind.h"

struct shape;
struct pattern;

/* Five of the model's, and the range of a type narrower than 64 bits. */
enum { TYPE_MAX_BOUNDS = 7 };
struct bound {
    enum problem_kind kind;
    int64_t whole; /* of GALLEY_INT: what it is judged by, and told */
    double number; /* of GALLEY_FLOAT */
    long double limit;
};

/* One value: of a member, or each element of a list or map. */
struct type {
    enum galley_kind kind;
    bool is_wide, is_signed; /* of GALLEY_INT */
    size_t bytes;            /* in memory */
    size_t bound_count;
    struct bound bounds[TYPE_MAX_BOUNDS]; /* in the order of judgement */
    size_t min_length, max_length;        /* of a string in code points, of bytes in octets */
    const char *pattern_text;
    const struct pattern *pattern;     /* compiled; NULL: none */
    const struct galley_enum *choices; /* of GALLEY_ENUM */
    const char *const *literals;       /* of GALLEY_STRING; NULL: any */
    const struct shape *of;            /* of GALLEY_OBJECT */
};

struct member {
    galley_str name; /* on the wire, NUL-terminated */
    galley_str key;  /* `{"name":` or `,"name":`, with SHAPE_KEY_SLACK bytes behind it */
    size_t offset;   /* in the struct */
    enum galley_count count;
    enum galley_in in;
    bool is_pointer;  /* to what holds the value */
    bool is_nullable; /* null is allowed: as a NULL pointer, .data or .at */
    bool is_required;
    struct type type;
    size_t min_items, max_items; /* of a list or map */
    size_t entry_bytes; /* of a map: its key (galley_str) lies first, its value at SHAPE_VALUE_AT */
    unsigned index;     /* its place among the model's fields: its bit in a galley_sent */
    galley_check *check;
    const struct galley_field *field;
};

/* Members are told apart by the bits of one word: galley/each.h allows no more. */
enum { SHAPE_KEY_SLACK = 16, SHAPE_VALUE_AT = sizeof(galley_str), SHAPE_MAX_MEMBERS = 64 };
#define SHAPE_NO_OFFSET SIZE_MAX

struct shape {
    const struct galley_model *model;
    const char *name; /* in schemas: OrderLine */
    size_t bytes;
    enum galley_form form;
    bool forbids_extra;
    size_t sent_offset; /* of its galley_sent; SHAPE_NO_OFFSET: it has none */
    const void *
        absent; /* the struct when nothing was sent: zero, and the defaults; valid once shapes_get has returned */
    galley_check *check;
    /* GALLEY_BARE: exactly one. GALLEY_TAGGED: one a variant, in the order of enum t_is, which lies at offset 0;
     * member i's type.of has the member `discriminator` with its literals. */
    const char *discriminator;
    size_t member_count;
    struct member members[];
};

/* All shapes of an application. */
struct shapes;
struct shapes *shapes_new(void);
void shapes_free(struct shapes *shapes);

/* The shape of `model`, compiled now or before, with all it contains. NULL with a sentence in `why`:
 * "shop.c:12: member x of order ...". */
const struct shape *shapes_get(struct shapes *shapes, const struct galley_model *model,
                               struct errmsg *why);

/* Whether a model was found wanting: the sentence then names the model's own place. */
bool shapes_is_at_fault(const struct shapes *shapes);

/* The member called `name` on the wire; NULL if there is none. */
const struct member *shape_find(const struct shape *shape, galley_str name);

/* Mark in the struct at `base` that member `index` was sent, where the shape cares. */
static inline void shape_mark_sent(const struct shape *shape, void *base, unsigned index)
{
    if (shape->sent_offset != SHAPE_NO_OFFSET)
        ((galley_sent *)((char *)base + shape->sent_offset))->bits |= UINT64_C(1) << index;
}

#endif
