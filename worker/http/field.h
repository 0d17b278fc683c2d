/* field.h - bytes of HTTP fields: what a token is, and comparing names without case.
 * Does:     one table of byte classes, shared by the parsers; ASCII-only, no locale.
 * Does not: parse field values.
 * See:      RFC 9110 section 5.6 */
#ifndef GALLEY_WORKER_HTTP_FIELD_H
#define GALLEY_WORKER_HTTP_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Classes of a byte; field_class[byte] is their union. */
enum {
    FIELD_TOKEN = 1,     /* tchar: names, methods (RFC 9110 5.6.2) */
    FIELD_VALUE = 2,     /* field content: visible, space, tab, 0x80 and above (5.5) */
    FIELD_TARGET = 4,    /* of a request target: visible ASCII but '#' */
    FIELD_AUTHORITY = 8, /* of a registered name or IPv4 address (RFC 3986 3.2.2), without '%' */
    FIELD_HEX = 16,
    FIELD_DIGIT = 32,
};

extern const uint8_t field_class[256];

static inline bool field_is(char byte, int classes)
{
    return (field_class[(unsigned char)byte] & classes) != 0;
}

/* The first byte in [pos, end) that is in none of `classes`, or end. */
static inline size_t field_skip(const char *data, size_t pos, size_t end, int classes)
{
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

/* Is [text, len) equal to `lower`, a lower-case string of the same length, ASCII case aside? */
bool field_equals_lower(const char *text, const char *lower, size_t len);

/* Is [text, len) equal to the lower-case string literal `lower`, ASCII case aside? */
#define field_equals(text, len, lower)                                                             \
    ((len) == sizeof("" lower) - 1 && field_equals_lower((text), (lower), sizeof("" lower) - 1))

#endif
