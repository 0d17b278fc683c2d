/* compile.c - C sources into an application's shared object; see compile.h.
 * Does:     the flags that coroutines need (docs: galley.1, galley build), as galley.pc has them too.
 * Does not: keep object files, or know make.
 * See:      cmd_build.c, cmd_dev.c, galley.pc.in, t/28-cli-build.t */
#include "cli/compile.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_WORDS = 256, MAX_STEPS_UP = 4 };

static const char *const flags[] = {
    "-std=gnu17",
    "-Wall",
    "-Wextra",
    "-g",
    "-O2",
    "-fPIC",
    "-fstack-clash-protection",
    "-fno-omit-frame-pointer",
    "-shared",
};

int compile_name_object(char out[COMPILE_PATH_BYTES], const char *source, struct errmsg *why)
{
    struct stat info;
    size_t len = strlen(source);
    if (len < 3 || strcmp(source + len - 2, ".c") != 0) {
        errmsg_set(why, "'%s' is no C source: its name does not end in .c", source);
        return -EINVAL;
    }
    if (stat(source, &info) < 0) {
        errmsg_set_sys(why, "cannot read %s", source);
        return -EINVAL;
    }
    if (snprintf(out, COMPILE_PATH_BYTES, "%.*s.so", (int)(len - 2), source) >=
        COMPILE_PATH_BYTES) {
        errmsg_set(why, "the path %.60s... is too long", source);
        return -EINVAL;
    }
    return 0;
}

/* Whether `folder`/include has galley.h; then it is in `out`, behind -I. */
__attribute__((noinline)) static bool is_home(char out[COMPILE_PATH_BYTES], const char *folder)
{
    int len = snprintf(out, COMPILE_PATH_BYTES, "-I%s/include", folder);
    char header[COMPILE_PATH_BYTES + 16];
    snprintf(header, sizeof header, "%s/galley.h", out + 2);
    return len < COMPILE_PATH_BYTES && access(header, R_OK) == 0;
}

/* The headers' folder: $GALLEY_HOME's, or that of the installation or source tree that this program is in. */
static int find_headers(char out[COMPILE_PATH_BYTES], struct errmsg *why)
{
    char at[COMPILE_PATH_BYTES];
    const char *home = getenv("GALLEY_HOME");
    if (home != NULL && *home != '\0' && is_home(out, home))
        return 0;
    ssize_t len = readlink("/proc/self/exe", at, sizeof at - 1);
    at[len > 0 ? len : 0] = '\0';
    for (int i = 0; i < MAX_STEPS_UP; i++) {
        char *slash = strrchr(at, '/');
        if (slash == NULL)
            break;
        *slash = '\0';
        if (is_home(out, at))
            return 0;
    }
    errmsg_set(why,
               "cannot find galley.h: install Galley, or let GALLEY_HOME name its source tree");
    return -EINVAL;
}

/* Append the words of `text`, which is cut at its blanks. */
static size_t add_words(const char **words, size_t count, char *text)
{
    char *rest = text;
    for (char *word; (word = strsep(&rest, " \t\n")) != NULL && count < MAX_WORDS;)
        if (*word != '\0')
            words[count++] = word;
    return count;
}

static int run(const char *const *words, const char *scratch, struct errmsg *why)
{
    int status = 0;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (scratch != NULL)
            setenv("TMPDIR", scratch, 1);
        execvp(words[0], (char *const *)(const void *)words);
        fprintf(stderr, "galley: cannot run the compiler %s: %s; set CC, or install gcc\n",
                words[0], strerror(errno));
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            break;
    if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (pid < 0)
        errmsg_set_sys(why, "cannot run the compiler %s", words[0]);
    else if (WIFSIGNALED(status))
        errmsg_set(why, "the compiler %s was ended by a signal: %s", words[0],
                   strsignal(WTERMSIG(status)));
    return -EINVAL;
}

int compile_run(const struct compile *job, struct errmsg *why)
{
    static const char *words[MAX_WORDS + 16]; /* one compiler at a time */
    static char headers[COMPILE_PATH_BYTES], fresh[COMPILE_PATH_BYTES + 32];
    const char *cc = getenv("CC"), *extra = getenv("CFLAGS");
    char *cc_words = strdup(cc != NULL && *cc != '\0' ? cc : "cc");
    bool has_extra = extra != NULL && *extra != '\0';
    char *extra_words = has_extra ? strdup(extra) : NULL; /* each word of which is in `words` */
    size_t count = 0;
    int error = find_headers(headers, why);
    if (error == 0 && (cc_words == NULL || (has_extra && extra_words == NULL))) {
        errmsg_set(why, "no memory to run the compiler");
        error = -EINVAL;
    }
    if (error < 0)
        goto done;
    snprintf(fresh, sizeof fresh, "%s.%ld", job->out, (long)getpid());
    count = add_words(words, count, cc_words);
    for (size_t i = 0; i < sizeof flags / sizeof flags[0] && count < MAX_WORDS; i++)
        words[count++] = flags[i];
    words[count++] = headers;
    for (size_t i = 0; i < job->count && count < MAX_WORDS; i++)
        words[count++] = job->sources[i];
    count = add_words(words, count, extra_words);
    if (job->depends != NULL) {
        words[count++] = "-MMD";
        words[count++] = "-MF";
        words[count++] = job->depends;
    }
    words[count++] = "-o";
    words[count++] = fresh;
    words[count] = NULL;
    error = run(words, job->scratch, why);
    if (error == 0 && rename(fresh, job->out) < 0) {
        errmsg_set_sys(why, "cannot write %s", job->out);
        error = -EINVAL;
    }
    if (error < 0) {
        unlink(fresh);
        errmsg_set(why, "%s was not built", job->out);
    }
done:
    free(cc_words);
    free(extra_words);
    return error;
}
