/* app.h - an application as a worker runs it: checked once, then asked for every request.
 * Does:     check the declaration, find the route, read the inputs, call the handler, write the output.
 * Does not: load files (app_load.h) or know sockets. */
#ifndef GALLEY_WORKER_APP_APP_H
#define GALLEY_WORKER_APP_APP_H

#include <galley/app.h>

#include "common/errmsg.h"
#include "worker/app/json_out.h"
#include "worker/http/request.h"

struct app;

/* NULL with a sentence in `why` that names file and line of the route at fault. `declared` must outlive it. */
struct app *app_new(const struct galley_app *declared, struct errmsg *why);
void app_free(struct app *app);

/* Answer a request (struct server's handle; `app` is a struct app). */
GALLEY_YIELDS void app_handle(void *app, struct galley_request *req);

/* The hooks; may wait. 0; < 0 with a sentence in `why`. */
GALLEY_YIELDS int app_start(struct app *app, galley_async *co, struct errmsg *why);
GALLEY_YIELDS void app_stop(struct app *app, galley_async *co);

/* The shape of a model that a call to a remote side names: of the application that `co` belongs to, compiled now or before.
 * NULL with galley_why, the error is -EINVAL. */
struct shape;
const struct shape *app_shape_of(galley_async *co, const struct galley_model *model,
                                 const char *here);

/* Never NULL: "Galley" and "0.1.0" where the declaration says nothing. */
const char *app_title(const struct app *app);
const char *app_version(const struct app *app);
/* Where people read about it: "/docs", or "" for nowhere. */
const char *app_docs_page(const struct app *app);
/* Append its OpenAPI document, whether it is served or not. 0; -1 with a sentence in `why`. */
int app_write_openapi(struct app *app, struct json_out *out, struct errmsg *why) GALLEY_MUST_USE;
/* How many routes it serves, those of its documentation included; each with what was counted of it (`*stats`). NULL for
 * any other index: what is counted of requests that none matches. */
size_t app_route_count(const struct app *app);
struct route_stats;
const struct galley_route *app_route(const struct app *app, size_t index,
                                     const struct route_stats **stats);
/* For docs.c. */
struct docs;
const struct docs *app_docs(const struct app *app);

#endif
