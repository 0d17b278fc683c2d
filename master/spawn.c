/* spawn.c - fork a worker.
 * Does:     socketpair, fork; in the child: close what is not inherited, reset signals, drop privileges, run.
 * Does not: touch the master's loop from the child.
 * See:      common/inherit.h (what crosses), privilege.c */
#include "master/spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_FD = 3, KEEP_MAX = PROTO_MAX_SOCKETS + 3 };

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Close every descriptor from 3 on that is not in the list. */
static void close_others(int *keep, size_t count)
{
    unsigned first = FIRST_FD;
    qsort(keep, count, sizeof(*keep), compare_fds);
    for (size_t i = 0; i < count; i++) {
        if (keep[i] < FIRST_FD)
            continue;
        if ((unsigned)keep[i] > first)
            close_range(first, (unsigned)keep[i] - 1, 0);
        first = (unsigned)keep[i] + 1;
    }
    close_range(first, ~0u, 0);
}

/* Signals that the whole process group may get are the master's business: its orders come on the channel. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
                                  SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGWINCH};
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        sigaction(ignored[i], &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void fill_inherit(const struct master *master, const struct slot *slot,
                         struct inherit *inherit)
{
    const struct generation *generation = slot->generation;
    bool is_trial = generation->state == GENERATION_TRIAL;
    const struct logs *logs = is_trial ? &generation->new_logs : &master->logs;
    *inherit = (struct inherit){.settings = generation->settings,
                                .app_path = master->opts->app_path,
                                .app = master->opts->app,
                                .slot = slot->number,
                                .generation = generation->number,
                                .log_fd = logs->log_fd,
                                .access_log_fd = logs->access_fd,
                                .listeners = generation->listen.sockets,
                                .listener_count = generation->listen.socket_count,
                                .pems = generation->pems,
                                .pem_count = generation->pem_count,
                                .tickets = master->tickets.keys};
}

/* The child's whole life. `inherit` is static: the stack may be unwound below it by nobody, and it is needed always. */
static int run_child(struct master *master, struct slot *slot, int channel_fd, pid_t parent)
{
    static struct inherit inherit;
    static int keep[KEEP_MAX];
    static struct proto_message message;
    struct errmsg why = {0};
    size_t count = 0;
    fill_inherit(master, slot, &inherit);
    inherit.channel_fd = channel_fd;
    loop_free_in_child(master->loop);
    keep[count++] = channel_fd;
    keep[count++] = inherit.log_fd;
    keep[count++] = inherit.access_log_fd;
    for (size_t i = 0; i < inherit.listener_count; i++)
        keep[count++] = inherit.listeners[i].fd;
    close_others(keep, count);
    reset_signals();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    if (master->opts->settings->daemon)
        daemon_close_standard();
    if (privilege_drop(&slot->generation->privilege, parent, &why) == 0)
        return master->opts->worker_main(&inherit);
    message = (struct proto_message){
        .kind = PROTO_FAILED, .slot = slot->number, .generation = inherit.generation};
    snprintf(message.text, sizeof(message.text), "%.*s", PROTO_TEXT_BYTES - 1, why.text);
    return proto_send(channel_fd, &message, NULL, 0) < 0 ? 2 : 1;
}

int spawn_worker(struct master *master, struct slot *slot)
{
    int ends[2];
    sigset_t all, old;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    fflush(NULL); /* else the child would write what is buffered once more */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* no handler of the master may run in the child */
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        exit(run_child(master, slot, ends[1], parent));
    int error = pid < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    slot->pid = pid;
    slot->channel_fd = ends[0];
    return 0;
}
