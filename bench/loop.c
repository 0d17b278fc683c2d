/* loop.c - the yardstick of bench/run: as little server as an epoll loop can be, with the same answers as Galley's echo example.
 * Does:     one recv and one send a request, pipelining, keep-alive, a Date made once a second, a heap of sleepers.
 * Does not: limits, timeouts, statistics, logs, errors, chunked bodies, JSON, TLS: what Galley adds is paid beside this.
 * Usage:    loop [PORT]      prints the port it listens on */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FDS = 16384, EVENTS = 512, BUFFER_BYTES = 16384 };

struct conn {
    char *rest; /* the beginning of a head whose end has not come yet */
    size_t rest_len;
    int fd;
    uint32_t
        opened; /* how often this descriptor was: a sleeper whose client has left answers nobody */
};
struct sleeper {
    int64_t at_us;
    int fd;
    uint32_t opened;
};

static struct conn conns[MAX_FDS];
static struct sleeper heap[MAX_FDS];
static size_t sleepers;
static int epoll_fd;
static char date[32];
static time_t date_of;
static char in[BUFFER_BYTES], out[4 * BUFFER_BYTES];
static size_t out_len;

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void refresh_date(void)
{
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == date_of)
        return;
    date_of = now.tv_sec;
    gmtime_r(&now.tv_sec, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void put(const char *data, size_t len)
{
    memcpy(out + out_len, data, len);
    out_len += len;
}
#define PUT(literal) put(literal, sizeof literal - 1)

static void put_number(uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    put(digits + at, sizeof digits - at);
}

static void answer(const char *type, size_t type_len, const char *body, size_t len)
{
    PUT("HTTP/1.1 200 OK\r\ndate: ");
    put(date, 29);
    PUT("\r\ncontent-type: ");
    put(type, type_len);
    PUT("\r\ncontent-length: ");
    put_number(len);
    PUT("\r\n\r\n");
    put(body, len);
}

static void answer_text(const char *body, size_t len)
{
    static const char type[] = "text/plain; charset=utf-8";
    answer(type, sizeof type - 1, body, len);
}

/* /items/{item_id}?q= as {"item_id":1,"q":"x"}; what needs escaping in q is left out. */
static void answer_item(const char *at, const char *end)
{
    static const char type[] = "application/json";
    char body[512];
    uint64_t id = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        id = id * 10 + (uint64_t)(*at - '0');
    size_t len =
        (size_t)snprintf(body, sizeof body, "{\"item_id\":%llu,\"q\":\"", (unsigned long long)id);
    if (end - at > 3 && memcmp(at, "?q=", 3) == 0)
        for (at += 3; at < end && *at != '&' && len < sizeof body - 3; at++)
            if (*at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
                body[len++] = *at;
    body[len++] = '"';
    body[len++] = '}';
    answer(type, sizeof type - 1, body, len);
}

static void sleeper_add(int64_t at_us, const struct conn *conn)
{
    size_t i = sleepers++;
    while (i > 0 && heap[(i - 1) / 2].at_us > at_us) {
        heap[i] = heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    heap[i] = (struct sleeper){at_us, conn->fd, conn->opened};
}

static struct sleeper sleeper_take(void)
{
    struct sleeper first = heap[0];
    struct sleeper last = heap[--sleepers];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= sleepers)
            break;
        if (child + 1 < sleepers && heap[child + 1].at_us < heap[child].at_us)
            child++;
        if (last.at_us <= heap[child].at_us)
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return first;
}

static void conn_close(struct conn *conn)
{
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_len = 0;
    conn->opened++;
    close(conn->fd);
}

static void flush(int fd)
{
    if (out_len && send(fd, out, out_len, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
        errno != ECONNRESET)
        perror("send");
    out_len = 0;
}

/* Bytes of the body that a head announces. */
static size_t body_length(const char *head, size_t len)
{
    static const char name[] = "\r\ncontent-length:";
    if (len < 5 || memcmp(head, "POST ", 5) != 0)
        return 0;
    for (const char *at = head; (size_t)(head + len - at) > sizeof name; at++)
        if (*at == '\r' && strncasecmp(at, name, sizeof name - 1) == 0)
            return strtoul(at + sizeof name - 1, NULL, 10);
    return 0;
}

/* One request, given as its head; what is posted comes back as it is. */
static void serve(struct conn *conn, const char *head, size_t len, size_t body_len)
{
    static const char json[] = "application/json";
    if (body_len > 0)
        return answer(json, sizeof json - 1, head + len, body_len);
    const char *target = memchr(head, ' ', len);
    const char *end = target ? memchr(target + 1, ' ', len - (size_t)(target + 1 - head)) : NULL;
    if (!end)
        return answer_text("?", 1);
    size_t target_len = (size_t)(end - ++target);
    if (target_len >= 7 && memcmp(target, "/items/", 7) == 0)
        return answer_item(target + 7, end);
    if (target_len > 10 && memcmp(target, "/sleep?ms=", 10) == 0)
        return sleeper_add(now_us() + strtol(target + 10, NULL, 10) * 1000, conn);
    answer_text("Hello, World!", 13);
}

static void conn_read(struct conn *conn)
{
    if (conn->rest_len)
        memcpy(in, conn->rest, conn->rest_len);
    ssize_t count = recv(conn->fd, in + conn->rest_len, sizeof in - conn->rest_len, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        return conn_close(conn);
    char *at = in, *end = in + conn->rest_len + (size_t)count, *blank;
    free(conn->rest);
    conn->rest = NULL;
    conn->rest_len = 0;
    while (at < end && (blank = memmem(at, (size_t)(end - at), "\r\n\r\n", 4)) &&
           out_len < sizeof out / 2) {
        size_t len = (size_t)(blank + 4 - at), body_len = body_length(at, len);
        if ((size_t)(end - at) < len + body_len)
            break;
        serve(conn, at, len, body_len);
        at += len + body_len;
    }
    if (at < end) {
        conn->rest_len = (size_t)(end - at);
        conn->rest = memcpy(malloc(conn->rest_len), at, conn->rest_len);
    }
    flush(conn->fd);
}

static void accept_all(int listen_fd)
{
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (fd >= MAX_FDS) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        conns[fd].fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void wake_sleepers(void)
{
    int64_t now = sleepers ? now_us() : 0;
    while (sleepers && heap[0].at_us <= now) {
        struct sleeper sleeper = sleeper_take();
        if (conns[sleeper.fd].opened != sleeper.opened)
            continue;
        answer_text("slept", 5);
        flush(sleeper.fd);
    }
}

static int poll_ms(void)
{
    if (!sleepers)
        return -1;
    int64_t left = heap[0].at_us - now_us();
    return left <= 0 ? 0 : (int)((left + 999) / 1000);
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 4096) < 0) {
        perror("loop: listen");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &len);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){MAX_FDS, MAX_FDS});
    int listen_fd = listen_on((uint16_t)(argc > 1 ? strtol(argv[1], NULL, 10) : 0));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listen_fd}, events[EVENTS];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event);
    for (;;) {
        int count = epoll_wait(epoll_fd, events, EVENTS, poll_ms());
        refresh_date();
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listen_fd)
                accept_all(listen_fd);
            else
                conn_read(&conns[events[i].data.fd]);
        }
        wake_sleepers();
    }
}
