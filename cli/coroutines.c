/* coroutines.c - the answer of `coroutines` for people: rows, the tree that they are, words for what they wait for.
 * Does:     what coroutines.h says, in time that grows with the number of rows and little more.
 * Does not: recurse: a tree may be as deep as it has rows.
 * See:      docs/PROTOCOL.md, t/21-cli-rpc.t, t/48-coroutines.t */
#include "cli/coroutines.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT_S = 10, PART_BYTES = 96 };

static uint64_t number_of(struct mp_reader row, const char *key)
{
    struct mp_value value = rpc_get(row, key);
    return value.type == MP_UINT ? value.uint : 0;
}

/* By process, then by id. */
static int compare(const void *a, const void *b)
{
    const struct coroutine *const *left = a, *const *right = b;
    if ((*left)->pid != (*right)->pid)
        return (*left)->pid < (*right)->pid ? -1 : 1;
    if ((*left)->id != (*right)->id)
        return (*left)->id < (*right)->id ? -1 : 1;
    return 0;
}

/* 0; -1 without memory. */
static int link_rows(struct coroutines *all)
{
    struct coroutine **sorted = calloc(all->count + 1, sizeof(struct coroutine *));
    if (!sorted)
        return -1;
    for (size_t i = 0; i < all->count; i++)
        sorted[i] = &all->rows[i];
    qsort(sorted, all->count, sizeof(*sorted), compare);
    for (struct coroutine *row = all->rows; row < all->rows + all->count; row++) {
        const struct coroutine wanted = {.pid = row->pid, .id = row->parent_id}, *key = &wanted;
        struct coroutine **found =
            row->parent_id ? bsearch(&key, sorted, all->count, sizeof(*sorted), compare) : NULL;
        if (!found)
            continue;
        row->parent = *found;
        if (row->parent->last)
            row->parent->last->next = row;
        else
            row->parent->first = row;
        row->parent->last = row;
    }
    free(sorted);
    return 0;
}

/* CLI_OK; CLI_FAILED with the reason printed. */
static int read_rows(struct coroutines *all, const struct rpc *rpc, struct mp_reader list)
{
    struct mp_value head;
    if (mp_get_type(&list, MP_ARRAY, &head) < 0 || head.len > RPC_MAX_BYTES)
        return rpc_strange(rpc);
    all->rows = calloc(head.len + 1, sizeof(*all->rows));
    if (!all->rows)
        return cli_fail(CLI_FAILED, "no memory for %zu coroutines", head.len);
    for (; all->count < head.len; all->count++) {
        all->rows[all->count] = (struct coroutine){.worker = number_of(list, "worker"),
                                                   .pid = number_of(list, "pid"),
                                                   .id = number_of(list, "id"),
                                                   .parent_id = number_of(list, "parent"),
                                                   .row = list};
        if (mp_skip(&list) < 0)
            return rpc_strange(rpc);
    }
    if (link_rows(all) < 0)
        return cli_fail(CLI_FAILED, "no memory for %zu coroutines", head.len);
    return CLI_OK;
}

/* Call `coroutines`. CLI_OK; another status with the reason printed. coroutines_release() in every case. */
static int coroutines_read(struct coroutines *all, struct rpc *rpc)
{
    struct mp_reader list;
    struct mp_value head;
    *all = (struct coroutines){.count = 0};
    int status = rpc_call(rpc, "coroutines", NULL, WAIT_S);
    if (status)
        return status;
    if (!rpc_find(rpc->result, "coroutines", &list) ||
        !rpc_find(rpc->result, "workers", &all->workers) ||
        mp_get_type(&all->workers, MP_ARRAY, &head) < 0)
        return rpc_strange(rpc);
    all->worker_count = head.len;
    return read_rows(all, rpc, list);
}

static void coroutines_release(struct coroutines *all)
{
    free(all->rows);
    all->rows = NULL;
}

void coroutine_text(const struct coroutine *row, const char *key,
                    char out[static COROUTINE_TEXT_BYTES])
{
    struct mp_value value = rpc_get(row->row, key);
    rpc_text(&value, out, COROUTINE_TEXT_BYTES);
}

void coroutine_doing(const struct coroutine *row, char out[static COROUTINE_TEXT_BYTES])
{
    char kind[PART_BYTES], what[PART_BYTES];
    struct mp_reader waiting;
    struct mp_value value;
    if (!rpc_find(row->row, "waiting", &waiting) ||
        (value = rpc_get(waiting, "kind")).type != MP_STR) {
        coroutine_text(row, "state", out);
        return;
    }
    rpc_text(&value, kind, sizeof(kind));
    value = rpc_get(waiting, "what");
    rpc_text(&value, what, sizeof(what));
    if (!strcmp(kind, "sleep"))
        snprintf(out, COROUTINE_TEXT_BYTES, "sleeping %s", what);
    else
        snprintf(out, COROUTINE_TEXT_BYTES, "waiting for %s%s%s", kind, *what ? " " : "", what);
}

void coroutine_place(const struct coroutine *row, char out[static COROUTINE_TEXT_BYTES])
{
    char file[COROUTINE_TEXT_BYTES - 24];
    struct mp_value value = rpc_get(row->row, "file");
    uint64_t line = number_of(row->row, "line");
    rpc_text(&value, file, sizeof(file));
    const char *slash = strrchr(file, '/');
    if (value.type == MP_STR && line)
        snprintf(out, COROUTINE_TEXT_BYTES, "%s:%" PRIu64, slash ? slash + 1 : file, line);
    else
        snprintf(out, COROUTINE_TEXT_BYTES, "-");
}

bool coroutines_write_worker(struct mp_reader worker, char out[static COROUTINE_TEXT_BYTES])
{
    char state[PART_BYTES];
    struct mp_value answered = rpc_get(worker, "answered"), value = rpc_get(worker, "state");
    uint64_t count = number_of(worker, "coroutines"), missing = number_of(worker, "left_out");
    rpc_text(&value, state, sizeof(state));
    int len = snprintf(out, COROUTINE_TEXT_BYTES, "worker %" PRIu64 " (pid %" PRIu64 ")",
                       number_of(worker, "worker"), number_of(worker, "pid"));
    char *rest = out + len;
    size_t room = COROUTINE_TEXT_BYTES - (size_t)len;
    if (answered.type != MP_BOOL || !answered.boolean)
        snprintf(rest, room, ", %s, does not answer: what waits in it is not known", state);
    else if (missing)
        snprintf(rest, room, ": %" PRIu64 " coroutines, %" PRIu64 " of them not shown", count,
                 missing);
    else
        snprintf(rest, room, ": %" PRIu64 " coroutine%s", count, count == 1 ? "" : "s");
    return answered.type == MP_BOOL && answered.boolean && !missing;
}

int coroutines_command(const struct cli_command *command, int argc, char **argv,
                       coroutines_show *show)
{
    struct rpc rpc;
    struct coroutines all = {.rows = NULL};
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = coroutines_read(&all, &rpc);
    if (!status)
        status = show(&rpc, &all);
    coroutines_release(&all);
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
