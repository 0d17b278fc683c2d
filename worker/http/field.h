/* field.h - bytes of HTTP fields: what a token is, and comparing names without case.
 * Does:     one table of byte classes, shared by the parsers; ASCII-only, no locale.
 * Does not: parse field values.
 * See:      RFC 9110 section 5.6 */
#ifndef GALLEY_WORKER_HTTP_FIELD_H
#define GALLEY_WORKER_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Classes of a byte; field_class[byte] is their union. */
enum {
    FIELD_TOKEN = 1,     /* tchar: names, methods (RFC 9110 5.6.2) */
    FIELD_VALUE = 2,     /* field content: visible, space, tab, 0x80 and above (5.5) */
    FIELD_TARGET = 4,    /* of a request target: visible ASCII but '#' */
    FIELD_AUTHORITY = 8, /* of a registered name or IPv4 address (RFC 3986 3.2.2), without '%' */
    FIELD_HEX = 16,
    FIELD_DIGIT = 32,
    FIELD_PATH = 64, /* of a target, but '?' and '%' */
};

extern const uint8_t field_class[256];

static inline bool field_is(char byte, int classes)
{
    return (field_class[(unsigned char)byte] & classes) != 0;
}

/* The first byte in [pos, end) that is in none of `classes`, or end. Four bytes a turn: this is where
 * a request head spends its time (bench/h1_parse.c). */
static inline size_t field_skip(const char *data, size_t pos, size_t end, int classes)
{
    for (; pos + 4 <= end; pos += 4) {
        if (!field_is(data[pos], classes))
            return pos;
        if (!field_is(data[pos + 1], classes))
            return pos + 1;
        if (!field_is(data[pos + 2], classes))
            return pos + 2;
        if (!field_is(data[pos + 3], classes))
            return pos + 3;
    }
    while (pos < end && field_is(data[pos], classes))
        pos++;
    return pos;
}

/* Value of a hexadecimal digit, which the caller has checked to be one. */
static inline unsigned field_hex(char digit)
{
    unsigned c = (unsigned char)digit;
    return (c & 15) + (c >> 6) * 9;
}

/* Is the token [name, len) equal to `lower`, a lower-case token of letters, digits and '-' of the
 * same length, ASCII case aside? No other token byte becomes one of these by gaining the bit 0x20, so
 * eight bytes can be compared at once. */
static inline bool field_name_equals_lower(const char *name, const char *lower, size_t len)
{
    const uint64_t bits = 0x2020202020202020;
    uint64_t differ = 0, a, b;
    uint32_t a4, b4;

    for (; len >= sizeof a; name += sizeof a, lower += sizeof a, len -= sizeof a) {
        memcpy(&a, name, sizeof a);
        memcpy(&b, lower, sizeof b);
        differ |= (a | bits) ^ b;
    }
    if (len >= sizeof a4) {
        memcpy(&a4, name, sizeof a4);
        memcpy(&b4, lower, sizeof b4);
        differ |= (a4 | (uint32_t)bits) ^ b4;
        name += sizeof a4, lower += sizeof a4, len -= sizeof a4;
    }
    for (; len > 0; name++, lower++, len--)
        differ |= ((unsigned)(unsigned char)*name | 0x20u) ^ (unsigned char)*lower;
    return differ == 0;
}

/* Is [text, len) equal to `lower`, a lower-case string of the same length, ASCII case aside? */
bool field_equals_lower(const char *text, const char *lower, size_t len);

/* Is [text, len) equal to the lower-case string literal `lower`, ASCII case aside? */
#define field_equals(text, len, lower)                                                             \
    ((len) == sizeof("" lower) - 1 && field_equals_lower((text), (lower), sizeof("" lower) - 1))

/* The same for a token, as field names are. */
#define field_name_equals(name, len, lower)                                                        \
    ((len) == sizeof("" lower) - 1 &&                                                              \
     field_name_equals_lower((name), (lower), sizeof("" lower) - 1))

#endif
