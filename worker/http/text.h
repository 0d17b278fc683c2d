/* text.h - text as HTTP carries it, made UTF-8: percent-escapes, Latin-1 fields, broken sequences.
 * Does:     decode into an arena only where something has to change; U+FFFD for what is not UTF-8.
 * Does not: split queries or cookies (worker/app/inputs.c). */
#ifndef GALLEY_WORKER_HTTP_TEXT_H
#define GALLEY_WORKER_HTTP_TEXT_H

#include <string.h>

#include <galley/value.h>

#include "common/arena.h"

enum text_escapes {
    TEXT_PATH, /* %XX */
    TEXT_ROUTE, /* the same, but an escaped slash becomes TEXT_SLASH, so that it stays in its segment */
    TEXT_QUERY, /* %XX, and '+' is a space */
};

/* Stands for an escaped slash; cannot come otherwise, since %00 in a path is refused. */
#define TEXT_SLASH '\0'

/* Where `byte` first stands in [at, end); `end` if nowhere. Quick where it stands near. */
static inline const char *text_find(const char *at, const char *end, char byte)
{
    const char *near = end - at > 16 ? at + 16 : end;
    for (; at < near; at++)
        if (*at == byte)
            return at;
    if (at == end)
        return end;
    const char *found = memchr(at, byte, (size_t)(end - at));
    return found != NULL ? found : end;
}

static inline bool text_is_same(galley_str a, galley_str b)
{
    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Whether it is ASCII without '%' and '+': then no decoding changes it. */
static inline bool text_is_plain(galley_str text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const char *at = text.data, *end = at + text.len;
    uint64_t odd = 0, word;
    for (; end - at >= 8; at += 8) {
        memcpy(&word, at, 8);
        uint64_t percent = word ^ (ones * '%'), plus = word ^ (ones * '+');
        odd |= word | ((percent - ones) & ~percent) | ((plus - ones) & ~plus);
    }
    for (; at < end; at++)
        odd |= (uint64_t)(*at & 0x80) | (*at == '%' || *at == '+' ? 0x80 : 0);
    return (odd & (ones << 7)) == 0;
}

/* The decoded text, in UTF-8: `text` itself if nothing is escaped. An escape that is none stays as it is.
 * 0; -ENOMEM; -EINVAL for %00 in a TEXT_ROUTE. */
int text_decode(struct arena *arena, galley_str text, enum text_escapes escapes,
                galley_str *decoded) GALLEY_MUST_USE;

/* A field's value, which is Latin-1, as UTF-8. 0, -ENOMEM. */
int text_from_latin1(struct arena *arena, galley_str text, galley_str *utf8) GALLEY_MUST_USE;

/* `text`, or a copy in which U+FFFD stands for each piece that is not UTF-8. 0, -ENOMEM. */
int text_repair(struct arena *arena, galley_str text, galley_str *repaired) GALLEY_MUST_USE;

/* Bytes of the well-formed UTF-8 sequence at `at` (1 to 4); 0 if there is none, and then `skip` is how many bytes one
 * U+FFFD stands for (Unicode, 3.9: the longest beginning of a sequence). at < end. */
size_t text_sequence(const char *at, const char *end, size_t *skip);

/* Append `byte` of a URL that is given back: as it is if it has a meaning there or needs no escape, else as %XX.
 * Behind what was written; room for 3. */
char *text_put_url(char *to, unsigned char byte);

/* Append the path of such a URL, whose escapes are undone where they are not needed. Room for 3 times `path`. */
char *text_put_path(char *to, galley_str path);

/* Whether all of it is well-formed UTF-8. */
bool text_is_utf8(galley_str text);

/* Code points of UTF-8. */
size_t text_count(galley_str utf8);

/* Without the white space at both ends, all of Unicode's. */
galley_str text_trim(galley_str utf8);

#endif
