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

#include "t/unit/worker/app/route.h"
#include "worker/app/app.h"

#pragma GCC diagnostic ignored "-Woverride-init" /* ROUTE's defaults */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

GALLEY_STRUCT(id_in, (int64_t, id, PATH));
GALLEY_STRUCT(other_in, (int64_t, number, PATH));
GALLEY_STRUCT(body_in, (int64_t, a));
GALLEY_STRUCT(optional_path_in, (int64_t, id, PATH, OPTIONAL));
GALLEY_STRUCT(path_list_in, (galley_int_list, id, PATH));
GALLEY_STRUCT(long_pattern_in, (int64_t, q, QUERY, .pattern = "^1"));
GALLEY_STRUCT(absent_uuid_in, (galley_uuid, q, QUERY, OPTIONAL));
GALLEY_STRUCT(nullable_int_in, (int64_t, q, QUERY, NULLABLE));
GALLEY_STRUCT(no_list_in, (int64_t, q, QUERY, LIST));
GALLEY_STRUCT(literal_int_in, (int64_t, q, QUERY, LITERAL("1")));
GALLEY_ENUM(color, (COLOR_RED, "red"));
/* What the macros of model.h refuse, said without them. */
GALLEY_STRUCT(no_enum_in, (int64_t, q, QUERY, .kind = GALLEY_ENUM, .choices = &color_enum));
GALLEY_STRUCT(default_bound_in, (int64_t, a, QUERY, DEFAULT(0), .ge = 1));
GALLEY_STRUCT(default_enum_in, (enum color, a, QUERY, ENUM(color), DEFAULT("blue")));
GALLEY_STRUCT(needed, (int64_t, a), (int64_t, b, DEFAULT(1)));
GALLEY_STRUCT(absent_object, (struct needed, needed, OBJECT(needed), OPTIONAL));
GALLEY_STRUCT(two_roots, (MODEL, .form = GALLEY_BARE), (int64_t, a), (int64_t, b));
GALLEY_STRUCT(no_tag, (int64_t, a));
GALLEY_UNION(untold, kind, (no_tag));
GALLEY_STRUCT(pattern_in, (galley_str, q, QUERY, .pattern = "("));
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

GALLEY_STRUCT(map_in, (galley_int_map, a, QUERY));
GALLEY_STRUCT(json_in, (galley_json, a, HEADER));
GALLEY_STRUCT(file_in, (galley_upload, a, QUERY));
GALLEY_STRUCT(file_body_in, (galley_upload, a, BODY()));
GALLEY_STRUCT(cookie_list_in, (galley_int_list, a, COOKIE));
GALLEY_STRUCT(path_object_in, (struct no_tag, a, PATH, OBJECT(no_tag)));
GALLEY_STRUCT(object_list_in, (struct no_tag_list, a, QUERY, LIST_OF(no_tag)));
GALLEY_STRUCT(nesting, (struct no_tag, deep, OBJECT(no_tag)));
GALLEY_STRUCT(nesting_in, (struct nesting, a, FORM, OBJECT(nesting)));
GALLEY_ROOT(rooted, (int64_t, a));
GALLEY_STRUCT(rooted_in, (struct rooted, a, QUERY, OBJECT(rooted)));
GALLEY_STRUCT(both_in, (int64_t, a, FORM), (int64_t, b, BODY()));
GALLEY_STRUCT(named_in, (int64_t, a, QUERY), (struct no_tag, b, QUERY, OBJECT(no_tag)));
GALLEY_STRUCT(strict_in, (MODEL, .extra = GALLEY_FORBID), (int64_t, a, QUERY));
GALLEY_STRUCT(two_places_in, (int64_t, a, QUERY, .alias = "x"), (int64_t, b, COOKIE, .alias = "x"));

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
    struct front *text;
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
GALLEY_MODEL(outer, (inner_pointer, OBJECT(inner)),
             (wrong, .kind = GALLEY_OBJECT, .of = &inner_model));

