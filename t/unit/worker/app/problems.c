/* t/unit/worker/app/problems.c - problems kept and told: locs copied and shared, the 422's bytes, its parts, its budget. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/problems.h"
#include "worker/http/text.h"

GALLEY_STRUCT(cat, (galley_str, kind, LITERAL("cat", "it's")), (int64_t, lives));
GALLEY_STRUCT(dog, (galley_str, kind, LITERAL("dog")));
GALLEY_UNION(pet, kind, (cat), (dog));

static const char *const letters[] = {"a", "b\"", "c", NULL};
static const struct bound above = {PROBLEM_GREATER_THAN, .number = 0.00001},
                          far = {PROBLEM_LESS_THAN_EQUAL, .whole = INT64_MAX};
static const struct type number = {.kind = GALLEY_FLOAT}, whole = {.kind = GALLEY_INT},
                         letter = {.kind = GALLEY_STRING, .literals = letters};

static const struct {
    const char *name;
    struct problem problem;
    const char *told; /* from msg on */
} rows[] = {
    {"plain", {.kind = PROBLEM_MISSING}, "\"msg\":\"Field required\",\"input\":null}"},
    {"text",
     {.kind = PROBLEM_INT_PARSING, .input_kind = INPUT_TEXT, .input = GALLEY_STR("a\"\n\xC3\xA9")},
     "\"msg\":\"Input should be a valid integer, unable to parse string as an integer\",\"input\":"
     "\"a\\\"\\n\xC3\xA9\"}"},
    {"JSON as Python writes it",
     {.kind = PROBLEM_STRING_TYPE,
      .input_kind = INPUT_JSON,
      .input = GALLEY_STR("{\"a\": 1e-7, \"a\": [ 1 ]}")},
     "\"msg\":\"Input should be a valid string\",\"input\":{\"a\":[1]}}"},
    {"a float's bound has two forms",
     {.kind = PROBLEM_GREATER_THAN, .type = &number, .bound = &above},
     "\"msg\":\"Input should be greater than 0.00001\",\"input\":null,\"ctx\":{\"gt\":1e-05}}"},
    {"a whole number's bound",
     {.kind = PROBLEM_LESS_THAN_EQUAL, .type = &whole, .bound = &far},
     "\"msg\":\"Input should be less than or equal to "
     "9223372036854775807\",\"input\":null,\"ctx\":{"
     "\"le\":9223372036854775807}}"},
    {"one character",
     {.kind = PROBLEM_STRING_TOO_SHORT, .limit = 1},
     "\"msg\":\"String should have at least 1 "
     "character\",\"input\":null,\"ctx\":{\"min_length\":1}}"},
    {"two characters",
     {.kind = PROBLEM_STRING_TOO_LONG, .limit = 2},
     "\"msg\":\"String should have at most 2 "
     "characters\",\"input\":null,\"ctx\":{\"max_length\":2}}"},
    {"no item",
     {.kind = PROBLEM_LIST_TOO_SHORT, .limit = 1, .actual = 0},
     "\"msg\":\"List should have at least 1 item after validation, not 0\",\"input\":null,\"ctx\":{"
     "\"field_type\":\"List\",\"min_length\":1,\"actual_length\":0}}"},
    {"entries",
     {.kind = PROBLEM_MAP_TOO_LONG, .limit = 2, .actual = 3},
     "\"msg\":\"Dictionary should have at most 2 items after validation, not 3\",\"input\":null,"
     "\"ctx\":{\"field_type\":\"Dictionary\",\"max_length\":2,\"actual_length\":3}}"},
    {"a list of what is expected",
     {.kind = PROBLEM_LITERAL, .type = &letter},
     "\"msg\":\"Input should be 'a', 'b\\\"' or 'c'\",\"input\":null,\"ctx\":{\"expected\":\"'a', "
     "'b\\\"' or 'c'\"}}"},
    {"an app's words",
     {.kind = PROBLEM_VALUE_ERROR, .text = GALLEY_STR("say \"no\" 100%")},
     "\"msg\":\"Value error, say \\\"no\\\" 100%\",\"input\":null,\"ctx\":{\"error\":{}}}"},
    {"a syntax error",
     {.kind = PROBLEM_JSON_INVALID,
      .text = GALLEY_STR("Expecting value"),
      .input_kind = INPUT_JSON,
      .input = GALLEY_STR("{}")},
     "\"msg\":\"JSON decode error\",\"input\":{},\"ctx\":{\"error\":\"Expecting value\"}}"},
};

