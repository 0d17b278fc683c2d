/* load.c - clients without retries, which count what they lose: the witness of reloads, kills and drains.
 * Does:     one thread a connection, one request at a time, over TCP or TLS, HTTP/1.1 or HTTP/2; tells a failed first
 *           request (never excusable) from a failed one on a used connection; a connection that the server closed
 *           while nothing was under way is no failure.
 * Does not: retry, hide or repair anything, or measure speed.
 * Usage:    load [--tls] [--h2] [--close] [--connections N] [--post BYTES] [--wait SECONDS] PORT PATH
 *           runs until its standard input ends, then prints one line of JSON. "started" is printed after the first answers. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024, MAX_THREADS = 512, REASONS = 8 };

struct settings {
    bool is_tls, is_h2, closes;
    int connections;
    size_t post_bytes;
    long wait_s; /* for each send, answer and connection */
    unsigned short port;
    const char *path;
};

struct conn {
    int fd;
    SSL *ssl;
    nghttp2_session *h2;
    size_t requests; /* answered on it */
    int status;      /* h2: of the current stream */
    bool stream_done, is_going_away;
    bool must_close; /* the server said so */
};

static struct settings settings = {.connections = 32, .wait_s = 15};
static SSL_CTX *tls;
static char *request;
static size_t request_len;
static atomic_bool is_over;
static atomic_size_t ok, connect_failed, first_failed, reused_failed, bad_status, opened,
    closed_idle;
static char reasons[REASONS][200];
static atomic_size_t reason_count;

static void note(const char *what, const struct conn *conn)
{
    size_t at = atomic_fetch_add(&reason_count, 1);
    if (at < REASONS)
        snprintf(reasons[at], sizeof reasons[at], "%s after %zu answers: %s", what, conn->requests,
                 strerror(errno));
}

static ssize_t conn_recv(struct conn *conn, void *data, size_t len)
{
    errno = 0;
    if (!conn->ssl)
        return recv(conn->fd, data, len, 0);
    int count = SSL_read(conn->ssl, data, (int)len);
    return count > 0 ? count : SSL_get_error(conn->ssl, count) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static bool conn_send(struct conn *conn, const void *data, size_t len)
{
    if (conn->ssl)
        return SSL_write(conn->ssl, data, (int)len) == (int)len;
    return send(conn->fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void conn_close(struct conn *conn)
{
    if (conn->h2)
        nghttp2_session_del(conn->h2);
    if (conn->ssl)
        SSL_free(conn->ssl);
    if (conn->fd >= 0)
        close(conn->fd);
    *conn = (struct conn){.fd = -1};
}

/* ---- HTTP/2 ---- */

static ssize_t h2_on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
                          void *arg)
{
    (void)session;
    (void)flags;
    return conn_send(arg, data, len) ? (ssize_t)len : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                        size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                        void *arg)
{
    struct conn *conn = arg;
    (void)session;
    (void)frame;
    (void)flags;
    if (name_len == 7 && memcmp(name, ":status", 7) == 0 && value_len == 3)
        conn->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + value[2] - '0';
    return 0;
}

static int h2_on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error, void *arg)
{
    struct conn *conn = arg;
    (void)session;
    (void)stream;
    conn->stream_done = true;
    if (error)
        conn->status = -(int)error;
    return 0;
}

static int h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
    struct conn *conn = arg;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        conn->is_going_away = true;
    return 0;
}

static bool h2_start(struct conn *conn)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_send_callback(callbacks, h2_on_send);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_stream_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_on_frame);
    int rc = nghttp2_session_client_new(&conn->h2, callbacks, conn);
    nghttp2_session_callbacks_del(callbacks);
    return rc == 0 && nghttp2_submit_settings(conn->h2, 0, NULL, 0) == 0 &&
           nghttp2_session_send(conn->h2) == 0;
}

static ssize_t h2_body(nghttp2_session *session, int32_t stream, uint8_t *data, size_t len,
                       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
    size_t *left = source->ptr, count = *left < len ? *left : len;
    (void)session;
    (void)stream;
    (void)arg;
    memset(data, 'x', count);
    *left -= count;
    if (*left == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)count;
}

#define FIELD(name, value)                                                                         \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(name), (uint8_t *)(uintptr_t)(value), strlen(name), strlen(value),  \
            0                                                                                      \
    }

