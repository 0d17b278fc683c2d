/* coroutines.c - what waits in all workers: ask them, gather their rows, answer with them.
 * Does:     check every byte of the rows, which come in a sealed memfd: who writes it cannot change it any more, and
 *           reading it waits for nobody.
 * Does not: keep the rows longer than somebody waits for them, or cut silently: the answer has the numbers.
 * See:      worker/coroutines.c, docs/PROTOCOL.md, t/unit/master/coroutines.c, t/48-coroutines.t */
#include "master/coroutines.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/bug.h"
#include "master/generation.h"
#include "master/sealed.h"
#include "master/supervise.h"

enum {
    ROW_PAIRS = 10,
    TEXT_MAX_BYTES = 256,
    /* What the master writes itself: before each row, for each worker, and the frame around all. */
    HEAD_BYTES = 32,
    WORKER_BYTES = 128,
    FRAME_BYTES = 1024,
    MARGIN_BYTES = 16 * 1024
};

static const char *const keys[ROW_PAIRS] = {"id",     "parent", "name",    "route", "request_id",
                                            "age_ms", "state",  "waiting", "file",  "line"};

/* ---- what a worker tells ---- */

static bool is_plain(const struct mp_value *value)
{
    return value->type == MP_NIL || value->type == MP_UINT ||
           (value->type == MP_STR && value->len <= TEXT_MAX_BYTES);
}

static bool skip_waiting(struct mp_reader *reader)
{
    struct mp_value value;
    if (mp_get(reader, &value) < 0)
        return false;
    if (value.type == MP_NIL)
        return true;
    if (value.type != MP_MAP || value.len != 2)
        return false;
    for (int i = 0; i < 2; i++)
        if (mp_get_type(reader, MP_STR, &value) < 0 ||
            !mp_str_is(&value, i == 0 ? "kind" : "what") ||
            mp_get_type(reader, MP_STR, &value) < 0 || value.len > TEXT_MAX_BYTES)
            return false;
    return true;
}

/* Pass over one row. false: it is none. */
static bool skip_row(struct mp_reader *reader)
{
    struct mp_value value;
    if (mp_get_type(reader, MP_MAP, &value) < 0 || value.len != ROW_PAIRS)
        return false;
    for (size_t i = 0; i < ROW_PAIRS; i++) {
        if (mp_get_type(reader, MP_STR, &value) < 0 || !mp_str_is(&value, keys[i]))
            return false;
        if (!strcmp(keys[i], "waiting")) {
            if (!skip_waiting(reader))
                return false;
        } else if (mp_get(reader, &value) < 0 || !is_plain(&value)) {
            return false;
        }
    }
    return true;
}

static bool are_rows(const struct buf *rows, uint32_t count)
{
    struct mp_reader reader;
    mp_reader_init(&reader, buf_at(rows), buf_len(rows));
    for (uint32_t i = 0; i < count; i++)
        if (!skip_row(&reader))
            return false;
    return reader.at == reader.end;
}

bool coroutines_take(const struct master *master, struct slot *slot,
                     const struct proto_message *message, int fd)
{
    struct buf rows;
    if (message->report_id <= slot->told.id || message->report_id > master->told_id ||
        message->shown_count > message->live_count)
        return false;
    if (!master->told_wanted)
        return true; /* it comes too late */
    buf_init(&rows, PROTO_COROUTINES_BYTES);
    if (message->shown_count > 0 &&
        (!sealed_read(fd, &rows) || !are_rows(&rows, message->shown_count))) {
        buf_release(&rows);
        return false;
    }
    buf_release(&slot->told.rows);
    slot->told.rows = rows;
    slot->told.id = message->report_id;
    slot->told.live_count = message->live_count;
    slot->told.shown_count = message->shown_count;
    return true;
}

void coroutines_clear(struct slot *slot)
{
    buf_release(&slot->told.rows);
    memset(&slot->told, 0, sizeof(slot->told));
}

/* ---- asking ---- */

uint32_t coroutines_ask(struct master *master)
{
    supervise_order_all(master, PROTO_ORDER_COROUTINES);
    master->told_wanted = true;
    return ++master->told_id;
}

static bool is_owing(const struct slot *slot, uint32_t id)
{
    return slot_may_answer(slot) && slot->told.id < id;
}

bool coroutines_all_told(const struct master *master, uint32_t id)
{
    return !generation_any_owes(master, is_owing, id);
}

static void forget(struct slot *slot, void *arg)
{
    (void)arg;
    buf_release(&slot->told.rows);
    slot->told.shown_count = 0;
}

void coroutines_forget(struct master *master)
{
    master->told_wanted = false;
    generation_each_worker(master, forget, NULL);
}

/* ---- the answer ---- */

