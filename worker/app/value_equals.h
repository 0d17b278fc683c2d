/* value_equals.h - what may be asked of a member's value without writing it.
 * Does:     whether it is null; whether two values of one member are the same, with all they contain.
 * Does not: read or write JSON. */
#ifndef GALLEY_WORKER_APP_VALUE_EQUALS_H
#define GALLEY_WORKER_APP_VALUE_EQUALS_H

#include <string.h>

#include "worker/app/shape.h"

/* Of a nullable member; `at` is where the struct has it. */
static inline bool value_is_null(const void *at)
{
    const void *first; /* the pointer itself, .data or .at */
    memcpy(&first, at, sizeof first);
    return first == NULL;
}

/* Of any member, at two places of structs of its shape. */
bool value_equals(const struct member *member, const void *a, const void *b);

#endif
