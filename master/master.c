/* master.c - the master process: put its parts together, start, turn, end.
 * Does:     the order of the start, the first generation, the line that says it serves, the loop.
 * Does not: TLS, HTTP, application code, or anything that blocks.
 * See:      supervise.c, reload.c, signals.c, rpc.c, docs/ARCHITECTURE.md (the life of a worker) */
#include "master/master.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/bug.h"
#include "master/channel.h"
#include "master/generation.h"
#include "master/notify.h"
#include "master/policy.h"
#include "master/reload.h"
#include "master/rpc.h"
#include "master/signals.h"
#include "master/state.h"
#include "master/stop.h"
#include "master/supervise.h"

enum { AWAY_MS = 300 }; /* a turn that comes later than that: the master was stopped or starved */

/* ---- the start ---- */

/* Connections are descriptors: as many as the system grants. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_line(LOG_LEVEL_WARN, "descriptor_limit", "%s", strerror(errno));
}

static void warn_of_root(const struct settings *settings)
{
    if (geteuid() == 0 && !settings->user[0])
        log_line(LOG_LEVEL_WARN, "workers_are_root",
                 "started by root without `user`: the application runs as root");
}

static int open_pidfile(struct master *master, const struct settings *settings, struct errmsg *why)
{
    if (!settings->pid_file[0])
        return 0;
    return pidfile_succeed(&master->pidfile, settings->pid_file, master->heir.old_pid, why);
}

/* What was asked for at run time outlives an upgrade, as it does a reload. */
static size_t count_workers(struct master *master)
{
    uint64_t workers = master->opts->settings->workers;
    uint64_t scaled = heir_scaled_to(&master->heir, workers);
    if (scaled < 1 || scaled > MASTER_MAX_WORKERS)
        return (size_t)workers;
    return master->scaled_to = (size_t)scaled;
}

/* All that can fail before the first fork. 0; < 0 with a sentence. */
static int open_all(struct master *master, struct errmsg *why)
{
    struct settings *settings = master->opts->settings;
    int level = log_level_of(settings->log_level);
    log_open(STDERR_FILENO, level < 0 ? LOG_LEVEL_NOTICE : (enum log_level)level, "master");
    raise_descriptor_limit();
    master->loop = loop_new();
    if (!master->loop) {
        errmsg_set_sys(why, "cannot start the event loop");
        return -errno;
    }
    int error = tickets_init(&master->tickets, clock_now_ms());
    if (error)
        errmsg_set(why, "the kernel gives no random bytes: %s", strerror(-error));
    if (!error)
        error = signals_start(master, why);
    if (!error)
        error = heir_adopt(master, why);
    if (!error && !generation_new(master, settings, false, count_workers(master), why))
        error = -EINVAL;
    if (!error)
        error = rpc_server_open(master, settings, why);
    if (!error && !heir_is_waiting(&master->heir))
        error = open_pidfile(master, settings, why);
    return error;
}

static void say_serving(struct master *master)
{
    const struct generation *current = master->current;
    printf("galley: serving %s on ", current->title[0] ? current->title : "an application");
    for (size_t i = 0; i < current->listen.count; i++)
        printf("%s%s", i ? ", " : "", current->listen.texts[i]);
    printf(" (%zu worker%s)%s%s\n", current->workers, current->workers == 1 ? "" : "s",
           current->docs[0] ? ", docs at " : "", current->docs);
    fflush(stdout);
}

static void fail_start(struct master *master, const char *why)
{
    fprintf(stderr, "galley: %s\n", why);
    heir_tell_failure(&master->heir, why);
    master->exit_status = 1;
    if (master->loop)
        loop_stop(master->loop);
}

static void begin_to_serve(struct master *master, struct generation *first)
{
    reload_take_over(master, first);
    master->phase = MASTER_SERVING;
    warn_of_root(master->opts->settings);
    say_serving(master);
    if (heir_is_waiting(&master->heir)) {
        heir_serves(master);
        return;
    }
    notify_send("READY=1");
    daemon_serving(&master->daemon);
}

/* The first generation is ready, or has failed, or still starts; an heir also waits for the old master's word, and
 * replaces its pid file last of all that can fail. */
static void first_turn(struct master *master, int64_t now_ms)
{
    struct generation *first = GENERATION_OF(master->generations.next);
    struct errmsg why = first->why;
    bool is_ready = generation_count(first, SLOT_READY) == first->workers &&
                    heir_may_serve(master, now_ms, &why);
    if (is_ready && heir_is_waiting(&master->heir))
        (void)open_pidfile(master, master->opts->settings, &why);
    if (why.text[0])
        fail_start(master, why.text);
    else if (is_ready)
        begin_to_serve(master, first);
}

