/* loop_pg.c - the yardstick of bench/async/run for queries: as little server as an epoll loop can be that asks PostgreSQL.
 * Does:     GET anything: four queries of 2 ms over QUERIES connections at once (UNIX socket in PGHOST, user PGUSER), first
 *           come, first served; their sum as Galley's peer answers it. One send and one recv a query and a request.
 * Does not: limits, timeouts, errors, TLS, requests in pieces: the first thing that goes wrong ends it.
 * Usage:    loop_pg      listens on PORT; DEPTH (1) statements are under way on each connection; PAUSE_US (0) before each poll */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FDS = 8192, EVENTS = 512, BUFFER_BYTES = 16384, MANY = 4, DEPTH_MAX = 16 };

/* What stands behind a descriptor: a client, or a session of the database. */
struct conn {
    int fd;
    int is_session;
    uint32_t opened;         /* how often: an answer for a client that has left goes nowhere */
    int open_queries, total; /* of a client's request */
    int is_last;             /* it says so: the connection is closed behind the answer */
    struct query {
        int fd, number;
        uint32_t opened;
    } asked[DEPTH_MAX]; /* of a session: in the order of their answers */
    unsigned first, count;
};

static struct conn conns[MAX_FDS];
static struct query waiting[MANY * MAX_FDS]; /* a ring */
static size_t waiting_first, waiting_count;
static int idle[DEPTH_MAX * 256]; /* places for a statement on sessions: their descriptors */
static size_t idle_count;
static int epoll_fd;
static char in[BUFFER_BYTES];

static void fail(const char *what)
{
    fprintf(stderr, "loop_pg: %s: %s\n", what, strerror(errno));
    exit(1);
}

static size_t put32(char *to, size_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (char)(value >> (24 - 8 * i));
    return 4;
}

