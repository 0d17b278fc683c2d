/* reload.h - the transaction that replaces one generation by the next.
 * Does:     start a trial; when it is ready in every slot, switch; else keep what was, and remember why.
 * Does not: read the configuration itself (master_opts.load_settings). */
#ifndef GALLEY_MASTER_RELOAD_H
#define GALLEY_MASTER_RELOAD_H

#include "master/state.h"

/* Ask for a reload. The number to wait for: answered when reload.decided_id has reached it. */
uint32_t reload_request(struct master *master);
/* Start, switch, forget old generations: what is due now. */
void reload_turn(struct master *master, int64_t now_ms);
/* A worker of the trial could not start: its generation goes. */
void reload_fail(struct master *master, struct generation *generation, const struct errmsg *why);
/* This generation, ready in every slot, serves from now on; the one before drains. */
void reload_take_over(struct master *master, struct generation *generation);
/* The server stops: a running or waiting reload is decided as failed. */
void reload_cancel(struct master *master);

#endif
