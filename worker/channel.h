/* channel.h - a worker's end of the channel to its master.
 * Does:     say ready, failed, beat, report, drained; carry out orders.
 * Does not: decide; see common/proto.h for the messages. */
#ifndef GALLEY_WORKER_CHANNEL_H
#define GALLEY_WORKER_CHANNEL_H

#include "common/inherit.h"

struct worker;
struct channel;

/* Watch the inherited descriptor and start to beat. NULL with errno. */
struct channel *channel_open(struct worker *worker);
void channel_close(struct channel *channel);

/* 0, -errno. */
int channel_say_ready(struct channel *channel);
void channel_say_drained(struct channel *channel);
/* Works without a channel too: the worker may have failed to make one. */
void channel_say_failed(const struct inherit *inherit, const char *why);

#endif
