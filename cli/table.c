/* table.c - columns for people.
 * Does:     two passes over the list: measure, print.
 * Does not: sort: the server's order is kept.
 * See:      table.h, t/21-cli-rpc.t */
#include "cli/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_COLUMNS = 16, CELL_BYTES = 128 };

static void write_bytes(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    double number = (double)bytes;
    for (; number >= 1024 && unit < 4; unit++)
        number /= 1024;
    snprintf(out, size, unit && number < 10 ? "%.1f %s" : "%.0f %s", number, units[unit]);
}

static void write_seconds(uint64_t seconds, char *out, size_t size)
{
    if (seconds < 60)
        snprintf(out, size, "%" PRIu64 "s", seconds);
    else if (seconds < 3600)
        snprintf(out, size, "%" PRIu64 "m %" PRIu64 "s", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        snprintf(out, size, "%" PRIu64 "h %" PRIu64 "m", seconds / 3600, seconds / 60 % 60);
    else
        snprintf(out, size, "%" PRIu64 "d %" PRIu64 "h", seconds / 86400, seconds / 3600 % 24);
}

static void write_us(uint64_t us, char *out, size_t size)
{
    if (us < 1000)
        snprintf(out, size, "%" PRIu64 " us", us);
    else if (us < 1000000)
        snprintf(out, size, us < 10000 ? "%.1f ms" : "%.0f ms", (double)us / 1e3);
    else
        snprintf(out, size, us < 10000000 ? "%.1f s" : "%.0f s", (double)us / 1e6);
}

const char *table_cell(const struct mp_value *value, enum table_shape shape, char *out, size_t size)
{
    if (shape == TABLE_BYTES && value->type == MP_UINT)
        write_bytes(value->uint, out, size);
    else if (shape == TABLE_US && value->type == MP_UINT)
        write_us(value->uint, out, size);
    else if (shape == TABLE_SECONDS && value->type == MP_UINT)
        write_seconds(value->uint, out, size);
    else if (shape == TABLE_SECONDS && value->type == MP_FLOAT && value->number >= 0 &&
             value->number < 1e15)
        write_seconds((uint64_t)value->number, out, size);
    else
        rpc_text(value, out, size);
    return out;
}

static void print_row(struct mp_reader row, const struct table_column *columns, const int *widths)
{
    for (size_t i = 0; columns[i].key; i++) {
        char cell[CELL_BYTES];
        struct mp_value value = rpc_get(row, columns[i].key);
        table_cell(&value, columns[i].shape, cell, sizeof(cell));
        bool last = !columns[i + 1].key;
        int width = columns[i].shape == TABLE_TEXT ? last ? 0 : -widths[i] : widths[i];
        printf("%*s%s", width, cell, last ? "\n" : "  ");
    }
}

int table_print(struct mp_reader list, const struct table_column *columns)
{
    struct mp_value head;
    int widths[MAX_COLUMNS] = {0};
    if (mp_get_type(&list, MP_ARRAY, &head) < 0)
        return -EBADMSG;
    for (size_t i = 0; columns[i].key; i++)
        widths[i] = (int)strlen(columns[i].title);
    struct mp_reader row = list;
    for (size_t r = 0; r < head.len; r++) {
        for (size_t i = 0; columns[i].key; i++) {
            char cell[CELL_BYTES];
            struct mp_value value = rpc_get(row, columns[i].key);
            int width = (int)strlen(table_cell(&value, columns[i].shape, cell, sizeof(cell)));
            widths[i] = width > widths[i] ? width : widths[i];
        }
        if (mp_skip(&row) < 0)
            return -EBADMSG;
    }
    for (size_t i = 0; columns[i].key; i++)
        printf("%*s%s", columns[i].shape == TABLE_TEXT ? -widths[i] : widths[i], columns[i].title,
               columns[i + 1].key ? "  " : "\n");
    for (size_t r = 0; r < head.len; r++) {
        print_row(list, columns, widths);
        if (mp_skip(&list) < 0)
            return -EBADMSG;
    }
    return 0;
}
