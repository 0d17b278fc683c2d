/* settings.c - the typed values of all directives.
 * Does:     make the table from options.def, parse values, keep lists, fill defaults, check
 *           combinations.
 * Does not: read the file (config.c), or look at addresses, users and certificates (the master
 *           does, when it uses them).
 * See:      options.def (add a directive there), t/unit/common/settings.c */
#include "common/settings.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"
#include "common/nearest.h"

const struct setting_row setting_rows[] = {
#define OPTION(name, TYPE, value, help)                                                            \
    {#name, value, help, SETTING_##TYPE, offsetof(struct settings, name)},
#include "common/options.def"
#undef OPTION
};
const size_t setting_row_count = sizeof(setting_rows) / sizeof(setting_rows[0]);

enum { MAX_WORKERS = 128, VALUE_MAX_BYTES = 4096, LIST_MAX_COUNT = 64 };
static const uint64_t HOUR_MS = 3600000, GIB = 1 << 30;

/* What a number may be, where not 1 to 10,000,000 (COUNT), 1 byte to 1 GiB (BYTES), 1 ms to 1000
 * hours (MS). */
static const struct {
    size_t offset;
    uint64_t min, max;
} ranges[] = {
    {offsetof(struct settings, workers), 0, MAX_WORKERS},
    {offsetof(struct settings, max_coroutines), 1, 1000000},
    {offsetof(struct settings, threads), 1, 1024},
    {offsetof(struct settings, thread_queue), 0, 1000000},
    {offsetof(struct settings, max_fields), 1, 10000},
    {offsetof(struct settings, max_target), 16, 16 << 20},
    {offsetof(struct settings, max_field), 16, 16 << 20},
    {offsetof(struct settings, max_head), 64, 16 << 20},
    {offsetof(struct settings, max_body), 0, (uint64_t)1 << 50},
    {offsetof(struct settings, body_rate), 0, 1 << 30},
    {offsetof(struct settings, body_grace), 0, 3600000 * (uint64_t)1000},
    {offsetof(struct settings, drain_idle), 0, 3600000 * (uint64_t)1000},
    {offsetof(struct settings, drain_timeout), 0, 3600000 * (uint64_t)1000},
    {offsetof(struct settings, blocked_limit), 0, 3600000},
};

static void *member(const struct settings *settings, const struct setting_row *row)
{
    return (char *)(uintptr_t)settings + row->offset;
}

static int no_memory(struct errmsg *why)
{
    errmsg_set(why, "no memory for the settings");
    return -ENOMEM;
}

static void list_clear(struct setting_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->at[i]);
    free(list->at);
    *list = (struct setting_list){0};
}

static int list_add(struct setting_list *list, const char *value, struct errmsg *why)
{
    if (list->_replace)
        list_clear(list);
    char **at = reallocarray(list->at, list->count + 1, sizeof(*list->at));
    if (!at)
        return no_memory(why);
    list->at = at;
    char *copy = strdup(value);
    if (!copy)
        return no_memory(why);
    at[list->count++] = copy;
    return 0;
}

int settings_init(struct settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        struct errmsg why = {0};
        int error = row->type == SETTING_LIST
                        ? 0
                        : settings_set(settings, row, row->value, "options.def", &why);
        GALLEY_BUG_IF(error == -EINVAL, "%s", why.text);
        if (error < 0) {
            settings_release(settings);
            return error;
        }
    }
    return 0;
}

void settings_release(struct settings *settings)
{
    for (size_t i = 0; i < setting_row_count; i++) {
        void *at = member(settings, &setting_rows[i]);
        if (setting_rows[i].type == SETTING_STRING)
            free(*(char **)at);
        else if (setting_rows[i].type == SETTING_LIST)
            list_clear(at);
    }
    memset(settings, 0, sizeof(*settings));
}

void settings_source_start(struct settings *settings)
{
    for (size_t i = 0; i < setting_row_count; i++)
        if (setting_rows[i].type == SETTING_LIST)
            ((struct setting_list *)member(settings, &setting_rows[i]))->_replace = true;
}

static bool is_same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != *b)
            return false;
    return *a == *b;
}

const struct setting_row *setting_find(const char *name, const char **nearest)
{
    struct nearest like;
    nearest_init(&like, name);
    for (size_t i = 0; i < setting_row_count; i++) {
        if (is_same_name(name, setting_rows[i].name))
            return &setting_rows[i];
        nearest_offer(&like, setting_rows[i].name);
    }
    if (nearest)
        *nearest = like.best;
    return NULL;
}

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit byte_units[] = {{"", 1},        {"k", 1 << 10}, {"m", 1 << 20},
                                         {"g", 1 << 30}, {"K", 1 << 10}, {"M", 1 << 20},
                                         {"G", 1 << 30}, {NULL, 0}};
