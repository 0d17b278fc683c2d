/* json_read.h - JSON bytes straight into structs: one pass, no tree, strings borrowed from the text where nothing is escaped.
 * Does:     decode and validate by shapes, gathering every problem in the order of the declaration; free-form values.
 * Does not: allocate but in the arena; recurse deeper than JSON_MAX_DEPTH.
 * See:      json_fault.c (a syntax error in the words of Python), json_echo.c (`input` in the words of Python), RFC 8259 */
#ifndef GALLEY_WORKER_APP_JSON_READ_H
#define GALLEY_WORKER_APP_JSON_READ_H

#include "worker/app/json_scan.h"

/* Read `text` as the value of `member` into the struct at `base` (whose bytes the caller has set to the shape's absent).
 * Problems get `place` ({NULL, "body"}) as the root of their loc. 0: read, perhaps with problems;
 * -EBADMSG: no JSON (json_fault tells what and where); -EILSEQ: not UTF-8, a lone surrogate; -EMLINK: too deep; -ENOMEM. */
int json_read_member(galley_str text, const struct member *member, void *base, struct arena *arena,
                     struct problems *problems, const struct loc *place) GALLEY_MUST_USE;

/* Read `text` as an object whose keys are these members (several body parameters), each into the struct at `base`. As FastAPI
 * does: whatever is no object misses all of them, also optional ones; a missing one's input is null; unknown keys are
 * ignored. Same answers. */
int json_read_members(galley_str text, const struct member *const *members, size_t count,
                      void *base, struct arena *arena, struct problems *problems,
                      const struct loc *place) GALLEY_MUST_USE;

/* Whether `text` is one JSON value and nothing else: 0, -EBADMSG, -EILSEQ, -EMLINK. */
int json_check(galley_str text) GALLEY_MUST_USE;

/* ---- json_fault.c ---- */

/* For a text that json_read has refused with -EBADMSG: Python's message, and its offset in characters. */
const char *json_fault(galley_str text, size_t *offset);

/* ---- json_echo.c ---- */

/* Write a valid JSON text (json_check) again as Python's json would: compact, floats in FLOAT_PYTHON, the last of duplicate
 * keys at the place of the first, null for what is not finite. */
void json_echo(struct json_out *out, galley_str text);

#endif
