/* json_unique.h - which of many keys are the same, and one entry for each: the last, at the place of the first.
 * Does:     take any array whose elements begin with a galley_str; linear time, whatever the keys.
 * Does not: know problems (json_order.h does). */
#ifndef GALLEY_WORKER_APP_JSON_UNIQUE_H
#define GALLEY_WORKER_APP_JSON_UNIQUE_H

#include <galley/value.h>

enum { JSON_UNIQUE_FEW = 16 };

struct json_unique {
    uint32_t *first,
        *last; /* the first entry with the key of entry i; of such a first one the last of its key */
    bool has_duplicates;
    uint32_t *table; /* 1 + entry, by hash; NULL: few enough to look at all */
    size_t mask;
    uint32_t few[2 * JSON_UNIQUE_FEW];
};

/* The memory that so many entries take, from init to release. */
size_t json_unique_bytes(size_t count);
/* 0; -ENOMEM. */
int json_unique_init(struct json_unique *unique, const char *entries, size_t count,
                     size_t entry_bytes) GALLEY_MUST_USE;
void json_unique_release(struct json_unique *unique);
/* Move the last entry of each key to the place of the first, and close the gaps; how many remain. */
size_t json_unique_unite(const struct json_unique *unique, char *entries, size_t count,
                         size_t entry_bytes);

#endif
