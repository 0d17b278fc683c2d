/* arena.c - memory that dies together.
 * Does:     the slow half of arena.h: heap chunks that double from 4 KiB to 64 KiB, or as large as
 *           asked for.
 * Does not: free single pieces.
 * See:      arena.h, t/unit/common/arena.c */
#include "common/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN_BYTES = 4096, CHUNK_MAX_BYTES = 64 * 1024 };

struct arena_chunk {
    _Alignas(16) struct arena_chunk *older;
};

void arena_init(struct arena *arena, void *first, size_t first_bytes, size_t max_bytes)
{
    /* Without a first piece, an empty one at an address that is not NULL: zero bytes are no
     * failure. */
    char *start = first ? first : (char *)arena;
    char *end = first ? start + first_bytes : start;
    size_t gap = (size_t)(-(uintptr_t)start & 15);
    *arena = (struct arena){.max_bytes = max_bytes};
    arena->end = end;
    arena->next = gap <= (size_t)(end - start) ? start + gap : end;
}

void arena_release(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks; chunk;) {
        struct arena_chunk *older = chunk->older;
        free(chunk);
        chunk = older;
    }
    *arena = (struct arena){0};
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    size_t left = arena->max_bytes - arena->total_bytes;
    if (left < sizeof(struct arena_chunk) || size > left - sizeof(struct arena_chunk))
        return NULL;
    size_t need = ((size + 15) & ~(size_t)15) + sizeof(struct arena_chunk);
    size_t want = arena->total_bytes < CHUNK_MIN_BYTES ? CHUNK_MIN_BYTES : arena->total_bytes;
    if (want > CHUNK_MAX_BYTES)
        want = CHUNK_MAX_BYTES;
    if (want > left)
        want = left;
    if (want < need)
        want = need;
    struct arena_chunk *chunk = malloc(want);
    if (!chunk)
        return NULL;
    arena->total_bytes += want < left ? want : left;
    chunk->older = arena->chunks;
    arena->chunks = chunk;
    char *piece = (char *)(chunk + 1), *end = (char *)chunk + want;
    char *rest = (char *)chunk + need;
    if (!arena->next || end - rest > arena->end - arena->next) { /* go on where more is free */
        arena->next = rest;
        arena->end = end;
    }
    return piece;
}

char *arena_dup(struct arena *arena, const void *data, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, len + 1);
    if (!copy)
        return NULL;
    if (len)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}
