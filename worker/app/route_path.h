/* route_path.h - the path of one route, "/items/{item_id}", as tokens that can be matched.
 * Does:     parse and judge the declaration; match a decoded path from both ends, without backtracking.
 * Does not: choose between routes (router.c).
 *
 * A segment holds at most one parameter, and a route at most one {name:path}: so what each parameter gets is decided by
 * the slashes alone. */
#ifndef GALLEY_WORKER_APP_ROUTE_PATH_H
#define GALLEY_WORKER_APP_ROUTE_PATH_H

#include "worker/app/router.h"

enum route_token_kind { ROUTE_LITERAL, ROUTE_STR, ROUTE_INT, ROUTE_FLOAT, ROUTE_UUID, ROUTE_PATH };

struct route_token {
    enum route_token_kind kind;
    galley_str text; /* of a literal */
};

struct route_path {
    const char *text;
    size_t token_count, param_count,
        rest;      /* tokens[rest] is the {name:path}, or rest is token_count */
    bool is_plain; /* every parameter is a whole segment of ROUTE_STR */
    struct route_token tokens[2 * ROUTER_MAX_PARAMS + 1];
    galley_str names[ROUTER_MAX_PARAMS];
};

/* `text` must outlive the path. 0; -1 with a sentence without a subject in `why`. */
int route_path_parse(struct route_path *path, const char *text, struct errmsg *why) GALLEY_MUST_USE;

/* Whether [at, end) matches; `values` (may be NULL) gets the parameters' values. */
bool route_path_match(const struct route_path *path, const char *at, const char *end,
                      galley_str *values);

/* The same values, of a path that is known to match. */
void route_path_values(const struct route_path *path, const char *at, const char *end,
                       galley_str *values);

enum route_segment {
    ROUTE_SEGMENT_LITERAL,
    ROUTE_SEGMENT_PARAM, /* {name} and nothing else */
    ROUTE_SEGMENT_ODD,
    ROUTE_SEGMENT_END
};

/* Walk a declared path that was parsed: `*at` is the start of a segment, or NULL behind the last one. */
enum route_segment route_path_segment(const char **at, galley_str *segment);

#endif
