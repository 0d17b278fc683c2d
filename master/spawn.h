/* spawn.h - fork a worker.
 * Does:     the channel, the fork, and in the child all that comes before the worker's own code.
 * Does not: decide when (policy.c). */
#ifndef GALLEY_MASTER_SPAWN_H
#define GALLEY_MASTER_SPAWN_H

#include "master/state.h"

/* Fork a worker for `slot`; pid and channel_fd are set. 0; -errno. In the child it does not return. */
int spawn_worker(struct master *master, struct slot *slot) __attribute__((warn_unused_result));

#endif
