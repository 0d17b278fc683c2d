/* json_members.c - a body of several parameters: each is a key of one object; see json_read.h.
 * Does:     what json_read.c does for an object, with FastAPI's rules for parameters.
 * Does not: know a struct of their own; each goes where its member says.
 * See:      t/unit/worker/app/json_read.c */
#include <errno.h>
#include <string.h>

#include "common/bug.h"
#include "worker/app/json_order.h"
#include "worker/app/json_reader.h"

/* While they are read. */
struct parameters {
    const struct member *const *members;
    size_t count;
    void *base;
    const struct loc *place;
    struct problem *mark; /* the last problem before them */
    bool is_object;
    uint64_t seen, bad;
    unsigned again_count; /* those that were bad and came again */
};

/* One key of a body of several parameters. */
static unsigned find_parameter(const struct parameters *body, galley_str key)
{
    unsigned i = 0;
    while (i < body->count && !(body->members[i]->name.len == key.len &&
                                memcmp(body->members[i]->name.data, key.data, key.len) == 0))
        i++;
    return i;
}

/* One key of the object, with its value. */
static int read_parameter(struct json_reader *r, struct parameters *body)
{
    struct loc here = {.parent = body->place};
    int status = json_scan_key(&r->scan, r->arena, &here.key);
    if (status < 0)
        return status;
    unsigned i = find_parameter(body, here.key);
    if (i == body->count)
        return json_scan_skip(&r->scan, r->depth);
    uint64_t bit = UINT64_C(1) << i;
    body->again_count += (body->bad & bit) != 0;
    body->seen |= bit;
    body->bad &= ~bit;
    struct problem *before = r->problems->last;
    status = json_read_value(r, body->members[i], body->base, &here);
    if (status == JSON_BAD) {
        body->bad |= bit;
        json_order_label(r->problems, before, json_order_of(i, body->again_count));
    }
    return status;
}

static int read_parameters(struct json_reader *r, struct parameters *body)
{
    int status = json_enter(r);
    if (status < 0)
        return status;
    for (int is_more = *r->scan.at == '}' ? json_go_on(r, '}') : 1; is_more;) {
        if ((status = read_parameter(r, body)) < 0)
            return status;
        if ((is_more = json_go_on(r, '}')) < 0)
            return is_more;
    }
    return 0;
}

/* Those that are missing, and all problems in the order of the declaration. */
static int finish_parameters(struct problems *problems, const struct parameters *body)
{
    if (body->again_count > 0)
        json_order_latest(problems, body->mark, body->bad);
    for (unsigned i = 0; i < body->count; i++) {
        bool is_needed = body->members[i]->is_required || !body->is_object;
        if (!is_needed || (body->seen >> i & 1))
            continue; /* of what is no object FastAPI misses the optional ones too */
        struct loc here = {.parent = body->place, .key = body->members[i]->name};
        struct problem missing = {.kind = PROBLEM_MISSING, .input_kind = INPUT_NULL};
        struct problem *before = problems->last;
        problems_add(problems, &missing, &here);
        json_order_label(problems, before, i);
    }
    json_order_sort(problems, body->mark);
    return problems->error;
}

int json_read_members(galley_str text, const struct member *const *members, size_t count,
                      void *base, struct arena *arena, struct problems *problems,
                      const struct loc *place)
{
    struct json_reader r;
    struct parameters body = {
        .members = members, .count = count, .base = base, .place = place, .mark = problems->last};
    GALLEY_BUG_IF(count > SHAPE_MAX_MEMBERS, "%zu body parameters", count);
    json_start_reading(&r, text, arena, problems);
    json_scan_space(&r.scan);
    body.is_object = r.scan.at < r.scan.end && *r.scan.at == '{';
    int status = body.is_object ? read_parameters(&r, &body) : json_scan_skip(&r.scan, 0);
    status = json_finish_reading(&r, text, status);
    return status == 0 ? finish_parameters(problems, &body) : status;
}
