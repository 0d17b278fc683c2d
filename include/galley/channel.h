/* channel.h - values from coroutine to coroutine, through a room of fixed size.
 * Does:     send and receive copies of values of one type, in order; close.
 * Does not: work between threads or processes; allocate: the memory is the caller's. A zeroed channel is open and empty:
 *           nothing to initialise or to release; but it may not be copied or moved once used, and must outlive who waits.
 *
 *     GALLEY_CHANNEL(tickets, struct ticket, 16);
 *     static struct tickets tickets;
 *
 *     rc = galley_channel_send(co, &tickets, &ticket);
 *     while ((rc = galley_channel_receive(co, &tickets, &ticket)) > 0)
 *         ...
 *
 * Who waits is served first come, first served; nobody comes in between. A call that is cancelled has neither sent nor
 * taken anything; what was handed over before stays handed over: the call succeeds, and the next one fails. */
#ifndef GALLEY_CHANNEL_H
#define GALLEY_CHANNEL_H

#include <galley/wait.h>

/* struct name: a channel of `type` (complete, not const) with room for `count`; 0: who sends waits for who receives. */
#define GALLEY_CHANNEL(name, type, count)                                                          \
    struct name {                                                                                  \
        struct galley_channel channel;                                                             \
        type room[count];                                                                          \
    }

struct galley_channel {
    void *_senders[2], *_receivers[2];
    size_t _first, _count;
    bool _is_closed;
};

/* Copy *item into the channel; waits while it is full. 0; -EPIPE: it is closed, or was while this waited;
 * -ECANCELED. int (galley_async *co, struct name *channel, const type *item). */
/* clang-format off */
#define galley_channel_send(co, to, item)                                                          \
    galley__channel_send(co, &(to)->channel, GALLEY__ROOM(to),                                     \
                         _Generic((item), __typeof__((to)->room[0]) *: (item),                     \
                                  const __typeof__((to)->room[0]) *: (item)), GALLEY_HERE)

/* Move the oldest into *item; waits while there is none. 1; 0: it is closed, and nothing is left; -ECANCELED.
 * int (galley_async *co, struct name *channel, type *item). */
#define galley_channel_receive(co, from, item)                                                     \
    galley__channel_receive(co, &(from)->channel, GALLEY__ROOM(from),                              \
                            _Generic((item), __typeof__((from)->room[0]) *: (item)), GALLEY_HERE)

/* No more is sent: who waits to send gets -EPIPE, who waits to receive 0. What is in the channel may still be received.
 * Never waits; idempotent. void (galley_async *co, struct name *channel). */
#define galley_channel_close(co, which) galley__channel_close(co, &(which)->channel)

#define GALLEY__ROOM(c)                                                                            \
    ((struct galley__room){offsetof(__typeof__(*(c)), room),                                       \
                           sizeof (c)->room / sizeof (c)->room[0], sizeof (c)->room[0]})
/* clang-format on */

struct galley__room {
    size_t at_bytes, count, item_bytes; /* from the channel's address on */
};
GALLEY_API GALLEY_YIELDS int galley__channel_send(galley_async *co, struct galley_channel *channel,
                                                  struct galley__room room, const void *item,
                                                  const char *here) GALLEY_MUST_USE;
GALLEY_API GALLEY_YIELDS int galley__channel_receive(galley_async *co,
                                                     struct galley_channel *channel,
                                                     struct galley__room room, void *item,
                                                     const char *here) GALLEY_MUST_USE;
GALLEY_API void galley__channel_close(galley_async *co, struct galley_channel *channel);

#endif
