/* pidfile.c - the file that holds the master's pid, locked while the master lives.
 * Does:     write a temporary file, lock it, rename it: whoever reads the path sees a whole, locked file.
 * Does not: wait.
 * See:      t/unit/master/pidfile.c */
#include "master/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a living process but `except` holds `path`: -EEXIST with a sentence; 0 when it is stale or not there. */
static int check_living(const char *path, pid_t except, struct errmsg *why)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0) {
        int error = -errno;
        errmsg_set_sys(why, "cannot open pid file %s", path);
        return error;
    }
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int failed = fcntl(fd, F_GETLK, &lock);
    close(fd);
    if (failed || lock.l_type == F_UNLCK || lock.l_pid == except)
        return 0;
    errmsg_set(why, "galley already runs with pid %d (pid file %s); stop it or choose another file",
               (int)lock.l_pid, path);
    return -EEXIST;
}

static int write_locked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    char text[32];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (fcntl(fd, F_SETLK, &lock) < 0)
        return -errno;
    ssize_t done = write(fd, text, (size_t)len);
    return done == len ? 0 : done < 0 ? -errno : -EIO;
}

int pidfile_succeed(struct pidfile *pidfile, const char *path, pid_t old_pid, struct errmsg *why)
{
    char fresh[sizeof(pidfile->path) + 16];
    pidfile->fd = -1;
    if (strlen(path) >= sizeof(pidfile->path)) {
        errmsg_set(why, "the pid file's path is too long");
        return -ENAMETOOLONG;
    }
    int error = check_living(path, old_pid, why);
    if (error)
        return error;
    snprintf(pidfile->path, sizeof(pidfile->path), "%s", path);
    snprintf(fresh, sizeof(fresh), "%s.%d", path, (int)getpid());
    unlink(fresh); /* of an earlier process with our pid */
    int fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        error = -errno;
        errmsg_set_sys(why, "cannot write pid file %s", path);
        return error;
    }
    struct stat st;
    error = write_locked(fd);
    if (!error && (fstat(fd, &st) < 0 || rename(fresh, path) < 0))
        error = -errno;
    if (error) {
        errno = -error;
        errmsg_set_sys(why, "cannot write pid file %s", path);
        unlink(fresh);
        close(fd);
        return error;
    }
    pidfile->fd = fd;
    pidfile->dev = st.st_dev;
    pidfile->ino = st.st_ino;
    return 0;
}

int pidfile_open(struct pidfile *pidfile, const char *path, struct errmsg *why)
{
    return pidfile_succeed(pidfile, path, 0, why); /* no process has pid 0 */
}

static bool is_ours(const struct pidfile *pidfile)
{
    struct stat st;
    return !lstat(pidfile->path, &st) && st.st_dev == pidfile->dev && st.st_ino == pidfile->ino;
}

int pidfile_renew(struct pidfile *pidfile, struct errmsg *why)
{
    struct pidfile fresh;
    if (pidfile->fd < 0 || is_ours(pidfile))
        return 0;
    int error = pidfile_open(&fresh, pidfile->path, why);
    if (error)
        return error;
    close(pidfile->fd);
    *pidfile = fresh;
    return 0;
}

void pidfile_close(struct pidfile *pidfile)
{
    if (pidfile->fd < 0)
        return;
    if (is_ours(pidfile))
        unlink(pidfile->path);
    close(pidfile->fd);
    pidfile->fd = -1;
}
