/* sql_text.c - statements and values as text, as far as every driver needs it; see sql.h.
 * Does:     count $n, know the first word; write UUIDs, times and dates.
 * Does not: parse SQL: the database does.
 * See:      t/unit/worker/io/sql_text.c */
#include "worker/io/sql.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { ARGS_MAX = 9999 };

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* Behind a comment that begins at `at`, which may be nested as PostgreSQL has them. */
static const char *pass_comment(const char *at)
{
    int depth = 0;
    if (at[1] == '-') {
        at += strcspn(at, "\n");
        return at;
    }
    while (*at != '\0') {
        if (at[0] == '/' && at[1] == '*')
            depth++;
        else if (at[0] == '*' && at[1] == '/')
            depth--;
        else {
            at++;
            continue;
        }
        at += 2;
        if (depth == 0)
            break;
    }
    return at;
}

/* Behind a text in quotes that begins at `at`; a doubled quote merely begins another. */
static const char *pass_quoted(const char *at, bool has_escapes)
{
    char quote = *at++;
    while (*at != '\0' && *at != quote)
        at += has_escapes && *at == '\\' && at[1] != '\0' ? 2 : 1;
    return *at == '\0' ? at : at + 1;
}

/* Behind $tag$ ... $tag$; NULL: it is none. */
static const char *pass_dollars(const char *at)
{
    const char *end = at + 1;
    if (*end >= '0' && *end <= '9')
        return NULL;
    while (is_word(*end))
        end++;
    if (*end != '$')
        return NULL;
    size_t len = (size_t)(end + 1 - at);
    for (const char *next = end + 1; (next = strchr(next, '$')) != NULL; next++)
        if (strncmp(next, at, len) == 0)
            return next + len;
    return end + strlen(end);
}

static bool is_comment(const char *at)
{
    return (at[0] == '-' && at[1] == '-') || (at[0] == '/' && at[1] == '*');
}

int sql_text_arg_count(const char *sql)
{
    int most = 0;
    for (const char *at = sql + strcspn(sql, "'\"$-/"); *at != '\0'; at += strcspn(at, "'\"$-/")) {
        const char *behind;
        bool is_in_word = at > sql && is_word(at[-1]);
        if (*at == '\'' || *at == '"') {
            at = pass_quoted(at, is_in_word && (at[-1] | 0x20) == 'e' && *at == '\'');
        } else if (is_comment(at)) {
            at = pass_comment(at);
        } else if (*at != '$' || is_in_word) {
            at++;
        } else if ((behind = pass_dollars(at)) != NULL) {
            at = behind;
        } else {
            int number = 0;
            for (at++; *at >= '0' && *at <= '9'; at++)
                number = number > ARGS_MAX ? number : number * 10 + (*at - '0');
            most = number > most ? number : most;
        }
    }
    return most > ARGS_MAX ? -1 : most;
}

/* The first word, past space, comments and brackets; its length. */
static size_t first_word(const char **sql)
{
    const char *at = *sql;
    for (;;) {
        at += strspn(at, " \t\r\n\f\v(;");
        if (!is_comment(at))
            break;
        at = pass_comment(at);
    }
    size_t len = 0;
    while (is_word(at[len]))
        len++;
    *sql = at;
    return len;
}

static bool is_one_of(const char *sql, const char *const *words)
{
    size_t len = first_word(&sql);
    for (; *words != NULL; words++)
        if ((sql[0] | 0x20) == (*words)[0] && strlen(*words) == len &&
            strncasecmp(sql, *words, len) == 0)
            return true;
    return false;
}

bool sql_text_is_control(const char *sql)
{
    static const char *const words[] = {"begin", "start",     "commit",  "end", "rollback",
                                        "abort", "savepoint", "release", NULL};
    return is_one_of(sql, words);
}

bool sql_text_may_read(const char *sql)
{
    static const char *const words[] = {"select", "with", "values", "explain", NULL};
    return is_one_of(sql, words);
}

static size_t write_uuid(char *to, const galley_uuid *uuid)
{
    static const char digits[] = "0123456789abcdef";
    char *at = to;
    for (size_t i = 0; i < sizeof uuid->octet; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[uuid->octet[i] >> 4];
        *at++ = digits[uuid->octet[i] & 15];
    }
    *at = '\0';
    return (size_t)(at - to);
}

size_t sql_value_text(char to[SQL_VALUE_BYTES], const struct galley_sql_value *value)
{
    int len = 0;
    if (value->type == GALLEY_SQL_UUID)
        return write_uuid(to, &value->uuid);
    if (value->type == GALLEY_SQL_DATE) {
        len = snprintf(to, SQL_VALUE_BYTES, "%04d-%02u-%02u", value->date.year, value->date.month,
                       value->date.day);
    } else if (value->type == GALLEY_SQL_TIME) {
        struct tm tm;
        time_t seconds = value->time.seconds;
        if (gmtime_r(&seconds, &tm) == NULL)
            memset(&tm, 0, sizeof tm);
        len = snprintf(to, SQL_VALUE_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%06d%s",
                       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                       tm.tm_sec, value->time.nanos / 1000, value->time.has_offset ? "Z" : "");
    }
    to[len < 0 ? 0 : len < SQL_VALUE_BYTES ? len : SQL_VALUE_BYTES - 1] = '\0';
    return strlen(to);
}
