/* t/unit/worker/app/router.c - which route a method and a path mean: FastAPI's rule, and ours where it deviates. */
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/router.h"

static const struct router_path paths[] = {
    /*  0 */ {"GET", "/"},
    /*  1 */ {"GET", "/users/{id}"},
    /*  2 */ {"GET", "/users/me"}, /* too late: {id} takes it */
    /*  3 */ {"GET", "/items/first"},
    /*  4 */ {"GET", "/items/{id}"},
    /*  5 */ {"POST", "/items/{id}"},
    /*  6 */ {"DELETE", "/items/first"},
    /*  7 */ {"GET", "/items/{id}/parts/{part}"},
    /*  8 */ {"GET", "/items/first/parts/{part}"},
    /*  9 */ {"GET", "/files/{rest:path}"},
    /* 10 */ {"GET", "/files/late"},
    /* 11 */ {"GET", "/folder/"},
    /* 12 */ {"GET", "/slots/{n:int}"},
    /* 13 */ {"GET", "/slots/{name}"},
    /* 14 */ {"GET", "/prices/{p:float}"},
    /* 15 */ {"GET", "/parcels/{u:uuid}"},
    /* 16 */ {"GET", "/report-{year}.csv"},
    /* 17 */ {"GET", "/tree/{rest:path}/raw/{n}"},
    /* 18 */ {"PURGE", "/cache"},
    /* 19 */ {"HEAD", "/cache"},
    /* 20 */ {"GET", "/cache"},
    /* 21 */ {"GET", "/{any}/x"},
    /* 22 */ {"GET", "/mixed/{a}/{b:path}"},
    /* 23 */ {"PUT", "/mixed/{a}/end"},
};

static const struct {
    const char *name, *method, *path;
    int index;
    const char *values; /* joined by '|' */
} rows[] = {
    {"root", "GET", "/", 0, ""},
    {"declared first wins over a later literal", "GET", "/users/me", 1, "me"},
    {"a literal declared before the parameter", "GET", "/items/first", 3, ""},
    {"the parameter otherwise", "GET", "/items/7", 4, "7"},
    {"methods choose among matches", "POST", "/items/first", 5, "first"},
    {"and skip earlier ones", "DELETE", "/items/first", 6, ""},
    {"two parameters", "GET", "/items/a/parts/b", 7, "a|b"},
    {"again the first declared", "GET", "/items/first/parts/b", 7, "first|b"},
    {"a rest with slashes", "GET", "/files/a/b//c", 9, "a/b//c"},
    {"an empty rest", "GET", "/files/", 9, ""},
    {"a rest before a later literal", "GET", "/files/late", 9, "late"},
    {"no rest without its slash", "GET", "/files", ROUTER_NO_PATH, ""},
    {"no empty parameter", "GET", "/items/", ROUTER_NO_PATH, ""},
    {"no slash too many", "GET", "/items/7/", ROUTER_NO_PATH, ""},
    {"a last slash that was declared", "GET", "/folder/", 11, ""},
    {"and without it", "GET", "/folder", ROUTER_NO_PATH, ""},
    {"int converter", "GET", "/slots/0012", 12, "0012"},
    {"int converter refuses", "GET", "/slots/-1", 13, "-1"},
    {"float converter", "GET", "/prices/1.5", 14, "1.5"},
    {"float converter, whole", "GET", "/prices/15", 14, "15"},
    {"float converter, nothing behind the dot", "GET", "/prices/1.", ROUTER_NO_PATH, ""},
    {"float converter, nothing before it", "GET", "/prices/.5", ROUTER_NO_PATH, ""},
    {"uuid converter", "GET", "/parcels/12345678-1234-5678-1234-56781234567a", 15,
     "12345678-1234-5678-1234-56781234567a"},
    {"uuid converter, no hyphens", "GET", "/parcels/1234567812345678123456781234567A", 15,
     "1234567812345678123456781234567A"},
    {"uuid converter, short", "GET", "/parcels/12345678-1234-5678-1234-56781234567", ROUTER_NO_PATH,
     ""},
    {"text around a parameter", "GET", "/report-2024.csv", 16, "2024"},
    {"text around it, more of it", "GET", "/report-a.csv.csv", 16, "a.csv"},
    {"text around nothing", "GET", "/report-.csv", ROUTER_NO_PATH, ""},
    {"a rest in the middle", "GET", "/tree/a/b/raw/7", 17, "a/b|7"},
    {"a rest that holds its own end", "GET", "/tree/a/raw/1/raw/2", 17, "a/raw/1|2"},
    {"an empty rest in the middle", "GET", "/tree//raw/2", 17, "|2"},
    {"no rest in the middle", "GET", "/tree/raw/2", ROUTER_NO_PATH, ""},
    {"an odd method", "PURGE", "/cache", 18, ""},
    {"a HEAD of its own", "HEAD", "/cache", 19, ""},
    {"HEAD by GET", "HEAD", "/items/7", 4, "7"},
    {"a parameter at the root", "GET", "/q/x", 21, "q"},
    {"rest behind a parameter", "GET", "/mixed/1/2/3", 22, "1|2/3"},
    {"literal for another method", "PUT", "/mixed/1/end", 23, "1"},
    {"path known, method not", "PUT", "/items/first", ROUTER_NO_METHOD, ""},
    {"method of another case", "get", "/items/first", ROUTER_NO_METHOD, ""},
    {"nothing", "GET", "/nowhere", ROUTER_NO_PATH, ""},
    {"double slash", "GET", "//items/7", ROUTER_NO_PATH, ""},
    {"empty", "GET", "", ROUTER_NO_PATH, ""},
    {"no slash in front", "GET", "items/7", ROUTER_NO_PATH, ""},
    {"an encoded slash stays in its segment", "GET", "/users/a\1b", 1, "a\1b"},
};

