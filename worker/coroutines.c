/* coroutines.c - what the coroutines of this worker wait for, as rows for its master.
 * Does:     name each by its route, its task and the place of its waiting call.
 * Does not: print long texts whole: a row has at most ROW_MAX_BYTES, and "..." ends what was cut.
 * See:      docs/PROTOCOL.md, worker/coro/waiting.c, t/48-coroutines.t */
#include "worker/coroutines.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <galley/app.h>
#include <galley/request.h>

#include "common/mp.h"
#include "worker/http/request.h"
#include "worker/rows.h"

enum { ROW_MAX_BYTES = 2048, ROW_PAIRS = 10 };

/* "POST /orders", of a request that has found its route; its tasks have the same. */
static void put_route(struct mp_writer *out, const struct galley_request *req)
{
    char route[2 * ROWS_TEXT_MAX_BYTES];
    mp_put_str(out, "route");
    if (req == NULL || req->route == NULL) {
        mp_put_nil(out);
        return;
    }
    snprintf(route, sizeof route, "%s %s", req->route->method, req->route->path);
    rows_put_text(out, route, strlen(route));
}

static void put_request_id(struct mp_writer *out, const struct galley_request *req)
{
    galley_str id = {0};
    if (req != NULL)
        id = galley__header(req, "x-request-id");
    rows_put_pair(out, "request_id", id.data, id.len);
}

static void put_waiting(struct mp_writer *out, const galley_async *co)
{
    char detail[CORO_DETAIL_BYTES];
    mp_put_str(out, "waiting");
    if (co->state != CORO_WAITING) {
        mp_put_nil(out);
        return;
    }
    coro_wait_detail(co, detail, sizeof detail);
    mp_put_map(out, 2);
    rows_put_pair(out, "kind", co->waiting_for, strlen(co->waiting_for));
    rows_put_pair(out, "what", detail, strlen(detail));
}

/* Where it waits; else where it comes from: the line that spawned it, or that declares its route. */
static void put_place(struct mp_writer *out, const galley_async *co,
                      const struct galley_route *route)
{
    galley_str file = {0};
    int line = 0;
    if (!coro_place(co->here, &file, &line)) {
        const char *from = co->line > 0 ? co->file : route != NULL ? route->file : NULL;
        if (from != NULL)
            file = (galley_str){from, strlen(from)};
        line = co->line > 0 ? co->line : route != NULL ? route->line : 0;
    }
    rows_put_pair(out, "file", file.data, file.len);
    mp_put_str(out, "line");
    if (file.data == NULL || line <= 0)
        mp_put_nil(out);
    else
        mp_put_uint(out, (uint64_t)line);
}

static void put_state(struct mp_writer *out, const galley_async *co)
{
    char state[16] = "";
    snprintf(state, sizeof state, "%s", coro_state_name((enum coro_state)co->state));
    for (char *at = state; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    rows_put_pair(out, "state", state, strlen(state));
}

static void put_row(struct mp_writer *out, const galley_async *co, int64_t now_ms)
{
    const struct galley_request *req = co->request;
    const struct galley_route *route = req != NULL && co->task == NULL ? req->route : NULL;
    const char *name = route != NULL ? route->name : co->name;
    uint64_t parent = coro_parent_id(co);
    mp_put_map(out, ROW_PAIRS);
    mp_put_str(out, "id");
    mp_put_uint(out, co->id);
    mp_put_str(out, "parent");
    if (parent == 0)
        mp_put_nil(out);
    else
        mp_put_uint(out, parent);
    rows_put_pair(out, "name", name, name != NULL ? strlen(name) : 0);
    put_route(out, req);
    put_request_id(out, req);
    mp_put_str(out, "age_ms");
    mp_put_uint(out, now_ms > co->started_ms ? (uint64_t)(now_ms - co->started_ms) : 0);
    put_state(out, co);
    put_waiting(out, co);
    put_place(out, co, route);
}

size_t coroutines_write(struct sched *sched, struct buf *rows)
{
    struct mp_writer out;
    size_t count = 0, at = 0;
    int64_t now_ms = loop_now_ms(sched_loop(sched));
    mp_writer_init(&out, rows);
    for (galley_async *co; (co = sched_next_live(sched, &at)) != NULL; count++) {
        if (buf_len(rows) + ROW_MAX_BYTES > rows->max_bytes)
            break;
        put_row(&out, co, now_ms);
        if (out.error < 0) { /* no memory: half a row is none */
            buf_clear(rows);
            return 0;
        }
    }
    return count;
}