/* ---- the turn ---- */

/* While the master itself was stopped, silence says nothing about the workers. */
static void notice_absence(struct master *master, int64_t now_ms)
{
    int64_t gap_ms = now_ms - master->last_turn_ms;
    master->away_ms = gap_ms > AWAY_MS ? gap_ms : 0;
}

static void feed_watchdog(struct master *master, int64_t now_ms, int64_t *again_ms)
{
    if (!master->watchdog_ms)
        return;
    if (now_ms >= master->watchdog_next_ms) {
        notify_send("WATCHDOG=1");
        master->watchdog_next_ms = now_ms + master->watchdog_ms;
    }
    if (master->watchdog_next_ms < *again_ms)
        *again_ms = master->watchdog_next_ms;
}

static int64_t turn(void *arg)
{
    enum {
        LOOK_MS = 100
    }; /* at least that often: then a late turn means that the master was away */
    struct master *master = arg;
    int64_t now_ms = clock_now_ms();
    int64_t again_ms = now_ms + LOOK_MS;
    notice_absence(master, now_ms);
    if (master->phase == MASTER_STARTING)
        first_turn(master, now_ms);
    if (master->exit_status) /* the start failed */
        return 0;
    reload_turn(master, now_ms);
    if (tickets_rotate(&master->tickets, now_ms))
        supervise_order_all(master, PROTO_ORDER_TICKETS);
    upgrade_turn(master, now_ms, &again_ms);
    supervise_turn(master, now_ms, &again_ms);
    rpc_server_turn(master, now_ms, &again_ms);
    feed_watchdog(master, now_ms, &again_ms);
    if (master->phase == MASTER_STOPPING && stop_is_over(master))
        loop_stop(master->loop);
    master->last_turn_ms = clock_now_ms();
    return again_ms - now_ms;
}

/* ---- the end ---- */

static void close_all(struct master *master)
{
    supervise_kill_all(master);
    rpc_server_close(master);
    while (!list_is_empty(&master->generations))
        generation_free(GENERATION_OF(master->generations.next));
    listen_close_unused(&master->listeners);
    upgrade_close(master);
    heir_close(&master->heir);
    route_table_release(&master->routes.dead);
    if (master->loop)
        signals_stop(master);
    loop_free(master->loop);
    pidfile_close(&master->pidfile);
    log_set_fd(STDERR_FILENO);
    logs_close(&master->logs);
    explicit_bzero(&master->tickets, sizeof(master->tickets));
}

/* The server, from its start to its end; as a daemon in the process that remains. */
static int serve(struct master *master)
{
    struct errmsg why = {0};
    master->pid = getpid();
    master->start_ms = master->last_turn_ms = clock_now_ms();
    master->watchdog_ms = notify_watchdog_ms();
    if (open_all(master, &why) < 0) {
        fail_start(master, why.text);
    } else {
        loop_run(master->loop, turn, master);
    }
    if (master->phase == MASTER_STOPPING)
        log_line(LOG_LEVEL_NOTICE, "stopped", "uptime_s=%lld",
                 (long long)(clock_now_ms() - master->start_ms) / 1000);
    close_all(master);
    return master->exit_status;
}

void master_refuse(const struct errmsg *why)
{
    struct heir heir;
    struct errmsg ignored = {0};
    if (heir_init(&heir, &ignored) == 1)
        heir_tell_failure(&heir, why->text);
    heir_close(&heir);
}

int master_run(const struct master_opts *opts)
{
    struct errmsg why = {0};
    int status = 1;
    struct master *master = calloc(1, sizeof(*master));
    if (!master) {
        fprintf(stderr, "galley: no memory\n");
        return 1;
    }
    master->opts = opts;
    master->daemon.report_fd = master->pidfile.fd = -1;
    master->logs = (struct logs){.log_fd = STDERR_FILENO, .access_fd = -1};
    master->stop_limit_ms = POLICY_STOP_MS;
    list_init(&master->generations);
    list_init(&master->listeners);
    upgrade_init(&master->upgrade);
    int forked = heir_init(&master->heir, &why);
    if (forked == 0 && opts->settings->daemon) /* an heir is the old master's child, and stays it */
        forked = daemon_start(&master->daemon, &status, &why);
    else if (forked == 1)
        forked = 0;
    if (forked == 0)
        status = serve(master);
    else if (forked < 0)
        fprintf(stderr, "galley: %s\n", why.text);
    free(master);
    return status;
}
