/* cmd_routes.c - galley routes: the routes of an application in their order, without serving; or with --live, or where a
 * server is named, what it has counted of its routes.
 * Does:     a table for people, or JSON.
 * Does not: load the application in this process: child.c does.
 * See:      t/76-openapi.t, t/49-routes.t */
#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/json.h"
#include "cli/route_list.h"
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

/* Whether a server is asked: by --live, --stats or --config. */
static bool is_live(int argc, char **argv)
{
    struct args args;
    struct arg arg;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END)
        if (arg.kind == ARG_OPTION && (!strcmp(arg.name, "live") || !strcmp(arg.name, "stats") ||
                                       !strcmp(arg.name, "config")))
            return true;
    return false;
}

static int show_live(const struct cli_command *command, int argc, char **argv)
{
    enum { WAIT_S = 10 };
    struct rpc rpc;
    int left = 0;
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--live") != 0)
            argv[left++] = argv[i];
    int status = rpc_open(&rpc, command, left, argv);
    if (!status)
        status = rpc_call(&rpc, "routes", NULL, WAIT_S);
    if (!status && rpc.json)
        status = rpc_print_json(&rpc);
    else if (!status && route_list_print(rpc.result) < 0)
        status = rpc_strange(&rpc);
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}

int cmd_routes(const struct cli_command *command, int argc, char **argv)
{
    if (is_live(argc, argv))
        return show_live(command, argc, argv);
    bool json = false;
    return child_command(command, argc, argv, print_routes, &json);
}
