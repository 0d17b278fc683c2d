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
/* Forget the problems behind the mark, all or those of one label. */
void json_order_drop(struct problems *problems, struct problem *mark);
void json_order_drop_labelled(struct problems *problems, struct problem *mark, unsigned order);
/* Of problems labelled `first` and above, which are of single keys: keep the last of each key at the first one's place. */
void json_order_extras(struct problems *problems, struct problem *mark, unsigned first);
/* Unite entries of the same key (a galley_str that each begins with): the last one at the place of the first. Problems are
 * labelled with their entry's place in the text; *bad_count tells how many entries have some, in the end. 0; -ENOMEM. */
int json_order_map(struct problems *problems, struct problem *mark, char *entries, size_t *count,
                   size_t entry_bytes, size_t *bad_count) GALLEY_MUST_USE;

#endif
