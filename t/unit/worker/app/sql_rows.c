/* t/unit/worker/app/sql_rows.c - rows in structs: each kind of member, null, bounds, and what is told where a row does not
 * fit. */
#include "t/unit/worker/io/sql_world.h"

#include "worker/app/app.h"

GALLEY_ENUM(color, (COLOR_RED, "red"), (COLOR_BLUE, "blue"));
GALLEY_STRUCT(part, (galley_str, name), (int64_t, count));
GALLEY_STRUCT(item, (int64_t, id, .ge = 1), (galley_str, name, .max_length = 5),
              (double, price, OPTIONAL, .gt = 0), (bool, is_sold, DEFAULT(true)),
              (int64_t *, stock, OPTIONAL), (galley_str, note, OPTIONAL),
              (int32_t, small, DEFAULT(7)), (enum color, color, ENUM(color), DEFAULT("red")),
              (galley_uuid *, code, OPTIONAL), (galley_time *, made_at, OPTIONAL),
              (galley_date *, day, OPTIONAL), (galley_clock *, opens, OPTIONAL),
              (galley_bytes, picture, OPTIONAL, .max_length = 4), (galley_json, extra, OPTIONAL),
              (struct part *, part, OBJECT(part), OPTIONAL), (galley_str_list, tags, OPTIONAL),
              (double *, weight, OPTIONAL, .le = 10), (galley_sent, sent));
GALLEY_STRUCT(wire, (int64_t, item_id, .alias = "itemId"));

static galley_sql *db;
static struct app *app;
static const struct galley_app declared = {.abi = GALLEY_ABI};

static void open_db(galley_async *co)
{
    struct errmsg why = {{0}};
    app = app_new(&declared, &why);
    assert_non_null(app);
    assert_int_equal(app_start(app, co, &why), 0);
    assert_int_equal(galley_sql_open(co, &db, .url = "sqlite::memory:"), 0);
}

static void one(galley_async *co)
{
    struct item item;
    open_db(co);
    assert_int_equal(
        galley_sql_one(
            co, db, &item, item,
            "select 3 as id, 'plum' as name, 2 as price, 0 as is_sold, 5 as stock, null as note, "
            "'blue' as color, '12345678-9abc-def0-0102-030405060708' as code, "
            "'2023-11-14 22:13:20.25+00' as made_at, '2026-02-03' as day, '08:30' as opens, "
            "x'000102' as picture, '{\"a\": [1, 2]}' as extra, "
            "'{\"name\":\"nut\",\"count\":4}' as part, '[\"x\",\"y\"]' as tags, null as weight"),
        1);
    assert_int_equal(item.id, 3);
    assert_true(galley_str_is(item.name, "plum"));
    assert_true(item.price == 2 && !item.is_sold);
    assert_int_equal(*item.stock, 5);
    assert_null(item.note.data);
    assert_int_equal(item.small, 7);
    assert_int_equal(item.color, COLOR_BLUE);
    assert_int_equal(item.code->octet[15], 8);
    assert_int_equal(item.made_at->seconds, 1700000000);
    assert_int_equal(item.made_at->nanos, 250000000);
    assert_int_equal(item.day->month, 2);
    assert_int_equal(item.opens->minute, 30);
    assert_int_equal(item.picture.len, 3);
    assert_int_equal(item.picture.data[2], 2);
    assert_true(strncmp(item.extra.data, "{\"a\":[1,2]}", item.extra.len) == 0);
    assert_true(galley_str_is(item.part->name, "nut"));
    assert_int_equal(item.part->count, 4);
    assert_int_equal(item.tags.count, 2);
    assert_true(galley_str_is(item.tags.at[1], "y"));
    assert_null(item.weight);
    assert_true(galley_was_sent(item, &item, day));
    assert_false(galley_was_sent(item, &item, small));
    assert_int_equal(galley_sql_one(co, db, &item, item, "select 1 as id, 'a' as name where 1 = 0"),
                     0);
    app_free(app);
}

