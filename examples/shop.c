/* shop.c - items and orders in a database: the same program on SQLite and on PostgreSQL.
 *
 *     make && build/bin/galley migrate build/examples/shop.so        sqlite:shop.db: applied 0001-items.sql ...
 *     build/bin/galley run build/examples/shop.so
 *
 *     curl -d '{"sku":"nut","name":"Hex nut","price_cents":25,"stock":3}' -H 'content-type: application/json' http://127.0.0.1:8000/items
 *         {"sku":"nut","name":"Hex nut","price_cents":25,"stock":3}
 *     curl -d '{"sku":"nut","count":2,"customer":"Ada"}' -H 'content-type: application/json' http://127.0.0.1:8000/orders
 *         {"id":"0a1b...","sku":"nut","count":2,"total_cents":50,"customer":"Ada","ordered_at":"2026-11-23T20:45:10Z"}
 *     curl -d '{"sku":"nut","count":2,"customer":"Bob"}' -H 'content-type: application/json' http://127.0.0.1:8000/orders
 *         {"detail":"there are only 1 of nut"}, with status 409; nothing was taken
 *     curl http://127.0.0.1:8000/items
 *         [{"sku":"nut","name":"Hex nut","price_cents":25,"stock":1}]
 *     curl http://127.0.0.1:8000/report
 *         {"items":1,"orders":1,"earned_cents":50,"sold_out":[],"best":[{"sku":"nut","sold":2}]}
 *
 * Another database:  SHOP_DATABASE=postgresql://shop@localhost/shop   for both commands. */
#include <errno.h>
#include <galley.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static galley_sql *shop;

static int start(galley_async *co)
{
    const char *url = getenv("SHOP_DATABASE");
    return galley_sql_open(co, &shop, .url = url != NULL ? url : "sqlite:shop.db",
                           .migrations = "examples/shop");
}

/* ---- items ---- */

GALLEY_STRUCT(item, (galley_str, sku, .min_length = 1, .max_length = 40),
              (galley_str, name, .max_length = 80), (int64_t, price_cents, .ge = 1),
              (int64_t, stock, .ge = 0));
GALLEY_STRUCT(create_item_in, (struct item, body, BODY(item)));
GALLEY_ROOT(items, (struct item_list, all, LIST_OF(item)));

static int create_item(galley_async *co, const struct create_item_in *in, struct item *out)
{
    int64_t rc = galley_sql_exec(
        co, shop, "insert into item (sku, name, price_cents, stock) values ($1, $2, $3, $4)",
        in->body.sku, in->body.name, in->body.price_cents, in->body.stock);
    if (rc == -GALLEY_ECONSTRAINT)
        return galley_fail(co, 409, "there is a %.*s already", GALLEY_STR_ARG(in->body.sku));
    *out = in->body;
    return rc < 0 ? (int)rc : 0;
}

static int list_items(galley_async *co, const struct galley_none *in, struct items *out)
{
    (void)in;
    int64_t count = galley_sql_all(co, shop, &out->all, item,
                                   "select sku, name, price_cents, stock from item order by sku");
    return count < 0 ? (int)count : 0;
}

/* ---- orders ---- */

GALLEY_STRUCT(order_wish, (galley_str, sku), (int64_t, count, .ge = 1, .le = 1000),
              (galley_str, customer, .min_length = 1, .max_length = 80));
GALLEY_STRUCT(create_order_in, (struct order_wish, body, BODY(order_wish)));
GALLEY_STRUCT(order, (galley_uuid, id), (galley_str, sku), (int64_t, count), (int64_t, total_cents),
              (galley_str, customer), (galley_time, ordered_at));

