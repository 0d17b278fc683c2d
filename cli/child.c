/* child.c - a child that loads an application; see child.h.
 * Does:     a pipe for the one sentence; tell a crash and an exit from a failure.
 * Does not: limit the child in time.
 * See:      cmd_check.c, cmd_openapi.c, cmd_routes.c; t/20-cli-usage.t */
#include "cli/child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"

static void work_in_child(const char *app_path, child_work *work, void *arg, int fd)
{
    struct errmsg why = {{0}};
    int error = work(app_path, arg, &why);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        errmsg_set(&why, "cannot write to standard output");
        error = -1;
    }
    size_t len = strlen(why.text);
    bool told = !len || write(fd, why.text, len) == (ssize_t)len;
    _exit(error < 0 || !told);
}

int child_run(const char *app_path, child_work *work, void *arg, struct errmsg *why)
{
    int fds[2], status = 0;
    if (run_find_app(app_path, why) < 0)
        return -1;
    if (pipe(fds) < 0) {
        errmsg_set_sys(why, "cannot load %s", app_path);
        return -1;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (!pid)
        work_in_child(app_path, work, arg, fds[1]);
    close(fds[1]);
    if (pid < 0)
        errmsg_set_sys(why, "cannot load %s", app_path);
    struct errmsg said = {{0}};
    ssize_t len = pid < 0 ? 0 : read(fds[0], said.text, sizeof(said.text) - 1);
    close(fds[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (len > 0)
        *why = said;
    else if (WIFSIGNALED(status))
        errmsg_set(why, "the application %s crashed while it was loaded: %s", app_path,
                   strsignal(WTERMSIG(status)));
    else if (status)
        errmsg_set(why, "the application %s ended the process while it was loaded", app_path);
    return why->text[0] ? -1 : 0;
}

int child_command(const struct cli_command *command, int argc, char **argv, child_work *work,
                  bool *json)
{
    const char *app_path;
    struct errmsg why = {{0}};
    int status = args_app_path(command, argc, argv, &app_path, json);
    if (status)
        return status < 0 ? CLI_OK : status;
    if (child_run(app_path, work, json, &why) < 0)
        return cli_fail(CLI_FAILED, "%s", why.text);
    return CLI_OK;
}
