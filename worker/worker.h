/* worker.h - the one door of worker/: a worker process, from fork to exit.
 * Does:     load the application, report ready, serve, obey the master, drain.
 * Does not: bind or fork; master/ does. */
#ifndef GALLEY_WORKER_WORKER_H
#define GALLEY_WORKER_WORKER_H

#include "common/buf.h"
#include "common/errmsg.h"
#include "common/inherit.h"

/* A worker's whole life, in the child; returns its exit status. */
int worker_main(const struct inherit *inherit);

/* Load and check an application without serving (`galley check`): 0, or -EINVAL with a sentence in `why`. */
int worker_check_app(const char *path, struct errmsg *why) __attribute__((warn_unused_result));

/* The same, and append its OpenAPI document (`galley openapi`), or its routes (`galley routes`) as MessagePack: a list of
 * {method, path, name, async, hidden, file, line}. */
int worker_write_openapi(const char *path, struct buf *out, struct errmsg *why)
    __attribute__((warn_unused_result));
int worker_list_routes(const char *path, struct buf *out, struct errmsg *why)
    __attribute__((warn_unused_result));

/* Run its start hook, in which databases that it opens are brought up to date, and its stop hook (`galley migrate`). Appends to
 * `out` a MessagePack map {database, number, name} for each database with migrations (name nil), then for each one applied,
 * also where it fails after that. 0, -1 with a sentence. What hangs is left behind: the process is about to end. */
int worker_migrate(const char *path, struct buf *out, struct errmsg *why)
    __attribute__((warn_unused_result));

#endif
