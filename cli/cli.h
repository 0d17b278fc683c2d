/* cli.h - the command line: commands, their options, what they exit with.
 * Does:     name the commands once (cli.c), iterate over arguments, print errors the same way everywhere.
 * Does not: do the work; cmd_NAME.c does. */
#ifndef GALLEY_CLI_CLI_H
#define GALLEY_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"
#include "common/settings.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_NOT_RUNNING = 3 };

struct cli_command {
    const char *name, *args, *help; /* "run", "APP [OPTION]...", "serve an application" */
    /* argv: what follows the name. NULL: no command but a program that is linked with its application. */
    int (*run)(const struct cli_command *command, int argc, char **argv);
    bool asks_server; /* takes --stats, --config and --json */
};
extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* The whole program; returns the exit status. */
int cli_main(int argc, char **argv);
const struct cli_command *cli_find_command(const char *name);
/* The usage of one command, or of galley (NULL), on standard output. */
void cli_print_help(const struct cli_command *command);

/* "galley: SENTENCE" on standard error, and `status` back. */
int cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with CLI_USAGE, and a second line with the usage of `command`. */
int cli_usage(const struct cli_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- args.c: options are --name VALUE or --name=VALUE, "--" ends them ---- */
struct args {
    char **at, **end;
    bool only_words;
};
enum arg_kind { ARG_END, ARG_WORD, ARG_OPTION };
struct arg {
    enum arg_kind kind;
    const char *text;  /* as it was written */
    char name[64];     /* of an option, without dashes and value; '-' became '_' */
    const char *value; /* after '='; NULL: none */
};
void args_init(struct args *args, int argc, char **argv);
enum arg_kind args_next(struct args *args, struct arg *arg);
/* The value of an option: after its '=', or the next argument; NULL if there is none. */
const char *args_value(struct args *args, const struct arg *arg);
/* Say that `arg` is not known, with the nearest of `known` (ends with NULL) or, if `all_settings`, of all directives. */
int args_refuse(const struct cli_command *command, const struct arg *arg, const char *const *known,
                bool all_settings);

/* The arguments of a command that takes one application and, unless `json` is NULL, --json. CLI_OK; CLI_USAGE with the
 * reason printed; < 0: its help was asked for, and is printed. */
int args_app_path(const struct cli_command *command, int argc, char **argv, const char **app_path,
                  bool *json);

/* The whole number `text` (NULL: missing) from min to max. CLI_OK, CLI_USAGE with the reason printed. */
int args_number(const struct cli_command *command, const char *text, const char *what,
                unsigned long min, unsigned long max, unsigned long *number);

/* ---- cmd_*.c: one function for each row of commands.def ---- */
#define COMMAND(function, name, args, help, asks_server)                                           \
    int cmd_##function(const struct cli_command *command, int argc, char **argv);
#include "cli/commands.def"
#undef COMMAND

#endif