static void told_as(const struct problems *problems, const char *want)
{
    struct json_out out;
    json_out_init(&out, NULL, 0, 1 << 20);
    problems_write(problems, &out);
    assert_int_equal(out.error, 0);
    if (!text_is_same((galley_str){out.data, out.len}, (galley_str){want, strlen(want)}))
        fail_msg("%.*s\n  is not %s", (int)out.len, out.data, want);
    json_out_release(&out);
}

static void each_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        struct problems problems;
        arena_init(&arena, NULL, 0, 1 << 20);
        problems_init(&problems, &arena, 0);
        problems_add(&problems, &rows[i].problem, &(struct loc){.key = GALLEY_STR("body")});
        struct galley_invalid said;
        assert_int_equal(problems_describe(&problems, &said), 0);
        char want[512];
        snprintf(want, sizeof want, "{\"detail\":[{\"type\":\"%.*s\",\"loc\":[\"body\"],%s]}",
                 GALLEY_STR_ARG(said.problems[0].type), rows[i].told);
        told_as(&problems, want);
        assert_int_equal(said.count, 1);
        assert_true(text_is_same((galley_str){said.body.data, said.body.len},
                                 (galley_str){want, strlen(want)}));
        arena_release(&arena);
    }
}

/* The links of a loc live in frames that are gone when it is told. */
static void locs_are_copied_and_shared(void **state)
{
    (void)state;
    struct arena arena;
    struct problems problems;
    arena_init(&arena, NULL, 0, 1 << 20);
    problems_init(&problems, &arena, 0);
    struct problem problem = {.kind = PROBLEM_MISSING};
    for (size_t i = 0; i < 3; i++) {
        struct loc body = {.key = GALLEY_STR("body")}, items = {&body, GALLEY_STR("items"), 0},
                   item = {&items, {NULL, 0}, i / 2}, price = {&item, GALLEY_STR("p\"e"), 0};
        problems_add(&problems, &problem, i == 1 ? &item : &price);
        body.key = items.key = price.key = GALLEY_STR("gone");
        item.index = 99;
    }
    assert_int_equal(problems.count, 3);
    const struct loc *first = problems.first->loc, *last = problems.last->loc;
    assert_ptr_equal(first->parent, problems.first->next->loc);
    assert_ptr_equal(first->parent->parent, last->parent->parent);
    assert_ptr_not_equal(first->parent, last->parent);
    told_as(
        &problems,
        "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"items\",0,\"p\\\"e\"],\"msg\":"
        "\"Field required\",\"input\":null},{\"type\":\"missing\",\"loc\":[\"body\",\"items\",0],"
        "\"msg\":\"Field required\",\"input\":null},{\"type\":\"missing\",\"loc\":[\"body\","
        "\"items\",1,\"p\\\"e\"],\"msg\":\"Field required\",\"input\":null}]}");
    arena_release(&arena);
}

static void tags_are_listed(void **state)
{
    (void)state;
    struct errmsg why = {{0}};
    struct shapes *shapes = shapes_new();
    const struct shape *shape = shapes_get(shapes, &pet_model, &why);
    if (shape == NULL)
        fail_msg("%s", why.text);
    struct arena arena;
    struct problems problems;
    arena_init(&arena, NULL, 0, 1 << 20);
    problems_init(&problems, &arena, 0);
    const struct type type = {.kind = GALLEY_OBJECT, .of = shape};
    const struct loc body = {.key = GALLEY_STR("body")};
    problems_add(
        &problems,
        &(struct problem){.kind = PROBLEM_TAG_INVALID, .type = &type, .text = GALLEY_STR("co\"w")},
        &body);
    problems_add(&problems, &(struct problem){.kind = PROBLEM_TAG_NOT_FOUND, .type = &type}, &body);
    told_as(&problems,
            "{\"detail\":[{\"type\":\"union_tag_invalid\",\"loc\":[\"body\"],\"msg\":\"Input tag "
            "'co\\\"w' found using 'kind' does not match any of the expected tags: 'cat', "
            "\\\"it's\\\", 'dog'\",\"input\":null,\"ctx\":{\"discriminator\":\"'kind'\",\"tag\":"
            "\"co\\\"w\",\"expected_tags\":\"'cat', \\\"it's\\\", 'dog'\"}},{\"type\":"
            "\"union_tag_not_found\",\"loc\":[\"body\"],\"msg\":\"Unable to extract tag using "
            "discriminator 'kind'\",\"input\":null,\"ctx\":{\"discriminator\":\"'kind'\"}}]}");
    struct galley_invalid said;
    assert_int_equal(problems_describe(&problems, &said), 0);
    assert_true(
        text_is_same(said.problems[0].msg,
                     GALLEY_STR("Input tag 'co\"w' found using 'kind' does not match any of "
                                "the expected tags: 'cat', \"it's\", 'dog'")));
    arena_release(&arena);
    shapes_free(shapes);
}

