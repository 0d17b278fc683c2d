/* connect.h - a stream connection to a remote side, opened without blocking the loop.
 * Does:     TCP to each address of a name in turn, within one time limit, or a UNIX socket.
 * Does not: speak TLS, or keep connections: who asked owns the descriptor.
 * See:      resolve.h, t/unit/worker/io/connect.c */
#ifndef GALLEY_WORKER_IO_CONNECT_H
#define GALLEY_WORKER_IO_CONNECT_H

#include "worker/coro/coro.h"

struct connect_opts {
    const char *path; /* of a UNIX socket; NULL: TCP to host and port */
    const char *host;
    uint16_t port;
    int64_t timeout_ms; /* for everything, the name too */
    int64_t
        user_wait_ms; /* TCP gives up when nothing sent was acknowledged for so long; 0: the system's patience */
    const char *what; /* "redis://127.0.0.1:6379/0", for sentences and for who looks on */
};

/* A connected descriptor, non-blocking, close-on-exec; TCP without delay, with keepalive. It is the caller's. Otherwise
 * -errno of the last address (with coro_fail's sentence), -ETIMEDOUT, -GALLEY_ENAME, -ECANCELED. */
GALLEY_YIELDS int connect_open(galley_async *co, const struct connect_opts *opts, const char *here)
    __attribute__((warn_unused_result));

#endif
