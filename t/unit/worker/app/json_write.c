/* t/unit/worker/app/json_write.c - strings, times and buffers; what is left out of objects, and what cannot be written. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <galley/model.h>

#include "worker/app/json_write.h"
#include "worker/app/shape.h"

static const struct {
    const char *name, *text, *json;
} strings[] = {
    {"empty", "", "\"\""},
    {"plain", "soup", "\"soup\""},
    {"longer than a word", "the quick brown fox", "\"the quick brown fox\""},
    {"quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\""},
    {"short forms", "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    {"control bytes", "\x01\x1f", "\"\\u0001\\u001f\""},
    {"not control", "\x7f/ ", "\"\x7f/ \""},
    {"control byte at each place of a word", "1234567\x02", "\"1234567\\u0002\""},
    {"UTF-8 stays", "\xC3\xA5\xE2\x82\xAC\xF0\x9F\x98\x80",
     "\"\xC3\xA5\xE2\x82\xAC\xF0\x9F\x98\x80\""},
    {"a lone continuation", "a\x80z", "\"a\xEF\xBF\xBDz\""},
    {"a cut sequence is one", "\xE2\x82", "\"\xEF\xBF\xBD\""},
    {"overlong", "\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"a surrogate", "\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"beyond U+10FFFF", "\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
};

/* Each string from memory that ends with it, into first buffers of every size. */
static void strings_are_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        size_t len = strlen(strings[i].text);
        char *exact = malloc(len + (len == 0));
        memcpy(exact, strings[i].text, len);
        for (size_t room = 0; room < 48; room++) {
            char *first = malloc(room + (room == 0));
            struct json_out out;
            json_out_init(&out, first, room, 1 << 20);
            json_string(&out, (galley_str){exact, len});
            assert_int_equal(out.error, 0);
            if (out.len != strlen(strings[i].json) ||
                memcmp(out.data, strings[i].json, out.len) != 0)
                fail_msg("%s: %.*s", strings[i].name, (int)out.len, out.data);
            json_out_release(&out);
            free(first);
        }
        free(exact);
    }
}

static void ceilings_hold(void **state)
{
    (void)state;
    char first[8];
    struct json_out out;
    json_out_init(&out, first, sizeof first, 100);
    for (int i = 0; i < 50; i++)
        json_literal(&out, "abc");
    json_string(&out, GALLEY_STR("more"));
    json_int(&out, 1);
    assert_int_equal(out.error, -EMSGSIZE);
    assert_true(out.len <= 100);
    assert_memory_equal(out.data, "abcabcabcabc", 12);
    json_out_release(&out);
}

GALLEY_STRUCT(moment, (galley_time, at));

static const struct {
    galley_time time;
    const char *json; /* NULL: refused */
} times[] = {
    {{0, 0, 0, true}, "1970-01-01T00:00:00Z"},
    {{0, 0, 0, false}, "1970-01-01T00:00:00"},
    {{-1, 0, 0, true}, "1969-12-31T23:59:59Z"},
    {{951827696, 0, 0, true}, "2000-02-29T12:34:56Z"},
    {{4107542400, 0, 0, true}, "2100-03-01T00:00:00Z"},
    {{1709210096, 1000, 120, true}, "2024-02-29T14:34:56.000001+02:00"},
    {{1709210096, 999, -570, true}, "2024-02-29T03:04:56-09:30"},
    {{-62135596800, 0, 0, true}, "0001-01-01T00:00:00Z"},
    {{253402300799, 999999999, 0, true}, "9999-12-31T23:59:59.999999Z"},
    {{253402300800, 0, 0, true}, NULL},
    {{-62135596801, 0, 0, true}, NULL},
    {{INT64_MAX, 0, 0, true}, NULL},
    {{INT64_MAX, 0, 840, true}, NULL},
    {{INT64_MIN, 0, -840, true}, NULL},
    {{0, -1, 0, true}, NULL},
};

static void times_are_iso_8601(void **state)
{
    (void)state;
    struct errmsg why = {{0}};
    struct shapes *shapes = shapes_new();
    const struct shape *shape = shapes_get(shapes, &moment_model, &why);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char first[128], want[128];
        struct json_out out;
        const struct moment moment = {times[i].time};
        json_out_init(&out, first, sizeof first, 128);
        json_write(&out, shape, &moment, 0);
        assert_int_equal(out.error, times[i].json != NULL ? 0 : -ERANGE);
        if (times[i].json == NULL)
            continue;
        snprintf(want, sizeof want, "{\"at\":\"%s\"}", times[i].json);
        if (out.len != strlen(want) || memcmp(first, want, out.len) != 0)
            fail_msg("%.*s, not %s", (int)out.len, first, want);
    }
    shapes_free(shapes);
}

/* ---- whole structs ---- */

