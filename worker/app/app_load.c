/* app_load.c - an application from a shared object; see app_load.h.
 * Does:     one sentence for each way in which a file is no application, with the way out.
 * Does not: unload. */
#include "worker/app/app_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What dlopen says, without the path that it puts in front. */
static const char *dl_reason(const char *path)
{
    const char *reason = dlerror();
    size_t len = strlen(path);
    if (reason == NULL)
        return "it is not known why";
    if (strncmp(reason, path, len) == 0 && strncmp(reason + len, ": ", 2) == 0)
        return reason + len + 2;
    return reason;
}

static int check_file(const char *path, struct errmsg *why)
{
    struct stat status;
    if (stat(path, &status) < 0) {
        errmsg_set_sys(why, "cannot load the application %s", path);
        return -1;
    }
    if (!S_ISREG(status.st_mode)) {
        errmsg_set(why, "cannot load the application %s: it is no file", path);
        return -1;
    }
    if (status.st_mode & S_IWOTH) {
        errmsg_set(why, "refusing to load the application %s: anybody may write it (chmod o-w)",
                   path);
        return -1;
    }
    return 0;
}

const struct galley_app *app_load(const char *path, struct errmsg *why)
{
    if (check_file(path, why) < 0)
        return NULL;
    /* Without a slash dlopen would search the system's libraries. */
    size_t len = strlen(path);
    char *exact = malloc(len + 3);
    if (exact == NULL) {
        errmsg_set(why, "cannot load the application %s: there is no memory", path);
        return NULL;
    }
    snprintf(exact, len + 3, "%s%s", strchr(path, '/') == NULL ? "./" : "", path);
    void *object = dlopen(exact, RTLD_NOW | RTLD_LOCAL);
    if (object == NULL)
        errmsg_set(why, "cannot load the application %s: %s", path, dl_reason(exact));
    free(exact);
    if (object == NULL)
        return NULL;
    const struct galley_app *declared = dlsym(object, "galley_app");
    if (declared == NULL) {
        errmsg_set(why, "%s is no application: it has no symbol galley_app (declare GALLEY_APP)",
                   path);
        return NULL;
    }
    if (declared->abi != GALLEY_ABI) {
        errmsg_set(why, "%s was built for ABI %d of Galley, and this is ABI %d: build it again",
                   path, declared->abi, GALLEY_ABI);
        return NULL;
    }
    return declared;
}
