/* logs.c - the log files, opened by the master and handed down to the workers.
 * Does:     open them.
 * Does not: write lines (common/log.c).
 * See:      CVE-2016-1247 for why links are refused, t/unit/master/files.c */
#include "master/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/log.h"

static int open_one(const char *path, const struct privilege *privilege, struct errmsg *why)
{
    int error = privilege_check_folder(privilege, path, why);
    if (error)
        return error;
    int fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
    if (fd >= 0)
        return fd;
    error = -errno;
    if (errno == ELOOP)
        errmsg_set(why, "cannot open log file %s: it is a symbolic link; name the file itself",
                   path);
    else
        errmsg_set_sys(why, "cannot open log file %s", path);
    return error;
}

int logs_open(struct logs *logs, const struct settings *settings, const struct privilege *privilege,
              struct errmsg *why)
{
    *logs = (struct logs){.log_fd = STDERR_FILENO, .access_fd = -1};
    if (settings->log[0]) {
        int fd = open_one(settings->log, privilege, why);
        if (fd < 0)
            return fd;
        logs->log_fd = fd;
    } else if (!settings->daemon) { /* a daemon lets go of it */
        int fd = log_open_private(STDERR_FILENO);
        logs->log_fd = fd >= 0 ? fd : STDERR_FILENO;
    }
    if (settings->access_log[0]) {
        int fd = open_one(settings->access_log, privilege, why);
        if (fd < 0) {
            logs_close(logs);
            return fd;
        }
        logs->access_fd = fd;
    }
    return 0;
}

static int reopen_one(int fd, const char *path, const struct privilege *privilege,
                      struct errmsg *why)
{
    if (fd <= STDERR_FILENO || !path[0])
        return 0;
    int fresh = open_one(path, privilege, why);
    if (fresh < 0)
        return fresh;
    int error = dup3(fresh, fd, O_CLOEXEC) < 0 ? -errno : 0;
    close(fresh);
    if (error)
        errmsg_set_sys(why, "cannot reopen log file %s", path);
    return error;
}

int logs_reopen(struct logs *logs, const struct settings *settings,
                const struct privilege *privilege, struct errmsg *why)
{
    int error = reopen_one(logs->log_fd, settings->log, privilege, why);
    int access_error = reopen_one(logs->access_fd, settings->access_log, privilege, why);
    return error ? error : access_error;
}

void logs_close(struct logs *logs)
{
    if (logs->log_fd > STDERR_FILENO)
        close(logs->log_fd);
    if (logs->access_fd > STDERR_FILENO)
        close(logs->access_fd);
    *logs = (struct logs){.log_fd = STDERR_FILENO, .access_fd = -1};
}
