/* master.h - the one door of master/: run a server until it is told to stop.
 * Does:     bind, fork, watch, restart, reload, answer the stats socket.
 * Does not: speak HTTP or TLS, load applications, parse the command line. */
#ifndef GALLEY_MASTER_MASTER_H
#define GALLEY_MASTER_MASTER_H

#include "common/errmsg.h"
#include "common/inherit.h"
#include "common/settings.h"

/* For a reload: fill `out`, which is initialised already, from the file, the environment and the command line, as at
 * the start. 0; < 0 with a sentence in `why` (the old settings then stay in force). */
typedef int master_load_fn(void *arg, struct settings *out, struct errmsg *why);

struct master_opts {
    struct settings *settings;     /* of the first generation; stays the caller's */
    const char *app_path;          /* NULL: the application is linked in, `app` is it */
    const void *app;               /* const struct galley_app *, never looked into */
    worker_main_fn *worker_main;   /* called in each child */
    master_load_fn *load_settings; /* NULL: a reload keeps the settings */
    void *load_arg;
    int argc; /* as main got them */
    char **argv;
};

/* Serve until a signal or `stop` on the stats socket ends it. A failed start prints one sentence on standard error.
 * Returns the exit status: 0 stopped in order, 1 could not start. */
int master_run(const struct master_opts *opts);
/* This process cannot even begin: an old master that has started it to be replaced (an upgrade) is told why. Harmless
 * otherwise. */
void master_refuse(const struct errmsg *why);

#endif
