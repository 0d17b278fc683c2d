/* sql_migrate.c - the schema of a database, brought up to date by numbered files, each applied once.
 * Does:     read a folder of 0001-items.sql, 0002-...; apply in order what the table galley_migration does not name, each
 *           in a transaction of its own that keeps every other worker and host out; refuse a gap, and a file that was
 *           changed after it was applied.
 * Does not: go back; or run while requests are served: it is for the start hook, so it reads files without a thread.
 *
 * A database that is ahead of the folder (an older release starts while a newer one has been there) is left alone, with a
 * line in the log.
 * See:      galley/sql.h, cli/cmd_migrate.c, t/unit/worker/io/sql_migrate.c */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/io/sql.h"

enum { SCRIPT_MAX_BYTES = 4 << 20, NUMBER_DIGITS = 4, CHECKSUM_BYTES = 17 };

/* One file of the folder. */
struct migration {
    const char *name; /* "0001-items.sql" */
    const char *script;
    char checksum[CHECKSUM_BYTES];
};
struct folder {
    const char *path;
    struct migration *at; /* in the arena, number 1 first, without a gap */
    size_t count, room;
};

/* ---- the folder ---- */

static void take_checksum(struct migration *migration, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: against mistakes, not against malice */
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)migration->script[i]) * 0x100000001b3u;
    snprintf(migration->checksum, sizeof migration->checksum, "%016llx", (unsigned long long)hash);
}

/* The number of "0001-items.sql"; 0: it is no migration; -1: it wants to be one, and is not. */
static int number_of(const char *name)
{
    size_t len = strlen(name), digits = strspn(name, "0123456789");
    if (digits == 0 || len < 5 || strcmp(name + len - 4, ".sql") != 0)
        return 0;
    if (digits != NUMBER_DIGITS || (name[digits] != '-' && name[digits] != '.'))
        return -1;
    return (int)strtol(name, NULL, 10) > 0 ? (int)strtol(name, NULL, 10) : -1;
}

static int read_script(galley_async *co, const struct folder *folder, struct migration *migration,
                       const char *here)
{
    char path[4096];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder->path, migration->name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) < 0) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return coro_fail(co, error, here, "cannot read the migration %s: %s", path,
                         strerror(error));
    }
    size_t size = info.st_size <= SCRIPT_MAX_BYTES ? (size_t)info.st_size : SIZE_MAX;
    char *text = size == SIZE_MAX ? NULL : arena_alloc(co->arena, size + 1);
    ssize_t got = text != NULL ? read(fd, text, size) : -1;
    close(fd);
    if (got < 0 || (size_t)got != size)
        return coro_fail(co, EINVAL, here,
                         "cannot read the migration %s: it has %lld bytes, and %d are the most",
                         path, (long long)info.st_size, SCRIPT_MAX_BYTES);
    text[size] = '\0';
    if (strlen(text) != size)
        return coro_fail(co, EINVAL, here, "the migration %s is no text", path);
    migration->script = text;
    take_checksum(migration, size);
    return 0;
}

static int note_file(galley_async *co, struct folder *folder, const char *name, const char *here)
{
    int number = number_of(name);
    if (number < 0)
        return coro_fail(co, EINVAL, here,
                         "%s/%s is no migration: their names are 0001-items.sql, 0002-...",
                         folder->path, name);
    if (number == 0)
        return 0;
    if ((size_t)number > folder->room) {
        size_t room = (size_t)number + 64;
        struct migration *more =
            arena_grow(co->arena, folder->at, folder->room * sizeof *more, room * sizeof *more);
        if (more == NULL)
            return coro_fail(co, ENOMEM, here, "no memory for migrations");
        memset(more + folder->room, 0, (room - folder->room) * sizeof *more);
        folder->at = more;
        folder->room = room;
    }
    struct migration *migration = &folder->at[number - 1];
    if (migration->name != NULL)
        return coro_fail(co, EINVAL, here, "%s has two migrations %04d: %s and %s", folder->path,
                         number, migration->name, name);
    migration->name = arena_dup(co->arena, name, strlen(name));
    if (migration->name == NULL)
        return coro_fail(co, ENOMEM, here, "no memory for migrations");
    if ((size_t)number > folder->count)
        folder->count = (size_t)number;
    return read_script(co, folder, migration, here);
}

static int read_folder(galley_async *co, struct folder *folder, const char *here)
{
    DIR *dir = opendir(folder->path);
    int rc = 0, error = errno;
    if (dir == NULL)
        return coro_fail(co, error, here, "cannot read the folder of migrations %s: %s",
                         folder->path, strerror(error));
    for (struct dirent *entry; rc == 0 && (entry = readdir(dir)) != NULL;)
        rc = note_file(co, folder, entry->d_name, here);
    closedir(dir);
    for (size_t i = 0; rc == 0 && i < folder->count; i++)
        if (folder->at[i].name == NULL)
            rc = coro_fail(co, EINVAL, here, "%s has no migration %04zu, but %s", folder->path,
                           i + 1, folder->at[folder->count - 1].name);
    return rc;
}

/* ---- the database ---- */

