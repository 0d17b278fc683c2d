/* model_check.h - mistakes in a model that the compiler cannot see, found at load.
 * Does:     members left out, names twice, types without a model, options that do not fit their member.
 * Does not: judge where members come from (inputs_compile.c), or look into nested models (shape.c asks for each).
 */
#ifndef GALLEY_WORKER_APP_MODEL_CHECK_H
#define GALLEY_WORKER_APP_MODEL_CHECK_H

#include <galley/model.h>

#include "common/errmsg.h"

/* 0; -1 with a sentence in `why` that names the member. */
int model_check(const struct galley_model *model, struct errmsg *why) GALLEY_MUST_USE;

/* Bytes of one value: of the member, of what it points to, or of an element of its list or map. */
size_t model_value_bytes(const struct galley_field *field);

/* Whether null may stand for its value. */
bool model_is_nullable(const struct galley_field *field);

/* As on the wire: the alias, or the member's name. */
static inline const char *model_wire_name(const struct galley_field *field)
{
    return field->alias != NULL ? field->alias : field->name;
}

#endif