static uint32_t get32(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    return (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
}

static size_t put_message(char *to, char type, const char *body, size_t len)
{
    to[0] = type;
    put32(to + 1, len + 4);
    memcpy(to + 5, body, len);
    return len + 5;
}

/* ---- the database ---- */

static void send_query(int fd, const struct query *query)
{
    /* statement "q", no formats, one argument of one character, results as text */
    static const char bind[] = "\0q\0\0\0\0\1\0\0\0\1N\0\0", execute[] = "\0\0\0\0";
    char out[64];
    struct conn *session = &conns[fd];
    size_t len = put_message(out, 'B', bind, sizeof bind - 1);
    out[5 + 11] = (char)('0' + query->number);
    len += put_message(out + len, 'E', execute, 5);
    len += put_message(out + len, 'S', "", 0);
    session->asked[(session->first + session->count++) % DEPTH_MAX] = *query;
    if (send(fd, out, len, MSG_NOSIGNAL) != (ssize_t)len)
        fail("send to the database");
}

static void ask(const struct query *query)
{
    if (idle_count > 0)
        send_query(idle[--idle_count], query);
    else
        waiting[(waiting_first + waiting_count++) % (MANY * MAX_FDS)] = *query;
}

static void client_close(struct conn *client)
{
    client->opened++;
    close(client->fd);
}

static void answer(struct conn *client)
{
    static char date[32];
    static time_t date_of;
    char out[512], body[64];
    struct timespec now;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != date_of) {
        date_of = now.tv_sec;
        gmtime_r(&now.tv_sec, &tm);
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    int body_len = snprintf(body, sizeof body, "{\"count\":%d,\"total\":%d}", MANY, client->total);
    int len = snprintf(out, sizeof out,
                       "HTTP/1.1 200 OK\r\ndate: %s\r\ncontent-type: application/json\r\n"
                       "content-length: %d\r\n\r\n%s",
                       date, body_len, body);
    if (send(client->fd, out, (size_t)len, MSG_NOSIGNAL) < 0 || client->is_last)
        client_close(client);
}

static void take_row(struct conn *session, const char *row)
{
    struct query *query = &session->asked[session->first];
    struct conn *client = &conns[query->fd];
    if (client->opened != query->opened)
        return;
    client->total +=
        row[6] - '0'; /* of the only column: behind the count of columns and its length */
    if (--client->open_queries == 0)
        answer(client);
}

static void session_read(struct conn *session)
{
    ssize_t got = recv(session->fd, in, sizeof in, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("the database");
    for (const char *at = in; at < in + got; at += 1 + get32(at + 1)) {
        if (*at == 'E')
            fail(at + 5);
        if (*at == 'D')
            take_row(session, at + 5);
        if (*at != 'Z')
            continue;
        session->first = (session->first + 1) % DEPTH_MAX;
        session->count--;
        if (waiting_count > 0) {
            send_query(session->fd, &waiting[waiting_first]);
            waiting_first = (waiting_first + 1) % (MANY * MAX_FDS);
            waiting_count--;
        } else {
            idle[idle_count++] = session->fd;
        }
    }
}

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = fd};
    conns[fd].fd = fd;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

static void session_open(void)
{
    static const char parse[] = "q\0select $1::int as number from pg_sleep(0.002)\0\0";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char out[256], body[128];
    const char *user = getenv("PGUSER") ?: "postgres";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", getenv("PGHOST") ?: "");
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail(address.sun_path);
    put32(body, 196608); /* version 3.0 */
    int len = 5 + snprintf(body + 4, sizeof body - 4, "user%c%s%c", 0, user, 0);
    size_t total = put32(out, (size_t)len + 4);
    memcpy(out + total, body, (size_t)len);
    total += (size_t)len;
    total += put_message(out + total, 'P', parse, sizeof parse);
    total += put_message(out + total, 'S', "", 0);
    if (send(fd, out, total, MSG_NOSIGNAL) != (ssize_t)total)
        fail("send to the database");
    size_t have = 0;
    int ready = 0; /* after the start, and after Parse */
    while (ready < 2) {
        ssize_t got = recv(fd, in + have, sizeof in - have, 0);
        if (got <= 0)
            fail("the database");
        have += (size_t)got;
        ready = 0;
        for (size_t at = 0; at + 5 <= have; at += 1 + get32(in + at + 1))
            ready += in[at] == 'Z' && at + 6 <= have;
    }
    conns[fd].is_session = 1;
    watch(fd);
}

/* ---- clients ---- */

static void client_read(struct conn *client)
{
    ssize_t got = recv(client->fd, in, sizeof in, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        return client_close(client);
    if (got < 4 || memcmp(in + got - 4, "\r\n\r\n", 4) != 0)
        fail("a request in pieces");
    client->open_queries = MANY;
    client->total = 0;
    client->is_last = memmem(in, (size_t)got, "Connection: close", 17) != NULL;
    for (int i = 1; i <= MANY; i++)
        ask(&(struct query){client->fd, i, client->opened});
}

static void accept_all(int listen_fd)
{
    for (int fd; (fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        if (fd >= MAX_FDS)
            fail("too many clients");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        watch(fd);
    }
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4096) < 0)
        fail("listen");
    watch(fd);
    return fd;
}

static long setting(const char *name, long usual)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : usual;
}

int main(void)
{
    static struct epoll_event events[EVENTS];
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){MAX_FDS, MAX_FDS});
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    long sessions = setting("QUERIES", 32), depth = setting("DEPTH", 1);
    for (long i = 0; i < sessions; i++)
        session_open();
    for (long place = 0; place < depth; place++)
        for (int fd = 0; fd < MAX_FDS; fd++)
            if (conns[fd].is_session)
                idle[idle_count++] = fd;
    int listen_fd = listen_on((uint16_t)setting("PORT", 0));
    const struct timespec pause = {.tv_nsec = setting("PAUSE_US", 0) * 1000};
    for (;;) {
        if (pause.tv_nsec > 0 && waiting_count > 0)
            nanosleep(&pause, NULL);
        int count = epoll_wait(epoll_fd, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct conn *conn = &conns[events[i].data.fd];
            if (conn->fd == listen_fd)
                accept_all(listen_fd);
            else if (conn->is_session)
                session_read(conn);
            else
                client_read(conn);
        }
    }
}
