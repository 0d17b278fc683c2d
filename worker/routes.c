/* routes.c - what this worker counted of its routes, as rows for its master.
 * Does:     what routes.h says. A worker's rows stay the same ones, in the same order, as long as it lives.
 * Does not: allocate, but for the rows.
 * See:      docs/PROTOCOL.md, master/routes.c (the other end), t/49-routes.t */
#include "worker/routes.h"

#include <string.h>

#include <galley/app.h>

#include "common/route_row.h"
#include "worker/app/app.h"
#include "worker/http/route_stats.h"

/* The two that stand for others. */
enum { SHOWN_MAX = ROUTE_ROWS_MAX - 2 };

_Static_assert((int)ROUTE_ROW_CLASSES == (int)ROUTE_STATS_CLASSES, "classes of responses");

/* A text that is not too long for a row, its end cut off visibly; `room` is where it is then. */
static galley_str cut(const char *text, char room[static ROUTE_ROW_TEXT_BYTES])
{
    size_t len = strnlen(text, ROUTE_ROW_TEXT_BYTES + 1);
    if (len <= ROUTE_ROW_TEXT_BYTES)
        return (galley_str){text, len};
    memcpy(mempcpy(room, text, ROUTE_ROW_TEXT_BYTES - 3), "...", 3);
    return (galley_str){room, ROUTE_ROW_TEXT_BYTES};
}

static void add_stats(struct route_row *row, const struct route_stats *stats)
{
    struct route_row more = {
        .requests = stats->requests,
        .cancelled = stats->cancelled,
        .blocked = __atomic_load_n(&stats->blocked, __ATOMIC_RELAXED),
        .arena_high_bytes = stats->arena_high_bytes,
        .stack_high_bytes = stats->stack_high_bytes,
        .latency_us = stats->latency_us,
    };
    memcpy(more.responses, stats->responses, sizeof more.responses);
    route_row_add(row, &more);
}

static void put_route(struct mp_writer *out, const struct app *app, size_t index)
{
    const struct route_stats *stats;
    const struct galley_route *route = app_route(app, index, &stats);
    char method[ROUTE_ROW_TEXT_BYTES], path[ROUTE_ROW_TEXT_BYTES], name[ROUTE_ROW_TEXT_BYTES];
    struct route_row row = {.method = cut(route->method, method), .path = cut(route->path, path)};
    if (route->name != NULL)
        row.name = cut(route->name, name);
    add_stats(&row, stats);
    route_row_put(out, &row);
}

/* The routes from `first` on in one row. */
static void put_others(struct mp_writer *out, const struct app *app, size_t first)
{
    struct route_row row = {.name = GALLEY_STR("others")};
    const struct route_stats *stats;
    for (size_t i = first; app_route(app, i, &stats) != NULL; i++)
        add_stats(&row, stats);
    route_row_put(out, &row);
}

static void put_unmatched(struct mp_writer *out, const struct app *app)
{
    struct route_row row = {.name = GALLEY_STR("unmatched")};
    const struct route_stats *stats;
    (void)app_route(app, app_route_count(app), &stats);
    add_stats(&row, stats);
    route_row_put(out, &row);
}

size_t routes_write(const struct app *app, struct buf *rows)
{
    struct mp_writer out;
    size_t total = app_route_count(app), shown = total < SHOWN_MAX ? total : SHOWN_MAX;
    mp_writer_init(&out, rows);
    for (size_t i = 0; i < shown; i++)
        put_route(&out, app, i);
    if (shown < total)
        put_others(&out, app, shown);
    put_unmatched(&out, app);
    if (out.error < 0) {
        buf_clear(rows);
        return 0;
    }
    return shown + (shown < total) + 1;
}
