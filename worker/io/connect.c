/* connect.c - a stream connection to a remote side; see connect.h.
 * Does:     give each address its share of the time that is left; set the options that a long connection needs.
 * Does not: race addresses against each other (RFC 8305): the system's order holds. */
#include "worker/io/connect.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <galley/error.h>

#include "worker/io/resolve.h"

enum {
    KEEP_IDLE_S = 15,
    KEEP_EVERY_S = 5,
    KEEP_COUNT = 3,
    FULL_BACKLOG_MS = 5 /* a UNIX socket whose queue is full says no more than "try again" */
};

static void set_tcp(int fd, int64_t user_wait_ms)
{
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, (int)user_wait_ms},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                         sizeof options[i].value);
}

/* Wait for the end of a connect that is on its way. 0, -errno. */
static GALLEY_YIELDS int finish(galley_async *co, int fd, int64_t until_ms, const char *here)
{
    int64_t left_ms = until_ms - galley_now_ms(co);
    int error = 0;
    socklen_t len = sizeof error;
    int rc = galley__wait_fd(co, fd, GALLEY_WRITE, left_ms > 0 ? left_ms : 0, here);
    if (rc < 0)
        return rc;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return -errno;
    return -error;
}

static GALLEY_YIELDS int try_address(galley_async *co, const struct sockaddr *sa, socklen_t len,
                                     int64_t until_ms, const char *here)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int rc = connect(fd, sa, len) < 0 ? -errno : 0;
    while (rc == -EAGAIN && sa->sa_family == AF_UNIX && galley_now_ms(co) < until_ms) {
        rc = galley__sleep_ms(co, FULL_BACKLOG_MS, here);
        if (rc == 0)
            rc = connect(fd, sa, len) < 0 ? -errno : 0;
    }
    if (rc == -EINPROGRESS)
        rc = finish(co, fd, until_ms, here);
    if (rc == 0)
        return fd;
    close(fd);
    return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

static GALLEY_YIELDS int open_unix(galley_async *co, const char *path, int64_t until_ms,
                                   const char *here)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, len + 1);
    return try_address(co, (const struct sockaddr *)&address, sizeof address, until_ms, here);
}

static GALLEY_YIELDS int open_tcp(galley_async *co, const struct connect_opts *opts,
                                  int64_t until_ms, const char *here)
{
    struct resolved found;
    int rc = resolve(co, opts->host, opts->port, &found, here);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < found.count; i++) {
        const struct resolve_address *at = &found.at[i];
        int64_t now_ms = galley_now_ms(co);
        if (now_ms >= until_ms)
            return -ETIMEDOUT;
        int64_t share_ms = (until_ms - now_ms) / (int64_t)(found.count - i);
        rc = try_address(co, &at->sa, at->len, now_ms + share_ms, here);
        if (rc >= 0)
            set_tcp(rc, opts->user_wait_ms);
        if (rc >= 0 || rc == -ECANCELED)
            return rc;
    }
    return rc;
}

int connect_open(galley_async *co, const struct connect_opts *opts, const char *here)
{
    struct galley_scope limit; /* finding the address has no time limit of its own */
    int64_t until_ms = galley_now_ms(co) + opts->timeout_ms;
    const char *outer = co->waiting_what;
    co->waiting_what = opts->what;
    galley_scope_open(co, &limit, opts->timeout_ms);
    int rc =
        opts->path ? open_unix(co, opts->path, until_ms, here) : open_tcp(co, opts, until_ms, here);
    if (galley__scope_close(co, &limit, here) == -ETIMEDOUT && rc == -ECANCELED)
        rc = -ETIMEDOUT;
    co->waiting_what = outer;
    if (rc < 0 && rc != -GALLEY_ENAME) /* of which resolve has told */
        return coro_fail(co, rc, here, "cannot connect to %s: %s", opts->what,
                         galley_error_text(rc));
    return rc;
}