/* Status of the answer; < 0 it failed. */
static int h2_ask(struct conn *conn)
{
    static _Thread_local uint8_t buffer[BUFFER_BYTES];
    nghttp2_nv head[] = {
        FIELD(":method", settings.post_bytes ? "POST" : "GET"), FIELD(":path", settings.path),
        FIELD(":scheme", settings.is_tls ? "https" : "http"), FIELD(":authority", "localhost")};
    size_t left = settings.post_bytes;
    nghttp2_data_provider body = {.source.ptr = &left, .read_callback = h2_body};
    conn->status = 0;
    conn->stream_done = false;
    if (nghttp2_submit_request(conn->h2, NULL, head, 4, settings.post_bytes ? &body : NULL, NULL) <
        0)
        return -1;
    while (!conn->stream_done) {
        if (nghttp2_session_send(conn->h2) != 0)
            return -1;
        ssize_t count = conn->stream_done ? 0 : conn_recv(conn, buffer, sizeof buffer);
        if (count <= 0 || nghttp2_session_mem_recv(conn->h2, buffer, (size_t)count) < 0)
            return -1;
    }
    nghttp2_session_send(conn->h2);
    conn->must_close = conn->is_going_away;
    return conn->status;
}

/* ---- HTTP/1.1 ---- */

static int h1_ask(struct conn *conn)
{
    static _Thread_local char buffer[BUFFER_BYTES];
    size_t len = 0, head_len = 0, body_len = 0;
    if (!conn_send(conn, request, request_len))
        return -1;
    while (!head_len || len < head_len + body_len) {
        if (head_len && len == sizeof buffer - 1) { /* a long body: forget what was read of it */
            body_len -= len - head_len;
            len = head_len;
        }
        ssize_t count = conn_recv(conn, buffer + len, sizeof buffer - 1 - len);
        if (count <= 0)
            return -1;
        len += (size_t)count;
        buffer[len] = '\0';
        char *end = head_len ? NULL : strstr(buffer, "\r\n\r\n");
        if (end) {
            const char *field = strcasestr(buffer, "\r\ncontent-length:");
            head_len = (size_t)(end + 4 - buffer);
            body_len = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
            field = strcasestr(buffer, "\r\nconnection: close");
            conn->must_close = field && field < end + 2;
        }
    }
    return (int)strtol(buffer + 9, NULL, 10);
}

/* ---- one client ---- */

