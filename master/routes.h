/* routes.h - what all workers counted of their routes: ask them, add them up, answer with the sums.
 * Does:     take a worker's rows when they are what they should be, and no less than before; keep those of the dead.
 * Does not: ask while nobody wants to know: of a worker that is killed, what it did since the last question is lost. One
 *           that drains or stops in order tells all before it ends. */
#ifndef GALLEY_MASTER_ROUTES_H
#define GALLEY_MASTER_ROUTES_H

#include "master/rpc.h"

enum { ROUTES_WAIT_MS = 1000 };

/* Ask all workers. The id of the question. */
uint32_t routes_ask(struct master *master);
/* Whether all that can answer have answered `id`. */
bool routes_all_told(const struct master *master, uint32_t id);
/* A worker's ROUTES, with the descriptor that came beside it (-1: none; stays the caller's). false: it is not to be
 * believed, and nothing has changed. */
bool routes_take(const struct master *master, struct slot *slot,
                 const struct proto_message *message, int fd);
/* The sums, of the living as they were last told. */
rpc_method_fn routes_answer;
/* The slot's process has ended: its rows stay in the sums. */
void routes_bury(struct master *master, struct slot *slot);
/* Forget what it told: it is another process now, or none. */
void routes_clear(struct slot *slot);

#endif
