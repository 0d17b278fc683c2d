/* mp.c - MessagePack, written by msgpack-c, read head by head.
 * Does:     pack into a buf; read one head at a time, so that nothing is ever allocated for a count
 *           or length that a peer claims (msgpack-c's own unpacker allocates an array before its
 *           elements are there).
 * Does not: know what the messages mean.
 * See:      mp.h, t/unit/common/mp.c; the format:
 *           https://github.com/msgpack/msgpack/blob/master/spec.md */
#include "common/mp.h"

#include <errno.h>
#include <msgpack/pack.h>
#include <string.h>

/* ---- writing ---- */

static int write_piece(void *data, const char *piece, size_t len)
{
    struct mp_writer *writer = data;
    if (!writer->error)
        writer->error = buf_append(writer->out, piece, len);
    return writer->error ? -1 : 0;
}

static msgpack_packer *packer(msgpack_packer *storage, struct mp_writer *writer)
{
    msgpack_packer_init(storage, writer, write_piece);
    return storage;
}

void mp_writer_init(struct mp_writer *writer, struct buf *out)
{
    *writer = (struct mp_writer){.out = out};
}

void mp_put_nil(struct mp_writer *writer)
{
    msgpack_packer storage;
    msgpack_pack_nil(packer(&storage, writer));
}

void mp_put_bool(struct mp_writer *writer, bool value)
{
    msgpack_packer storage;
    if (value)
        msgpack_pack_true(packer(&storage, writer));
    else
        msgpack_pack_false(packer(&storage, writer));
}

void mp_put_uint(struct mp_writer *writer, uint64_t value)
{
    msgpack_packer storage;
    msgpack_pack_uint64(packer(&storage, writer), value);
}

void mp_put_int(struct mp_writer *writer, int64_t value)
{
    msgpack_packer storage;
    msgpack_pack_int64(packer(&storage, writer), value);
}

/* MessagePack has four bytes for a length. */
static bool fits(struct mp_writer *writer, size_t len)
{
    if (len > UINT32_MAX && writer->error == 0)
        writer->error = -EMSGSIZE;
    return len <= UINT32_MAX;
}

void mp_put_str_len(struct mp_writer *writer, const char *data, size_t len)
{
    msgpack_packer storage;
    if (fits(writer, len))
        msgpack_pack_str_with_body(packer(&storage, writer), data, len);
}

void mp_put_str(struct mp_writer *writer, const char *text)
{
    if (text)
        mp_put_str_len(writer, text, strlen(text));
    else
        mp_put_nil(writer);
}

void mp_put_bin(struct mp_writer *writer, const void *data, size_t len)
{
    msgpack_packer storage;
    if (fits(writer, len))
        msgpack_pack_bin_with_body(packer(&storage, writer), data, len);
}

void mp_put_array(struct mp_writer *writer, size_t count)
{
    msgpack_packer storage;
    msgpack_pack_array(packer(&storage, writer), count);
}

void mp_put_map(struct mp_writer *writer, size_t count)
{
    msgpack_packer storage;
    msgpack_pack_map(packer(&storage, writer), count);
}

/* ---- reading ---- */

void mp_reader_init(struct mp_reader *reader, const void *data, size_t len)
{
    reader->at = data;
    reader->end = reader->at + len;
}

static uint64_t big_endian(const unsigned char *at, size_t width)
{
    uint64_t number = 0;
    for (size_t i = 0; i < width; i++)
        number = number << 8 | at[i];
    return number;
}

static void set_unsigned(struct mp_value *value, uint64_t number)
{
    value->type = MP_UINT;
    value->uint = number;
    value->integer = number <= INT64_MAX ? (int64_t)number : 0;
}

static void set_signed(struct mp_value *value, int64_t number)
{
    if (number >= 0) {
        set_unsigned(value, (uint64_t)number);
        return;
    }
    value->type = MP_INT;
    value->integer = number;
}

static void set_float(struct mp_value *value, uint64_t bits, size_t width)
{
    uint32_t half = (uint32_t)bits;
    float single;
    value->type = MP_FLOAT;
    if (width == 4) {
        memcpy(&single, &half, sizeof(single));
        value->number = (double)single;
    } else {
        memcpy(&value->number, &bits, sizeof(bits));
    }
}

/* What the bytes 0xc0 to 0xdf announce: a type, and how wide the number behind is. */
enum { NO_PLACE = -1 }; /* ext, and the byte that is never used */
static const struct {
    signed char type, width;
} heads[0x20] = {
    [0x00] = {MP_NIL, 0},   [0x01] = {0, NO_PLACE}, [0x02] = {MP_BOOL, 0},
    [0x03] = {MP_BOOL, 0},  [0x04] = {MP_BIN, 1},   [0x05] = {MP_BIN, 2},
    [0x06] = {MP_BIN, 4},   [0x07] = {0, NO_PLACE}, [0x08] = {0, NO_PLACE},
    [0x09] = {0, NO_PLACE}, [0x0A] = {MP_FLOAT, 4}, [0x0B] = {MP_FLOAT, 8},
    [0x0C] = {MP_UINT, 1},  [0x0D] = {MP_UINT, 2},  [0x0E] = {MP_UINT, 4},
    [0x0F] = {MP_UINT, 8},  [0x10] = {MP_INT, 1},   [0x11] = {MP_INT, 2},
    [0x12] = {MP_INT, 4},   [0x13] = {MP_INT, 8},   [0x14 ... 0x18] = {0, NO_PLACE},
    [0x19] = {MP_STR, 1},   [0x1A] = {MP_STR, 2},   [0x1B] = {MP_STR, 4},
    [0x1C] = {MP_ARRAY, 2}, [0x1D] = {MP_ARRAY, 4}, [0x1E] = {MP_MAP, 2},
    [0x1F] = {MP_MAP, 4},
};

