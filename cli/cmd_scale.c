/* cmd_scale.c - galley scale: change the number of workers.
 * Does:     ask for it; the configuration stays as it is, so a restart has its number again.
 * Does not: wait until the new ones are ready. */
#include <stdio.h>

#include "cli/rpc.h"

int cmd_scale(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    unsigned long count = 0;
    int status = rpc_parse(&rpc, command, argc, argv, 1);
    if (!status)
        status = args_number(command, rpc.words[0], "the number of workers", 1, 128, &count);
    if (!status)
        status = rpc_connect(&rpc);
    if (!status)
        status = rpc_call_with(&rpc, "scale", "workers", count, NULL, 10);
    if (!status && rpc.json)
        status = rpc_print_json(&rpc);
    else if (!status)
        printf("%lu worker%s\n", count, count == 1 ? "" : "s");
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
