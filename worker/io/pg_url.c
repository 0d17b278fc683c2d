/* pg_url.c - what a PostgreSQL URL says: settings for libpq, the host to resolve, the name for logs.
 * Does:     let libpq read the URL, and add what every session of ours wants.
 * Does not: connect, resolve, or read the password out loud.
 * See:      PostgreSQL's documentation: libpq, connection strings */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/io/pg.h"

enum { CONNECT_MS = 10000, URL_PORT = 5432, NAME_BYTES = 256 };

/* In front of the URL's own, which overrule them. */
static const char *const ours[][2] = {
    {"hostaddr", NULL}, /* the first one: filled in for each try */
    {"client_encoding", "UTF8"},
    {"fallback_application_name", "galley"},
    {"tcp_user_timeout", "10000"}, /* a server that has vanished is noticed in 10 s */
};
enum { OURS_COUNT = sizeof ours / sizeof ours[0] };

static const char *option(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++) {
        if (strcmp(options->keyword, keyword) == 0)
            return options->val && options->val[0] != '\0' ? options->val : NULL;
    }
    return NULL;
}

void pg_settings_free(struct pg_settings *settings)
{
    PQconninfoFree(settings->options);
    free(settings->keywords);
    free(settings->values);
    free(settings->host);
    free(settings);
}

bool pg_release(struct sql_db *db)
{
    struct pg_settings *settings = db->settings;
    db->settings = NULL;
    if (settings == NULL)
        return true;
    settings->is_released = true;
    if (sched_live_count(db->remotes->sched) == 0)
        pg_cancel_free_all(settings);
    if (list_is_empty(&settings->cancel_jobs))
        pg_settings_free(settings);
    return true;
}

/* A number in the URL, 0 where there is none; -1 it is none, or out of range. */
static long number(const char *text, long most)
{
    char *end;
    if (text == NULL)
        return 0;
    long value = strtol(text, &end, 10);
    return *end != '\0' || value < 0 || value > most ? -1 : value;
}

static bool is_path(const char *host)
{
    return host == NULL || host[0] == '/' || host[0] == '@';
}

/* Where it is: in the URL, else in the environment as for every client of PostgreSQL. */
static int read_place(struct pg_settings *settings, const PQconninfoOption *defaults,
                      struct errmsg *why)
{
    const char *host = option(settings->options, "host") ?: option(defaults, "host");
    const char *port = option(settings->options, "port") ?: option(defaults, "port");
    const char *addr = option(settings->options, "hostaddr") ?: option(defaults, "hostaddr");
    const char *patience = option(settings->options, "connect_timeout");
    long port_number = number(port, 65535), seconds = number(patience, 3600);
    if ((host && strchr(host, ',')) || (addr && strchr(addr, ',')) || port_number < 0 ||
        seconds < 0) {
        errmsg_set(why,
                   "the database is one host (a name, an address or the folder of a socket), with "
                   "a port up to 65535 and a connect_timeout up to 3600 s");
        return -EINVAL;
    }
    settings->port = port_number > 0 ? (uint16_t)port_number : URL_PORT;
    settings->connect_ms = seconds > 0 ? (int64_t)seconds * 1000 : CONNECT_MS;
    if (addr || is_path(host))
        return 0;
    settings->host = strdup(host);
    return settings->host ? 0 : -ENOMEM;
}

static int fill_arrays(struct pg_settings *settings)
{
    size_t count = OURS_COUNT;
    for (const PQconninfoOption *at = settings->options; at->keyword; at++)
        count += at->val != NULL;
    settings->keywords = calloc(count + 1, sizeof *settings->keywords);
    settings->values = calloc(count + 1, sizeof *settings->values);
    if (!settings->keywords || !settings->values)
        return -ENOMEM;
    for (count = 0; count < OURS_COUNT; count++) {
        settings->keywords[count] = ours[count][0];
        settings->values[count] = ours[count][1];
    }
    for (const PQconninfoOption *at = settings->options; at->keyword; at++) {
        if (at->val == NULL)
            continue;
        settings->keywords[count] = at->keyword;
        settings->values[count++] = at->val;
    }
    return 0;
}

static char *name_of(const struct pg_settings *settings, const PQconninfoOption *defaults)
{
    char name[NAME_BYTES];
    const char *user = option(settings->options, "user");
    const char *host = settings->host ?: option(settings->options, "host");
    const char *database = option(settings->options, "dbname") ?: option(defaults, "dbname");
    snprintf(name, sizeof name, "postgresql://%s%s%s:%u/%s", user ?: "", user ? "@" : "",
             host ?: "", settings->port, database ?: user ?: "");
    return strdup(name);
}

/* libpq quotes what it does not understand, which may be or hold the password: only names of options stay. */
static void drop_quoted(char *said, const char *url)
{
    bool is_name = strstr(said, " URI query parameter: ") && !strstr(url, "password=");
    char *quoted = is_name ? NULL : strstr(said, ": \"");
    said[strcspn(said, "\n")] = '\0';
    if (quoted != NULL)
        *quoted = '\0';
}

int pg_parse(struct sql_db *db, const char *url, struct errmsg *why)
{
    char *said = NULL;
    struct pg_settings *settings = calloc(1, sizeof *settings);
    if (settings == NULL)
        return -ENOMEM;
    db->settings = settings;
    list_init(&settings->cancel_jobs);
    settings->cancels = (struct galley_semaphore)GALLEY_SEMAPHORE(PG_CANCELS_MAX);
    settings->options = PQconninfoParse(url, &said);
    if (settings->options == NULL) {
        if (said == NULL)
            return -ENOMEM;
        drop_quoted(said, url);
        errmsg_set(why, "the URL of the database: %s", said);
        PQfreemem(said);
        return -EINVAL;
    }
    PQconninfoOption *defaults = PQconndefaults();
    int rc = read_place(settings, defaults, why);
    if (rc == 0)
        rc = fill_arrays(settings);
    if (rc == 0 && (db->name = name_of(settings, defaults)) == NULL)
        rc = -ENOMEM;
    PQconninfoFree(defaults);
    return rc;
}
