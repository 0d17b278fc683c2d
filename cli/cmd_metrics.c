/* cmd_metrics.c - galley metrics: the numbers, summed over the workers.
 * Does:     print all, or those that are named.
 * Does not: keep a history. */
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/rpc.h"

static bool is_wanted(const struct rpc *rpc, const struct mp_value *name)
{
    for (size_t i = 0; i < rpc->word_count; i++)
        if (mp_str_is(name, rpc->words[i]))
            return true;
    return !rpc->word_count;
}

static void print_one(const struct rpc *rpc, const struct mp_value *name, struct mp_reader metric,
                      bool first)
{
    char title[64], number[64], unit[32], help[200];
    struct mp_value value = rpc_get(metric, "value"), units = rpc_get(metric, "unit");
    struct mp_value meaning = rpc_get(metric, "help");
    if (rpc->json) {
        fputs(first ? "" : ",", stdout);
        json_print_text(name->data, name->len);
        putchar(':');
        if (json_print(&metric) < 0)
            fputs("null", stdout);
        return;
    }
    printf("%-22s %14s %-12s %s\n", rpc_text(name, title, sizeof(title)),
           rpc_text(&value, number, sizeof(number)), rpc_text(&units, unit, sizeof(unit)),
           rpc_text(&meaning, help, sizeof(help)));
}

/* CLI_OK, CLI_FAILED. */
static int print_all(const struct rpc *rpc)
{
    struct mp_reader at = rpc->result;
    struct mp_value head, name;
    size_t count = 0;
    if (mp_get_type(&at, MP_MAP, &head) < 0)
        return rpc_strange(rpc);
    fputs(rpc->json ? "{" : "", stdout);
    for (size_t i = 0; i < head.len; i++) {
        struct mp_reader metric;
        if (mp_get_type(&at, MP_STR, &name) < 0)
            return rpc_strange(rpc);
        metric = at;
        if (mp_skip(&at) < 0)
            return rpc_strange(rpc);
        if (is_wanted(rpc, &name))
            print_one(rpc, &name, metric, !count++);
    }
    fputs(rpc->json ? "}\n" : "", stdout);
    struct mp_reader unused;
    for (size_t i = 0; i < rpc->word_count; i++)
        if (!rpc_find(rpc->result, rpc->words[i], &unused))
            return cli_fail(CLI_FAILED, "there is no metric '%s'; `galley metrics` has the list",
                            rpc->words[i]);
    return CLI_OK;
}

int cmd_metrics(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    int status = rpc_parse(&rpc, command, argc, argv, RPC_MAX_WORDS);
    if (!status)
        status = rpc_connect(&rpc);
    if (!status)
        status = rpc_call(&rpc, "metrics", NULL, 10);
    if (!status)
        status = print_all(&rpc);
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
