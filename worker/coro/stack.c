/* stack.c - slabs of coroutine stacks with guards.
 * Does:     one mapping for 64 slots; guards by MADV_GUARD_INSTALL, which costs no mapping of its own, else by
 *           mprotect, which costs two and therefore a cap.
 * Does not: run anything.
 * See:      stack.h, t/unit/worker/coro/stack.c */
#include "worker/coro/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/coro/sanitize.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum {
    GUARD_BYTES = 64 << 10,
    STACK_BYTES_MIN = 64 << 10,
    STACK_BYTES_MAX = 8 << 20,
    STACK_BYTES_DEFAULT = 256 << 10,
    PAGE_BYTES_MAX = 64 << 10,
    MAPS_FOR_OTHERS = 5000,
    /* Control blocks at the same place of every page would share a few cache sets: 8 colors, a line apart. */
    COLORS = 8,
    LINE_BYTES = STACK_LINE_BYTES
};

static size_t block_bytes(void)
{
    return (sizeof(struct galley_async) + LINE_BYTES - 1) & ~(size_t)(LINE_BYTES - 1);
}

static struct galley_async *slot_block(const struct stack_pool *pool, char *slot, size_t index)
{
    char *top = slot + pool->stride_bytes;
    return (struct galley_async *)(void *)(top - (index % COLORS) * LINE_BYTES - block_bytes());
}

static size_t mapping_limit(void)
{
    char text[32] = "";
    int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 65530;
    ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    long limit = len > 0 ? strtol(text, NULL, 10) : 0;
    return limit > 0 ? (size_t)limit : 65530;
}

/* Whether the kernel refuses to read there for us: a guard that is none would be silent corruption. */
static bool guard_holds(const char *guard)
{
    return access(guard, F_OK) < 0 && errno == EFAULT;
}

static int guard_install(struct stack_pool *pool, char *guard)
{
    if (!pool->use_prot_none) {
        if (madvise(guard, pool->guard_bytes, MADV_GUARD_INSTALL) == 0 &&
            (pool->slab_count > 0 || guard_holds(guard)))
            return 0;
        if (pool->slab_count > 0)
            return -ENOMEM;
        pool->use_prot_none = true;
    }
    return mprotect(guard, pool->guard_bytes, PROT_NONE) < 0 ? -ENOMEM : 0;
}

static void cap_by_mappings(struct stack_pool *pool)
{
    size_t limit = mapping_limit();
    size_t cap = limit > MAPS_FOR_OTHERS ? (limit - MAPS_FOR_OTHERS) / 2 : 0;
    if (cap < STACK_SLOTS_PER_SLAB)
        cap = STACK_SLOTS_PER_SLAB;
    log_line(LOG_LEVEL_NOTICE, "stack_guards",
             "there are no guard pages (MADV_GUARD_INSTALL, Linux 6.13): each stack costs two "
             "mappings, vm.max_map_count is %zu, so at most %zu coroutines a worker",
             limit, cap < pool->max_count ? cap : pool->max_count);
    if (cap < pool->max_count)
        pool->max_count = cap;
}

static int slab_add(struct stack_pool *pool)
{
    size_t bytes = pool->stride_bytes * STACK_SLOTS_PER_SLAB;
    char **slabs = realloc(pool->slabs, (pool->slab_count + 1) * sizeof *slabs);
    if (!slabs)
        return -ENOMEM;
    pool->slabs = slabs;
    struct galley_async **frees = realloc(
        pool->free, (pool->slab_count + 1) * STACK_SLOTS_PER_SLAB * sizeof(struct galley_async *));
    if (!frees)
        return -ENOMEM;
    pool->free = frees;
    char *slab = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slab == MAP_FAILED)
        return -ENOMEM;
    madvise(slab, bytes, MADV_NOHUGEPAGE); /* EINVAL where there are none: as well */
    for (size_t i = 0; i < STACK_SLOTS_PER_SLAB; i++) {
        if (guard_install(pool, slab + i * pool->stride_bytes) < 0) {
            munmap(slab, bytes);
            return -ENOMEM;
        }
    }
    pool->slabs[pool->slab_count++] = slab;
    pool->used_in_last = 0;
    return 0;
}

