/* rpc.h - the stats socket: MessagePack-RPC over a UNIX socket, at most 64 clients.
 * Does:     accept, read frames, find the method, check who asks, answer in order, close who misbehaves.
 * Does not: know what the methods do (rpc_methods.c). docs/PROTOCOL.md is its page. */
#ifndef GALLEY_MASTER_RPC_H
#define GALLEY_MASTER_RPC_H

#include "common/mp.h"
#include "master/state.h"

enum {
    RPC_MAX_CLIENTS = 64,
    RPC_MAX_FRAME_BYTES = 1024 * 1024,
    RPC_MAX_UNREAD_BYTES = 1024 * 1024
};

/* In error answers. */
enum {
    RPC_BAD_PARAMS = 400,
    RPC_FORBIDDEN = 403,
    RPC_NO_METHOD = 404,
    RPC_CONFLICT = 409, /* not in this state */
    RPC_INTERNAL = 500,
};

struct rpc_watch;

/* What a call was given. */
struct rpc_params {
    bool given;
    uint32_t wait_id; /* of what it has waited for */
    uint64_t number;
    char text[32];
    struct rpc_watch *watch; /* the client's, for `watch` */
};

struct rpc_error {
    int code;
    char message[160];
};

/* Write one value, the result, or fill `error` and return < 0. */
typedef int rpc_method_fn(struct master *master, const struct rpc_params *params,
                          struct mp_writer *result, struct rpc_error *error);

enum rpc_wait {
    RPC_WAIT_NONE,
    RPC_WAIT_REPORT,
    RPC_WAIT_RELOAD,
    RPC_WAIT_UPGRADE,
    RPC_WAIT_COROUTINES,
    RPC_WAIT_ROUTES
};
struct rpc_method {
    const char *name;
    rpc_method_fn *fn;
    const char *param;       /* the one parameter's name, which must be given; NULL: none */
    enum mp_type param_type; /* MP_UINT or MP_STR */
    enum rpc_wait
        wait; /* before fn: for fresh reports, rows of all workers, or the decision of the reload or upgrade it asks for */
    bool changes; /* for root and the master's own user */
};
extern const struct rpc_method rpc_methods[];
extern const size_t rpc_method_count;

/* The results of `metrics` and `workers`, of what is known. */
void rpc_put_metrics(const struct master *master, struct mp_writer *out);
void rpc_put_workers(const struct master *master, struct mp_writer *out);

/* Open the socket that the settings name. A default path that is in use is a warning. 0; < 0 with a sentence. */
int rpc_server_open(struct master *master, const struct settings *settings, struct errmsg *why)
    __attribute__((warn_unused_result));
void rpc_server_close(struct master *master);
/* Take new clients, or leave them waiting for another master that has the same socket. */
void rpc_server_accept(struct master *master, bool accept);
/* Its socket; NULL: there is none. Whether its file is (also) another master's. */
const struct unix_socket *rpc_server_socket(const struct master *master);
void rpc_server_lend(struct master *master, bool is_lent);
/* Answer the calls whose wait is over. `*again_ms` becomes the time of the next look, if it is earlier. */
void rpc_server_turn(struct master *master, int64_t now_ms, int64_t *again_ms);

#endif
