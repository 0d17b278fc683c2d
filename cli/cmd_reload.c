/* cmd_reload.c - galley reload: configuration and application anew, all or nothing.
 * Does:     wait for the decision; exit status 1 and the reason when the old generation goes on.
 * Does not: lose a request. */
#include "cli/rpc.h"

int cmd_reload(const struct cli_command *command, int argc, char **argv)
{
    return rpc_decision(command, argc, argv, "reload", "generation", "reloaded");
}
