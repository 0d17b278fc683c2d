/* stop.c - the end of the server.
 * Does:     turn a request to stop into goals of all workers.
 * Does not: signal workers; policy.c decides what a goal means in each state.
 * See:      signals.c, rpc_methods.c, t/41-process-signals.t */
#include "master/stop.h"

#include "master/generation.h"
#include "master/notify.h"
#include "master/reload.h"

enum { FAST_LIMIT_MS = 4500, NOW_LIMIT_MS = 500 };

/* So long an old master may drain beside this one. */
static int64_t graceful_limit_ms(const struct master *master)
{
    int64_t drain_ms = master->current ? master->current->settings->drain_timeout : 0;
    return drain_ms + master->stop_limit_ms;
}

void stop_begin(struct master *master, enum stop_kind kind)
{
    static const char *const names[] = {"graceful", "fast", "now"};
    enum slot_goal goal = kind == STOP_GRACEFUL ? SLOT_GOAL_DRAIN : SLOT_GOAL_STOP;
    log_line(LOG_LEVEL_NOTICE, "stopping", "%s", names[kind]);
    if (master->phase != MASTER_STOPPING) {
        master->phase = MASTER_STOPPING;
        if (!upgrade_is_leaving(master)) /* the service goes on */
            notify_send("STOPPING=1");
        upgrade_cancel(master);
        reload_cancel(master);
    }
    if (kind == STOP_FAST && master->stop_limit_ms > FAST_LIMIT_MS)
        master->stop_limit_ms = FAST_LIMIT_MS;
    if (kind == STOP_NOW)
        master->stop_limit_ms = NOW_LIMIT_MS;
    heir_stop(master, kind != STOP_GRACEFUL,
              kind == STOP_GRACEFUL ? graceful_limit_ms(master) : master->stop_limit_ms);
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        generation_set_goal(GENERATION_OF(g), goal);
}

bool stop_is_over(const struct master *master)
{
    if (upgrade_is_ending(master) ||
        (heir_has_elder(master) && clock_now_ms() < master->heir.limit_ms))
        return false;
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        if (!list_is_empty(&GENERATION_OF(g)->slots))
            return false;
    return true;
}
