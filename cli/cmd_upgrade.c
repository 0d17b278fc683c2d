/* cmd_upgrade.c - galley upgrade: another executable in the server's place.
 * Does:     wait for the decision; exit status 1 and the reason when the old one goes on.
 * Does not: lose a request, or install the executable. */
#include <stdio.h>

#include "cli/rpc.h"

enum { WAIT_S = 3600 }; /* start_timeout ends it long before */

int cmd_upgrade(const struct cli_command *command, int argc, char **argv)
{
    struct rpc rpc;
    char text[600];
    int status = rpc_open(&rpc, command, argc, argv);
    if (!status)
        status = rpc_call(&rpc, "upgrade", NULL, WAIT_S);
    if (!status) {
        struct mp_value ok = rpc_get(rpc.result, "ok"), message = rpc_get(rpc.result, "message");
        struct mp_value pid = rpc_get(rpc.result, "pid");
        bool failed = ok.type == MP_BOOL && !ok.boolean;
        if (rpc.json)
            status = rpc_print_json(&rpc);
        else if (!failed && pid.type == MP_UINT)
            printf("upgraded: pid %s serves\n", rpc_text(&pid, text, sizeof(text)));
        else if (!failed)
            puts("upgraded");
        if (failed)
            status = cli_fail(CLI_FAILED, "%s", rpc_text(&message, text, sizeof(text)));
    }
    rpc_close(&rpc);
    return status < 0 ? CLI_OK : status;
}
