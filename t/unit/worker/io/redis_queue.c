/* t/unit/worker/io/redis_queue.c - messages that wait: in order, bounded, and what was lost is counted in its place. */
#include "worker/io/redis_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void put(struct redis_queue *queue, int number, size_t len)
{
    char *data = calloc(1, len + 16);
    snprintf(data, 16, "%d", number);
    struct redis_message *message =
        redis_message_new((galley_str){"c", 1}, (galley_str){data, len ? len : strlen(data)});
    assert_non_null(message);
    redis_queue_put(queue, message);
    redis_message_unref(message);
    free(data);
}

/* The number in the oldest, and what was missed before it; -1: there is none. */
static int take(struct redis_queue *queue, uint64_t *missed)
{
    struct redis_message *message = redis_queue_take(queue, missed);
    if (!message)
        return -1;
    int number = (int)strtol(message->bytes + message->channel_len + 1, NULL, 10);
    redis_message_unref(message);
    return number;
}

static void in_order(void **state)
{
    struct redis_queue queue = {.room = 0};
    uint64_t missed;
    (void)state;
    assert_int_equal(take(&queue, &missed), -1);
    for (int round = 0, next = 0, last = 0; round < 50; round++) {
        for (int i = 0; i < round % 17; i++)
            put(&queue, next++, 0);
        while (queue.count > (size_t)(round % 5)) {
            assert_int_equal(take(&queue, &missed), last++);
            assert_int_equal(missed, 0);
        }
    }
    redis_queue_release(&queue);
}

static void loses_the_oldest(void **state)
{
    struct redis_queue queue = {.room = 0};
    uint64_t missed;
    (void)state;
    queue.missed = 3;
    for (int i = 0; i < REDIS_QUEUE_MAX + 10; i++)
        put(&queue, i, 0);
    assert_int_equal(queue.count, REDIS_QUEUE_MAX);
    assert_int_equal(take(&queue, &missed), 10);
    assert_int_equal(missed, 13);
    assert_int_equal(take(&queue, &missed), 11);
    assert_int_equal(missed, 0);
    redis_queue_release(&queue);
}

static void counts_bytes(void **state)
{
    struct redis_queue queue = {.room = 0};
    uint64_t missed;
    (void)state;
    for (int i = 0; i < 10; i++)
        put(&queue, i, REDIS_QUEUE_MAX_BYTES / 4);
    assert_int_equal(queue.count, 4);
    put(&queue, 10, REDIS_QUEUE_MAX_BYTES * 2); /* one alone is always kept */
    assert_int_equal(queue.count, 1);
    assert_int_equal(take(&queue, &missed), 10);
    assert_int_equal(missed, 10);
    assert_int_equal(queue.bytes, 0);
    redis_queue_release(&queue);
}

static void shares_a_message(void **state)
{
    struct redis_queue a = {.room = 0}, b = {.room = 0};
    uint64_t missed;
    (void)state;
    struct redis_message *message = redis_message_new((galley_str){"c", 1}, (galley_str){"d", 1});
    redis_queue_put(&a, message);
    redis_queue_put(&b, message);
    redis_message_unref(message);
    redis_queue_release(&a);
    struct redis_message *same = redis_queue_take(&b, &missed);
    assert_ptr_equal(same, message);
    assert_int_equal(same->owners, 1);
    redis_message_unref(same);
    redis_message_unref(NULL);
    redis_queue_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(loses_the_oldest),
        cmocka_unit_test(counts_bytes),
        cmocka_unit_test(shares_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
