/* json_reader.h - what the parts of the JSON reader share: its state, and how it complains.
 * Does:     a cursor with an arena, problems and a depth; brackets; problems whose input is a piece of the text.
 * Does not: mean anything outside json_*.c; see json_read.h. */
#ifndef GALLEY_WORKER_APP_JSON_READER_H
#define GALLEY_WORKER_APP_JSON_READER_H

#include <errno.h>

#include "worker/app/json_read.h"
#include "worker/app/json_scan.h"

struct json_tags;
struct json_reader {
    struct json_scan scan;
    struct arena *arena;
    struct problems *problems;
    unsigned depth;
    size_t ahead_bytes;     /* json_tag.c's: looked at beforehand */
    struct json_tags *tags; /* json_tag.c's: noted there */
};

/* What a value turned out to be, where the answer is not a negative errno. */
enum { JSON_GOOD, JSON_BAD };

static inline galley_str json_slice(const char *start, const char *end)
{
    return (galley_str){start, (size_t)(end - start)};
}

/* ---- pieces of json_read.c ---- */

/* Past the bracket at the cursor, and one level deeper. */
static inline int json_enter(struct json_reader *r)
{
    if (r->depth >= JSON_MAX_DEPTH)
        return -EMLINK;
    r->depth++;
    r->scan.at++;
    json_scan_space(&r->scan);
    return r->scan.at == r->scan.end ? -EBADMSG : 0;
}

/* Behind an element: 1: past a comma; 0: past the bracket `close`, and one level up. */
static inline int json_go_on(struct json_reader *r, char close)
{
    json_scan_space(&r->scan);
    if (r->scan.at == r->scan.end)
        return -EBADMSG;
    char c = *r->scan.at;
    if (c != ',' && c != close)
        return -EBADMSG;
    r->scan.at++;
    r->depth -= c == close;
    return c == ',';
}

/* The value of a member of the struct at `base`, from the space before it on: JSON_GOOD, JSON_BAD or a negative errno. */
int json_read_value(struct json_reader *r, const struct member *m, void *base,
                    const struct loc *loc);

void json_start_reading(struct json_reader *r, galley_str text, struct arena *arena,
                        struct problems *problems);
/* What is left of the text, after `status` of its value: an answer of json_read.h. */
int json_finish_reading(struct json_reader *r, galley_str text, int status);

/* ---- complaints ---- */

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
