/* signals.c - what each signal asks of the master.
 * Does:     HUP reload; TERM, QUIT graceful stop, a second one at once; INT fast stop; USR1 reopen logs; WINCH drain all
 *           workers; TTIN, TTOU one more, one fewer; USR2 upgrade; CHLD collect.
 * Does not: run anything inside a signal handler: they are events of the loop.
 * See:      t/41-process-signals.t */
#include "master/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "master/channel.h"
#include "master/generation.h"
#include "master/reload.h"
#include "master/stop.h"
#include "master/supervise.h"

static void reload(struct master *master)
{
    if (master->phase == MASTER_SERVING)
        reload_request(master);
}

static void upgrade(struct master *master)
{
    if (master->phase == MASTER_SERVING)
        upgrade_request(master);
    else
        log_line(LOG_LEVEL_WARN, "signal_ignored", "USR2: this master does not serve");
}

static void stop_gracefully(struct master *master)
{
    if (!upgrade_stop_again(master))
        return;
    stop_begin(master, master->phase == MASTER_STOPPING ? STOP_NOW : STOP_GRACEFUL);
}

static void stop_fast(struct master *master)
{
    stop_begin(master, STOP_FAST);
}

static void reopen_logs(struct master *master)
{
    struct errmsg why = {0};
    struct generation *trial = master->reload.trial;
    int error = 0;
    if (master->current)
        error = logs_reopen(&master->logs, master->current->settings, &master->current->privilege,
                            &why);
    if (trial && logs_reopen(&trial->new_logs, trial->settings, &trial->privilege, &why) < 0)
        error = -1;
    if (error)
        log_line(LOG_LEVEL_ERROR, "reopen_failed", "%s", why.text);
    supervise_order_all(master, PROTO_ORDER_REOPEN);
    log_line(LOG_LEVEL_NOTICE, "logs_reopened", "pid=%d", (int)master->pid);
}

static void scale_by(struct master *master, int change)
{
    if (master->phase != MASTER_SERVING)
        return;
    size_t now = generation_serving_count(master->current);
    size_t wanted = change > 0 ? now + 1 : now > 1 ? now - 1 : now;
    if (wanted == now || wanted > MASTER_MAX_WORKERS)
        log_line(LOG_LEVEL_WARN, "not_scaled", "workers=%zu is the limit", now);
    else if (supervise_scale(master, wanted) < 0)
        log_line(LOG_LEVEL_ERROR, "not_scaled", "no memory");
}

static void one_more(struct master *master)
{
    scale_by(master, 1);
}

static void one_fewer(struct master *master)
{
    scale_by(master, -1);
}

static void drain_all(struct master *master)
{
    if (master->phase != MASTER_SERVING)
        return;
    log_line(LOG_LEVEL_NOTICE, "draining_all", "HUP brings workers back");
    master->paused = true;
    generation_set_goal(master->current, SLOT_GOAL_DRAIN);
}

static void reap(struct master *master)
{
    supervise_reap(master);
    upgrade_reap(master);
}

static const struct {
    int number;
    void (*fn)(struct master *master);
} table[] = {
    {SIGCHLD, reap},
    {SIGHUP, reload},
    {SIGTERM, stop_gracefully},
    {SIGQUIT, stop_gracefully},
    {SIGINT, stop_fast},
    {SIGUSR1, reopen_logs},
    {SIGUSR2, upgrade},
    {SIGWINCH, drain_all},
    {SIGTTIN, one_more},
    {SIGTTOU, one_fewer},
};
enum { COUNT = sizeof(table) / sizeof(table[0]) };
_Static_assert(COUNT == sizeof(((struct master *)0)->signals) / sizeof(struct loop_event),
               "state.h: signals");

static void on_signal(void *arg, int number, unsigned what)
{
    (void)what;
    for (size_t i = 0; i < COUNT; i++)
        if (table[i].number == number)
            table[i].fn(arg);
}

int signals_start(struct master *master, struct errmsg *why)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a log that is full is no reason to end */
    for (size_t i = 0; i < COUNT; i++) {
        int error = loop_signal_start(master->loop, &master->signals[i], table[i].number, on_signal,
                                      master);
        if (error) {
            errmsg_set(why, "cannot watch signal %d: %s", table[i].number, strerror(-error));
            return error;
        }
    }
    return 0;
}

void signals_stop(struct master *master)
{
    for (size_t i = 0; i < COUNT; i++)
        loop_event_stop(&master->signals[i]);
}
