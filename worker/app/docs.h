/* docs.h - the documentation that an application serves: its OpenAPI document, a page to try it, a page to read it.
 * Does:     routes of its own before the application's, all from our own origin, under a strict content security policy.
 * Does not: write the document (openapi.h) or know what the pages show (pages/).
 * See:      docs_assets.h (where the pages' scripts and styles are) */
#ifndef GALLEY_WORKER_APP_DOCS_H
#define GALLEY_WORKER_APP_DOCS_H

#include <galley/app.h>

#include "common/errmsg.h"
#include "worker/app/shape.h"

struct docs;

/* What `declared` wants served, which may be nothing. NULL with a sentence in `why`. */
struct docs *docs_new(const struct galley_app *declared, struct errmsg *why);
void docs_free(struct docs *docs);

/* Its routes. */
size_t docs_route_count(const struct docs *docs);
const struct galley_route *docs_route(const struct docs *docs, size_t index);

/* Write the document, if it is served. 0; -1 with a sentence in `why`. */
int docs_write(struct docs *docs, const struct galley_app *declared, struct shapes *shapes,
               struct errmsg *why) GALLEY_MUST_USE;

/* The page that people open: "/docs"; "" if there is none. */
const char *docs_page(const struct docs *docs);

#endif
