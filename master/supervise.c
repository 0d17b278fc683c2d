/* supervise.c - what becomes of workers: the mechanism that performs policy's actions.
 * Does:     spawn, signal, reap; give each listening socket to a worker that answers.
 * Does not: judge: when and what is policy.c and assign.c, whole generations are reload.c.
 * See:      policy.c, assign.c, spawn.c, channel.c, t/42-process-workers.t */
#include "master/supervise.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "master/assign.h"
#include "master/channel.h"
#include "master/coroutines.h"
#include "master/generation.h"
#include "master/policy.h"
#include "master/reload.h"
#include "master/routes.h"
#include "master/spawn.h"

static void send_signal(struct slot *slot, int signal)
{
    if (slot->pid > 0)
        kill(slot->pid, signal); /* ours until it is waited for: never another process's pid */
}

/* ---- a worker's beginning and end ---- */

static void start_worker(struct master *master, struct slot *slot, int64_t now_ms)
{
    int error = spawn_worker(master, slot);
    if (!error)
        error = channel_start(master, slot);
    if (error) {
        slot->failures++;
        slot->retry_ms = now_ms + POLICY_BACKOFF_MAX_MS / 10;
        log_line(LOG_LEVEL_ERROR, "fork_failed", "slot=%d: %s", slot->number, strerror(-error));
        if (slot->generation->state == GENERATION_TRIAL) {
            struct errmsg why = {0};
            errmsg_set(&why, "cannot fork worker %d: %s", slot->number, strerror(-error));
            reload_fail(master, slot->generation, &why);
        }
        if (slot->pid > 0) {
            send_signal(slot, SIGKILL);
            slot_enter(slot, SLOT_STARTING, now_ms);
        } else
            slot_enter(slot, SLOT_BACKOFF, now_ms);
        return;
    }
    slot->born_ms = slot->beat_ms = now_ms;
    slot->ready_ms = slot->gone_ms = slot->report_ms = 0;
    slot->late = slot->drained = false;
    slot->reason[0] = '\0';
    slot->socket_count = 0;
    slot->report_id = 0;
    coroutines_clear(slot);
    routes_clear(slot);
    master->sums.master.worker_starts_total++;
    slot_enter(slot, SLOT_STARTING, now_ms);
}

