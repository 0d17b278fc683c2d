/* worker.c - a worker process: put the layers together, serve, drain, exit.
 * Does:     loop, scheduler, threads, TLS, application and server of one process, in that order, and back.
 * Does not: accept before the master says so, or outlive the master's channel by more than DRAIN_ALONE_MS.
 * See:      channel.c (what master and worker say), worker/http/server.h, docs/ARCHITECTURE.md (the life of a worker). */
#include "worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/app/app.h"
#include "worker/app/app_load.h"
#include "worker/channel.h"
#include "worker/coro/backtrace.h"
#include "worker/coro/fault.h"
#include "worker/coro/watchdog.h"
#include "worker/io/remotes.h"
#include "worker/http/route_stats.h"
#include "worker/net/tls.h"
#include "worker/state.h"

/* Without a master: time to finish what runs. Threads that still work get POOL_GRACE_MS at the end. */
enum { DRAIN_ALONE_MS = 10000, POOL_GRACE_MS = 1000, DRAIN_CHECK_MS = 20, STOP_MS = 4000 };

/* ---- connections ---- */

static void refuse_connection(struct worker *worker, int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
                                 "content-length: 0\r\nconnection: close\r\n\r\n";
    worker->stats.connections_refused++;
    if (send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_line(LOG_LEVEL_DEBUG, "refusal_lost", "fd=%d", fd);
    close(fd);
}

static void on_socket(void *arg, int fd, const struct inherit_listener *listener)
{
    struct worker *worker = arg;
    if (worker->server->conn_count >= worker->inherit->settings->max_connections)
        refuse_connection(worker, fd);
    else
        server_accept(worker->server, fd, listener->tls);
}

/* ---- ending ---- */

static bool is_idle(const struct worker *worker)
{
    const struct tls_server *tls = worker->server->tls;
    return worker->server->conn_count == 0 && sched_live_count(worker->sched) == 0 &&
           (tls == NULL || tls_server_unsent_count(tls) == 0);
}

static void on_drain_check(void *arg)
{
    struct worker *worker = arg;
    int64_t now_ms = loop_now_ms(worker->loop);
    if (is_idle(worker)) {
        loop_stop(worker->loop);
        return;
    }
    if (now_ms >= worker->stop_at_ms && !worker->is_stopping)
        worker_stop(worker);
    else if (worker->is_stopping &&
             (now_ms >= worker->stop_at_ms || sched_live_count(worker->sched) == 0)) {
        loop_stop(worker->loop);
        return;
    }
    loop_timer_start(worker->loop, &worker->drain_timer, DRAIN_CHECK_MS, on_drain_check, worker);
}

void worker_drain(struct worker *worker, int64_t limit_ms)
{
    int64_t stop_at_ms = loop_now_ms(worker->loop) + limit_ms;
    if (worker->is_draining) {
        if (stop_at_ms < worker->stop_at_ms)
            worker->stop_at_ms = stop_at_ms;
        return;
    }
    worker->is_draining = true;
    worker->stop_at_ms = stop_at_ms;
    log_line(LOG_LEVEL_INFO, "draining", "connections=%zu coroutines=%zu",
             worker->server->conn_count, sched_live_count(worker->sched));
    accept_stop(worker->accept);
    server_drain(worker->server);
    on_drain_check(worker);
}

void worker_stop(struct worker *worker)
{
    worker_drain(worker, 0);
    worker->is_stopping = true;
    worker->stop_at_ms = loop_now_ms(worker->loop) + STOP_MS;
    sched_cancel_all(worker->sched, GALLEY_BY_SHUTDOWN);
}

void worker_lost_master(struct worker *worker)
{
    log_line(LOG_LEVEL_WARN, "master_gone", "draining for at most %d ms", DRAIN_ALONE_MS);
    worker_drain(worker, DRAIN_ALONE_MS);
}

/* ---- the start, in order ---- */

static int64_t before_poll(void *arg)
{
    struct worker *worker = arg;
    int64_t wait_ms = sched_run(worker->sched);
    if (!list_is_empty(&worker->server->dirty)) {
        server_flush(worker->server);
        wait_ms = sched_run(worker->sched); /* whom the flush has woken */
        if (!list_is_empty(&worker->server->dirty))
            wait_ms = 0; /* what these have to send wakes others: a turn of its own */
    }
    if (remotes_flush(worker->remotes))
        wait_ms = 0;
    if (wait_ms != 0)
        loop_linger(worker->loop, remotes_linger_us(worker->remotes));
    return wait_ms;
}

/* What a crashing coroutine was about: "GET /x". In a signal handler: copies, and nothing else. */
static bool label_of(const galley_async *co, char *text, size_t size)
{
    const struct galley_request *req = co->request;
    if (req == NULL || req->method_text.len + req->path_encoded.len + 2 > size)
        return false;
    char *at = mempcpy(text, req->method_text.data, req->method_text.len);
    *at++ = ' ';
    at = mempcpy(at, req->path_encoded.data, req->path_encoded.len);
    *at = '\0';
    return true;
}

static int start_runtime(struct worker *worker, struct errmsg *why)
{
    const struct settings *settings = worker->inherit->settings;
    const struct sched_opts sched_opts = {
        .max_coroutines = settings->max_coroutines,
        .stats = &worker->stats,
    };
    const struct pool_opts pool_opts = {
        .max_threads = settings->threads,
        .max_queued = settings->thread_queue,
        .stats = &worker->stats,
    };
    worker->loop = loop_new();
    if (worker->loop != NULL)
        worker->sched = sched_new(worker->loop, &sched_opts);
    if (worker->sched != NULL)
        worker->pool = pool_new(worker->sched, &pool_opts);
    if (worker->pool != NULL)
        worker->remotes = remotes_new(worker->sched, &worker->stats);
    if (worker->remotes == NULL) {
        errmsg_set_sys(why, "cannot start the event loop of a worker");
        return -1;
    }
    fault_set_label(label_of);
    fault_install(worker->sched);
    return 0;
}

/* ---- blocks ---- */

/* Called by the watchdog, which throws away what it was told if the request went on meanwhile. */
static __attribute__((no_sanitize("thread"))) void find_route(const void *request,
                                                              struct watchdog_route *out)
{
    const struct galley_request *req = request;
    out->declared = __atomic_load_n(&req->route, __ATOMIC_RELAXED);
    out->stats = __atomic_load_n(&req->stats, __ATOMIC_RELAXED);
}

static void write_route(const struct watchdog_route *at, char *text, size_t size)
{
    const struct galley_route *route = at->declared;
    snprintf(text, size, "%s %s (%s, %s:%d)", route->method, route->path, route->name, route->file,
             route->line);
}

static void count_block(const struct watchdog_route *at)
{
    if (at->stats != NULL)
        route_stats_blocked(at->stats);
}

static void start_watchdog(struct worker *worker)
{
    const struct watchdog_opts opts = {
        .loop = worker->loop,
        .sched = worker->sched,
        .limit_ms = worker->inherit->settings->blocked_limit,
        .find_route = find_route,
        .write_route = write_route,
        .on_blocked = count_block,
    };
    if (opts.limit_ms == 0)
        return;
    worker->watchdog = watchdog_start(&opts);
    if (worker->watchdog == NULL)
        log_line(LOG_LEVEL_NOTICE, "watchdog_missing", "blocks of the loop are not logged: %s",
                 strerror(errno));
}

static int load_app(struct worker *worker, struct errmsg *why)
{
    const struct galley_app *declared = worker->inherit->app;
    if (declared == NULL)
        declared = app_load(worker->inherit->app_path, why);
    if (declared == NULL)
        return -1;
    backtrace_know(declared);
    worker->app = app_new(declared, why);
    return worker->app == NULL ? -1 : 0;
}

static int start_server(struct worker *worker, struct errmsg *why)
{
    const struct inherit *inherit = worker->inherit;
    struct server *server = calloc(1, sizeof *server);
    worker->server = server;
    if (server == NULL) {
        errmsg_set(why, "no memory for a worker");
        return -1;
    }
    server->loop = worker->loop;
    server->sched = worker->sched;
    server->pool = worker->pool;
    server->stats = &worker->stats;
    server->settings = inherit->settings;
    server->access_log_fd = inherit->access_log_fd;
    server->handle = app_handle;
    server->app = worker->app;
    server_start(server);
    if (inherit->pem_count > 0) {
        server->tls = tls_server_new(inherit->pems, inherit->pem_count, &inherit->tickets,
                                     &worker->stats, why);
        if (server->tls == NULL)
            return -1;
    }
    const struct accept_opts accept_opts = {
        .loop = worker->loop,
        .listeners = inherit->listeners,
        .count = inherit->listener_count,
        .on_socket = on_socket,
        .arg = worker,
    };
    worker->accept = accept_new(&accept_opts);
    if (worker->accept == NULL) {
        errmsg_set_sys(why, "cannot watch the listening sockets");
        return -1;
    }
    return 0;
}

/* The start hook runs as a coroutine; then the worker is ready, or has failed. */
static GALLEY_YIELDS void start_main(galley_async *co, void *arg)
{
    struct worker *worker = arg;
    worker->start_result = app_start(worker->app, co, &worker->why);
}

static void start_ended(void *arg)
{
    struct worker *worker = arg;
    if (worker->start_result == 0 && channel_say_ready(worker->channel) == 0) {
        worker->is_ready = true;
        return;
    }
    errmsg_set(&worker->why, "the start hook of %s failed", app_title(worker->app));
    worker->has_failed = true;
    loop_stop(worker->loop); /* if it runs: the hook may never have waited */
}

static int start(struct worker *worker)
{
    struct errmsg *why = &worker->why;
    if (start_runtime(worker, why) < 0)
        return -1;
    worker->channel = channel_open(worker);
    if (worker->channel == NULL) {
        errmsg_set_sys(why, "cannot watch the channel to the master");
        return -1;
    }
    if (load_app(worker, why) < 0 || start_server(worker, why) < 0)
        return -1;
    start_watchdog(worker);
    const struct coro_opts hook = {
        .name = "start hook",
        .entry = start_main,
        .arg = worker,
        .on_end = start_ended,
        .timeout_ms = worker->inherit->settings->start_timeout,
    };
    if (coro_start(worker->sched, &hook) < 0) {
        errmsg_set(why, "no coroutine for the start hook");
        return -1;
    }
    return 0;
}

static GALLEY_YIELDS void stop_main(galley_async *co, void *arg)
{
    app_stop(((struct worker *)arg)->app, co);
}

static void stop_ended(void *arg)
{
    loop_stop(((struct worker *)arg)->loop);
}

/* The stop hook, bounded by STOP_MS. */
static void run_stop_hook(struct worker *worker)
{
    const struct coro_opts hook = {
        .name = "stop hook",
        .entry = stop_main,
        .arg = worker,
        .on_end = stop_ended,
        .timeout_ms = STOP_MS,
    };
    if (worker->is_ready && coro_start(worker->sched, &hook) == 1)
        loop_run(worker->loop, before_poll, worker);
}

static void release(struct worker *worker)
{
    bool is_quiet = watchdog_stop(worker->watchdog);
    is_quiet &= worker->pool == NULL || pool_free(worker->pool, POOL_GRACE_MS);
    is_quiet = remotes_free(worker->remotes) && is_quiet;
    if (worker->server != NULL)
        server_stop(worker->server);
    if (!is_quiet || (worker->sched != NULL && sched_live_count(worker->sched) > 0)) {
        log_line(LOG_LEVEL_WARN, "stop_forced", "coroutines=%zu", sched_live_count(worker->sched));
        sched_dump(worker->sched);
        _exit(0); /* what hangs cannot be joined */
    }
    accept_free(worker->accept);
    if (worker->server != NULL)
        tls_server_free(worker->server->tls);
    free(worker->server);
    app_free(worker->app);
    channel_close(worker->channel);
    if (worker->sched != NULL)
        sched_free(worker->sched);
    if (worker->loop != NULL)
        loop_free(worker->loop);
}

int worker_main(const struct inherit *inherit)
{
    char who[32];
    struct worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return 1;
    snprintf(who, sizeof who, "worker %d", inherit->slot);
    log_open(inherit->log_fd, log_get_level(), who);
    worker->inherit = inherit;
    if (start(worker) == 0 && !worker->has_failed)
        loop_run(worker->loop, before_poll, worker);
    int status = 0;
    if (!worker->is_ready) {
        status = 1;
        if (worker->why.text[0] != '\0')
            channel_say_failed(inherit, worker->why.text);
    } else {
        channel_say_drained(worker->channel);
        run_stop_hook(worker);
    }
    release(worker);
    free(worker);
    return status;
}
