/* rpc_watch.c - notifications of numbers, at a client's pace.
 * Does:     each as fresh as an answer to `metrics`; watchers that are due together share one question to the workers.
 * Does not: catch up: after a pause there is one notification, not all those that were missed.
 * See:      docs/PROTOCOL.md (watch), t/49-routes.t */
#include "master/rpc_watch.h"

#include <stdio.h>

#include "master/reports.h"

/* Reports that were asked for so short a time ago are fresh enough for another watcher. */
enum { SHARED_MS = 50 };

int rpc_watch_begin(struct master *master, const struct rpc_params *params,
                    struct mp_writer *result, struct rpc_error *error)
{
    (void)master;
    if (params->number < RPC_WATCH_MIN_MS || params->number > RPC_WATCH_MAX_MS) {
        error->code = RPC_BAD_PARAMS;
        snprintf(error->message, sizeof(error->message), "interval_ms is a number from %d to %d",
                 RPC_WATCH_MIN_MS, RPC_WATCH_MAX_MS);
        return -1;
    }
    *params->watch = (struct rpc_watch){.interval_ms = (int64_t)params->number}; /* due at once */
    mp_put_map(result, 1);
    mp_put_str(result, "interval_ms");
    mp_put_uint(result, params->number);
    return 0;
}

static int put_notification(struct master *master, struct buf *out)
{
    struct mp_writer writer;
    mp_writer_init(&writer, out);
    mp_put_array(&writer, 3);
    mp_put_uint(&writer, 2);
    mp_put_str(&writer, "stats");
    mp_put_array(&writer, 1);
    mp_put_map(&writer, 2);
    mp_put_str(&writer, "metrics");
    rpc_put_metrics(master, &writer);
    mp_put_str(&writer, "workers");
    rpc_put_workers(master, &writer);
    return writer.error;
}

static void look_again_at(int64_t *again_ms, int64_t at_ms)
{
    if (at_ms < *again_ms)
        *again_ms = at_ms;
}

int rpc_watch_turn(struct master *master, struct rpc_watch *watch, struct buf *out, int64_t now_ms,
                   int64_t *again_ms)
{
    if (!watch->interval_ms)
        return 0;
    if (!watch->is_asking && now_ms < watch->next_ms) {
        look_again_at(again_ms, watch->next_ms);
        return 0;
    }
    if (!watch->is_asking) {
        watch->is_asking = true;
        watch->wait_id = reports_ask_unless(master, now_ms, SHARED_MS);
        watch->deadline_ms = now_ms + REPORTS_WAIT_MS;
        watch->next_ms = watch->next_ms && now_ms - watch->next_ms < watch->interval_ms
                             ? watch->next_ms + watch->interval_ms
                             : now_ms + watch->interval_ms;
    }
    if (now_ms < watch->deadline_ms && !reports_all_in(master, watch->wait_id)) {
        look_again_at(again_ms, watch->deadline_ms);
        return 0;
    }
    watch->is_asking = false;
    look_again_at(again_ms, watch->next_ms);
    int error = put_notification(master, out);
    return error < 0 ? error : 1;
}
