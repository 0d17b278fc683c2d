/* coroutines.h - the answer of `coroutines` for people: rows, the tree that they are, words for what they wait for.
 * Does:     read the rows, link each to whose task it is, in the order of the answer.
 * Does not: print (cmd_ps.c, cmd_pstree.c), or believe: a row may name itself as its parent, or nobody. */
#ifndef GALLEY_CLI_COROUTINES_H
#define GALLEY_CLI_COROUTINES_H

#include "cli/rpc.h"

/* A text of a row: what rpc_text makes of it. */
enum { COROUTINE_TEXT_BYTES = 256 };

struct coroutine {
    uint64_t worker, pid, id, parent_id; /* 0: not given */
    struct mp_reader row;
    struct coroutine *parent, *first, *last,
        *next; /* its tasks from `first` to `last`, through `next` */
};
struct coroutines {
    struct coroutine *rows;
    size_t count;
    struct mp_reader workers; /* the list of them */
    size_t worker_count;
};

/* The command around them: its options, the call, and `show`, which prints what was answered (JSON if rpc->json).
 * The exit status. */
typedef int coroutines_show(struct rpc *rpc, const struct coroutines *all);
int coroutines_command(const struct cli_command *command, int argc, char **argv,
                       coroutines_show *show);

/* Texts for people, "-" for what is not there: "sleeping 212 ms", "waiting for task #12", "ready"; "drive_through.c:41". */
void coroutine_doing(const struct coroutine *row, char out[static COROUTINE_TEXT_BYTES]);
void coroutine_place(const struct coroutine *row, char out[static COROUTINE_TEXT_BYTES]);
void coroutine_text(const struct coroutine *row, const char *key,
                    char out[static COROUTINE_TEXT_BYTES]);

/* "worker 1 (pid 4711): 8001 coroutines, 3000 of them not shown" about the worker that `worker` stands at.
 * Whether that is all of them. */
bool coroutines_write_worker(struct mp_reader worker, char out[static COROUTINE_TEXT_BYTES]);

#endif
