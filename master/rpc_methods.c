/* rpc_methods.c - what can be asked of the stats socket, and what it changes.
 * Does:     status, workers, health, metrics, watch; reload, upgrade, drain, scale, stop, log_level; ping.
 * Does not: wait, or check who asks (rpc.c).
 * See:      docs/PROTOCOL.md, t/45-process-rpc.t */
#include "master/rpc.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "master/channel.h"
#include "master/coroutines.h"
#include "master/generation.h"
#include "master/routes.h"
#include "master/rpc_watch.h"
#include "master/stop.h"
#include "master/supervise.h"

static int fail(struct rpc_error *error, int code, const char *message)
{
    error->code = code;
    snprintf(error->message, sizeof(error->message), "%s", message);
    return -1;
}

static void put_pair(struct mp_writer *out, const char *key, uint64_t value)
{
    mp_put_str(out, key);
    mp_put_uint(out, value);
}

static void put_text(struct mp_writer *out, const char *key, const char *value)
{
    mp_put_str(out, key);
    mp_put_str(out, value);
}

static uint64_t since(int64_t then_ms, int64_t now_ms)
{
    return now_ms > then_ms ? (uint64_t)(now_ms - then_ms) : 0;
}

/* ---- questions ---- */

static void put_decision(struct mp_writer *out, int64_t at_s, bool ok, const char *message)
{
    if (!at_s) {
        mp_put_nil(out);
        return;
    }
    mp_put_map(out, 3);
    put_pair(out, "at", (uint64_t)at_s);
    mp_put_str(out, "ok");
    mp_put_bool(out, ok);
    put_text(out, "message", message);
}

static void put_app(const struct master *master, struct mp_writer *out)
{
    const struct generation *current = master->current;
    mp_put_str(out, "app");
    mp_put_map(out, 3);
    put_text(out, "path", master->opts->app_path);
    put_text(out, "title", current ? current->title : NULL);
    put_text(out, "version", current ? current->version : NULL);
}

static void put_listeners(const struct master *master, struct mp_writer *out)
{
    const struct generation *current = master->current;
    size_t count = current ? current->listen.count : 0;
    mp_put_str(out, "listeners");
    mp_put_array(out, count);
    for (size_t i = 0; i < count; i++) {
        mp_put_map(out, 2);
        put_text(out, "address", current->listen.texts[i]);
        mp_put_str(out, "tls");
        mp_put_bool(out, current->listen.sockets[current->listen.groups[i].first].tls);
    }
}

static const char *phase_name(const struct master *master)
{
    if (master->phase == MASTER_STOPPING)
        return "stopping";
    return upgrade_is_running(master) ? "upgrading" : "serving";
}

static int get_status(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                      struct rpc_error *error)
{
    const struct generation *current = master->current;
    (void)params;
    (void)error;
    mp_put_map(out, 10);
    put_text(out, "version", GALLEY_VERSION);
    put_pair(out, "pid", (uint64_t)master->pid);
    put_pair(out, "generation", current ? (uint64_t)current->number : 0);
    put_pair(out, "uptime_s", since(master->start_ms, clock_now_ms()) / 1000);
    put_text(out, "phase", phase_name(master));
    put_app(master, out);
    put_listeners(master, out);
    put_pair(out, "workers", current ? generation_count(current, SLOT_READY) : 0);
    mp_put_str(out, "last_reload");
    put_decision(out, master->reload.last.at_s, master->reload.last.ok,
                 master->reload.last.message);
    mp_put_str(out, "last_upgrade");
    put_decision(out, master->upgrade.last.at_s, master->upgrade.last.ok,
                 master->upgrade.last.message);
    return 0;
}

struct worker_list {
    struct mp_writer *out;
    int64_t now_ms;
};