/* Runs in a transaction: what it returns below 0 undoes all of it, and so does a client that leaves in the middle. */
static int place_order(galley_async *co, galley_sql *tx, struct order *order)
{
    struct item item;
    int found =
        galley_sql_one(co, tx, &item, item,
                       "select sku, name, price_cents, stock from item where sku = $1", order->sku);
    if (found == 0)
        return galley_fail(co, 404, "there is no %.*s", GALLEY_STR_ARG(order->sku));
    if (found < 0)
        return found;
    int64_t taken =
        galley_sql_exec(co, tx, "update item set stock = stock - $1 where sku = $2 and stock >= $1",
                        order->count, order->sku);
    if (taken == 0)
        return galley_fail(co, 409, "there are only %lld of %.*s", (long long)item.stock,
                           GALLEY_STR_ARG(order->sku));
    if (taken < 0)
        return (int)taken;
    order->total_cents = order->count * item.price_cents;
    int64_t rc = galley_sql_exec(co, tx,
                                 "insert into purchase (id, sku, count, total_cents, customer, "
                                 "ordered_at) values ($1, $2, $3, $4, $5, $6)",
                                 order->id, order->sku, order->count, order->total_cents,
                                 order->customer, order->ordered_at);
    return rc < 0 ? (int)rc : 0;
}

static int create_order(galley_async *co, const struct create_order_in *in, struct order *out)
{
    *out = (struct order){.sku = in->body.sku,
                          .count = in->body.count,
                          .customer = in->body.customer,
                          .ordered_at = {.seconds = time(NULL), .has_offset = true}};
    if (getrandom(out->id.octet, sizeof out->id.octet, 0) < 0)
        return galley_fail(co, 503, "there is no randomness");
    return galley_sql_transaction(co, shop, place_order, out);
}

/* ---- the report: four questions at once, each on a connection of its own ---- */

GALLEY_STRUCT(seller, (galley_str, sku), (int64_t, sold));
GALLEY_STRUCT(report, (int64_t, items), (int64_t, orders), (int64_t, earned_cents),
              (galley_str_list, sold_out), (struct seller_list, best, LIST_OF(seller)));
GALLEY_STRUCT(number, (int64_t, value));
GALLEY_STRUCT(turnover, (int64_t, orders), (int64_t, earned_cents));

static int count_items(galley_async *co, struct report *report)
{
    struct number number = {0};
    int rc = galley_sql_one(co, shop, &number, number, "select count(*) as value from item");
    report->items = number.value;
    return rc;
}

static int add_up(galley_async *co, struct report *report)
{
    struct turnover all = {0};
    int rc = galley_sql_one(co, shop, &all, turnover,
                            "select count(*) as orders, cast(coalesce(sum(total_cents), 0) as "
                            "bigint) as earned_cents from purchase");
    report->orders = all.orders;
    report->earned_cents = all.earned_cents;
    return rc;
}

static int find_sold_out(galley_async *co, struct report *report)
{
    struct galley_sql_rows rows;
    int64_t count =
        galley_sql_query(co, shop, &rows, "select sku from item where stock = 0 order by sku");
    if (count < 0)
        return (int)count;
    report->sold_out.at = galley_alloc(co, rows.row_count * sizeof(galley_str));
    if (report->sold_out.at == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < rows.row_count; i++)
        report->sold_out.at[i] = rows.cells[i].text;
    report->sold_out.count = rows.row_count;
    return 0;
}

static int find_best(galley_async *co, struct report *report)
{
    int64_t count = galley_sql_all(co, shop, &report->best, seller,
                                   "select sku, cast(sum(count) as bigint) as sold from purchase "
                                   "group by sku order by sold desc, sku limit $1",
                                   3);
    return count < 0 ? (int)count : 0;
}

static int read_report(galley_async *co, const struct galley_none *in, struct report *out)
{
    (void)in;
    return galley_gather(co, (count_items, out), (add_up, out), (find_sold_out, out),
                         (find_best, out));
}

GALLEY_APP(.title = "Shop", .version = "1.0", .on_start = start,
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/items", list_items, galley_none, items),
               GALLEY_POST("/items", create_item, create_item_in, item, .status = 201),
               GALLEY_POST("/orders", create_order, create_order_in, order, .status = 201),
               GALLEY_GET("/report", read_report, galley_none, report,
                          .summary = "What was sold, from four queries at once")));
