/* cmd_dev.c - galley dev: compile, serve with one worker, compile and reload whenever a source is saved.
 * Does:     keep a `galley run` as its child, and the object in a folder of its own; go on after every mistake.
 * Does not: serve itself. A source that does not compile leaves the server as it is.
 * See:      compile.h, watch.h, t/29-cli-dev.t
 *
 * What happens is one of three things, waited for at one place: a save, the server's end, a signal. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/compile.h"
#include "cli/watch.h"
#include "common/loop.h"

enum { MAX_SOURCES = 128, MAX_OPTIONS = 256, SETTLE_MS = 50 };

struct dev {
    const char *sources[MAX_SOURCES];
    const char *options[MAX_OPTIONS + 8]; /* of galley run */
    size_t source_count, option_count;
    bool has_workers;
    char folder[1024];
    char object[COMPILE_PATH_BYTES], depends[COMPILE_PATH_BYTES];
    int watch_fd, signal_fd;
    pid_t server; /* 0: none runs */
    bool is_over;
};

/* Take the command line apart. CLI_OK, CLI_USAGE; -1: help was printed. */
static int take_arguments(struct dev *dev, const struct cli_command *command, int argc, char **argv)
{
    static const char *const known[] = {"config", "help", NULL};
    struct args args;
    struct arg arg;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        const struct setting_row *row =
            arg.kind == ARG_OPTION ? setting_find(arg.name, NULL) : NULL;
        if (dev->source_count == MAX_SOURCES || dev->option_count + 2 > MAX_OPTIONS)
            return cli_usage(command, "too many arguments");
        if (arg.kind == ARG_WORD) {
            dev->sources[dev->source_count++] = arg.text;
            continue;
        }
        if (!strcmp(arg.name, "help"))
            return cli_print_help(command), -1;
        if (!row && strcmp(arg.name, "config"))
            return args_refuse(command, &arg, known, true);
        if (!strcmp(arg.name, "daemon"))
            return cli_usage(command,
                             "--daemon is not for galley dev, which stays beside its server");
        dev->has_workers |= !strcmp(arg.name, "workers");
        dev->options[dev->option_count++] = arg.text;
        if (arg.value || (row && row->type == SETTING_BOOL))
            continue;
        const char *value = args_value(&args, &arg);
        if (!value)
            return cli_usage(command, "%s needs a value", arg.text);
        dev->options[dev->option_count++] = value;
    }
    return dev->source_count ? CLI_OK : cli_usage(command, "which C source?");
}

static int prepare(struct dev *dev, struct errmsg *why)
{
    char object[COMPILE_PATH_BYTES];
    sigset_t signals;
    for (size_t i = dev->source_count; i-- > 0;)
        if (compile_name_object(object, dev->sources[i], why) < 0)
            return -1;
    const char *slash = strrchr(object, '/');
    const char *tmp = getenv("TMPDIR");
    tmp = tmp && *tmp ? tmp : "/tmp";
    snprintf(dev->folder, sizeof dev->folder, "%.900s/galley-dev-XXXXXX", tmp);
    if (!mkdtemp(dev->folder)) {
        errmsg_set_sys(why, "cannot make a folder in %s", tmp);
        dev->folder[0] = '\0';
        return -1;
    }
    snprintf(dev->object, sizeof dev->object, "%s/%.200s", dev->folder, slash ? slash + 1 : object);
    snprintf(dev->depends, sizeof dev->depends, "%s/depends", dev->folder);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    dev->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (dev->signal_fd < 0) {
        errmsg_set_sys(why, "cannot wait for signals");
        return -1;
    }
    return watch_open(&dev->watch_fd, why);
}

/* By its name, as within valgrind the link leads to valgrind; by the link where the name has gone to another build. */
static void __attribute__((noreturn)) become_galley(const char *const *words)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    path[len > 0 ? len : 0] = '\0';
    execv(path, (char *const *)(const void *)words);
    execv("/proc/self/exe", (char *const *)(const void *)words);
    _exit(127);
}

