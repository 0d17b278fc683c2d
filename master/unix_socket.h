/* unix_socket.h - a listening UNIX socket with its file.
 * Does:     bind under a umask, replace a stale file, remove its own file (and no other's) at the end.
 * Does not: accept. */
#ifndef GALLEY_MASTER_UNIX_SOCKET_H
#define GALLEY_MASTER_UNIX_SOCKET_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/errmsg.h"

struct unix_socket {
    int fd; /* -1: closed */
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    dev_t dev;
    ino_t ino;
    bool is_lent; /* the file is (also) another master's: closing leaves it */
};

/* Bind and listen on `path`; its file has exactly `mode` from the first moment. A file that nobody listens on is
 * replaced. 0; -errno with a sentence. */
int unix_socket_open(struct unix_socket *socket, const char *path, mode_t mode, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Close it. Remove the file if it is still the one that was made, and not lent. Harmless when closed. */
void unix_socket_close(struct unix_socket *socket);

#endif
