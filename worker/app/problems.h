/* problems.h - what is wrong with a request's inputs, as FastAPI's 422 says it.
 * Does:     one table of types, messages and contexts; {"detail":[{"type","loc","msg","input","ctx"}, ...]}.
 * Does not: validate (inputs.c does).
 * See:      t/unit/worker/app/inputs.c (recorded answers) */
#ifndef GALLEY_WORKER_APP_PROBLEMS_H
#define GALLEY_WORKER_APP_PROBLEMS_H

#include <galley/model.h>

#include "worker/app/json_write.h"

enum problem_kind {
    PROBLEM_NONE,
    PROBLEM_MISSING,
    PROBLEM_INT_PARSING,
    PROBLEM_INT_PARSING_SIZE,
    PROBLEM_FLOAT_PARSING,
    PROBLEM_FINITE_NUMBER,
    PROBLEM_BOOL_PARSING,
    PROBLEM_MULTIPLE_OF,
    PROBLEM_LESS_THAN_EQUAL,
    PROBLEM_LESS_THAN,
    PROBLEM_GREATER_THAN_EQUAL,
    PROBLEM_GREATER_THAN,
    PROBLEM_STRING_TOO_SHORT,
    PROBLEM_STRING_TOO_LONG,
    PROBLEM_LIST_TOO_SHORT,
    PROBLEM_LIST_TOO_LONG,
    PROBLEM_COUNT
};

struct problem {
    enum problem_kind kind;
    enum galley_in in;
    const char *name;        /* as on the wire */
    const galley_str *input; /* the value as it came; of a list's own problem, all its values */
    size_t input_count;
    size_t index;          /* of a list's element; PROBLEM_NO_INDEX: none */
    long double bound;     /* of a number; printed as a whole number unless is_float */
    size_t length, actual; /* the limit of a length, and the length */
    bool is_float;
};
#define PROBLEM_NO_INDEX SIZE_MAX

/* Append one; the first opens the body. */
void problems_add(struct json_out *out, const struct problem *problem);
/* Close the body. */
void problems_end(struct json_out *out);
/* The word that stands first in a loc: "path", "query" ... */
const char *problems_place(enum galley_in in);

#endif
