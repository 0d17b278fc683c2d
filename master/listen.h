/* listen.h - the listening sockets of the server.
 * Does:     open a fixed group of SO_REUSEPORT sockets for each address, keep them over reloads.
 * Does not: accept, or say which worker accepts from which (assign.c). */
#ifndef GALLEY_MASTER_LISTEN_H
#define GALLEY_MASTER_LISTEN_H

#include <stddef.h>

#include "common/inherit.h"
#include "common/list.h"
#include "master/address.h"
#include "master/assign.h"
#include "master/unix_socket.h"

enum { LISTEN_MIN_SOCKETS = 16, LISTEN_MAX_ADDRESSES = 64 };

/* One address. Its sockets are closed at the final stop, or when no generation names it any more. */
struct listener {
    struct list node;      /* in master.listeners */
    struct address wanted; /* as given: port 0 stays 0 */
    struct address bound;
    int *fds;
    size_t fd_count;
    size_t listening_count; /* of fds, the first ones; the others are bound */
    struct unix_socket unix_socket;
    int users;    /* generations that name it */
    bool claimed; /* while a generation is made: taken by an earlier line of it */
};

/* What one generation listens on. */
struct listen_set {
    struct listener *listeners[LISTEN_MAX_ADDRESSES];
    struct assign_group groups[LISTEN_MAX_ADDRESSES];
    char texts[LISTEN_MAX_ADDRESSES][ADDRESS_TEXT_BYTES];
    size_t count;
    struct inherit_listener sockets[PROTO_MAX_SOCKETS];
    size_t socket_count;
};

/* Find or open every address of `values`, for at least `worker_count` workers. `all` is the list of open listeners; new
 * ones are appended. 0; < 0 with a sentence, and `set` is empty. */
int listen_set_open(struct listen_set *set, struct list *all, const struct setting_list *values,
                    bool has_cert, size_t worker_count, struct errmsg *why)
    __attribute__((warn_unused_result));
/* The generation of this set serves: from now on connections come to all of its sockets. Those that a listener has got in
 * addition do not listen before, since what they queued would be lost with a generation that fails. 0, -errno. */
int listen_set_start(struct listen_set *set) __attribute__((warn_unused_result));
/* Give the set up; listeners that no set uses any more are closed. Harmless for a zeroed one. */
void listen_set_close(struct listen_set *set);

/* An address whose listening sockets another master has opened. They are this one's from now on, closed on failure;
 * a UNIX socket's file is lent until listen_keep. 0; < 0 with a sentence. */
int listen_adopt(struct list *all, const struct address *wanted, const int *fds, size_t count,
                 const struct stat *file, struct errmsg *why) __attribute__((warn_unused_result));
/* The files of UNIX sockets are no other master's any more. */
void listen_keep(struct list *all);
/* Those of this set are another master's from now on. */
void listen_set_lend(struct listen_set *set);
/* Close what no generation names. */
void listen_close_unused(struct list *all);

#endif
