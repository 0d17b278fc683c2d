/* queue.h - who waits for one thing: first come, first served.
 * Does:     wait in a queue, whose nodes lie in the frames of who waits; hand what is given to the first.
 * Does not: allocate, or lose what was handed over: a grant and a cancellation in the same turn are a grant.
 * See:      lock.c, channel.c */
#ifndef GALLEY_WORKER_CORO_QUEUE_H
#define GALLEY_WORKER_CORO_QUEUE_H

#include "worker/coro/coro.h"

struct waiter {
    struct list link;
    galley_async *co;
    void *to;         /* where what it waits for goes */
    const void *from; /* what it waits to get rid of */
};

/* The queue in an application's memory; zeroed, it is empty. */
static inline struct list *queue_in(void **memory)
{
    struct list *queue = (struct list *)(void *)memory;
    if (!queue->next)
        list_init(queue);
    return queue;
}

/* Who has waited longest, taken out; NULL. The caller gives it what it waits for, and wakes it. */
static inline struct waiter *queue_take(struct list *queue)
{
    struct list *node = list_take_first(queue);
    return node ? LIST_ENTRY(node, struct waiter, link) : NULL;
}

/* What the one who took it out woke it with; -ECANCELED, and it was not taken out. */
static inline GALLEY_YIELDS int queue_wait(struct list *queue, struct waiter *waiter,
                                           const char *why, const char *here)
{
    list_append(queue, &waiter->link);
    waiter->co->here = here;
    int rc = coro_suspend(waiter->co, why, INT64_MAX);
    waiter->co->here = NULL;
    list_remove(&waiter->link);
    return rc;
}

#endif
