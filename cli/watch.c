/* watch.c - when a source file is saved; see watch.h.
 * Does:     one inotify watch a folder: editors replace files, which a watch of the file itself would lose.
 * Does not: look below folders.
 * See:      cmd_dev.c, t/29-cli-dev.t */
#include "cli/watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

int watch_open(int *fd, struct errmsg *why)
{
    *fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (*fd >= 0)
        return 0;
    errmsg_set_sys(why, "cannot watch files");
    return -EINVAL;
}

__attribute__((noinline)) int watch_add(int fd, const char *path)
{
    char folder[PATH_BYTES];
    const char *slash = strrchr(path, '/');
    int len = slash != NULL ? (int)(slash - path) : 1;
    if (len >= PATH_BYTES)
        return -ENAMETOOLONG;
    snprintf(folder, sizeof folder, "%.*s", len > 0 ? len : 1, slash != NULL ? path : ".");
    return inotify_add_watch(fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO) < 0 ? -errno : 0;
}

/* The next word of a makefile, in which "\ " is a blank and "\" at the end of a line is nothing. False: the end. */
static bool next_word(FILE *file, char word[PATH_BYTES])
{
    size_t len = 0;
    int c;
    while ((c = getc(file)) != EOF) {
        bool is_end = c == ' ' || c == '\n' || c == '\t';
        if (c == '\\') {
            c = getc(file);
            if (c == '\n')
                is_end = true;
        }
        if (!is_end && c != EOF && len < PATH_BYTES - 1)
            word[len++] = (char)c;
        else if (is_end && len > 0)
            break;
    }
    word[len] = '\0';
    return len > 0;
}

void watch_add_depends(int fd, const char *depends_path)
{
    char word[PATH_BYTES];
    FILE *file = fopen(depends_path, "re");
    if (file == NULL)
        return;
    while (next_word(file, word))
        if (word[strlen(word) - 1] != ':' && strncmp(word, "/usr/", 5) != 0)
            (void)watch_add(fd, word);
    fclose(file);
}

static bool is_source(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && name[0] != '.' && name[0] != '#' &&
           (!strcmp(dot, ".c") || !strcmp(dot, ".h") || !strcmp(dot, ".inc") ||
            !strcmp(dot, ".def"));
}

bool watch_take(int fd, char *name, size_t size)
{
    _Alignas(struct inotify_event) char events[4096];
    bool is_any = false;
    ssize_t len;
    while ((len = read(fd, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const void *)(events + at);
            at += (ssize_t)(sizeof *event + event->len);
            if (event->len == 0 || !is_source(event->name) || is_any)
                continue;
            snprintf(name, size, "%s", event->name);
            is_any = true;
        }
    }
    return is_any;
}
