/* t/unit/worker/app/declarations.c - mistakes in models and routes that only the load can see: one sentence each. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <galley.h>

#include "worker/app/app.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* ROUTE's defaults */

static int run(void *color, const void *in, void *out)
{
    (void)color, (void)in, (void)out;
    return 0;
}

/* A route with these models and options. */
#define ROUTE(path_, in_, out_, ...)                                                               \
    {                                                                                              \
        .method = "GET", .path = path_, .name = "run", .async = true, .run = run,                  \
        .in = &in_##_model, .out = &out_##_model, .file = "shop.c",                                \
        .line = 7 __VA_OPT__(, ) __VA_ARGS__                                                       \
    }

GALLEY_STRUCT(id_in, (int64_t, id, PATH));
GALLEY_STRUCT(other_in, (int64_t, number, PATH));
GALLEY_STRUCT(body_in, (int64_t, a));
GALLEY_STRUCT(optional_path_in, (int64_t, id, PATH, OPTIONAL));
GALLEY_STRUCT(path_list_in, (galley_int_list, id, PATH));
GALLEY_STRUCT(uuid_in, (galley_uuid, id, PATH));
GALLEY_STRUCT(pattern_in, (galley_str, q, QUERY, .pattern = "^a"));
GALLEY_STRUCT(bounded_text_in, (galley_str, q, QUERY, .ge = 1));
GALLEY_STRUCT(long_number_in, (int64_t, q, QUERY, .max_length = 3));
GALLEY_STRUCT(crossed_in, (galley_str, q, QUERY, .min_length = 3, .max_length = 2));
GALLEY_STRUCT(broken_bound_in, (int64_t, q, QUERY, .gt = 0.5));
GALLEY_STRUCT(far_bound_in, (int64_t, q, QUERY, .le = 1e30));
GALLEY_STRUCT(zero_multiple_in, (double, q, QUERY, .multiple_of = 0));
GALLEY_STRUCT(twice_in, (int64_t, a, QUERY, .alias = "x"), (int64_t, b, QUERY, .alias = "x"));
GALLEY_STRUCT(default_word_in, (int64_t, a, QUERY, .default_json = "many"));
GALLEY_STRUCT(default_more_in, (int64_t, a, QUERY, .default_json = "1 2"));
GALLEY_STRUCT(default_open_in, (galley_str, a, QUERY, .default_json = "\"a"));
GALLEY_STRUCT(default_escape_in, (galley_str, a, QUERY, .default_json = "\"\\q\""));
GALLEY_STRUCT(default_half_in, (galley_str, a, QUERY, .default_json = "\"\\ud800\""));
GALLEY_STRUCT(default_null_in, (int64_t, a, QUERY, .default_json = "null"));
GALLEY_STRUCT(default_list_in, (galley_int_list, a, QUERY, .default_json = "[1,]"));
GALLEY_STRUCT(default_bool_in, (bool, a, QUERY, .default_json = "yes"));

struct gap {
    int64_t a, forgotten, b;
};
GALLEY_MODEL(gap, (a), (b));
struct tail {
    int64_t a, b, forgotten;
};
GALLEY_MODEL(tail, (a), (b));
struct front {
    int64_t forgotten, a;
};
GALLEY_MODEL(front, (a));
struct strange {
    char *text;
};
GALLEY_MODEL(strange, (text));
struct inner {
    int64_t a;
};
GALLEY_MODEL(inner, (a));
struct outer {
    struct inner *inner_pointer;
    struct front wrong;
};
GALLEY_MODEL(outer, (inner_pointer, OBJECT(inner)), (wrong, OBJECT(inner)));

