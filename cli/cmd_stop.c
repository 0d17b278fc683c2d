/* cmd_stop.c - galley stop: end the server when its requests have ended.
 * Does:     ask, and wait until the server is gone (its drain_timeout bounds that).
 * Does not: kill. */
#include <stdio.h>

#include "cli/rpc.h"

int cmd_stop(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = rpc_call(&rpc, "stop", NULL, 10);
    if (!status) {
        rpc_wait_closed(&rpc);
        puts(rpc.json ? "{\"stopped\":true}" : "stopped");
    }
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
