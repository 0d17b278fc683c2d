/* arena.c - memory that dies together.
 * Does:     the slow half of arena.h: heap chunks that double from 4 KiB to 16 KiB, or as large as
 *           asked for; pieces that grow.
 * Does not: free single pieces.
 * See:      arena.h, t/unit/common/arena.c */
#include "common/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN_BYTES = 4096, CHUNK_MAX_BYTES = 16 * 1024 };

struct arena_chunk {
    _Alignas(16) struct arena_chunk *older;
    struct arena_chunk *newer;
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

static void link_chunk(struct arena *arena, struct arena_chunk *chunk)
{
    chunk->newer = NULL;
    chunk->older = arena->chunks;
    if (chunk->older)
        chunk->older->newer = chunk;
    arena->chunks = chunk;
}

void *arena_alloc_slow(struct arena *arena, size_t size)
{
    size_t left = arena_left(arena);
    if (left < sizeof(struct arena_chunk) || size > left - sizeof(struct arena_chunk)) {
        arena->is_full = true;
        return NULL;
    }
    size_t need = ((size + 15) & ~(size_t)15) + sizeof(struct arena_chunk);
    size_t want = arena->total_bytes < CHUNK_MIN_BYTES ? CHUNK_MIN_BYTES : arena->total_bytes;
    if (want > CHUNK_MAX_BYTES)
        want = CHUNK_MAX_BYTES;
    if (want > left / 2) /* near the ceiling something remains for others */
        want = left / 2;
    if (want < need)
        want = need;
    struct arena_chunk *chunk = malloc(want);
    if (!chunk)
        return NULL;
    arena->total_bytes += want < left ? want : left;
    link_chunk(arena, chunk);
    char *piece = (char *)(chunk + 1), *end = (char *)chunk + want;
    char *rest = (char *)chunk + need;
    if (!arena->next || end - rest > arena->end - arena->next) { /* go on where more is free */
        arena->next = rest;
        arena->end = end;
    }
    return piece;
}

/* Resize a chunk that holds one large piece; `chunk` NULL: a new one. */
static void *grow_large(struct arena *arena, struct arena_chunk *chunk, size_t old_bytes,
                        size_t new_bytes)
{
    size_t had = chunk ? old_bytes + sizeof *chunk : 0;
    size_t left = arena_left(arena);
    if (new_bytes > old_bytes && (left < sizeof *chunk || new_bytes > left - sizeof *chunk)) {
        arena->is_full = true;
        return NULL;
    }
    struct arena_chunk *moved = realloc(chunk, new_bytes + sizeof *chunk);
    if (!moved)
        return NULL;
    arena->total_bytes += new_bytes + sizeof *chunk - had;
    if (!chunk) {
        link_chunk(arena, moved);
        return moved + 1;
    }
    if (moved->older)
        moved->older->newer = moved;
    if (moved->newer)
        moved->newer->older = moved;
    else
        arena->chunks = moved;
    return moved + 1;
}

static size_t rounded(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

void *arena_grow(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes)
{
    if (old && old_bytes >= ARENA_LARGE_BYTES)
        return grow_large(arena, (struct arena_chunk *)old - 1, old_bytes, new_bytes);
    bool is_last = old && (char *)old + rounded(old_bytes) == arena->next;
    if (is_last && new_bytes < ARENA_LARGE_BYTES &&
        rounded(new_bytes) <= (size_t)(arena->end - (char *)old)) {
        arena->next = (char *)old + rounded(new_bytes);
        return old;
    }
    void *piece = new_bytes < ARENA_LARGE_BYTES ? arena_alloc(arena, new_bytes)
                                                : grow_large(arena, NULL, 0, new_bytes);
    if (!piece)
        return NULL;
    if (old)
        memcpy(piece, old, old_bytes < new_bytes ? old_bytes : new_bytes);
    if (is_last && (char *)old + rounded(old_bytes) == arena->next)
        arena->next = old;
    return piece;
}

void *arena_trim(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes)
{
    if (!old || new_bytes >= old_bytes)
        return old;
    if (old_bytes >= ARENA_LARGE_BYTES) {
        void *piece = grow_large(arena, (struct arena_chunk *)old - 1, old_bytes, new_bytes);
        return piece ? piece : old;
    }
    if ((char *)old + rounded(old_bytes) == arena->next)
        arena->next = (char *)old + rounded(new_bytes);
    return old;
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
