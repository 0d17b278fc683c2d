/* json_reader.h - what the parts of the JSON reader share: its state, and how it complains.
 * Does:     a cursor with an arena, problems and a depth; problems whose input is a piece of the text.
 * Does not: read (json_read.c does). */
#ifndef GALLEY_WORKER_APP_JSON_READER_H
#define GALLEY_WORKER_APP_JSON_READER_H

#include "worker/app/json_scan.h"

struct json_reader {
    struct json_scan scan;
    struct arena *arena;
    struct problems *problems;
    unsigned depth;
};

/* What a value turned out to be, where the answer is not a negative errno. */
enum { JSON_GOOD, JSON_BAD };

static inline galley_str json_slice(const char *start, const char *end)
{
    return (galley_str){start, (size_t)(end - start)};
}

/* All of these answer JSON_BAD, or -ENOMEM. */

int json_complain(struct json_reader *r, const struct problem *problem, const struct loc *loc);
/* The value from `start` to the cursor is of a wrong kind. */
int json_complain_of(struct json_reader *r, enum problem_kind kind, const struct type *type,
                     const char *start, const struct loc *loc);
/* A list or map of `count`; SIZE_MAX: of more than may be told. */
int json_complain_count(struct json_reader *r, enum problem_kind kind, size_t limit, size_t count,
                        const char *start, const struct loc *loc);
/* Ask the application's own check about the value that was read from `start` on; JSON_GOOD is an answer here. */
int json_ask(struct json_reader *r, galley_check *check, const void *value, const char *start,
             const struct loc *loc);

#endif
