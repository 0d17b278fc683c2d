/* 26-sql-databases.c - rows in structs, statements with arguments, a transaction that undoes itself. */
#include <galley.h>
#include <stdlib.h>

GALLEY_STRUCT(account, (galley_str, name, .min_length = 1), (int64_t, cents, .ge = 0));
GALLEY_ROOT(accounts, (struct account_list, all, LIST_OF(account)));

static galley_sql *bank;

static const char create_table[] = "create table if not exists account ("
                                   "name text primary key, "
                                   "cents bigint not null check (cents >= 0))";

static int start(galley_async *co)
{
    const char *url = getenv("BANK");
    int rc = galley_sql_open(co, &bank, .url = url != NULL ? url : "sqlite::memory:");
    if (rc < 0)
        return rc;
    int64_t done = galley_sql_exec(co, bank, create_table);
    return done < 0 ? (int)done : 0;
}

GALLEY_STRUCT(create_account_in, (struct account, body, BODY(account)));

static int create_account(galley_async *co, const struct create_account_in *in, struct account *out)
{
    int64_t rc = galley_sql_exec(co, bank, "insert into account (name, cents) values ($1, $2)",
                                 in->body.name, in->body.cents);
    if (rc == -GALLEY_ECONSTRAINT)
        return galley_fail(co, 409, "%.*s has an account", GALLEY_STR_ARG(in->body.name));
    *out = in->body;
    return rc < 0 ? (int)rc : 0;
}

GALLEY_STRUCT(read_account_in, (galley_str, name, PATH));

static int read_account(galley_async *co, const struct read_account_in *in, struct account *out)
{
    int rc = galley_sql_one(co, bank, out, account,
                            "select name, cents from account where name = $1", in->name);
    if (rc == 0)
        return galley_fail(co, 404, "%.*s has no account", GALLEY_STR_ARG(in->name));
    return rc;
}

GALLEY_STRUCT(list_accounts_in, (int64_t, at_least, QUERY, DEFAULT(0)));

static int list_accounts(galley_async *co, const struct list_accounts_in *in, struct accounts *out)
{
    int64_t count = galley_sql_all(
        co, bank, &out->all, account,
        "select name, cents from account where cents >= $1 order by name", in->at_least);
    return count < 0 ? (int)count : 0;
}

GALLEY_STRUCT(transfer, (galley_str, from), (galley_str, to), (int64_t, cents, .ge = 1));
GALLEY_STRUCT(transfer_in, (struct transfer, body, BODY(transfer)));

static int move_money(galley_async *co, galley_sql *tx, struct transfer *transfer)
{
    int64_t given =
        galley_sql_exec(co, tx, "update account set cents = cents + $1 where name = $2",
                        transfer->cents, transfer->to);
    if (given == 1)
        given = galley_sql_exec(co, tx, "update account set cents = cents - $1 where name = $2",
                                transfer->cents, transfer->from);
    if (given == -GALLEY_ECONSTRAINT)
        return galley_fail(co, 409, "%.*s has too little", GALLEY_STR_ARG(transfer->from));
    return given < 0 ? (int)given : given == 0 ? galley_fail(co, 404, "no such account") : 0;
}

static int transfer(galley_async *co, const struct transfer_in *in, struct transfer *out)
{
    *out = in->body;
    return galley_sql_transaction(co, bank, move_money, out);
}

GALLEY_APP(.title = "Bank", .on_start = start,
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/accounts", create_account, create_account_in, account, .status = 201),
               GALLEY_GET("/accounts", list_accounts, list_accounts_in, accounts),
               GALLEY_GET("/accounts/{name}", read_account, read_account_in, account),
               GALLEY_POST("/transfers", transfer, transfer_in, transfer)));
