/* cmd_check.c - galley check: whether configuration and application would do, without serving.
 * Does:     read the settings; load the application in a child, so that its crash is an answer too.
 * Does not: bind, or look at certificates.
 * See:      run.h, t/20-cli-usage.t */
#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/json.h"
#include "cli/run.h"

static int load(const char *app_path, void *arg, struct errmsg *why)
{
    (void)arg;
    return run_check_app(app_path, why);
}

/* Take --json out of argv; whether it was there. */
static bool take_json(int *argc, char **argv)
{
    for (int i = 0; i < *argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--json")) {
            memmove(argv + i, argv + i + 1, (size_t)(*argc - i - 1) * sizeof(*argv));
            --*argc;
            return true;
        }
    return false;
}

int cmd_check(const struct cli_command *command, int argc, char **argv)
{
    static struct run_source source;
    struct settings settings;
    struct errmsg why = {0};
    bool json = take_json(&argc, argv);
    int status = run_source_init(&source, command, argc, argv);
    if (status)
        return status < 0 ? CLI_OK : status;
    int error = settings_init(&settings);
    if (error)
        errmsg_set(&why, "no memory for the settings");
    else
        error = run_load_settings(&source, &settings, &why);
    if (!error && source.app_path[0])
        error = child_run(source.app_path, load, NULL, &why);
    settings_release(&settings);
    if (json) {
        printf("{\"ok\":%s,\"message\":", error ? "false" : "true");
        json_print_text(why.text, strlen(why.text));
        puts("}");
    } else if (!error) {
        puts(source.app_path[0] ? "configuration and application are in order"
                                : "the configuration is in order");
    }
    if (error && !json)
        cli_fail(CLI_FAILED, "%s", why.text);
    return error ? CLI_FAILED : CLI_OK;
}
