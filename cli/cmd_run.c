/* cmd_run.c - galley run: serve an application.
 * Does:     hand settings and application to the master, and the worker's main function with them.
 * Does not: know how either works. The one file of cli/ that sees master/ and worker/.
 * See:      run.c, embed.c */
#include "cli/run.h"
#include "master/master.h"
#include "worker/worker.h"

int run_check_app(const char *path, struct errmsg *why)
{
    return worker_check_app(path, why);
}

int run_write_openapi(const char *path, struct buf *out, struct errmsg *why)
{
    return worker_write_openapi(path, out, why);
}

int run_list_routes(const char *path, struct buf *out, struct errmsg *why)
{
    return worker_list_routes(path, out, why);
}

int run_migrate(const char *path, struct buf *out, struct errmsg *why)
{
    return worker_migrate(path, out, why);
}

int run_serve(struct run_source *source, const void *app, int argc, char **argv)
{
    struct settings settings;
    struct errmsg why = {0};
    int error = settings_init(&settings);
    if (error)
        errmsg_set(&why, "no memory for the settings");
    else
        error = run_load_settings(source, &settings, &why);
    if (!error && !app)
        error = run_find_app(source->app_path, &why);
    if (error)
        master_refuse(&why);
    int status = error ? cli_fail(CLI_FAILED, "%s", why.text)
                       : master_run(&(struct master_opts){.settings = &settings,
                                                          .app_path = app ? NULL : source->app_path,
                                                          .app = app,
                                                          .worker_main = worker_main,
                                                          .load_settings = run_load_settings,
                                                          .load_arg = source,
                                                          .argc = argc,
                                                          .argv = argv});
    settings_release(&settings);
    return status;
}

int cmd_run(const struct cli_command *command, int argc, char **argv)
{
    static struct run_source source; /* two paths of 4 KiB; there is one server a process */
    int status = run_source_init(&source, command, argc, argv);
    if (status)
        return status < 0 ? CLI_OK : status;
    if (!source.app_path[0])
        return cli_usage(command, "which application? Name its shared object");
    return run_serve(&source, NULL, argc + 2, argv - 2);
}