/* The sentence for a worker that ended before it was ready. */
static void explain_failure(const struct slot *slot, int status, struct errmsg *why)
{
    if (slot->reason[0])
        errmsg_set(why, "%s", slot->reason);
    else if (slot->state == SLOT_KILLED)
        errmsg_set(why, "worker %d was not ready within start_timeout (%lld ms) and was killed",
                   slot->number, (long long)slot->generation->settings->start_timeout);
    else if (WIFSIGNALED(status))
        errmsg_set(why, "worker %d was killed by signal %d (%s) while it started", slot->number,
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        errmsg_set(why, "worker %d exited with status %d before it was ready", slot->number,
                   WEXITSTATUS(status));
}

static void log_exit(struct master *master, const struct slot *slot, int status)
{
    bool is_trial =
        slot->generation->state == GENERATION_TRIAL; /* whose failure is told as a whole */
    bool told = slot->goal != SLOT_GOAL_SERVE || is_trial;
    if (!told)
        master->sums.master.worker_crashes_total++;
    log_line(told ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, told ? "worker_ended" : "worker_died",
             "slot=%d pid=%d generation=%d state=%s %s=%d%s%s", slot->number, (int)slot->pid,
             slot->generation->number, slot_state_name(slot->state),
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
             slot->reason[0] ? " reason=" : "", slot->reason);
}

static void worker_exited(struct master *master, struct slot *slot, int status, int64_t now_ms)
{
    channel_stop(master, slot); /* its last words */
    struct generation *generation = slot->generation;
    log_exit(master, slot, status);
    metrics_sum_bury(&master->sums, &slot->stats);
    routes_bury(master, slot);
    slot->pid = 0;
    if (generation->state == GENERATION_TRIAL) {
        struct errmsg why = {0};
        explain_failure(slot, status, &why);
        reload_fail(master, generation, &why);
    }
    int64_t retry_ms;
    int failures;
    enum slot_state next = policy_after_exit(slot, now_ms, &failures, &retry_ms);
    slot->failures = failures;
    slot->retry_ms = retry_ms;
    slot->socket_count = 0;
    slot_enter(slot, next, now_ms);
    master->assign_dirty = true;
}

void supervise_reap(struct master *master)
{
    int64_t now_ms = clock_now_ms();
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        for (struct list *s = GENERATION_OF(g)->slots.next; s != &GENERATION_OF(g)->slots;
             s = s->next) {
            struct slot *slot = SLOT_OF(s);
            int status;
            if (slot->pid > 0 && waitpid(slot->pid, &status, WNOHANG) == slot->pid)
                worker_exited(master, slot, status, now_ms);
        }
}

void supervise_kill_all(struct master *master)
{
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        for (struct list *s = GENERATION_OF(g)->slots.next; s != &GENERATION_OF(g)->slots;
             s = s->next) {
            struct slot *slot = SLOT_OF(s);
            send_signal(slot, SIGKILL);
            while (slot->pid > 0 && waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
                ;
            channel_stop(master, slot);
            slot->pid = 0;
        }
}

/* ---- policy's actions ---- */

/* A successor that is ready takes over; one that could not start leaves the old one in place. */
static void settle_replacement(struct slot *slot)
{
    struct slot *old = slot->replaces;
    if (!old)
        return;
    if (slot->state == SLOT_READY) {
        if (old->goal < SLOT_GOAL_DRAIN)
            old->goal = SLOT_GOAL_DRAIN;
        slot->replaces = NULL;
    } else if (slot->state == SLOT_BACKOFF) {
        log_line(LOG_LEVEL_ERROR, "replace_failed", "slot=%d keeps its worker", slot->number);
        slot->goal = SLOT_GOAL_KILL;
        slot->replaces = NULL;
    }
}

static void forget(struct slot *slot)
{
    struct list *all = &slot->generation->slots;
    for (struct list *s = all->next; s != all; s = s->next)
        if (SLOT_OF(s)->replaces == slot)
            SLOT_OF(s)->replaces = NULL; /* it is simply the slot's worker now */
    slot_free(slot);
}

static void kill_worker(struct master *master, struct slot *slot, int64_t now_ms)
{
    bool hung = slot->state == SLOT_HUNG || slot->state == SLOT_ABORTING;
    if (slot->state == SLOT_STARTING && slot->goal == SLOT_GOAL_SERVE)
        log_line(LOG_LEVEL_ERROR, "worker_start_timeout", "slot=%d pid=%d killed after %lld ms",
                 slot->number, (int)slot->pid, (long long)(now_ms - slot->since_ms));
    else if (slot->goal != SLOT_GOAL_KILL && !hung)
        log_line(LOG_LEVEL_WARN, "worker_killed", "slot=%d pid=%d state=%s after %lld ms",
                 slot->number, (int)slot->pid, slot_state_name(slot->state),
                 (long long)(now_ms - slot->since_ms));
    send_signal(slot, SIGKILL);
    slot_enter(slot, SLOT_KILLED, now_ms);
    master->assign_dirty = true;
}

static void mark_late(struct master *master, struct slot *slot, bool late)
{
    slot->late = late;
    master->sums.master.worker_late_total += late;
    master->assign_dirty = true;
    log_line(LOG_LEVEL_INFO, late ? "worker_late" : "worker_on_time", "slot=%d pid=%d",
             slot->number, (int)slot->pid);
}

/* One action; false when the slot is gone. */
static bool perform(struct master *master, struct slot *slot, enum policy_action action,
                    int64_t now_ms)
{
    switch (action) {
    case POLICY_NONE:
        break;
    case POLICY_SPAWN:
        start_worker(master, slot, now_ms);
        break;
    case POLICY_KILL:
        kill_worker(master, slot, now_ms);
        break;
    case POLICY_ABORT:
        send_signal(slot, SIGABRT);
        slot_enter(slot, SLOT_ABORTING, now_ms);
        break;
    case POLICY_DUMP:
        log_line(LOG_LEVEL_ERROR, "worker_hung", "slot=%d pid=%d silent for %lld ms", slot->number,
                 (int)slot->pid, (long long)(now_ms - slot->beat_ms));
        master->sums.master.worker_hangs_total++;
        channel_order(slot, PROTO_ORDER_DUMP);
        slot_enter(slot, SLOT_HUNG, now_ms);
        master->assign_dirty = true;
        break;
    case POLICY_RECOVER:
        log_line(LOG_LEVEL_WARN, "worker_recovered", "slot=%d pid=%d", slot->number,
                 (int)slot->pid);
        slot_enter(slot, SLOT_READY, now_ms);
        master->assign_dirty = true;
        break;
    case POLICY_LATE:
    case POLICY_ON_TIME:
        mark_late(master, slot, action == POLICY_LATE);
        break;
    case POLICY_DRAIN:
    case POLICY_STOP:
        channel_order(slot, action == POLICY_DRAIN ? PROTO_ORDER_DRAIN : PROTO_ORDER_STOP);
        slot_enter(slot, action == POLICY_DRAIN ? SLOT_DRAINING : SLOT_STOPPING, now_ms);
        master->assign_dirty = true;
        break;
    case POLICY_FORGET:
        forget(slot);
        return false;
    }
    return true;
}

/* The master was away, not the worker. What it was silent before still counts, so that a master that is starved again and
 * again comes to an end with it; and one that was found hung is not taken for alive, as by a beat. */
static void forgive_absence(const struct master *master, struct slot *slot, int64_t now_ms)
{
    if (slot->state != SLOT_READY)
        return;
    slot->beat_ms += master->away_ms;
    if (slot->beat_ms > now_ms)
        slot->beat_ms = now_ms;
}

static void look_after(struct master *master, struct slot *slot, int64_t now_ms, int64_t *again_ms)
{
    const struct settings *settings = slot->generation->settings;
    struct policy_limits limits = {.start_ms = settings->start_timeout,
                                   .hang_ms = settings->hang_timeout,
                                   .drain_ms = settings->drain_timeout,
                                   .stop_ms = master->stop_limit_ms};
    forgive_absence(master, slot, now_ms);
    settle_replacement(slot);
    enum policy_action action = policy_next(slot, &limits, now_ms, again_ms);
    if (action == POLICY_NONE)
        return;
    *again_ms = now_ms; /* look again at once: something has changed */
    perform(master, slot, action, now_ms);
}

/* ---- sockets ---- */

static bool serves(const struct slot *slot)
{
    return slot->state == SLOT_READY && slot->goal == SLOT_GOAL_SERVE;
}

static void assign_to(struct slot *slot, const struct listen_set *listen, size_t rank, size_t count)
{
    uint16_t sockets[PROTO_MAX_SOCKETS];
    size_t found = count ? assign_sockets(listen->groups, listen->count, rank, count, sockets) : 0;
    if (found == slot->socket_count && !memcmp(sockets, slot->sockets, found * sizeof(*sockets)))
        return;
    memcpy(slot->sockets, sockets, found * sizeof(*sockets));
    slot->socket_count = found;
    channel_order(slot, PROTO_ORDER_LISTEN);
}

/* Every socket of the current generation to a worker that is ready and on time; if none is on time, to the late. */
static void assign_all(struct master *master)
{
    struct generation *generation = master->current;
    size_t on_time = 0, rank = 0, ready = 0;
    if (!generation)
        return;
    for (struct list *s = generation->slots.next; s != &generation->slots; s = s->next) {
        ready += serves(SLOT_OF(s));
        on_time += serves(SLOT_OF(s)) && !SLOT_OF(s)->late;
    }
    for (struct list *s = generation->slots.next; s != &generation->slots; s = s->next) {
        struct slot *slot = SLOT_OF(s);
        if (serves(slot) && (!slot->late || !on_time))
            assign_to(slot, &generation->listen, rank++, on_time ? on_time : ready);
        else if (serves(slot) || slot->state == SLOT_HUNG)
            assign_to(slot, &generation->listen, 0, 0);
    }
}

/* ---- the turn ---- */

static void flush_orders(struct master *master, int64_t now_ms, int64_t *again_ms)
{
    enum { RETRY_MS = 20 };
    for (struct list *g = master->generations.prev; g != &master->generations; g = g->prev)
        for (struct list *s = GENERATION_OF(g)->slots.next; s != &GENERATION_OF(g)->slots;
             s = s->next) {
            struct slot *slot = SLOT_OF(s);
            if (slot->orders && slot->channel_fd >= 0 && channel_flush(master, slot) &&
                now_ms + RETRY_MS < *again_ms)
                *again_ms = now_ms + RETRY_MS;
        }
}

void supervise_turn(struct master *master, int64_t now_ms, int64_t *again_ms)
{
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next) {
        struct list *slots = &GENERATION_OF(g)->slots;
        for (struct list *s = slots->next, *next; s != slots; s = next) {
            next = s->next;
            look_after(master, SLOT_OF(s), now_ms, again_ms);
        }
    }
    if (master->assign_dirty) {
        master->assign_dirty = false;
        assign_all(master);
    }
    flush_orders(master, now_ms,
                 again_ms); /* the newest generation first: it takes over before the old drains */
}

void supervise_order_all(struct master *master, enum proto_kind kind)
{
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        for (struct list *s = GENERATION_OF(g)->slots.next; s != &GENERATION_OF(g)->slots;
             s = s->next)
            if (SLOT_OF(s)->channel_fd >= 0)
                channel_order(SLOT_OF(s), kind);
}

/* ---- changes from outside ---- */

static struct slot *find_serving(struct generation *generation, uint64_t number)
{
    for (struct list *s = generation->slots.next; s != &generation->slots; s = s->next)
        if (SLOT_OF(s)->goal == SLOT_GOAL_SERVE && (uint64_t)SLOT_OF(s)->number == number)
            return SLOT_OF(s);
    return NULL;
}

int supervise_scale(struct master *master, size_t workers)
{
    struct generation *generation = master->current;
    for (size_t number = 0; number < workers; number++)
        if (!find_serving(generation, number) &&
            !generation_add_slot(master, generation, (int)number))
            return -ENOMEM;
    for (struct list *s = generation->slots.next; s != &generation->slots; s = s->next)
        if ((size_t)SLOT_OF(s)->number >= workers && SLOT_OF(s)->goal < SLOT_GOAL_DRAIN)
            SLOT_OF(s)->goal = SLOT_GOAL_DRAIN;
    log_line(LOG_LEVEL_NOTICE, "scaled", "workers=%zu before=%zu", workers, generation->workers);
    generation->workers = master->scaled_to = workers;
    master->assign_dirty = true;
    return 0;
}

int supervise_replace(struct master *master, uint64_t number)
{
    struct generation *generation = master->current;
    struct slot *old = find_serving(generation, number);
    if (!old || old->state != SLOT_READY)
        return -ENOENT;
    for (struct list *s = generation->slots.next; s != &generation->slots; s = s->next)
        if (SLOT_OF(s)->replaces == old)
            return -EALREADY;
    struct slot *successor = generation_add_slot(master, generation, old->number);
    if (!successor)
        return -ENOMEM;
    successor->replaces = old;
    return 0;
}
