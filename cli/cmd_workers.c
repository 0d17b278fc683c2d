/* cmd_workers.c - galley workers: the worker processes.
 * Does:     print the answer of `workers`, a row each.
 * Does not: sum up (galley metrics does). */
#include "cli/table.h"

static const struct table_column columns[] = {
    {"slot", "SLOT", TABLE_NUMBER},
    {"pid", "PID", TABLE_NUMBER},
    {"generation", "GEN", TABLE_NUMBER},
    {"state", "STATE", TABLE_TEXT},
    {"uptime_s", "UP", TABLE_SECONDS},
    {"connections", "CONNS", TABLE_NUMBER},
    {"requests", "REQUESTS", TABLE_NUMBER},
    {"coroutines", "COROUTINES", TABLE_NUMBER},
    {"rss_bytes", "MEMORY", TABLE_BYTES},
    {"loop_lag_us", "LAG US", TABLE_NUMBER},
    {"last_report_ms", "HEARD MS AGO", TABLE_NUMBER},
    {NULL, NULL, TABLE_TEXT},
};

int cmd_workers(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = rpc_call(&rpc, "workers", NULL, 10);
    if (!status && rpc.json)
        status = rpc_print_json(&rpc);
    else if (!status && table_print(rpc.result, columns) < 0)
        status = rpc_strange(&rpc);
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
