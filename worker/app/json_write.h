/* json_write.h - JSON text, straight into one buffer: from models, and piece by piece.
 * Does:     a writer compiled from a model at load (keys quoted once, offsets, kinds); strings escaped as FastAPI does.
 * Does not: read JSON, or check values against a model's constraints. */
#ifndef GALLEY_WORKER_APP_JSON_WRITE_H
#define GALLEY_WORKER_APP_JSON_WRITE_H

#include <string.h>

#include <galley/model.h>

#include "common/errmsg.h"

/* Bytes on their way out: in the caller's first piece of memory, and from the heap when that is full. */
struct json_out {
    char *data;
    size_t len, capacity, max_bytes;
    int error; /* the first one stays: -EMSGSIZE, -ENOMEM, -ERANGE (a time without a year of four digits) */
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

/* Compiled from a model; everything below it included. */
struct json_writer;

/* NULL with a sentence without a subject ("member x ...") in `why`. */
struct json_writer *json_writer_new(const struct galley_model *model, struct errmsg *why);
void json_writer_free(struct json_writer *writer);
/* Append the struct at `value`. Trouble is in out->error. */
void json_write(struct json_out *out, const struct json_writer *writer, const void *value);

/* Bytes of an element of a list member; 0 for a kind that has none. */
size_t json_element_bytes(const struct galley_field *field);

#endif
