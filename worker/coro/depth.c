/* depth.c - how deep a coroutine's stack was used, of those that are measured.
 * Does:     give the pages below its frames back, so that afterwards a page that is there is one that it touched.
 * Does not: watch the others: a word that is looked at after each request would be one more cold page for each.
 *           Here (2 cores, virtual): 2.3 us to start, 3 us for each page touched again, 2.8 us to look.
 * See:      route_stats.h (who is measured), docs/WAITING.md (stacks), t/unit/worker/coro/depth.c */
#include <sys/mman.h>
#include <unistd.h>

#include "worker/coro/sched.h"

/* What this function and those it calls may need: at most one page that it did not touch is counted in. */
enum { NEAR_BYTES = 1024, PAGES_A_LOOK = 64 };

__attribute__((noinline)) bool coro_depth_start(galley_async *co)
{
    uintptr_t page_bytes = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t low = (uintptr_t)co->stack_low;
    uintptr_t end = ((uintptr_t)__builtin_frame_address(0) - NEAR_BYTES) & ~(page_bytes - 1);
    if (end <= low || end >= (uintptr_t)co)
        return false; /* not on this coroutine's stack, or hardly any of it is left */
    return madvise(co->stack_low, end - low, MADV_DONTNEED) == 0;
}

size_t coro_depth_bytes(const galley_async *co)
{
    unsigned char pages[PAGES_A_LOOK];
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE), look = PAGES_A_LOOK * page_bytes;
    char *top = co->stack_low + co->sched->stacks.stack_bytes;
    for (char *at = co->stack_low; at < top; at += look) {
        size_t bytes = (size_t)(top - at) < look ? (size_t)(top - at) : look;
        if (mincore(at, bytes, pages) < 0)
            return 0;
        for (size_t i = 0; i < bytes / page_bytes; i++)
            if (pages[i] & 1)
                return (size_t)(top - at) - i * page_bytes;
    }
    return 0;
}
