/* cmd_new.c - galley new: a project that builds, passes its tests and can be served, to begin with.
 * Does:     write the files of new_files.c into a folder that is not there yet, with the project's name put in.
 * Does not: build anything, or touch a folder that exists.
 * See:      new_files.h (the files), t/27-cli-new.t */
#include "cli/new_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

enum { NAME_MAX_BYTES = 40, PATH_BYTES = 4096 };

/* What a name is: a file's, and readable in the titles that are made of it. */
static bool is_name(const char *text, size_t len)
{
    if (len == 0 || len > NAME_MAX_BYTES || *text < 'a' || *text > 'z')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", text[i]))
            return false;
    return true;
}

/* The nearest name to what was given, to be offered; false: there is none. */
static bool repair_name(char name[NAME_MAX_BYTES + 1], const char *text)
{
    size_t len = 0;
    for (; *text && len < NAME_MAX_BYTES; text++) {
        char c = *text >= 'A' && *text <= 'Z' ? (char)(*text | 0x20) : *text;
        bool is_letter = c >= 'a' && c <= 'z';
        if (is_letter || (len > 0 && strchr("0123456789_-", c)))
            name[len++] = c;
        else if (len > 0 && (c == ' ' || c == '.'))
            name[len++] = '_';
    }
    while (len > 0 && (name[len - 1] == '_' || name[len - 1] == '-'))
        len--;
    name[len] = '\0';
    return len > 0;
}

/* The text with @NAME@ and @TITLE@ replaced, into `file`. */
static void put_text(FILE *file, const char *text, const char *name)
{
    for (const char *at; (at = strchr(text, '@')); text = at) {
        fwrite(text, 1, (size_t)(at - text), file);
        if (!strncmp(at, "@NAME@", 6)) {
            fputs(name, file);
            at += 6;
        } else if (!strncmp(at, "@TITLE@", 7)) {
            fputc(name[0] & ~0x20, file);
            for (const char *c = name + 1; *c; c++)
                fputc(*c == '_' || *c == '-' ? ' ' : *c, file);
            at += 7;
        } else {
            fputc(*at++, file);
        }
    }
    fputs(text, file);
}

static int write_file(const char *folder, const struct new_file *from, const char *name,
                      struct errmsg *why)
{
    char path[PATH_BYTES];
    int len = snprintf(path, sizeof path, "%s/", folder);
    for (const char *at = from->path; *at && len < PATH_BYTES - NAME_MAX_BYTES - 2;) {
        if (strncmp(at, "@NAME@", 6)) {
            path[len++] = *at++;
            continue;
        }
        len += snprintf(path + len, sizeof path - (size_t)len, "%s", name);
        at += 6;
    }
    path[len] = '\0';
    FILE *file = fopen(path, "wxe");
    if (file)
        put_text(file, from->text, name);
    bool is_whole = file && !ferror(file);
    if ((file && fclose(file) != 0) || !is_whole) {
        errmsg_set_sys(why, "cannot write %s", path);
        return -1;
    }
    return 0;
}

/* The name at the end of `folder`. 0; -1 with a sentence. */
static int take_name(const char *folder, char name[NAME_MAX_BYTES + 1], struct errmsg *why)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/')
        end--;
    size_t start = end;
    while (start > 0 && folder[start - 1] != '/')
        start--;
    if (end >= PATH_BYTES - 2 * NAME_MAX_BYTES) {
        errmsg_set(why, "the path %.60s... is too long", folder);
        return -1;
    }
    if (is_name(folder + start, end - start)) {
        snprintf(name, NAME_MAX_BYTES + 1, "%.*s", (int)(end - start), folder + start);
        return 0;
    }
    char better[NAME_MAX_BYTES + 1];
    bool is_any = repair_name(better, folder + start);
    errmsg_set(
        why,
        "'%.60s' cannot be a project's name: a small letter comes first, then small letters, "
        "digits, '_' and '-', %d at most%s%s%s",
        folder + start, NAME_MAX_BYTES, is_any ? "; try '" : "", is_any ? better : "",
        is_any ? "'" : "");
    return -1;
}

static int make_project(const char *folder, const char *name, struct errmsg *why)
{
    if (mkdir(folder, 0777) < 0) {
        if (errno == EEXIST)
            errmsg_set(why, "%s exists already; nothing was changed. Choose another name", folder);
        else
            errmsg_set_sys(why, "cannot make the folder %s", folder);
        return -1;
    }
    for (size_t i = 0; i < new_file_count; i++)
        if (write_file(folder, &new_files[i], name, why) < 0)
            return -1;
    return 0;
}

int cmd_new(const struct cli_command *command, int argc, char **argv)
{
    static const char *const known[] = {"help", NULL};
    const char *folder = NULL;
    char name[NAME_MAX_BYTES + 1];
    struct errmsg why = {0};
    struct args args;
    struct arg arg;
    args_init(&args, argc, argv);
    while (args_next(&args, &arg) != ARG_END) {
        if (arg.kind == ARG_OPTION && !strcmp(arg.name, "help"))
            return cli_print_help(command), CLI_OK;
        if (arg.kind == ARG_OPTION || folder)
            return args_refuse(command, &arg, known, false);
        folder = arg.text;
    }
    if (!folder)
        return cli_usage(command, "what is the project's name?");
    if (take_name(folder, name, &why) < 0)
        return cli_fail(CLI_USAGE, "%s", why.text);
    if (make_project(folder, name, &why) < 0)
        return cli_fail(CLI_FAILED, "%s", why.text);
    printf("made %s; next:\n\n    cd %s\n    make test\n    make run\n", folder, folder);
    return CLI_OK;
}
