/* h1_chunk.h - the chunked transfer coding, decoded as it arrives (RFC 9112 section 7.1).
 * Does:     chunk sizes, data, extensions and trailers (both checked and dropped), overhead limits.
 * Does not: read sockets, allocate, keep pointers, limit the payload (the body's reader does).
 * See:      h1_parse.h, t/unit/worker/http/h1_chunk.c */
#ifndef GALLEY_WORKER_HTTP_H1_CHUNK_H
#define GALLEY_WORKER_HTTP_H1_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "worker/http/h1_parse.h"

/* Ceilings of one chunked body. */
enum {
    H1_CHUNK_EXT_BYTES = 256,           /* extensions of one chunk */
    H1_CHUNK_EXT_BODY_BYTES = 4096,     /* extensions of one body */
    H1_CHUNK_OVERHEAD_RATIO = 16,       /* bytes that are not payload to bytes that are, */
    H1_CHUNK_OVERHEAD_GRACE = 64 << 10, /* once so many bytes came in all */
    H1_TRAILER_BYTES = 32 << 10,
    H1_TRAILER_COUNT = 100,
};

/* Decoder of one body. `done` is for the caller, `status` and `reason` after H1_BAD; the fields
 * with an underscore are the decoder's own. */
struct h1_chunk {
    bool done;          /* the last CRLF of the trailer section was consumed */
    int status;         /* after H1_BAD: 400, or 431 for trailers over their limit */
    const char *reason; /* after H1_BAD: a static phrase for the log */
    int _state;
    uint32_t _digits; /* of this chunk's size, so far */
    uint32_t _ext_bytes, _ext_body_bytes;
    uint32_t _trailer_bytes, _trailer_count;
    uint64_t _left; /* payload of this chunk, still to come */
    uint64_t _payload_bytes, _overhead_bytes;
};

/* Make `c` ready for the first byte of a body. There is nothing to release. */
void h1_chunk_init(struct h1_chunk *c);

/* Decode in[0, in_len); at most `out_len` bytes of payload go to `out`, which must not overlap
 * `in`, and *out_used says how many. >= 0: bytes of `in` consumed, all of them unless the body
 * ended (c->done; what is left is the next request) or `out` is full. H1_BAD: c->status and
 * c->reason say why, the connection must close; the *out_used bytes before the fault are valid. */
ssize_t h1_chunk_decode(struct h1_chunk *c, const char *in, size_t in_len, char *out,
                        size_t out_len, size_t *out_used) __attribute__((warn_unused_result));

#endif
