/* run.c - where the settings and the application of a server come from.
 * Does:     read the command line; lay it over the environment, over the file; look at the application's path.
 * Does not: serve (cmd_run.c), or load the application.
 * See:      run.h, t/20-cli-usage.t */
#include "cli/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/config.h"

/* The same file from whatever folder: the daemon may leave this one. Links stay: a reload follows them anew. */
static int make_absolute(char out[4096], const char *path)
{
    char folder[4096];
    if (path[0] == '/' || !getcwd(folder, sizeof(folder)))
        folder[0] = '\0';
    int len = snprintf(out, 4096, "%s%s%s", folder, folder[0] ? "/" : "", path);
    return len < 4096 ? 0 : -ENAMETOOLONG;
}

/* One option of the command line. CLI_OK, CLI_USAGE; -1: help was printed. */
static int note_option(struct run_source *source, struct args *args, const struct arg *arg)
{
    static const char *const others[] = {"config", "help", NULL};
    const struct setting_row *row = setting_find(arg->name, NULL);
    if (!strcmp(arg->name, "help")) {
        cli_print_help(source->command);
        return -1;
    }
    if (!row && strcmp(arg->name, "config"))
        return args_refuse(source->command, arg, others, true);
    if (row && row->type == SETTING_BOOL)
        return CLI_OK;
    const char *value = args_value(args, arg);
    if (!value)
        return cli_usage(source->command, "%s needs a value", arg->text);
    if (!row && make_absolute(source->config_path, value) < 0)
        return cli_usage(source->command, "the path %.60s... is too long", value);
    return CLI_OK;
}

int run_source_init(struct run_source *source, const struct cli_command *command, int argc,
                    char **argv)
{
    struct args args;
    struct arg arg;
    const char *config = getenv("GALLEY_CONFIG");
    *source = (struct run_source){.command = command, .argc = argc, .argv = argv};
    if (config && *config && make_absolute(source->config_path, config) < 0)
        return cli_usage(command, "GALLEY_CONFIG is too long");
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        int status = CLI_OK;
        if (arg.kind == ARG_OPTION)
            status = note_option(source, &args, &arg);
        else if (!command->run || source->app_path[0])
            status = cli_usage(command, "unexpected argument '%s'", arg.text);
        else if (make_absolute(source->app_path, arg.text) < 0)
            status = cli_usage(command, "the path %.60s... is too long", arg.text);
        if (status)
            return status;
    }
    return CLI_OK;
}

static int apply_options(const struct run_source *source, struct settings *settings,
                         struct errmsg *why)
{
    struct args args;
    struct arg arg;
    settings_source_start(settings);
    args_init(&args, source->argc, source->argv);
    while (args_next(&args, &arg) != ARG_END) {
        const struct setting_row *row = NULL;
        char where[80];
        if (arg.kind == ARG_OPTION)
            row = setting_find(arg.name, NULL);
        if (!row) { /* the application, or --config VALUE */
            if (arg.kind == ARG_OPTION)
                args_value(&args, &arg);
            continue;
        }
        const char *value = row->type != SETTING_BOOL ? args_value(&args, &arg)
                            : arg.value               ? arg.value
                                                      : "true";
        snprintf(where, sizeof(where), "--%s", arg.name);
        for (char *at = where; *at; at++)
            *at = *at == '_' ? '-' : *at;
        int error = settings_set(settings, row, value ? value : "", where, why);
        if (error < 0)
            return error;
    }
    return 0;
}

int run_load_settings(void *arg, struct settings *settings, struct errmsg *why)
{
    const struct run_source *source = arg;
    int error = source->config_path[0] ? config_read(settings, source->config_path, why) : 0;
    if (!error)
        error = settings_set_from_environment(settings, why);
    if (!error)
        error = apply_options(source, settings, why);
    if (!error)
        error = settings_finish(settings, why);
    return error;
}

int run_find_app(const char *path, struct errmsg *why)
{
    struct stat info;
    size_t len = strlen(path);
    if (stat(path, &info) < 0) {
        int error = errno;
        errmsg_set(why, "cannot load the application %s: %s", path,
                   error == ENOENT ? "there is no such file; build it first" : strerror(error));
        return -error;
    }
    if (!S_ISREG(info.st_mode)) {
        errmsg_set(why, "cannot load the application %s: it is not a file", path);
        return -EINVAL;
    }
    if (len > 2 && !strcmp(path + len - 2, ".c")) {
        errmsg_set(why,
                   "cannot load the application %s: it is C source; build it first: "
                   "galley build %s",
                   path, path);
        return -EINVAL;
    }
    if (access(path, R_OK) < 0) {
        int error = errno;
        errmsg_set_sys(why, "cannot load the application %s", path);
        return -error;
    }
    return 0;
}
