/* daemon.c - leaving the terminal.
 * Does:     fork, setsid, fork; a pipe tells the first process how it went.
 * Does not: write the pid file.
 * See:      master.c, t/44-process-daemon.t */
#include "master/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* One byte, the status; none when the daemon died first. */
static int wait_for_outcome(int fd, pid_t child)
{
    unsigned char status = 1;
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    while (read(fd, &status, 1) < 0 && errno == EINTR)
        ;
    close(fd);
    return status;
}

int daemon_start(struct daemon *daemon, int *status, struct errmsg *why)
{
    int ends[2];
    fflush(NULL); /* else both processes would write what is buffered */
    if (pipe2(ends, O_CLOEXEC) < 0) {
        int error = -errno;
        errmsg_set_sys(why, "cannot become a daemon");
        return error;
    }
    pid_t child = fork();
    if (child < 0) {
        int error = -errno;
        errmsg_set_sys(why, "cannot become a daemon");
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    if (child > 0) {
        close(ends[1]);
        *status = wait_for_outcome(ends[0], child);
        return 1;
    }
    close(ends[0]);
    setsid();
    pid_t grandchild = fork(); /* not a session leader: it can never get a terminal again */
    if (grandchild)
        _exit(grandchild < 0);
    daemon->report_fd = ends[1];
    return 0;
}

void daemon_close_standard(void)
{
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0)
        return;
    for (int fd = 0; fd <= 2; fd++)
        dup2(null_fd, fd);
    if (null_fd > 2)
        close(null_fd);
}

void daemon_serving(struct daemon *daemon)
{
    unsigned char status = 0;
    if (daemon->report_fd < 0)
        return;
    daemon_close_standard();
    while (write(daemon->report_fd, &status, 1) < 0 && errno == EINTR)
        ;
    close(daemon->report_fd);
    daemon->report_fd = -1;
}
