/* json_scan.h - the pieces of JSON text: space, strings, numbers, words, and whole values passed over.
 * Does:     step a cursor over them; strings are borrowed where nothing is escaped, else decoded into an arena; UTF-8 is
 *           checked; numbers become tokens as Python's decoder makes them.
 * Does not: know what a value is for (json_read.c does), or recurse.
 * See:      RFC 8259; CPython's json, whose NaN and Infinity are taken too */
#ifndef GALLEY_WORKER_APP_JSON_SCAN_H
#define GALLEY_WORKER_APP_JSON_SCAN_H

#include "worker/app/scalar.h"

enum { JSON_MAX_DEPTH = 128 };

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Every function answers 0 and stands behind what it read; -EBADMSG: no JSON, -EILSEQ: not UTF-8, or a numeral that
 * Python refuses, -EMLINK: too deep, -ENOMEM. */
struct json_scan {
    const char *at, *end;
    bool is_lone; /* an escape named half of a surrogate pair */
};

static inline void json_scan_space(struct json_scan *scan)
{
    const char *at = scan->at, *end = scan->end;
    while (at < end && (unsigned char)*at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    scan->at = at;
}

/* Pass over the bytes of a string that stand for themselves: up to a quote, a backslash, a control or what is not ASCII. */
static inline const char *json_scan_plain(const char *at, const char *end)
{
#ifdef __SSE2__
    while (end - at >= 16) {
        __m128i chunk = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i special = _mm_or_si128(_mm_cmplt_epi8(chunk, _mm_set1_epi8(0x20)),
                                       _mm_or_si128(_mm_cmpeq_epi8(chunk, _mm_set1_epi8('"')),
                                                    _mm_cmpeq_epi8(chunk, _mm_set1_epi8('\\'))));
        unsigned mask = (unsigned)_mm_movemask_epi8(special);
        if (mask != 0)
            return at + __builtin_ctz(mask);
        at += 16;
    }
#endif
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' &&
           *at != '\\')
        at++;
    return at;
}

/* The rest of a string from `at` on, whose first special byte that is. */
int json_scan_string_rest(struct json_scan *scan, const char *at, struct arena *arena,
                          galley_str *text);

/* A string; the cursor is at its opening quote. Without an arena `text` is what stands between the quotes. */
static inline int json_scan_string(struct json_scan *scan, struct arena *arena, galley_str *text)
{
    const char *start = scan->at + 1, *at = json_scan_plain(start, scan->end);
    if (__builtin_expect(at == scan->end || *at != '"', 0))
        return json_scan_string_rest(scan, at, arena, text);
    *text = (galley_str){start, (size_t)(at - start)};
    scan->at = at + 1;
    return 0;
}

/* The character that the escape at the backslash `at`, which has been checked, stands for; how long it is. Half a pair is
 * U+FFFD; such a text is refused in the end. */
size_t json_scan_escape(const char *at, const char *end, unsigned *code);
/* Write a character in UTF-8; behind it. */
char *json_scan_put(char *to, unsigned code);

/* Pass over a number, without converting it. */
int json_scan_numeral(struct json_scan *scan);

/* Any value into a token (lists and objects are passed over, `depth` deep so far); the cursor is at its first byte. */
int json_scan_token(struct json_scan *scan, unsigned depth, struct arena *arena,
                    struct token *token);

/* Pass over a value and the space before it. */
int json_scan_skip(struct json_scan *scan, unsigned depth);

/* The same, noting each object in it that has the key `name`: where it begins, and where that key's last value does. */
struct json_mark {
    uint32_t object, value; /* from the origin on */
};
struct json_marks {
    galley_str name;
    const char *origin;
    struct json_mark *at; /* on the heap, the caller's; in the order in which the keys came */
    size_t count, capacity;
    uint32_t start[JSON_MAX_DEPTH + 1],
        slot[JSON_MAX_DEPTH + 1]; /* of the objects around the cursor */
};
int json_scan_mark(struct json_scan *scan, unsigned depth, struct json_marks *marks);

/* The next byte or escape of a string that has been checked, decoded at `piece` (4 bytes); how many bytes that are. */
size_t json_scan_piece(const char **at, const char *end, char *piece);
/* Whether a string as it was written, perhaps with escapes, is `text`. */
bool json_scan_is(galley_str written, galley_str text);

/* An object's key, the space around it, and its colon. */
int json_scan_key(struct json_scan *scan, struct arena *arena, galley_str *key);

/* Behind the value the text must end. What is no UTF-8 is that first of all, whatever else is wrong. */
int json_scan_end(struct json_scan *scan, galley_str text, int status);

/* Begin: past a byte order mark. */
void json_scan_init(struct json_scan *scan, galley_str text);

#endif