static const struct {
    struct galley_route route;
    const char *why;
    const struct galley_model *at; /* the sentence names the model's place; NULL: the route's */
} mistakes[] = {
    {ROUTE("/{id}", galley_none, galley_none),
     "the path has {id}, but galley_none has no member for it (marked PATH)"},
    {ROUTE("/{id}", other_in, galley_none),
     "member number of other_in comes from the path, which has no {number}"},
    {ROUTE("/", id_in, galley_none), "member id of id_in comes from the path, which has no {id}"},
    {ROUTE("/", body_in, galley_none), "member a of body_in says not where it comes from: PATH, "
                                       "QUERY, HEADER, COOKIE, BODY() or FORM"},
    {ROUTE("/{id}", optional_path_in, galley_none),
     "member id of optional_path_in is part of the path, so it cannot be absent"},
    {ROUTE("/{id}", path_list_in, galley_none),
     "member id of path_list_in is a list, which a path or a cookie has not"},
    {ROUTE("/", map_in, galley_none), "member a of map_in is a map, which only a BODY() has"},
    {ROUTE("/", json_in, galley_none),
     "member a of json_in is free-form JSON, which only a BODY() has"},
    {ROUTE("/", file_in, galley_none), "member a of file_in is a file, which only a FORM has"},
    {ROUTE("/", file_body_in, galley_none),
     "member a of file_body_in is a file, which only a FORM has"},
    {ROUTE("/", cookie_list_in, galley_none),
     "member a of cookie_list_in is a list, which a path or a cookie has not"},
    {ROUTE("/{a}", path_object_in, galley_none),
     "member a of path_object_in is an object, which a path has not"},
    {ROUTE("/", object_list_in, galley_none),
     "member a of object_list_in is an object within what comes as names and texts: only a BODY() "
     "has those"},
    {ROUTE("/", nesting_in, galley_none),
     "member deep of nesting is an object within what comes as names and texts: only a BODY() "
     "has those"},
    {ROUTE("/", rooted_in, galley_none),
     "member a of rooted_in is an object without members, or one of several: only a BODY() can be "
     "that"},
    {ROUTE("/", both_in, galley_none),
     "member b of both_in is a BODY(), and others come from a FORM: it is one of them"},
    {ROUTE("/", named_in, galley_none),
     "member a of no_tag has the same name there as another member"},
    {ROUTE("/", strict_in, galley_none), "strict_in is an input, which has no root, no .check and "
                                         "no .extra: they are for the models of "
                                         "its members"},
    {ROUTE("/", pattern_in, galley_none),
     "member q has the pattern '(', which is none: missing closing parenthesis (at character 1)",
     &pattern_in_model},
    {ROUTE("/", bounded_text_in, galley_none),
     "member q is no number, so gt, ge, lt, le and multiple_of do not fit it",
     &bounded_text_in_model},
    {ROUTE("/", long_number_in, galley_none),
     "member q is neither a string nor a list, so min_length and max_length do "
     "not fit it",
     &long_number_in_model},
    {ROUTE("/", crossed_in, galley_none), "member q has a min_length above its max_length",
     &crossed_in_model},
    {ROUTE("/", broken_bound_in, galley_none),
     "member q is a whole number, so its bounds must be whole numbers of 64 "
     "bits",
     &broken_bound_in_model},
    {ROUTE("/", far_bound_in, galley_none),
     "member q is a whole number, so its bounds must be whole numbers of 64 bits",
     &far_bound_in_model},
    {ROUTE("/", zero_multiple_in, galley_none), "member q has a multiple_of that is not above 0",
     &zero_multiple_in_model},
    {ROUTE("/", twice_in, galley_none), "members a and b have the same name \"x\"",
     &twice_in_model},
    {ROUTE("/", default_word_in, galley_none), "member a has the default many, which is no JSON",
     &default_word_in_model},
    {ROUTE("/", default_more_in, galley_none), "member a has the default 1 2, which is no JSON",
     &default_more_in_model},
    {ROUTE("/", default_open_in, galley_none), "member a has the default \"a, which is no JSON",
     &default_open_in_model},
    {ROUTE("/", default_escape_in, galley_none),
     "member a has the default \"\\q\", which is no JSON", &default_escape_in_model},
    {ROUTE("/", default_half_in, galley_none),
     "member a has the default \"\\ud800\", which is no JSON", &default_half_in_model},
    {ROUTE("/", default_null_in, galley_none),
     "member a is NULLABLE, but has no null: make it a pointer", &default_null_in_model},
    {ROUTE("/", default_list_in, galley_none), "member a has the default [1,], which is no JSON",
     &default_list_in_model},
    {ROUTE("/", default_bool_in, galley_none), "member a has the default yes, which is no JSON",
     &default_bool_in_model},
    {ROUTE("/", long_pattern_in, galley_none),
     "member q is no string, so a pattern does not fit it", &long_pattern_in_model},
    {ROUTE("/", absent_uuid_in, galley_none),
     "member q is OPTIONAL, but nothing stands for its absence: make it a pointer, or give it a "
     "DEFAULT",
     &absent_uuid_in_model},
    {ROUTE("/", nullable_int_in, galley_none),
     "member q is NULLABLE, but has no null: make it a pointer", &nullable_int_in_model},
    {ROUTE("/", no_list_in, galley_none),
     "member q is marked as a list or map, but is none: use struct item_list, GALLEY_LIST(type) or "
     "GALLEY_MAP(type)",
     &no_list_in_model},
    {ROUTE("/", literal_int_in, galley_none),
     "member q is LITERAL, which is for strings, and names at least one", &literal_int_in_model},
    {ROUTE("/", no_enum_in, galley_none), "member q is marked ENUM, but is no enum",
     &no_enum_in_model},
    {ROUTE("/", default_bound_in, galley_none),
     "member a has the default 0, which does not hold: Input should be greater than or equal to 1",
     &default_bound_in_model},
    {ROUTE("/", default_enum_in, galley_none),
     "member a has the default \"blue\", which does not hold: Input should be 'red'",
     &default_enum_in_model},
    {ROUTE("/", galley_none, absent_object),
     "member needed is OPTIONAL, but struct needed has members that are not: make it a pointer, or "
     "give it a DEFAULT",
     &absent_object_model},
    {ROUTE("/", galley_none, two_roots), "a GALLEY_ROOT has one member, and struct two_roots has 2",
     &two_roots_model},
    {ROUTE("/", galley_none, untold),
     "struct no_tag has no member kind that is LITERAL(\"...\"), which tells it apart",
     &untold_model},
    {ROUTE("/", galley_none, gap),
     "it has a member behind a that its model leaves out: describe it, or mark it "
     "INTERNAL",
     &gap_model},
    {ROUTE("/", galley_none, tail),
     "it has a member behind b that its model leaves out: describe it, or mark it "
     "INTERNAL",
     &tail_model},
    {ROUTE("/", galley_none, front),
     "it has a member before a that its model leaves out: describe it, or mark it "
     "INTERNAL",
     &front_model},
    {ROUTE("/", galley_none, strange),
     "member text has a type that no model describes: use a type of galley/value.h, or say "
     "OBJECT(model), ENUM(enum), or LIST_OF(model) for a list",
     &strange_model},
    {ROUTE("/", galley_none, outer), "member wrong is not of the struct that its model describes",
     &outer_model},
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
        const struct galley_model *at = mistakes[i].at;
        if (at != NULL)
            snprintf(want, sizeof want, "%s:%d: struct %s: %s", at->file, at->line, at->name,
                     mistakes[i].why);
        else
            snprintf(want, sizeof want, "shop.c:7: GET %s: %s", mistakes[i].route.path,
                     mistakes[i].why);
        struct app *app = app_new(&declared, &why);
        if (app != NULL)
            fail_msg("accepted: %s", want);
        assert_string_equal(why.text, want);
    }
}

