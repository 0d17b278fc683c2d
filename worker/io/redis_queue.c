/* redis_queue.c - messages of Redis that wait for one reader; see redis_queue.h.
 * Does:     a ring that grows by doubling up to its bound.
 * Does not: shrink: it goes with its reader. */
#include "worker/io/redis_queue.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 8 };

struct redis_message *redis_message_new(galley_str channel, galley_str data)
{
    struct redis_message *message = malloc(sizeof *message + channel.len + data.len + 2);
    if (!message)
        return NULL;
    *message =
        (struct redis_message){.owners = 1, .channel_len = channel.len, .data_len = data.len};
    char *at = mempcpy(message->bytes, channel.data, channel.len);
    *at++ = '\0';
    at = mempcpy(at, data.data, data.len);
    *at = '\0';
    return message;
}

void redis_message_unref(struct redis_message *message)
{
    if (message && --message->owners == 0)
        free(message);
}

struct redis_message *redis_queue_take(struct redis_queue *queue, uint64_t *missed)
{
    *missed = 0;
    if (queue->count == 0)
        return NULL;
    struct redis_queued *oldest = &queue->ring[queue->first % queue->room];
    *missed = oldest->missed;
    queue->first++;
    queue->count--;
    queue->bytes -= oldest->message->data_len;
    return oldest->message;
}

static void drop_oldest(struct redis_queue *queue)
{
    uint64_t missed;
    redis_message_unref(redis_queue_take(queue, &missed));
    uint64_t *next =
        queue->count > 0 ? &queue->ring[queue->first % queue->room].missed : &queue->missed;
    *next += missed + 1;
}

static bool grow(struct redis_queue *queue)
{
    size_t room = queue->room ? queue->room * 2 : ROOM_FIRST;
    struct redis_queued *ring = calloc(room, sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < queue->count; i++)
        ring[i] = queue->ring[(queue->first + i) % queue->room];
    free(queue->ring);
    queue->ring = ring;
    queue->room = room;
    queue->first = 0;
    return true;
}

void redis_queue_put(struct redis_queue *queue, struct redis_message *message)
{
    while (queue->count > 0 && (queue->count == REDIS_QUEUE_MAX ||
                                queue->bytes + message->data_len > REDIS_QUEUE_MAX_BYTES))
        drop_oldest(queue);
    if (queue->count == queue->room && !grow(queue)) {
        queue->missed++;
        return;
    }
    message->owners++;
    queue->ring[(queue->first + queue->count) % queue->room] =
        (struct redis_queued){message, queue->missed};
    queue->missed = 0;
    queue->count++;
    queue->bytes += message->data_len;
}

void redis_queue_release(struct redis_queue *queue)
{
    uint64_t missed;
    for (struct redis_message *message; (message = redis_queue_take(queue, &missed)) != NULL;)
        redis_message_unref(message);
    free(queue->ring);
    *queue = (struct redis_queue){.ring = NULL};
}
