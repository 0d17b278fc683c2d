/* tls.c - TLS over a socket as a byte-stream.
 * Does:     handshake by events; gathers all records of one send into one send(2); reads 16 KiB by one recv(2).
 * Does not: keep buffers for an idle connection: ciphertext that the kernel did not take is kept until it does, and as
 *           long as there is some, no more plaintext is taken.
 * See:      io.h, tls_cert.c (contexts), tls_ticket.c, tls_unsent.c, t/unit/worker/net/tls.c
 *
 * OpenSSL never sees a full socket: what it writes always goes into `gathered` or the connection's `pending`, so that it
 * never stops half-way through a record and a caller whose send was refused may send something else. */
#include "worker/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/net/io.h"
#include "worker/net/tls_server.h"

enum {
    RECORD_BYTES = 16 * 1024,
    GATHER_BYTES = 4 * (RECORD_BYTES + 256), /* ciphertext of one send(2) */
    PENDING_MAX_BYTES = 192 * 1024, /* more only for peers that make us talk and do not read */
};

struct tls_state {
    SSL *ssl;
    struct tls_server *server;
    struct loop *loop;
    /* Ciphertext that waits for room in the socket: pending_len bytes from pending + pending_start. */
    unsigned char *pending;
    size_t pending_start, pending_len, pending_size;
    int error;               /* -errno: dead */
    bool is_open, is_failed; /* the handshake: done, or told to have failed */
    bool is_drained;         /* the socket has no more bytes until the next event */
    bool is_hangup;          /* FIN was seen by an event: read on to the end */
    bool has_more;           /* the last recv stopped before all was read */
    bool is_ended;           /* no more will be received */
    bool is_truncated;       /* ended without close_notify */
    bool is_shut;            /* close_notify was written */
    bool is_ticket_due;
    bool is_fin_due; /* after what is pending */
};

/* One thread, and empty between calls: all connections of a worker share it. */
static unsigned char gathered[GATHER_BYTES];
static size_t gathered_len;
static unsigned char record[RECORD_BYTES]; /* small pieces that become one record */

/* ---- OpenSSL's socket ---- */

/* Append to what is pending. 0, -ENOMEM, -ENOBUFS. */
static int add_pending(struct tls_state *tls, const unsigned char *bytes, size_t len)
{
    if (tls->pending_start + tls->pending_len + len > tls->pending_size) {
        if (tls->pending_len + len > PENDING_MAX_BYTES)
            return -ENOBUFS;
        size_t size = (tls->pending_len + len) + (tls->pending_len + len) / 4;
        unsigned char *grown = malloc(size);
        if (!grown)
            return -ENOMEM;
        if (tls->pending_len > 0)
            memcpy(grown, tls->pending + tls->pending_start, tls->pending_len);
        free(tls->pending);
        tls->pending = grown;
        tls->pending_start = 0;
        tls->pending_size = size;
    }
    memcpy(tls->pending + tls->pending_start + tls->pending_len, bytes, len);
    tls->pending_len += len;
    return 0;
}

static void drop_pending(struct tls_state *tls)
{
    free(tls->pending);
    tls->pending = NULL;
    tls->pending_start = tls->pending_len = tls->pending_size = 0;
}

static int socket_write(BIO *bio, const char *bytes, size_t len, size_t *written)
{
    struct io *io = BIO_get_data(bio);
    struct tls_state *tls = io->tls;
    BIO_clear_retry_flags(bio);
    *written = len;
    if (tls->pending_len == 0 && gathered_len + len <= GATHER_BYTES) {
        memcpy(gathered + gathered_len, bytes, len);
        gathered_len += len;
        return 1;
    }
    int error = add_pending(tls, gathered, gathered_len);
    gathered_len = 0;
    if (error == 0)
        error = add_pending(tls, (const unsigned char *)bytes, len);
    if (error == 0)
        return 1;
    tls->error = error;
    return 0;
}

