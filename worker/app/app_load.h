/* app_load.h - an application from a shared object.
 * Does:     dlopen and find the symbol galley_app; refuse files that others may write.
 * Does not: run anything of it. */
#ifndef GALLEY_WORKER_APP_APP_LOAD_H
#define GALLEY_WORKER_APP_APP_LOAD_H

#include <galley/app.h>

#include "common/errmsg.h"

/* NULL with a sentence in `why`. The object stays loaded until the process ends. */
const struct galley_app *app_load(const char *path, struct errmsg *why);

#endif
