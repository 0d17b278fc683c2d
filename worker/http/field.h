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
#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

#ifdef __SSE2__
/* Where in 16 bytes the first one is whose flag is set in `odd`; 16: none. */
static inline unsigned field_first_odd(__m128i odd)
{
    return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(odd) | 0x10000u);
}
#endif

/* field_skip of FIELD_PATH: 16 bytes a step, as long as there are so many. */
static inline size_t field_skip_path(const char *data, size_t pos, size_t end)
{
#ifdef __SSE2__
    for (; end - pos >= 16; pos += 16) {
        __m128i text = _mm_loadu_si128((const void *)(data + pos));
        /* above ' ' as signed bytes: neither control nor beyond ASCII */
        __m128i odd = _mm_cmplt_epi8(text, _mm_set1_epi8('!'));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(text, _mm_set1_epi8('?')));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(text, _mm_set1_epi8('%')));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(text, _mm_set1_epi8('#')));
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(text, _mm_set1_epi8(0x7f)));
        unsigned first = field_first_odd(odd);
        if (first < 16)
            return pos + first;
    }
#endif
    return field_skip(data, pos, end, FIELD_PATH);
}

/* field_skip of FIELD_VALUE. */
static inline size_t field_skip_value(const char *data, size_t pos, size_t end)
{
#ifdef __SSE2__
    for (; end - pos >= 16; pos += 16) {
        __m128i text = _mm_loadu_si128((const void *)(data + pos));
        __m128i odd = _mm_cmpeq_epi8(_mm_min_epu8(text, _mm_set1_epi8(0x1f)), text);
        odd = _mm_andnot_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('\t')), odd);
        odd = _mm_or_si128(odd, _mm_cmpeq_epi8(text, _mm_set1_epi8(0x7f)));
        unsigned first = field_first_odd(odd);
        if (first < 16)
            return pos + first;
    }
#endif
    return field_skip(data, pos, end, FIELD_VALUE);
}

/* field_skip of FIELD_TOKEN: letters and '-', of which most names are, 16 bytes a step. */
static inline size_t field_skip_token(const char *data, size_t pos, size_t end)
{
#ifdef __SSE2__
    for (; end - pos >= 16; pos += 16) {
        __m128i text = _mm_loadu_si128((const void *)(data + pos));
        __m128i letter = _mm_or_si128(text, _mm_set1_epi8(0x20));
        __m128i odd = _mm_or_si128(_mm_cmplt_epi8(letter, _mm_set1_epi8('a')),
                                   _mm_cmpgt_epi8(letter, _mm_set1_epi8('z')));
        odd = _mm_andnot_si128(_mm_cmpeq_epi8(text, _mm_set1_epi8('-')), odd);
        unsigned first = field_first_odd(odd);
        if (first < 16) {
            pos += first;
            break;
        }
    }
#endif
    return field_skip(data, pos, end, FIELD_TOKEN);
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
