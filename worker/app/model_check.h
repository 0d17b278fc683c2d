/* model_check.h - mistakes in a model that the compiler cannot see, found at load.
 * Does:     members left out, names twice, types without a model, options that do not fit their member.
 * Does not: judge where members come from (inputs_compile.c) or go to (json_write.c). */
#ifndef GALLEY_WORKER_APP_MODEL_CHECK_H
#define GALLEY_WORKER_APP_MODEL_CHECK_H

#include <galley/model.h>

#include "common/errmsg.h"

/* 0; -1 with a sentence without a subject ("member x of item ...") in `why`. Looks into nested models, too. */
int model_check(const struct galley_model *model, struct errmsg *why) GALLEY_MUST_USE;

/* As on the wire: the alias, or the member's name. */
static inline const char *model_wire_name(const struct galley_field *field)
{
    return field->alias != NULL ? field->alias : field->name;
}

#endif
