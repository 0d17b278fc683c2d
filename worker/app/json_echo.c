/* json_echo.c - JSON text as Python would write it again; see json_read.h.
 * Does:     one pass from text to text; an object with duplicate keys is put in order once it is written.
 * Does not: check: the text has been.
 * See:      t/unit/worker/app/json_echo.c (what Python wrote, row by row) */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/bug.h"
#include "worker/app/json_out.h"
#include "worker/app/json_read.h"
#include "worker/app/json_scan.h"
#include "worker/app/json_unique.h"
#include "worker/app/number.h"

/* A key and its value as they were written: from `start` on, up to the next pair's. */
struct pair {
    galley_str key; /* its data while the object is put in order */
    union {
        size_t start; /* until then */
        size_t len;
    };
};

/* The pairs of all objects that are open, the innermost's last. */
enum { PAIRS_TIMES = 8, PAIRS_BYTES = 8 * 1024 };
struct echo {
    struct json_scan scan;
    struct json_out *out;
    struct pair *pairs;
    size_t count, capacity;
    size_t max_bytes;  /* of what finding duplicate keys may take: beyond it they stay */
    bool is_unordered; /* that was too much */
};

static void echo_value(struct echo *echo);

static void echo_string(struct echo *echo)
{
    const char *start = echo->scan.at;
    galley_str text;
    int status = json_scan_string(&echo->scan, NULL, &text);
    GALLEY_BUG_IF(status < 0, "a string that was not checked");
    const char *at = text.data, *end = at + text.len;
    const char *next = memchr(at, '\\', text.len);
    if (next == NULL) {
        json_raw(echo->out, start, text.len + 2);
        return;
    }
    json_literal(echo->out, "\"");
    for (; next != NULL; next = memchr(at, '\\', (size_t)(end - at))) {
        unsigned code;
        json_raw(echo->out, at, (size_t)(next - at));
        at = next + json_scan_escape(next, end, &code);
        if (next[1] != 'u' && code != '/') {
            json_raw(echo->out, next, 2);
        } else if (code < 0x20 || code == '"' || code == '\\') {
            static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\", hex[] = "0123456789abcdef";
            const char *known = code != 0 ? memchr(shorts, (int)code, sizeof shorts - 1) : NULL;
            char escape[6] = {'\\', 'u', '0', '0', hex[code >> 4], hex[code & 15]};
            if (known != NULL)
                escape[1] = known[1];
            json_raw(echo->out, escape, known != NULL ? 2 : 6);
        } else {
            char wide[4];
            json_raw(echo->out, wide, (size_t)(json_scan_put(wide, code) - wide));
        }
    }
    json_raw(echo->out, at, (size_t)(end - at));
    json_literal(echo->out, "\"");
}

static void echo_scalar(struct echo *echo)
{
    struct token token;
    const char *start = echo->scan.at;
    int status = json_scan_token(&echo->scan, 0, NULL, &token);
    GALLEY_BUG_IF(status < 0 && status != -ENOMEM, "a value that was not checked");
    if (status < 0) {
        json_out_fail(echo->out, status);
        return;
    }
    if (token.kind == TOKEN_INT && token.whole == 0) {
        json_literal(echo->out, "0");
    } else if (token.kind != TOKEN_FLOAT) {
        json_raw(echo->out, start, (size_t)(echo->scan.at - start));
    } else if (!isfinite(token.number)) {
        json_literal(echo->out, "null");
    } else {
        char *room = json_out_room(echo->out, NUMBER_BYTES);
        if (room != NULL)
            echo->out->len += number_write_float(room, token.number, FLOAT_PYTHON);
    }
}

/* Past a comma, which is written; false: past the bracket that closes, which is not. */
static bool go_on(struct echo *echo)
{
    json_scan_space(&echo->scan);
    bool is_comma = *echo->scan.at++ == ',';
    if (is_comma)
        json_literal(echo->out, ",");
    return is_comma;
}

/* Past a bracket; whether the one that closes does not follow at once. */
static bool enter(struct echo *echo)
{
    json_raw(echo->out, echo->scan.at++, 1);
    json_scan_space(&echo->scan);
    bool is_empty = *echo->scan.at == '}' || *echo->scan.at == ']';
    echo->scan.at += is_empty;
    return !is_empty;
}

