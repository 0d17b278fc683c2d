/* tls_unsent.c - the last ciphertext of connections that their owners have closed.
 * Does:     what close(2) does for plain sockets: send on what was taken, to peers that are slow to read it.
 * Does not: wait for ever or for many: UNSENT_MS, at most UNSENT_COUNT at once; then the connection is cut.
 * See:      tls.c, t/unit/worker/net/tls.c */
#include "worker/net/tls_server.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { UNSENT_MS = 30000, UNSENT_COUNT = 256, DISCARD_ROUNDS = 16 };

struct tls_unsent {
    struct list link; /* in server->unsent */
    struct loop_event event;
    struct loop_timer limit;
    struct tls_server *server;
    int fd;
    unsigned char *bytes;
    size_t start, len;
};

static void unsent_free(struct tls_unsent *unsent)
{
    loop_event_stop(&unsent->event);
    loop_timer_stop(&unsent->limit);
    list_remove(&unsent->link);
    unsent->server->unsent_count--;
    close(unsent->fd);
    free(unsent->bytes);
    free(unsent);
}

static void time_is_up(void *arg)
{
    unsent_free(arg);
}

/* Unread input would make close(2) a reset, which destroys what is under way. False: the peer is gone. */
static bool discard_input(int fd)
{
    char bytes[4096];
    for (int i = 0; i < DISCARD_ROUNDS; i++) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        if (got < 0)
            return errno == EAGAIN || errno == EINTR;
        if (got == 0)
            return true; /* it has said all; it may still read */
    }
    return true;
}

static void unsent_happened(void *arg, int fd, unsigned what)
{
    struct tls_unsent *unsent = arg;
    if (what & (LOOP_READ | LOOP_CLOSED) && !discard_input(fd)) {
        unsent_free(unsent);
        return;
    }
    while (what & LOOP_WRITE && unsent->len > 0) {
        ssize_t sent = send(fd, unsent->bytes + unsent->start, unsent->len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            break;
        unsent->start += (size_t)sent;
        unsent->len -= (size_t)sent;
        if (unsent->len == 0)
            break;
    }
    if (what & LOOP_WRITE)
        unsent_free(unsent); /* sent, or nobody is there */
}

void tls_unsent_start(struct tls_server *server, struct loop *loop, int fd, unsigned char *bytes,
                      size_t start, size_t len)
{
    struct tls_unsent *unsent = NULL;
    if (server->unsent_count < UNSENT_COUNT)
        unsent = calloc(1, sizeof(*unsent));
    if (!unsent)
        goto cut;
    *unsent =
        (struct tls_unsent){.server = server, .fd = fd, .bytes = bytes, .start = start, .len = len};
    if (loop_event_start(loop, &unsent->event, fd, LOOP_READ | LOOP_WRITE | LOOP_CLOSED | LOOP_EDGE,
                         unsent_happened, unsent) < 0)
        goto cut;
    if (loop_timer_try(loop, &unsent->limit, UNSENT_MS, time_is_up, unsent) < 0) {
        loop_event_stop(&unsent->event);
        goto cut;
    }
    list_append(&server->unsent, &unsent->link);
    server->unsent_count++;
    return;

cut:
    free(unsent);
    free(bytes);
    close(fd);
}

void tls_unsent_stop_all(struct tls_server *server)
{
    struct list *link;
    while ((link = list_take_first(&server->unsent)))
        unsent_free(LIST_ENTRY(link, struct tls_unsent, link));
}

size_t tls_server_unsent_count(const struct tls_server *server)
{
    return server->unsent_count;
}