struct step {
    struct folder *folder;
    const char *here;
    const struct migration *applied; /* by the last step; NULL: nothing is missing */
    size_t number;
    size_t missing_count;
    bool should_apply;
};

/* How many of the folder's have been applied, or -errno: one of them has changed since. */
static int64_t compare(galley_async *co, const struct galley_sql_rows *rows,
                       const struct step *step, const char *database)
{
    size_t done = 0;
    for (size_t i = 0; i < rows->row_count; i++) {
        const struct galley_sql_value *cell = &rows->cells[i * rows->column_count];
        int64_t number = cell[0].integer;
        if (number != (int64_t)i + 1)
            return coro_fail(co, EINVAL, step->here,
                             "%s has applied no migration %04zu, but %04lld", database, i + 1,
                             (long long)number);
        if (i >= step->folder->count)
            continue;
        done = i + 1;
        if (!galley_str_is(cell[2].text, step->folder->at[i].checksum))
            return coro_fail(co, EINVAL, step->here,
                             "%s/%s has changed since it was applied to %s (as %.*s, %.*s): undo "
                             "that, and write a new migration",
                             step->folder->path, step->folder->at[i].name, database,
                             GALLEY_STR_ARG(cell[1].text), GALLEY_STR_ARG(cell[3].text));
    }
    if (rows->row_count > step->folder->count)
        log_line(LOG_LEVEL_WARN, "migrations_ahead", "%s has %zu migrations, %s only %zu", database,
                 rows->row_count, step->folder->path, step->folder->count);
    return (int64_t)done;
}

static const char create_table[] =
    "create table if not exists galley_migration (number integer primary key, name text not null, "
    "checksum text not null, applied_at text not null)";

/* In a transaction: apply the first one that is missing. 0; -errno. */
static GALLEY_YIELDS int apply_next(galley_async *co, galley_sql *tx, void *arg)
{
    struct step *step = arg;
    struct sql_conn *conn = sql_tx_conn(tx->tx);
    const struct sql_driver *driver = conn->db->driver;
    struct galley_sql_rows rows;
    step->applied = NULL;
    int64_t rc = driver->lock_statement != NULL
                     ? sql_control(co, conn, driver->lock_statement, step->here)
                     : 0;
    if (rc >= 0)
        rc = galley__sql_exec(co, tx, create_table, GALLEY__SQL_ARGS(), step->here);
    if (rc >= 0)
        rc = galley__sql_query(co, tx, &rows,
                               "select number, name, checksum, applied_at from galley_migration "
                               "order by number",
                               GALLEY__SQL_ARGS(), step->here);
    if (rc >= 0)
        rc = compare(co, &rows, step, conn->db->name);
    if (rc < 0)
        return (int)rc;
    step->missing_count = step->folder->count - (size_t)rc;
    if (step->missing_count == 0 || !step->should_apply)
        return 0;
    const struct migration *next = &step->folder->at[rc];
    step->number = (size_t)rc + 1;
    int done = driver->run_script(co, conn, next->script, NULL);
    if (done < 0)
        return coro_fail(co, done, step->here, "%s/%s: %.160s", step->folder->path, next->name,
                         galley_why(co));
    if (!conn->is_in_transaction)
        return coro_fail(co, EINVAL, step->here, "%s/%s ends the transaction it runs in",
                         step->folder->path, next->name);
    galley_time now = {.seconds = time(NULL), .has_offset = true};
    rc = galley__sql_exec(
        co, tx,
        "insert into galley_migration (number, name, checksum, applied_at) "
        "values ($1, $2, $3, $4)",
        GALLEY__SQL_ARGS((int64_t)step->number, next->name, (const char *)next->checksum, now),
        step->here);
    step->applied = next;
    return rc < 0 ? (int)rc : 0;
}

/* For `galley migrate`, which tells. */
static int report(struct remotes *remotes, const struct sql_db *db, const struct step *step)
{
    if (remotes->migrated == NULL)
        return 0;
    return remotes->migrated(remotes->migrated_arg, db->name, (int)step->number,
                             step->applied != NULL ? step->applied->name : NULL);
}

int sql_migrate(galley_async *co, struct sql_db *db, const char *path, bool should_apply,
                const char *here)
{
    struct folder folder = {.path = path};
    struct step step = {.folder = &folder, .here = here, .should_apply = should_apply};
    int rc = read_folder(co, &folder, here);
    if (rc == 0)
        rc = report(db->remotes, db, &step);
    do {
        if (rc == 0)
            rc = galley__sql_transaction(co, &db->handle, apply_next, &step, here);
        if (rc == 0 && step.applied != NULL) {
            log_line(LOG_LEVEL_NOTICE, "migrated", "%s to %s", db->name, step.applied->name);
            rc = report(db->remotes, db, &step);
        }
    } while (rc == 0 && step.applied != NULL);
    if (rc == 0 && step.missing_count > 0)
        rc = coro_fail(
            co, EINVAL, here,
            "%s lacks %zu migrations of %s, the first is %s: run `galley migrate APP`, or "
            "set .migrate_at_start",
            db->name, step.missing_count, path, folder.at[folder.count - step.missing_count].name);
    return rc;
}