/* Write the pairs that remain over what was written of all of them. */
static void put_in_order(struct echo *echo, struct pair *pairs, size_t count, size_t start)
{
    size_t len = echo->out->len - start, at = start;
    char *copy = malloc(len);
    if (copy == NULL) {
        json_out_fail(echo->out, -ENOMEM);
        return;
    }
    memcpy(copy, echo->out->data + start, len);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            echo->out->data[at++] = ',';
        size_t from = (size_t)(pairs[i].key.data - echo->out->data) - start;
        memcpy(echo->out->data + at, copy + from, pairs[i].len);
        at += pairs[i].len;
    }
    free(copy);
    echo->out->len = at;
}

/* All pairs from `first` on are the object's that has just been read. */
static void unite_pairs(struct echo *echo, size_t first)
{
    size_t count = echo->count - first;
    if (count < 2 || echo->out->error < 0 || echo->is_unordered)
        return;
    struct pair *pairs = echo->pairs + first;
    struct json_unique unique;
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 1 < count ? pairs[i + 1].start - 1 : echo->out->len;
        pairs[i].key.data = echo->out->data + pairs[i].start;
        pairs[i].len = end - pairs[i].start;
    }
    char *entries = (char *)pairs;
    size_t start = (size_t)(pairs[0].key.data - echo->out->data);
    if (json_unique_init(&unique, entries, count, sizeof *pairs) < 0) {
        json_out_fail(echo->out, -ENOMEM);
        return;
    }
    size_t left = json_unique_unite(&unique, entries, count, sizeof *pairs);
    json_unique_release(&unique);
    if (left < count)
        put_in_order(echo, pairs, left, start);
}

static bool add_pair(struct echo *echo, const struct pair *pair)
{
    if (echo->count == echo->capacity && !echo->is_unordered) {
        size_t capacity = echo->capacity + echo->capacity / 4 + 16;
        echo->is_unordered =
            (capacity + echo->capacity) * sizeof *pair + json_unique_bytes(capacity) >
            echo->max_bytes;
    }
    if (echo->is_unordered)
        return true;
    if (echo->count == echo->capacity) {
        size_t capacity = echo->capacity + echo->capacity / 4 + 16;
        struct pair *pairs = realloc(echo->pairs, capacity * sizeof *pairs);
        if (pairs == NULL) {
            json_out_fail(echo->out, -ENOMEM);
            return false;
        }
        echo->pairs = pairs;
        echo->capacity = capacity;
    }
    echo->pairs[echo->count++] = *pair;
    return true;
}

static void echo_object(struct echo *echo)
{
    size_t first = echo->count;
    bool is_more = enter(echo);
    while (is_more) {
        struct pair pair = {.start = echo->out->len};
        json_scan_space(&echo->scan);
        echo_string(echo);
        pair.key.len = echo->out->len - pair.start;
        if (!add_pair(echo, &pair))
            return;
        json_scan_space(&echo->scan);
        echo->scan.at++;
        json_literal(echo->out, ":");
        echo_value(echo);
        if (echo->out->error < 0)
            return;
        is_more = go_on(echo);
    }
    unite_pairs(echo, first);
    echo->count = first;
    json_literal(echo->out, "}");
}

static void echo_list(struct echo *echo)
{
    for (bool is_more = enter(echo); is_more; is_more = go_on(echo)) {
        echo_value(echo);
        if (echo->out->error < 0)
            return;
    }
    json_literal(echo->out, "]");
}

static void echo_value(struct echo *echo)
{
    json_scan_space(&echo->scan);
    switch (*echo->scan.at) {
    case '{':
        echo_object(echo);
        break;
    case '[':
        echo_list(echo);
        break;
    case '"':
        echo_string(echo);
        break;
    default:
        echo_scalar(echo);
    }
}

void json_echo(struct json_out *out, galley_str text)
{
    struct echo echo = {.out = out, .max_bytes = text.len * PAIRS_TIMES + PAIRS_BYTES};
    json_scan_init(&echo.scan, text);
    if (out->error < 0)
        return;
    echo_value(&echo);
    free(echo.pairs);
}
