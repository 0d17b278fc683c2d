/* cmd_openapi.c - galley openapi: the OpenAPI document of an application, without serving.
 * Does:     print it as it would be served, and a newline.
 * Does not: load it in this process: child.c does.
 * See:      t/76-openapi.t */
#include <stdio.h>

#include "cli/child.h"
#include "cli/run.h"

enum { DOCUMENT_MAX_BYTES = 32 << 20 };

static int print_document(const char *app_path, void *arg, struct errmsg *why)
{
    struct buf out;
    (void)arg;
    buf_init(&out, DOCUMENT_MAX_BYTES);
    int error = run_write_openapi(app_path, &out, why);
    if (!error) {
        fwrite(buf_at(&out), 1, buf_len(&out), stdout); /* child_run looks at its errors */
        putchar('\n');
    }
    buf_release(&out);
    return error;
}

int cmd_openapi(const struct cli_command *command, int argc, char **argv)
{
    return child_command(command, argc, argv, print_document, NULL);
}