static const struct {
    struct galley_route route;
    const char *why;
} mistakes[] = {
    {ROUTE("/{id}", galley_none, galley_none),
     "the path has {id}, but galley_none has no member for it (marked PATH)"},
    {ROUTE("/{id}", other_in, galley_none),
     "member number of other_in comes from the path, which has no {number}"},
    {ROUTE("/", id_in, galley_none), "member id of id_in comes from the path, which has no {id}"},
    {ROUTE("/", body_in, galley_none),
     "member a of body_in says not where it comes from: PATH, QUERY, HEADER or COOKIE (bodies are "
     "not supported yet)"},
    {ROUTE("/{id}", optional_path_in, galley_none),
     "member id of optional_path_in is part of the path, so it cannot be absent"},
    {ROUTE("/{id}", path_list_in, galley_none),
     "member id of path_list_in is a list, which only a query or header parameter can be"},
    {ROUTE("/{id}", uuid_in, galley_none),
     "member id of uuid_in has a type that cannot be a parameter yet"},
    {ROUTE("/", pattern_in, galley_none),
     "member q of pattern_in has a pattern, which is not supported yet"},
    {ROUTE("/", bounded_text_in, galley_none),
     "member q of bounded_text_in is no number, so gt, ge, lt, le and multiple_of do not fit it"},
    {ROUTE("/", long_number_in, galley_none),
     "member q of long_number_in is neither a string nor a list, so min_length and max_length do "
     "not fit it"},
    {ROUTE("/", crossed_in, galley_none),
     "member q of crossed_in has a min_length above its max_length"},
    {ROUTE("/", broken_bound_in, galley_none),
     "member q of broken_bound_in is a whole number, so its bounds must be whole numbers of 64 "
     "bits"},
    {ROUTE("/", far_bound_in, galley_none),
     "member q of far_bound_in is a whole number, so its bounds must be whole numbers of 64 bits"},
    {ROUTE("/", zero_multiple_in, galley_none),
     "member q of zero_multiple_in has a multiple_of that is not above 0"},
    {ROUTE("/", twice_in, galley_none), "members a and b of twice_in have the same name \"x\""},
    {ROUTE("/", default_word_in, galley_none),
     "member a of default_word_in: its default_json many is no value of its type"},
    {ROUTE("/", default_more_in, galley_none),
     "member a of default_more_in: its default_json 1 2 is no value of its type"},
    {ROUTE("/", default_open_in, galley_none),
     "member a of default_open_in: its default_json \"a is no value of its type"},
    {ROUTE("/", default_escape_in, galley_none),
     "member a of default_escape_in: its default_json \"\\q\" is no value of its type"},
    {ROUTE("/", default_half_in, galley_none),
     "member a of default_half_in: its default_json \"\\ud800\" is no value of its type"},
    {ROUTE("/", default_null_in, galley_none),
     "member a of default_null_in: its default_json null is no value of its type"},
    {ROUTE("/", default_list_in, galley_none),
     "member a of default_list_in: its default_json [1,] is no value of its type"},
    {ROUTE("/", default_bool_in, galley_none),
     "member a of default_bool_in: its default_json yes is no value of its type"},
    {ROUTE("/", galley_none, gap),
     "struct gap has a member behind a that its model leaves out: describe it, or mark it "
     "INTERNAL"},
    {ROUTE("/", galley_none, tail),
     "struct tail has a member behind b that its model leaves out: describe it, or mark it "
     "INTERNAL"},
    {ROUTE("/", galley_none, front),
     "struct front has a member before a that its model leaves out: describe it, or mark it "
     "INTERNAL"},
    {ROUTE("/", galley_none, strange),
     "member text of strange has a type that no model describes: use a type of galley/value.h, or "
     "say OBJECT(model), or LIST_OF(model) for a list"},
    {ROUTE("/", galley_none, outer),
     "member wrong of outer is not of the struct that its model describes"},
    {ROUTE("/", galley_none, galley_none, .status = 99), "its status is not within 200 to 599"},
    {ROUTE("/", galley_none, galley_none, .timeout_ms = -1), "its timeout_ms is negative"},
    {ROUTE("/", galley_none, galley_stream, .async = false),
     "a stream is written by an async handler"},
    {ROUTE("/", galley_none, galley_none, .run = NULL),
     "it has no handler, input or output: declare it with GALLEY_GET or its kind"},
    {ROUTE("items", galley_none, galley_none), "path \"items\" does not begin with '/'"},
};

static void each_mistake_is_one_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const struct galley_app declared = {
            .abi = GALLEY_ABI, .title = "Shop", .routes = &mistakes[i].route, .route_count = 1};
        struct errmsg why = {{0}};
        char want[512];
        snprintf(want, sizeof want, "shop.c:7: GET %s: %s", mistakes[i].route.path,
                 mistakes[i].why);
        struct app *app = app_new(&declared, &why);
        if (app != NULL)
            fail_msg("accepted: %s", want);
        assert_string_equal(why.text, want);
    }
}

static void another_abi_is_refused(void **state)
{
    (void)state;
    struct errmsg why = {{0}};
    assert_null(app_new(&(struct galley_app){.abi = GALLEY_ABI + 1}, &why));
    assert_non_null(strstr(why.text, "build it again"));
}

/* Padding is no gap, members may stand in any order, and what is marked INTERNAL may be anything. */
struct padded {
    bool a;
    int32_t b;
    bool c;
    galley_uuid d;
    void *private_thing;
    int64_t e;
    bool f;
};
GALLEY_MODEL(padded, (e), (a), (c), (b), (f), (d), (private_thing, INTERNAL));
struct nested {
    bool a;
    struct padded padded;
    bool b;
    GALLEY_LIST(struct padded) list;
};
GALLEY_MODEL(nested, (a), (padded, OBJECT(padded)), (b), (list, LIST_OF(padded)));

static void what_is_right_is_accepted(void **state)
{
    (void)state;
    const struct galley_route route = ROUTE("/", galley_none, nested);
    const struct galley_app declared = {.abi = GALLEY_ABI, .routes = &route, .route_count = 1};
    struct errmsg why = {{0}};
    struct app *app = app_new(&declared, &why);
    assert_string_equal(why.text, "");
    assert_non_null(app);
    app_free(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_is_one_sentence),
        cmocka_unit_test(another_abi_is_refused),
        cmocka_unit_test(what_is_right_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
