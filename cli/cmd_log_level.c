/* cmd_log_level.c - galley log-level: change what the running server logs.
 * Does:     ask for it; the configuration stays as it is.
 * Does not: reopen files (the signal USR1 does). */
#include <stdio.h>

#include "cli/rpc.h"
#include "common/log.h"

int cmd_log_level(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    int status = rpc_parse(&rpc, command, argc, argv, 1);
    if (!status && !rpc.words[0])
        status = cli_usage(command, "the level is missing: error, warn, notice, info or debug");
    if (!status && log_level_of(rpc.words[0]) < 0)
        status =
            cli_usage(command, "the level must be error, warn, notice, info or debug, not '%s'",
                      rpc.words[0]);
    if (!status)
        status = rpc_connect(&rpc);
    if (!status)
        status = rpc_call_with(&rpc, "log_level", "level", 0, rpc.words[0], 10);
    if (!status && rpc.json)
        status = rpc_print_json(&rpc);
    else if (!status)
        printf("the server logs at %s\n", rpc.words[0]);
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
