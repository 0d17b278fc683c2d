/* config.h - galley.conf: `name = value` lines, read with libConfuse, into settings.
 * Does:     read the file; errors are sentences with file and line, and name the nearest directive.
 * Does not: apply anything. Later sources (environment, command line) are laid over it by settings.c. */
#ifndef GALLEY_COMMON_CONFIG_H
#define GALLEY_COMMON_CONFIG_H

#include "common/settings.h"

/* 0; -EINVAL or -errno with a sentence in `why`. */
int config_read(struct settings *settings, const char *path, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Every directive with its default and help, to `fd`: the text of etc/galley.conf. */
void config_write_defaults(int fd);

#endif
