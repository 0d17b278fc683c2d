/* redis_queue.h - messages of Redis that wait for one reader.
 * Does:     keep the newest 256, or 4 MiB; count what was lost, before the message that came behind the loss.
 * Does not: wake anybody. A message is kept once, however many queues it is in.
 * See:      redis_sub.c, t/unit/worker/io/redis_queue.c */
#ifndef GALLEY_WORKER_IO_REDIS_QUEUE_H
#define GALLEY_WORKER_IO_REDIS_QUEUE_H

#include <galley/value.h>

/* The one thing here that several own. */
struct redis_message {
    uint32_t owners;
    size_t channel_len, data_len;
    char bytes[]; /* the channel, NUL, the data, NUL */
};

/* A copy of both, owned by the caller; NULL: no memory. */
struct redis_message *redis_message_new(galley_str channel, galley_str data);
/* One owner fewer; NULL is fine. */
void redis_message_unref(struct redis_message *message);

struct redis_queued {
    struct redis_message *message;
    uint64_t missed; /* before it */
};

/* Zeroed, it is empty. */
struct redis_queue {
    struct redis_queued *ring;
    size_t first, count, room, bytes;
    uint64_t missed; /* before the next that comes */
};

enum { REDIS_QUEUE_MAX = 256, REDIS_QUEUE_MAX_BYTES = 4 << 20 };

/* Becomes one more owner of the message. */
void redis_queue_put(struct redis_queue *queue, struct redis_message *message);
/* The oldest, which is the caller's then, and what was lost before it; NULL: there is none. */
struct redis_message *redis_queue_take(struct redis_queue *queue, uint64_t *missed);
void redis_queue_release(struct redis_queue *queue);

#endif
