/* channel.c - channels of galley/channel.h.
 * Does:     copy values into a ring, or straight from who sends to who waits to receive.
 * Does not: let anybody overtake: who waits to receive does so because the ring is empty, who waits to send because it
 *           is full; what comes first serves them first.
 * See:      queue.h, docs/WAITING.md, t/unit/worker/coro/channel.c */
#include <galley/channel.h>

#include <string.h>

#include "worker/coro/queue.h"
#include "worker/coro/sched.h"

static char *place(struct galley_channel *channel, const struct galley__room *room, size_t index)
{
    return (char *)channel + room->at_bytes + index % room->count * room->item_bytes;
}

static void put(struct galley_channel *channel, const struct galley__room *room, const void *item)
{
    memcpy(place(channel, room, channel->_first + channel->_count), item, room->item_bytes);
    channel->_count++;
}

int galley__channel_send(galley_async *co, struct galley_channel *channel, struct galley__room room,
                         const void *item, const char *here)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    struct waiter *receiver = queue_take(queue_in(channel->_receivers));
    if (channel->_is_closed) {
        rc = -EPIPE;
    } else if (receiver) {
        memcpy(receiver->to, item, room.item_bytes);
        coro_wake(receiver->co, 1);
    } else if (channel->_count < room.count) {
        put(channel, &room, item);
    } else {
        struct waiter waiter = {.co = co, .from = item};
        return queue_wait(queue_in(channel->_senders), &waiter, "room in a channel", here);
    }
    coro_spend(co);
    return rc;
}

/* The oldest, if there is any. Who has waited longest to send has sent then. */
static bool take(struct galley_channel *channel, const struct galley__room *room, void *item)
{
    struct waiter *sender = queue_take(queue_in(channel->_senders));
    if (channel->_count > 0) {
        memcpy(item, place(channel, room, channel->_first), room->item_bytes);
        channel->_first = (channel->_first + 1) % room->count;
        channel->_count--;
        if (sender)
            put(channel, room, sender->from);
    } else if (sender) {
        memcpy(item, sender->from, room->item_bytes);
    } else {
        return false;
    }
    if (sender)
        coro_wake(sender->co, 0);
    return true;
}

int galley__channel_receive(galley_async *co, struct galley_channel *channel,
                            struct galley__room room, void *item, const char *here)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    bool is_taken = take(channel, &room, item);
    if (!is_taken && !channel->_is_closed) {
        struct waiter waiter = {.co = co, .to = item};
        return queue_wait(queue_in(channel->_receivers), &waiter, "a value from a channel", here);
    }
    coro_spend(co);
    return is_taken;
}

void galley__channel_close(galley_async *co, struct galley_channel *channel)
{
    (void)co; /* proves that this is no thread */
    channel->_is_closed = true;
    struct list *senders = queue_in(channel->_senders);
    struct list *receivers = queue_in(channel->_receivers);
    for (struct waiter *waiter; (waiter = queue_take(senders)) != NULL;)
        coro_wake(waiter->co, -EPIPE);
    for (struct waiter *waiter; (waiter = queue_take(receivers)) != NULL;)
        coro_wake(waiter->co, 0);
}
