/* assign.h - which worker accepts from which socket.
 * Does:     compute the set of one worker. Pure.
 * Does not: tell it (channel.c) or know which workers are ready (supervise.c). */
#ifndef GALLEY_MASTER_ASSIGN_H
#define GALLEY_MASTER_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/proto.h"

/* The sockets of a generation, as runs: address by address, `count` sockets each; one shared socket has count 1. */
struct assign_group {
    size_t first, count;
    bool shared; /* a UNIX socket: all workers accept from it */
};

/* The sockets of worker `rank` of `worker_count` ready ones, ascending, to `sockets` (room for PROTO_MAX_SOCKETS).
 * Socket i of a group belongs to worker i mod worker_count; workers that are more than the sockets share them in turn.
 * Returns how many. */
size_t assign_sockets(const struct assign_group *groups, size_t group_count, size_t rank,
                      size_t worker_count, uint16_t *sockets);

#endif