int stack_pool_init(struct stack_pool *pool, size_t stack_bytes, size_t max_count,
                    bool use_prot_none)
{
    /* valgrind reads memory on our behalf and knows guards only by their protection. */
    *pool = (struct stack_pool){.use_prot_none = use_prot_none || RUNNING_ON_VALGRIND,
                                .max_count = max_count};
    if (stack_bytes == 0)
        stack_bytes = STACK_BYTES_DEFAULT;
    if (stack_bytes < STACK_BYTES_MIN || stack_bytes > STACK_BYTES_MAX)
        return -EINVAL;
    pool->stack_bytes = (stack_bytes + PAGE_BYTES_MAX - 1) & ~(size_t)(PAGE_BYTES_MAX - 1);
    pool->guard_bytes = GUARD_BYTES;
    pool->stride_bytes = pool->stack_bytes + pool->guard_bytes;
    int rc = slab_add(pool);
    if (rc == 0 && pool->use_prot_none)
        cap_by_mappings(pool);
    return rc;
}

void stack_pool_release(struct stack_pool *pool)
{
    for (size_t i = 0; i < stack_count(pool); i++) {
        struct galley_async *co = stack_at(pool, i);
        VALGRIND_STACK_DEREGISTER(co->valgrind_id);
        san_stack_drop(co->stack_low, pool->stack_bytes);
        san_stack_clear(co->stack_low, pool->stack_bytes);
    }
    for (size_t i = 0; i < pool->slab_count; i++)
        munmap(pool->slabs[i], pool->stride_bytes * STACK_SLOTS_PER_SLAB);
    free(pool->slabs);
    free(pool->free);
    *pool = (struct stack_pool){0};
}

struct galley_async *stack_take_new(struct stack_pool *pool, ctx_entry_fn *entry)
{
    if (stack_count(pool) >= pool->max_count)
        return NULL;
    if (pool->used_in_last == STACK_SLOTS_PER_SLAB && slab_add(pool) < 0)
        return NULL;
    size_t index = pool->used_in_last++;
    char *slot = pool->slabs[pool->slab_count - 1] + index * pool->stride_bytes;
    struct galley_async *co = slot_block(pool, slot, index);
    co->state = CORO_FREE; /* the rest of a fresh mapping is zero */
    co->stack_low = slot + pool->guard_bytes;
    co->valgrind_id = VALGRIND_STACK_REGISTER(co->stack_low, slot + pool->stride_bytes);
    san_stack_add(co->stack_low, pool->stack_bytes);
    ctx_init(&co->ctx, co->stack_low, co, entry);
    return co;
}

size_t stack_count(const struct stack_pool *pool)
{
    if (pool->slab_count == 0)
        return 0;
    return (pool->slab_count - 1) * STACK_SLOTS_PER_SLAB + pool->used_in_last;
}

struct galley_async *stack_at(const struct stack_pool *pool, size_t index)
{
    size_t in_slab = index % STACK_SLOTS_PER_SLAB;
    char *slab = pool->slabs[index / STACK_SLOTS_PER_SLAB];
    return slot_block(pool, slab + in_slab * pool->stride_bytes, in_slab);
}

struct galley_async *stack_find(const struct stack_pool *pool, const void *address,
                                bool *is_in_guard)
{
    for (size_t i = 0; i < pool->slab_count; i++) {
        size_t offset = (size_t)((const char *)address - pool->slabs[i]);
        size_t index = offset / pool->stride_bytes;
        if ((const char *)address < pool->slabs[i] || index >= STACK_SLOTS_PER_SLAB)
            continue;
        size_t used = i + 1 < pool->slab_count ? STACK_SLOTS_PER_SLAB : pool->used_in_last;
        *is_in_guard = offset % pool->stride_bytes < pool->guard_bytes;
        return index < used ? stack_at(pool, i * STACK_SLOTS_PER_SLAB + index) : NULL;
    }
    *is_in_guard = false;
    return NULL;
}

size_t stack_trim(struct stack_pool *pool)
{
    size_t keep = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < pool->free_count; i++) {
        struct galley_async *co = pool->free[i];
        /* The page of the control block and of the frames just below it stays. */
        char *top = (char *)((uintptr_t)co & ~(uintptr_t)(keep - 1));
        if (top > co->stack_low)
            madvise(co->stack_low, (size_t)(top - co->stack_low), MADV_DONTNEED);
    }
    return pool->free_count;
}
