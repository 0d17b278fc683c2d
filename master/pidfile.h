/* pidfile.h - the file that holds the master's pid, locked while the master lives.
 * Does:     refuse when a living master holds it, replace a stale one, remove it at the end.
 * Does not: trust a pid without the lock. */
#ifndef GALLEY_MASTER_PIDFILE_H
#define GALLEY_MASTER_PIDFILE_H

#include <sys/types.h>

#include "common/errmsg.h"

struct pidfile {
    int fd; /* -1: none */
    char path[4096];
    dev_t dev;
    ino_t ino;
};

/* 0; -EEXIST with a sentence that names the living master's pid; -errno with a sentence. */
int pidfile_open(struct pidfile *pidfile, const char *path, struct errmsg *why)
    __attribute__((warn_unused_result));
/* The same for the successor of process `old_pid`, which may still hold the file: from one moment to the next it is ours. */
int pidfile_succeed(struct pidfile *pidfile, const char *path, pid_t old_pid, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Write it again if somebody has taken it away: 0 then, and if it is still ours; < 0 with a sentence. */
int pidfile_renew(struct pidfile *pidfile, struct errmsg *why) __attribute__((warn_unused_result));
/* Remove the file if it is still ours. Harmless when none is open. */
void pidfile_close(struct pidfile *pidfile);

#endif
