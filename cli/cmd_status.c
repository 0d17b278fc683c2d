/* cmd_status.c - galley status: what the server is and how it is.
 * Does:     print the answer of `status`.
 * Does not: judge (galley health does). */
#include <stdio.h>
#include <time.h>

#include "cli/table.h"

static void print_line(const char *title, const char *text)
{
    printf("%-12s %s\n", title, text);
}

/* "Shop 1.0 (path)" */
static void print_app(struct mp_reader result)
{
    struct mp_reader app;
    char title[256], version[64], path[1024], line[1400];
    if (!rpc_find(result, "app", &app))
        return;
    struct mp_value values[] = {rpc_get(app, "title"), rpc_get(app, "version"),
                                rpc_get(app, "path")};
    bool has_version = values[1].type == MP_STR && values[1].len;
    bool has_path = values[2].type == MP_STR && values[2].len;
    snprintf(line, sizeof(line), "%s%s%s%s%s%s", rpc_text(&values[0], title, sizeof(title)),
             has_version ? " " : "",
             has_version ? rpc_text(&values[1], version, sizeof(version)) : "",
             has_path ? " (" : "", has_path ? rpc_text(&values[2], path, sizeof(path)) : "",
             has_path ? ")" : "");
    print_line("application", line);
}

static void print_listeners(struct mp_reader result)
{
    struct mp_reader list;
    struct mp_value head;
    char address[512];
    if (!rpc_find(result, "listeners", &list) || mp_get_type(&list, MP_ARRAY, &head) < 0)
        return;
    for (size_t i = 0; i < head.len; i++) {
        struct mp_value value = rpc_get(list, "address");
        print_line(i ? "" : "listening", rpc_text(&value, address, sizeof(address)));
        if (mp_skip(&list) < 0)
            return;
    }
}

/* "last reload  FAILED at TIME: why" */
static void print_decision(struct mp_reader result, const char *key, const char *title)
{
    struct mp_reader reload;
    struct mp_value head;
    char at[64], message[600], line[700];
    if (!rpc_find(result, key, &reload))
        return;
    struct mp_reader copy = reload;
    if (mp_get_type(&copy, MP_MAP, &head) < 0)
        return; /* nil: none yet */
    struct mp_value time_value = rpc_get(reload, "at"), ok = rpc_get(reload, "ok");
    struct mp_value text = rpc_get(reload, "message");
    rpc_text(&time_value, at, sizeof(at));
    if (time_value.type == MP_UINT && time_value.uint < (uint64_t)1 << 40) {
        struct tm utc;
        time_t seconds = (time_t)time_value.uint;
        if (gmtime_r(&seconds, &utc))
            strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    bool has_text = text.type == MP_STR && text.len;
    snprintf(line, sizeof(line), "%s at %s%s%s", ok.boolean ? "done" : "FAILED", at,
             has_text ? ": " : "", has_text ? rpc_text(&text, message, sizeof(message)) : "");
    print_line(title, line);
}

static void print_status(struct mp_reader result)
{
    static const struct table_column lines[] = {{"version", "galley", TABLE_TEXT},
                                                {"pid", "pid", TABLE_TEXT},
                                                {"generation", "generation", TABLE_TEXT},
                                                {"uptime_s", "up", TABLE_SECONDS},
                                                {"phase", "phase", TABLE_TEXT},
                                                {"workers", "workers", TABLE_TEXT},
                                                {NULL, NULL, TABLE_TEXT}};
    char cell[128];
    for (const struct table_column *line = lines; line->key; line++) {
        struct mp_value value = rpc_get(result, line->key);
        print_line(line->title, table_cell(&value, line->shape, cell, sizeof(cell)));
    }
    print_app(result);
    print_listeners(result);
    print_decision(result, "last_reload", "last reload");
    print_decision(result, "last_upgrade", "last upgrade");
}

int cmd_status(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = rpc_call(&rpc, "status", NULL, 10);
    if (!status && rpc.json)
        status = rpc_print_json(&rpc);
    else if (!status)
        print_status(rpc.result);
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
