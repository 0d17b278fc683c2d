/* accept.c - accept(2) for a set of listening sockets.
 * Does:     level-triggered, at most ACCEPT_BATCH connections an event, so that one full queue starves nobody.
 * Does not: spin when descriptors run out: it sheds one connection by the reserve descriptor, then pauses.
 * See:      accept.h, t/unit/worker/net/accept.c */
#include "worker/net/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

/* What the kernel holds for a peer beyond what is on its way: else 4 MB for each one that does not read. */
enum { UNSENT_BYTES = 128 << 10 };
enum { ACCEPT_BATCH = 64, DRAIN_BATCH = 65536, PAUSE_MS = 100, LOG_EVERY_MS = 500 };

struct accept_source {
    struct loop_event event;
    struct accept_set *set;
    const struct inherit_listener *listener;
    bool is_wanted, is_watched;
};

struct accept_set {
    struct accept_opts opts;
    struct loop_timer pause;
    bool is_paused;
    int reserve_fd;
    int64_t logged_ms; /* when the shortage was last told; 0: never */
    struct accept_source sources[];
};

static int open_reserve(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void unwatch(struct accept_source *source)
{
    if (!source->is_watched)
        return;
    loop_event_stop(&source->event);
    source->is_watched = false;
}

static void source_ready(void *arg, int fd, unsigned what);

static int watch(struct accept_source *source)
{
    if (source->is_watched)
        return 0;
    int error = loop_event_start(source->set->opts.loop, &source->event, source->listener->fd,
                                 LOOP_READ, source_ready, source);
    source->is_watched = error == 0;
    return error;
}

/* Watch what is wanted, unless paused. 0, or the first -errno. */
static int watch_wanted(struct accept_set *set)
{
    int first_error = 0;
    for (size_t i = 0; i < set->opts.count; i++) {
        struct accept_source *source = &set->sources[i];
        if (!source->is_wanted || set->is_paused) {
            unwatch(source);
            continue;
        }
        int error = watch(source);
        if (error < 0 && first_error == 0)
            first_error = error;
    }
    return first_error;
}

static void pause_over(void *arg)
{
    struct accept_set *set = arg;
    set->is_paused = false;
    if (set->reserve_fd < 0)
        set->reserve_fd = open_reserve();
    int error = watch_wanted(set);
    if (error < 0) /* the next round tries again */
        loop_timer_start(set->opts.loop, &set->pause, PAUSE_MS, pause_over, set);
}

/* Descriptors or memory ran out: shed one connection, so that its client is not left hanging, and rest. */
static void shed_and_pause(struct accept_source *source, int error)
{
    struct accept_set *set = source->set;
    if (set->reserve_fd >= 0 && (error == EMFILE || error == ENFILE)) {
        close(set->reserve_fd);
        int fd = accept4(source->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        set->reserve_fd = open_reserve();
    }
    int64_t now_ms = clock_now_ms();
    if (set->logged_ms == 0 || now_ms - set->logged_ms >= LOG_EVERY_MS) {
        set->logged_ms = now_ms;
        log_line(LOG_LEVEL_ERROR, "accept_paused", "listener=%s ms=%d reason=\"%s\"",
                 source->listener->text, PAUSE_MS, strerror(error));
    }
    set->is_paused = true;
    (void)watch_wanted(set); /* stops them all */
    loop_timer_start(set->opts.loop, &set->pause, PAUSE_MS, pause_over, set);
}

/* What accept(2) passes on from a connection that died in the queue, or what its client did; the next may be fine. */
static bool is_client_error(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPERM: /* a firewall rule */
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENOPROTOOPT:
    case ENONET:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* Accept at most `most` connections, fewer when the queue is empty or the owner switches the source off. */
static void accept_some(struct accept_source *source, int most)
{
    struct accept_set *set = source->set;
    for (int i = 0; i < most; i++) {
        int fd = accept4(source->listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            set->opts.on_socket(set->opts.arg, fd, source->listener);
            if (!source->is_wanted)
                return;
        } else if (!is_client_error(errno)) {
            if (errno != EAGAIN)
                shed_and_pause(source, errno);
            return;
        }
    }
}

static void source_ready(void *arg, int fd, unsigned what)
{
    (void)fd;
    (void)what;
    accept_some(arg, ACCEPT_BATCH);
}

struct accept_set *accept_new(const struct accept_opts *opts)
{
    struct accept_set *set = calloc(1, sizeof(*set) + opts->count * sizeof(set->sources[0]));
    if (!set)
        return NULL;
    set->opts = *opts;
    set->reserve_fd = open_reserve();
    if (set->reserve_fd < 0)
        goto free_set;
    for (size_t i = 0; i < opts->count; i++) {
        const struct inherit_listener *listener = &opts->listeners[i];
        set->sources[i] = (struct accept_source){.set = set, .listener = listener};
        int flags = fcntl(listener->fd, F_GETFL);
        if (flags < 0 || fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK) < 0)
            goto close_reserve;
        /* accepted sockets inherit it, which saves a call for each; a UNIX socket refuses it */
        (void)setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        (void)setsockopt(listener->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){UNSENT_BYTES},
                         sizeof(int));
    }
    return set;

close_reserve:
    close(set->reserve_fd);
free_set:
    free(set);
    return NULL;
}

void accept_free(struct accept_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->opts.count; i++)
        unwatch(&set->sources[i]);
    loop_timer_stop(&set->pause);
    if (set->reserve_fd >= 0)
        close(set->reserve_fd);
    free(set);
}

int accept_listen(struct accept_set *set, const uint16_t *indexes, size_t count)
{
    for (size_t i = 0; i < set->opts.count; i++)
        set->sources[i].is_wanted = false;
    for (size_t i = 0; i < count; i++)
        if (indexes[i] < set->opts.count)
            set->sources[indexes[i]].is_wanted = true;
    return watch_wanted(set);
}

void accept_stop(struct accept_set *set)
{
    for (size_t i = 0; i < set->opts.count; i++) {
        struct accept_source *source = &set->sources[i];
        if (!source->is_wanted)
            continue;
        unwatch(source);
        accept_some(source, DRAIN_BATCH);
    }
    for (size_t i = 0; i < set->opts.count; i++)
        set->sources[i].is_wanted = false;
    set->is_paused = false;
    loop_timer_stop(&set->pause);
}