static bool conn_open(struct conn *conn)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(settings.port)};
    struct timeval patience = {.tv_sec = settings.wait_s};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *conn = (struct conn){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    setsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(conn->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (conn->fd < 0 || connect(conn->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return false;
    if (settings.is_tls) {
        conn->ssl = SSL_new(tls);
        if (!conn->ssl || !SSL_set_fd(conn->ssl, conn->fd) || SSL_connect(conn->ssl) != 1)
            return false;
    }
    atomic_fetch_add(&opened, 1);
    return !settings.is_h2 || h2_start(conn);
}

/* Whether the server has closed (or is about to, by GOAWAY) while nothing was under way. Never waits. */
static bool conn_is_left(struct conn *conn)
{
    uint8_t buffer[4096];
    ssize_t count;
    fcntl(conn->fd, F_SETFL, O_NONBLOCK);
    while ((count = conn_recv(conn, buffer, sizeof buffer)) > 0) {
        if (!conn->h2)
            break; /* bytes nobody asked for: the next answer will show it */
        if (nghttp2_session_mem_recv(conn->h2, buffer, (size_t)count) < 0)
            return true;
    }
    bool is_open = count > 0 || (count < 0 && errno == EAGAIN);
    fcntl(conn->fd, F_SETFL, 0);
    if (conn->h2 && is_open && nghttp2_session_send(conn->h2) != 0)
        return true;
    return !is_open || conn->is_going_away;
}

static void ask(struct conn *conn)
{
    int status = settings.is_h2 ? h2_ask(conn) : h1_ask(conn);
    if (status < 0) {
        note("no answer", conn);
        atomic_fetch_add(conn->requests ? &reused_failed : &first_failed, 1);
        conn_close(conn);
        return;
    }
    if (status >= 200 && status < 300) {
        atomic_fetch_add(&ok, 1);
    } else {
        errno = 0;
        note("a bad status", conn);
        atomic_fetch_add(&bad_status, 1);
    }
    conn->requests++;
    if (settings.closes || conn->must_close)
        conn_close(conn);
}

static void *client(void *arg)
{
    struct conn conn = {.fd = -1};
    (void)arg;
    while (!atomic_load(&is_over)) {
        if (conn.fd >= 0 && conn.requests && conn_is_left(&conn)) {
            atomic_fetch_add(&closed_idle, 1);
            conn_close(&conn);
        }
        if (conn.fd < 0 && !conn_open(&conn)) {
            note("no connection", &conn);
            atomic_fetch_add(&connect_failed, 1);
            conn_close(&conn);
            poll(NULL, 0, 10); /* a refused connection comes back at once */
            continue;
        }
        ask(&conn);
    }
    conn_close(&conn);
    return NULL;
}

/* ---- all ---- */

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"tls", no_argument, NULL, 't'},
                                            {"h2", no_argument, NULL, '2'},
                                            {"close", no_argument, NULL, 'c'},
                                            {"connections", required_argument, NULL, 'n'},
                                            {"post", required_argument, NULL, 'p'},
                                            {"wait", required_argument, NULL, 'w'},
                                            {0}};
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 't':
            settings.is_tls = true;
            break;
        case '2':
            settings.is_h2 = true;
            break;
        case 'c':
            settings.closes = true;
            break;
        case 'n':
            settings.connections = (int)strtol(optarg, NULL, 10);
            break;
        case 'p':
            settings.post_bytes = strtoul(optarg, NULL, 10);
            break;
        case 'w':
            settings.wait_s = strtol(optarg, NULL, 10);
            break;
        default:
            exit(2);
        }
    }
    if (argc - optind != 2 || settings.connections < 1 || settings.connections > MAX_THREADS) {
        fprintf(stderr, "usage: load [--tls] [--h2] [--close] [--connections N] [--post BYTES] "
                        "[--wait SECONDS] PORT PATH\n");
        exit(2);
    }
    settings.port = (unsigned short)strtoul(argv[optind], NULL, 10);
    settings.path = argv[optind + 1];
}

static void make_request(void)
{
    char head[1024];
    int len = snprintf(head, sizeof head,
                       "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n",
                       settings.post_bytes ? "POST" : "GET", settings.path,
                       settings.closes ? "Connection: close\r\n" : "", settings.post_bytes);
    request_len = (size_t)len + settings.post_bytes;
    request = malloc(request_len);
    if (!request)
        exit(1);
    memcpy(request, head, (size_t)len);
    memset(request + len, 'x', settings.post_bytes);
}

static void make_tls(void)
{
    static const unsigned char h1[] = "\x08http/1.1", h2[] = "\x02h2";
    tls = SSL_CTX_new(TLS_client_method());
    if (!tls)
        exit(1);
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    if (settings.is_h2)
        SSL_CTX_set_alpn_protos(tls, h2, sizeof h2 - 1);
    else
        SSL_CTX_set_alpn_protos(tls, h1, sizeof h1 - 1);
}

int main(int argc, char **argv)
{
    pthread_t threads[MAX_THREADS];
    char byte;
    read_options(argc, argv);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    make_request();
    if (settings.is_tls)
        make_tls();
    for (int i = 0; i < settings.connections; i++)
        if (pthread_create(&threads[i], NULL, client, NULL) != 0)
            return 1;
    while (atomic_load(&ok) < (size_t)settings.connections &&
           atomic_load(&reason_count) < (size_t)settings.connections)
        poll(NULL, 0, 5);
    puts("started");
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        continue;
    atomic_store(&is_over, true);
    for (int i = 0; i < settings.connections; i++)
        pthread_join(threads[i], NULL);
    printf("{\"ok\":%zu,\"connect_failed\":%zu,\"first_failed\":%zu,\"reused_failed\":%zu,\"bad_"
           "status\":%zu,\"opened\":%zu,"
           "\"closed_idle\":%zu,\"reasons\":[",
           ok, connect_failed, first_failed, reused_failed, bad_status, opened, closed_idle);
    for (size_t i = 0; i < REASONS && i < reason_count; i++)
        printf("%s\"%s\"", i ? "," : "", reasons[i]);
    puts("]}");
    SSL_CTX_free(tls);
    free(request);
    return 0;
}
