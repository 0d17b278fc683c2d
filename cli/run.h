/* run.h - what galley run, galley check and embedded programs share.
 * Does:     find the settings (file, environment, command line) and the application.
 * Does not: serve; cmd_run.c hands both to the master. */
#ifndef GALLEY_CLI_RUN_H
#define GALLEY_CLI_RUN_H

#include "cli/cli.h"
#include "common/buf.h"

/* Where settings come from; kept for reloads. */
struct run_source {
    const struct cli_command *command;
    int argc; /* what follows the command's name; outlives the server */
    char **argv;
    char config_path[4096]; /* "": no file */
    char app_path[4096];    /* "": none was named */
};

/* Read the command line (not yet its values). CLI_OK; CLI_USAGE with the reason printed; -1: help was printed. */
int run_source_init(struct run_source *source, const struct cli_command *command, int argc,
                    char **argv) __attribute__((warn_unused_result));
/* Apply file, environment and command line to initialised settings, and finish them. 0, < 0 with a sentence. A
 * master_load_fn. */
int run_load_settings(void *source, struct settings *settings, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Whether there is a file that may be an application. 0, -errno with a sentence. */
int run_find_app(const char *path, struct errmsg *why) __attribute__((warn_unused_result));
/* Load the application in this process, as a worker would, without serving. 0, -EINVAL with a sentence. */
int run_check_app(const char *path, struct errmsg *why) __attribute__((warn_unused_result));
/* Append its OpenAPI document; its routes, as MessagePack: a list of {method, path, name, async, hidden, file, line}. The same
 * results. */
int run_write_openapi(const char *path, struct buf *out, struct errmsg *why)
    __attribute__((warn_unused_result));
int run_list_routes(const char *path, struct buf *out, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Run its start hook for its databases; see worker_migrate. */
int run_migrate(const char *path, struct buf *out, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Serve `app` (linked in) or source->app_path; returns the exit status. argc, argv: as main got them. */
int run_serve(struct run_source *source, const void *app, int argc, char **argv);

#endif
