/* tcp.c - a plain TCP or UNIX socket as a byte-stream.
 * Does:     recv, send and sendfile without waiting; passes the loop's edges on to the owner.
 * Does not: buffer, or touch epoll again after the one registration of a connection.
 * See:      io.h, tls.c (the other kind), t/unit/worker/net/tcp.c */
#include "worker/net/io.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bug.h"

/* So that one fast reader of a big file does not hold the loop. */
enum { SEND_FILE_SLICE_BYTES = 256 * 1024 };

static void tcp_happened(void *arg, int fd, unsigned what)
{
    struct io *io = arg;
    (void)fd;
    io->on_ready(io, what);
}

static ssize_t tcp_recv(struct io *io, void *buf, size_t len)
{
    GALLEY_BUG_IF(len == 0, "a read of nothing looks like the end of the stream");
    ssize_t got;
    do
        got = recv(io->fd, buf, len, 0);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static ssize_t tcp_send(struct io *io, const struct iovec *pieces, int count)
{
    GALLEY_BUG_IF(count > IOV_MAX, "%d pieces in one send", count);
    ssize_t sent;
    do {
        if (count == 1) {
            sent = send(io->fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL);
        } else {
            struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces,
                                     .msg_iovlen = (size_t)count};
            sent = sendmsg(io->fd, &message, MSG_NOSIGNAL);
        }
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

static ssize_t tcp_send_file(struct io *io, int file_fd, off_t *offset, size_t len)
{
    ssize_t sent;
    do
        sent = sendfile(io->fd, file_fd, offset,
                        len < SEND_FILE_SLICE_BYTES ? len : SEND_FILE_SLICE_BYTES);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

static void tcp_shut_write(struct io *io)
{
    (void)shutdown(io->fd, SHUT_WR); /* a peer that is gone already is no news */
}

static void tcp_close(struct io *io)
{
    if (io->fd < 0)
        return;
    loop_event_stop(&io->event);
    close(io->fd);
    io->fd = -1;
}

static const struct io_ops tcp_ops = {
    .recv = tcp_recv,
    .send = tcp_send,
    .send_file = tcp_send_file,
    .shut_write = tcp_shut_write,
    .close = tcp_close,
};

int tcp_open(struct io *io, struct loop *loop, int fd, io_ready_fn *on_ready)
{
    io->ops = &tcp_ops;
    io->on_ready = on_ready;
    io->tls = NULL;
    io->fd = fd;
    io->is_h2_chosen = false;
    int error = loop_event_start(
        loop, &io->event, fd, LOOP_READ | LOOP_WRITE | LOOP_CLOSED | LOOP_EDGE, tcp_happened, io);
    if (error < 0) {
        close(fd);
        io->fd = -1;
    }
    return error;
}

bool io_is_dead(const struct io *io)
{
    struct pollfd peer = {.fd = io->fd, .events = POLLIN | POLLRDHUP};
    return io->fd < 0 || (poll(&peer, 1, 0) > 0 && peer.revents & (POLLERR | POLLHUP | POLLNVAL));
}