static galley_str str_of(const char *text)
{
    return (galley_str){text, strlen(text)};
}

static struct router *build(void)
{
    struct errmsg why = {{0}};
    size_t bad;
    struct router *router = router_new(paths, sizeof paths / sizeof paths[0], &bad, &why);
    if (router == NULL)
        fail_msg("%zu: %s", bad, why.text);
    return router;
}

static void the_first_declared_match_wins(void **state)
{
    (void)state;
    struct router *router = build();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *path = malloc(strlen(rows[i].path) + 1); /* so that a read beyond it is found */
        size_t len = strlen(rows[i].path);
        memcpy(path, rows[i].path, len);
        int index = router_find(router, str_of(rows[i].method), (galley_str){path, len});
        if (index != rows[i].index)
            fail_msg("%s: %s %s is %d, not %d", rows[i].name, rows[i].method, rows[i].path, index,
                     rows[i].index);
        if (index >= 0) {
            galley_str values[ROUTER_MAX_PARAMS];
            const galley_str *names;
            char joined[256] = "";
            size_t count = router_param_names(router, index, &names), used = 0;
            router_params(router, index, (galley_str){path, len}, values);
            for (size_t k = 0; k < count; k++)
                used += (size_t)snprintf(joined + used, sizeof joined - used, "%s%.*s",
                                         k > 0 ? "|" : "", GALLEY_STR_ARG(values[k]));
            if (strcmp(joined, rows[i].values) != 0)
                fail_msg("%s: %s", rows[i].name, joined);
        }
        free(path);
    }
    router_free(router);
}

/* The trie agrees with trying every route in turn. */
static void the_trie_agrees_with_one_by_one(void **state)
{
    (void)state;
    static const char *const pieces[] = {"items", "first", "7", "parts", "files", "mixed", "end",
                                         "users", "me",    "x", "raw",   "tree",  ""};
    struct router *router = build(), *singles[sizeof paths / sizeof paths[0]];
    size_t count = sizeof paths / sizeof paths[0], bad;
    struct errmsg why = {{0}};
    for (size_t i = 0; i < count; i++)
        singles[i] = router_new(&paths[i], 1, &bad, &why);
    unsigned random = 1;
    for (int round = 0; round < 20000; round++) {
        char path[128];
        size_t len = 0;
        random = random * 1103515245 + 12345;
        for (unsigned k = 0, n = 1 + (random >> 16) % 5; k < n; k++) {
            random = random * 1103515245 + 12345;
            const char *piece = pieces[(random >> 16) % (sizeof pieces / sizeof pieces[0])];
            len += (size_t)snprintf(path + len, sizeof path - len, "/%s", piece);
        }
        int want = ROUTER_NO_PATH;
        for (size_t i = 0; i < count && want < 0; i++) {
            int one = router_find(singles[i], GALLEY_STR("GET"), (galley_str){path, len});
            want = one == 0 ? (int)i : one == ROUTER_NO_METHOD ? ROUTER_NO_METHOD : want;
        }
        int index = router_find(router, GALLEY_STR("GET"), (galley_str){path, len});
        if (index != want)
            fail_msg("%s: %d, not %d", path, index, want);
        assert_int_equal(router_knows(router, (galley_str){path, len}), want != ROUTER_NO_PATH);
    }
    for (size_t i = 0; i < count; i++)
        router_free(singles[i]);
    router_free(router);
}

static void allow_is_the_union(void **state)
{
    (void)state;
    struct router *router = build();
    char text[64];
    assert_int_equal(router_allow(router, str_of("/items/first"), text, sizeof text), 23);
    assert_string_equal(text, "GET, HEAD, POST, DELETE");
    router_allow(router, str_of("/cache"), text, sizeof text);
    assert_string_equal(text, "PURGE, HEAD, GET");
    router_allow(router, str_of("/nowhere"), text, sizeof text);
    assert_string_equal(text, "");
    router_allow(router, str_of("/items/first"), text, 12);
    assert_string_equal(text, "GET, HEAD");
    router_free(router);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *why;
    } mistakes[] = {
        {"GET", "items", "path \"items\" does not begin with '/'"},
        {"GET", "", "path \"\" does not begin with '/'"},
        {"GET", "/{a", "\"/{a\" has a '{' without its '}'"},
        {"GET", "/a}", "\"/a}\" has a '}' where none can be"},
        {"GET", "/a?b=c", "\"/a?b=c\" has a '?' where none can be"},
        {"GET", "/{}", "\"/{}\": \"\" is no name for a parameter"},
        {"GET", "/{1a}", "\"/{1a}\": \"1a\" is no name for a parameter"},
        {"GET", "/{a:text}",
         "\"/{a:text}\": \"text\" is no converter: use str, int, float, uuid or path"},
        {"GET", "/{a}/{a}", "\"/{a}/{a}\" has {a} twice"},
        {"GET", "/{a}-{b}", "\"/{a}-{b}\" has two parameters in one segment"},
        {"GET", "/{a:path}/{b:path}", "\"/{a:path}/{b:path}\" has more than one {name:path}"},
        {"get", "/", "\"get\" is no method: use capital letters"},
        {"", "/", "\"\" is no method: use capital letters"},
        {"GET", "/x", "GET /x is declared twice"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        const struct router_path two[] = {{"GET", "/x"}, {mistakes[i].method, mistakes[i].path}};
        struct errmsg why = {{0}};
        size_t bad = 9;
        assert_null(router_new(two, 2, &bad, &why));
        assert_string_equal(why.text, mistakes[i].why);
        assert_int_equal(bad, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_declared_match_wins),
        cmocka_unit_test(the_trie_agrees_with_one_by_one),
        cmocka_unit_test(allow_is_the_union),
        cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
