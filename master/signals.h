/* signals.h - what each signal asks of the master.
 * Does:     turn them into events of the loop.
 * Does not: run anything inside a signal handler. */
#ifndef GALLEY_MASTER_SIGNALS_H
#define GALLEY_MASTER_SIGNALS_H

#include "master/state.h"

/* 0; < 0 with a sentence. */
int signals_start(struct master *master, struct errmsg *why) __attribute__((warn_unused_result));
void signals_stop(struct master *master);

#endif
