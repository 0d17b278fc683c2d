/* supervise.h - what becomes of workers: the mechanism that performs policy's actions.
 * Does:     spawn, signal, reap, hand out sockets, send orders; once a turn of the loop.
 * Does not: decide about generations (reload.c). */
#ifndef GALLEY_MASTER_SUPERVISE_H
#define GALLEY_MASTER_SUPERVISE_H

#include "master/state.h"

/* Perform what is due in every slot, assign sockets, send orders. `*again_ms` becomes the time of the next look, if it is
 * earlier. */
void supervise_turn(struct master *master, int64_t now_ms, int64_t *again_ms);
/* Collect the workers that have exited. */
void supervise_reap(struct master *master);
/* All workers that have a process get this order. */
void supervise_order_all(struct master *master, enum proto_kind kind);
/* The current generation gets this many workers (1 to MASTER_MAX_WORKERS). 0, -ENOMEM. */
int supervise_scale(struct master *master, size_t workers) __attribute__((warn_unused_result));
/* Replace the worker of this slot: the successor starts, then the old one drains. 0; -ENOENT there is none that
 * serves; -EALREADY; -ENOMEM. */
int supervise_replace(struct master *master, uint64_t number) __attribute__((warn_unused_result));
/* SIGKILL every worker and wait for them: the end of a failed start. */
void supervise_kill_all(struct master *master);

#endif
