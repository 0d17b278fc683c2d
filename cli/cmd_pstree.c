/* cmd_pstree.c - galley pstree: who waits for whom: each request, and below it its tasks.
 * Does:     print the rows of `coroutines` as a tree for each worker.
 * Does not: leave out rows whose parent is not shown: they stand where a request would. */
#include <inttypes.h>
#include <stdio.h>

#include "cli/coroutines.h"

enum { DEPTH_SHOWN = 40 };

static void print_request(const struct coroutine *row)
{
    char text[COROUTINE_TEXT_BYTES];
    struct mp_value route = rpc_get(row->row, "route"), id = rpc_get(row->row, "request_id");
    if (row->parent_id)
        printf("(task of #%" PRIu64 ") ", row->parent_id);
    else if (route.type == MP_STR)
        printf("%s ", rpc_text(&route, text, sizeof(text)));
    if (id.type == MP_STR)
        printf("[%s] ", rpc_text(&id, text, sizeof(text)));
}

static void print_line(const struct coroutine *row, size_t depth)
{
    char name[COROUTINE_TEXT_BYTES], place[COROUTINE_TEXT_BYTES], doing[COROUTINE_TEXT_BYTES];
    coroutine_text(row, "name", name);
    coroutine_place(row, place);
    coroutine_doing(row, doing);
    int indent = (int)(depth < DEPTH_SHOWN ? 2 * depth : 2 * DEPTH_SHOWN);
    printf("%*s%s#%" PRIu64 " ", indent, "", depth > 1 ? "-> " : "", row->id);
    if (depth == 1)
        print_request(row);
    if (place[0] == '-')
        printf("%s, %s\n", name, doing);
    else
        printf("%s (%s) %s\n", name, place, doing);
}

/* A tree without recursion, from one that is nobody's task. */
static void print_tree(const struct coroutine *top)
{
    size_t depth = 1;
    const struct coroutine *row = top;
    for (;;) {
        print_line(row, depth);
        if (row->first) {
            row = row->first;
            depth++;
            continue;
        }
        while (row != top && !row->next) {
            row = row->parent;
            depth--;
        }
        if (row == top)
            return;
        row = row->next;
    }
}

static int show(struct rpc *rpc, const struct coroutines *all)
{
    if (rpc->json)
        return rpc_print_json(rpc);
    struct mp_reader worker = all->workers;
    for (size_t i = 0; i < all->worker_count; i++) {
        char text[COROUTINE_TEXT_BYTES];
        struct mp_value pid = rpc_get(worker, "pid");
        coroutines_write_worker(worker, text);
        puts(text);
        for (size_t k = 0; k < all->count; k++)
            if (!all->rows[k].parent && pid.type == MP_UINT && all->rows[k].pid == pid.uint)
                print_tree(&all->rows[k]);
        if (mp_skip(&worker) < 0)
            return rpc_strange(rpc);
    }
    return CLI_OK;
}

int cmd_pstree(const struct cli_command *command, int argc, char **argv)
{
    return coroutines_command(command, argc, argv, show);
}
