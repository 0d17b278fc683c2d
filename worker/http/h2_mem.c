/* h2_mem.c - a free list for each size of piece.
 * Does:     put the size class in front of each piece, for nghttp2 frees without telling sizes.
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

/* In front of each piece. One above the largest class is the heap's. */
struct h2_mem_piece {
    _Alignas(16) size_t class;
    struct h2_mem_piece *next; /* of those kept */
};

static size_t class_of(size_t size)
{
    size_t class = (size + H2_MEM_STEP - 1) / H2_MEM_STEP;
    return class < H2_MEM_CLASSES ? class : H2_MEM_CLASSES;
}

static void *mem_malloc(size_t size, void *user_data)
{
    struct h2_mem *mem = user_data;
    size_t class = class_of(size), room = class * H2_MEM_STEP;
    struct h2_mem_piece *piece;
    if (class < H2_MEM_CLASSES && (piece = mem->kept[class]) != NULL) {
        mem->kept[class] = piece->next;
        mem->kept_bytes -= room;
        return piece + 1;
    }
    if (class == H2_MEM_CLASSES)
        room = size;
    if (room > SIZE_MAX - sizeof *piece || (piece = malloc(sizeof *piece + room)) == NULL)
        return NULL;
    piece->class = class;
    return piece + 1;
}

static void mem_free(void *memory, void *user_data)
{
    struct h2_mem *mem = user_data;
    if (memory == NULL)
        return;
    struct h2_mem_piece *piece = (struct h2_mem_piece *)memory - 1;
    size_t room = piece->class * H2_MEM_STEP;
    if (!IS_KEEPING || piece->class == H2_MEM_CLASSES || mem->kept_bytes > H2_MEM_KEPT_BYTES) {
        free(piece);
        return;
    }
    piece->next = mem->kept[piece->class];
    mem->kept[piece->class] = piece;
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
    struct h2_mem_piece *piece = (struct h2_mem_piece *)memory - 1;
    if (piece->class == H2_MEM_CLASSES && size > H2_MEM_CLASSES * H2_MEM_STEP) {
        if (size > SIZE_MAX - sizeof *piece ||
            (piece = realloc(piece, sizeof *piece + size)) == NULL)
            return NULL;
        return piece + 1;
    }
    size_t had = piece->class == H2_MEM_CLASSES ? size : piece->class * H2_MEM_STEP;
    void *moved = mem_malloc(size, user_data);
    if (moved == NULL)
        return NULL;
    memcpy(moved, memory, had < size ? had : size);
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
    for (size_t class = 0; class < H2_MEM_CLASSES; class ++) {
        struct h2_mem_piece *piece;
        while ((piece = mem->kept[class]) != NULL) {
            mem->kept[class] = piece->next;
            free(piece);
        }
    }
    mem->kept_bytes = 0;
}
