/* daemon.h - leaving the terminal.
 * Does:     fork twice; the process that was started waits, and ends with the start's outcome.
 * Does not: change the working directory: paths in the settings may be relative, and a reload reads them again. */
#ifndef GALLEY_MASTER_DAEMON_H
#define GALLEY_MASTER_DAEMON_H

#include "common/errmsg.h"

struct daemon {
    int report_fd; /* -1: not a daemon, or the outcome was told */
};

/* 1 in the waiting process: the start is decided, `*status` is its exit status. 0 in the daemon. < 0 with a sentence. */
int daemon_start(struct daemon *daemon, int *status, struct errmsg *why)
    __attribute__((warn_unused_result));
/* In the daemon: the server serves. Lets go of the terminal. Harmless otherwise. */
void daemon_serving(struct daemon *daemon);
/* Standard input, output and error become /dev/null. */
void daemon_close_standard(void);

#endif
