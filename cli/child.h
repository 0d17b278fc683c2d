/* child.h - work on an application in a child process, so that its crash is an answer too.
 * Does:     fork, do the work there, bring back its sentence.
 * Does not: know the work. */
#ifndef GALLEY_CLI_CHILD_H
#define GALLEY_CLI_CHILD_H

#include "cli/cli.h"
#include "common/errmsg.h"

/* 0; < 0 with a sentence in `why`. May print: standard output is flushed at its end. */
typedef int child_work(const char *app_path, void *arg, struct errmsg *why);

/* Do `work` on the application at `app_path`. 0; -1 with a sentence in `why`. */
int child_run(const char *app_path, child_work *work, void *arg, struct errmsg *why)
    __attribute__((warn_unused_result));

/* A whole command: do `work` on the application that the command line names; its `arg` is `json`, set by --json (NULL: the
 * command has no such option). The exit status, what was wrong printed. */
int child_command(const struct cli_command *command, int argc, char **argv, child_work *work,
                  bool *json);

#endif
