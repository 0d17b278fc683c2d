/* cmd_migrate.c - galley migrate: bring the databases of an application up to date, without serving.
 * Does:     run its start hook in a child, where each galley_sql_open applies the migrations that are missing; print which.
 * Does not: go back, or know databases.
 * See:      galley/sql.h, worker/migrate.c, t/90-shop.t */
#include <stdio.h>
#include <string.h>

#include "cli/child.h"
#include "cli/json.h"
#include "cli/run.h"
#include "common/log.h"

enum { REPORT_MAX_BYTES = 4 << 20 };

/* One line of the report: a database (name.data NULL), or what was applied to it. */
struct applied {
    struct mp_value database, number, name;
};

static bool take_applied(struct mp_reader *reader, struct applied *applied)
{
    struct mp_value key, *const values[] = {&applied->database, &applied->number, &applied->name};
    if (reader->at == reader->end || mp_get_type(reader, MP_MAP, &key) < 0)
        return false;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (mp_get(reader, &key) < 0 || mp_get(reader, values[i]) < 0)
            return false;
    if (applied->name.type == MP_NIL)
        applied->name.data = NULL;
    return true;
}

static void print_lines(struct mp_reader reader)
{
    struct applied at, next;
    bool is_more = take_applied(&reader, &at);
    if (!is_more)
        puts("no database with migrations was opened");
    for (; is_more; at = next) {
        is_more = take_applied(&reader, &next);
        if (at.name.data)
            printf("%.*s: applied %.*s\n", (int)at.database.len, at.database.data, (int)at.name.len,
                   at.name.data);
        else if (!is_more || !next.name.data)
            printf("%.*s: nothing to apply\n", (int)at.database.len, at.database.data);
    }
}

static void print_json(struct mp_reader reader, bool ok, const char *message)
{
    struct applied at;
    struct mp_reader again = reader;
    const char *between = "";
    printf("{\"ok\":%s,\"message\":", ok ? "true" : "false");
    json_print_text(message, strlen(message));
    fputs(",\"databases\":[", stdout);
    while (take_applied(&reader, &at))
        if (!at.name.data) {
            fputs(between, stdout);
            json_print_text(at.database.data, at.database.len);
            between = ",";
        }
    fputs("],\"applied\":[", stdout);
    for (between = ""; take_applied(&again, &at);) {
        if (!at.name.data)
            continue;
        printf("%s{\"database\":", between);
        json_print_text(at.database.data, at.database.len);
        printf(",\"number\":%lld,\"name\":", (long long)at.number.integer);
        json_print_text(at.name.data, at.name.len);
        putchar('}');
        between = ",";
    }
    puts("]}");
}

static int migrate(const char *app_path, void *arg, struct errmsg *why)
{
    const bool *json = arg;
    struct buf out;
    struct mp_reader reader;
    buf_init(&out, REPORT_MAX_BYTES);
    log_open(2, LOG_LEVEL_WARN, "migrate");
    int error = run_migrate(app_path, &out, why);
    mp_reader_init(&reader, buf_at(&out), buf_len(&out));
    if (*json)
        print_json(reader, !error, why->text);
    else if (!error || buf_len(&out) > 0)
        print_lines(reader);
    buf_release(&out);
    return error;
}

int cmd_migrate(const struct cli_command *command, int argc, char **argv)
{
    bool json = false;
    return child_command(command, argc, argv, migrate, &json);
}
