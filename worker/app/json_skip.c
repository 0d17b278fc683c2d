/* json_skip.c - whole values passed over; see json_scan.h.
 * Does:     check them with a stack of bits; note where the objects are that have a certain key.
 * Does not: recurse, or decode.
 * See:      json_scan.c (the pieces), json_tag.c (who takes notes) */
#include <errno.h>
#include <stdlib.h>

#include "worker/app/json_read.h"
#include "worker/app/json_scan.h"

#define MARK_NONE UINT32_MAX

/* Which of the brackets around the cursor are objects'. */
struct nest {
    unsigned depth, base;
    uint64_t is_object[JSON_MAX_DEPTH / 64 + 1];
};

static bool in_object(const struct nest *nest)
{
    return nest->is_object[nest->depth / 64] >> (nest->depth % 64) & 1;
}

/* Past a bracket that opens; *is_empty: and the one that closes it again. */
static int open_bracket(struct json_scan *scan, struct nest *nest, bool *is_empty)
{
    bool is_object = *scan->at == '{';
    if (nest->depth >= JSON_MAX_DEPTH)
        return -EMLINK;
    nest->depth++;
    uint64_t bit = UINT64_C(1) << (nest->depth % 64);
    nest->is_object[nest->depth / 64] &= ~bit;
    nest->is_object[nest->depth / 64] |= is_object ? bit : 0;
    scan->at++;
    json_scan_space(scan);
    *is_empty = scan->at < scan->end && *scan->at == (is_object ? '}' : ']');
    if (*is_empty) {
        scan->at++;
        nest->depth--;
    }
    return 0;
}

/* Behind a value: past all brackets that close. 0: past a comma too, or at the end of the outermost value. */
static int close_brackets(struct json_scan *scan, struct nest *nest)
{
    while (nest->depth > nest->base) {
        json_scan_space(scan);
        if (scan->at == scan->end)
            return -EBADMSG;
        char c = *scan->at++;
        if (c == ',')
            return 0;
        if (c != (in_object(nest) ? '}' : ']')) {
            scan->at--;
            return -EBADMSG;
        }
        nest->depth--;
    }
    return 0;
}

/* Note the object whose key has just been read, if that is the one that is looked for. 0; -ENOMEM. */
static int note_key(struct json_marks *marks, const struct nest *nest, galley_str key,
                    const char *value)
{
    if (!json_scan_is(key, marks->name))
        return 0;
    uint32_t *slot = &marks->slot[nest->depth];
    if (*slot == MARK_NONE) {
        if (marks->count == marks->capacity) {
            size_t capacity = marks->capacity + marks->capacity / 4 + 64;
            struct json_mark *at = realloc(marks->at, capacity * sizeof *at);
            if (at == NULL)
                return -ENOMEM;
            marks->at = at;
            marks->capacity = capacity;
        }
        *slot = (uint32_t)marks->count++;
        marks->at[*slot].object = marks->start[nest->depth];
    }
    marks->at[*slot].value = (uint32_t)(value - marks->origin);
    return 0;
}

/* A key in an object, and all space up to its value. */
static int skip_key(struct json_scan *scan, const struct nest *nest, struct json_marks *marks)
{
    galley_str key;
    int status = json_scan_key(scan, NULL, &key);
    if (status < 0 || marks == NULL)
        return status;
    json_scan_space(scan);
    return note_key(marks, nest, key, scan->at);
}

/* A value that is no list and no object. */
static int skip_scalar(struct json_scan *scan)
{
    struct token token;
    galley_str text;
    if (scan->at == scan->end)
        return -EBADMSG;
    if (*scan->at == '"')
        return json_scan_string(scan, NULL, &text);
    if (*scan->at == '-' || (*scan->at >= '0' && *scan->at <= '9'))
        return json_scan_numeral(scan);
    return json_scan_token(scan, 0, NULL, &token);
}

static int skip(struct json_scan *scan, unsigned depth, struct json_marks *marks)
{
    struct nest nest = {.depth = depth, .base = depth};
    int status = 0;
    do {
        bool is_empty = true;
        if (nest.depth > nest.base && in_object(&nest))
            status = skip_key(scan, &nest, marks);
        if (status < 0)
            return status;
        json_scan_space(scan);
        const char *start = scan->at;
        if (start < scan->end && (*start == '{' || *start == '['))
            status = open_bracket(scan, &nest, &is_empty);
        else
            status = skip_scalar(scan);
        if (marks != NULL && !is_empty && status == 0) {
            marks->start[nest.depth] = (uint32_t)(start - marks->origin);
            marks->slot[nest.depth] = MARK_NONE;
        }
        if (status == 0 && is_empty)
            status = close_brackets(scan, &nest);
        if (status < 0)
            return status;
    } while (nest.depth > nest.base);
    return 0;
}

int json_scan_skip(struct json_scan *scan, unsigned depth)
{
    return skip(scan, depth, NULL);
}

int json_scan_mark(struct json_scan *scan, unsigned depth, struct json_marks *marks)
{
    return skip(scan, depth, marks);
}

int json_check(galley_str text)
{
    struct json_scan scan;
    json_scan_init(&scan, text);
    return json_scan_end(&scan, text, json_scan_skip(&scan, 0));
}
