/* t/unit/worker/app/openapi.c - what FastAPI's programs cannot show: models that contain themselves in odd ways, one name
 * twice, text that must be escaped, documents of nothing. Everything else is in t/76-openapi.t. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <galley.h>

#include "t/unit/worker/app/route.h"
#include "worker/app/openapi.h"

/* clang-format off */
GALLEY_STRUCT(plain, (int64_t, n));
GALLEY_STRUCT(quoted, (MODEL, .description = "a \"b\"\n\\"), (galley_str, s, .alias = "s\"x", .pattern = "^\\d\"$"));
GALLEY_ROOT(tree, (struct tree_list, of, LIST_OF(tree)));
GALLEY_ROOT(numbers, (galley_int_list, of, .ge = 1, .max_length = 9));
GALLEY_ROOT(rows, (struct numbers_list, of, LIST_OF(numbers)));
GALLEY_STRUCT(narrow, (int32_t, a, .ge = 0, .le = 9), (uint32_t, b, .gt = 5), (int64_t, c, .le = INT64_MAX, .ge = INT64_MIN));
GALLEY_STRUCT(spaced, (galley_int_list, n, DEFAULT([1, 2]), EXAMPLES([ 1 ], [2, 1e1])));
GALLEY_STRUCT(bad_example, (int64_t, n, EXAMPLES(1 2)));
GALLEY_STRUCT(no_list, (MODEL, .examples_json = "{}"), (int64_t, n));
GALLEY_STRUCT(tree_in, (struct tree, t, BODY(tree)));
GALLEY_STRUCT(form_bytes, (galley_bytes, data));
GALLEY_STRUCT(form_bytes_in, (struct form_bytes, f, FORM, OBJECT(form_bytes)));
GALLEY_STRUCT(one_query, (int64_t, n, QUERY, .hidden = true, OPTIONAL));
GALLEY_ENUM(color, (RED, "red"));
GALLEY_STRUCT(colored, (enum color, color, ENUM(color)));
GALLEY_STRUCT(also_color, (MODEL, .wire_name = "Color"), (enum color, c, ENUM(color)));
/* clang-format on */

/* The document of these routes; "" with the sentence in `why`. */
static void document(char *text, size_t size, const struct galley_route *routes, size_t count,
                     struct errmsg *why)
{
    const struct galley_app app = {.routes = routes, .route_count = count};
    struct shapes *shapes = shapes_new();
    struct json_out out;
    assert_non_null(shapes);
    json_out_init(&out, NULL, 0, 1 << 20);
    *text = '\0';
    if (openapi_write(&out, &app, shapes, why) == 0) {
        assert_int_equal(out.error, 0);
        assert_in_range(out.len, 1, size - 1);
        memcpy(text, out.data, out.len);
        text[out.len] = '\0';
    } else {
        assert_true(why->text[0] != '\0');
    }
    json_out_release(&out);
    shapes_free(shapes);
}

#define HEAD      "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"Galley\",\"version\":\"0.1.0\"},"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"

static const struct {
    const char *name;
    struct galley_route route;
    const char *has[4]; /* parts of the document */
    const char *lacks;
} rows[] = {
    {"hidden", ROUTE("/", galley_none, plain, .hidden = true), {HEAD "\"paths\":{}}"}, "Plain"},
    {"text is escaped",
     ROUTE("/", galley_none, quoted, .summary = "\"x\"", .tags = " a , ,b c,"),
     {"\"description\":\"a \\\"b\\\"\\n\\\\\"",
      "\"s\\\"x\":{\"type\":\"string\",\"pattern\":\"^\\\\d\\\"$\"", "\"summary\":\"\\\"x\\\"\"",
      "\"tags\":[\"a\",\"b c\"]"},
     NULL},
    {"a root that contains itself, on one side",
     ROUTE("/", galley_none, tree),
     {"\"schema\":" REF("Tree") "}",
      "\"Tree\":{\"items\":" REF("Tree") ",\"type\":\"array\",\"title\":\"Tree\"}"},
     "Tree-"},
    {"a root that contains itself, on both",
     ROUTE("/", tree_in, tree),
     {"\"schema\":" REF("Tree-Input"), "\"schema\":" REF("Tree-Output"),
      "\"Tree-Input\":{\"items\":" REF("Tree-Input"),
      "\"Tree-Output\":{\"items\":" REF("Tree-Output")},
     "schemas/Tree\""},
    {"roots in roots stand where they are used",
     ROUTE("/", galley_none, rows),
     {"\"schema\":{\"items\":{\"items\":{\"type\":\"integer\",\"minimum\":1},\"type\":\"array\","
      "\"maxItems\":9},"
      "\"type\":\"array\",\"title\":\"Response Run  Get\"}"},
     "components"},
    {"of two limits the narrower",
     ROUTE("/", galley_none, narrow),
     {"\"a\":{\"type\":\"integer\",\"maximum\":9,\"minimum\":0,\"title\"",
      "\"b\":{\"type\":\"integer\",\"exclusiveMinimum\":5,\"maximum\":4294967295,\"minimum\":0,"
      "\"title\""},
     NULL},
#ifndef GALLEY_VALGRIND /* which has 64 bits for a long double */
    {"limits are exact",
     ROUTE("/", galley_none, narrow),
     {"\"c\":{\"type\":\"integer\",\"maximum\":9223372036854775807,\"minimum\":-"
      "9223372036854775808,\"title\""},
     NULL},
#endif
    {"a form with a file is in several parts",
     ROUTE("/", form_bytes_in, galley_none),
     {"\"multipart/form-data\":{\"schema\":" REF("FormBytes"),
      "\"204\":{\"description\":\"Successful Response\"}"},
     "urlencoded"},
    {"JSON of the declaration is compact",
     ROUTE("/", galley_none, spaced),
     {"\"examples\":[[1],[2,10.0]],\"default\":[1,2]"},
     NULL},
    {"a hidden parameter can still be wrong",
     ROUTE("/", one_query, plain),
     {"\"422\":", "\"HTTPValidationError\":{"},
     "\"parameters\""},
    {"no method that OpenAPI knows",
     {.method = "BREW",
      .path = "/",
      .name = "run",
      .run = run,
      .in = &galley_none_model,
      .out = &plain_model},
     {"\"paths\":{}"},
     "brew"},
};

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        static char text[16384];
        struct errmsg why = {{0}};
        document(text, sizeof text, &rows[i].route, 1, &why);
        for (size_t j = 0; j < 4 && rows[i].has[j] != NULL; j++)
            if (strstr(text, rows[i].has[j]) == NULL)
                fail_msg("%s: %s\nis not in %s %s", rows[i].name, rows[i].has[j], text, why.text);
        if (rows[i].lacks != NULL && strstr(text, rows[i].lacks) != NULL)
            fail_msg("%s: %s\nis in %s", rows[i].name, rows[i].lacks, text);
    }
}

