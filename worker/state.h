/* state.h - all that one worker process has, for the files that compose it.
 * Does:     hold the pieces; worker.c makes and releases them.
 * Does not: reach below its layer: each layer gets only what it needs. */
#ifndef GALLEY_WORKER_STATE_H
#define GALLEY_WORKER_STATE_H

#include <sys/socket.h>

#include "common/errmsg.h"
#include "common/inherit.h"
#include "common/loop.h"
#include "common/stats.h"
#include "worker/coro/pool.h"
#include "worker/http/server.h"
#include "worker/net/accept.h"

struct app;
struct channel;
struct watchdog;
struct remotes;

struct worker {
    const struct inherit *inherit;
    struct loop *loop;
    struct sched *sched;
    struct pool *pool;
    struct remotes *remotes;
    struct app *app;
    struct server *server;
    struct accept_set *accept;
    struct channel *channel;
    struct watchdog *watchdog; /* NULL: blocks are not watched for */
    struct stats stats;
    struct errmsg why; /* it could not start */
    int start_result;
    bool is_ready, has_failed, is_draining, is_stopping;
    int64_t stop_at_ms; /* draining: when it turns into stopping; stopping: when it gives up */
    struct loop_timer drain_timer;
};

/* Accept no more, end when idle, and stop after `limit_ms` at the latest; again: an earlier limit holds. */
void worker_drain(struct worker *worker, int64_t limit_ms);
/* Cancel everything that runs, and end. */
void worker_stop(struct worker *worker);
/* The master's end of the channel is closed. */
void worker_lost_master(struct worker *worker);

#endif
