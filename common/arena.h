/* arena.h - memory that dies together: a request's, a connection's.
 * Does:     hand out aligned pieces of a first chunk that the owner brings, then of heap chunks; bounded by a ceiling.
 * Does not: free single pieces (one that grows leaves at most its own size behind); not for sharing between threads at the same time. */
#ifndef GALLEY_COMMON_ARENA_H
#define GALLEY_COMMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;
struct arena {
    char *next, *end;           /* the free part of the current chunk */
    struct arena_chunk *chunks; /* heap chunks, the newest first */
    size_t total_bytes, max_bytes;
    bool
        is_full; /* the ceiling has refused something: what is NULL now may not be the machine's fault */
};

/* `first` (may be NULL) is the caller's and must outlive the arena; at most `max_bytes` from the heap. */
void arena_init(struct arena *arena, void *first, size_t first_bytes, size_t max_bytes);
/* Frees the heap chunks; the arena may be initialised again. */
void arena_release(struct arena *arena);

/* `size` bytes, aligned to 16, not zeroed; NULL over the ceiling or without memory. */
void *arena_alloc_slow(struct arena *arena, size_t size);
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size_t need = (size + 15) & ~(size_t)15;
    if (__builtin_expect(need < size || need > (size_t)(arena->end - arena->next), 0))
        return arena_alloc_slow(arena, size);
    void *piece = arena->next;
    arena->next += need;
    return piece;
}
/* A piece that grows: `old` is NULL or came from here with `old_bytes`. It stays where it is if it is the last one, moves
 * otherwise; from ARENA_LARGE_BYTES on it has a heap chunk of its own, which realloc moves without leaving garbage.
 * While one moves it may be there twice, which the ceiling allows for. NULL as above, and `old` stays. */
enum { ARENA_LARGE_BYTES = 32 * 1024 };
void *arena_grow(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes);
/* What the ceiling still allows, besides what is free in the current chunk. */
static inline size_t arena_left(const struct arena *arena)
{
    return arena->max_bytes > arena->total_bytes ? arena->max_bytes - arena->total_bytes : 0;
}
/* The same with that: about so much can be allocated in small pieces. */
static inline size_t arena_room(const struct arena *arena)
{
    return arena_left(arena) + (size_t)(arena->end - arena->next);
}
/* Lower the ceiling by memory that is taken elsewhere; false, and nothing is done, if so much is not left. */
static inline bool arena_charge(struct arena *arena, size_t bytes)
{
    if (bytes > arena_left(arena)) {
        arena->is_full = true;
        return false;
    }
    arena->max_bytes -= bytes;
    return true;
}
/* Give back what the grown piece needs no more; it may move, and may not grow any more. */
void *arena_trim(struct arena *arena, void *old, size_t old_bytes, size_t new_bytes);
/* Forget all that was allocated since `mark` was taken: a copy of the arena's struct. */
static inline void arena_rewind(struct arena *arena, const struct arena *mark)
{
    if (arena->end == mark->end) /* or else it went on in another chunk, where little is lost */
        arena->next = mark->next;
}
/* A NUL-terminated copy of `len` bytes; NULL as above. */
char *arena_dup(struct arena *arena, const void *data, size_t len);

#endif
