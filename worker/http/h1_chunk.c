/* h1_chunk.c - the chunked transfer coding, decoded as it arrives.
 *
 *      SIZE --CR--> SIZE_LF --size > 0--> DATA --> DATA_CR --> DATA_LF --> SIZE
 *        `--;--> EXT --CR--^  `--size 0--> TRAILER <--CRLF-- NAME --:--> VALUE
 *                                             `--CR--> END_LF --> done
 *
 * Does:     one step a byte but for data, which is copied in one piece; every line ends in CRLF and in
 *           nothing else. No spaces around sizes: they hide where a line ends from other readers.
 * Does not: give extensions or trailers to anybody.
 * See:      h1_chunk.h */
#include "worker/http/h1_chunk.h"

#include <string.h>

#include "worker/http/field.h"

enum { SIZE_DIGITS_MAX = 16 };

enum state {
    IN_SIZE,
    IN_EXT,
    AT_SIZE_LF,
    IN_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_TRAILER,
    IN_NAME,
    IN_VALUE,
    AT_VALUE_LF,
    AT_END_LF,
};

enum { NEXT = 0 };

__attribute__((cold, noinline)) static int bad(struct h1_chunk *c, int status, const char *reason)
{
    c->status = status;
    c->reason = reason;
    return H1_BAD;
}

static int enter(struct h1_chunk *c, enum state state)
{
    c->_state = (int)state;
    return NEXT;
}

static int step_size(struct h1_chunk *c, char byte)
{
    if (field_is(byte, FIELD_HEX)) {
        if (c->_digits == SIZE_DIGITS_MAX || c->_left > INT64_MAX >> 4)
            return bad(c, 400, "chunk size too large");
        c->_digits++;
        c->_left = c->_left << 4 | field_hex(byte);
        return NEXT;
    }
    if (c->_digits == 0)
        return bad(c, 400, "chunk size is not a number");
    if (byte == '\r')
        return enter(c, AT_SIZE_LF);
    if (byte != ';')
        return bad(c, 400, "byte not allowed behind a chunk size");
    c->_ext_bytes = 0;
    c->_state = IN_EXT;
    return NEXT;
}

static int step_ext(struct h1_chunk *c, char byte)
{
    if (byte == '\r')
        return enter(c, AT_SIZE_LF);
    if (!field_is(byte, FIELD_VALUE))
        return bad(c, 400, "byte not allowed in a chunk extension");
    c->_ext_bytes++;
    c->_ext_body_bytes++;
    if (c->_ext_bytes > H1_CHUNK_EXT_BYTES || c->_ext_body_bytes > H1_CHUNK_EXT_BODY_BYTES)
        return bad(c, 400, "chunk extensions too long");
    return NEXT;
}

static int step_size_lf(struct h1_chunk *c, char byte)
{
    if (byte != '\n')
        return bad(c, 400, "CR without LF behind a chunk size");
    if (c->_overhead_bytes + c->_payload_bytes > H1_CHUNK_OVERHEAD_GRACE &&
        c->_overhead_bytes / H1_CHUNK_OVERHEAD_RATIO > c->_payload_bytes)
        return bad(c, 400, "chunks too small for what surrounds them");
    c->_digits = 0;
    return enter(c, c->_left > 0 ? IN_DATA : AT_TRAILER);
}

/* A trailer line is a field line (RFC 9112 7.1.2): known to be well formed, then forgotten. */
static int step_trailer(struct h1_chunk *c, char byte)
{
    if (c->_state == AT_TRAILER && byte == '\r')
        return enter(c, AT_END_LF);
    if (++c->_trailer_bytes > H1_TRAILER_BYTES)
        return bad(c, 431, "trailers too long");
    switch (c->_state) {
    case AT_TRAILER:
        if (++c->_trailer_count > H1_TRAILER_COUNT)
            return bad(c, 431, "too many trailers");
        if (!field_is(byte, FIELD_TOKEN))
            return bad(c, 400, "trailer does not begin with a name");
        return enter(c, IN_NAME);
    case IN_NAME:
        if (byte == ':')
            return enter(c, IN_VALUE);
        return field_is(byte, FIELD_TOKEN) ? NEXT : bad(c, 400, "bad byte in a trailer's name");
    case IN_VALUE:
        if (byte == '\r')
            return enter(c, AT_VALUE_LF);
        return field_is(byte, FIELD_VALUE) ? NEXT : bad(c, 400, "bad byte in a trailer's value");
    default:
        return byte == '\n' ? enter(c, AT_TRAILER) : bad(c, 400, "CR without LF in a trailer");
    }
}

/* Take one byte that is not data. */
static int step(struct h1_chunk *c, char byte)
{
    switch ((enum state)c->_state) {
    case IN_SIZE:
        return step_size(c, byte);
    case IN_EXT:
        return step_ext(c, byte);
    case AT_SIZE_LF:
        return step_size_lf(c, byte);
    case AT_DATA_CR:
        return byte == '\r' ? enter(c, AT_DATA_LF) : bad(c, 400, "no CRLF behind chunk data");
    case AT_DATA_LF:
        return byte == '\n' ? enter(c, IN_SIZE) : bad(c, 400, "no CRLF behind chunk data");
    case AT_END_LF:
        c->done = byte == '\n';
        return c->done ? NEXT : bad(c, 400, "CR without LF at the end of the body");
    default:
        return step_trailer(c, byte);
    }
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void h1_chunk_init(struct h1_chunk *c)
{
    *c = (struct h1_chunk){._state = IN_SIZE};
}

ssize_t h1_chunk_decode(struct h1_chunk *c, const char *in, size_t in_len, char *out,
                        size_t out_len, size_t *out_used)
{
    size_t pos = 0;

    *out_used = 0;
    if (c->status != 0)
        return H1_BAD;
    while (pos < in_len && !c->done) {
        if (c->_state != IN_DATA) {
            c->_overhead_bytes++;
            if (step(c, in[pos++]) == H1_BAD)
                return H1_BAD;
            continue;
        }
        size_t len = smaller(in_len - pos, out_len - *out_used);
        if (len == 0)
            break;
        len = c->_left < len ? (size_t)c->_left : len;
        memcpy(out + *out_used, in + pos, len);
        pos += len;
        *out_used += len;
        c->_payload_bytes += len;
        c->_left -= len;
        if (c->_left == 0)
            c->_state = AT_DATA_CR;
    }
    return (ssize_t)pos;
}
