/* json_compact.h - JSON text without what is not needed: space between tokens, and NaN and infinities, which become null.
 * Does:     check whether there is any; copy then.
 * Does not: judge: the text is one value that json_scan has passed over. */
#ifndef GALLEY_WORKER_APP_JSON_COMPACT_H
#define GALLEY_WORKER_APP_JSON_COMPACT_H

#include <galley/value.h>

#include "common/arena.h"

/* `text` stays what it is, or becomes a copy in the arena. 0; -ENOMEM. */
int json_compact(galley_str *text, struct arena *arena) GALLEY_MUST_USE;

#endif
