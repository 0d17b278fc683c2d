/* timer.c - when which waiting coroutine must go on, at the latest.
 * Does:     a heap of four children a node; the place of each lies in its coroutine, so removal is O(log n).
 * Does not: read a clock or resume anything.
 * See:      sched.c (timers_fire), t/unit/worker/coro/timer.c */
#include <stdlib.h>

#include "common/bug.h"
#include "worker/coro/sched.h"

static void place(struct timer_heap *heap, size_t at, struct timer_entry entry)
{
    heap->entries[at] = entry;
    entry.co->timer_at = (uint32_t)at + 1;
}

static void sift_up(struct timer_heap *heap, size_t at, struct timer_entry entry)
{
    while (at > 0 && heap->entries[(at - 1) / 4].at_ms > entry.at_ms) {
        place(heap, at, heap->entries[(at - 1) / 4]);
        at = (at - 1) / 4;
    }
    place(heap, at, entry);
}

static void sift_down(struct timer_heap *heap, size_t at, struct timer_entry entry)
{
    for (;;) {
        size_t first = at * 4 + 1, least = first;
        if (first >= heap->count)
            break;
        size_t end = first + 4 < heap->count ? first + 4 : heap->count;
        for (size_t i = first + 1; i < end; i++) {
            if (heap->entries[i].at_ms < heap->entries[least].at_ms)
                least = i;
        }
        if (heap->entries[least].at_ms >= entry.at_ms)
            break;
        place(heap, at, heap->entries[least]);
        at = least;
    }
    place(heap, at, entry);
}

int timer_reserve(struct timer_heap *heap, size_t count)
{
    if (count <= heap->room)
        return 0;
    struct timer_entry *entries = realloc(heap->entries, count * sizeof *entries);
    if (!entries)
        return -ENOMEM;
    heap->entries = entries;
    heap->room = count;
    return 0;
}

void timer_set(struct timer_heap *heap, galley_async *co, int64_t at_ms)
{
    if (co->timer_at != 0 && heap->entries[co->timer_at - 1].at_ms == at_ms)
        return;
    timer_remove(heap, co);
    if (at_ms == INT64_MAX)
        return;
    GALLEY_BUG_IF(heap->count == heap->room, "no room for the timer of %s", co->name);
    sift_up(heap, heap->count++, (struct timer_entry){at_ms, co});
}

void timer_remove(struct timer_heap *heap, galley_async *co)
{
    if (co->timer_at == 0)
        return;
    size_t at = co->timer_at - 1;
    co->timer_at = 0;
    struct timer_entry last = heap->entries[--heap->count];
    if (at == heap->count)
        return;
    if (at > 0 && heap->entries[(at - 1) / 4].at_ms > last.at_ms)
        sift_up(heap, at, last);
    else
        sift_down(heap, at, last);
}

galley_async *timer_take_due(struct timer_heap *heap, int64_t now_ms)
{
    if (heap->count == 0 || heap->entries[0].at_ms > now_ms)
        return NULL;
    galley_async *co = heap->entries[0].co;
    timer_remove(heap, co);
    return co;
}
