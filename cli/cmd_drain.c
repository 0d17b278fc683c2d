/* cmd_drain.c - galley drain: replace one worker when its requests have ended.
 * Does:     ask for it.
 * Does not: wait until it is gone. */
#include <stdio.h>

#include "cli/rpc.h"

int cmd_drain(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    unsigned long slot = 0;
    int status = rpc_parse(&rpc, command, argc, argv, 1);
    if (!status)
        status = args_number(command, rpc.words[0], "the slot", 0, 127, &slot);
    if (!status)
        status = rpc_connect(&rpc);
    if (!status)
        status = rpc_call_with(&rpc, "drain", "slot", slot, NULL, 10);
    if (!status && rpc.json)
        status = rpc_print_json(&rpc);
    else if (!status)
        printf("the worker of slot %lu drains\n", slot);
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
