/* json_value.c - look into a free-form value; see galley/json.h.
 * Does:     every answer by scanning the text again.
 * Does not: trust it: an application may have made it.
 * See:      t/unit/worker/app/json_value.c */
#include <errno.h>
#include <galley/json.h>
#include <math.h>
#include <string.h>

#include "worker/app/json_scan.h"
#include "worker/app/number.h"

static struct json_scan scan_of(galley_json json)
{
    struct json_scan scan = {.at = json.data, .end = json.data};
    if (json.data != NULL) {
        scan.end += json.len;
        json_scan_space(&scan);
    }
    return scan;
}

enum galley_json_kind galley_json_kind(galley_json json)
{
    struct json_scan scan = scan_of(json);
    if (scan.at == scan.end)
        return GALLEY_JSON_ABSENT;
    switch (*scan.at) {
    case 'n':
        return GALLEY_JSON_NULL;
    case 't':
    case 'f':
        return GALLEY_JSON_BOOL;
    case '"':
        return GALLEY_JSON_STRING;
    case '[':
        return GALLEY_JSON_LIST;
    case '{':
        return GALLEY_JSON_OBJECT;
    default:
        return *scan.at == '-' || (*scan.at >= '0' && *scan.at <= '9') ? GALLEY_JSON_NUMBER
                                                                       : GALLEY_JSON_ABSENT;
    }
}

/* The scalar that the whole text is. */
static int token_of(galley_json json, struct token *token)
{
    struct json_scan scan = scan_of(json);
    if (scan.at == scan.end || *scan.at == '[' || *scan.at == '{')
        return -EINVAL;
    if (json_scan_token(&scan, 0, NULL, token) < 0)
        return -EINVAL;
    json_scan_space(&scan);
    return scan.at == scan.end ? 0 : -EINVAL;
}

/* ---- lists and objects ---- */

struct galley_json_step galley_json_begin(galley_json json)
{
    struct json_scan scan = scan_of(json);
    bool is_open = scan.at < scan.end && (*scan.at == '[' || *scan.at == '{');
    return (struct galley_json_step){._at = is_open ? scan.at : NULL, ._end = scan.end};
}

/* Past the bracket or comma before an element; false: there is none. */
static bool step_into(struct json_scan *scan, bool *is_member)
{
    char c = scan->at < scan->end ? *scan->at : '\0';
    if (c != '[' && c != '{' && c != ',')
        return false;
    scan->at++;
    json_scan_space(scan);
    if (c == '{')
        *is_member = true;
    return scan->at < scan->end && *scan->at != ']' && *scan->at != '}';
}

bool galley_json_next(struct galley_json_step *step)
{
    struct json_scan scan = {.at = step->_at, .end = step->_end};
    bool is_member = step->quoted.data != NULL;
    step->_at = NULL;
    if (scan.at == NULL || !step_into(&scan, &is_member))
        return false;
    if (is_member) {
        const char *start = scan.at;
        if (json_scan_key(&scan, NULL, &step->name) < 0)
            return false;
        step->quoted = (galley_json){start, step->name.len + 2};
    }
    json_scan_space(&scan);
    const char *start = scan.at;
    if (json_scan_skip(&scan, 0) < 0)
        return false;
    step->value = (galley_json){start, (size_t)(scan.at - start)};
    json_scan_space(&scan);
    step->_at = scan.at;
    return true;
}

size_t galley_json_count(galley_json json)
{
    size_t count = 0;
    galley_json_each(step, json) count++;
    return count;
}

galley_json galley_json_get(galley_json object, galley_str name)
{
    galley_json found = {NULL, 0};
    galley_json_each(step, object)
    {
        if (step.quoted.data != NULL && json_scan_is(step.name, name))
            found = step.value;
    }
    return found;
}

galley_json galley_json_item(galley_json list, size_t index)
{
    galley_json_each(step, list)
    {
        if (step.quoted.data == NULL && index-- == 0)
            return step.value;
    }
    return (galley_json){NULL, 0};
}

/* ---- scalars ---- */

int galley_json_to_bool(galley_json json, bool *value)
{
    struct token token;
    if (token_of(json, &token) < 0 || token.kind != TOKEN_BOOL)
        return -EINVAL;
    *value = token.boolean;
    return 0;
}

int galley_json_to_int(galley_json json, int64_t *value)
{
    struct token token;
    if (token_of(json, &token) < 0)
        return -EINVAL;
    switch (token.kind) {
    case TOKEN_INT:
        *value = token.whole;
        return 0;
    case TOKEN_BIG:
        return -ERANGE;
    case TOKEN_FLOAT:
        break;
    default:
        return -EINVAL;
    }
    if (!isfinite(token.number) || fabs(token.number) >= 9223372036854775808.0)
        return -ERANGE;
    if (token.number != trunc(token.number))
        return -EDOM;
    *value = (int64_t)token.number;
    return 0;
}

int galley_json_to_float(galley_json json, double *value)
{
    struct token token;
    if (token_of(json, &token) < 0)
        return -EINVAL;
    switch (token.kind) {
    case TOKEN_INT:
        *value = (double)token.whole;
        return 0;
    case TOKEN_BIG:
        if (number_parse_float(token.text, value) < 0)
            return -EINVAL;
        break;
    case TOKEN_FLOAT:
        *value = token.number;
        break;
    default:
        return -EINVAL;
    }
    return isfinite(*value) ? 0 : -ERANGE;
}

int galley_json_to_string(galley_json json, void *room, size_t room_bytes, galley_str *text)
{
    struct token token;
    if (token_of(json, &token) < 0 || token.kind != TOKEN_STRING)
        return -EINVAL;
    if (memchr(token.text.data, '\\', token.text.len) == NULL) {
        *text = token.text;
        return 0;
    }
    const char *at = token.text.data, *end = at + token.text.len;
    char *to = room, *limit = to + room_bytes;
    while (at < end) {
        char piece[4];
        size_t len = json_scan_piece(&at, end, piece);
        if (len > (size_t)(limit - to))
            return -ENOSPC;
        memcpy(to, piece, len);
        to += len;
    }
    *text = (galley_str){room, (size_t)(to - (char *)room)};
    return 0;
}
