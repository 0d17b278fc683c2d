/* openapi.h - the OpenAPI 3.1 document of an application, as FastAPI would write it for the same declarations.
 * Does:     build it once, at load.
 * Does not: serve it (docs.h does).
 * See:      https://spec.openapis.org/oas/v3.1.0 */
#ifndef GALLEY_WORKER_APP_OPENAPI_H
#define GALLEY_WORKER_APP_OPENAPI_H

#include <galley/app.h>

#include "worker/app/json_write.h"
#include "worker/app/shape.h"

/* Write the document of `app`, whose models are all in `shapes`. Trouble is in out->error. */
void openapi_write(struct json_out *out, const struct galley_app *app, struct shapes *shapes);

#endif
