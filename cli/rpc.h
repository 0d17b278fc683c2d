/* rpc.h - ask the server: one MessagePack-RPC call over the stats socket.
 * Does:     find the socket, connect, call, wait for the answer; look values up in it.
 * Does not: know the methods. docs/PROTOCOL.md has them. */
#ifndef GALLEY_CLI_RPC_H
#define GALLEY_CLI_RPC_H

#include "cli/cli.h"
#include "common/mp.h"

enum { RPC_MAX_BYTES = 1 << 20, RPC_MAX_WORDS = 64 };

struct rpc {
    const struct cli_command *command;
    bool json;
    const char *words[RPC_MAX_WORDS]; /* the command's arguments */
    size_t word_count;
    const char *stats, *config; /* NULL: not given */
    char path[SETTINGS_PATH_BYTES];
    int fd;
    struct buf in;
    size_t taken;            /* of `in`, by the last answer or notification */
    struct mp_reader result; /* of the last call; the parameter of the last notification */
};

/* An option of one command that takes a number: --count 5. */
struct rpc_option {
    const char *name; /* NULL: the end of the list */
    unsigned long min, max, *value;
};

/* Take --stats, --config, --json and at most `max_words` words from the command line. CLI_OK; another status with the
 * reason printed; -1: help was printed. rpc_close() in every case. */
int rpc_parse(struct rpc *rpc, const struct cli_command *command, int argc, char **argv,
              size_t max_words) __attribute__((warn_unused_result));
/* The same with `options` besides. */
int rpc_parse_with(struct rpc *rpc, const struct cli_command *command, int argc, char **argv,
                   size_t max_words, const struct rpc_option *options)
    __attribute__((warn_unused_result));
/* Find the socket and connect. CLI_OK; another status with the reason printed. */
int rpc_connect(struct rpc *rpc) __attribute__((warn_unused_result));
/* Both, for a command without words. */
int rpc_open(struct rpc *rpc, const struct cli_command *command, int argc, char **argv)
    __attribute__((warn_unused_result));
void rpc_close(struct rpc *rpc);

/* Call `method`; `params` is one encoded map, or empty. CLI_OK with rpc->result at the value; CLI_FAILED with the reason
 * printed (with --json as {"error":{...}} on standard output, too). Waits at most `wait_s` seconds for the answer. */
int rpc_call(struct rpc *rpc, const char *method, const struct buf *params, int wait_s)
    __attribute__((warn_unused_result));
/* The same with {name: number} or {name: text} (text not NULL). */
int rpc_call_with(struct rpc *rpc, const char *method, const char *name, uint64_t number,
                  const char *text, int wait_s) __attribute__((warn_unused_result));
/* The next notification, which must be a `method` and come within `wait_s` seconds; rpc->result is at its parameter.
 * CLI_OK; CLI_FAILED with the reason printed. */
int rpc_next(struct rpc *rpc, const char *method, int wait_s) __attribute__((warn_unused_result));
/* Wait until the server closes the connection: it has ended. */
void rpc_wait_closed(struct rpc *rpc);

/* Print the result as JSON and a newline. The exit status. */
int rpc_print_json(struct rpc *rpc) __attribute__((warn_unused_result));
/* The answer is not what the protocol promises: says so. CLI_FAILED. */
int rpc_strange(const struct rpc *rpc);

/* In the map that `map` stands at (it does not move): the value of `key`. false: no map or no such key. */
bool rpc_find(struct mp_reader map, const char *key, struct mp_reader *value);
/* The same and decoded; what is not there is nil. */
struct mp_value rpc_get(struct mp_reader map, const char *key);
/* A value as text for people: "-" for nil, at most `size` bytes; control bytes become '?'. */
const char *rpc_text(const struct mp_value *value, char *out, size_t size);

/* A whole command that has the master decide: waits for the answer {ok, message, `key`}, says "`done`: `key` N serves", or the
 * reason why not. Its exit status. */
int rpc_decision(const struct cli_command *command, int argc, char **argv, const char *method,
                 const char *key, const char *done);

#endif
