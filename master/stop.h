/* stop.h - the end of the server.
 * Does:     drain (STOP_GRACEFUL), cancel (STOP_FAST) or both harder on a second request.
 * Does not: end the loop; master.c does when the last worker has gone. */
#ifndef GALLEY_MASTER_STOP_H
#define GALLEY_MASTER_STOP_H

#include "master/state.h"

/* GRACEFUL: requests end, at most drain_timeout. FAST: they are cancelled, at most 4.5 s. NOW: half a second. */
enum stop_kind { STOP_GRACEFUL, STOP_FAST, STOP_NOW };

/* Begin, or hurry up what has begun. */
void stop_begin(struct master *master, enum stop_kind kind);
/* Whether the last worker has gone, and whatever other master belongs to the server. */
bool stop_is_over(const struct master *master);

#endif
