/* json_compact.c - JSON text without what is not needed; see json_compact.h.
 * Does:     walk over strings and the rest in turn.
 * Does not: parse numbers or nesting.
 * See:      t/unit/worker/app/json_value.c */
#include "worker/app/json_compact.h"

#include <errno.h>
#include <string.h>

#include "worker/app/json_scan.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind the string that begins at `at`. */
static const char *pass_string(const char *at, const char *end)
{
    for (at = json_scan_plain(at + 1, end); *at != '"'; at = json_scan_plain(at, end))
        at += *at == '\\' ? 2 : 1;
    return at + 1;
}

/* The first byte outside strings that is not needed, or of NaN, Infinity, -Infinity; `end`: there is none. */
static const char *find_surplus(const char *at, const char *end)
{
    while (at < end && !is_space(*at) && *at != 'N' && *at != 'I' &&
           !(*at == '-' && at + 1 < end && at[1] == 'I'))
        at = *at == '"' ? pass_string(at, end) : at + 1;
    return at;
}

int json_compact(galley_str *text, struct arena *arena)
{
    const char *at = text->data, *end = at + text->len;
    const char *surplus = find_surplus(at, end);
    if (surplus == end)
        return 0;
    size_t room = text->len + text->len / 3 + 1; /* null is longer than NaN */
    char *copy = arena_alloc(arena, room), *to = copy;
    if (copy == NULL)
        return -ENOMEM;
    while (at < end) {
        memcpy(to, at, (size_t)(surplus - at));
        to += surplus - at;
        at = surplus;
        if (at < end && is_space(*at)) {
            at++;
        } else if (at < end) {
            at += *at == 'N' ? 3 : *at == 'I' ? 8 : 9;
            memcpy(to, "null", 4);
            to += 4;
        }
        surplus = find_surplus(at, end);
    }
    *text = (galley_str){copy, (size_t)(to - copy)};
    return 0;
}
