/* unix_socket.c - a listening UNIX socket with its file.
 * Does:     bind under a umask, tell a stale file from a living server's by connecting to it.
 * Does not: accept, or remove files that are not sockets.
 * See:      listen.c (addresses), rpc.c (stats socket), t/unit/master/listen.c */
#include "master/unix_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG_COUNT = 4096 };

/* Whether the file at `sa` is a socket that nobody listens on; else `why` says what it is. */
static int check_stale(const struct sockaddr_un *sa, struct errmsg *why)
{
    struct stat st;
    if (lstat(sa->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(st.st_mode)) {
        errmsg_set(why, "cannot listen on unix:%s: a file that is no socket is there; move it away",
                   sa->sun_path);
        return -EEXIST;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int error = connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 ? errno : 0;
    close(fd);
    if (error == ECONNREFUSED)
        return 0;
    errmsg_set(why,
               "cannot listen on unix:%s: another server answers there; stop it or choose "
               "another path",
               sa->sun_path);
    return -EADDRINUSE;
}

static int bind_replacing_stale(int fd, const struct sockaddr_un *sa, struct errmsg *why)
{
    if (!bind(fd, (const struct sockaddr *)sa, sizeof(*sa)))
        return 0;
    if (errno != EADDRINUSE)
        return -errno;
    int error = check_stale(sa, why);
    if (error)
        return error;
    if (unlink(sa->sun_path) < 0 && errno != ENOENT)
        return -errno;
    return bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 ? -errno : 0;
}

int unix_socket_open(struct unix_socket *unix_socket, const char *path, mode_t mode,
                     struct errmsg *why)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    unix_socket->fd = -1;
    if (len >= sizeof(sa.sun_path)) {
        errmsg_set(why, "cannot listen on unix:%s: a socket's path has at most 107 bytes", path);
        return -ENAMETOOLONG;
    }
    memcpy(sa.sun_path, path, len + 1);
    memcpy(unix_socket->path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        int error = -errno;
        errmsg_set_sys(why, "cannot make a socket for unix:%s", path);
        return error;
    }
    mode_t old_mask = umask(0777 & ~mode);
    int error = bind_replacing_stale(fd, &sa, why);
    umask(old_mask);
    struct stat st;
    if (!error && (listen(fd, BACKLOG_COUNT) < 0 || lstat(path, &st) < 0))
        error = -errno;
    if (error) {
        errno = -error;
        errmsg_set_sys(why, "cannot listen on unix:%s", path);
        close(fd);
        return error;
    }
    unix_socket->fd = fd;
    unix_socket->is_lent = false;
    unix_socket->dev = st.st_dev;
    unix_socket->ino = st.st_ino;
    return 0;
}

void unix_socket_close(struct unix_socket *unix_socket)
{
    struct stat st;
    if (unix_socket->fd < 0)
        return;
    close(unix_socket->fd);
    unix_socket->fd = -1;
    if (!unix_socket->is_lent && !lstat(unix_socket->path, &st) && st.st_dev == unix_socket->dev &&
        st.st_ino == unix_socket->ino)
        unlink(unix_socket->path);
}
