/* cmd_upgrade.c - galley upgrade: another executable in the server's place.
 * Does:     wait for the decision; exit status 1 and the reason when the old one goes on.
 * Does not: lose a request, or install the executable. */
#include "cli/rpc.h"

int cmd_upgrade(const struct cli_command *command, int argc, char **argv)
{
    return rpc_decision(command, argc, argv, "upgrade", "pid", "upgraded");
}
