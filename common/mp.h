/* mp.h - MessagePack for small, bounded messages: typed put and get.
 * Does:     write into a buf; read in order from a slice, checking type, bounds and depth (only
 *           mp.c knows msgpack-c).
 * Does not: build trees for the caller, or know what the messages mean. */
#ifndef GALLEY_COMMON_MP_H
#define GALLEY_COMMON_MP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"

enum { MP_MAX_DEPTH = 16 };

/* ---- writing: the first failure (buf full) sticks; look at `error` at the end ---- */
struct mp_writer {
    struct buf *out;
    int error; /* 0, -EMSGSIZE, -ENOMEM */
};
void mp_writer_init(struct mp_writer *writer, struct buf *out);
void mp_put_nil(struct mp_writer *writer);
void mp_put_bool(struct mp_writer *writer, bool value);
void mp_put_uint(struct mp_writer *writer, uint64_t value);
void mp_put_int(struct mp_writer *writer, int64_t value);
void mp_put_str(struct mp_writer *writer, const char *text); /* NULL: nil */
void mp_put_str_len(struct mp_writer *writer, const char *data, size_t len);
void mp_put_bin(struct mp_writer *writer, const void *data, size_t len);
void mp_put_array(struct mp_writer *writer, size_t count); /* then `count` values */
void mp_put_map(struct mp_writer *writer, size_t count);   /* then `count` times key, value */

/* ---- reading: a value is a type and, for containers, a count; the contents follow in order ----
 */
enum mp_type { MP_NIL, MP_BOOL, MP_UINT, MP_INT, MP_FLOAT, MP_STR, MP_BIN, MP_ARRAY, MP_MAP };
struct mp_value {
    enum mp_type type;
    bool boolean;
    uint64_t uint;   /* MP_UINT: any whole number >= 0, however it was written */
    int64_t integer; /* MP_INT: a negative one; also MP_UINT where it fits */
    double number;
    const char *data; /* MP_STR, MP_BIN: borrowed from the input */
    size_t len;       /* of data; elements of MP_ARRAY; pairs of MP_MAP */
};
struct mp_reader {
    const char *at, *end;
};
void mp_reader_init(struct mp_reader *reader, const void *data, size_t len);
/* The next value. 0; -EBADMSG at the end, for broken input or types that have no place here (ext).
 */
int mp_get(struct mp_reader *reader, struct mp_value *value) __attribute__((warn_unused_result));
/* The same, and of that type; MP_INT takes every whole number that fits into `integer`. 0,
 * -EBADMSG. */
int mp_get_type(struct mp_reader *reader, enum mp_type type, struct mp_value *value)
    __attribute__((warn_unused_result));
/* Pass over one value with all it contains, to MP_MAX_DEPTH. 0, -EBADMSG. */
int mp_skip(struct mp_reader *reader) __attribute__((warn_unused_result));
/* Whether one whole value stands at the start of `data`: > 0 its length; 0 more is needed;
 * -EBADMSG. */
ssize_t mp_frame(const void *data, size_t len) __attribute__((warn_unused_result));
/* The same for a value that comes in pieces: zero `scan`, then call with all that came so far (only
 * new bytes are looked at). */
struct mp_scan {
    size_t at;
    int depth;
    uint64_t left[MP_MAX_DEPTH + 1]; /* values still to come, per open container */
};
ssize_t mp_scan(struct mp_scan *scan, const void *data, size_t len)
    __attribute__((warn_unused_result));
bool mp_str_is(const struct mp_value *value, const char *text);

#endif
