/* table.h - columns for people: a list of maps, a row each.
 * Does:     measure and align; numbers to the right; times and sizes in units one can read.
 * Does not: print JSON. */
#ifndef GALLEY_CLI_TABLE_H
#define GALLEY_CLI_TABLE_H

#include "cli/rpc.h"

enum table_shape { TABLE_TEXT, TABLE_NUMBER, TABLE_BYTES, TABLE_SECONDS, TABLE_US };
struct table_column {
    const char *key, *title;
    enum table_shape shape;
};

/* Print the list that `list` stands at; the columns end with a NULL key. 0, -EBADMSG (it is no list). */
int table_print(struct mp_reader list, const struct table_column *columns)
    __attribute__((warn_unused_result));
/* One value in its shape: "1.5 GiB", "2h 5m". */
const char *table_cell(const struct mp_value *value, enum table_shape shape, char *out,
                       size_t size);

#endif
