/* channel.h - the master's end of the channel to one worker.
 * Does:     take a worker's word as gossip (checked, counted, never fatal); send orders as soon as it reads.
 * Does not: decide what follows from either (supervise.c). */
#ifndef GALLEY_MASTER_CHANNEL_H
#define GALLEY_MASTER_CHANNEL_H

#include "master/state.h"

/* Watch slot->channel_fd. 0, -errno. */
int channel_start(struct master *master, struct slot *slot) __attribute__((warn_unused_result));
/* Read what is left, then close. Harmless without one. */
void channel_stop(struct master *master, struct slot *slot);
/* Note an order (one of PROTO_ORDER_*): it is sent by channel_flush, with the values of then. */
void channel_order(struct slot *slot, enum proto_kind kind);
/* Send what can be sent. Whether something is left. */
bool channel_flush(struct master *master, struct slot *slot);

#endif
