/* json_order.h - problems in the order of the declaration, though the text has another one; the last of duplicate keys.
 * Does:     label, sort and drop the problems that were gathered behind a mark; unite duplicate entries of maps.
 * Does not: anything where there is no problem and no duplicate, but look for the latter.
 * See:      json_read.c */
#ifndef GALLEY_WORKER_APP_JSON_ORDER_H
#define GALLEY_WORKER_APP_JSON_ORDER_H

#include "worker/app/problems.h"

/* `mark` is the last problem before those in question, NULL for the first. */

/* Label all problems behind the mark, for json_order_sort. */
void json_order_label(struct problems *problems, struct problem *mark, unsigned order);
/* Sort the problems behind the mark by their labels; equal ones stay as they are. */
void json_order_sort(struct problems *problems, struct problem *mark);
/* Forget the problems behind the mark. */
void json_order_drop(struct problems *problems, struct problem *mark);

/* Labels while an object is read: the place of the member, and how many members were read again before (a duplicate key);
 * JSON_ORDER_EXTRA and above for keys that are no members. */
#define JSON_ORDER_EXTRA (1u << 31)
static inline unsigned json_order_of(unsigned place, unsigned again_count)
{
    return place | (again_count < (1u << 25) ? again_count : (1u << 25) - 1) << 6;
}
/* Of each member keep the problems of its last reading, where its bit in `bad` says that it has some; labels become places. */
void json_order_latest(struct problems *problems, struct problem *mark, uint64_t bad);
/* Of the keys that are no members: keep the last of each at the first one's place. */
void json_order_extras(struct problems *problems, struct problem *mark);
/* Unite entries of the same key (a galley_str that each begins with): the last one at the place of the first. Problems are
 * labelled with their entry's place in the text; *bad_count tells how many entries have some, in the end. 0; -ENOMEM. */
int json_order_map(struct problems *problems, struct problem *mark, char *entries, size_t *count,
                   size_t entry_bytes, size_t *bad_count) GALLEY_MUST_USE;

#endif
