/* privilege.h - which user the workers are, and how they become it for good.
 * Does:     look the names up in the master; drop everything in the child and prove it.
 * Does not: apply to the master, which stays what it was started as. */
#ifndef GALLEY_MASTER_PRIVILEGE_H
#define GALLEY_MASTER_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/errmsg.h"
#include "common/settings.h"

struct privilege {
    bool drop; /* root, and `user` is given */
    uid_t uid;
    gid_t gid;
    char user[64];
};

/* Look up `user` and `group`. 0; < 0 with a sentence. */
int privilege_find(struct privilege *privilege, const struct settings *settings, struct errmsg *why)
    __attribute__((warn_unused_result));
/* In the child: become that user, irrevocably; never gain privileges again; be told when `parent` dies.
 * 0; < 0 with a sentence. */
int privilege_drop(const struct privilege *privilege, pid_t parent, struct errmsg *why)
    __attribute__((warn_unused_result));
/* Whether the folder of `path` could be written by the workers' user: then its log files could be links to anything.
 * 0; -EPERM with a sentence. Only asked when privileges are dropped. */
int privilege_check_folder(const struct privilege *privilege, const char *path, struct errmsg *why)
    __attribute__((warn_unused_result));

#endif
