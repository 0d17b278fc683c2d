/* timer.c - when which waiting coroutine must go on, at the latest.
 * Does:     a heap of four children a node; a table says where in it each timer is, so removal is O(log n).
 * Does not: read a clock or resume anything.
 * See:      sched.c (timers_fire), t/unit/worker/coro/timer.c */
#include <stdlib.h>

#include "common/bug.h"
#include "worker/coro/sched.h"

static void place(struct timer_heap *heap, size_t at, struct timer_entry entry)
{
    heap->entries[at] = entry;
    heap->slots[entry.slot].at = (uint32_t)at;
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
    struct timer_slot *slots = realloc(heap->slots, count * sizeof *slots);
    if (!slots)
        return -ENOMEM;
    heap->slots = slots;
    for (size_t i = count; i-- > heap->room;) {
        slots[i].at = heap->free;
        heap->free = (uint32_t)i + 1;
    }
    heap->room = count;
    return 0;
}

void timer_heap_release(struct timer_heap *heap)
{
    free(heap->entries);
    free(heap->slots);
    *heap = (struct timer_heap){0};
}

/* Out of the heap; its slot stays. */
static void take_out(struct timer_heap *heap, size_t at)
{
    struct timer_entry last = heap->entries[--heap->count];
    if (at == heap->count)
        return;
    if (at > 0 && heap->entries[(at - 1) / 4].at_ms > last.at_ms)
        sift_up(heap, at, last);
    else
        sift_down(heap, at, last);
}

static bool is_set_to(const struct timer_heap *heap, const galley_async *co, int64_t at_ms)
{
    if (co->timer == 0)
        return false;
    uint32_t at = heap->slots[co->timer - 1].at;
    return at != TIMER_TAKEN && heap->entries[at].at_ms == at_ms;
}

void timer_set(struct timer_heap *heap, galley_async *co, int64_t at_ms)
{
    if (is_set_to(heap, co, at_ms))
        return;
    timer_remove(heap, co);
    if (at_ms == INT64_MAX)
        return;
    GALLEY_BUG_IF(heap->free == 0, "no room for the timer of %s", co->name);
    uint32_t slot = heap->free - 1;
    heap->free = heap->slots[slot].at;
    heap->slots[slot].co = co;
    co->timer = slot + 1;
    sift_up(heap, heap->count++, (struct timer_entry){at_ms, slot});
}

void timer_remove(struct timer_heap *heap, galley_async *co)
{
    if (co->timer == 0)
        return;
    uint32_t slot = co->timer - 1;
    if (heap->slots[slot].at != TIMER_TAKEN)
        take_out(heap, heap->slots[slot].at);
    heap->slots[slot].at = heap->free;
    heap->free = co->timer;
    co->timer = 0;
}

size_t timer_take_due(struct timer_heap *heap, int64_t now_ms, uint32_t *slots, size_t room)
{
    size_t count = 0;
    while (count < room && heap->count > 0 && heap->entries[0].at_ms <= now_ms) {
        uint32_t slot = heap->entries[0].slot;
        take_out(heap, 0);
        heap->slots[slot].at = TIMER_TAKEN;
        slots[count++] = slot;
    }
    return count;
}

galley_async *timer_taken(const struct timer_heap *heap, uint32_t slot)
{
    return heap->slots[slot].at == TIMER_TAKEN ? heap->slots[slot].co : NULL;
}
