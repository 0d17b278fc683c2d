/* scalar.h - one value that is no list, map or object: converted and judged as Pydantic's lax mode does, and written.
 * Does:     bool, int, float, string, enum, literal, uuid, datetime, date, time, bytes; from JSON tokens and from texts
 *           (a text of a path, query, field, cookie or form is a TOKEN_STRING).
 * Does not: know where the value came from; allocate, but for what base64 decodes.
 * See:      number.h, moment.h (dates and times), pattern.h (PCRE2) */
#ifndef GALLEY_WORKER_APP_SCALAR_H
#define GALLEY_WORKER_APP_SCALAR_H

#include "worker/app/problems.h"

enum token_kind {
    TOKEN_NULL,
    TOKEN_BOOL,
    TOKEN_INT,   /* within int64 */
    TOKEN_BIG,   /* a whole number beyond int64: `text` */
    TOKEN_FLOAT, /* also NaN and infinities, as Python's decoder takes them */
    TOKEN_STRING,
    TOKEN_LIST,
    TOKEN_OBJECT
};

struct token {
    enum token_kind kind;
    union {
        bool boolean;
        int64_t whole;
        double number;
        galley_str text; /* decoded, valid UTF-8; of TOKEN_STRING and TOKEN_BIG */
    };
};

/* Convert `token` into the value at `to` (type->bytes of it) and judge it. PROBLEM_NONE, or the first thing that is wrong,
 * with kind, type, bound, limit, actual and text filled into `problem` (not its loc and input). TOKEN_NULL, TOKEN_LIST and
 * TOKEN_OBJECT are always the kind's *_TYPE problem. A string is borrowed: token->text must live as long as `to`.
 * `arena` for what must be decoded; without memory PROBLEM_NONE and `*error` is -ENOMEM. Not for OBJECT, JSON and UPLOAD. */
enum problem_kind scalar_read(const struct type *type, const struct token *token,
                              struct arena *arena, void *to, struct problem *problem, int *error);

/* Append the value at `value` as JSON, in the form of a model (floats as 1e-6, 3.0). */
void scalar_write(struct json_out *out, const struct type *type, const void *value);

/* Whether two values of a type that scalar_read reads are the same (for exclude_defaults). */
bool scalar_equals(const struct type *type, const void *a, const void *b);

#endif
