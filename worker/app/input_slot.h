/* input_slot.h - a member of an input, compiled: what inputs_compile.c makes and inputs.c reads by.
 * Does:     say all that reading a request needs to know, without looking at the model again.
 * Does not: concern anybody else. */
#ifndef GALLEY_WORKER_APP_INPUT_SLOT_H
#define GALLEY_WORKER_APP_INPUT_SLOT_H

#include "common/arena.h"
#include "worker/app/inputs.h"

/* Five of the model's, and the range of a type narrower than 64 bits. */
enum { SLOT_MAX_BOUNDS = 7 };

struct slot_bound {
    enum problem_kind kind;
    long double limit;
};

struct slot {
    galley_str name; /* as on the wire; NUL-terminated */
    enum galley_in in;
    enum galley_kind kind;
    bool is_list, is_nullable, is_required, is_wide;
    size_t offset, value_bytes; /* of one value */
    size_t param;               /* which of the path's parameters */
    size_t min_length, max_length;
    size_t bound_count;
    struct slot_bound bounds[SLOT_MAX_BOUNDS]; /* in the order of judgement */
};

/* Slots stand in the order in which problems are told: path, query, header, cookie; each as declared. */
struct inputs {
    size_t count, query_at, header_at, cookie_at;
    size_t size;
    const void *absent; /* the struct as it is when nothing is sent: zero, and the defaults */
    struct arena memory;
    struct slot slots[];
};

/* Store a value of the slot's kind, of a text that was validated or of a default. */
void slot_store_int(const struct slot *slot, void *to, int64_t value);

#endif
