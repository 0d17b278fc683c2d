/* json_out.h - JSON text, piece by piece into one buffer that grows up to a ceiling.
 * Does:     raw text, strings escaped as FastAPI does, whole numbers, floats.
 * Does not: know models (json_write.h does). */
#ifndef GALLEY_WORKER_APP_JSON_OUT_H
#define GALLEY_WORKER_APP_JSON_OUT_H

#include <string.h>

#include <galley/value.h>

/* Bytes on their way out: in the caller's first piece of memory, and from the heap when that is full. */
struct json_out {
    char *data;
    size_t len, capacity, max_bytes;
    int error; /* the first one stays: -EMSGSIZE, -ENOMEM, and what json_write.h says */
    bool is_heap;
};

/* `first` stays the caller's; at most `max_bytes` in all. */
void json_out_init(struct json_out *out, void *first, size_t first_bytes, size_t max_bytes);
void json_out_release(struct json_out *out);
char *json_out_grow(struct json_out *out, size_t len);

/* Where `len` more bytes may be written, to be counted by adding to out->len; NULL after an error. */
static inline char *json_out_room(struct json_out *out, size_t len)
{
    if (__builtin_expect(len > out->capacity - out->len, 0))
        return json_out_grow(out, len);
    return out->data + out->len;
}

/* Append; after an error nothing happens. */
static inline void json_raw(struct json_out *out, const char *text, size_t len)
{
    char *room = json_out_room(out, len);
    if (room != NULL) {
        memcpy(room, text, len);
        out->len += len;
    }
}
#define json_literal(out, literal) json_raw((out), "" literal "", sizeof(literal) - 1)
void json_string(struct json_out *out,
                 galley_str text); /* with its quotes; U+FFFD for what is not UTF-8 */
void json_int(struct json_out *out, int64_t value);
void json_float(struct json_out *out, double value); /* FLOAT_MODEL; null for what is not finite */

/* Nothing more is written: `error` < 0 is why, unless there was another before. */
void json_out_fail(struct json_out *out, int error);

#endif
