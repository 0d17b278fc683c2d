/* coroutines.h - what the coroutines of this worker wait for, as rows for its master.
 * Does:     write a row for each, as many as fit.
 * Does not: send (channel.c), or wait: all of it is read between two turns. */
#ifndef GALLEY_WORKER_COROUTINES_H
#define GALLEY_WORKER_COROUTINES_H

#include "common/buf.h"
#include "worker/coro/coro.h"

/* Append the MessagePack map {id, parent, name, route, request_id, age_ms, state, waiting, file, line} of each live
 * coroutine, until `rows` is full. How many. */
size_t coroutines_write(struct sched *sched, struct buf *rows) __attribute__((warn_unused_result));

#endif
