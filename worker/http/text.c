/* text.c - text as HTTP carries it, made UTF-8; see text.h.
 * Does:     one pass to look, a second one only where something changes.
 * Does not: keep state. */
#include "worker/http/text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "worker/http/field.h"

#define REPLACEMENT "\xEF\xBF\xBD"
#define NOT_ASCII   UINT64_C(0x8080808080808080)

static bool is_continuation(const char *at, const char *end, unsigned char low, unsigned char high)
{
    return at < end && (unsigned char)*at >= low && (unsigned char)*at <= high;
}

size_t text_sequence(const char *at, const char *end, size_t *skip)
{
    unsigned char lead = (unsigned char)*at;
    *skip = 1;
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    size_t len = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    /* The second byte rules out overlong forms, surrogates and what is beyond U+10FFFF. */
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (size_t i = 1; i < len; i++) {
        if (!is_continuation(at + i, end, low, high))
            return 0;
        *skip = i + 1;
        low = 0x80;
        high = 0xBF;
    }
    return len;
}

/* The first byte that is not part of well-formed UTF-8; `end` if all is. */
static const char *first_broken(const char *at, const char *end)
{
    size_t skip;
    while (at < end) {
        uint64_t eight;
        if (end - at >= 8 && !(memcpy(&eight, at, 8), eight & NOT_ASCII)) {
            at += 8;
            continue;
        }
        if ((unsigned char)*at < 0x80) {
            at++;
            continue;
        }
        size_t len = text_sequence(at, end, &skip);
        if (len == 0)
            return at;
        at += len;
    }
    return end;
}

bool text_is_utf8(galley_str text)
{
    const char *end = text.data + text.len;
    return first_broken(text.data, end) == end;
}

int text_repair(struct arena *arena, galley_str text, galley_str *repaired)
{
    const char *at = text.data, *end = at + text.len;
    const char *broken = first_broken(at, end);
    *repaired = text;
    if (broken == end)
        return 0;
    char *copy = arena_alloc(arena, text.len * 3);
    if (copy == NULL)
        return -ENOMEM;
    char *next = copy;
    while (at < end) {
        memcpy(next, at, (size_t)(broken - at));
        next += broken - at;
        at = broken;
        if (at < end) {
            size_t skip;
            text_sequence(at, end, &skip);
            memcpy(next, REPLACEMENT, 3);
            next += 3;
            at += skip;
            broken = first_broken(at, end);
        }
    }
    *repaired = (galley_str){copy, (size_t)(next - copy)};
    return 0;
}

static bool is_escape(const char *at, const char *end)
{
    return end - at >= 3 && at[0] == '%' && field_is(at[1], FIELD_HEX) &&
           field_is(at[2], FIELD_HEX);
}

int text_decode(struct arena *arena, galley_str text, enum text_escapes escapes,
                galley_str *decoded)
{
    const char *at = text.data, *end = at + text.len;
    *decoded = text;
    if (text_is_plain(text))
        return 0;
    char *copy = arena_alloc(arena, text.len);
    if (copy == NULL)
        return -ENOMEM;
    char *next = copy;
    while (at < end) {
        if (is_escape(at, end)) {
            char byte = (char)(field_hex(at[1]) << 4 | field_hex(at[2]));
            if (escapes == TEXT_ROUTE && byte == '\0')
                return -EINVAL;
            *next++ = escapes == TEXT_ROUTE && byte == '/' ? TEXT_SLASH : byte;
            at += 3;
        } else {
            *next++ = *at == '+' && escapes == TEXT_QUERY ? ' ' : *at;
            at++;
        }
    }
    return text_repair(arena, (galley_str){copy, (size_t)(next - copy)}, decoded);
}

/* ---- URLs that are given back ---- */

char *text_put_url(char *to, unsigned char byte)
{
    static const char hex[] = "0123456789ABCDEF", kept[] = ":/%#?=@[]!$&'()*+,;-._~";
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9') || (byte != 0 && strchr(kept, byte) != NULL)) {
        *to++ = (char)byte;
        return to;
    }
    *to++ = '%';
    *to++ = hex[byte >> 4];
    *to++ = hex[byte & 15];
    return to;
}

char *text_put_path(char *to, galley_str path)
{
    const char *at = path.data, *end = at + path.len;
    while (at < end) {
        if (!is_escape(at, end)) {
            to = text_put_url(to, (unsigned char)*at++);
            continue;
        }
        unsigned char byte = (unsigned char)(field_hex(at[1]) << 4 | field_hex(at[2]));
        if (byte == '%' || byte == '/' || byte == '?' ||
            byte == '#') { /* would be read otherwise */
            memcpy(to, at, 3);
            to += 3;
        } else {
            to = text_put_url(to, byte);
        }
        at += 3;
    }
    return to;
}

int text_from_latin1(struct arena *arena, galley_str text, galley_str *utf8)
{
    size_t high = 0;
    for (size_t i = 0; i < text.len; i++)
        high += (unsigned char)text.data[i] >> 7;
    *utf8 = text;
    if (high == 0)
        return 0;
    char *copy = arena_alloc(arena, text.len + high);
    if (copy == NULL)
        return -ENOMEM;
    char *next = copy;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte >= 0x80) {
            *next++ = (char)(0xC0 | byte >> 6);
            *next++ = (char)(0x80 | (byte & 0x3F));
        } else {
            *next++ = (char)byte;
        }
    }
    *utf8 = (galley_str){copy, (size_t)(next - copy)};
    return 0;
}

size_t text_count(galley_str utf8)
{
    size_t count = 0;
    for (size_t i = 0; i < utf8.len; i++)
        count += ((unsigned char)utf8.data[i] & 0xC0) != 0x80;
    return count;
}

/* Bytes of the white space that [at, end) begins with; 0 if it is none. */
static size_t space_at(const char *at, const char *end)
{
    static const char wide[][4] = {"\xE1\x9A\x80", "\xE2\x80\xA8", "\xE2\x80\xA9",
                                   "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};
    if (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        return 1;
    if (end - at >= 2 && (memcmp(at, "\xC2\x85", 2) == 0 || memcmp(at, "\xC2\xA0", 2) == 0))
        return 2;
    if (end - at < 3)
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (memcmp(at, wide[i], 3) == 0)
            return 3;
    return memcmp(at, "\xE2\x80", 2) == 0 && (unsigned char)at[2] >= 0x80 &&
                   (unsigned char)at[2] <= 0x8A
               ? 3
               : 0;
}

galley_str text_trim(galley_str utf8)
{
    const char *at = utf8.data, *end = at + utf8.len;
    size_t len;
    while ((len = space_at(at, end)) > 0)
        at += len;
    while (end > at) {
        const char *last = end - 1;
        while (last > at && ((unsigned char)*last & 0xC0) == 0x80)
            last--;
        if (space_at(last, end) != (size_t)(end - last))
            break;
        end = last;
    }
    return (galley_str){at, (size_t)(end - at)};
}
