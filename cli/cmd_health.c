/* cmd_health.c - galley health: whether all is well.
 * Does:     print the answer of `health`; exit status 1 when it says fail.
 * Does not: repair. */
#include <stdio.h>

#include "cli/rpc.h"

static int print_checks(struct mp_reader result)
{
    struct mp_reader checks;
    struct mp_value head, name;
    char text[600], state[32], title[64];
    struct mp_value overall = rpc_get(result, "status");
    printf("%s\n", rpc_text(&overall, state, sizeof(state)));
    if (!rpc_find(result, "checks", &checks))
        return 0;
    if (mp_get_type(&checks, MP_MAP, &head) < 0)
        return -1;
    for (size_t i = 0; i < head.len; i++) {
        if (mp_get_type(&checks, MP_STR, &name) < 0)
            return -1;
        struct mp_value value = rpc_get(checks, "status"), message = rpc_get(checks, "message");
        bool has_message = message.type == MP_STR && message.len;
        printf("  %-12s %s%s%s\n", rpc_text(&name, title, sizeof(title)),
               rpc_text(&value, state, sizeof(state)), has_message ? ": " : "",
               has_message ? rpc_text(&message, text, sizeof(text)) : "");
        if (mp_skip(&checks) < 0)
            return -1;
    }
    return 0;
}

int cmd_health(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = rpc_call(&rpc, "health", NULL, 10);
    bool fails = false;
    if (!status) {
        struct mp_value overall = rpc_get(rpc.result, "status");
        fails = !mp_str_is(&overall, "pass") && !mp_str_is(&overall, "warn");
        if (rpc.json)
            status = rpc_print_json(&rpc);
        else if (print_checks(rpc.result) < 0)
            status = rpc_strange(&rpc);
    }
    rpc_close(&rpc);
    if (!status && fails)
        return CLI_FAILED;
    return status < 0 ? CLI_OK : status;
}
