/* accept.h - the listening sockets a worker accepts from, switched on and off as the master orders.
 * Does:     accept without blocking, a bounded number a turn; pause when descriptors run out.
 * Does not: bind or close listening sockets (the master's), count connections or know protocols. */
#ifndef GALLEY_WORKER_NET_ACCEPT_H
#define GALLEY_WORKER_NET_ACCEPT_H

#include <stddef.h>
#include <stdint.h>

#include "common/inherit.h"
#include "common/loop.h"

struct accept_set;

struct accept_opts {
    struct loop *loop;
    const struct inherit_listener *listeners; /* not copied; non-blocking or made so */
    size_t count;
    /* A connection came: `fd` is non-blocking, close-on-exec, TCP_NODELAY where there is TCP, and the callee's own.
     * Who is full closes it (or answers first). */
    void (*on_socket)(void *arg, int fd, const struct inherit_listener *listener);
    void *arg;
};

/* All listeners off. NULL when memory or descriptors are short (errno). */
struct accept_set *accept_new(const struct accept_opts *opts);
void accept_free(struct accept_set *set);

/* Accept from exactly these listeners from now on; an index that does not exist is ignored. Cheap when nothing changes.
 * 0; -errno when one could not be watched (the others are). */
int accept_listen(struct accept_set *set, const uint16_t *indexes, size_t count);

/* Accept no more, after what waits in the queues now has been accepted once (what arrives later is another worker's). */
void accept_stop(struct accept_set *set);

#endif