static int socket_read(BIO *bio, char *buf, size_t len, size_t *got)
{
    struct io *io = BIO_get_data(bio);
    struct tls_state *tls = io->tls;
    BIO_clear_retry_flags(bio);
    ssize_t n = -1;
    errno = EAGAIN;
    while (!tls->is_drained && (n = recv(io->fd, buf, len, 0)) < 0 && errno == EINTR)
        ;
    if (n > 0) {
        /* fewer than asked for were all there are, but a FIN behind them is not announced again */
        tls->is_drained = (size_t)n < len && !tls->is_hangup;
        *got = (size_t)n;
        return 1;
    }
    if (n == 0) {
        tls->is_ended = true;
    } else if (errno == EAGAIN) {
        tls->is_drained = true;
        BIO_set_retry_read(bio);
    } else {
        tls->error = -errno;
    }
    return 0;
}

static long socket_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_socket_method_new(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "galley socket");
    if (method) {
        BIO_meth_set_write_ex(method, socket_write);
        BIO_meth_set_read_ex(method, socket_read);
        BIO_meth_set_ctrl(method, socket_ctrl);
    }
    return method;
}

static ssize_t send_bytes(int fd, const unsigned char *bytes, size_t len)
{
    ssize_t sent;
    do
        sent = send(fd, bytes, len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return sent;
    return errno == EAGAIN ? 0 : -errno;
}

/* Hand the kernel what was written since the last call; what it does not take becomes pending. */
static void flush(struct io *io)
{
    struct tls_state *tls = io->tls;
    if (tls->pending_len > 0) {
        ssize_t sent = send_bytes(io->fd, tls->pending + tls->pending_start, tls->pending_len);
        if (sent < 0) {
            tls->error = (int)sent;
            return;
        }
        tls->pending_start += (size_t)sent;
        tls->pending_len -= (size_t)sent;
        if (tls->pending_len == 0)
            drop_pending(tls);
    } else if (gathered_len > 0) {
        ssize_t sent = send_bytes(io->fd, gathered, gathered_len);
        if (sent < 0)
            tls->error = (int)sent;
        else if ((size_t)sent < gathered_len && tls->error == 0)
            tls->error = add_pending(tls, gathered + sent, gathered_len - (size_t)sent);
        gathered_len = 0;
    }
}

/* What OpenSSL's refusal `result` means: 0 it wants more bytes; 1 the end; -errno dead. */
static int judge(struct tls_state *tls, int result)
{
    int reason = SSL_get_error(tls->ssl, result);
    if (tls->error < 0)
        return tls->error;
    if (reason == SSL_ERROR_WANT_READ)
        return 0;
    if (reason == SSL_ERROR_ZERO_RETURN || (tls->is_ended && tls->is_open)) {
        tls->is_truncated = reason != SSL_ERROR_ZERO_RETURN;
        tls->is_ended = true;
        return 1;
    }
    tls->error = -EPROTO;
    return tls->error;
}

/* Before OpenSSL is called: nothing of another connection may be left over. */
static void enter_openssl(void)
{
    GALLEY_BUG_IF(gathered_len > 0, "%zu bytes of another connection were not sent", gathered_len);
    ERR_clear_error();
}

/* ---- the byte-stream ---- */

static ssize_t tls_recv(struct io *io, void *buf, size_t len)
{
    struct tls_state *tls = io->tls;
    GALLEY_BUG_IF(len == 0, "a read of nothing looks like the end of the stream");
    if (tls->error < 0)
        return tls->error;
    if (!tls->is_open)
        return -EAGAIN;
    size_t total = 0;
    int verdict = tls->is_ended; /* as judge() says it */
    enter_openssl();
    while (verdict == 0 && total < len && (!tls->is_drained || SSL_has_pending(tls->ssl))) {
        size_t got;
        int result = SSL_read_ex(tls->ssl, (char *)buf + total, len - total, &got);
        if (result > 0) {
            total += got;
            continue;
        }
        verdict = judge(tls, result);
        if (verdict == 0)
            break;
    }
    if (gathered_len > 0)
        flush(io); /* alerts, answers to key updates */
    tls->has_more =
        total > 0 &&
        (verdict != 0 || (total == len && (!tls->is_drained || SSL_has_pending(tls->ssl))));
    if (total > 0)
        return (ssize_t)total;
    return verdict < 0 ? verdict : verdict > 0 ? 0 : -EAGAIN;
}

/* Where a sender is in its caller's pieces. */
struct cursor {
    const struct iovec *piece, *end;
    size_t offset;
};

static void skip_empty(struct cursor *cursor)
{
    while (cursor->piece < cursor->end && cursor->offset == cursor->piece->iov_len) {
        cursor->piece++;
        cursor->offset = 0;
    }
}

/* The next run of bytes: whole records in place, or small pieces copied together into one record. */
static size_t next_run(struct cursor *cursor, const unsigned char **bytes)
{
    size_t left = cursor->piece->iov_len - cursor->offset;
    const unsigned char *here = (const unsigned char *)cursor->piece->iov_base + cursor->offset;
    bool is_last = cursor->piece + 1 == cursor->end;
    if (left >= RECORD_BYTES || is_last) {
        size_t run = left < RECORD_BYTES ? left : RECORD_BYTES;
        cursor->offset += run;
        *bytes = here;
        return run;
    }
    size_t len = 0;
    while (len < RECORD_BYTES && cursor->piece < cursor->end) {
        left = cursor->piece->iov_len - cursor->offset;
        size_t part = left < RECORD_BYTES - len ? left : RECORD_BYTES - len;
        if (part > 0)
            memcpy(record + len, (const char *)cursor->piece->iov_base + cursor->offset, part);
        len += part;
        cursor->offset += part;
        skip_empty(cursor);
    }
    *bytes = record;
    return len;
}

static ssize_t tls_send(struct io *io, const struct iovec *pieces, int count)
{
    struct tls_state *tls = io->tls;
    if (tls->error < 0)
        return tls->error;
    if (!tls->is_open || tls->pending_len > 0)
        return -EAGAIN;
    if (tls->is_shut)
        return -EPIPE;
    struct cursor cursor = {.piece = pieces, .end = pieces + count};
    size_t total = 0;
    enter_openssl();
    if (tls->is_ticket_due) {
        tls->is_ticket_due = false;
        (void)SSL_new_session_ticket(tls->ssl); /* without one the next handshake is a full one */
    }
    skip_empty(&cursor);
    while (cursor.piece < cursor.end && tls->pending_len == 0 && tls->error == 0) {
        const unsigned char *bytes;
        size_t run = next_run(&cursor, &bytes), written;
        int result = SSL_write_ex(tls->ssl, bytes, run, &written);
        if (result <= 0) {
            (void)judge(tls, result);
            if (tls->error == 0) /* it has all it could want */
                tls->error = -EPROTO;
            break;
        }
        total += run;
        skip_empty(&cursor);
        if (gathered_len > GATHER_BYTES - (RECORD_BYTES + 256))
            flush(io);
    }
    if (gathered_len > 0)
        flush(io);
    return tls->error < 0 ? tls->error : (ssize_t)total;
}

static bool tls_has_more(const struct io *io)
{
    const struct tls_state *tls = io->tls;
    return tls->has_more;
}

static void tls_shut_write(struct io *io)
{
    struct tls_state *tls = io->tls;
    if (tls->is_open && tls->error == 0 && !tls->is_shut) {
        tls->is_shut = true;
        enter_openssl();
        (void)SSL_shutdown(tls->ssl); /* writes close_notify; the peer's is read by recv */
        if (tls->pending_len == 0)
            flush(io);
    }
    if (tls->pending_len > 0 && tls->error == 0)
        tls->is_fin_due = true;
    else
        (void)shutdown(io->fd, SHUT_WR);
}

static void tls_close(struct io *io)
{
    struct tls_state *tls = io->tls;
    if (!tls)
        return;
    loop_event_stop(&io->event);
    if (!tls->is_open && tls->error == 0)
        tls->server->stats->tls_failed_total++;
    if (tls->is_open && tls->error == 0 && tls->pending_len > 0)
        tls_unsent_start(tls->server, tls->loop, io->fd, tls->pending, tls->pending_start,
                         tls->pending_len);
    else {
        free(tls->pending);
        close(io->fd);
    }
    SSL_free(tls->ssl);
    free(tls);
    io->tls = NULL;
    io->fd = -1;
}

static const struct io_ops tls_ops = {
    .recv = tls_recv,
    .send = tls_send,
    .has_more = tls_has_more,
    .shut_write = tls_shut_write,
    .close = tls_close,
};

/* ---- events ---- */

static void handshake_done(struct io *io)
{
    struct tls_state *tls = io->tls;
    const unsigned char *protocol;
    unsigned len;
    tls->is_open = true;
    /* A ticket of TLS 1.3 goes with our first bytes: one send(2) less, and none for a client that only shook hands. */
    tls->is_ticket_due = SSL_version(tls->ssl) == TLS1_3_VERSION;
    tls->server->stats->tls_handshakes_total++;
    if (SSL_session_reused(tls->ssl))
        tls->server->stats->tls_resumed_total++;
    SSL_get0_alpn_selected(tls->ssl, &protocol, &len);
    io->is_h2_chosen = len == 2 && memcmp(protocol, "h2", 2) == 0;
    tls->has_more = true; /* the first request may have come with the last flight */
    io->on_ready(io, IO_READABLE | (tls->is_hangup ? IO_HANGUP : 0u));
}

static void handshake_failed(struct io *io)
{
    struct tls_state *tls = io->tls;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    if (!reason)
        reason = tls->is_ended ? "the client left" : strerror(-tls->error);
    log_line(LOG_LEVEL_INFO, "tls_failed", "reason=\"%s\"", reason);
    tls->error = -EPROTO;
    tls->is_failed = true;
    tls->server->stats->tls_failed_total++;
    io->on_ready(io, IO_HANGUP);
}

static void shake_hands(struct io *io)
{
    struct tls_state *tls = io->tls;
    enter_openssl();
    int result = SSL_accept(tls->ssl);
    int verdict = result > 0 ? 0 : judge(tls, result);
    if (gathered_len > 0)
        flush(io); /* also the alert that says why not */
    if (verdict != 0 || tls->error < 0)
        handshake_failed(io);
    else if (result > 0)
        handshake_done(io);
}

static void tls_happened(void *arg, int fd, unsigned what)
{
    struct io *io = arg;
    struct tls_state *tls = io->tls;
    (void)fd;
    if (what & (LOOP_READ | LOOP_CLOSED))
        tls->is_drained = false;
    if (what & LOOP_CLOSED)
        tls->is_hangup = true;
    if (what & LOOP_WRITE && tls->pending_len > 0 && tls->error == 0) {
        flush(io);
        if (tls->error < 0)
            what |= IO_READABLE | IO_HANGUP; /* recv tells */
        else if (tls->pending_len > 0)
            what &= ~(unsigned)LOOP_WRITE;
        else if (tls->is_fin_due)
            (void)shutdown(io->fd, SHUT_WR);
    }
    if (tls->is_failed)
        return;
    if (!tls->is_open) {
        if (tls->error < 0)
            handshake_failed(io);
        else if (what & (LOOP_READ | LOOP_CLOSED))
            shake_hands(io);
    } else if (what != 0) {
        io->on_ready(io, what);
    }
}

int tls_open(struct io *io, struct loop *loop, int fd, struct tls_server *server,
             io_ready_fn *on_ready)
{
    *io = (struct io){.ops = &tls_ops, .on_ready = on_ready, .fd = fd};
    struct tls_state *tls = calloc(1, sizeof(*tls));
    BIO *bio = BIO_new(server->socket_method);
    SSL *ssl = SSL_new(server->contexts[0]);
    int error = -ENOMEM;
    if (!tls || !bio || !ssl)
        goto free_all;
    error = loop_event_start(loop, &io->event, fd, LOOP_READ | LOOP_WRITE | LOOP_CLOSED | LOOP_EDGE,
                             tls_happened, io);
    if (error < 0)
        goto free_all;
    BIO_set_data(bio, io);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    tls->ssl = ssl;
    tls->server = server;
    tls->loop = loop;
    io->tls = tls;
    return 0;

free_all:
    SSL_free(ssl);
    BIO_free(bio);
    free(tls);
    close(fd);
    io->fd = -1;
    ERR_clear_error();
    return error;
}

bool tls_is_handshaking(const struct io *io)
{
    const struct tls_state *tls = io->tls;
    return tls && !tls->is_open && tls->error == 0;
}

bool tls_is_truncated(const struct io *io)
{
    const struct tls_state *tls = io->tls;
    return tls && tls->is_truncated;
}
