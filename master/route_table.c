/* route_table.c - what was counted of many routes, a row each.
 * Does:     what route_table.h says. A route keeps the name under which it was first added.
 * Does not: forget a route: what was counted stays.
 * See:      t/unit/master/routes.c */
#include "master/route_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void route_table_release(struct route_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->totals[i]);
    free(table->totals);
    *table = (struct route_table){0};
}

static galley_str keep(char *room, galley_str text)
{
    if (text.data == NULL)
        return text;
    memcpy(room, text.data, text.len);
    return (galley_str){room, text.len};
}

static struct route_total *find(struct route_table *table, const struct route_row *row)
{
    for (size_t i = 0; i < table->count; i++) {
        size_t at =
            table->next + i < table->count ? table->next + i : table->next + i - table->count;
        if (route_row_is_same(&table->totals[at]->row, row)) {
            table->next = at + 1 < table->count ? at + 1 : 0;
            return table->totals[at];
        }
    }
    return NULL;
}

static struct route_total *append(struct route_table *table, const struct route_row *row)
{
    if (table->count == table->room) {
        size_t room = table->room ? 2 * table->room : 32;
        struct route_total **totals = realloc(table->totals, room * sizeof(struct route_total *));
        if (!totals)
            return NULL;
        table->totals = totals;
        table->room = room;
    }
    struct route_total *total = calloc(1, sizeof(*total));
    if (!total)
        return NULL;
    total->row.method = keep(total->method, row->method);
    total->row.path = keep(total->path, row->path);
    total->row.name = keep(total->name, row->name);
    table->totals[table->count++] = total;
    table->next = 0;
    return total;
}

int route_table_add(struct route_table *table, const struct route_row *row, uint64_t in_flight)
{
    static const struct route_row others = {.name = GALLEY_STR("others")};
    const struct route_row *key = row;
    struct route_total *total = find(table, key);
    if (!total && table->count >= ROUTE_TABLE_MAX - 1) {
        key = &others;
        total = find(table, key);
    }
    if (!total)
        total = append(table, key);
    if (!total)
        return -ENOMEM;
    route_row_add(&total->row, row);
    if (__builtin_add_overflow(total->in_flight, in_flight, &total->in_flight))
        total->in_flight = UINT64_MAX;
    return 0;
}
