/* cmd_reload.c - galley reload: configuration and application anew, all or nothing.
 * Does:     wait for the decision; exit status 1 and the reason when the old generation goes on.
 * Does not: lose a request. */
#include <stdio.h>

#include "cli/rpc.h"

enum { WAIT_S = 3600 }; /* start_timeout ends it long before */

int cmd_reload(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    char text[600];
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = rpc_call(&rpc, "reload", NULL, WAIT_S);
    if (!status) {
        struct mp_value ok = rpc_get(rpc.result, "ok"), message = rpc_get(rpc.result, "message");
        struct mp_value generation = rpc_get(rpc.result, "generation");
        bool failed = ok.type == MP_BOOL && !ok.boolean;
        if (rpc.json)
            status = rpc_print_json(&rpc);
        else if (!failed && generation.type == MP_UINT)
            printf("reloaded: generation %s serves\n", rpc_text(&generation, text, sizeof(text)));
        else if (!failed)
            puts("reloaded");
        if (failed)
            status = cli_fail(CLI_FAILED, "%s", rpc_text(&message, text, sizeof(text)));
    }
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