/* Run this very program with other arguments. */
static pid_t start_galley(const char *const *words)
{
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    become_galley(words);
}

static void start_server(struct dev *dev)
{
    const char *routes[] = {"galley", "routes", dev->object, NULL};
    const char *words[MAX_OPTIONS + 8] = {"galley", "run", dev->object};
    size_t count = 3;
    pid_t pid = start_galley(routes);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    if (!dev->has_workers) {
        words[count++] = "--workers";
        words[count++] = "1";
    }
    for (size_t i = 0; i < dev->option_count; i++)
        words[count++] = dev->options[i];
    words[count++] = "--daemon=false"; /* whatever a file or the environment says */
    words[count] = NULL;
    dev->server = start_galley(words);
    if (dev->server < 0)
        dev->server = 0;
}

static void build_and_serve(struct dev *dev)
{
    struct errmsg why = {0};
    const struct compile job = {.sources = dev->sources,
                                .count = dev->source_count,
                                .out = dev->object,
                                .depends = dev->depends,
                                .scratch = dev->folder}; /* not where saves are waited for */
    int64_t start_ms = clock_now_ms();
    int error = compile_run(&job, &why);
    for (size_t i = 0; i < dev->source_count; i++)
        (void)watch_add(dev->watch_fd, dev->sources[i]);
    watch_add_depends(dev->watch_fd, dev->depends);
    if (error) {
        printf("galley: not built; %s\n", dev->server ? "what is served goes on, until it is mended"
                                                      : "waiting until it is mended");
        return;
    }
    printf("galley: built in %.1f s%s\n", (double)(clock_now_ms() - start_ms) / 1000,
           dev->server ? ", reloading" : "");
    fflush(stdout);
    if (!dev->server)
        start_server(dev);
    else if (kill(dev->server, SIGHUP) < 0)
        printf("galley: the server is gone\n");
}

/* ---- what happens ---- */

/* A save; more of them come together. */
static void on_save(struct dev *dev)
{
    char name[256], more[256];
    struct pollfd poll_fd = {.fd = dev->watch_fd, .events = POLLIN};
    if (!watch_take(dev->watch_fd, name, sizeof name))
        return;
    while (poll(&poll_fd, 1, SETTLE_MS) > 0)
        (void)watch_take(dev->watch_fd, more, sizeof more);
    printf("galley: %s was saved\n", name);
    build_and_serve(dev);
}

static void on_signal(struct dev *dev)
{
    struct signalfd_siginfo info;
    int status;
    while (read(dev->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo != SIGCHLD)
            dev->is_over = true;
    if (!dev->server || waitpid(dev->server, &status, WNOHANG) != dev->server)
        return;
    dev->server = 0;
    if (dev->is_over)
        return;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP) /* a reload before it could be told */
        start_server(dev);
    else
        puts("galley: the server has ended; it starts again when a source is saved");
}

static void run(struct dev *dev)
{
    struct pollfd fds[] = {{.fd = dev->watch_fd, .events = POLLIN},
                           {.fd = dev->signal_fd, .events = POLLIN}};
    build_and_serve(dev);
    while (!dev->is_over) {
        fflush(stdout);
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        on_signal(dev);
        if (!dev->is_over)
            on_save(dev);
    }
}

static void finish(struct dev *dev)
{
    if (dev->server) {
        kill(dev->server, SIGTERM);
        while (waitpid(dev->server, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (dev->folder[0]) {
        unlink(dev->object);
        unlink(dev->depends);
        rmdir(dev->folder);
    }
    if (dev->watch_fd > 0)
        close(dev->watch_fd);
    if (dev->signal_fd > 0)
        close(dev->signal_fd);
}

int cmd_dev(const struct cli_command *command, int argc, char **argv)
{
    static struct dev dev;
    struct errmsg why = {0};
    int status = take_arguments(&dev, command, argc, argv);
    if (status)
        return status < 0 ? CLI_OK : status;
    if (prepare(&dev, &why) < 0)
        status = cli_fail(CLI_FAILED, "%s", why.text);
    else
        run(&dev);
    finish(&dev);
    return status;
}
