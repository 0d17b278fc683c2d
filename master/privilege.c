/* privilege.c - which user the workers are, and how they become it for good.
 * Does:     groups, gid, uid, no_new_privs, the signal of the parent's death; each verified.
 * Does not: apply to the master.
 * See:      spawn.c, t/46-process-privilege.t */
#include "master/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A worker that is stuck when its master dies cannot see its channel close: it ends when this alarm does. The others
 * drain within 10 s by themselves. */
enum { ORPHAN_ALARM_S = 11 };

int privilege_find(struct privilege *privilege, const struct settings *settings, struct errmsg *why)
{
    memset(privilege, 0, sizeof(*privilege));
    if (!settings->user[0]) {
        if (settings->group[0]) {
            errmsg_set(why, "group = %s is given without user; give both", settings->group);
            return -EINVAL;
        }
        return 0;
    }
    struct passwd *user = getpwnam(settings->user);
    if (!user) {
        errmsg_set(why,
                   "there is no user called %s; create it (adduser --system %s) or change "
                   "`user`",
                   settings->user, settings->user);
        return -ENOENT;
    }
    privilege->uid = user->pw_uid;
    privilege->gid = user->pw_gid;
    snprintf(privilege->user, sizeof(privilege->user), "%s", settings->user);
    struct group *group = settings->group[0] ? getgrnam(settings->group) : NULL;
    if (settings->group[0] && !group) {
        errmsg_set(why, "there is no group called %s; create it or change `group`",
                   settings->group);
        return -ENOENT;
    }
    if (group)
        privilege->gid = group->gr_gid;
    if (geteuid() != 0 && privilege->uid != geteuid()) {
        errmsg_set(why, "only root can run workers as %s; start as root or leave `user` out",
                   settings->user);
        return -EPERM;
    }
    privilege->drop = geteuid() == 0 && privilege->uid != 0;
    return 0;
}

static int become(const struct privilege *privilege, struct errmsg *why)
{
    if (initgroups(privilege->user, privilege->gid) < 0 ||
        setresgid(privilege->gid, privilege->gid, privilege->gid) < 0 ||
        setresuid(privilege->uid, privilege->uid, privilege->uid) < 0) {
        int error = -errno;
        errmsg_set_sys(why, "cannot become user %s", privilege->user);
        return error;
    }
    uid_t real, effective, saved;
    if (getresuid(&real, &effective, &saved) < 0 || real != privilege->uid ||
        effective != privilege->uid || saved != privilege->uid || setuid(0) == 0) {
        errmsg_set(why, "could not give up root for user %s", privilege->user);
        return -EPERM;
    }
    prctl(PR_SET_DUMPABLE, 1); /* setresuid turned core dumps off */
    return 0;
}

static void on_parent_death(int signal)
{
    (void)signal;
    alarm(ORPHAN_ALARM_S);
}

int privilege_drop(const struct privilege *privilege, pid_t parent, struct errmsg *why)
{
    if (privilege->drop) {
        int error = become(privilege, why);
        if (error)
            return error;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        int error = -errno;
        errmsg_set_sys(why, "cannot set no_new_privs");
        return error;
    }
    struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
    sigaction(SIGRTMIN, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGRTMIN); /* after the change of uid, which clears it */
    if (getppid() != parent) {
        errmsg_set(why, "the master died");
        return -ESRCH;
    }
    return 0;
}

int privilege_check_folder(const struct privilege *privilege, const char *path, struct errmsg *why)
{
    if (!privilege->drop)
        return 0;
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 1;
    if (len >= sizeof(folder))
        return -ENAMETOOLONG;
    snprintf(folder, sizeof(folder), "%.*s", (int)(len ? len : 1), slash ? path : ".");
    struct stat st;
    if (stat(folder, &st) < 0)
        return 0; /* opening the file will say it better */
    bool writable = ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) ||
                    st.st_uid == privilege->uid ||
                    (st.st_gid == privilege->gid && (st.st_mode & S_IWGRP));
    if (!writable)
        return 0;
    errmsg_set(why,
               "the workers' user %s can write the folder %s, so a log file there could become a "
               "link to any file; make root its owner",
               privilege->user, folder);
    return -EPERM;
}
