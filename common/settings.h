/* settings.h - the typed values of all directives (options.def), whatever they came from.
 * Does:     hold them; settings_set parses one value; the file, environment and command line all
 *           call it.
 * Does not: read files (config.c) or act on anything. */
#ifndef GALLEY_COMMON_SETTINGS_H
#define GALLEY_COMMON_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/errmsg.h"

struct setting_list {
    char **at; /* each on the heap */
    size_t count;
    bool _replace; /* the next value comes from a new source: it replaces what is there */
};

#define SETTING_TYPE_STRING char *
#define SETTING_TYPE_LIST   struct setting_list
#define SETTING_TYPE_COUNT  uint64_t
#define SETTING_TYPE_BYTES  uint64_t
#define SETTING_TYPE_MS     int64_t
#define SETTING_TYPE_BOOL   bool
struct settings {
#define OPTION(name, TYPE, value, help) SETTING_TYPE_##TYPE name;
#include "common/options.def"
#undef OPTION
};

enum setting_type {
    SETTING_STRING,
    SETTING_LIST,
    SETTING_COUNT,
    SETTING_BYTES,
    SETTING_MS,
    SETTING_BOOL
};
struct setting_row {
    const char *name, *value, *help; /* the default, as written in the file */
    enum setting_type type;
    size_t offset;
};
extern const struct setting_row setting_rows[];
extern const size_t setting_row_count;

/* All defaults; lists start empty and take their default only in settings_finish. 0; -ENOMEM, and there is nothing to
 * release, but it may be. */
int settings_init(struct settings *settings);
void settings_release(struct settings *settings);
/* What follows comes from another source (file, environment, command line): the first value that it
 * has for a list replaces all earlier ones. */
void settings_source_start(struct settings *settings);
/* The row called `name` ('-' counts as '_'); NULL if there is none; then `nearest` (may be NULL)
 * gets the most alike, or NULL. */
const struct setting_row *setting_find(const char *name, const char **nearest);
/* Parse and set one value; a list grows by it. 0; -EINVAL or -ENOMEM with a sentence in `why` that begins with
 * `where`
 * ("etc/galley.conf:12", "--workers", "GALLEY_WORKERS"). */
int settings_set(struct settings *settings, const struct setting_row *row, const char *value,
                 const char *where, struct errmsg *why) __attribute__((warn_unused_result));
/* Set what the environment has: GALLEY_LISTEN and so on; a list's values are separated by spaces. A
 * GALLEY_ variable that is no directive is not ours. Starts a source. 0, -EINVAL, -ENOMEM. */
int settings_set_from_environment(struct settings *settings, struct errmsg *why)
    __attribute__((warn_unused_result));
/* After the last source: fill what depends on the machine (workers, lists without a value), and
 * check what must go together. 0, -EINVAL, -ENOMEM. */
int settings_finish(struct settings *settings, struct errmsg *why)
    __attribute__((warn_unused_result));

enum { SETTINGS_PATH_BYTES = 108 }; /* of a UNIX socket */
/* Where the stats socket is made: `stats` if it is not empty, else /run/galley/galley.sock for root
 * or where that folder can be written, else $XDG_RUNTIME_DIR/galley.sock, else
 * /tmp/galley-UID.sock. 0, -EINVAL it is too long. */
int settings_stats_path(const char *stats, char path[SETTINGS_PATH_BYTES], struct errmsg *why)
    __attribute__((warn_unused_result));
/* The same for a client: if nothing is there, but at /run/galley/galley.sock is a socket, that one.
 */
int settings_stats_path_to_ask(const char *stats, char path[SETTINGS_PATH_BYTES],
                               struct errmsg *why) __attribute__((warn_unused_result));

#endif
