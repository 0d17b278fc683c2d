/* cmd_build.c - galley build: C sources into an application that galley run serves.
 * Does:     take the arguments, run the compiler, say what came out.
 * Does not: load it: galley check does.
 * See:      compile.h, t/28-cli-build.t */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/compile.h"

enum { MAX_SOURCES = 128 };

int cmd_build(const struct cli_command *command, int argc, char **argv)
{
    static const char *const known[] = {"output", "help", NULL};
    const char *sources[MAX_SOURCES], *out = NULL;
    static char object[COMPILE_PATH_BYTES], other[COMPILE_PATH_BYTES];
    struct compile job = {.sources = sources};
    struct errmsg why = {0};
    struct args args;
    struct arg arg;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        if (arg.kind == ARG_WORD && job.count < MAX_SOURCES)
            sources[job.count++] = arg.text;
        else if (arg.kind == ARG_WORD)
            return cli_usage(command, "more than %d sources", MAX_SOURCES);
        else if (!strcmp(arg.name, "help"))
            return cli_print_help(command), CLI_OK;
        else if (strcmp(arg.name, "output"))
            return args_refuse(command, &arg, known, false);
        else if (!(out = args_value(&args, &arg)))
            return cli_usage(command, "%s needs a value", arg.text);
    }
    if (!job.count)
        return cli_usage(command, "which C source?");
    int error = compile_name_object(object, sources[0], &why);
    for (size_t i = 1; !error && i < job.count; i++)
        error = compile_name_object(other, sources[i], &why);
    job.out = out ? out : object;
    if (!error)
        error = compile_run(&job, &why);
    if (error)
        return cli_fail(CLI_FAILED, "%s", why.text);
    printf("built %s; serve it with `galley run %s`\n", job.out, job.out);
    return CLI_OK;
}
