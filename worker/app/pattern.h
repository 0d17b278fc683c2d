/* pattern.h - regular expressions of string members, compiled once.
 * Does:     search in a text, unanchored, by code points, as Rust's regex crate would.
 * Does not: let a pattern or a text cost unbounded time: beyond its limit a search finds nothing, and says so in the log.
 * See:      pcre2api(3) */
#ifndef GALLEY_WORKER_APP_PATTERN_H
#define GALLEY_WORKER_APP_PATTERN_H

#include <galley/value.h>

#include "common/errmsg.h"

struct pattern;

/* NULL with what is wrong with it in `why`: "look-around is not supported (at character 3)". */
struct pattern *pattern_new(const char *text, struct errmsg *why);
void pattern_free(struct pattern *pattern);

/* Whether it is found anywhere in `text`, which is valid UTF-8. */
bool pattern_matches(const struct pattern *pattern, galley_str text);

#endif
