/* coroutines.h - what waits in all workers: ask them, gather their rows, answer with them.
 * Does:     take a worker's rows when they are what they should be; share the room of an answer fairly.
 * Does not: wait for a worker that does not answer: it is named in the answer. rpc.c keeps the time. */
#ifndef GALLEY_MASTER_COROUTINES_H
#define GALLEY_MASTER_COROUTINES_H

#include "master/rpc.h"

enum { COROUTINES_WAIT_MS = 1000 };

/* Ask all workers. The id of the question. */
uint32_t coroutines_ask(struct master *master);
/* Whether all that can answer have answered `id`. */
bool coroutines_all_told(const struct master *master, uint32_t id);
/* A worker's COROUTINES, with the descriptor that came beside it (-1: none; stays the caller's). false: it is not to be
 * believed, and nothing has changed. */
bool coroutines_take(const struct master *master, struct slot *slot,
                     const struct proto_message *message, int fd);
/* The answer to the newest question: {coroutines, workers}. */
rpc_method_fn coroutines_answer;
/* Give the rows back when nobody waits for them. */
void coroutines_forget(struct master *master);
/* The slot's process is gone, or another. */
void coroutines_clear(struct slot *slot);

#endif
