/* no_memory.c - a library for LD_PRELOAD that lets allocations of a process fail, when the test says so.
 * Does:     count malloc, calloc, realloc, posix_memalign, aligned_alloc and mmap while it is armed; let a range of them fail,
 *           or one in so many, in one process or in all that share the page. With NO_MEMORY_TRACE=1 it shows from where.
 * Does not: touch anything while it is not armed.
 * See:      t/lib/Galley/NoMemory.pm (which writes the page), t/38-no-memory.t */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Not instrumented: it runs before a sanitizer has set itself up. */
#define PLAIN __attribute__((no_sanitize("address", "undefined")))

/* The page that the test writes, in the order of NoMemory.pm. */
struct orders {
    uint64_t is_armed, pid; /* pid 0: every process */
    uint64_t from, burst;   /* calls from..from+burst-1 fail, the first is 1 */
    uint64_t one_in, seed;  /* and one in so many, 0: none */
    uint64_t calls, failed; /* counted since it was armed */
};

static struct orders *orders;
static int is_tracing;
static __thread int is_inside;

__attribute__((constructor)) PLAIN static void map_orders(void)
{
    const char *path = getenv("NO_MEMORY");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *page =
        (void *)syscall(SYS_mmap, NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    void *frame[1];
    if (getenv("NO_MEMORY_TRACE") != NULL)
        is_tracing = backtrace(frame, 1); /* the first one loads a library */
    if (page != MAP_FAILED)
        __atomic_store_n(&orders, page, __ATOMIC_RELEASE);
}

PLAIN static void trace(void)
{
    void *frames[24];
    is_inside = 1;
    int count = backtrace(frames, 24);
    backtrace_symbols_fd(frames, count, 2);
    syscall(SYS_write, 2, "--\n", 3);
    is_inside = 0;
}

/* Whether this call is to fail. */
PLAIN static int fails(void)
{
    struct orders *now = __atomic_load_n(&orders, __ATOMIC_ACQUIRE);
    if (now == NULL || !__atomic_load_n(&now->is_armed, __ATOMIC_ACQUIRE) || is_inside)
        return 0;
    if (now->pid != 0 && now->pid != (uint64_t)getpid())
        return 0;
    uint64_t call = __atomic_add_fetch(&now->calls, 1, __ATOMIC_RELAXED);
    int is_due = call >= now->from && call - now->from < now->burst;
    if (!is_due && now->one_in != 0) {
        uint64_t mix = (call + now->seed) * 0x9e3779b97f4a7c15u;
        mix = (mix ^ mix >> 29) * 0xbf58476d1ce4e5b9u;
        is_due = (mix >> 32) % now->one_in == 0;
    }
    if (!is_due)
        return 0;
    __atomic_add_fetch(&now->failed, 1, __ATOMIC_RELAXED);
    if (is_tracing)
        trace();
    errno = ENOMEM;
    return 1;
}

/* The next one of that name, the C library's or a sanitizer's. */
#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL)                                                                              \
        *(void **)&next = dlsym(RTLD_NEXT, #name);

PLAIN void *malloc(size_t size)
{
    NEXT(malloc)
    return fails() ? NULL : next(size);
}

PLAIN void *calloc(size_t count, size_t size)
{
    NEXT(calloc)
    return fails() ? NULL : next(count, size);
}

PLAIN void *realloc(void *old, size_t size)
{
    NEXT(realloc)
    return fails() ? NULL : next(old, size);
}

PLAIN int posix_memalign(void **at, size_t alignment, size_t size)
{
    NEXT(posix_memalign)
    return fails() ? ENOMEM : next(at, alignment, size);
}

PLAIN void *aligned_alloc(size_t alignment, size_t size)
{
    NEXT(aligned_alloc)
    return fails() ? NULL : next(alignment, size);
}

PLAIN void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED
                   : (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}
