/* json_fault.c - what is wrong with a text that is no JSON, in the words of CPython 3.11; see json_read.h.
 * Does:     read it again in the order of CPython's checks, up to the first that fails.
 * Does not: build anything, or judge a text that is JSON.
 * See:      t/unit/worker/app/json_fault.c (what Python said, row by row), _json and json.decoder of CPython */
#include <string.h>

#include "worker/app/json_read.h"
#include "worker/app/json_scan.h"

struct fault {
    const char *at, *end;
    const char *message; /* NULL: none yet */
    const char *where;
};

static const char *blame(struct fault *fault, const char *message, const char *where)
{
    fault->message = message;
    fault->where = where;
    return fault->end;
}

static const char *pass_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    return at;
}

static bool is_at(const char *at, const char *end, char c)
{
    return at < end && *at == c;
}

static bool is_digit_at(const char *at, const char *end)
{
    return at < end && *at >= '0' && *at <= '9';
}

/* Four hexadecimal digits, and something behind them. -1: not so. */
static int unit_at(const char *at, const char *end)
{
    int unit = 0;
    if (end - at < 5)
        return -1;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = at[i] != '\0' ? strchr(digits, at[i]) : NULL;
        if (digit == NULL)
            return -1;
        unit = unit << 4 | (int)((digit - digits) & 15);
    }
    return unit;
}

/* Whether at least `count` characters lie ahead. */
static bool has_characters(const char *at, const char *end, size_t count)
{
    for (; at < end && count > 0; count--) {
        at++;
        while (at < end && ((unsigned char)*at & 0xc0) == 0x80)
            at++;
    }
    return count == 0;
}

/* `at` is at the u of an escape. Behind it, and behind a second one that is needed to make a pair. */
static const char *pass_unicode(struct fault *fault, const char *at)
{
    static const char message[] = "Invalid \\uXXXX escape";
    const char *end = fault->end;
    int unit = unit_at(at + 1, end);
    if (unit < 0)
        return blame(fault, message, at);
    at += 5;
    if (unit < 0xd800 || unit > 0xdbff || !has_characters(at, end, 7) || at[0] != '\\' ||
        at[1] != 'u')
        return at;
    int low = unit_at(at + 2, end);
    if (low < 0)
        return blame(fault, message, at + 1);
    return low >= 0xdc00 && low <= 0xdfff ? at + 6 : at;
}

/* `start` is at the opening quote; behind the closing one. */
static const char *pass_string(struct fault *fault, const char *start)
{
    static const char unterminated[] = "Unterminated string starting at";
    const char *at = start + 1, *end = fault->end;
    while (fault->message == NULL) {
        while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at > 0x1f)
            at++;
        if (at == end)
            return blame(fault, unterminated, start);
        if (*at == '"')
            return at + 1;
        if (*at != '\\')
            return blame(fault, "Invalid control character at", at);
        at++;
        if (at == end)
            return blame(fault, unterminated, start);
        if (*at == 'u')
            at = pass_unicode(fault, at);
        else if (*at != '\0' && strchr("\"\\/bfnrt", *at) != NULL)
            at++;
        else
            return blame(fault, "Invalid \\escape", at - 1);
    }
    return end;
}

static const char *pass_number(const char *at, const char *end)
{
    const char *start = at;
    at += is_at(at, end, '-');
    if (!is_digit_at(at, end))
        return start;
    if (*at == '0')
        at++;
    else
        while (is_digit_at(at, end))
            at++;
    if (is_at(at, end, '.') && is_digit_at(at + 1, end)) {
        at++;
        while (is_digit_at(at, end))
            at++;
    }
    if (is_at(at, end, 'e') || is_at(at, end, 'E')) {
        const char *power = at + 1;
        power += is_at(power, end, '-') || is_at(power, end, '+');
        if (is_digit_at(power, end))
            at = power;
        while (is_digit_at(at, end))
            at++;
    }
    return at;
}

/* A value that is no list and no object. */
static const char *pass_scalar(struct fault *fault, const char *at)
{
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};
    const char *end = fault->end;
    if (is_at(at, end, '"'))
        return pass_string(fault, at);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(end - at) >= len && memcmp(at, words[i], len) == 0)
            return at + len;
    }
    const char *next = pass_number(at, end);
    return next > at ? next : blame(fault, "Expecting value", at);
}

/* A key and its colon. */
static const char *pass_key(struct fault *fault, const char *at)
{
    const char *end = fault->end;
    if (!is_at(at, end, '"'))
        return blame(fault, "Expecting property name enclosed in double quotes", at);
    at = pass_string(fault, at);
    if (fault->message != NULL)
        return end;
    at = pass_space(at, end);
    if (!is_at(at, end, ':'))
        return blame(fault, "Expecting ':' delimiter", at);
    return pass_space(at + 1, end);
}

/* One value, with a bit for each bracket around the cursor that says whether it is an object's. */
static const char *pass_value(struct fault *fault, const char *at)
{
    uint64_t is_object[JSON_MAX_DEPTH / 64 + 1] = {0};
    unsigned depth = 0;
    const char *end = fault->end;
    do {
        if (is_at(at, end, '{') || is_at(at, end, '[')) {
            bool opens_object = *at == '{';
            if (depth == JSON_MAX_DEPTH)
                return blame(fault, "Expecting value", at);
            depth++;
            is_object[depth / 64] &= ~(UINT64_C(1) << depth % 64);
            is_object[depth / 64] |= (uint64_t)opens_object << depth % 64;
            at = pass_space(at + 1, end);
            if (!is_at(at, end, opens_object ? '}' : ']')) {
                at = opens_object ? pass_key(fault, at) : at;
                continue;
            }
            depth--;
            at++;
        } else {
            at = pass_scalar(fault, at);
        }
        while (fault->message == NULL && depth > 0) {
            bool ends_object = is_object[depth / 64] >> depth % 64 & 1;
            at = pass_space(at, end);
            if (is_at(at, end, ',')) {
                at = pass_space(at + 1, end);
                at = ends_object ? pass_key(fault, at) : at;
                break;
            }
            if (!is_at(at, end, ends_object ? '}' : ']'))
                return blame(fault, "Expecting ',' delimiter", at);
            at++;
            depth--;
        }
    } while (fault->message == NULL && depth > 0);
    return at;
}

const char *json_fault(galley_str text, size_t *offset)
{
    struct json_scan scan;
    json_scan_init(&scan, text);
    struct fault fault = {.at = scan.at, .end = scan.end};
    const char *at = pass_value(&fault, pass_space(scan.at, scan.end));
    if (fault.message == NULL)
        blame(&fault, "Extra data", pass_space(at, scan.end));
    *offset = 0;
    for (at = scan.at; at < fault.where; at++)
        *offset += ((unsigned char)*at & 0xc0) != 0x80;
    return fault.message;
}