static void parts_are_within_the_body(void **state)
{
    (void)state;
    struct arena arena;
    struct problems problems;
    struct galley_invalid said;
    arena_init(&arena, NULL, 0, 1 << 20);
    problems_init(&problems, &arena, 0);
    const struct loc body = {.key = GALLEY_STR("body")}, at = {&body, GALLEY_STR("x"), 0};
    problems_add(&problems, &rows[1].problem, &at);
    problems_add(&problems, &rows[5].problem, &body);
    assert_int_equal(problems_describe(&problems, &said), 0);
    const struct galley_problem *first = &said.problems[0], *second = &said.problems[1];
    assert_memory_equal(first->loc.data, "[\"body\",\"x\"]", first->loc.len);
    assert_memory_equal(first->input.data, "\"a\\\"\\n\xC3\xA9\"", first->input.len);
    assert_null(first->ctx.data);
    assert_memory_equal(second->ctx.data, "{\"min_length\":1}", second->ctx.len);
    assert_memory_equal(second->input.data, "null", second->input.len);
    arena_release(&arena);
}

/* However many there are, and however large what they show: a list that ends with TOO_MANY, in bounded memory. */
static void a_budget_ends_the_list(void **state)
{
    (void)state;
    static char text[20000];
    static const size_t input_lens[] = {0, 10, 5000, sizeof text};
    memset(text, '\001', sizeof text); /* each is shown as \u0001 */
    for (size_t i = 0; i < sizeof input_lens / sizeof input_lens[0]; i++) {
        struct arena arena;
        struct problems problems;
        struct json_out out;
        arena_init(&arena, NULL, 0, 1 << 20);
        problems_init(&problems, &arena, sizeof text);
        struct problem problem = {
            .kind = PROBLEM_BOOL_PARSING, .input_kind = INPUT_TEXT, .input = {text, input_lens[i]}};
        struct loc body = {.key = GALLEY_STR("query")};
        for (size_t n = 0; n < 10000; n++)
            problems_add(&problems, &problem, &(struct loc){&body, {NULL, 0}, n});
        assert_int_equal(problems.error, 0);
        assert_in_range(problems.count, 2, 2000);
        assert_int_equal(problems.last->kind, PROBLEM_TOO_MANY);
        assert_in_range(arena.total_bytes, 0, 200 * 1024);
        json_out_init(&out, NULL, 0, 1 << 20);
        problems_write(&problems, &out);
        assert_int_equal(out.error, 0);
        assert_in_range(out.len, 200, 6 * sizeof text + 33 * 1024);
        json_out_release(&out);
        arena_release(&arena);
    }
}

static void an_arena_that_is_full_ends_the_list(void **state)
{
    (void)state;
    struct arena arena;
    struct problems problems;
    arena_init(&arena, NULL, 0, 4096);
    problems_init(&problems, &arena, 0);
    for (size_t n = 0; n < 100; n++)
        problems_add(&problems, &rows[0].problem, &(struct loc){.index = n});
    assert_int_equal(problems.error, 0);
    assert_true(problems_has_ended(&problems));
    assert_in_range(problems.count, 2, 20);
    arena_release(&arena);
}

static void an_arena_without_room_for_one_is_said(void **state)
{
    (void)state;
    struct arena arena;
    struct problems problems;
    arena_init(&arena, NULL, 0, 512);
    problems_init(&problems, &arena, 0);
    for (size_t n = 0; n < 2; n++)
        problems_add(&problems, &rows[0].problem, &(struct loc){.index = n});
    assert_int_equal(problems.error, -ENOMEM);
    assert_int_equal(problems.count, 0);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told),
        cmocka_unit_test(locs_are_copied_and_shared),
        cmocka_unit_test(tags_are_listed),
        cmocka_unit_test(parts_are_within_the_body),
        cmocka_unit_test(a_budget_ends_the_list),
        cmocka_unit_test(an_arena_that_is_full_ends_the_list),
        cmocka_unit_test(an_arena_without_room_for_one_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
