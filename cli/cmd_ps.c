/* cmd_ps.c - galley ps: what every coroutine of every worker waits for, a row each.
 * Does:     print the rows of `coroutines`; say on standard error whose rows are missing.
 * Does not: show who waits for whom (galley pstree does). */
#include <inttypes.h>
#include <stdio.h>

#include "cli/coroutines.h"
#include "cli/table.h"

enum { TABLE_MAX_BYTES = 16 << 20 };

static const struct table_column columns[] = {
    {"worker", "WORKER", TABLE_NUMBER}, {"id", "ID", TABLE_NUMBER},
    {"parent", "PARENT", TABLE_NUMBER}, {"age_ms", "AGE MS", TABLE_NUMBER},
    {"route", "ROUTE", TABLE_TEXT},     {"name", "NAME", TABLE_TEXT},
    {"place", "PLACE", TABLE_TEXT},     {"doing", "DOING", TABLE_TEXT},
    {NULL, NULL, TABLE_TEXT},
};

static void put_pair(struct mp_writer *out, const char *key, const char *text)
{
    mp_put_str(out, key);
    mp_put_str(out, text);
}

/* What the table shows of a row, which is not as flat. */
static void put_row(struct mp_writer *out, const struct coroutine *row)
{
    static const char *const as_they_are[] = {"age_ms", "route", "name"};
    char text[COROUTINE_TEXT_BYTES];
    mp_put_map(out, 8);
    mp_put_str(out, "worker");
    mp_put_uint(out, row->worker);
    mp_put_str(out, "id");
    mp_put_uint(out, row->id);
    mp_put_str(out, "parent");
    if (row->parent_id)
        mp_put_uint(out, row->parent_id);
    else
        mp_put_nil(out);
    for (size_t i = 0; i < sizeof(as_they_are) / sizeof(as_they_are[0]); i++) {
        coroutine_text(row, as_they_are[i], text);
        put_pair(out, as_they_are[i], text);
    }
    coroutine_place(row, text);
    put_pair(out, "place", text);
    coroutine_doing(row, text);
    put_pair(out, "doing", text);
}

static int print_table(const struct rpc *rpc, const struct coroutines *all)
{
    struct buf table;
    struct mp_writer out;
    struct mp_reader list;
    buf_init(&table, TABLE_MAX_BYTES);
    mp_writer_init(&out, &table);
    mp_put_array(&out, all->count);
    for (size_t i = 0; i < all->count; i++)
        put_row(&out, &all->rows[i]);
    mp_reader_init(&list, buf_at(&table), buf_len(&table));
    int status = CLI_OK;
    if (out.error)
        status = cli_fail(CLI_FAILED, "no memory for %zu coroutines", all->count);
    else if (table_print(list, columns) < 0)
        status = rpc_strange(rpc);
    buf_release(&table);
    return status;
}

static void tell_missing(const struct coroutines *all)
{
    struct mp_reader worker = all->workers;
    for (size_t i = 0; i < all->worker_count; i++) {
        char text[COROUTINE_TEXT_BYTES];
        if (!coroutines_write_worker(worker, text))
            fprintf(stderr, "galley: %s\n", text);
        if (mp_skip(&worker) < 0)
            return;
    }
}

static int show(struct rpc *rpc, const struct coroutines *all)
{
    int status = rpc->json ? rpc_print_json(rpc) : print_table(rpc, all);
    if (!status)
        tell_missing(all);
    return status;
}

int cmd_ps(const struct cli_command *command, int argc, char **argv)
{
    return coroutines_command(command, argc, argv, show);
}
