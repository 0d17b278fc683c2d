/* h1_send.c - answers over HTTP/1.1: head, body by length, chunked or until close, files.
 * Does:     format into the hot output buffer and send head and body with one system call; wait while the peer is slow.
 * Does not: decide what is answered (response.c).
 * See:      RFC 9112 sections 6 and 7.1, RFC 9110 section 6.6.1 (Date). */
#include "worker/http/h1.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/http/response.h"

/* Bodies up to this size are copied behind the head, larger ones travel beside it. */
enum { COPY_BODY_BYTES = 16 * 1024, FILE_SLICE_BYTES = 1 << 20 };

/* A head is written without a check at each piece: head_bytes() has compared its whole size with the buffer before. */
static inline __attribute__((always_inline)) char *put(char *at, const void *data, size_t len)
{
    memcpy(at, data, len);
    return at + len;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static inline char *put_str(char *at, galley_str text)
{
    return put(at, text.data, text.len);
}

static char *put_uint(char *at, uint64_t value)
{
    char digits[20];
    if (value < 100) { /* the length of most small answers */
        *at = (char)('0' + value / 10);
        at += value >= 10;
        *at = (char)('0' + value % 10);
        return at + 1;
    }
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put(at, digits + first, sizeof digits - first);
}

__attribute__((noinline)) static char *put_other_status_line(char *at, int status)
{
    const char *reason = http_reason(status);
    at = PUT(at, "HTTP/1.1 ");
    at = put_uint(at, (uint64_t)status);
    at = PUT(at, " ");
    at = put(at, reason, strlen(reason));
    return PUT(at, "\r\n");
}

static inline char *put_date(char *at, struct server *server)
{
    at = PUT(at, "date: ");
    at = put(at, server_date(server), SERVER_DATE_BYTES);
    return PUT(at, "\r\n");
}

static inline char *put_status_line(char *at, int status)
{
    return status == 200 ? PUT(at, "HTTP/1.1 200 OK\r\n") : put_other_status_line(at, status);
}

/* ---- sending ---- */

/* Send the pieces whole, waiting for room; what lies in the hot buffer is set aside before it waits. 0, -errno. */
static GALLEY_YIELDS int send_all(struct h1_request *r, struct iovec *pieces, int count)
{
    struct conn *conn = r->conn;
    struct server *server = conn->server;
    int rc = 0;
    char *aside = NULL;
    while (count > 0) {
        ssize_t n = conn->io.ops->send(&conn->io, pieces, count);
        if (n > 0) {
            server->stats->bytes_sent += (uint64_t)n;
            while (count > 0 && (size_t)n >= pieces->iov_len) {
                n -= (ssize_t)pieces->iov_len;
                pieces++;
                count--;
            }
            if (count > 0) {
                pieces->iov_base = (char *)pieces->iov_base + n;
                pieces->iov_len -= (size_t)n;
            }
            continue;
        }
        if (n != -EAGAIN) {
            rc = n == 0 ? -EPIPE : (int)n;
            break;
        }
        char *base = pieces->iov_base;
        if (base >= server->out && base < server->out + sizeof server->out) {
            aside = malloc(pieces->iov_len);
            if (aside == NULL) {
                rc = -ENOMEM;
                break;
            }
            memcpy(aside, base, pieces->iov_len);
            pieces->iov_base = aside;
        }
        rc = h1_wait(conn, r->req.co, H1_WAITS_WRITE,
                     loop_now_ms(server->loop) + server->settings->write_timeout);
        if (rc < 0)
            break;
    }
    free(aside);
    if (rc < 0)
        conn->flags |= H1_BROKEN;
    return rc;
}

int h1_send_continue(struct h1_request *r)
{
    static char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    r->is_continue_due = false;
    struct iovec piece = {interim, sizeof interim - 1};
    r->req.server->stats->responses_1xx++;
    return send_all(r, &piece, 1);
}

/* ---- heads ---- */

/* Decide how the body is delimited and whether the connection goes on. While an answer is streamed (`is_end` false) its
 * handler may still read the request's body. */
static void plan(struct h1_request *r, uint64_t content_length, bool has_content, bool is_end)
{
    struct conn *conn = r->conn;
    r->is_chunked_out = content_length == HTTP_LENGTH_UNKNOWN && has_content && !r->is_minor_0;
    if (conn->server->is_draining || (is_end && h1_body_is_abandoned(r)) ||
        (content_length == HTTP_LENGTH_UNKNOWN && has_content && r->is_minor_0))
        conn->flags |= H1_CLOSE;
}

static size_t head_bytes(const struct galley_request *req)
{
    size_t need = 512 + req->content_type.len;
    for (const struct http_out_field *field = req->out_first; field != NULL; field = field->next)
        need += field->name.len + field->value.len + 4;
    return need;
}

static char *put_head(char *at, struct h1_request *r, uint64_t content_length, bool has_content)
{
    struct galley_request *req = &r->req;
    at = put_status_line(at, req->status);
    at = put_date(at, req->server);
    if (req->content_type.data != NULL) {
        at = PUT(at, "content-type: ");
        at = put_str(at, req->content_type);
        at = PUT(at, "\r\n");
    }
    if (r->is_chunked_out) {
        at = PUT(at, "transfer-encoding: chunked\r\n");
    } else if (content_length != HTTP_LENGTH_UNKNOWN && has_content) {
        at = PUT(at, "content-length: ");
        at = put_uint(at, content_length);
        at = PUT(at, "\r\n");
    }
    for (const struct http_out_field *field = req->out_first; field != NULL; field = field->next) {
        at = put_str(at, field->name);
        at = PUT(at, ": ");
        at = put_str(at, field->value);
        at = PUT(at, "\r\n");
    }
    if (r->conn->flags & H1_CLOSE)
        at = PUT(at, "connection: close\r\n");
    else if (r->is_minor_0)
        at = PUT(at, "connection: keep-alive\r\n");
    return PUT(at, "\r\n");
}

/* `len` bytes of a chunked body, with the last chunk behind them if `is_end`. 0, -errno. */
static GALLEY_YIELDS int send_chunk(struct h1_request *r, struct iovec head, const void *data,
                                    size_t len, bool is_end)
{
    char size[24];
    static char last[] = "\r\n0\r\n\r\n";
    struct iovec pieces[4];
    int count = 0;
    if (head.iov_len > 0)
        pieces[count++] = head;
    if (len > 0) {
        int digits = snprintf(size, sizeof size, "%zx\r\n", len);
        pieces[count++] = (struct iovec){size, (size_t)digits};
        pieces[count++] = (struct iovec){(void *)(uintptr_t)data, len};
        pieces[count++] = (struct iovec){last, is_end ? 7 : 2};
    } else if (is_end) {
        pieces[count++] = (struct iovec){last + 2, 5};
    }
    return send_all(r, pieces, count);
}

int h1_send_head(struct galley_request *req, uint64_t content_length, const void *body, size_t len,
                 bool is_end)
{
    struct h1_request *r = (struct h1_request *)(void *)req;
    struct server *server = req->server;
    if (head_bytes(req) > sizeof server->out - COPY_BODY_BYTES)
        return -EMSGSIZE;
    if (!is_end && r->is_continue_due) { /* later would be too late for it */
        int rc = h1_send_continue(r);
        if (rc < 0)
            return rc;
    }
    bool has_content = !http_status_is_bodyless(req->status);
    plan(r, content_length, has_content, is_end);
    char *at = put_head(server->out, r, content_length, has_content);
    bool is_bodyless = req->method == HTTP_HEAD || !has_content;
    if (is_bodyless)
        len = 0;
    if (r->is_chunked_out && !is_bodyless) {
        struct iovec head = {server->out, (size_t)(at - server->out)};
        return send_chunk(r, head, body, len, is_end);
    }
    struct iovec pieces[2];
    int count = 1;
    if (len > 0 && len <= COPY_BODY_BYTES) {
        at = put(at, body, len);
    } else if (len > 0) {
        pieces[1] = (struct iovec){(void *)(uintptr_t)body, len};
        count = 2;
    }
    pieces[0] = (struct iovec){server->out, (size_t)(at - server->out)};
    return send_all(r, pieces, count);
}

int h1_send_body(struct galley_request *req, const void *data, size_t len, bool is_end)
{
    struct h1_request *r = (struct h1_request *)(void *)req;
    if (req->method == HTTP_HEAD || http_status_is_bodyless(req->status))
        return 0;
    if (r->is_chunked_out)
        return send_chunk(r, (struct iovec){NULL, 0}, data, len, is_end);
    if (len == 0)
        return 0;
    struct iovec piece = {(void *)(uintptr_t)data, len};
    return send_all(r, &piece, 1);
}

/* ---- files ---- */

/* By read and send, where the stream cannot take a file itself (TLS). */
static GALLEY_YIELDS int copy_file(struct h1_request *r, int file_fd, off_t offset, size_t len)
{
    enum { PIECE_BYTES = 64 * 1024 };
    char *piece = malloc(PIECE_BYTES);
    int rc = piece == NULL ? -ENOMEM : 0;
    while (rc == 0 && len > 0) {
        ssize_t n = pread(file_fd, piece, len < PIECE_BYTES ? len : PIECE_BYTES, offset);
        if (n <= 0) {
            rc = n < 0 ? -errno : -EIO; /* the file became shorter: the answer cannot be whole */
            break;
        }
        struct iovec one = {piece, (size_t)n};
        rc = send_all(r, &one, 1);
        offset += n;
        len -= (size_t)n;
    }
    free(piece);
    return rc;
}

int h1_send_file(struct galley_request *req, int file_fd, off_t offset, size_t len)
{
    struct h1_request *r = (struct h1_request *)(void *)req;
    struct conn *conn = r->conn;
    int rc = 0;
    if (req->method == HTTP_HEAD || http_status_is_bodyless(req->status))
        return 0;
    if (conn->io.ops->send_file == NULL) {
        rc = copy_file(r, file_fd, offset, len);
        len = 0;
    }
    while (rc == 0 && len > 0) {
        size_t slice = len < FILE_SLICE_BYTES ? len : FILE_SLICE_BYTES;
        ssize_t n = conn->io.ops->send_file(&conn->io, file_fd, &offset, slice);
        if (n > 0) {
            req->server->stats->bytes_sent += (uint64_t)n;
            len -= (size_t)n;
        } else if (n == -EAGAIN) {
            rc = h1_wait(conn, req->co, H1_WAITS_WRITE,
                         loop_now_ms(conn->server->loop) + req->server->settings->write_timeout);
        } else {
            rc = n == 0 ? -EIO : (int)n;
        }
    }
    if (rc < 0)
        conn->flags |= H1_BROKEN;
    return rc;
}

/* ---- without a request ---- */

void h1_send_refusal(struct conn *conn, int status)
{
    struct server *server = conn->server;
    const char *reason = http_reason(status);
    char *at = put_status_line(server->out, status);
    at = put_date(at, server);
    at = PUT(at, "content-type: application/json\r\ncontent-length: ");
    at = put_uint(at, strlen("{\"detail\":\"\"}") + strlen(reason));
    if (status == 503)
        at = PUT(at, "\r\nretry-after: 1");
    at = PUT(at, "\r\nconnection: close\r\n\r\n{\"detail\":\"");
    at = put(at, reason, strlen(reason));
    at = PUT(at, "\"}");
    struct iovec piece = {server->out, (size_t)(at - server->out)};
    ssize_t n = conn->io.ops->send(&conn->io, &piece, 1);
    if (n > 0)
        server->stats->bytes_sent += (uint64_t)n;
    if (status >= 500)
        server->stats->responses_5xx++;
    else
        server->stats->responses_4xx++;
}
