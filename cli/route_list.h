/* route_list.h - the answer of `routes` for people: a table, the busiest first where a rate is known.
 * Does:     remember how many requests there were, to tell how many came since.
 * Does not: ask (cmd_routes.c, cmd_top.c). */
#ifndef GALLEY_CLI_ROUTE_LIST_H
#define GALLEY_CLI_ROUTE_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "cli/rpc.h"

/* What was there at the last look. Zero before the first. */
struct route_past {
    struct route_seen {
        char *key; /* method, path and handler */
        uint64_t requests;
    } * seen;
    size_t count;
    int64_t at_ms; /* of the look; 0: there was none */
};
void route_past_release(struct route_past *past);

/* All rows in their order, without rates. 0; -EBADMSG it is no list of routes; -ENOMEM. */
int route_list_print(struct mp_reader list) __attribute__((warn_unused_result));
/* The `most` busiest since `past`, which becomes what is there now; before a first look, those with the most requests. */
int route_list_print_busiest(struct mp_reader list, struct route_past *past, int64_t now_ms,
                             size_t most) __attribute__((warn_unused_result));

#endif
