/* app_items.c - nanoseconds of the typed layer for GET /items/1?q=x: route, inputs, handler, JSON.
 * Does:     whole calls of app_handle on one coroutine, with a transport that throws the answer away.
 * Does not: include sockets, parsing of heads or the coroutine's own life. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/settings.h"
#include "worker/app/app.h"
#include "worker/http/server.h"

#include "examples/echo.c"

enum { ROUNDS = 9, CALLS = 200000 };

struct bench {
    struct server *server;
    struct app *app;
    galley_str path, query;
    const char *name;
};

static size_t sent_bytes;

static int throw_away(struct galley_request *req, uint64_t content_length, const void *body,
                      size_t len, bool is_end)
{
    (void)req, (void)content_length, (void)body, (void)is_end;
    sent_bytes += len;
    return 0;
}

static const struct transport throwing = {.send_head = throw_away};

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void bench_main(galley_async *co, void *arg)
{
    const struct bench *bench = arg;
    struct galley_request req;
    char first[1024];
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_ns();
        for (int i = 0; i < CALLS; i++) {
            memset(&req, 0, sizeof req);
            req.co = co;
            req.server = bench->server;
            req.transport = &throwing;
            arena_init(&req.arena, first, sizeof first, 1 << 20);
            co->arena = &req.arena;
            co->request = &req;
            req.method_text = GALLEY_STR("GET");
            req.path_encoded = bench->path;
            req.query = bench->query;
            req.has_query = req.query.len > 0;
            app_handle(bench->app, &req);
            arena_release(&req.arena);
        }
        double each = (now_ns() - start) / CALLS;
        best = each < best ? each : best;
    }
    co->arena = NULL;
    co->request = NULL;
    printf("%-24s %6.1f ns\n", bench->name, best);
}

int main(void)
{
    static struct settings settings;
    static struct stats stats;
    struct errmsg why = {{0}};
    struct server *server = calloc(1, sizeof *server);
    settings_init(&settings);
    server->loop = loop_new();
    server->stats = &stats;
    server->settings = &settings;
    server->sched = sched_new(server->loop, &(struct sched_opts){.stats = &stats});
    struct app *app = app_new(&galley_app, &why);
    if (app == NULL) {
        fprintf(stderr, "%s\n", why.text);
        return 1;
    }
    struct bench rows[] = {
        {server, app, GALLEY_STR("/plaintext"), GALLEY_STR(""), "GET /plaintext"},
        {server, app, GALLEY_STR("/items/1"), GALLEY_STR("q=x"), "GET /items/1?q=x"},
        {server, app, GALLEY_STR("/items/x"), GALLEY_STR(""), "GET /items/x (422)"},
        {server, app, GALLEY_STR("/nowhere"), GALLEY_STR(""), "GET /nowhere (404)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct coro_opts opts = {
            .name = "bench", .entry = bench_main, .arg = &rows[i], .timeout_ms = -1};
        if (coro_start(server->sched, &opts) != 0)
            return 1;
    }
    app_free(app);
    return 0;
}
