/* upgrade.c - another executable in this one's place, without a lost connection: the side of the master that serves.
 * Does:     fork, exec with the listeners; wait for READY, say GO, wait for TAKEN, drain. Whatever fails before TAKEN
 *           leaves this master serving, and its reason in the log and in `status`.
 * Does not: the new master's part (heir.c), or the format of what is handed over (handover.c).
 * See:      docs/PROTOCOL.md, t/35-upgrade.t
 *
 *   request -> pending -> STARTING -- READY --> HANDING -- TAKEN --> LEAVING: drains, ends
 *                            \- fails, late, stop -/--> ENDING -- gone --> IDLE: serves on */
#include "master/upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "master/generation.h"
#include "master/handover.h"
#include "master/heir.h"
#include "master/notify.h"
#include "master/rpc.h"
#include "master/stop.h"

enum {
    START_SLACK_MS = 2000, /* over start_timeout, within which a worker that hangs is named */
    HANDING_MS = 5000,     /* from GO to TAKEN */
    ENDING_MS = 2000,      /* from TERM, or a failure that was told, to KILL */
};

/* ---- what to execute ---- */

/* This program's file. Within valgrind /proc/self/exe can be read, but to follow it leads to valgrind. */
static const char *read_own_path(char out[4096])
{
    ssize_t len = readlink("/proc/self/exe", out, 4095);
    out[len > 0 ? len : 0] = '\0';
    return out;
}

/* A path that leads to this program, and will lead to its successor: as it was started, links kept. */
static bool find_path(char out[4096])
{
    const char *started = (const char *)getauxval(AT_EXECFN);
    struct stat ours, theirs;
    char folder[4096] = "";
    if (!started || !*started || !strncmp(started, "/proc/", 6) || !strncmp(started, "/dev/", 5))
        return false;
    if (stat(read_own_path(out), &ours) || (started[0] != '/' && !getcwd(folder, sizeof(folder))))
        return false;
    int len = snprintf(out, 4096, "%s%s%s", folder, folder[0] ? "/" : "", started);
    return len < 4096 && !stat(out, &theirs) && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

void upgrade_init(struct upgrade *upgrade)
{
    upgrade->channel_fd = -1;
    if (!find_path(upgrade->path))
        read_own_path(upgrade->path);
}

/* ---- decisions ---- */

static void decide(struct master *master, bool ok, const char *message)
{
    struct upgrade *upgrade = &master->upgrade;
    upgrade->last.at_s = (int64_t)time(NULL);
    upgrade->last.ok = ok;
    upgrade->last.pid = upgrade->pid;
    snprintf(upgrade->last.message, sizeof(upgrade->last.message), "%s", message);
    upgrade->decided_id = upgrade->running_id;
    if (ok)
        log_line(LOG_LEVEL_NOTICE, "upgraded", "pid=%d serves, this master drains",
                 (int)upgrade->pid);
    else
        log_line(LOG_LEVEL_ERROR, "upgrade_failed", "%s; this master serves on", message);
}

static void close_channel(struct upgrade *upgrade)
{
    loop_event_stop(&upgrade->event);
    if (upgrade->channel_fd >= 0)
        close(upgrade->channel_fd);
    upgrade->channel_fd = -1;
}

/* It will not serve: `signal` makes it go, unless it does so by itself. */
static void fail(struct master *master, const char *message, int signal)
{
    struct upgrade *upgrade = &master->upgrade;
    decide(master, false, message);
    if (upgrade->pid > 0 && signal)
        kill(upgrade->pid, signal);
    upgrade->state = UPGRADE_ENDING;
    upgrade->limit_ms = clock_now_ms() + ENDING_MS;
}

/* The failed one is gone. What it may have taken before it was told to serve comes back. */
static void serve_on(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why = {0};
    close_channel(upgrade);
    upgrade->state = UPGRADE_IDLE;
    upgrade->pid = 0;
    if (pidfile_renew(&master->pidfile, &why) < 0)
        log_line(LOG_LEVEL_ERROR, "pid_file", "%s", why.text);
    rpc_server_accept(master, true);
}

/* ---- the new master's words ---- */

static void hand_over(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    rpc_server_accept(master, false); /* who comes now is the new master's */
    upgrade->state = UPGRADE_HANDING;
    upgrade->limit_ms = clock_now_ms() + HANDING_MS;
    int error = handover_say(upgrade->channel_fd, HANDOVER_GO, NULL, 0);
    if (error)
        log_line(LOG_LEVEL_WARN, "upgrade_word", "GO: %s", strerror(-error));
}

static void tell_service_manager(const struct master *master)
{
    char text[64];
    snprintf(text, sizeof(text), "MAINPID=%d", (int)master->upgrade.pid);
    notify_send(text);
}

/* The new master serves. Every file is its own; a reload that somebody waits for is its business. */
static void leave(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    upgrade->state = UPGRADE_LEAVING;
    decide(master, true, "");
    tell_service_manager(master);
    master->watchdog_ms = 0;
    handover_say(upgrade->channel_fd, HANDOVER_DONE, NULL, 0);
    listen_set_lend(&master->current->listen);
    rpc_server_lend(master, true);
    if (master->reload.pending)
        kill(upgrade->pid, SIGHUP);
    stop_begin(master, STOP_GRACEFUL);
}

static void take_word(struct master *master, int word, const char *text)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why = {0};
    if (word == HANDOVER_READY && upgrade->state == UPGRADE_STARTING)
        hand_over(master);
    else if (word == HANDOVER_TAKEN && upgrade->state == UPGRADE_HANDING)
        leave(master);
    else if (word == HANDOVER_FAILED && upgrade_is_running(master)) {
        errmsg_set(&why, "%s", *text ? text : "the new master failed without a word");
        fail(master, why.text, 0);
    } else if (word == HANDOVER_HURRY && upgrade->state == UPGRADE_LEAVING)
        stop_begin(master, STOP_FAST);
}

