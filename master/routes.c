/* routes.c - what all workers counted of their routes.
 * Does:     check every byte of the rows, which come in a sealed memfd; keep them as they came until they are added up.
 * Does not: wait for a worker that does not answer (its last word counts), or let a sum go back.
 * See:      worker/routes.c, common/route_row.h, docs/PROTOCOL.md, t/unit/master/routes.c, t/49-routes.t */
#include "master/routes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/bug.h"
#include "master/generation.h"
#include "master/sealed.h"
#include "master/supervise.h"

/* What a row of the answer needs besides its texts, and all that is around the rows. */
enum { ROW_BYTES = 448, MARGIN_BYTES = 16 * 1024 };

_Static_assert(ROUTE_ROWS_MAX *ROUTE_ROW_MAX_BYTES <= PROTO_ROUTES_BYTES, "rows fit");

/* ---- what a worker tells ---- */

/* Whether these are rows, and after those that the slot has told already. */
static bool may_follow(const struct slot *slot, const struct buf *rows, uint32_t count)
{
    static struct route_row old, new; /* large; the master has one thread */
    struct mp_reader reader, before;
    mp_reader_init(&reader, buf_at(rows), buf_len(rows));
    mp_reader_init(&before, buf_at(&slot->routes.rows), buf_len(&slot->routes.rows));
    if (count > ROUTE_ROWS_MAX || (slot->routes.count && slot->routes.count != count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (route_row_get(&reader, &new) < 0)
            return false;
        if (!slot->routes.count)
            continue;
        GALLEY_BUG_IF(route_row_get(&before, &old) < 0, "a row has changed");
        if (!route_row_may_follow(&old, &new))
            return false;
    }
    return reader.at == reader.end;
}

bool routes_take(const struct master *master, struct slot *slot,
                 const struct proto_message *message, int fd)
{
    struct buf rows;
    bool is_last = message->report_id == 0;
    if (slot->routes.is_last || message->report_id > master->routes.asked_id ||
        (!is_last && message->report_id <= slot->routes.id))
        return false;
    if (message->shown_count > 0) {
        buf_init(&rows, PROTO_ROUTES_BYTES);
        if (!sealed_read(fd, &rows) || !may_follow(slot, &rows, message->shown_count)) {
            buf_release(&rows);
            return false;
        }
        buf_release(&slot->routes.rows);
        slot->routes.rows = rows;
        slot->routes.count = message->shown_count;
    }
    slot->routes.is_last = is_last;
    if (!is_last)
        slot->routes.id = message->report_id;
    return true;
}

void routes_clear(struct slot *slot)
{
    buf_release(&slot->routes.rows);
    memset(&slot->routes, 0, sizeof(slot->routes));
}

/* ---- asking ---- */

uint32_t routes_ask(struct master *master)
{
    supervise_order_all(master, PROTO_ORDER_ROUTES);
    return ++master->routes.asked_id;
}

static bool is_owing(const struct slot *slot, uint32_t id)
{
    return slot_may_answer(slot) && !slot->routes.is_last && slot->routes.id < id;
}

bool routes_all_told(const struct master *master, uint32_t id)
{
    return !generation_any_owes(master, is_owing, id);
}

/* ---- adding up ---- */

/* 0; -ENOMEM, and a part is added. */
static int add_rows(struct route_table *table, const struct slot *slot, bool is_alive)
{
    static struct route_row row;
    struct mp_reader reader;
    mp_reader_init(&reader, buf_at(&slot->routes.rows), buf_len(&slot->routes.rows));
    for (uint32_t i = 0; i < slot->routes.count; i++) {
        GALLEY_BUG_IF(route_row_get(&reader, &row) < 0, "a row has changed");
        if (route_table_add(table, &row, is_alive ? route_row_in_flight(&row) : 0) < 0)
            return -ENOMEM;
    }
    return 0;
}

void routes_bury(struct master *master, struct slot *slot)
{
    if (add_rows(&master->routes.dead, slot, false) < 0)
        log_line(LOG_LEVEL_ERROR, "no_memory", "for what worker %d counted of its routes",
                 slot->number);
    routes_clear(slot);
}

/* All that is known: the newest release's routes first, in its order. 0, -ENOMEM. */
static int sum_up(const struct master *master, struct route_table *table)
{
    const struct route_table *dead = &master->routes.dead;
    for (struct list *g = master->generations.prev; g != &master->generations; g = g->prev)
        for (struct list *s = GENERATION_OF(g)->slots.next; s != &GENERATION_OF(g)->slots;
             s = s->next)
            if (add_rows(table, SLOT_OF(s), true) < 0)
                return -ENOMEM;
    for (size_t i = 0; i < dead->count; i++)
        if (route_table_add(table, &dead->totals[i]->row, 0) < 0)
            return -ENOMEM;
    return 0;
}

/* ---- the answer ---- */

static void put_text(struct mp_writer *out, const char *key, galley_str text)
{
    mp_put_str(out, key);
    if (text.data)
        mp_put_str_len(out, text.data, text.len);
    else
        mp_put_nil(out);
}

static void put_pair(struct mp_writer *out, const char *key, uint64_t value)
{
    mp_put_str(out, key);
    mp_put_uint(out, value);
}

static void put_latency(struct mp_writer *out, const struct histogram *latency)
{
    static const struct {
        const char *name;
        unsigned percent;
    } points[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"max", 100}};
    bool is_known = histogram_count(latency) > 0;
    mp_put_str(out, "latency_us");
    mp_put_map(out, sizeof(points) / sizeof(points[0]));
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        mp_put_str(out, points[i].name);
        if (is_known)
            mp_put_uint(out, points[i].percent < 100
                                 ? histogram_percentile(latency, points[i].percent)
                                 : latency->max);
        else
            mp_put_nil(out);
    }
}

