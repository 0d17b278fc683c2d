/* route_list.c - the answer of `routes` for people.
 * Does:     make each row flat, as table.c wants it; sort by how many requests came since the last look.
 * Does not: believe the server: a row that is none is refused, a number that went back counts as none.
 * See:      docs/PROTOCOL.md, t/21-cli-rpc.t, t/49-routes.t */
#include "cli/route_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

/* PAIRS: 6 plain ones, 4 of responses, 4 of latency, path, stack and rate. */
enum { TABLE_MAX_BYTES = 16 << 20, KEY_BYTES = 768, TEXT_BYTES = 256, PAIRS = 17 };

static const struct table_column all_columns[] = {
    {"method", "METHOD", TABLE_TEXT},
    {"path", "PATH", TABLE_TEXT},
    {"requests", "REQUESTS", TABLE_NUMBER},
    {"2xx", "2XX", TABLE_NUMBER},
    {"3xx", "3XX", TABLE_NUMBER},
    {"4xx", "4XX", TABLE_NUMBER},
    {"5xx", "5XX", TABLE_NUMBER},
    {"in_flight", "NOW", TABLE_NUMBER},
    {"p50", "P50", TABLE_US},
    {"p90", "P90", TABLE_US},
    {"p99", "P99", TABLE_US},
    {"max", "MAX", TABLE_US},
    {"stack_high_bytes", "STACK", TABLE_BYTES},
    {"arena_high_bytes", "HEAP", TABLE_BYTES},
    {"name", "HANDLER", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};

static const struct table_column busiest_columns[] = {
    {"rate", "REQ/S", TABLE_NUMBER},    {"requests", "REQUESTS", TABLE_NUMBER},
    {"4xx", "4XX", TABLE_NUMBER},       {"5xx", "5XX", TABLE_NUMBER},
    {"in_flight", "NOW", TABLE_NUMBER}, {"p50", "P50", TABLE_US},
    {"p90", "P90", TABLE_US},           {"p99", "P99", TABLE_US},
    {"max", "MAX", TABLE_US},           {"blocked", "BLOCKED", TABLE_NUMBER},
    {"method", "METHOD", TABLE_TEXT},   {"path", "PATH", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};

struct line {
    struct mp_reader row;
    uint64_t requests, rate;
    bool has_rate;
};

/* ---- rows ---- */

static void put_value(struct mp_writer *out, const char *key, struct mp_value value)
{
    char text[TEXT_BYTES];
    mp_put_str(out, key);
    if (value.type == MP_UINT)
        mp_put_uint(out, value.uint);
    else
        mp_put_str(out, rpc_text(&value, text, sizeof(text)));
}

static void put_from(struct mp_writer *out, struct mp_reader row, const char *map,
                     const char *const *keys, size_t count)
{
    struct mp_reader inner = row;
    bool is_there = !map || rpc_find(row, map, &inner);
    for (size_t i = 0; i < count; i++)
        put_value(out, keys[i],
                  is_there ? rpc_get(inner, keys[i]) : (struct mp_value){.type = MP_NIL});
}

/* A row that stands for no route has its name in brackets. */
static void put_path(struct mp_writer *out, struct mp_reader row)
{
    char text[TEXT_BYTES], name[TEXT_BYTES - 2];
    struct mp_value value = rpc_get(row, "path");
    mp_put_str(out, "path");
    if (value.type == MP_STR) {
        mp_put_str(out, rpc_text(&value, text, sizeof(text)));
        return;
    }
    value = rpc_get(row, "name");
    snprintf(text, sizeof(text), "(%s)", rpc_text(&value, name, sizeof(name)));
    mp_put_str(out, text);
}

static void put_line(struct mp_writer *out, const struct line *line)
{
    static const char *const plain[] = {"method",  "requests", "in_flight",
                                        "blocked", "name",     "arena_high_bytes"};
    static const char *const responses[] = {"2xx", "3xx", "4xx", "5xx"};
    static const char *const latency[] = {"p50", "p90", "p99", "max"};
    struct mp_value stack = rpc_get(line->row, "stack_high_bytes");
    mp_put_map(out, PAIRS);
    put_from(out, line->row, NULL, plain, 6);
    put_from(out, line->row, "responses", responses, 4);
    put_from(out, line->row, "latency_us", latency, 4);
    put_path(out, line->row);
    if (stack.type == MP_UINT && stack.uint == 0)
        stack.type = MP_NIL; /* none was measured */
    put_value(out, "stack_high_bytes", stack);
    put_value(out, "rate",
              (struct mp_value){.type = line->has_rate ? MP_UINT : MP_NIL, .uint = line->rate});
}

static int print_lines(const struct line *lines, size_t count, const struct table_column *columns)
{
    struct buf table;
    struct mp_writer out;
    struct mp_reader list;
    buf_init(&table, TABLE_MAX_BYTES);
    mp_writer_init(&out, &table);
    mp_put_array(&out, count);
    for (size_t i = 0; i < count; i++)
        put_line(&out, &lines[i]);
    mp_reader_init(&list, buf_at(&table), buf_len(&table));
    int error = out.error ? -ENOMEM : table_print(list, columns);
    buf_release(&table);
    return error;
}

/* The rows of the list, the caller's to free. 0, -EBADMSG, -ENOMEM. */
static int read_lines(struct mp_reader list, struct line **lines, size_t *count)
{
    struct mp_value head;
    if (mp_get_type(&list, MP_ARRAY, &head) < 0 || head.len > RPC_MAX_BYTES)
        return -EBADMSG;
    *lines = calloc(head.len + 1, sizeof(**lines));
    if (!*lines)
        return -ENOMEM;
    for (*count = 0; *count < head.len; ++*count) {
        struct mp_value requests = rpc_get(list, "requests");
        (*lines)[*count] = (struct line){.row = list};
        if (requests.type != MP_UINT || mp_skip(&list) < 0) {
            free(*lines);
            *lines = NULL;
            return -EBADMSG;
        }
        (*lines)[*count].requests = requests.uint;
    }
    return 0;
}

int route_list_print(struct mp_reader list)
{
    struct line *lines;
    size_t count;
    int error = read_lines(list, &lines, &count);
    if (error)
        return error;
    error = print_lines(lines, count, all_columns);
    free(lines);
    return error;
}

/* ---- rates ---- */

void route_past_release(struct route_past *past)
{
    for (size_t i = 0; i < past->count; i++)
        free(past->seen[i].key);
    free(past->seen);
    *past = (struct route_past){0};
}

static void write_key(const struct line *line, char out[static KEY_BYTES])
{
    char method[TEXT_BYTES], path[TEXT_BYTES], name[TEXT_BYTES];
    struct mp_value values[] = {rpc_get(line->row, "method"), rpc_get(line->row, "path"),
                                rpc_get(line->row, "name")};
    snprintf(out, KEY_BYTES, "%s %s %s", rpc_text(&values[0], method, sizeof(method)),
             rpc_text(&values[1], path, sizeof(path)), rpc_text(&values[2], name, sizeof(name)));
}

/* How many requests of this route there were; it was at `hint`, as a rule. NULL: it is new. */
static const struct route_seen *find_seen(const struct route_past *past, const char *key,
                                          size_t hint)
{
    for (size_t i = 0; i < past->count; i++) {
        const struct route_seen *seen = &past->seen[(hint + i) % past->count];
        if (!strcmp(seen->key, key))
            return seen;
    }
    return NULL;
}

/* Note what is there now, with the rate since `past`, which it replaces. 0, -ENOMEM. */
static int note_rates(struct line *lines, size_t count, struct route_past *past, int64_t now_ms)
{
    struct route_past now = {.at_ms = now_ms};
    int64_t passed_ms = now_ms - past->at_ms;
    now.seen = calloc(count + 1, sizeof(*now.seen));
    for (size_t i = 0; now.seen && i < count; i++, now.count++) {
        char key[KEY_BYTES];
        write_key(&lines[i], key);
        const struct route_seen *seen = find_seen(past, key, i);
        uint64_t before = seen ? seen->requests : 0;
        lines[i].has_rate = past->at_ms && passed_ms > 0;
        if (lines[i].has_rate && lines[i].requests > before)
            lines[i].rate =
                (uint64_t)((double)(lines[i].requests - before) * 1000 / (double)passed_ms + 0.5);
        now.seen[i] = (struct route_seen){strdup(key), lines[i].requests};
        if (!now.seen[i].key)
            break;
    }
    bool is_whole = now.seen && now.count == count;
    route_past_release(is_whole ? past : &now);
    if (is_whole)
        *past = now;
    return is_whole ? 0 : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
    const struct line *left = a, *right = b;
    if (left->rate != right->rate)
        return left->rate > right->rate ? -1 : 1;
    if (left->requests != right->requests)
        return left->requests > right->requests ? -1 : 1;
    return left->row.at < right->row.at ? -1 : left->row.at > right->row.at;
}

int route_list_print_busiest(struct mp_reader list, struct route_past *past, int64_t now_ms,
                             size_t most)
{
    struct line *lines;
    size_t count;
    int error = read_lines(list, &lines, &count);
    if (error)
        return error;
    error = note_rates(lines, count, past, now_ms);
    if (!error) {
        qsort(lines, count, sizeof(*lines), compare);
        while (count > 0 && !lines[count - 1].requests)
            count--; /* nobody has ever asked for it */
        error = print_lines(lines, count < most ? count : most, busiest_columns);
    }
    free(lines);
    return error;
}
