/* h2_mem.h - memory for nghttp2, which asks for a few small pieces of the same sizes for each request.
 * Does:     keep what was freed for the next request, by size, up to a ceiling; one set a session. Once there was no memory,
 *           keep all that is freed until the release: nghttp2 1.52 frees a DATA frame twice that it could not queue.
 * Does not: keep anything under AddressSanitizer or valgrind, so that they see each piece come and go.
 * See:      nghttp2_mem in nghttp2's own header */
#ifndef GALLEY_WORKER_HTTP_H2_MEM_H
#define GALLEY_WORKER_HTTP_H2_MEM_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    H2_MEM_STEP = 32,    /* between sizes */
    H2_MEM_CLASSES = 33, /* up to 1,024 bytes */
    H2_MEM_KEPT_BYTES = 128 * 1024,
};

struct h2_mem_piece;
struct h2_mem {
    nghttp2_mem callbacks;
    struct h2_mem_piece *kept[H2_MEM_CLASSES];
    size_t kept_bytes;
    struct h2_mem_piece *parked; /* freed since then */
    bool is_starved;             /* an allocation has failed: the session should end */
};

/* `mem` must stay where it is until released, after all that was allocated is freed. */
void h2_mem_init(struct h2_mem *mem);
void h2_mem_release(struct h2_mem *mem);

#endif