static void nothing_is_a_document(void **state)
{
    char text[256];
    struct errmsg why = {{0}};
    (void)state;
    document(text, sizeof text, NULL, 0, &why);
    assert_string_equal(text, HEAD "\"paths\":{}}");
}

static void one_method_of_a_path_is_there_once(void **state)
{
    static const struct galley_route twice[] = {
        ROUTE("/{a:int}", galley_none, plain, .summary = "first"),
        ROUTE("/x", galley_none, plain),
        ROUTE("/{a}", galley_none, plain, .summary = "second"),
    };
    static char text[16384];
    struct errmsg why = {{0}};
    (void)state;
    document(text, sizeof text, twice, 3, &why);
    assert_non_null(strstr(text, "\"paths\":{\"/{a}\":{\"get\":{\"summary\":\"first\""));
    assert_null(strstr(text, "second"));
}

static void a_name_is_given_once(void **state)
{
    struct galley_model twin = plain_model;
    const struct galley_route routes[] = {
        ROUTE("/1", galley_none, plain),
        {.method = "GET",
         .path = "/2",
         .name = "run",
         .run = run,
         .in = &galley_none_model,
         .out = &twin},
    };
    static const struct galley_route colors[] = {ROUTE("/1", galley_none, colored),
                                                 ROUTE("/2", galley_none, also_color)};
    static char text[16384];
    struct errmsg why = {{0}};
    (void)state;
    document(text, sizeof text, routes, 2, &why); /* as two files have it that include one header */
    assert_non_null(strstr(text, "\"/2\":"));
    twin.line++;
    document(text, sizeof text, routes, 2, &why);
    assert_string_equal(text, "");
    assert_non_null(strstr(why.text, "are both Plain in the OpenAPI document"));
    why.text[0] = '\0';
    document(text, sizeof text, colors, 2, &why);
    assert_non_null(strstr(why.text, "enum color"));
    assert_non_null(strstr(why.text, "struct also_color ("));
}

static void examples_are_json(void **state)
{
    static const struct galley_route routes[] = {ROUTE("/", galley_none, bad_example),
                                                 ROUTE("/", galley_none, no_list)};
    static const char *const names[] = {"the examples of n are no list in JSON: [1 2]",
                                        "the examples of no_list are no list in JSON: {}"};
    static char text[16384];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct errmsg why = {{0}};
        document(text, sizeof text, &routes[i], 1, &why);
        assert_string_equal(why.text, names[i]);
    }
}

static void too_large_is_said(void **state)
{
    const struct galley_route route = ROUTE("/", galley_none, plain);
    const struct galley_app app = {.routes = &route, .route_count = 1};
    struct shapes *shapes = shapes_new();
    struct errmsg why = {{0}};
    struct json_out out;
    (void)state;
    json_out_init(&out, NULL, 0, 100);
    assert_int_equal(openapi_write(&out, &app, shapes, &why), -1);
    assert_non_null(strstr(why.text, "cannot be written"));
    json_out_release(&out);
    shapes_free(shapes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_hold),
        cmocka_unit_test(nothing_is_a_document),
        cmocka_unit_test(one_method_of_a_path_is_there_once),
        cmocka_unit_test(a_name_is_given_once),
        cmocka_unit_test(examples_are_json),
        cmocka_unit_test(too_large_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
