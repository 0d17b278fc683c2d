/* routes.h - what this worker counted of its routes, as rows for its master.
 * Does:     write a row for each route, and one for what none matched.
 * Does not: send (channel.c) or count (http/route_stats.h). */
#ifndef GALLEY_WORKER_ROUTES_H
#define GALLEY_WORKER_ROUTES_H

#include "common/buf.h"

struct app;

/* Append the rows (common/route_row.h), in the order of the application: of the first ROUTE_ROWS_MAX, then, under the
 * names "others" (if there are more) and "unmatched", of the rest. How many rows; 0 without memory. */
size_t routes_write(const struct app *app, struct buf *rows) __attribute__((warn_unused_result));

#endif