GALLEY_ENUM(color, (COLOR_RED, "red"), (COLOR_BLUE, "blue"));
GALLEY_STRUCT(part, (galley_str, name), (int64_t, count, DEFAULT(1)));
GALLEY_STRUCT(cat, (galley_str, kind, LITERAL("cat")), (int64_t, lives));
GALLEY_STRUCT(dog, (galley_str, kind, LITERAL("dog")), (bool, good));
GALLEY_UNION(pet, kind, (cat), (dog));
GALLEY_ROOT(counts, (galley_int_map, of, OPTIONAL));
GALLEY_STRUCT(box, (galley_sent, sent), (galley_str, label, OPTIONAL), (int32_t, size, DEFAULT(7)),
              (double *, weight, OPTIONAL), (enum color, color, ENUM(color), DEFAULT("red")),
              (struct part_list, parts, LIST_OF(part), OPTIONAL),
              (struct part *, lid, OBJECT(part), OPTIONAL),
              (galley_str_list, tags, DEFAULT([ "a", "b" ])),
              (struct counts, stock, OBJECT(counts), OPTIONAL), (galley_json, note, OPTIONAL));
GALLEY_STRUCT(named, (galley_str, name), (galley_str, nick, OPTIONAL));
GALLEY_STRUCT(node, (int64_t, id), (struct node *, next, OBJECT(node), OPTIONAL));

/* Write `value` by `model`, leaving out what `leave` says, and compare with `json`, or with the error if it is NULL. */
static void expect(const struct galley_model *model, const void *value, unsigned leave, int error,
                   const char *json)
{
    struct errmsg why = {{0}};
    struct shapes *shapes = shapes_new();
    const struct shape *shape = shapes_get(shapes, model, &why);
    if (shape == NULL)
        fail_msg("%s", why.text);
    struct json_out out;
    json_out_init(&out, NULL, 0, 1 << 20);
    json_write(&out, shape, value, leave);
    assert_int_equal(out.error, error);
    if (json != NULL && (out.len != strlen(json) || memcmp(out.data, json, out.len) != 0))
        fail_msg("%.*s, not %s", (int)out.len, out.data, json);
    json_out_release(&out);
    shapes_free(shapes);
}

static void members_are_left_out(void **state)
{
    (void)state;
    double weight = 1.5;
    struct part part = {GALLEY_STR("bolt"), 1};
    galley_str tags[] = {GALLEY_STR("a"), GALLEY_STR("b")};
    struct counts stock = {{NULL, 0}};
    struct box box = {.size = 7, .color = COLOR_RED, .tags = {tags, 2}, .stock = stock};
    expect(&box_model, &box, 0, 0,
           "{\"label\":null,\"size\":7,\"weight\":null,\"color\":\"red\",\"parts\":[],\"lid\":null,"
           "\"tags\":[\"a\",\"b\"],\"stock\":{},\"note\":null}");
    expect(&box_model, &box, JSON_LEAVE_NONE, 0,
           "{\"size\":7,\"color\":\"red\",\"parts\":[],\"tags\":[\"a\",\"b\"],\"stock\":{}}");
    expect(&box_model, &box, JSON_LEAVE_DEFAULTS, 0, "{}");
    expect(&box_model, &box, JSON_LEAVE_UNSET, 0, "{}");
    box.weight = &weight;
    box.lid = &part;
    box.parts = (struct part_list){&part, 1};
    tags[1] = GALLEY_STR("c");
    galley_mark_sent(box, &box, lid);
    galley_mark_sent(box, &box, label);
    assert_true(galley_was_sent(box, &box, lid));
    assert_false(galley_was_sent(box, &box, size));
    expect(&box_model, &box, JSON_LEAVE_UNSET, 0,
           "{\"label\":null,\"lid\":{\"name\":\"bolt\",\"count\":1}}");
    expect(&box_model, &box, JSON_LEAVE_DEFAULTS, 0,
           "{\"weight\":1.5,\"parts\":[{\"name\":\"bolt\"}],\"lid\":{\"name\":\"bolt\"},\"tags\":["
           "\"a\",\"c\"]}");
}

static void unions_and_roots(void **state)
{
    (void)state;
    struct pet pet = {.is = pet_is_dog, .dog = {.good = true}};
    struct galley__int {
        galley_str key;
        int64_t value;
    } entries[] = {{GALLEY_STR("a\""), 1}, {GALLEY_STR("b"), -2}};
    struct counts counts = {{NULL, 2}};
    memcpy(&counts.of.at, &(void *){entries}, sizeof(void *));
    expect(&pet_model, &pet, 0, 0, "{\"kind\":\"dog\",\"good\":true}");
    expect(&counts_model, &counts, 0, 0, "{\"a\\\"\":1,\"b\":-2}");
}

static void what_cannot_be_written(void **state)
{
    (void)state;
    struct named named = {.nick = GALLEY_STR("n")};
    struct pet pet = {.is = (enum pet_is)2};
    struct node node = {.id = 1, .next = &node};
    expect(&named_model, &named, 0, -EINVAL, NULL);
    expect(&pet_model, &pet, 0, -EINVAL, NULL);
    expect(&node_model, &node, 0, -ELOOP, NULL);

    struct errmsg why = {{0}};
    struct shapes *shapes = shapes_new();
    char said[128];
    json_write_fault(shapes_get(shapes, &named_model, &why), &named, said, sizeof said);
    assert_string_equal(said, "member name of Named is null or none of its values");
    shapes_free(shapes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped), cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(times_are_iso_8601),  cmocka_unit_test(members_are_left_out),
        cmocka_unit_test(unions_and_roots),    cmocka_unit_test(what_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
