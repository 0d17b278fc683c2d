/* json_out.c - the buffer and the words of JSON; see json_out.h.
 * Does:     write strings eight plain bytes at a time.
 * Does not: allocate unless the buffer is full.
 * See:      RFC 8259, t/unit/worker/app/json_write.c */
#include "worker/app/json_out.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "worker/app/number.h"
#include "worker/http/text.h"

/* ---- the buffer ---- */

void json_out_init(struct json_out *out, void *first, size_t first_bytes, size_t max_bytes)
{
    *out = (struct json_out){.data = first, .capacity = first_bytes, .max_bytes = max_bytes};
}

void json_out_release(struct json_out *out)
{
    if (out->is_heap)
        free(out->data);
    *out = (struct json_out){0};
}

char *json_out_grow(struct json_out *out, size_t len)
{
    if (out->error == 0 && len > out->max_bytes - out->len)
        out->error = -EMSGSIZE;
    if (out->error < 0) {
        out->capacity = out->len; /* so that every later piece comes here, too */
        return NULL;
    }
    size_t capacity = out->capacity < 2048 ? 4096 : out->capacity * 2;
    if (capacity < out->len + len)
        capacity = out->len + len;
    if (capacity > out->max_bytes)
        capacity = out->max_bytes;
    char *data = realloc(out->is_heap ? out->data : NULL, capacity);
    if (data == NULL) {
        out->error = -ENOMEM;
        out->capacity = out->len;
        return NULL;
    }
    if (!out->is_heap && out->len > 0)
        memcpy(data, out->data, out->len);
    out->data = data;
    out->capacity = capacity;
    out->is_heap = true;
    return data + out->len;
}

/* ---- scalars ---- */

/* 0: as it is; 1: \u00XX; else the letter after the backslash. Bytes of 0x80 and above are looked at one by one. */
static const char escapes[128] = {
    1, 1, 1, 1, 1, 1, 1, 1, 'b', 't', 'n', 1, 'f', 'r', 1, 1,           1,
    1, 1, 1, 1, 1, 1, 1, 1, 1,   1,   1,   1, 1,   1,   1, ['"'] = '"', ['\\'] = '\\'};

static char *write_escape(char *next, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    *next++ = '\\';
    if (escapes[byte] != 1) {
        *next++ = escapes[byte];
        return next;
    }
    memcpy(next, "u00", 3);
    next[3] = hex[byte >> 4];
    next[4] = hex[byte & 15];
    return next + 5;
}

/* Eight bytes that need no look: ASCII, no control byte, no quote, no backslash. */
static bool is_plain_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    uint64_t odd = (word - ones * 0x20) | (quote - ones) | (backslash - ones) | word;
    return (odd & high) == 0;
}

/* The last bytes of a text, fewer than eight, if none needs a look and there is room for a whole word: past them. */
static char *write_tail(const struct json_out *out, char *next, const char *at, size_t len)
{
    uint64_t word = UINT64_C(0x2020202020202020);
    memcpy(&word, at, len);
    if (!is_plain_word(word) || out->data + out->capacity - next < 8)
        return NULL;
    memcpy(next, &word, 8);
    return next + len;
}

void json_string(struct json_out *out, galley_str text)
{
    char *room = json_out_room(out, text.len + 2);
    if (room == NULL)
        return;
    const char *at = text.data, *end = at + text.len;
    char *next = room;
    *next++ = '"';
    while (at < end) {
        uint64_t word;
        while (end - at >= 8 && (memcpy(&word, at, 8), is_plain_word(word))) {
            memcpy(next, &word, 8);
            at += 8;
            next += 8;
        }
        if (at == end)
            break;
        char *past = end - at < 8 ? write_tail(out, next, at, (size_t)(end - at)) : NULL;
        if (past != NULL) {
            next = past;
            break;
        }
        unsigned char byte = (unsigned char)*at;
        if (byte < 0x80 && escapes[byte] == 0) {
            *next++ = *at++;
            continue;
        }
        /* Something that grows: at most 6 bytes, the rest as long as it is, and the closing quote. */
        out->len = (size_t)(next - out->data);
        next = json_out_room(out, (size_t)(end - at) + 8);
        if (next == NULL)
            return;
        if (byte < 0x80) {
            next = write_escape(next, byte);
            at++;
            continue;
        }
        size_t skip, len = text_sequence(at, end, &skip);
        memcpy(next, len > 0 ? at : "\xEF\xBF\xBD", len > 0 ? len : 3);
        next += len > 0 ? len : 3;
        at += len > 0 ? len : skip;
    }
    *next++ = '"';
    out->len = (size_t)(next - out->data);
}

void json_int(struct json_out *out, int64_t value)
{
    char *room = json_out_room(out, NUMBER_BYTES);
    if (room != NULL)
        out->len += number_write_int(room, value);
}

void json_float(struct json_out *out, double value)
{
    char *room = json_out_room(out, NUMBER_BYTES);
    if (room == NULL)
        return;
    if (isfinite(value))
        out->len += number_write_float(room, value, FLOAT_MODEL);
    else
        json_literal(out, "null");
}

void json_out_fail(struct json_out *out, int error)
{
    if (out->error == 0)
        out->error = error;
    out->capacity = out->len; /* so that every later piece asks for room, and gets none */
}
