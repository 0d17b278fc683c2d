/* heir.c - a master that an older one has started in its place (an upgrade): the new side.
 * Does:     check and take what is inherited; READY, GO, TAKEN, DONE. When the old master dies in the middle, it serves
 *           alone as soon as it can.
 * Does not: touch the files of the old master before it may serve.
 * See:      upgrade.c (the other side), docs/PROTOCOL.md, t/35-upgrade.t
 *
 *   STARTING -- all workers ready --> READY -- GO, or the old master is dead --> DUE --> SERVING -- it is gone --> NONE */
#include "master/heir.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "master/notify.h"
#include "master/rpc.h"
#include "master/state.h"
#include "master/stop.h"

enum { GO_LIMIT_MS = 30000 };

static bool keep_in_this_process(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* Every descriptor is there, and passes no further exec. */
static bool check_descriptors(const struct handover *handover)
{
    bool good = keep_in_this_process(handover->channel_fd) &&
                (handover->stats.fd < 0 || keep_in_this_process(handover->stats.fd));
    for (size_t i = 0; i < handover->fd_count; i++)
        good = keep_in_this_process(handover->fds[i]) && good;
    return good;
}

int heir_init(struct heir *heir, struct errmsg *why)
{
    const char *text = getenv(HANDOVER_VARIABLE);
    *heir = (struct heir){.channel_fd = -1, .stats = {.fd = -1}};
    if (!text)
        return 0;
    struct handover *handover = malloc(sizeof(*handover));
    int error = -ENOMEM;
    if (handover)
        error = handover_read(handover, text, why);
    else
        errmsg_set(why, "no memory to take the old server's place");
    unsetenv(HANDOVER_VARIABLE);
    if (!error && handover->new_pid != getpid()) { /* another process was meant */
        free(handover);
        return 0;
    }
    if (!error && !check_descriptors(handover)) {
        errmsg_set(why, "%s names descriptors that are not open; unset it", HANDOVER_VARIABLE);
        error = -EBADF;
    }
    if (error) {
        free(handover);
        return error;
    }
    heir->state = HEIR_STARTING;
    heir->old_pid = handover->old_pid;
    heir->channel_fd = handover->channel_fd;
    heir->handover = handover;
    heir->stats.fd = handover->stats.fd;
    heir->stats.dev = handover->stats.dev;
    heir->stats.ino = handover->stats.ino;
    heir->stats.is_lent = true;
    memcpy(heir->stats.path, handover->stats.path, sizeof(handover->stats.path));
    return 1;
}

/* ---- the old master's words ---- */

static void elder_is_gone(struct master *master)
{
    struct heir *heir = &master->heir;
    loop_event_stop(&heir->event);
    close(heir->channel_fd);
    heir->channel_fd = -1;
    if (heir->state == HEIR_SERVING) {
        heir->state = HEIR_NONE;
        log_line(LOG_LEVEL_NOTICE, "old_master_ended", "pid=%d", (int)heir->old_pid);
        return;
    }
    log_line(LOG_LEVEL_WARN, "old_master_died", "pid=%d; this one serves as soon as it is ready",
             (int)heir->old_pid);
    heir->state = HEIR_DUE;
}

static void take_word(struct master *master, int word, const char *data, size_t len)
{
    struct heir *heir = &master->heir;
    if (word == HANDOVER_KEYS && len == sizeof(master->tickets.keys))
        memcpy(&master->tickets.keys, data, len);
    else if (word == HANDOVER_GO && heir->state == HEIR_READY)
        heir->state = HEIR_DUE;
    else if (word == HANDOVER_DONE && heir->state == HEIR_SERVING) {
        master->watchdog_ms = notify_watchdog_ms();
        notify_send("READY=1");
    }
}

static void on_channel(void *arg, int fd, unsigned what)
{
    struct master *master = arg;
    char data[HANDOVER_WORD_BYTES + 1];
    size_t len;
    (void)what;
    while (master->heir.channel_fd >= 0) {
        int word = handover_hear(fd, data, &len);
        if (word == -EAGAIN)
            break;
        if (word <= 0)
            elder_is_gone(master);
        else
            take_word(master, word, data, len);
    }
    explicit_bzero(data, sizeof(data));
}

/* ---- the start ---- */

int heir_adopt(struct master *master, struct errmsg *why)
{
    struct heir *heir = &master->heir;
    const struct handover *handover = heir->handover;
    int error = 0;
    if (heir->state == HEIR_NONE)
        return 0;
    for (size_t i = 0; i < handover->listener_count; i++) {
        const struct handover_listener *told = &handover->listeners[i];
        const struct stat file = {.st_dev = told->dev, .st_ino = told->ino};
        int failed = listen_adopt(&master->listeners, &told->wanted, &handover->fds[told->first],
                                  told->count, &file, why);
        error = error ? error : failed;
    }
    master->watchdog_ms = 0; /* until the service manager knows this process */
    if (!error)
        error = loop_event_start(master->loop, &heir->event, heir->channel_fd, LOOP_READ,
                                 on_channel, master);
    if (error)
        errmsg_set(why, "cannot listen to the old server: %s", strerror(-error));
    else
        on_channel(master, heir->channel_fd, LOOP_READ); /* the keys, before the first fork */
    return error;
}

uint64_t heir_scaled_to(const struct heir *heir, uint64_t workers)
{
    bool same = heir->handover && heir->handover->scaled.of == workers;
    return same ? heir->handover->scaled.workers : 0;
}

bool heir_take_stats(struct heir *heir, const char *path, struct unix_socket *out)
{
    if (heir->stats.fd < 0 || strcmp(heir->stats.path, path) != 0)
        return false;
    *out = heir->stats;
    heir->stats.fd = -1;
    return true;
}

bool heir_is_waiting(const struct heir *heir)
{
    return heir->state == HEIR_STARTING || heir->state == HEIR_READY || heir->state == HEIR_DUE;
}

bool heir_may_serve(struct master *master, int64_t now_ms, struct errmsg *why)
{
    struct heir *heir = &master->heir;
    if (heir->state == HEIR_STARTING) {
        heir->state = HEIR_READY;
        heir->limit_ms = now_ms + GO_LIMIT_MS;
        handover_say(heir->channel_fd, HANDOVER_READY, NULL, 0);
    } else if (heir->state == HEIR_READY && now_ms >= heir->limit_ms)
        errmsg_set(why, "the old master, pid %d, does not answer", (int)heir->old_pid);
    return heir->state == HEIR_NONE || heir->state == HEIR_DUE;
}

/* What nobody names any more is closed after the old master knows: it would miss it, had this one failed. */
void heir_serves(struct master *master)
{
    struct heir *heir = &master->heir;
    bool is_alone = heir->channel_fd < 0;
    if (heir->state == HEIR_NONE)
        return;
    if (!is_alone)
        handover_say(heir->channel_fd, HANDOVER_TAKEN, NULL, 0);
    master->upgrade.last.at_s = (int64_t)time(NULL);
    master->upgrade.last.ok = true;
    master->upgrade.last.pid = master->pid;
    log_line(LOG_LEVEL_NOTICE, "took_over", "from pid=%d", (int)heir->old_pid);
    listen_keep(&master->listeners);
    listen_close_unused(&master->listeners);
    rpc_server_lend(master, false);
    rpc_server_accept(master, true);
    heir->stats.is_lent = false;
    unix_socket_close(&heir->stats);
    heir->state = is_alone ? HEIR_NONE : HEIR_SERVING;
    if (is_alone) {
        master->watchdog_ms = notify_watchdog_ms();
        notify_send("READY=1");
    }
}

/* ---- the end ---- */

void heir_tell_failure(const struct heir *heir, const char *why)
{
    if (heir_is_waiting(heir) && heir->channel_fd >= 0)
        handover_say(heir->channel_fd, HANDOVER_FAILED, why, strlen(why));
}

void heir_stop(struct master *master, bool hurry, int64_t limit_ms)
{
    struct heir *heir = &master->heir;
    heir->limit_ms = clock_now_ms() + limit_ms;
    if (hurry && heir->state == HEIR_SERVING)
        handover_say(heir->channel_fd, HANDOVER_HURRY, NULL, 0);
}

bool heir_has_elder(const struct master *master)
{
    return master->heir.state == HEIR_SERVING;
}

void heir_close(struct heir *heir)
{
    loop_event_stop(&heir->event);
    if (heir->channel_fd >= 0)
        close(heir->channel_fd);
    heir->channel_fd = -1;
    unix_socket_close(&heir->stats);
    free(heir->handover);
    heir->handover = NULL;
}
