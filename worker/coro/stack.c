/* stack.c - slabs of coroutine stacks with guards.
 * Does:     map slabs of 64 slots, several at once when there are many; guards by MADV_GUARD_INSTALL, which costs no
 *           mapping of its own, else by mprotect, which costs two and therefore a cap; with many, the system calls and
 *           the first touches of a whole slab together.
 * Does not: run anything.
 * See:      stack.h, t/unit/worker/coro/stack.c */
#include "worker/coro/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/uio.h>
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
    GROWTH_PART =
        8, /* an eighth of the slabs that there are is mapped at once, but no more than these */
    SLABS_AT_ONCE_MAX = 16,
    SLABS_UNTOUCHED =
        8, /* later ones get the first page of each stack together: up to 63 too early */
    /* Control blocks at the same place of every page would share a few cache sets: 8 colors, a line apart. */
    COLORS = 8,
    LINE_BYTES = STACK_LINE_BYTES,
    FRAMES_BYTES = 1024,
    TRIMMED_AT_ONCE = 256 /* some 0.1 ms */
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

static size_t slab_bytes(const struct stack_pool *pool)
{
    return pool->stride_bytes * STACK_SLOTS_PER_SLAB;
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

/* How many slabs to map now: one, then an eighth of those there are. */
static size_t slabs_to_add(const struct stack_pool *pool)
{
    size_t left = (pool->max_count - pool->used_count) / STACK_SLOTS_PER_SLAB + 1;
    size_t count = pool->slab_count / GROWTH_PART;
    if (count > SLABS_AT_ONCE_MAX)
        count = SLABS_AT_ONCE_MAX;
    if (count > left)
        count = left;
    return count > 0 ? count : 1;
}

/* All guards of a slab in one call (Linux 6.14 lets a process advise itself so). */
static bool slab_guard_at_once(const struct stack_pool *pool, int self_fd, char *slab)
{
    struct iovec guards[STACK_SLOTS_PER_SLAB];
    for (size_t i = 0; i < STACK_SLOTS_PER_SLAB; i++)
        guards[i] = (struct iovec){slab + i * pool->stride_bytes, pool->guard_bytes};
    return process_madvise(self_fd, guards, STACK_SLOTS_PER_SLAB, MADV_GUARD_INSTALL, 0) ==
           (ssize_t)(pool->guard_bytes * STACK_SLOTS_PER_SLAB);
}

static int slab_guard(struct stack_pool *pool, int self_fd, char *slab)
{
    if (self_fd >= 0 && slab_guard_at_once(pool, self_fd, slab))
        return 0;
    for (size_t i = 0; i < STACK_SLOTS_PER_SLAB; i++) {
        if (guard_install(pool, slab + i * pool->stride_bytes) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int slabs_guard(struct stack_pool *pool, char *slabs, size_t count)
{
    /* The first slab shows, guard by guard, that they hold. */
    int self_fd = pool->slab_count > 0 && !pool->use_prot_none ? pidfd_open(getpid(), 0) : -1;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = slab_guard(pool, self_fd, slabs + i * slab_bytes(pool));
    if (self_fd >= 0)
        close(self_fd);
    return rc;
}

static int slabs_map(struct stack_pool *pool, size_t count)
{
    size_t bytes = slab_bytes(pool) * count;
    char *slabs = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (slabs == MAP_FAILED)
        return -ENOMEM;
    madvise(slabs, bytes, MADV_NOHUGEPAGE); /* EINVAL where there are none: as well */
    if (slabs_guard(pool, slabs, count) < 0) {
        munmap(slabs, bytes);
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++)
        pool->slabs[pool->slab_count++] = slabs + i * slab_bytes(pool);
    return 0;
}

static int slabs_add(struct stack_pool *pool)
{
    size_t count = slabs_to_add(pool), room = pool->slab_count + count;
    char **slabs = realloc(pool->slabs, room * sizeof *slabs);
    if (!slabs)
        return -ENOMEM;
    pool->slabs = slabs;
    struct galley_async **frees =
        realloc(pool->free, room * STACK_SLOTS_PER_SLAB * sizeof(struct galley_async *));
    if (!frees)
        return -ENOMEM;
    pool->free = frees;
    int rc = slabs_map(pool, count);
    return rc < 0 && count > 1 ? slabs_map(pool, 1) : rc; /* address space may be short */
}

/* Let the kernel write to the first page of each stack of a slab: 64 faults in one system call cost less than as many
 * exceptions, and only what is there can be prefetched. Where it may not, each is touched when it is used. */
static void slab_touch(const struct stack_pool *pool, char *slab)
{
    uint64_t zeros[STACK_SLOTS_PER_SLAB] = {0};
    struct iovec from = {zeros, sizeof zeros}, tops[STACK_SLOTS_PER_SLAB];
    for (size_t i = 0; i < STACK_SLOTS_PER_SLAB; i++)
        tops[i] =
            (struct iovec){slab + (i + 1) * pool->stride_bytes - sizeof zeros[i], sizeof zeros[i]};
    ssize_t done = process_vm_readv(getpid(), tops, STACK_SLOTS_PER_SLAB, &from, 1, 0);
    (void)done;
}

/* The control block of the next slot and the frames below it, and the page of the one after it. */
static void prefetch_new(const struct stack_pool *pool, char *slot, size_t index)
{
    if (index + 2 >= STACK_SLOTS_PER_SLAB)
        return;
    const struct galley_async *next = slot_block(pool, slot + pool->stride_bytes, index + 1);
    stack_prefetch((const char *)next - LINE_BYTES, (int)(block_bytes() / LINE_BYTES) + 1);
    stack_prefetch_page(slot_block(pool, slot + 2 * pool->stride_bytes, index + 2));
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
    int rc = slabs_add(pool);
    if (rc == 0 && pool->use_prot_none)
        cap_by_mappings(pool);
    return rc;
}

void stack_pool_release(struct stack_pool *pool)
{
    for (size_t i = 0; i < stack_count(pool); i++) {
        struct galley_async *co = stack_at(pool, i);
        VALGRIND_STACK_DEREGISTER(co->valgrind_id);
        san_fiber_free(co->fiber);
        san_stack_drop(co->stack_low, pool->stack_bytes);
        san_stack_clear(co->stack_low, pool->stack_bytes);
    }
    for (size_t i = 0; i < pool->slab_count; i++)
        munmap(pool->slabs[i], slab_bytes(pool));
    free(pool->slabs);
    free(pool->free);
    *pool = (struct stack_pool){0};
}

struct galley_async *stack_take_new(struct stack_pool *pool, ctx_entry_fn *entry)
{
    if (pool->used_count >= pool->max_count)
        return NULL;
    if (pool->used_count == stack_room(pool) && slabs_add(pool) < 0)
        return NULL;
    size_t index = pool->used_count % STACK_SLOTS_PER_SLAB;
    char *slot = pool->slabs[pool->used_count / STACK_SLOTS_PER_SLAB] + index * pool->stride_bytes;
    if (index == 0 && pool->used_count >= SLABS_UNTOUCHED * STACK_SLOTS_PER_SLAB)
        slab_touch(pool, slot);
    pool->used_count++;
    struct galley_async *co = slot_block(pool, slot, index);
    prefetch_new(pool, slot, index);
    co->state = CORO_FREE; /* the rest of a fresh mapping is zero */
    co->stack_low = slot + pool->guard_bytes;
    co->valgrind_id = VALGRIND_STACK_REGISTER(co->stack_low, slot + pool->stride_bytes);
    san_stack_add(co->stack_low, pool->stack_bytes);
    co->fiber = san_fiber_new();
    ctx_init(&co->ctx, co->stack_low, co, entry);
    return co;
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
        index += i * STACK_SLOTS_PER_SLAB;
        *is_in_guard = offset % pool->stride_bytes < pool->guard_bytes;
        return index < pool->used_count ? stack_at(pool, index) : NULL;
    }
    *is_in_guard = false;
    return NULL;
}

/* The page of the control block stays, and of the frames below it, in which it waits to be used again. */
static void trim(const struct galley_async *co, size_t page_bytes)
{
    char *top = (char *)(((uintptr_t)co - FRAMES_BYTES) & ~(uintptr_t)(page_bytes - 1));
    if (top > co->stack_low)
        madvise(co->stack_low, (size_t)(top - co->stack_low), MADV_DONTNEED);
}

/* The one used last is taken first: with less to do, those at the bottom stay where they are. */
size_t stack_trim(struct stack_pool *pool)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), count = 0;
    if (pool->trimmed_count > pool->quiet_count)
        pool->trimmed_count = pool->quiet_count;
    for (; pool->trimmed_count < pool->quiet_count && count < TRIMMED_AT_ONCE; count++)
        trim(pool->free[pool->trimmed_count++], page_bytes);
    pool->quiet_count = pool->free_count;
    return count;
}
