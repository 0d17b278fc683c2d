/* reload.c - the transaction that replaces one generation by the next.
 * Does:     load settings, open everything, start every worker; only when all are ready the old ones drain.
 *           One runs, further requests wait and merge; at most two old generations drain at once.
 * Does not: touch the old generation before that moment.
 * See:      generation.c, supervise.c, t/43-process-reload.t
 *
 *   request -> pending -> TRIAL -- all READY --> CURRENT -- next one --> OLD -> gone
 *                            \---- any fails --> FAILED -> gone */
#include "master/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "master/generation.h"
#include "master/notify.h"
#include "master/supervise.h"

uint32_t reload_request(struct master *master)
{
    struct reload *reload = &master->reload;
    if (!reload->pending) {
        reload->pending = true;
        reload->asked_id++;
    }
    return reload->asked_id;
}

static void decide(struct master *master, bool ok, const char *message)
{
    struct reload *reload = &master->reload;
    reload->last.at_s = (int64_t)time(NULL);
    reload->last.ok = ok;
    reload->last.generation = master->current ? master->current->number : 0;
    snprintf(reload->last.message, sizeof(reload->last.message), "%s", message);
    reload->decided_id = reload->running_id;
    reload->trial = NULL;
    if (ok) {
        master->sums.master.reloads_total++;
        log_line(LOG_LEVEL_NOTICE, "reloaded", "generation=%d workers=%zu", master->current->number,
                 master->current->workers);
    } else {
        master->sums.master.reloads_failed_total++;
        log_line(LOG_LEVEL_ERROR, "reload_failed", "%s; the old generation serves on", message);
    }
    if (master->phase == MASTER_SERVING)
        notify_send("READY=1");
}

static void fail_generation(struct generation *generation, const struct errmsg *why)
{
    generation->state = GENERATION_FAILED;
    generation->why = *why;
    generation_set_goal(generation, SLOT_GOAL_KILL);
}

void reload_fail(struct master *master, struct generation *generation, const struct errmsg *why)
{
    fail_generation(generation, why);
    if (generation == master->reload.trial)
        decide(master, false, why->text);
}

void reload_cancel(struct master *master)
{
    struct reload *reload = &master->reload;
    struct errmsg why = {0};
    errmsg_set(&why, "%s",
               upgrade_is_leaving(master) ? "another master has taken over, and reloads"
                                          : "the server is stopping");
    if (reload->trial)
        reload_fail(master, reload->trial, &why);
    if (reload->pending) {
        reload->pending = false;
        reload->running_id = reload->asked_id;
        decide(master, false, why.text);
    }
}

/* ---- begin ---- */

static struct settings *load_settings(struct master *master, struct errmsg *why)
{
    struct settings *settings = calloc(1, sizeof(*settings));
    if (!settings || settings_init(settings) < 0) {
        errmsg_set(why, "no memory for the settings");
        free(settings);
        return NULL;
    }
    if (master->opts->load_settings(master->opts->load_arg, settings, why) < 0) {
        errmsg_set(why, "the settings could not be loaded");
        settings_release(settings);
        free(settings);
        return NULL;
    }
    return settings;
}

/* TTIN, TTOU and scale outlive a reload, unless the settings now say something else. */
static size_t count_workers(struct master *master, const struct settings *settings)
{
    if (settings->workers != master->current->settings->workers)
        master->scaled_to = 0;
    return master->scaled_to ? master->scaled_to : (size_t)settings->workers;
}

static void begin(struct master *master)
{
    struct reload *reload = &master->reload;
    struct errmsg why = {0};
    reload->pending = false;
    reload->running_id = reload->asked_id;
    notify_send("RELOADING=1");
    /* Without a way to load new settings the first generation's are used again; they are the caller's. */
    bool fresh = master->opts->load_settings != NULL;
    struct settings *settings = fresh ? load_settings(master, &why) : master->opts->settings;
    if (settings)
        reload->trial =
            generation_new(master, settings, fresh, count_workers(master, settings), &why);
    if (!reload->trial)
        decide(master, false, why.text);
}

/* ---- switch ---- */

static void use_logs(struct master *master, struct generation *generation)
{
    struct logs old = master->logs;
    master->logs = generation->new_logs;
    generation->new_logs = (struct logs){.log_fd = 2, .access_fd = -1};
    log_set_fd(master->logs.log_fd);
    int level = log_level_of(generation->settings->log_level);
    if (level >= 0 && level != (int)log_get_level()) {
        log_set_level((enum log_level)level);
        supervise_order_all(master, PROTO_ORDER_LOG_LEVEL);
    }
    logs_close(&old);
}

void reload_take_over(struct master *master, struct generation *generation)
{
    struct generation *old = master->current;
    generation->state = GENERATION_CURRENT;
    master->current = generation;
    master->paused = false;
    master->assign_dirty = true;
    use_logs(master, generation);
    int error = listen_set_start(&generation->listen);
    if (error)
        log_line(LOG_LEVEL_ERROR, "listen_failed", "some sockets: %s", strerror(-error));
    if (old) {
        old->state = GENERATION_OLD;
        generation_set_goal(old, SLOT_GOAL_DRAIN);
    }
}

static size_t count_old(const struct master *master)
{
    size_t count = 0;
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        count += GENERATION_OF(g)->state == GENERATION_OLD;
    return count;
}

static void forget_ended(struct master *master)
{
    for (struct list *g = master->generations.next, *next; g != &master->generations; g = next) {
        struct generation *generation = GENERATION_OF(g);
        next = g->next;
        if (list_is_empty(&generation->slots) && generation != master->current)
            generation_free(generation);
    }
}

static void succeed(struct master *master)
{
    reload_take_over(master, master->reload.trial);
    decide(master, true, "");
}

void reload_turn(struct master *master, int64_t now_ms)
{
    struct reload *reload = &master->reload;
    (void)now_ms;
    if (reload->trial && generation_count(reload->trial, SLOT_READY) == reload->trial->workers)
        succeed(master);
    forget_ended(master);
    if (reload->pending && !reload->trial && !upgrade_is_running(master) &&
        master->phase == MASTER_SERVING && count_old(master) < MASTER_MAX_OLD_GENERATIONS)
        begin(master);
}
