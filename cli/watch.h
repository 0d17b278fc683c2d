/* watch.h - when a source file is saved.
 * Does:     watch the folders of the sources and of what they include, by inotify; tell a save from an editor's own files.
 * Does not: read the sources, or watch the system's headers. */
#ifndef GALLEY_CLI_WATCH_H
#define GALLEY_CLI_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/errmsg.h"

/* 0; -EINVAL with a sentence. `fd` becomes readable when something happened. */
int watch_open(int *fd, struct errmsg *why) __attribute__((warn_unused_result));
/* Watch the folder of this file, too. Twice is once. What cannot be watched is left out: 0, -errno. */
int watch_add(int fd, const char *path);
/* The same for all files that the compiler's -MMD file names. */
void watch_add_depends(int fd, const char *depends_path);
/* Read what happened, without waiting. The name of a source that was saved, into `name`; false: nothing of that kind. */
bool watch_take(int fd, char *name, size_t size);

#endif
