/* world.h - what tests of whole requests share: a server without sockets, with the application `galley_app`.
 * Does:     set it up, run one request's coroutine to its end; include it once, behind the application's source.
 * Does not: know requests or what is sent: each test has a transport of its own. */
#ifndef GALLEY_T_APP_WORLD_H
#define GALLEY_T_APP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/settings.h"
#include "worker/app/app.h"
#include "worker/http/server.h"

static struct world {
    struct server *server;
    struct settings settings;
    struct stats stats;
    bool is_over; /* the request that runs now */
} world;

static int world_set_up(void **state)
{
    struct errmsg why = {{0}};
    struct server *server = world.server = calloc(1, sizeof *world.server);
    (void)state;
    settings_init(&world.settings);
    server->loop = loop_new();
    server->stats = &world.stats;
    server->settings = &world.settings;
    server->access_log_fd = -1;
    server->sched = sched_new(server->loop, &(struct sched_opts){.stats = &world.stats});
    server->pool = pool_new(server->sched, &(struct pool_opts){.stats = &world.stats});
    server->handle = app_handle;
    server->app = app_new(&galley_app, &why);
    if (server->app == NULL)
        print_error("%s\n", why.text);
    return server->app != NULL ? 0 : -1;
}

static int world_tear_down(void **state)
{
    (void)state;
    app_free(world.server->app);
    pool_free(world.server->pool, 1000);
    sched_free(world.server->sched);
    loop_free(world.server->loop);
    settings_release(&world.settings);
    free(world.server);
    return 0;
}

static void world_request_ended(void *arg)
{
    (void)arg;
    world.is_over = true;
}

static int64_t world_before_poll(void *arg)
{
    (void)arg;
    int64_t timeout_ms = sched_run(world.server->sched);
    if (world.is_over)
        loop_stop(world.server->loop);
    return timeout_ms;
}

/* Run `entry` as a request's coroutine, until it has ended. */
static void world_run(void (*entry)(galley_async *, void *))
{
    const struct coro_opts opts = {
        .name = "request", .entry = entry, .on_end = world_request_ended, .timeout_ms = 60000};
    world.is_over = false;
    int rc = coro_start(world.server->sched, &opts);
    assert_true(rc >= 0);
    if (rc == 1)
        loop_run(world.server->loop, world_before_poll, NULL);
}

#endif