static void several(galley_async *co)
{
    struct item_list items;
    struct wire_list wires;
    open_db(co);
    assert_int_equal(
        galley_sql_all(co, db, &items, item,
                       "with n(i) as (values (1), (2), (3)) select i as id, 'n' || i as "
                       "name, i * 1.5 as price from n where i < $1",
                       3),
        2);
    assert_int_equal(items.count, 2);
    assert_int_equal(items.at[1].id, 2);
    assert_true(items.at[1].is_sold && items.at[1].price == 3.0);
    assert_true(galley_str_is(items.at[1].name, "n2"));
    assert_int_equal(galley_sql_all(co, db, &items, item, "select 1 as id, '' as name where 0"), 0);
    assert_int_equal(items.count, 0);
    assert_int_equal(galley_sql_all(co, db, &wires, wire, "select 4 as item_id"), 1);
    assert_int_equal(galley_sql_all(co, db, &wires, wire, "select 4 as \"itemId\""), 1);
    assert_int_equal(wires.at[0].item_id, 4);
    app_free(app);
}

/* A thousand rows of the same statement, and their cost: told, not judged. */
static void many(galley_async *co)
{
    struct item_list items;
    open_db(co);
    int64_t start_us = clock_now_us();
    assert_int_equal(
        galley_sql_all(co, db, &items, item,
                       "with recursive n(i) as (select 1 union all select i + 1 from n where "
                       "i < 10000) select i as id, 'name' as name, 1.5 as price from n"),
        10000);
    print_message("# 10,000 rows of 3 columns in %lld us\n",
                  (long long)(clock_now_us() - start_us));
    assert_int_equal(items.at[9999].id, 10000);
    app_free(app);
}

static void misfits(galley_async *co)
{
    static const struct {
        const char *sql, *why;
    } rows[] = {
        {"select 1 as id", "no column fills member name of struct item"},
        {"select 1 as id, 'a' as name, 2 as other", "struct item has no member for column other"},
        {"select 1 as id, 'a' as name, 2 as id", "column id is there twice"},
        {"select 0 as id, 'a' as name",
         "column id of row 1 does not fit struct item: Input should be greater than or equal to 1"},
        {"select 1 as id, 'a' as name union all select 2, 'sixsix'",
         "column name of row 2 does not fit struct item: String should have at most 5 characters"},
        {"select null as id, 'a' as name",
         "column id of row 1 does not fit struct item: it is null"},
        {"select 'x' as id, 'a' as name",
         "column id of row 1 does not fit struct item: Input should be a valid integer"},
        {"select 1.5 as id, 'a' as name", "got a number with a fractional part"},
        {"select 1 as id, 5 as name",
         "column name of row 1 does not fit struct item: Input should be a valid string"},
        {"select 1 as id, cast(x'ff41' as text) as name", "it is not UTF-8"},
        {"select 1 as id, x'41' as name", "it is bytes"},
        {"select 1 as id, 'a' as name, 'green' as color", "Input should be 'red' or 'blue'"},
        {"select 1 as id, 'a' as name, 3000000000 as small", "column small of row 1"},
        {"select 1 as id, 'a' as name, 'nocode' as code", "Input should be a valid UUID"},
        {"select 1 as id, 'a' as name, x'0102' as code", "it is bytes"},
        {"select 1 as id, 'a' as name, 'soon' as made_at", "Input should be a valid datetime"},
        {"select 1 as id, 'a' as name, x'0102030405' as picture", "at most 4 bytes"},
        {"select 1 as id, 'a' as name, '{' as extra", "it is no JSON"},
        {"select 1 as id, 'a' as name, '{\"name\":\"x\"}' as part", "Field required"},
        {"select 1 as id, 'a' as name, '[1]' as tags", "Input should be a valid string"},
        {"select 1 as id, 'a' as name, 11 as weight", "less than or equal to 10"},
        {"select 1 as id, 'a' as name, 9e999 as price", "finite"},
    };
    struct item item;
    open_db(co);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct item_list items;
        assert_int_equal(galley_sql_all(co, db, &items, item, rows[i].sql), -GALLEY_EMODEL);
        assert_why(co, rows[i].why);
        assert_why(co, "t/unit/worker/app/sql_rows.c:");
        assert_int_equal(items.count, 0);
    }
    assert_int_equal(galley_sql_one(co, db, &item, item, "select 1 as id"), -GALLEY_EMODEL);
    assert_int_equal(galley_sql_one(co, db, &item, item, "select x"), -GALLEY_EREFUSED);
    app_free(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {SQL_TEST(one), SQL_TEST(several), SQL_TEST(many),
                                       SQL_TEST(misfits)};
    return cmocka_run_group_tests_name("sql_rows", tests, NULL, NULL);
}
