/* cmd_help.c - galley help: all commands, or one.
 * Does:     print.
 * Does not: ask a server. */
#include <stddef.h>

#include "cli/cli.h"

int cmd_help(const struct cli_command *command, int argc, char **argv)
{
    struct args args;
    struct arg arg;
    const struct cli_command *about = NULL;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        if (arg.kind == ARG_OPTION || about)
            return args_refuse(command, &arg, (const char *const[]){NULL}, false);
        about = cli_find_command(arg.text);
        if (!about)
            return cli_usage(command, "there is no command '%s'", arg.text);
    }
    cli_print_help(about);
    return CLI_OK;
}