struct answer {
    struct mp_writer *out;
    uint32_t id;
    size_t share, room, given, over; /* see share_room */
    uint32_t row_count;
};

static bool has_told(const struct slot *slot, const struct answer *answer)
{
    return slot->told.id >= answer->id;
}

/* The bytes that its rows become. */
static size_t cost_of(const struct slot *slot)
{
    return buf_len(&slot->told.rows) + (size_t)slot->told.shown_count * HEAD_BYTES;
}

static void weigh(struct slot *slot, void *arg)
{
    struct answer *answer = arg;
    if (!has_told(slot, answer))
        return;
    if (cost_of(slot) <= answer->share)
        answer->given += cost_of(slot);
    else
        answer->over++;
}

/* The largest share for each worker with which all fit: what one does not need goes to the others. */
static void share_room(const struct master *master, struct answer *answer)
{
    size_t count = generation_each_worker(master, NULL, NULL);
    answer->share = count ? answer->room / count : 0;
    for (size_t turn = 0; turn < count; turn++) {
        answer->given = answer->over = 0;
        generation_each_worker(master, weigh, answer);
        size_t share = answer->over ? (answer->room - answer->given) / answer->over : SIZE_MAX;
        if (share <= answer->share)
            return;
        answer->share = share;
    }
}

/* How many of its rows fit, and with `out` write them. */
static uint32_t put_rows(const struct slot *slot, const struct answer *answer,
                         struct mp_writer *out)
{
    struct mp_reader reader;
    struct mp_value head;
    uint32_t count = 0;
    if (!has_told(slot, answer) || !slot->told.shown_count)
        return 0;
    mp_reader_init(&reader, buf_at(&slot->told.rows), buf_len(&slot->told.rows));
    for (size_t used = 0; count < slot->told.shown_count; count++) {
        const char *start = reader.at;
        GALLEY_BUG_IF(!skip_row(&reader), "a row has changed");
        used += (size_t)(reader.at - start) + HEAD_BYTES;
        if (used > answer->share)
            break;
        if (!out)
            continue;
        mp_put_map(out, ROW_PAIRS + 2);
        mp_put_str(out, "worker");
        mp_put_uint(out, (uint64_t)slot->number);
        mp_put_str(out, "pid");
        mp_put_uint(out, (uint64_t)slot->pid);
        struct mp_reader row = {start, reader.at};
        if (mp_get(&row, &head) == 0 && !out->error)
            out->error = buf_append(out->out, row.at, (size_t)(row.end - row.at));
    }
    return count;
}

static void count_rows(struct slot *slot, void *arg)
{
    struct answer *answer = arg;
    answer->row_count += put_rows(slot, answer, NULL);
}

static void write_rows(struct slot *slot, void *arg)
{
    struct answer *answer = arg;
    put_rows(slot, answer, answer->out);
}

static void write_worker(struct slot *slot, void *arg)
{
    const struct answer *answer = arg;
    char state[16] = "";
    bool is_told = has_told(slot, answer);
    snprintf(state, sizeof(state), "%s", slot->late ? "late" : slot_state_name(slot->state));
    for (char *at = state; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    mp_put_map(answer->out, 6);
    mp_put_str(answer->out, "worker");
    mp_put_uint(answer->out, (uint64_t)slot->number);
    mp_put_str(answer->out, "pid");
    mp_put_uint(answer->out, (uint64_t)slot->pid);
    mp_put_str(answer->out, "state");
    mp_put_str(answer->out, state);
    mp_put_str(answer->out, "answered");
    mp_put_bool(answer->out, is_told);
    mp_put_str(answer->out, "coroutines");
    mp_put_uint(answer->out, is_told ? slot->told.live_count : 0);
    mp_put_str(answer->out, "left_out");
    mp_put_uint(answer->out, is_told ? slot->told.live_count - put_rows(slot, answer, NULL) : 0);
}

int coroutines_answer(struct master *master, const struct rpc_params *params, struct mp_writer *out,
                      struct rpc_error *error)
{
    struct answer answer = {.out = out, .id = params->wait_id};
    size_t count = generation_each_worker(master, NULL, NULL);
    size_t taken = buf_len(out->out) + FRAME_BYTES + count * WORKER_BYTES + MARGIN_BYTES;
    (void)error;
    answer.room = RPC_MAX_UNREAD_BYTES > taken ? RPC_MAX_UNREAD_BYTES - taken : 0;
    share_room(master, &answer);
    generation_each_worker(master, count_rows, &answer);
    mp_put_map(out, 2);
    mp_put_str(out, "coroutines");
    mp_put_array(out, answer.row_count);
    generation_each_worker(master, write_rows, &answer);
    mp_put_str(out, "workers");
    mp_put_array(out, count);
    generation_each_worker(master, write_worker, &answer);
    return 0;
}
