/* cmd_version.c - galley version.
 * Does:     print this program's version.
 * Does not: ask a server for its own (galley status does). */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cmd_version(const struct cli_command *command, int argc, char **argv)
{
    struct args args;
    struct arg arg;
    bool json = false;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        if (arg.kind == ARG_OPTION && !strcmp(arg.name, "json") && !arg.value)
            json = true;
        else if (arg.kind == ARG_OPTION && !strcmp(arg.name, "help"))
            return cli_print_help(command), CLI_OK;
        else
            return args_refuse(command, &arg, (const char *const[]){"json", "help", NULL}, false);
    }
    printf(json ? "{\"version\":\"%s\"}\n" : "galley %s\n", GALLEY_VERSION);
    return CLI_OK;
}
