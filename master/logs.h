/* logs.h - the log files, opened by the master and handed down to the workers.
 * Does:     open and reopen them: O_NOFOLLOW, O_APPEND, never where the workers' user could plant a link.
 * Does not: write lines (common/log.c). */
#ifndef GALLEY_MASTER_LOGS_H
#define GALLEY_MASTER_LOGS_H

#include "common/errmsg.h"
#include "common/settings.h"
#include "master/privilege.h"

struct logs {
    int log_fd;    /* 2 when `log` is empty */
    int access_fd; /* -1 when `access_log` is empty */
};

/* Open what the settings name. 0; < 0 with a sentence, nothing open. */
int logs_open(struct logs *logs, const struct settings *settings, const struct privilege *privilege,
              struct errmsg *why) __attribute__((warn_unused_result));
/* Open them anew under the same descriptors, after a rotation. 0; < 0 with a sentence, what failed stays open as it was. */
int logs_reopen(struct logs *logs, const struct settings *settings,
                const struct privilege *privilege, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Harmless for {2, -1}. */
void logs_close(struct logs *logs);

#endif
