/* problems.h - what is wrong with a request's inputs, and the 422 that says it as FastAPI does.
 * Does:     gather problems while inputs are read, in the request's arena and bounded; write
 *           {"detail":[{"type","loc","msg","input","ctx"}, ...]}.
 * Does not: validate (scalar.h, json_read.h and inputs.h do).
 * See:      problem_kind.h (the table), t/unit/worker/app/ (recorded answers) */
#ifndef GALLEY_WORKER_APP_PROBLEMS_H
#define GALLEY_WORKER_APP_PROBLEMS_H

#include <galley/app.h>

#include "worker/app/json_write.h"
#include "worker/app/shape.h"

/* Where a value stands: a chain from the value up to its place ("body"). key.data NULL: it is item `index`. Links live
 * in the frames of whoever reads; problems_add copies the chain into the arena. */
struct loc {
    const struct loc *parent;
    galley_str key;
    size_t index;
};

/* What is shown of the value. */
enum problem_input {
    INPUT_NULL,
    INPUT_TEXT, /* a string, as decoded */
    INPUT_JSON /* JSON text, as it came or as it was made; written again as Python does (json_echo) */
};

struct problem {
    enum problem_kind kind;
    enum problem_input input_kind;
    galley_str input;
    const struct type *type;   /* whose limits the message tells */
    const struct bound *bound; /* of a number */
    size_t limit,
        actual;      /* of a length: the one that was broken, and what there is (SIZE_MAX: more) */
    galley_str text; /* $: an {error}, an app's message, a tag; must live as long as the request */
    const struct loc *loc; /* set by problems_add */
    struct problem *next;  /* the gatherer's */
    unsigned order;        /* json_read's, for sorting */
};

struct problems {
    struct arena *arena;
    struct problem *first, *last;
    size_t count;
    size_t bytes,
        max_bytes; /* of the 422 and of what is kept for it, at most: beyond it one TOO_MANY ends the list */
    size_t text_bytes;  /* of the 422 alone, at most: taken from the arena's ceiling */
    size_t room_bytes;  /* what describing them may take besides; SIZE_MAX: any */
    int error;          /* -ENOMEM */
    struct problem end; /* the TOO_MANY, which needs no memory */
    struct loc end_loc;
};

/* What all problems may cost: bytes, and times the input. */
enum { PROBLEMS_BUDGET_BYTES = 44 * 1024, PROBLEMS_BUDGET_TIMES = 6 };

/* `input_bytes` of the request bound what its problems may cost. The one that ends the list is left as it is: each
 * request comes here, and few have any. */
static inline void problems_init(struct problems *problems, struct arena *arena, size_t input_bytes)
{
    size_t most = (SIZE_MAX - PROBLEMS_BUDGET_BYTES) / PROBLEMS_BUDGET_TIMES;
    problems->arena = arena;
    problems->first = problems->last = NULL;
    problems->count = problems->bytes = problems->text_bytes = 0;
    problems->max_bytes =
        PROBLEMS_BUDGET_BYTES + PROBLEMS_BUDGET_TIMES * (input_bytes < most ? input_bytes : most);
    problems->room_bytes = SIZE_MAX;
    problems->error = 0;
}
/* Append a copy at `loc`. */
void problems_add(struct problems *problems, const struct problem *problem, const struct loc *loc);
/* There are more than these, which nobody will hear of: TOO_MANY ends the list, if there is one. */
void problems_end(struct problems *problems);
bool problems_has_ended(const struct problems *problems);
/* Write the whole 422 body. */
void problems_write(const struct problems *problems, struct json_out *out);
/* The same for an app's own handler: an array in the arena, which ends earlier if it takes more than room_bytes. 0; -ENOMEM. */
int problems_describe(struct problems *problems, struct galley_invalid *invalid);

/* The word that stands first in a loc: "path", "query", "header", "cookie", "body". */
galley_str problems_place(enum galley_in in);

#endif
