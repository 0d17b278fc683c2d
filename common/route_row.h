/* route_row.h - what was counted of one route, as a worker tells it and the master adds it up.
 * Does:     write and read a row as MessagePack, checked to the byte; add rows up; tell whether one can follow another.
 * Does not: count (worker/http/route_stats.h) or keep rows (master/routes.c). docs/PROTOCOL.md has the fields. */
#ifndef GALLEY_COMMON_ROUTE_ROW_H
#define GALLEY_COMMON_ROUTE_ROW_H

#include <stdbool.h>

#include <galley/value.h>

#include "common/histogram.h"
#include "common/mp.h"

enum {
    ROUTE_ROW_CLASSES = 6,      /* of responses, by hundreds of their status; 0: no answer */
    ROUTE_ROW_TEXT_BYTES = 203, /* of each text, at most */
    ROUTE_ROW_MAX_BYTES = 3200, /* of a whole row */
    ROUTE_ROWS_MAX = 1300       /* that a worker tells */
};

struct route_row {
    galley_str method, path,
        name;          /* data NULL: nil; two rows stand for no route, they have a name alone */
    uint64_t requests; /* begun */
    uint64_t cancelled, blocked, arena_high_bytes, stack_high_bytes;
    uint64_t responses[ROUTE_ROW_CLASSES];
    struct histogram latency_us;
};

void route_row_put(struct mp_writer *out, const struct route_row *row);
/* The next row; its texts are borrowed from the input. 0; -EBADMSG for anything else, and for more answers than requests. */
int route_row_get(struct mp_reader *reader, struct route_row *row)
    __attribute__((warn_unused_result));

/* Begun and not ended. */
uint64_t route_row_in_flight(const struct route_row *row);
/* Whether both are of the same route: method and path; without a path, the name. */
bool route_row_is_same(const struct route_row *a, const struct route_row *b);
/* Whether a worker that has told `old` may tell `new` of the same route: nothing has become less. */
bool route_row_may_follow(const struct route_row *old, const struct route_row *new);
/* Add all numbers of `from`, which stop at the largest one; of the high marks the higher stays. */
void route_row_add(struct route_row *sum, const struct route_row *from);

#endif
