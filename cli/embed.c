/* embed.c - galley_main: a program that is linked with its application is its own `galley run`.
 * Does:     take the options of galley run.
 * Does not: load anything: the application is there.
 * See:      t/23-cli-embed.t */
#include <galley/app.h>

#include <string.h>

#include "cli/run.h"

int galley_main(int argc, char **argv, const struct galley_app *app)
{
    static struct run_source source;
    static struct cli_command program = {.args = "[OPTION]...", .help = "Serve this application"};
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    program.name = slash ? slash + 1 : argc > 0 ? argv[0] : "program";
    int status = run_source_init(&source, &program, argc > 0 ? argc - 1 : 0, argv + 1);
    if (status)
        return status < 0 ? CLI_OK : status;
    return run_serve(&source, app, argc, argv);
}