/* A head of 0xc0 to 0xdf, with `width` bytes behind it at `at`. */
static void set_wide(struct mp_value *value, unsigned char first, enum mp_type type,
                     const unsigned char *at, size_t width)
{
    uint64_t number = big_endian(at, width);
    value->type = type;
    switch (type) {
    case MP_NIL:
        break;
    case MP_BOOL:
        value->boolean = first == 0xC3;
        break;
    case MP_FLOAT:
        set_float(value, number, width);
        break;
    case MP_UINT:
        set_unsigned(value, number);
        break;
    case MP_INT: /* sign-extended from its width */
        set_signed(value, (int64_t)(number << (64 - 8 * width)) >> (64 - 8 * width));
        break;
    case MP_STR:
    case MP_BIN:
    case MP_ARRAY:
    case MP_MAP:
        value->len = (size_t)number;
        break;
    }
}

/* The head at `data`, and for text and bytes their content. > 0 consumed; 0 more is needed;
 * -EBADMSG. */
static ssize_t read_head(const char *data, size_t len, struct mp_value *value)
{
    if (!len)
        return 0;
    const unsigned char *at = (const unsigned char *)data;
    unsigned char first = at[0];
    size_t head_len = 1;
    *value = (struct mp_value){.type = MP_NIL};
    if (first <= 0x7F) {
        set_unsigned(value, first);
    } else if (first >= 0xE0) {
        set_signed(value, (int64_t)first - 0x100);
    } else if (first < 0xC0) { /* map 80, array 90, str a0 */
        value->type = first < 0x90 ? MP_MAP : first < 0xA0 ? MP_ARRAY : MP_STR;
        value->len = first & (first < 0xA0 ? 0x0F : 0x1F);
    } else {
        int width = heads[first - 0xC0].width;
        if (width == NO_PLACE)
            return -EBADMSG;
        head_len += (size_t)width;
        if (len < head_len)
            return 0;
        set_wide(value, first, (enum mp_type)heads[first - 0xC0].type, at + 1, (size_t)width);
    }
    if (value->type != MP_STR && value->type != MP_BIN)
        return (ssize_t)head_len;
    value->data = data + head_len;
    if (value->len > len - head_len)
        return 0;
    return (ssize_t)(head_len + value->len);
}

int mp_get(struct mp_reader *reader, struct mp_value *value)
{
    ssize_t used = read_head(reader->at, (size_t)(reader->end - reader->at), value);
    if (used <= 0)
        return -EBADMSG;
    reader->at += used;
    return 0;
}

int mp_get_type(struct mp_reader *reader, enum mp_type type, struct mp_value *value)
{
    if (mp_get(reader, value) < 0)
        return -EBADMSG;
    if (value->type == type)
        return 0;
    if (type == MP_INT && value->type == MP_UINT && value->uint <= INT64_MAX)
        return 0;
    return -EBADMSG;
}

ssize_t mp_scan(struct mp_scan *scan, const void *data, size_t len)
{
    if (!scan->at && !scan->depth)
        scan->left[0] = 1;
    for (;;) {
        while (!scan->left[scan->depth]) {
            if (!scan->depth)
                return (ssize_t)scan->at;
            scan->depth--;
        }
        struct mp_value value;
        ssize_t used = read_head((const char *)data + scan->at, len - scan->at, &value);
        if (used <= 0)
            return used;
        scan->at += (size_t)used;
        scan->left[scan->depth]--;
        if (value.type != MP_ARRAY && value.type != MP_MAP)
            continue;
        if (scan->depth == MP_MAX_DEPTH)
            return -EBADMSG;
        scan->left[++scan->depth] = (uint64_t)value.len * (value.type == MP_MAP ? 2 : 1);
    }
}

ssize_t mp_frame(const void *data, size_t len)
{
    struct mp_scan scan = {0};
    return mp_scan(&scan, data, len);
}

int mp_skip(struct mp_reader *reader)
{
    ssize_t used = mp_frame(reader->at, (size_t)(reader->end - reader->at));
    if (used <= 0)
        return -EBADMSG;
    reader->at += used;
    return 0;
}

bool mp_str_is(const struct mp_value *value, const char *text)
{
    return value->type == MP_STR && value->len == strlen(text) &&
           !memcmp(value->data, text, value->len);
}