static void on_channel(void *arg, int fd, unsigned what)
{
    struct master *master = arg;
    char text[HANDOVER_WORD_BYTES + 1];
    size_t len;
    (void)what;
    while (master->upgrade.channel_fd >= 0) {
        int word = handover_hear(fd, text, &len);
        if (word == -EAGAIN)
            return;
        if (word <= 0) { /* its exit will say more */
            loop_event_stop(&master->upgrade.event);
            return;
        }
        take_word(master, word, text);
    }
}

/* ---- the start of the new master ---- */

static void list_sockets(const struct master *master, struct handover *handover)
{
    const struct listen_set *set = &master->current->listen;
    for (size_t i = 0; i < set->count; i++) {
        const struct listener *listener = set->listeners[i];
        struct handover_listener *told = &handover->listeners[handover->listener_count++];
        *told = (struct handover_listener){.wanted = listener->wanted,
                                           .first = handover->fd_count,
                                           .count = listener->listening_count,
                                           .dev = listener->unix_socket.dev,
                                           .ino = listener->unix_socket.ino};
        for (size_t n = 0; n < told->count; n++)
            handover->fds[handover->fd_count++] = listener->fds[n];
    }
}

static void fill_handover(const struct master *master, struct handover *handover, int channel_fd)
{
    const struct unix_socket *stats = rpc_server_socket(master);
    *handover = (struct handover){
        .old_pid = master->pid,
        .new_pid = getpid(),
        .channel_fd = channel_fd,
        .stats = {.fd = -1},
        .scaled = {.workers = master->scaled_to, .of = master->current->settings->workers}};
    list_sockets(master, handover);
    if (!stats)
        return;
    handover->stats.fd = stats->fd;
    handover->stats.dev = stats->dev;
    handover->stats.ino = stats->ino;
    snprintf(handover->stats.path, sizeof(handover->stats.path), "%s", stats->path);
}

/* Descriptors pass exec in this child alone, and only these. */
static int open_for_exec(const struct handover *handover)
{
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    int error = fcntl(handover->channel_fd, F_SETFD, 0);
    if (handover->stats.fd >= 0)
        error |= fcntl(handover->stats.fd, F_SETFD, 0);
    for (size_t i = 0; i < handover->fd_count; i++)
        error |= fcntl(handover->fds[i], F_SETFD, 0);
    return error ? -errno : 0;
}

/* In the child: the new executable, or the reason why not. */
static void __attribute__((noreturn))
become_new(const struct master *master, int channel_fd, const sigset_t *mask)
{
    static struct handover handover;
    struct errmsg why = {0};
    struct buf text;
    buf_init(&text, HANDOVER_MAX_BYTES);
    fill_handover(master, &handover, channel_fd);
    int error = handover_write(&handover, &text);
    if (!error)
        error = open_for_exec(&handover);
    if (!error && setenv(HANDOVER_VARIABLE, buf_at(&text), 1) < 0)
        error = -errno;
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (!error) {
        execv(master->upgrade.path, master->opts->argv);
        error = -errno;
    }
    errno = -error;
    errmsg_set_sys(&why, "cannot execute %s", master->upgrade.path);
    handover_say(channel_fd, HANDOVER_FAILED, why.text, strlen(why.text));
    _exit(127);
}

static int fork_new(struct master *master, int channel_fd)
{
    sigset_t all, old;
    fflush(NULL);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* no handler of the master may run in the child */
    pid_t pid = fork();
    if (pid == 0)
        become_new(master, channel_fd, &old);
    int error = pid < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (!error)
        master->upgrade.pid = pid;
    return error;
}

static int start_new(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    const struct inherit_tickets *keys = &master->tickets.keys;
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    upgrade->channel_fd = ends[0];
    int error = handover_say(ends[0], HANDOVER_KEYS, keys, sizeof(*keys));
    if (!error)
        error =
            loop_event_start(master->loop, &upgrade->event, ends[0], LOOP_READ, on_channel, master);
    if (!error)
        error = fork_new(master, ends[1]);
    close(ends[1]);
    if (error)
        close_channel(upgrade);
    return error;
}

