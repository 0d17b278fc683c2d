/* buf.c - a byte buffer on the heap that grows up to its ceiling.
 * Does:     grow by doubling, move content to the front when that makes the room.
 * Does not: shrink before it is cleared.
 * See:      buf.h, t/unit/common/buf.c */
#include "common/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 256 };

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf){.max_bytes = max_bytes};
}

void buf_clear(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max_bytes);
}

void buf_release(struct buf *buf)
{
    buf_clear(buf);
}

int buf_reserve(struct buf *buf, size_t len)
{
    if (len <= buf->capacity - buf->end)
        return 0;
    size_t have = buf_len(buf);
    if (have > buf->max_bytes || len > buf->max_bytes - have)
        return -EMSGSIZE;
    if (have + len <= buf->capacity) {
        memmove(buf->data, buf->data + buf->start, have);
    } else {
        size_t capacity = buf->capacity < FIRST_BYTES ? FIRST_BYTES : buf->capacity;
        while (capacity < have + len)
            capacity = capacity > buf->max_bytes / 2 ? buf->max_bytes : capacity * 2;
        if (capacity > buf->max_bytes)
            capacity = buf->max_bytes;
        char *data = malloc(capacity);
        if (!data)
            return -ENOMEM;
        if (have)
            memcpy(data, buf->data + buf->start, have);
        free(buf->data);
        buf->data = data;
        buf->capacity = capacity;
    }
    buf->start = 0;
    buf->end = have;
    return 0;
}

int buf_append(struct buf *buf, const void *data, size_t len)
{
    int error = buf_reserve(buf, len);
    if (error < 0)
        return error;
    if (len)
        memcpy(buf->data + buf->end, data, len);
    buf->end += len;
    return 0;
}

int buf_printf(struct buf *buf, const char *format, ...)
{
    size_t room = buf->capacity - buf->end;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(room ? buf->data + buf->end : NULL, room, format, args);
    va_end(args);
    if (len < 0)
        return -EINVAL;
    if ((size_t)len >= room) {
        int error = buf_reserve(buf, (size_t)len + 1); /* vsnprintf writes a NUL behind */
        if (error < 0)
            return error;
        va_start(args, format);
        vsnprintf(buf->data + buf->end, (size_t)len + 1, format, args);
        va_end(args);
    }
    buf->end += (size_t)len;
    return 0;
}

void buf_consume(struct buf *buf, size_t len)
{
    if (len >= buf_len(buf))
        buf->start = buf->end = 0;
    else
        buf->start += len;
}
