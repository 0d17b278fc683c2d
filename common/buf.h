/* buf.h - a byte buffer on the heap that grows up to a ceiling it was born with.
 * Does:     append, consume from the front.
 * Does not: hold NUL-terminated text unless you append the NUL. */
#ifndef GALLEY_COMMON_BUF_H
#define GALLEY_COMMON_BUF_H

#include <stddef.h>
#include <sys/types.h>

struct buf {
    char *data;
    size_t start, end, capacity, max_bytes; /* content: data[start, end) */
};

void buf_init(struct buf *buf, size_t max_bytes);
/* In `bytes` of the caller's memory, and no more: nothing of it is allocated, or to be released. */
static inline void buf_init_fixed(struct buf *buf, void *memory, size_t bytes)
{
    *buf = (struct buf){.data = memory, .capacity = bytes, .max_bytes = bytes};
}
void buf_release(struct buf *buf);
/* Room for `len` more bytes at data + end. 0; -EMSGSIZE over the ceiling, -ENOMEM. Content keeps its order, may move. */
int buf_reserve(struct buf *buf, size_t len) __attribute__((warn_unused_result));
/* Copy `len` bytes in. 0, -EMSGSIZE, -ENOMEM. */
int buf_append(struct buf *buf, const void *data, size_t len) __attribute__((warn_unused_result));
/* Printf at the end. 0, -EMSGSIZE, -ENOMEM. */
int buf_printf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3), warn_unused_result));
static inline size_t buf_len(const struct buf *buf)
{
    return buf->end - buf->start;
}
static inline char *buf_at(const struct buf *buf)
{
    return buf->data + buf->start;
}
/* Forget the first `len` bytes (at most what is there). */
void buf_consume(struct buf *buf, size_t len);
/* Empty it and give its memory back. */
void buf_clear(struct buf *buf);

#endif
