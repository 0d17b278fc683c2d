/* lock.h - mutexes, semaphores and events for coroutines of one worker.
 * Does:     let coroutines wait for each other, first come, first served: what is given back goes to who has waited
 *           longest, and nobody comes in between.
 * Does not: work between threads or processes; allocate: the memory is the caller's. Zeroed memory is a mutex that is
 *           free or an event that is not set, so there is nothing to initialise or to release; but it may not be copied
 *           or moved once used, and must outlive who waits.
 *
 * A wait that is cancelled leaves the queue and takes nothing with it. What was handed over before stays handed over:
 * the call succeeds, and the next one fails. A time limit is a scope's. */
#ifndef GALLEY_LOCK_H
#define GALLEY_LOCK_H

#include <galley/wait.h>

/* ---- one at a time ---- */

/* static struct galley_mutex till;
 * Needed only around what waits: between two waiting calls nobody else runs. */
struct galley_mutex {
    uint64_t _owner;
    void *_waiting[2];
};

/* Wait until it is this coroutine's. 0; -ECANCELED; -EDEADLK: it is already. */
#define galley_mutex_lock(...) galley__mutex_lock(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__mutex_lock(galley_async *co, struct galley_mutex *mutex,
                                                const char *here) GALLEY_MUST_USE;
/* Hand it to who has waited longest. Never waits. 0; -EPERM, and nothing happens: it is not this coroutine's. */
GALLEY_API int galley_mutex_unlock(galley_async *co, struct galley_mutex *mutex);

/* ---- so many at a time ---- */

/* static struct galley_semaphore ovens = GALLEY_SEMAPHORE(4); */
struct galley_semaphore {
    size_t _free_count;
    void *_waiting[2];
};
#define GALLEY_SEMAPHORE(count)                                                                    \
    {                                                                                              \
        ._free_count = (count)                                                                     \
    }

/* Wait for one of them. 0, -ECANCELED. */
#define galley_semaphore_acquire(...) galley__semaphore_acquire(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__semaphore_acquire(galley_async *co,
                                                       struct galley_semaphore *semaphore,
                                                       const char *here) GALLEY_MUST_USE;
/* Give one, to who has waited longest, if anybody does. Any coroutine may; never waits. */
GALLEY_API void galley_semaphore_release(galley_async *co, struct galley_semaphore *semaphore);

/* ---- something has happened ---- */

/* static struct galley_event doors_opened; */
struct galley_event {
    void *_waiting[2];
    bool _is_set;
};

/* Wait until it is set. 0; -ECANCELED. Who waits when it is set goes on, even if it is cleared at once. */
#define galley_event_wait(...) galley__event_wait(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__event_wait(galley_async *co, struct galley_event *event,
                                                const char *here) GALLEY_MUST_USE;
/* All who wait go on, and who comes later does not wait. Never waits; idempotent. */
GALLEY_API void galley_event_set(galley_async *co, struct galley_event *event);
/* From now on one waits again. */
GALLEY_API void galley_event_clear(galley_async *co, struct galley_event *event);

#endif