static void begin(struct master *master, int64_t now_ms)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why = {0};
    upgrade->is_pending = false;
    upgrade->running_id = upgrade->asked_id;
    if (master->pid == 1)
        errmsg_set(&why, "this server is process 1: its container would end with it; start "
                         "another container");
    else {
        int error = start_new(master);
        if (error)
            errmsg_set(&why, "cannot start a new master: %s", strerror(-error));
    }
    if (why.text[0]) {
        decide(master, false, why.text);
        return;
    }
    upgrade->state = UPGRADE_STARTING;
    upgrade->limit_ms = now_ms + master->current->settings->start_timeout + START_SLACK_MS;
    log_line(LOG_LEVEL_NOTICE, "upgrading", "pid=%d %s", (int)upgrade->pid, upgrade->path);
}

/* ---- what happens ---- */

uint32_t upgrade_request(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    if (upgrade_is_running(master) || upgrade->state == UPGRADE_LEAVING)
        return upgrade->running_id;
    if (master->phase == MASTER_STOPPING) {
        upgrade->running_id = ++upgrade->asked_id;
        decide(master, false, "the server is stopping");
        return upgrade->asked_id;
    }
    if (!upgrade->is_pending) {
        upgrade->is_pending = true;
        upgrade->asked_id++;
    }
    return upgrade->asked_id;
}

static void give_up(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why = {0};
    if (upgrade->state == UPGRADE_STARTING) {
        errmsg_set(&why, "%s was not ready within start_timeout and %d s, and is ended",
                   upgrade->path, START_SLACK_MS / 1000);
        fail(master, why.text, SIGTERM);
    } else if (upgrade->state == UPGRADE_HANDING) {
        errmsg_set(&why, "the new master did not serve within %d s, and is killed",
                   HANDING_MS / 1000);
        fail(master, why.text, SIGKILL);
    } else {
        kill(upgrade->pid, SIGKILL);
        upgrade->limit_ms += ENDING_MS;
    }
}

void upgrade_turn(struct master *master, int64_t now_ms, int64_t *again_ms)
{
    struct upgrade *upgrade = &master->upgrade;
    if (upgrade->is_pending && upgrade->state == UPGRADE_IDLE && !master->reload.trial &&
        !heir_has_elder(master) && master->phase == MASTER_SERVING)
        begin(master, now_ms);
    if (!upgrade_is_running(master) && upgrade->state != UPGRADE_ENDING)
        return;
    if (now_ms >= upgrade->limit_ms && upgrade->channel_fd >= 0)
        on_channel(master, upgrade->channel_fd, LOOP_READ); /* it may be this one that was away */
    if (now_ms >= upgrade->limit_ms)
        give_up(master);
    if (upgrade->limit_ms < *again_ms)
        *again_ms = upgrade->limit_ms;
}

static void explain_exit(int status, struct errmsg *why)
{
    if (WIFSIGNALED(status))
        errmsg_set(why, "the new master was killed by signal %d (%s) before it served",
                   WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        errmsg_set(why, "the new master exited with status %d before it served%s",
                   WEXITSTATUS(status),
                   WEXITSTATUS(status) ? "; its standard error has the reason" : "");
}

void upgrade_reap(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    struct errmsg why = {0};
    int status;
    if (upgrade->pid <= 0 || waitpid(upgrade->pid, &status, WNOHANG) != upgrade->pid)
        return;
    if (upgrade->channel_fd >= 0)
        on_channel(master, upgrade->channel_fd, LOOP_READ); /* its last words */
    if (upgrade_is_running(master)) {
        explain_exit(status, &why);
        fail(master, why.text, 0);
    }
    if (upgrade->state == UPGRADE_ENDING) {
        serve_on(master);
        return;
    }
    log_line(LOG_LEVEL_WARN, "successor_ended", "pid=%d", (int)upgrade->pid);
    upgrade->pid = 0;
    close_channel(upgrade);
}

void upgrade_cancel(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    const char *why = "the server is stopping";
    if (upgrade_is_running(master))
        fail(master, why, upgrade->state == UPGRADE_HANDING ? SIGKILL : SIGTERM);
    if (!upgrade->is_pending)
        return;
    upgrade->is_pending = false;
    upgrade->running_id = upgrade->asked_id;
    if (upgrade->state != UPGRADE_LEAVING)
        decide(master, false, why);
}

void upgrade_close(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    if (upgrade->pid > 0 && upgrade->state != UPGRADE_LEAVING) {
        kill(upgrade->pid, SIGKILL);
        while (waitpid(upgrade->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    close_channel(upgrade);
}

bool upgrade_is_running(const struct master *master)
{
    return master->upgrade.state == UPGRADE_STARTING || master->upgrade.state == UPGRADE_HANDING;
}

bool upgrade_is_leaving(const struct master *master)
{
    return master->upgrade.state == UPGRADE_LEAVING;
}

bool upgrade_is_ending(const struct master *master)
{
    return master->upgrade.state == UPGRADE_ENDING;
}

bool upgrade_stop_again(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    if (upgrade->state != UPGRADE_LEAVING || upgrade->stop_noted)
        return true;
    upgrade->stop_noted = true;
    log_line(LOG_LEVEL_NOTICE, "stopping_already", "for its successor, pid=%d", (int)upgrade->pid);
    return false;
}
