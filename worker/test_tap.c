/* test_tap.c - the checks of a test, as lines of TAP.
 * Does:     count them; tell of one that does not hold where it stands, what was got and wanted, and the last answer.
 * Does not: stop the test: what follows is checked too.
 * See:      galley/test.h; https://testanything.org */
#include "worker/test_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_BYTES = 2000 };

/* One remark, every line of it behind "# ". */
static void remark(galley_str text)
{
    const char *at = text.data, *end = at + text.len;
    do {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end;
        printf("# %.*s\n", (int)(stop - at), at);
        at = stop + 1;
    } while (at < end);
    fflush(stdout);
}

void galley_test_diag(struct galley_test *t, const char *format, ...)
{
    char text[SHOWN_BYTES + 500];
    va_list args;
    (void)t;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len > 0)
        remark((galley_str){text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1});
}

static void show_last_reply(struct galley_test *t)
{
    const struct galley_reply *reply = &t->last_reply;
    if (t->last_line.data == NULL)
        return;
    bool is_long = reply->body.len > SHOWN_BYTES;
    galley_test_diag(t, "  last: %.*s answered %d%s", GALLEY_STR_ARG(t->last_line), reply->status,
                     reply->is_cut ? ", and broke off" : "");
    if (reply->body.len > 0)
        galley_test_diag(t, "        %.*s%s", is_long ? SHOWN_BYTES : (int)reply->body.len,
                         reply->body.data, is_long ? " ..." : "");
}

/* A '#' in a name would begin a directive. */
static void print_name(const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == '#' || *name == '\\')
            putchar('\\');
        putchar(*name == '\n' ? ' ' : *name);
    }
    putchar('\n');
}

/* The line of a check; one that failed goes on with what was got and wanted. */
static bool check(struct galley_test *t, const char *file, int line, bool is_good, const char *name)
{
    printf("%sok %zu - ", is_good ? "" : "not ", ++t->check_count);
    print_name(name != NULL ? name : "");
    fflush(stdout);
    if (!is_good) {
        t->failed_count++;
        galley_test_diag(t, "  failed at %s:%d", file, line);
    }
    return is_good;
}

bool galley__test_ok(struct galley_test *t, const char *file, int line, bool condition,
                     const char *name)
{
    if (!check(t, file, line, condition, name))
        show_last_reply(t);
    return condition;
}

bool galley__test_is_int(struct galley_test *t, const char *file, int line, long long got,
                         long long want, const char *name)
{
    if (check(t, file, line, got == want, name))
        return true;
    galley_test_diag(t, "   got: %lld\n  want: %lld", got, want);
    show_last_reply(t);
    return false;
}

static bool is_same(galley_str got, const char *want)
{
    if (got.data == NULL || want == NULL)
        return got.data == NULL && want == NULL;
    return got.len == strlen(want) && memcmp(got.data, want, got.len) == 0;
}

static void show_text(struct galley_test *t, const char *label, galley_str text)
{
    if (text.data == NULL) {
        galley_test_diag(t, "%s nothing", label);
        return;
    }
    bool is_long = text.len > SHOWN_BYTES;
    galley_test_diag(t, "%s '%.*s'%s", label, is_long ? SHOWN_BYTES : (int)text.len, text.data,
                     is_long ? " ..." : "");
}

static galley_str slice(const char *text)
{
    return (galley_str){text, text != NULL ? strlen(text) : 0};
}

bool galley__test_is_str(struct galley_test *t, const char *file, int line, galley_str got,
                         const char *want, const char *name)
{
    if (check(t, file, line, is_same(got, want), name))
        return true;
    show_text(t, "   got:", got);
    show_text(t, "  want:", slice(want));
    show_last_reply(t);
    return false;
}

bool galley__test_is_text(struct galley_test *t, const char *file, int line, const char *got,
                          const char *want, const char *name)
{
    return galley__test_is_str(t, file, line, slice(got), want, name);
}

bool galley__test_answers(struct galley_test *t, const char *file, int line,
                          struct galley_reply reply, int status, const char *body, const char *name)
{
    bool is_good = reply.status == status && (body == NULL || is_same(reply.body, body));
    if (check(t, file, line, is_good, name))
        return true;
    galley_test_diag(t, "   got: %d%s", reply.status, reply.is_cut ? ", and it broke off" : "");
    show_text(t, "       ", reply.body);
    galley_test_diag(t, "  want: %d", status);
    if (body != NULL)
        show_text(t, "       ", slice(body));
    return false;
}
