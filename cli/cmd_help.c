/* cmd_help.c - galley help: all commands, one, or galley.conf.
 * Does:     print.
 * Does not: ask a server. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/config.h"

int cmd_help(const struct cli_command *command, int argc, char **argv)
{
    struct args args;
    struct arg arg;
    const struct cli_command *about = NULL;
    bool file = false;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        if (arg.kind == ARG_OPTION || about || file)
            return args_refuse(command, &arg, (const char *const[]){NULL}, false);
        about = cli_find_command(arg.text);
        file = !strcmp(arg.text, "galley.conf");
        if (!about && !file)
            return cli_usage(command, "there is no command '%s'", arg.text);
    }
    if (file)
        config_write_defaults(STDOUT_FILENO);
    else
        cli_print_help(about);
    return CLI_OK;
}