static void put_row(struct mp_writer *out, const struct route_total *total)
{
    const struct route_row *row = &total->row;
    mp_put_map(out, 12);
    put_text(out, "method", row->method);
    put_text(out, "path", row->path);
    put_text(out, "name", row->name);
    put_pair(out, "requests", row->requests);
    mp_put_str(out, "responses");
    mp_put_map(out, 4);
    put_pair(out, "2xx", row->responses[2]);
    put_pair(out, "3xx", row->responses[3]);
    put_pair(out, "4xx", row->responses[4]);
    put_pair(out, "5xx", row->responses[5]);
    put_pair(out, "unanswered", row->responses[0] + row->responses[1]);
    put_pair(out, "in_flight", total->in_flight);
    put_pair(out, "cancelled", row->cancelled);
    put_pair(out, "blocked", row->blocked);
    put_latency(out, &row->latency_us);
    put_pair(out, "stack_high_bytes", row->stack_high_bytes);
    put_pair(out, "arena_high_bytes", row->arena_high_bytes);
}

static size_t cost_of(const struct route_row *row)
{
    return ROW_BYTES + row->method.len + row->path.len + row->name.len;
}

/* How many of the rows fit into an answer, one more for the others included. */
static size_t count_fitting(const struct route_table *table, const struct mp_writer *out)
{
    size_t taken = buf_len(out->out) + MARGIN_BYTES, count = 0;
    for (; count < table->count; count++) {
        taken += cost_of(&table->totals[count]->row);
        if (taken > RPC_MAX_UNREAD_BYTES)
            break;
    }
    return count;
}

static void put_table(struct mp_writer *out, const struct route_table *table)
{
    static struct route_total others;
    size_t fitting = count_fitting(table, out);
    bool is_cut = fitting < table->count;
    mp_put_array(out, fitting + is_cut);
    for (size_t i = 0; i < fitting; i++)
        put_row(out, table->totals[i]);
    if (!is_cut)
        return;
    others = (struct route_total){.row.name = GALLEY_STR("others")};
    for (size_t i = fitting; i < table->count; i++) {
        route_row_add(&others.row, &table->totals[i]->row);
        others.in_flight += table->totals[i]->in_flight;
    }
    put_row(out, &others);
}

int routes_answer(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                  struct rpc_error *error)
{
    struct route_table table = {0};
    (void)params;
    int result = sum_up(master, &table);
    if (result < 0) {
        error->code = RPC_INTERNAL;
        snprintf(error->message, sizeof(error->message), "no memory for the routes");
    } else {
        put_table(out, &table);
    }
    route_table_release(&table);
    return result;
}
