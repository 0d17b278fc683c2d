/* cmd_openapi.c - galley openapi: the OpenAPI document of an application, without serving.
 * Does:     print it as it would be served, and a newline.
 * Does not: load it in this process: child.c does.
 * See:      t/76-openapi.t */
#include <stdio.h>
#include <string.h>

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
    static const char *const known[] = {"help", NULL};
    struct args args;
    struct arg arg;
    const char *app_path = NULL;
    struct errmsg why = {{0}};
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        if (arg.kind == ARG_OPTION && !strcmp(arg.name, "help")) {
            cli_print_help(command);
            return CLI_OK;
        }
        if (arg.kind == ARG_OPTION || app_path)
            return args_refuse(command, &arg, known, false);
        app_path = arg.text;
    }
    if (!app_path)
        return cli_usage(command, "which application? Name its shared object");
    if (child_run(app_path, print_document, NULL, &why) < 0)
        return cli_fail(CLI_FAILED, "%s", why.text);
    return CLI_OK;
}