static const struct unit time_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
static const struct unit no_units[] = {{"", 1}, {NULL, 0}};

/* Digits and one of `units`. 0, -EINVAL. */
static int parse_number(const char *text, const struct unit *units, uint64_t *number)
{
    uint64_t value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return -EINVAL;
    if (at == text)
        return -EINVAL;
    for (; units->name; units++)
        if (!strcmp(at, units->name) || (!value && !*at))
            return __builtin_mul_overflow(value, units->factor, number) ? -EINVAL : 0;
    return -EINVAL;
}

/* A number as one would write it in the file. */
static const char *write_number(char out[32], enum setting_type type, uint64_t number)
{
    const struct unit *best = type == SETTING_MS ? &time_units[0] : &no_units[0];
    const struct unit *units = type == SETTING_MS      ? time_units
                               : type == SETTING_BYTES ? byte_units
                                                       : no_units;
    for (; units->name; units++)
        if (number && number % units->factor == 0 && units->factor > best->factor)
            best = units;
    snprintf(out, 32, "%llu%s", (unsigned long long)(number / best->factor), best->name);
    return out;
}

static int set_number(struct settings *settings, const struct setting_row *row, const char *value,
                      const char *where, struct errmsg *why)
{
    static const struct unit *const units[] = {
        [SETTING_COUNT] = no_units, [SETTING_BYTES] = byte_units, [SETTING_MS] = time_units};
    static const char *const shapes[] = {[SETTING_COUNT] = "a whole number",
                                         [SETTING_BYTES] = "a size such as 4096, 8k, 16m or 1g",
                                         [SETTING_MS] = "a time such as 250ms, 10s, 5m or 1h"};
    uint64_t number, min = 1;
    uint64_t max = row->type == SETTING_COUNT   ? 10000000
                   : row->type == SETTING_BYTES ? GIB
                                                : 1000 * HOUR_MS;
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (ranges[i].offset == row->offset) {
            min = ranges[i].min;
            max = ranges[i].max;
        }
    if (parse_number(value, units[row->type], &number) < 0) {
        errmsg_set(why, "%s: %s must be %s, not '%.60s'", where, row->name, shapes[row->type],
                   value);
        return -EINVAL;
    }
    if (number < min || number > max) {
        char low[32], high[32];
        errmsg_set(why, "%s: %s must be %s to %s, not '%.60s'", where, row->name,
                   write_number(low, row->type, min), write_number(high, row->type, max), value);
        return -EINVAL;
    }
    if (row->type == SETTING_MS)
        *(int64_t *)member(settings, row) = (int64_t)number;
    else
        *(uint64_t *)member(settings, row) = number;
    return 0;
}

static int set_bool(bool *setting, const struct setting_row *row, const char *value,
                    const char *where, struct errmsg *why)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},
                 {"false", false}, {"no", false}, {"off", false}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(value, words[i].word)) {
            *setting = words[i].value;
            return 0;
        }
    errmsg_set(why, "%s: %s must be true or false, not '%.60s'", where, row->name, value);
    return -EINVAL;
}

/* What any text must hold to. */
static int check_text(const struct setting_row *row, const char *value, const char *where,
                      struct errmsg *why)
{
    if (strlen(value) > VALUE_MAX_BYTES) {
        errmsg_set(why, "%s: %s is longer than %d bytes", where, row->name, VALUE_MAX_BYTES);
        return -EINVAL;
    }
    for (const char *at = value; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F) {
            errmsg_set(why, "%s: %s contains the control byte 0x%02x", where, row->name,
                       (unsigned char)*at);
            return -EINVAL;
        }
    if (row->offset == offsetof(struct settings, log_level) && log_level_of(value) < 0) {
        errmsg_set(why, "%s: log_level must be error, warn, notice, info or debug, not '%.60s'",
                   where, value);
        return -EINVAL;
    }
    return 0;
}

static int add_to_list(struct setting_list *list, const struct setting_row *row, const char *value,
                       const char *where, struct errmsg *why)
{
    if (!*value) {
        errmsg_set(why, "%s: %s is empty; leave it out instead", where, row->name);
        return -EINVAL;
    }
    if (!list->_replace && list->count >= LIST_MAX_COUNT) {
        errmsg_set(why, "%s: %s has more than %d values", where, row->name, LIST_MAX_COUNT);
        return -EINVAL;
    }
    return list_add(list, value, why);
}

