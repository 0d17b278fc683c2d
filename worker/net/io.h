/* io.h - one byte-stream: a plain TCP or UNIX socket, or TLS over it, that look alike from above.
 * Does:     non-blocking recv, send and sendfile; tells the owner when to try again.
 * Does not: buffer for the owner, wait, or know protocols. tcp.c and tls.c implement it. */
#ifndef GALLEY_WORKER_NET_IO_H
#define GALLEY_WORKER_NET_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "common/loop.h"

struct io;

/* What on_ready is told: READABLE data or the end may be there; WRITABLE there is room again; HANGUP the peer has shut
 * down its side or reset. Edge-triggered: said once for each change. */
enum { IO_READABLE = LOOP_READ, IO_WRITABLE = LOOP_WRITE, IO_HANGUP = LOOP_CLOSED };
typedef void io_ready_fn(struct io *io, unsigned what);

struct io_ops {
    /* > 0 bytes; 0 end of stream; -EAGAIN; -ECONNRESET, -EPROTO (TLS) and any other -errno: the stream is dead.
     * A short count means that nothing more is there now (more comes with a new IO_READABLE), unless has_more, and
     * unless IO_HANGUP was said: then read on to the end. */
    ssize_t (*recv)(struct io *io, void *buf, size_t len);
    /* > 0 bytes taken; fewer than given, or -EAGAIN: no room, IO_WRITABLE will come; -EPIPE and any other -errno: dead.
     * Never SIGPIPE. After -EAGAIN other bytes may be sent. At most 1024 pieces. */
    ssize_t (*send)(struct io *io, const struct iovec *pieces, int count);
    /* The same from a file, at most 256 KiB a call (call again until -EAGAIN); NULL when this kind cannot. 0: the file
     * is shorter than that. The process must ignore SIGPIPE. */
    ssize_t (*send_file)(struct io *io, int file_fd, off_t *offset, size_t len);
    /* Bytes wait inside the layer and would not be announced; NULL: never. */
    bool (*has_more)(const struct io *io);
    /* Say that no more will be sent (close_notify, FIN). */
    void (*shut_write)(struct io *io);
    /* Close, and free what lies below; the struct stays the owner's. No on_ready afterwards. What send took is still
     * delivered, as far as the peer reads it. */
    void (*close)(struct io *io);
};

struct io {
    const struct io_ops *ops;
    io_ready_fn *on_ready;
    void *tls; /* struct tls_state of tls.c */
    int fd;
    bool is_h2_chosen; /* ALPN said h2; valid once on_ready came first */
    struct loop_event event;
};

static inline bool io_has_more(const struct io *io)
{
    return io->ops->has_more != NULL && io->ops->has_more(io);
}

/* Take the connected, non-blocking socket `fd`: it is io's from now on, and closed on failure. on_ready is called from
 * the loop, never from within. 0, -errno. */
int tcp_open(struct io *io, struct loop *loop, int fd, io_ready_fn *on_ready)
    __attribute__((warn_unused_result));

struct tls_server;
/* The same with TLS. The handshake runs by itself; on_ready comes first when it is done (IO_READABLE; is_h2_chosen is
 * set) or has failed (IO_HANGUP; recv answers -EPROTO). Who wants a time limit closes. */
int tls_open(struct io *io, struct loop *loop, int fd, struct tls_server *server,
             io_ready_fn *on_ready) __attribute__((warn_unused_result));
bool tls_is_handshaking(const struct io *io);
/* Whether recv's 0 came from a bare FIN, without TLS's own close_notify: somebody may have cut the stream short. */
bool tls_is_truncated(const struct io *io);

/* Whether the peer is gone for good (RST, or both directions shut), rather than that data has come: one poll(2). */
bool io_is_dead(const struct io *io);

#endif