static void put_worker(struct slot *slot, void *arg)
{
    const struct worker_list *list = arg;
    struct mp_writer *out = list->out;
    int64_t now_ms = list->now_ms;
    char state[16] = "";
    snprintf(state, sizeof(state), "%s", slot_state_name(slot->state));
    for (char *at = state; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    mp_put_map(out, 11);
    put_pair(out, "slot", (uint64_t)slot->number);
    put_pair(out, "pid", (uint64_t)slot->pid);
    put_pair(out, "generation", (uint64_t)slot->generation->number);
    put_text(out, "state", slot->state == SLOT_READY && slot->late ? "late" : state);
    put_pair(out, "uptime_s", since(slot->born_ms, now_ms) / 1000);
    put_pair(out, "connections", slot->stats.connections_open);
    put_pair(out, "requests", slot->stats.requests_total);
    put_pair(out, "coroutines", slot->stats.coroutines_live);
    put_pair(out, "rss_bytes", slot->stats.rss_bytes);
    put_pair(out, "loop_lag_us", slot->stats.loop_lag_us);
    mp_put_str(out, "last_report_ms");
    if (slot->report_ms)
        mp_put_uint(out, since(slot->report_ms, now_ms));
    else
        mp_put_nil(out);
}

void rpc_put_workers(const struct master *master, struct mp_writer *out)
{
    struct worker_list list = {out, clock_now_ms()};
    mp_put_array(out, generation_each_worker(master, NULL, NULL));
    generation_each_worker(master, put_worker, &list);
}

static int get_workers(struct master *master, const struct rpc_params *params,
                       struct mp_writer *out, struct rpc_error *error)
{
    (void)params;
    (void)error;
    rpc_put_workers(master, out);
    return 0;
}

static void put_metric(struct mp_writer *out, const struct stat_row *row, uint64_t value)
{
    mp_put_str(out, row->name);
    mp_put_map(out, 4);
    put_text(out, "kind", row->kind == STAT_COUNTER ? "counter" : "gauge");
    put_text(out, "unit", row->unit);
    put_text(out, "help", row->help);
    put_pair(out, "value", value);
}

static size_t count_in_state(const struct master *master, enum slot_state state)
{
    size_t count = 0;
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        count += generation_count(GENERATION_OF(g), state);
    return count;
}

void rpc_put_metrics(const struct master *master, struct mp_writer *out)
{
    struct stats total = master->sums.dead;
    struct master_stats own = master->sums.master;
    for (struct list *g = master->generations.next; g != &master->generations; g = g->next)
        for (struct list *s = GENERATION_OF(g)->slots.next; s != &GENERATION_OF(g)->slots;
             s = s->next)
            metrics_sum_add(&total, &SLOT_OF(s)->stats);
    metrics_sum_add(&total, &(struct stats){.log_lost_total = log_lost_count()}); /* our own */
    own.workers_ready = count_in_state(master, SLOT_READY);
    own.workers_draining =
        count_in_state(master, SLOT_DRAINING) + count_in_state(master, SLOT_STOPPING);
    mp_put_map(out, stat_row_count + master_stat_row_count);
    for (size_t i = 0; i < stat_row_count; i++)
        put_metric(out, &stat_rows[i], *stats_at(&total, &stat_rows[i]));
    for (size_t i = 0; i < master_stat_row_count; i++)
        put_metric(
            out, &master_stat_rows[i],
            *(const uint64_t *)(const void *)((const char *)&own + master_stat_rows[i].offset));
}

static int get_metrics(struct master *master, const struct rpc_params *params,
                       struct mp_writer *out, struct rpc_error *error)
{
    (void)params;
    (void)error;
    rpc_put_metrics(master, out);
    return 0;
}

/* ---- health ---- */

enum health { PASS, WARN, FAIL };
static const char *const health_names[] = {"pass", "warn", "fail"};
struct check {
    const char *name;
    enum health health;
    char message[sizeof(((struct errmsg *)0)->text) + 32];
};

static struct check check_workers(const struct master *master)
{
    struct check check = {.name = "workers"};
    size_t ready = master->current ? generation_count(master->current, SLOT_READY) : 0;
    size_t wanted = master->current ? master->current->workers : 0;
    check.health = ready >= wanted && ready > 0 ? PASS : ready ? WARN : FAIL;
    snprintf(check.message, sizeof(check.message), "%zu of %zu are ready", ready, wanted);
    return check;
}

static struct check check_beats(const struct master *master)
{
    struct check check = {.name = "heartbeats"};
    size_t late = 0;
    struct list *slots = master->current ? &master->current->slots : NULL;
    for (struct list *s = slots ? slots->next : NULL; s != slots; s = s->next)
        late += SLOT_OF(s)->late || SLOT_OF(s)->state == SLOT_HUNG;
    check.health = late ? WARN : PASS;
    if (late)
        snprintf(check.message, sizeof(check.message), "%zu workers do not answer in time", late);
    return check;
}

/* Of what was decided last: a reload, an upgrade. */
static struct check check_last(const char *name, int64_t at_s, bool ok, const char *message)
{
    struct check check = {.name = name, .health = !at_s || ok ? PASS : WARN};
    if (check.health == WARN)
        snprintf(check.message, sizeof(check.message), "%s", message);
    return check;
}

static int get_health(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                      struct rpc_error *error)
{
    const struct reload *reload = &master->reload;
    const struct upgrade *upgrade = &master->upgrade;
    struct check checks[] = {
        check_workers(master), check_beats(master),
        check_last("last_reload", reload->last.at_s, reload->last.ok, reload->last.message),
        check_last("last_upgrade", upgrade->last.at_s, upgrade->last.ok, upgrade->last.message)};
    enum { COUNT = sizeof(checks) / sizeof(checks[0]) };
    enum health worst = PASS;
    (void)params;
    (void)error;
    for (size_t i = 0; i < COUNT; i++)
        worst = checks[i].health > worst ? checks[i].health : worst;
    mp_put_map(out, 2);
    put_text(out, "status", health_names[worst]);
    mp_put_str(out, "checks");
    mp_put_map(out, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        mp_put_str(out, checks[i].name);
        mp_put_map(out, 2);
        put_text(out, "status", health_names[checks[i].health]);
        put_text(out, "message", checks[i].message);
    }
    return 0;
}

static int do_ping(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                   struct rpc_error *error)
{
    (void)master;
    (void)params;
    (void)error;
    mp_put_str(out, "pong");
    return 0;
}

/* ---- changes ---- */

/* Called when it is decided. */
static int do_reload(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                     struct rpc_error *error)
{
    (void)params;
    (void)error;
    mp_put_map(out, 3);
    mp_put_str(out, "ok");
    mp_put_bool(out, master->reload.last.ok);
    put_text(out, "message", master->reload.last.message);
    put_pair(out, "generation", (uint64_t)master->reload.last.generation);
    return 0;
}

/* Called when it is decided. */
static int do_upgrade(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                      struct rpc_error *error)
{
    const struct upgrade *upgrade = &master->upgrade;
    (void)params;
    (void)error;
    mp_put_map(out, 3);
    mp_put_str(out, "ok");
    mp_put_bool(out, upgrade->last.ok);
    put_text(out, "message", upgrade->last.message);
    put_pair(out, "pid", (uint64_t)(upgrade->last.ok ? upgrade->last.pid : master->pid));
    return 0;
}

static int do_drain(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                    struct rpc_error *error)
{
    char message[96];
    if (master->phase != MASTER_SERVING)
        return fail(error, RPC_CONFLICT, "the server is not serving");
    int result = supervise_replace(master, params->number);
    snprintf(message, sizeof(message), "no worker serves in slot %llu",
             (unsigned long long)params->number);
    if (result == -ENOENT)
        return fail(error, RPC_BAD_PARAMS, message);
    if (result == -EALREADY)
        return fail(error, RPC_CONFLICT, "that worker is being replaced already");
    if (result < 0)
        return fail(error, RPC_INTERNAL, "no memory");
    mp_put_map(out, 1);
    put_pair(out, "slot", params->number);
    return 0;
}

static int do_scale(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                    struct rpc_error *error)
{
    char message[96];
    if (master->phase != MASTER_SERVING || !master->current)
        return fail(error, RPC_CONFLICT, "the server is not serving");
    snprintf(message, sizeof(message), "workers is a number from 1 to %d", MASTER_MAX_WORKERS);
    if (params->number < 1 || params->number > MASTER_MAX_WORKERS)
        return fail(error, RPC_BAD_PARAMS, message);
    if (supervise_scale(master, (size_t)params->number) < 0)
        return fail(error, RPC_INTERNAL, "no memory");
    mp_put_map(out, 1);
    put_pair(out, "workers", params->number);
    return 0;
}

static int do_stop(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                   struct rpc_error *error)
{
    (void)params;
    (void)error;
    stop_begin(master, STOP_GRACEFUL);
    mp_put_map(out, 1);
    mp_put_str(out, "stopping");
    mp_put_bool(out, true);
    return 0;
}

static int do_log_level(struct master *master, const struct rpc_params *params,
                        struct mp_writer *out, struct rpc_error *error)
{
    int level = log_level_of(params->text);
    if (level < 0)
        return fail(error, RPC_BAD_PARAMS, "level is error, warn, notice, info or debug");
    log_set_level((enum log_level)level);
    supervise_order_all(master, PROTO_ORDER_LOG_LEVEL);
    mp_put_map(out, 1);
    put_text(out, "level", params->text);
    return 0;
}

const struct rpc_method rpc_methods[] = {
    {.name = "status", .fn = get_status, .wait = RPC_WAIT_REPORT},
    {.name = "workers", .fn = get_workers, .wait = RPC_WAIT_REPORT},
    {.name = "health", .fn = get_health, .wait = RPC_WAIT_REPORT},
    {.name = "metrics", .fn = get_metrics, .wait = RPC_WAIT_REPORT},
    {.name = "coroutines", .fn = coroutines_answer, .wait = RPC_WAIT_COROUTINES},
    {.name = "routes", .fn = routes_answer, .wait = RPC_WAIT_ROUTES},
    {.name = "watch", .fn = rpc_watch_begin, .param = "interval_ms", .param_type = MP_UINT},
    {.name = "ping", .fn = do_ping},
    {.name = "reload", .fn = do_reload, .wait = RPC_WAIT_RELOAD, .changes = true},
    {.name = "upgrade", .fn = do_upgrade, .wait = RPC_WAIT_UPGRADE, .changes = true},
    {.name = "drain", .fn = do_drain, .param = "slot", .param_type = MP_UINT, .changes = true},
    {.name = "scale", .fn = do_scale, .param = "workers", .param_type = MP_UINT, .changes = true},
    {.name = "stop", .fn = do_stop, .changes = true},
    {.name = "log_level",
     .fn = do_log_level,
     .param = "level",
     .param_type = MP_STR,
     .changes = true},
};
const size_t rpc_method_count = sizeof(rpc_methods) / sizeof(rpc_methods[0]);
