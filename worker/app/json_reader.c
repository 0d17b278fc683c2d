/* json_reader.c - what the parts of the JSON reader share; see json_reader.h.
 * Does:     start and finish a text; make problems of a kind, a place and a piece of it.
 * Does not: decide what is wrong.
 * See:      json_read.c */
#include "worker/app/json_reader.h"

#include <errno.h>
#include <string.h>

#include "worker/app/json_tag.h"

int json_complain(struct json_reader *r, const struct problem *problem, const struct loc *loc)
{
    problems_add(r->problems, problem, loc);
    return r->problems->error != 0 ? r->problems->error : JSON_BAD;
}

int json_complain_of(struct json_reader *r, enum problem_kind kind, const struct type *type,
                     const char *start, const struct loc *loc)
{
    struct problem problem = {.kind = kind,
                              .type = type,
                              .input_kind = INPUT_JSON,
                              .input = json_slice(start, r->scan.at)};
    return json_complain(r, &problem, loc);
}

int json_complain_count(struct json_reader *r, enum problem_kind kind, size_t limit, size_t count,
                        const char *start, const struct loc *loc)
{
    struct problem problem = {.kind = kind,
                              .limit = limit,
                              .actual = count,
                              .input_kind = INPUT_JSON,
                              .input = json_slice(start, r->scan.at)};
    return json_complain(r, &problem, loc);
}

int json_ask(struct json_reader *r, galley_check *check, const void *value, const char *start,
             const struct loc *loc)
{
    const char *message = check(value);
    if (message == NULL)
        return JSON_GOOD;
    size_t len = strlen(message);
    struct problem problem = {.kind = PROBLEM_VALUE_ERROR,
                              .input_kind = INPUT_JSON,
                              .input = json_slice(start, r->scan.at),
                              .text = {arena_dup(r->arena, message, len), len}};
    return problem.text.data == NULL ? -ENOMEM : json_complain(r, &problem, loc);
}

void json_start_reading(struct json_reader *r, galley_str text, struct arena *arena,
                        struct problems *problems)
{
    *r = (struct json_reader){.arena = arena, .problems = problems};
    json_scan_init(&r->scan, text);
}

int json_finish_reading(struct json_reader *r, galley_str text, int status)
{
    json_tags_free(r->tags);
    status = json_scan_end(&r->scan, text, status);
    return status == 0 ? r->problems->error : status;
}
