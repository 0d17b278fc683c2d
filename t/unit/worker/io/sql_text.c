/* t/unit/worker/io/sql_text.c - statements looked at as text, and values written as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/io/sql.h"

static void arguments(void **state)
{
    static const struct {
        const char *sql;
        int count;
    } rows[] = {
        {"", 0},
        {"select 1", 0},
        {"select $1", 1},
        {"select $2, $1, $2", 2},
        {"select $10", 10},
        {"select '$3', $1", 1},
        {"select 'it''s $3', $1", 1},
        {"select E'it\\'s $3', $1", 1},
        {"select 'back\\', $1", 1},
        {"select \"$3\", $1", 1},
        {"select $1 -- $2\n, $3", 3},
        {"select $1 -- $2", 1},
        {"select /* $5 /* $6 */ $7 */ $1", 1},
        {"select $1 /* $2", 1},
        {"select $$ $4 $$, $1", 1},
        {"select $tag$ $4 $$ $5 $tag$, $1", 1},
        {"select $tag$ $4", 0},
        {"select a$1", 0},
        {"select 'open $1", 0},
        {"select $9999", 9999},
        {"select $10000", -1},
        {"select $99999999999999999999", -1},
        {"select 1-$1/$2", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sql_text_arg_count(rows[i].sql) != rows[i].count)
            fail_msg("%s: %d", rows[i].sql, sql_text_arg_count(rows[i].sql));
}

static void first_words(void **state)
{
    static const struct {
        const char *sql;
        bool is_control, may_read;
    } rows[] = {
        {"select 1", false, true},
        {"SELECT(1)", false, true},
        {" -- x\n /* y */(values (1))", false, true},
        {"with x as (select 1) select 1", false, true},
        {"explain select 1", false, true},
        {"insert into t values (1)", false, false},
        {"selected", false, false},
        {"", false, false},
        {"begin", true, false},
        {"Begin immediate", true, false},
        {";commit", true, false},
        {"end", true, false},
        {"endless", false, false},
        {"rollback to x", true, false},
        {"savepoint x", true, false},
        {"release x", true, false},
        {"start transaction", true, false},
        {"abort", true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sql_text_is_control(rows[i].sql) != rows[i].is_control ||
            sql_text_may_read(rows[i].sql) != rows[i].may_read)
            fail_msg("%s", rows[i].sql);
}

static void values(void **state)
{
    char text[SQL_VALUE_BYTES];
    (void)state;
    const struct galley_sql_value date = {.type = GALLEY_SQL_DATE, .date = {9, 1, 31}};
    assert_int_equal(sql_value_text(text, &date), 10);
    assert_string_equal(text, "0009-01-31");
    const struct galley_sql_value naive = {.type = GALLEY_SQL_TIME,
                                           .time = {.seconds = -1, .nanos = 999999999}};
    sql_value_text(text, &naive);
    assert_string_equal(text, "1969-12-31T23:59:59.999999");
    const struct galley_sql_value wild = {.type = GALLEY_SQL_TIME, .time = {.seconds = INT64_MAX}};
    sql_value_text(text, &wild);
    assert_true(strlen(text) < SQL_VALUE_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments),
        cmocka_unit_test(first_words),
        cmocka_unit_test(values),
    };
    return cmocka_run_group_tests_name("sql_text", tests, NULL, NULL);
}
