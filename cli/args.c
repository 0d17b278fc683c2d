/* args.c - the arguments of a command, one after the other.
 * Does:     tell words from options, find an option's value, refuse what is not known.
 * Does not: know any option.
 * See:      cli.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/nearest.h"

void args_init(struct args *args, int argc, char **argv)
{
    *args = (struct args){.at = argv, .end = argv + argc};
}

enum arg_kind args_next(struct args *args, struct arg *arg)
{
    *arg = (struct arg){.kind = ARG_END};
    if (args->at < args->end && !args->only_words && !strcmp(*args->at, "--")) {
        args->only_words = true;
        args->at++;
    }
    if (args->at == args->end)
        return ARG_END;
    arg->text = *args->at++;
    if (args->only_words || arg->text[0] != '-' || !arg->text[1])
        return arg->kind = ARG_WORD;
    const char *name = arg->text + (arg->text[1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    arg->value = equals ? equals + 1 : NULL;
    snprintf(arg->name, sizeof(arg->name), "%.*s",
             (int)(equals ? equals - name : (ptrdiff_t)strnlen(name, sizeof(arg->name))), name);
    for (char *at = arg->name; *at; at++)
        *at = *at == '-' ? '_' : *at;
    if (arg->text[1] != '-') /* -h is --help and -o is --output; no other has one dash */
        snprintf(arg->name, sizeof(arg->name), "%s",
                 !strcmp(arg->text, "-h")   ? "help"
                 : !strcmp(arg->text, "-o") ? "output"
                                            : "");
    return arg->kind = ARG_OPTION;
}

const char *args_value(struct args *args, const struct arg *arg)
{
    if (arg->value)
        return arg->value;
    return args->at < args->end ? *args->at++ : NULL;
}

int args_refuse(const struct cli_command *command, const struct arg *arg, const char *const *known,
                bool all_settings)
{
    struct nearest nearest;
    char best[64];
    if (arg->kind == ARG_WORD)
        return cli_usage(command, "unexpected argument '%s'", arg->text);
    nearest_init(&nearest, arg->name);
    for (; *known; known++)
        nearest_offer(&nearest, *known);
    for (size_t i = 0; all_settings && i < setting_row_count; i++)
        nearest_offer(&nearest, setting_rows[i].name);
    if (!nearest.best)
        return cli_usage(command, "unknown option '%s'", arg->text);
    snprintf(best, sizeof(best), "%s", nearest.best);
    for (char *at = best; *at; at++)
        *at = *at == '_' ? '-' : *at;
    return cli_usage(command, "unknown option '%s'; did you mean '--%s'?", arg->text, best);
}

int args_app_path(const struct cli_command *command, int argc, char **argv, const char **app_path,
                  bool *json)
{
    static const char *const known[] = {"help", "json", NULL}, *const without_json[] = {"help",
                                                                                        NULL};
    struct args args;
    struct arg arg;
    *app_path = NULL;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        if (arg.kind == ARG_OPTION && !strcmp(arg.name, "help")) {
            cli_print_help(command);
            return -1;
        }
        if (arg.kind == ARG_OPTION && json && !strcmp(arg.name, "json") && !arg.value)
            *json = true;
        else if (arg.kind == ARG_OPTION || *app_path)
            return args_refuse(command, &arg, json ? known : without_json, false);
        else
            *app_path = arg.text;
    }
    return *app_path ? CLI_OK : cli_usage(command, "which application? Name its shared object");
}

int args_number(const struct cli_command *command, const char *text, const char *what,
                unsigned long min, unsigned long max, unsigned long *number)
{
    char *end;
    if (!text)
        return cli_usage(command, "%s is missing", what);
    errno = 0;
    *number = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno || *number < min || *number > max)
        return cli_usage(command, "%s must be a whole number from %lu to %lu, not '%s'", what, min,
                         max, text);
    return CLI_OK;
}
