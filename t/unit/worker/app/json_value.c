/* t/unit/worker/app/json_value.c - looking into free-form values, whole and broken ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <galley/json.h>

static galley_json json_of(const char *text)
{
    return (galley_json){text, strlen(text)};
}

static void assert_json(galley_json json, const char *expected)
{
    assert_non_null(json.data);
    if (json.len != strlen(expected) || memcmp(json.data, expected, json.len) != 0)
        fail_msg("%.*s, not %s", (int)json.len, json.data, expected);
}

static void tells_kinds_and_counts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum galley_json_kind kind;
        size_t count;
    } rows[] = {
        {"null", GALLEY_JSON_NULL, 0},        {"true", GALLEY_JSON_BOOL, 0},
        {"false", GALLEY_JSON_BOOL, 0},       {"-1", GALLEY_JSON_NUMBER, 0},
        {"0.5", GALLEY_JSON_NUMBER, 0},       {"\"[]\"", GALLEY_JSON_STRING, 0},
        {"[]", GALLEY_JSON_LIST, 0},          {"[[],{}]", GALLEY_JSON_LIST, 2},
        {" [ 1 , 2 ] ", GALLEY_JSON_LIST, 2}, {"{}", GALLEY_JSON_OBJECT, 0},
        {"{\"a\":1}", GALLEY_JSON_OBJECT, 1}, {"", GALLEY_JSON_ABSENT, 0},
        {"x", GALLEY_JSON_ABSENT, 0},         {"[1,2", GALLEY_JSON_LIST, 2},
        {"[1,,2]", GALLEY_JSON_LIST, 1},      {"{\"a\" 1}", GALLEY_JSON_OBJECT, 0},
        {"[", GALLEY_JSON_LIST, 0},           {"{\"a\":", GALLEY_JSON_OBJECT, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        galley_json json = json_of(rows[i].text);
        if (galley_json_kind(json) != rows[i].kind || galley_json_count(json) != rows[i].count)
            fail_msg("%s: kind %d, %zu elements", rows[i].text, (int)galley_json_kind(json),
                     galley_json_count(json));
    }
    assert_int_equal(galley_json_kind((galley_json){NULL, 0}), GALLEY_JSON_ABSENT);
    assert_int_equal(galley_json_count((galley_json){NULL, 0}), 0);
}

static void finds_members_and_items(void **state)
{
    (void)state;
    galley_json json =
        json_of("{\"a\":1,\"b\":[10,[20],\"x\"],\"\\u0061\":{\"c\":null},\"\\\"\":2}");
    assert_json(galley_json_get(json, GALLEY_STR("a")), "{\"c\":null}");
    assert_json(galley_json_get(json, GALLEY_STR("\"")), "2");
    assert_null(galley_json_get(json, GALLEY_STR("")).data);
    assert_null(galley_json_get(json, GALLEY_STR("aa")).data);
    galley_json list = galley_json_get(json, GALLEY_STR("b"));
    assert_json(galley_json_item(list, 1), "[20]");
    assert_json(galley_json_item(galley_json_item(list, 1), 0), "20");
    assert_null(galley_json_item(list, 3).data);
    assert_null(galley_json_item(json, 0).data);
    assert_null(galley_json_get(list, GALLEY_STR("a")).data);
    size_t count = 0;
    galley_json_each(member, json)
    {
        count++;
        assert_true(member.quoted.len == member.name.len + 2);
    }
    assert_int_equal(count, 4);
    galley_json_each(item, list) assert_null(item.name.data);
}

static void converts_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int to_int;
        int64_t whole;
        int to_float;
        double number;
    } rows[] = {
        {"0", 0, 0, 0, 0},
        {"-12", 0, -12, 0, -12},
        {"9223372036854775807", 0, INT64_MAX, 0, 9223372036854775807.0},
        {"9223372036854775808", -ERANGE, 0, 0, 9223372036854775808.0},
        {"-9223372036854775808", 0, INT64_MIN, 0, -9223372036854775808.0},
        {"1.5", -EDOM, 0, 0, 1.5},
        {"1e3", 0, 1000, 0, 1000},
        {"1e19", -ERANGE, 0, 0, 1e19},
        {"1e400", -ERANGE, 0, -ERANGE, 0},
        {"\"1\"", -EINVAL, 0, -EINVAL, 0},
        {"true", -EINVAL, 0, -EINVAL, 0},
        {"[1]", -EINVAL, 0, -EINVAL, 0},
        {"1 2", -EINVAL, 0, -EINVAL, 0},
        {"", -EINVAL, 0, -EINVAL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t whole = 0;
        double number = 0;
        galley_json json = json_of(rows[i].text);
        int to_int = galley_json_to_int(json, &whole);
        int to_float = galley_json_to_float(json, &number);
        if (to_int != rows[i].to_int || (to_int == 0 && whole != rows[i].whole) ||
            to_float != rows[i].to_float || (to_float == 0 && number != rows[i].number))
            fail_msg("%s: %d %lld, %d %g", rows[i].text, to_int, (long long)whole, to_float,
                     number);
    }
}

static void converts_the_rest(void **state)
{
    (void)state;
    bool is_true = false;
    assert_int_equal(galley_json_to_bool(json_of("true"), &is_true), 0);
    assert_true(is_true);
    assert_int_equal(galley_json_to_bool(json_of("false"), &is_true), 0);
    assert_false(is_true);
    assert_int_equal(galley_json_to_bool(json_of("1"), &is_true), -EINVAL);

    galley_str text;
    char room[16];
    galley_json plain = json_of("\"plain\""), escaped = json_of("\"\\ud83d\\ude00\\n\xc3\xa5\"");
    assert_int_equal(galley_json_to_string(plain, NULL, 0, &text), 0);
    assert_ptr_equal(text.data, plain.data + 1);
    assert_int_equal(text.len, 5);
    for (size_t size = 0; size < 7; size++)
        assert_int_equal(galley_json_to_string(escaped, room, size, &text), -ENOSPC);
    assert_int_equal(galley_json_to_string(escaped, room, 7, &text), 0);
    assert_int_equal(text.len, 7);
    assert_memory_equal(text.data, "\xf0\x9f\x98\x80\n\xc3\xa5", 7);
    assert_int_equal(galley_json_to_string(json_of("null"), room, sizeof room, &text), -EINVAL);
    assert_int_equal(galley_json_to_string(json_of("\"\\x\""), room, sizeof room, &text), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_kinds_and_counts),
        cmocka_unit_test(finds_members_and_items),
        cmocka_unit_test(converts_numbers),
        cmocka_unit_test(converts_the_rest),
    };
    return cmocka_run_group_tests_name("json_value", tests, NULL, NULL);
}