/* ---- handlers of failures ---- */

#define HANDLER(kind_, status_, in_, out_, ...)                                                    \
    {                                                                                              \
        .kind = kind_, .status = status_, .model = &in_##_model,                                   \
        .route = ROUTE(NULL, in_, out_, __VA_ARGS__)                                               \
    }

static const struct {
    struct galley_failure_handler handlers[2];
    const char *why;
} wrong_handlers[] = {
    {{HANDLER(GALLEY_FAILURE_STATUS, 99, galley_failure, galley_none)},
     "its status is not within 200 to 599"},
    {{HANDLER(GALLEY_FAILURE_STATUS, 404, galley_failure, galley_none, .status = 1000)},
     "the status of its answer is not within 200 to 599"},
    {{HANDLER(GALLEY_FAILURE_CRASH, 0, galley_failure, galley_stream, .async = false)},
     "a stream is written by an async handler"},
    {{HANDLER(GALLEY_FAILURE_CRASH, 0, galley_failure, galley_none, .run = NULL)},
     "it has no handler, input or output: declare it with GALLEY_ON_STATUS or its kind"},
    {{HANDLER(GALLEY_FAILURE_RAISED, 0, body_in, galley_none),
      HANDLER(GALLEY_FAILURE_RAISED, 0, body_in, galley_none)},
     "there is another handler of the same failure before it"},
};

static void each_wrong_handler_is_one_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong_handlers / sizeof wrong_handlers[0]; i++) {
        const struct galley_failure_handler *handlers = wrong_handlers[i].handlers;
        const struct galley_app declared = {.abi = GALLEY_ABI,
                                            .handlers = handlers,
                                            .handler_count = handlers[1].model != NULL ? 2 : 1};
        struct errmsg why = {{0}};
        char want[256];
        snprintf(want, sizeof want, "shop.c:7: the handler of a failure, run: %s",
                 wrong_handlers[i].why);
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
    const struct galley_route routes[] = {ROUTE("/", galley_none, nested),
                                          ROUTE("/2", two_places_in, galley_none)};
    const struct galley_app declared = {
        .abi = GALLEY_ABI, .routes = routes, .route_count = sizeof routes / sizeof routes[0]};
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
        cmocka_unit_test(each_wrong_handler_is_one_sentence),
        cmocka_unit_test(another_abi_is_refused),
        cmocka_unit_test(what_is_right_is_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