static int set_string(char **at, const char *value, struct errmsg *why)
{
    char *copy = strdup(value);
    if (!copy)
        return no_memory(why);
    free(*at);
    *at = copy;
    return 0;
}

int settings_set(struct settings *settings, const struct setting_row *row, const char *value,
                 const char *where, struct errmsg *why)
{
    void *at = member(settings, row);
    if (check_text(row, value, where, why) < 0)
        return -EINVAL;
    switch (row->type) {
    case SETTING_STRING:
        return set_string(at, value, why);
    case SETTING_LIST:
        return add_to_list(at, row, value, where, why);
    case SETTING_BOOL:
        return set_bool(at, row, value, where, why);
    case SETTING_COUNT:
    case SETTING_BYTES:
    case SETTING_MS:
        break;
    }
    return set_number(settings, row, value, where, why);
}

/* A list's values, separated by spaces. */
static int set_words(struct settings *settings, const struct setting_row *row, const char *words,
                     const char *where, struct errmsg *why)
{
    char *copy = strdup(words), *rest = copy, *word;
    int error = copy ? 0 : no_memory(why);
    while (!error && (word = strsep(&rest, " ")))
        if (*word)
            error = settings_set(settings, row, word, where, why);
    free(copy);
    return error;
}

int settings_set_from_environment(struct settings *settings, struct errmsg *why)
{
    settings_source_start(settings);
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        char name[64];
        snprintf(name, sizeof(name), "GALLEY_%s", row->name);
        for (char *at = name; *at; at++)
            if (*at >= 'a' && *at <= 'z')
                *at = (char)(*at - 'a' + 'A');
        const char *value = getenv(name);
        if (!value)
            continue;
        int error = row->type == SETTING_LIST ? set_words(settings, row, value, name, why)
                                              : settings_set(settings, row, value, name, why);
        if (error < 0)
            return error;
    }
    return 0;
}

static uint64_t count_cpus(void)
{
    cpu_set_t cpus;
    int count = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);
    return count < 1 ? 1 : count > MAX_WORKERS ? MAX_WORKERS : (uint64_t)count;
}

int settings_finish(struct settings *settings, struct errmsg *why)
{
    if (!settings->workers)
        settings->workers = count_cpus();
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (row->type != SETTING_LIST)
            continue;
        struct setting_list *list = member(settings, row);
        list->_replace = false;
        if (!list->count && *row->value && list_add(list, row->value, why) < 0)
            return -ENOMEM;
    }
    if (settings->tls_cert.count != settings->tls_key.count) {
        errmsg_set(why,
                   "there are %zu of tls_cert and %zu of tls_key; each certificate needs its key",
                   settings->tls_cert.count, settings->tls_key.count);
        return -EINVAL;
    }
    for (size_t i = 0; i < settings->listen.count; i++)
        if (!strncmp(settings->listen.at[i], "https://", 8) && !settings->tls_cert.count) {
            errmsg_set(why, "%s needs a certificate: set tls_cert and tls_key",
                       settings->listen.at[i]);
            return -EINVAL;
        }
    return 0;
}

static const char run_path[] = "/run/galley/galley.sock";

static int put_path(char path[SETTINGS_PATH_BYTES], const char *folder, const char *name,
                    struct errmsg *why)
{
    int len = snprintf(path, SETTINGS_PATH_BYTES, "%s%s", folder, name);
    if (len < SETTINGS_PATH_BYTES)
        return 0;
    errmsg_set(why, "the path of the stats socket is longer than %d bytes: %.200s%s",
               SETTINGS_PATH_BYTES - 1, folder, name);
    return -EINVAL;
}

int settings_stats_path(const char *stats, char path[SETTINGS_PATH_BYTES], struct errmsg *why)
{
    if (*stats)
        return put_path(path, stats, "", why);
    if (!geteuid() || !access("/run/galley", W_OK | X_OK))
        return put_path(path, run_path, "", why);
    const char *folder = getenv("XDG_RUNTIME_DIR");
    if (folder && folder[0] == '/')
        return put_path(path, folder, "/galley.sock", why);
    char name[32];
    snprintf(name, sizeof(name), "galley-%u.sock", (unsigned)geteuid());
    return put_path(path, "/tmp/", name, why);
}

int settings_stats_path_to_ask(const char *stats, char path[SETTINGS_PATH_BYTES],
                               struct errmsg *why)
{
    struct stat info;
    int error = settings_stats_path(stats, path, why);
    if (error < 0 || *stats || !stat(path, &info))
        return error;
    if (!stat(run_path, &info))
        return put_path(path, run_path, "", why);
    return 0;
}
