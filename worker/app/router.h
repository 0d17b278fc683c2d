/* router.h - which route a method and a path mean, by FastAPI's rule: the first declared one that matches.
 * Does:     paths of literals, {name}, {name:path} and the converters int, float, uuid, str; the methods a path knows.
 *           Built once; finding allocates nothing.
 * Does not: convert values, answer, or know what a route does.
 * See:      t/unit/worker/app/router.c; app.c (404, 405, 307) */
#ifndef GALLEY_WORKER_APP_ROUTER_H
#define GALLEY_WORKER_APP_ROUTER_H

#include <galley/value.h>

#include "common/errmsg.h"

enum { ROUTER_MAX_PARAMS = 16 };

struct router;

struct router_path {
    const char *method, *path; /* must outlive the router */
};

/* All of `paths`, in the order of declaration. NULL with a sentence without a subject in `why`, `*bad` saying of which. */
struct router *router_new(const struct router_path *paths, size_t count, size_t *bad,
                          struct errmsg *why);
void router_free(struct router *router);

enum { ROUTER_NO_PATH = -1, ROUTER_NO_METHOD = -2 };

/* The index of the route for a decoded path (text_decode, TEXT_ROUTE); HEAD without a route of its own
 * means GET. Or ROUTER_NO_*. */
int router_find(const struct router *router, galley_str method, galley_str path);

/* The values of the parameters of route `index`, which router_find has chosen for `path`: slices of it, in the order of
 * the path. At most ROUTER_MAX_PARAMS. */
void router_params(const struct router *router, int index, galley_str path, galley_str *values);

/* Names of the parameters of route `index`, in that order; their count. */
size_t router_param_names(const struct router *router, int index, const galley_str **names);

/* What a 405 says: "GET, HEAD, POST". Always NUL-terminated; the length. */
size_t router_allow(const struct router *router, galley_str path, char *text, size_t size);

/* Whether any route, of whatever method, has this path. */
bool router_knows(const struct router *router, galley_str path);

#endif
