/* rpc_watch.h - a client of the stats socket that wants to be told again and again: `watch`.
 * Does:     keep its rhythm, ask the workers in time, write the notifications.
 * Does not: have timers: rpc_server_turn looks, and says when to look again; or send (rpc.c). */
#ifndef GALLEY_MASTER_RPC_WATCH_H
#define GALLEY_MASTER_RPC_WATCH_H

#include "master/rpc.h"

enum { RPC_WATCH_MIN_MS = 100, RPC_WATCH_MAX_MS = 3600000 };

/* Lives in its client; zero: nothing is watched. */
struct rpc_watch {
    int64_t interval_ms; /* 0: no */
    int64_t next_ms;     /* when the next one is due */
    int64_t deadline_ms; /* asking: when it is written with what there is */
    uint32_t wait_id;    /* asking: for these reports */
    bool is_asking;
};

/* `watch {interval_ms}`: begin, or go on at another pace. */
rpc_method_fn rpc_watch_begin;
/* One turn: append the notification to `out` if it is time, and lower `*again_ms` to the time of the next look.
 * 1 written; 0 not yet; < 0: `out` is full, the client does not read. */
int rpc_watch_turn(struct master *master, struct rpc_watch *watch, struct buf *out, int64_t now_ms,
                   int64_t *again_ms) __attribute__((warn_unused_result));

#endif
