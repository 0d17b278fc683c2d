/* t/unit/worker/coro/timer.c - the heap against a plain list, in random order. */
#include "t/unit/worker/coro/world.h"

enum { SEEDS = 300, STEPS = 400, TIMERS = 40 };

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void check_places(const struct timer_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        const struct timer_slot *slot = &heap->slots[heap->entries[i].slot];
        assert_int_equal(slot->at, i);
        assert_int_equal(slot->co->timer, heap->entries[i].slot + 1);
        if (i > 0)
            assert_true(heap->entries[(i - 1) / 4].at_ms <= heap->entries[i].at_ms);
    }
}

/* Take a few, three at a time; on the way one of them is removed or set anew. */
static void take_due(struct timer_heap *heap, galley_async *cos, int64_t *model, int64_t now_ms,
                     uint64_t chance)
{
    uint32_t taken[3];
    int64_t last_ms = INT64_MIN;
    for (size_t count; (count = timer_take_due(heap, now_ms, taken, 3)) > 0;) {
        for (size_t i = 0; i < count; i++) {
            galley_async *co = timer_taken(heap, taken[i]);
            assert_non_null(co);
            assert_int_equal(co->timer, taken[i] + 1);
            assert_true(model[co - cos] <= now_ms);
            assert_true(model[co - cos] >= last_ms);
            last_ms = model[co - cos];
        }
        size_t other = chance % count;
        for (size_t i = 0; i < count; i++) {
            galley_async *co = timer_taken(heap, taken[i]);
            model[co - cos] = INT64_MAX;
            if (i == other && chance % 2 == 0) {
                timer_set(heap, co, now_ms + 1);
                model[co - cos] = now_ms + 1;
            } else {
                timer_remove(heap, co);
                assert_int_equal(co->timer, 0);
            }
            assert_null(timer_taken(heap, taken[i]));
        }
    }
    for (int i = 0; i < TIMERS; i++)
        assert_true(model[i] > now_ms);
}

static void one_seed(uint64_t seed)
{
    struct timer_heap heap = {0};
    galley_async *cos = calloc(TIMERS, sizeof *cos);
    int64_t model[TIMERS];
    assert_non_null(cos);
    assert_int_equal(timer_reserve(&heap, TIMERS), 0);
    for (int i = 0; i < TIMERS; i++)
        model[i] = INT64_MAX;
    for (int step = 0; step < STEPS; step++) {
        size_t which = next_random(&seed) % TIMERS;
        int64_t at_ms = (int64_t)(next_random(&seed) % 100);
        switch (next_random(&seed) % 4) {
        case 0:
            timer_remove(&heap, &cos[which]);
            model[which] = INT64_MAX;
            break;
        case 1:
            take_due(&heap, cos, model, at_ms / 4, next_random(&seed));
            break;
        default:
            timer_set(&heap, &cos[which], at_ms == 99 ? INT64_MAX : at_ms);
            model[which] = at_ms == 99 ? INT64_MAX : at_ms;
        }
        check_places(&heap);
    }
    take_due(&heap, cos, model, 1000, 1);
    assert_int_equal(heap.count, 0);
    timer_heap_release(&heap);
    free(cos);
}

static void random_orders(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        one_seed(seed * 0x9e3779b97f4a7c15u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_orders)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
