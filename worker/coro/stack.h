/* stack.h - the stacks of coroutines: slabs of slots, guard pages, reuse of the one used last.
 * Does:     map slabs of 64 slots {guard, stack with the control block at its top}; hand out and take back.
 * Does not: give memory back but by stack_trim; touch a page of a slot that was never used, but for
 *           those of one slab once there are hundreds.
 * See:      docs/WAITING.md (stacks), fault.c (what happens at a guard). */
#ifndef GALLEY_WORKER_CORO_STACK_H
#define GALLEY_WORKER_CORO_STACK_H

#include <stdbool.h>
#include <stddef.h>

#include "worker/coro/coro.h"

enum { STACK_SLOTS_PER_SLAB = 64, STACK_LINE_BYTES = 64, STACK_PAGES_AHEAD = 8 };

struct stack_pool {
    struct galley_async **free; /* used last, last; with room for all */
    size_t free_count;
    size_t quiet_count,
        trimmed_count; /* of these, the first ones: not touched since the last trim; trimmed already */
    char **slabs;
    size_t slab_count, used_count; /* slots handed out so far, slab by slab */
    size_t stack_bytes, guard_bytes, stride_bytes;
    size_t max_count; /* slots at most */
    bool use_prot_none;
};

/* 0; -ENOMEM, -EINVAL for a size out of range. Maps the first slab. */
int stack_pool_init(struct stack_pool *pool, size_t stack_bytes, size_t max_count,
                    bool use_prot_none);
/* All stacks must have been given back. */
void stack_pool_release(struct stack_pool *pool);

/* A control block at the top of its stack; `entry` will run on it at the first switch. NULL: over the cap or no
 * memory. One that was used before goes on where it last left, which is inside `entry`. */
struct galley_async *stack_take_new(struct stack_pool *pool, ctx_entry_fn *entry);
/* With many suspended coroutines the memory of the next one is cold. A page's first touch is the dearest (70 to 250 ns in
 * a virtual machine), and several of them at once cost little more than one: so look up the pages of the next few
 * together, before their turns. bench/run's row of 512 sleepers measures it. */
static inline void stack_prefetch_page(const struct galley_async *co)
{
    __builtin_prefetch(&co->link, 1);
}
static inline void stack_prefetch(const void *at, int lines)
{
    for (int i = 0; i < lines; i++)
        __builtin_prefetch((const char *)at + i * STACK_LINE_BYTES, 1);
}
/* The lines that a request's coroutine will touch: control block and entry's frame, and, behind the arena's first piece
 * (struct h1_request), the request and the frames below it. */
static inline void stack_prefetch_lines(const struct galley_async *co)
{
    stack_prefetch((const char *)co - 3 * STACK_LINE_BYTES, 7);
    stack_prefetch((const char *)co - 42 * STACK_LINE_BYTES, 26);
}
static inline struct galley_async *stack_take(struct stack_pool *pool, ctx_entry_fn *entry)
{
    if (__builtin_expect(pool->free_count == 0, 0))
        return stack_take_new(pool, entry);
    struct galley_async **free = pool->free;
    size_t left = --pool->free_count;
    if (left < pool->quiet_count)
        pool->quiet_count = left;
    if (left % STACK_PAGES_AHEAD == 0)
        for (size_t i = left; i > 0 && i + STACK_PAGES_AHEAD > left; i--)
            stack_prefetch_page(free[i - 1]);
    return free[left];
}
static inline void stack_give(struct stack_pool *pool, struct galley_async *co)
{
    pool->free[pool->free_count++] = co;
}

/* Slots that exist, used at least once; and those of all slabs. */
static inline size_t stack_count(const struct stack_pool *pool)
{
    return pool->used_count;
}
static inline size_t stack_room(const struct stack_pool *pool)
{
    return pool->slab_count * STACK_SLOTS_PER_SLAB;
}
/* Control block `index` of those; its state tells whether it lives. */
struct galley_async *stack_at(const struct stack_pool *pool, size_t index);
/* Whose slot (guard included) `address` is in, and whether it is in its guard; NULL: in none. Async-signal-safe. */
struct galley_async *stack_find(const struct stack_pool *pool, const void *address,
                                bool *is_in_guard);
/* Now and then: give back the pages below the top one of free stacks that nobody has taken since the last call, some at a
 * time; 0.4 us each. How many. */
size_t stack_trim(struct stack_pool *pool);

#endif
