/* lock.c - mutexes, semaphores and events of galley/lock.h.
 * Does:     hand over: what is given back while somebody waits is never free in between, so nobody can overtake.
 * Does not: know threads: coroutines of one worker take turns, and between two waits nobody else runs.
 * See:      queue.h, docs/WAITING.md, t/unit/worker/coro/lock.c */
#include <galley/lock.h>

#include "worker/coro/queue.h"
#include "worker/coro/sched.h"

int galley__mutex_lock(galley_async *co, struct galley_mutex *mutex, const char *here)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    if (mutex->_owner == co->id)
        return -EDEADLK;
    if (mutex->_owner != 0) {
        struct waiter waiter = {.co = co};
        return queue_wait(queue_in(mutex->_waiting), &waiter, "mutex", here);
    }
    mutex->_owner = co->id;
    coro_spend(co);
    return 0;
}

int galley_mutex_unlock(galley_async *co, struct galley_mutex *mutex)
{
    if (mutex->_owner != co->id)
        return -EPERM;
    struct waiter *next = queue_take(queue_in(mutex->_waiting));
    mutex->_owner = next ? next->co->id : 0;
    if (next)
        coro_wake(next->co, 0);
    return 0;
}

int galley__semaphore_acquire(galley_async *co, struct galley_semaphore *semaphore,
                              const char *here)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    if (semaphore->_free_count == 0) {
        struct waiter waiter = {.co = co};
        return queue_wait(queue_in(semaphore->_waiting), &waiter, "semaphore", here);
    }
    semaphore->_free_count--;
    coro_spend(co);
    return 0;
}

void galley_semaphore_release(galley_async *co, struct galley_semaphore *semaphore)
{
    (void)co; /* proves that this is no thread */
    struct waiter *next = queue_take(queue_in(semaphore->_waiting));
    if (next)
        coro_wake(next->co, 0);
    else
        semaphore->_free_count++;
}

int galley__event_wait(galley_async *co, struct galley_event *event, const char *here)
{
    int rc = coro_check_point(co);
    if (rc < 0)
        return rc;
    if (!event->_is_set) {
        struct waiter waiter = {.co = co};
        return queue_wait(queue_in(event->_waiting), &waiter, "event", here);
    }
    coro_spend(co);
    return 0;
}

void galley_event_set(galley_async *co, struct galley_event *event)
{
    (void)co;
    event->_is_set = true;
    struct list *queue = queue_in(event->_waiting);
    for (struct waiter *waiter; (waiter = queue_take(queue)) != NULL;)
        coro_wake(waiter->co, 0);
}

void galley_event_clear(galley_async *co, struct galley_event *event)
{
    (void)co;
    event->_is_set = false;
}
