/* route_table.h - what was counted of many routes, a row each.
 * Does:     add rows up by method and path, and sums that never go back; keep their texts.
 * Does not: know who counted (routes.c). */
#ifndef GALLEY_MASTER_ROUTE_TABLE_H
#define GALLEY_MASTER_ROUTE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/route_row.h"

/* At most so many different ones, those of earlier releases included; the rest shares the row "others". */
enum { ROUTE_TABLE_MAX = 4096 };

struct route_total {
    struct route_row row; /* its texts are those below */
    uint64_t in_flight;
    char method[ROUTE_ROW_TEXT_BYTES], path[ROUTE_ROW_TEXT_BYTES], name[ROUTE_ROW_TEXT_BYTES];
};

struct route_table {
    struct route_total **totals;
    size_t count, room;
    size_t
        next; /* where the next row is looked for first: rows come in the order of their application */
};

void route_table_release(struct route_table *table);
/* Add a row; `in_flight` of it are still to end. 0; -ENOMEM. */
int route_table_add(struct route_table *table, const struct route_row *row, uint64_t in_flight)
    __attribute__((warn_unused_result));

#endif
