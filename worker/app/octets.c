/* octets.c - UUIDs and base64; see octets.h.
 * Does:     tables of 256 bytes; a second look at what is wrong, since that needs words.
 * Does not: accept what Pydantic does not.
 * See:      RFC 9562, RFC 4648, t/unit/worker/app/octets.c */
#include "worker/app/octets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "worker/http/text.h"

enum { UUID_SIMPLE_BYTES = 32, UUID_MAX_BYTES = 45 };

static const galley_str urn = GALLEY_STR("urn:uuid:");

/* The value of a hexadecimal digit, plus one; 0 for any other byte. */
static const uint8_t hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

static const char hex_digits[] = "0123456789abcdef";

/* ---- UUIDs ---- */

/* The digits, without what may stand around them; `offset` is where they begin. What is as long as bare digits is taken
 * for them. */
static galley_str unwrap(galley_str text, size_t *offset)
{
    *offset = 0;
    if (text.len == UUID_TEXT_BYTES || text.len == UUID_SIMPLE_BYTES)
        return text;
    if (text.len >= 2 && text.data[0] == '{' && text.data[text.len - 1] == '}')
        *offset = 1;
    else if (text.len >= urn.len && memcmp(text.data, urn.data, urn.len) == 0)
        *offset = urn.len;
    else
        return text;
    return (galley_str){text.data + *offset, text.len - *offset - (*offset == 1)};
}

static bool is_hyphen_place(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

int uuid_parse(galley_str text, galley_uuid *uuid)
{
    size_t offset;
    if (text.len != UUID_SIMPLE_BYTES) {
        text = unwrap(text, &offset);
        if (text.len != UUID_TEXT_BYTES)
            return -EINVAL;
    }
    const unsigned char *at = (const unsigned char *)text.data;
    bool is_hyphenated = text.len == UUID_TEXT_BYTES;
    size_t i = 0;
    for (size_t octet = 0; octet < 16; octet++, i += 2) {
        if (is_hyphenated && is_hyphen_place(i) && at[i++] != '-')
            return -EINVAL;
        uint8_t high = hex_values[at[i]], low = hex_values[at[i + 1]];
        if (high == 0 || low == 0)
            return -EINVAL;
        uuid->octet[octet] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return 0;
}

/* Of what has the right length for a UUID, positions are told within its digits; else within all of the text. */
static bool is_of_good_length(galley_str text, galley_str digits)
{
    return digits.len == UUID_TEXT_BYTES || text.len == UUID_SIMPLE_BYTES;
}

static uint32_t code_point(const char *at, size_t len)
{
    uint32_t point = len == 1 ? (unsigned char)*at : (unsigned char)*at & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        point = point << 6 | ((unsigned char)at[i] & 0x3f);
    return point;
}

size_t uuid_fault(galley_str text, char fault[UUID_FAULT_BYTES])
{
    static const size_t group_starts[] = {0, 9, 14, 19, 24}, group_bytes[] = {8, 4, 4, 4, 12};
    size_t offset, hyphens[4] = {0}, hyphen_count = 0, len, skip;
    int written;
    galley_str digits = unwrap(text, &offset);
    if (text.len > UUID_MAX_BYTES) {
        written = snprintf(fault, UUID_FAULT_BYTES, "invalid length: found %zu", text.len);
        return (size_t)written;
    }
    const char *at = digits.data, *end = at + digits.len;
    for (; at < end; at += len) {
        len = text_sequence(at, end, &skip);
        len = len > 0 ? len : 1;
        uint8_t low = (uint8_t)code_point(at, len); /* the reference looks at no more of it */
        size_t place = (size_t)(at - digits.data);
        if (low == '-') {
            if (hyphen_count < 4)
                hyphens[hyphen_count] = place;
            hyphen_count++;
        } else if (hex_values[low] == 0) {
            place += is_of_good_length(text, digits) ? 0 : offset;
            written = snprintf(fault, UUID_FAULT_BYTES, "invalid character: found `");
            memcpy(fault + written, at, len); /* may be a zero */
            written += (int)len;
            written +=
                snprintf(fault + written, UUID_FAULT_BYTES - (size_t)written, "` at %zu", place);
            return (size_t)written;
        }
    }
    size_t group = 0;
    if (hyphen_count == 0 && offset == 0 && text.len != UUID_TEXT_BYTES) {
        written = snprintf(fault, UUID_FAULT_BYTES, "invalid length: found %zu", text.len);
    } else if (hyphen_count != 4) {
        written = snprintf(fault, UUID_FAULT_BYTES, "invalid group count: expected 5, found %zu",
                           hyphen_count + 1);
    } else {
        while (group < 4 && hyphens[group] == group_starts[group + 1] - 1)
            group++;
        size_t found = (group < 4 ? hyphens[group] : text.len) - group_starts[group];
        written = snprintf(fault, UUID_FAULT_BYTES,
                           "invalid group length in group %zu: expected %zu, found %zu", group,
                           group_bytes[group], found);
    }
    return (size_t)written;
}

void uuid_write(char *to, const galley_uuid *uuid)
{
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = hex_digits[uuid->octet[i] >> 4];
        *to++ = hex_digits[uuid->octet[i] & 15];
    }
}

/* ---- base64 ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a digit; -1 for any other byte. */
static int base64_value(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* What stands at the first byte that is no digit, `digit_count` digits after the start. */
static const char *base64_end(galley_str text, size_t digit_count)
{
    size_t i = digit_count, partial = digit_count % 4;
    while (i < text.len && text.data[i] == '=')
        i++;
    size_t padding = i - digit_count, needed = partial == 0 ? 0 : 4 - partial;
    if (digit_count == 0 && padding > 0)
        return "Leading padding not allowed";
    if (partial != 1 && needed > 0 && padding >= needed)
        return padding > needed || i < text.len ? "Excess data after padding" : NULL;
    if (i < text.len)
        return base64_value(text.data[i]) < 0 ? "Only base64 data is allowed"
               : partial == 0                 ? "Excess data after padding"
                                              : "Discontinuous padding not allowed";
    if (partial == 1)
        return "Invalid base64-encoded string: number of data characters cannot be 1 more than a "
               "multiple of 4";
    return needed > 0 ? "Incorrect padding" : padding > 0 ? "Excess data after padding" : NULL;
}

const char *base64_decode(galley_str text, uint8_t *to, size_t *len)
{
    uint32_t group = 0;
    size_t i = 0;
    uint8_t *next = to;
    for (; i < text.len; i++) {
        int value = base64_value(text.data[i]);
        if (value < 0)
            break;
        group = group << 6 | (uint32_t)value;
        if (i % 4 != 0)
            *next++ = (uint8_t)(group >> (6 - 2 * (i % 4)));
    }
    *len = (size_t)(next - to);
    return base64_end(text, i);
}

size_t base64_encode(char *to, galley_bytes octets)
{
    char *next = to;
    for (size_t i = 0; i < octets.len; i += 3) {
        size_t left = octets.len - i;
        uint32_t group = (uint32_t)octets.data[i] << 16;
        group |= left > 1 ? (uint32_t)octets.data[i + 1] << 8 : 0;
        group |= left > 2 ? octets.data[i + 2] : 0;
        next[0] = base64_digits[group >> 18];
        next[1] = base64_digits[group >> 12 & 63];
        next[2] = left > 1 ? base64_digits[group >> 6 & 63] : '=';
        next[3] = left > 2 ? base64_digits[group & 63] : '=';
        next += 4;
    }
    return (size_t)(next - to);
}
