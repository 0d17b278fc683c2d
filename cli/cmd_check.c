/* cmd_check.c - galley check: whether configuration and application would do, without serving.
 * Does:     read the settings; load the application in a child, so that its crash is an answer too.
 * Does not: bind, or look at certificates.
 * See:      run.h, t/20-cli-usage.t */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/json.h"
#include "cli/run.h"

/* In a child: load, and write the sentence into the pipe if it fails. */
static void load_in_child(const char *path, int fd)
{
    struct errmsg why = {0};
    int error = run_check_app(path, &why);
    size_t len = strlen(why.text);
    bool told = !len || write(fd, why.text, len) == (ssize_t)len;
    _exit(error < 0 || !told);
}

static int check_app(const char *path, struct errmsg *why)
{
    int fds[2], status = 0;
    if (run_find_app(path, why) < 0)
        return -1;
    if (pipe(fds) < 0) {
        errmsg_set_sys(why, "cannot check %s", path);
        return -1;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (!pid)
        load_in_child(path, fds[1]);
    close(fds[1]);
    if (pid < 0)
        errmsg_set_sys(why, "cannot check %s", path);
    struct errmsg said = {0};
    ssize_t len = pid < 0 ? 0 : read(fds[0], said.text, sizeof(said.text) - 1);
    close(fds[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (len > 0)
        *why = said;
    else if (WIFSIGNALED(status))
        errmsg_set(why, "the application %s crashed while it was loaded: %s", path,
                   strsignal(WTERMSIG(status)));
    else if (status)
        errmsg_set(why, "the application %s ended the process while it was loaded", path);
    return why->text[0] ? -1 : 0;
}

/* Take --json out of argv; whether it was there. */
static bool take_json(int *argc, char **argv)
{
    for (int i = 0; i < *argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--json")) {
            memmove(argv + i, argv + i + 1, (size_t)(*argc - i - 1) * sizeof(*argv));
            --*argc;
            return true;
        }
    return false;
}

int cmd_check(const struct cli_command *command, int argc, char **argv)
{
    static struct run_source source;
    struct settings settings;
    struct errmsg why = {0};
    bool json = take_json(&argc, argv);
    int status = run_source_init(&source, command, argc, argv);
    if (status)
        return status < 0 ? CLI_OK : status;
    settings_init(&settings);
    int error = run_load_settings(&source, &settings, &why);
    if (!error && source.app_path[0])
        error = check_app(source.app_path, &why);
    settings_release(&settings);
    if (json) {
        printf("{\"ok\":%s,\"message\":", error ? "false" : "true");
        json_print_text(why.text, strlen(why.text));
        puts("}");
    } else if (!error) {
        puts(source.app_path[0] ? "configuration and application are in order"
                                : "the configuration is in order");
    }
    if (error && !json)
        cli_fail(CLI_FAILED, "%s", why.text);
    return error ? CLI_FAILED : CLI_OK;
}
