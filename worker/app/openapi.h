/* openapi.h - the OpenAPI 3.1 document of an application, as FastAPI would write it for the same declarations.
 * Does:     build it once, at load.
 * Does not: serve it (docs.h does).
 * See:      openapi_parts.h (who writes what), https://spec.openapis.org/oas/v3.1.0 */
#ifndef GALLEY_WORKER_APP_OPENAPI_H
#define GALLEY_WORKER_APP_OPENAPI_H

#include <galley/app.h>

#include "worker/app/json_out.h"
#include "worker/app/shape.h"

/* Append the document of `app`. 0; -1 with a sentence in `why`: a model does not hold, or two of them would have one name. */
int openapi_write(struct json_out *out, const struct galley_app *app, struct shapes *shapes,
                  struct errmsg *why) GALLEY_MUST_USE;

#endif
