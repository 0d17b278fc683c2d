/* config.c - galley.conf, read with libConfuse.
 * Does:     hand each value to settings_set with file and line; name the nearest directive for an
 *           unknown one.
 * Does not: apply anything, or follow includes.
 * See:      config.h, etc/galley.conf, t/unit/common/config.c */
#include "common/config.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"

enum { CONFIG_MAX_BYTES = 1 << 20, SCANNER_BYTES = 128 * 1024 };

enum {
    ROW_COUNT = 0
#define OPTION(name, TYPE, value, help) +1
#include "common/options.def"
#undef OPTION
};

/* The file that is read just now: libConfuse's callbacks have no argument of ours. */
static struct {
    struct settings *settings;
    const char *path;
    struct errmsg *why;
    int first_line[ROW_COUNT]; /* where a directive was given; 0: not yet */
} reading;

/* libConfuse has read a value: take it. 0; -1 refused. What it keeps itself is not used. */
static int value_read(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    char where[512];
    const struct setting_row *row = setting_find(cfg_opt_name(opt), NULL);
    int *first_line = &reading.first_line[row - setting_rows];
    *(const char **)result = value;
    snprintf(where, sizeof(where), "%s:%d", reading.path, cfg->line);
    if (*first_line && row->type != SETTING_LIST) {
        errmsg_set(reading.why, "%s: %s was given already on line %d", where, row->name,
                   *first_line);
        return -1;
    }
    *first_line = cfg->line;
    return settings_set(reading.settings, row, value, where, reading.why) < 0 ? -1 : 0;
}

static void parser_failed(cfg_t *cfg, const char *format, va_list args)
{
    char text[256];
    const char *nearest = NULL;
    if (strstr(format, "no such option")) {
        va_list copy;
        va_copy(copy, args);
        const char *name = va_arg(copy, const char *);
        setting_find(name, &nearest);
        errmsg_set(reading.why, "%s:%d: unknown directive '%.60s'%s%s%s", reading.path, cfg->line,
                   name, nearest ? "; did you mean '" : "", nearest ? nearest : "",
                   nearest ? "'?" : "");
        va_end(copy);
        return;
    }
    vsnprintf(text, sizeof(text), format, args);
    errmsg_set(reading.why, "%s:%d: %s", reading.path, cfg->line, text);
}

/* The regular file at `path`, open, of a sane size; NULL with a sentence. */
static FILE *open_file(const char *path, struct errmsg *why)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) < 0) {
        errmsg_set_sys(why, "cannot read the configuration %s", path);
        goto close_fd;
    }
    if (!S_ISREG(info.st_mode)) {
        errno = EINVAL;
        errmsg_set(why, "cannot read the configuration %s: it is not a file", path);
        goto close_fd;
    }
    if (info.st_size > CONFIG_MAX_BYTES) {
        errno = EFBIG;
        errmsg_set(why, "cannot read the configuration %s: it is larger than 1 MiB", path);
        goto close_fd;
    }
    char last = '\0';
    if (info.st_size > 0 && pread(fd, &last, 1, info.st_size - 1) == 1 && last == '\\') {
        errno = EINVAL; /* libConfuse's scanner would print it on standard output */
        errmsg_set(why, "cannot read the configuration %s: it ends in a backslash", path);
        goto close_fd;
    }
    FILE *file = fdopen(fd, "r");
    if (file)
        return file;
    errmsg_set_sys(why, "cannot read the configuration %s", path);

close_fd:
    if (fd >= 0) {
        int error = errno;
        close(fd);
        errno = error;
    }
    return NULL;
}

int config_read(struct settings *settings, const char *path, struct errmsg *why)
{
    cfg_opt_t opts[ROW_COUNT + 1];
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const char *name = setting_rows[i].name;
        opts[i] = setting_rows[i].type == SETTING_LIST
                      ? (cfg_opt_t)CFG_STR_LIST_CB(name, NULL, CFGF_NODEFAULT, value_read)
                      : (cfg_opt_t)CFG_STR_CB(name, NULL, CFGF_NODEFAULT, value_read);
    }
    opts[ROW_COUNT] = (cfg_opt_t)CFG_END();
    FILE *file = open_file(path, why);
    if (!file)
        return errno ? -errno : -EINVAL;
    /* libConfuse's scanner ends the process where it gets no memory: there must be more than it takes. */
    void *enough = malloc(SCANNER_BYTES);
    cfg_t *cfg = enough ? cfg_init(opts, CFGF_NONE) : NULL;
    int status = CFG_PARSE_ERROR;
    free(enough);
    if (!cfg) {
        errmsg_set(why, "no memory to read %s", path);
        goto close_file;
    }
    memset(&reading, 0, sizeof(reading));
    reading.settings = settings;
    reading.path = path;
    reading.why = why;
    cfg_set_error_function(cfg, parser_failed);
    settings_source_start(settings);
    status = cfg_parse_fp(cfg, file);
    if (status != CFG_SUCCESS)
        errmsg_set(why, "%s:%d: the configuration cannot be understood", path, cfg->line);
    cfg_free(cfg);

close_file:
    fclose(file);
    return status == CFG_SUCCESS ? 0 : -EINVAL;
}

static const char head[] = "# galley.conf - every directive of Galley with its default (made by "
                           "`galley help galley.conf`).\n"
                           "#\n"
                           "# A line is `name = value`. Quote a value that holds spaces, '=', ',', "
                           "'#' or brackets. A directive that may be\n"
                           "# repeated takes {\"one\", \"two\"} as well. Sizes: 4096, 8k, 16m, 1g; "
                           "times: 250ms, 10s, 5m, 1h; switches: true,\n"
                           "# false. \"${NAME}\" is the variable NAME of the environment. Each "
                           "directive is also an option (--max-body 1m) and\n"
                           "# a variable of the environment (GALLEY_MAX_BODY=1m): the command line "
                           "wins over the environment, and that over\n"
                           "# this file. `galley check --config FILE` looks at a file, `galley "
                           "reload` makes a running server take it.\n";

void config_write_defaults(int fd)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    int error = buf_append(&out, head, sizeof(head) - 1);
    for (size_t i = 0; i < setting_row_count && !error; i++) {
        const struct setting_row *row = &setting_rows[i];
        bool quoted = row->type == SETTING_STRING || row->type == SETTING_LIST;
        bool absent = row->type == SETTING_LIST && !*row->value;
        const char *quote = quoted ? "\"" : "";
        error = buf_printf(&out, "\n# %s\n%s%s = %s%s%s\n", row->help, absent ? "# " : "",
                           row->name, quote, row->value, quote);
    }
    while (buf_len(&out)) {
        ssize_t written = write(fd, buf_at(&out), buf_len(&out));
        if (written < 0 && errno != EINTR)
            break;
        if (written > 0)
            buf_consume(&out, (size_t)written);
    }
    buf_release(&out);
}
