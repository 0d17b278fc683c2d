/* h2_mem.c - a free list for each size of piece.
 * Does:     put the size in front of each piece, for nghttp2 frees without telling sizes.
 * Does not: give small pieces back to the heap before the session ends, but for what is over the ceiling.
 * See:      h2_mem.h. */
#include "worker/http/h2_mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(GALLEY_VALGRIND)
enum { IS_KEEPING = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { IS_KEEPING = 0 };
#else
enum { IS_KEEPING = 1 };
#endif
#else
enum { IS_KEEPING = 1 };
#endif

/* In front of each piece. */
struct h2_mem_piece {
    _Alignas(16)
        size_t room; /* bytes behind this head: a multiple of the step, or more than the largest */
    struct h2_mem_piece *next; /* of those kept */
};

enum { LARGEST_BYTES = (H2_MEM_CLASSES - 1) * H2_MEM_STEP };
#define PARKED SIZE_MAX /* a room */

static void *mem_malloc(size_t size, void *user_data)
{
    struct h2_mem *mem = user_data;
    struct h2_mem_piece *piece;
    size_t room = size;
    if (size <= LARGEST_BYTES) {
        room = (size + H2_MEM_STEP - 1) / H2_MEM_STEP * H2_MEM_STEP;
        piece = mem->kept[room / H2_MEM_STEP];
        if (piece != NULL) {
            mem->kept[room / H2_MEM_STEP] = piece->next;
            mem->kept_bytes -= room;
            return piece + 1;
        }
    }
    if (room > SIZE_MAX - sizeof *piece || (piece = malloc(sizeof *piece + room)) == NULL) {
        mem->is_starved = true;
        return NULL;
    }
    piece->room = room;
    return piece + 1;
}

/* Until the release. Whoever comes again stays. */
static void park(struct h2_mem *mem, struct h2_mem_piece *piece)
{
    if (piece->room == PARKED)
        return;
    piece->room = PARKED;
    piece->next = mem->parked;
    mem->parked = piece;
}

static void mem_free(void *memory, void *user_data)
{
    struct h2_mem *mem = user_data;
    if (memory == NULL)
        return;
    struct h2_mem_piece *piece = (struct h2_mem_piece *)memory - 1;
    size_t room = piece->room;
    if (mem->is_starved) {
        park(mem, piece);
        return;
    }
    if (!IS_KEEPING || room > LARGEST_BYTES || mem->kept_bytes > H2_MEM_KEPT_BYTES) {
        free(piece);
        return;
    }
    piece->next = mem->kept[room / H2_MEM_STEP];
    mem->kept[room / H2_MEM_STEP] = piece;
    mem->kept_bytes += room;
}

static void *mem_calloc(size_t count, size_t size, void *user_data)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *memory = mem_malloc(bytes, user_data);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

static void *mem_realloc(void *memory, size_t size, void *user_data)
{
    if (memory == NULL)
        return mem_malloc(size, user_data);
    size_t room = ((struct h2_mem_piece *)memory - 1)->room;
    if (size <= room)
        return memory;
    void *moved = mem_malloc(size, user_data);
    if (moved == NULL)
        return NULL;
    memcpy(moved, memory, room);
    mem_free(memory, user_data);
    return moved;
}

void h2_mem_init(struct h2_mem *mem)
{
    memset(mem, 0, sizeof *mem);
    mem->callbacks = (nghttp2_mem){mem, mem_malloc, mem_free, mem_calloc, mem_realloc};
}

void h2_mem_release(struct h2_mem *mem)
{
    struct h2_mem_piece *piece;
    while ((piece = mem->parked) != NULL) {
        mem->parked = piece->next;
        free(piece);
    }
    for (size_t i = 0; i < H2_MEM_CLASSES; i++) {
        while ((piece = mem->kept[i]) != NULL) {
            mem->kept[i] = piece->next;
            free(piece);
        }
    }
    mem->kept_bytes = 0;
}
