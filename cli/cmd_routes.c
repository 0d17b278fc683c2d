/* cmd_routes.c - galley routes: the routes of an application in their order, without serving.
 * Does:     a table for people, or JSON.
 * Does not: load it in this process: child.c does.
 * See:      t/76-openapi.t */
#include <stdio.h>

#include "cli/child.h"
#include "cli/json.h"
#include "cli/run.h"
#include "cli/table.h"

enum { ROUTES_MAX_BYTES = 32 << 20 };

static const struct table_column columns[] = {
    {"method", "METHOD", TABLE_TEXT}, {"path", "PATH", TABLE_TEXT},
    {"name", "HANDLER", TABLE_TEXT},  {"file", "FILE", TABLE_TEXT},
    {"line", "LINE", TABLE_NUMBER},   {NULL, NULL, TABLE_TEXT},
};

static int print_routes(const char *app_path, void *arg, struct errmsg *why)
{
    const bool *json = arg;
    struct buf out;
    struct mp_reader reader;
    buf_init(&out, ROUTES_MAX_BYTES);
    int error = run_list_routes(app_path, &out, why);
    if (!error) {
        mp_reader_init(&reader, buf_at(&out), buf_len(&out));
        error = *json ? json_print(&reader) : table_print(reader, columns);
        if (*json)
            putchar('\n');
        if (error < 0)
            errmsg_set(why, "the routes of %s cannot be printed", app_path);
    }
    buf_release(&out);
    return error;
}

int cmd_routes(const struct cli_command *command, int argc, char **argv)
{
    const char *app_path;
    bool json = false;
    struct errmsg why = {{0}};
    int status = args_app_path(command, argc, argv, &app_path, &json);
    if (status)
        return status < 0 ? CLI_OK : status;
    if (child_run(app_path, print_routes, &json, &why) < 0)
        return cli_fail(CLI_FAILED, "%s", why.text);
    return CLI_OK;
}
