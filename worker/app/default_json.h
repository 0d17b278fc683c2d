/* default_json.h - a member's .default_json, "20" or "[\"new\", \"sale\"]", made its value at load.
 * Does:     scalars, null, and lists of scalars.
 * Does not: check bounds: as in FastAPI, a default is the programmer's word. */
#ifndef GALLEY_WORKER_APP_DEFAULT_JSON_H
#define GALLEY_WORKER_APP_DEFAULT_JSON_H

#include "worker/app/input_slot.h"

/* Store the default into the struct at `base`, what it points to in `memory`. 0; -EINVAL, -ENOMEM. */
int default_json_store(const struct galley_field *field, const struct slot *slot,
                       struct arena *memory, char *base) GALLEY_MUST_USE;

#endif
