/* t/unit/worker/app/docs.c - where the documentation is served, and what is wrong with a wish for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <galley.h>

#include "worker/app/docs.h"

static int run(void *color, const void *in, void *out)
{
    (void)color, (void)in, (void)out;
    return 0;
}

static const struct galley_route routes[] = {
    {.method = "GET",
     .path = "/mine",
     .name = "run",
     .async = true,
     .run = run,
     .file = "shop.c",
     .line = 7},
    {.method = "POST",
     .path = "/docs",
     .name = "run",
     .async = true,
     .run = run,
     .file = "shop.c",
     .line = 8},
};

static const struct {
    const char *openapi, *docs, *redoc;
    const char *shown; /* docs_page */
    const char *paths; /* the first one and those that are no assets */
    const char *why;
} rows[] = {
    {NULL, NULL, NULL, "/docs", "/openapi.json /docs /redoc", NULL},
    {"", NULL, NULL, "", "", NULL},
    {"", "no path", "{}", "", "", NULL},
    {NULL, "", NULL, "/redoc", "/openapi.json /redoc", NULL},
    {NULL, "", "", "", "/openapi.json", NULL},
    {"/a/b", "/", "/r/", "/", "/a/b / /r/", NULL},
    {NULL, NULL, "/mine", NULL, NULL,
     "shop.c:7: GET /mine: the documentation is served there; choose another redoc_path in "
     "GALLEY_APP, or \"\" for none"},
    {"/mine", NULL, NULL, NULL, NULL,
     "shop.c:7: GET /mine: the documentation is served there; choose another openapi_path in "
     "GALLEY_APP, or \"\" for none"},
    {NULL, "docs", NULL, NULL, NULL,
     "docs_path of GALLEY_APP is \"docs\"; it must be a plain path such as \"/docs\""},
    {NULL, "/d/{x}", NULL, NULL, NULL,
     "docs_path of GALLEY_APP is \"/d/{x}\"; it must be a plain path such as \"/docs\""},
    {"/a b", NULL, NULL, NULL, NULL,
     "openapi_path of GALLEY_APP is \"/a b\"; it must be a plain path such as \"/openapi\""},
    {NULL, "/same", "/same", NULL, NULL,
     "GALLEY_APP wants two pages of the documentation at \"/same\""},
    {"/docs", NULL, NULL, NULL, NULL,
     "GALLEY_APP wants two pages of the documentation at \"/docs\""},
};

static void rows_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct galley_app app = {.title = "Shop",
                                       .routes = routes,
                                       .route_count = 2,
                                       .openapi_path = rows[i].openapi,
                                       .docs_path = rows[i].docs,
                                       .redoc_path = rows[i].redoc};
        struct errmsg why = {{0}};
        char paths[256] = "";
        struct docs *docs = docs_new(&app, &why);
        assert_string_equal(why.text, rows[i].why != NULL ? rows[i].why : "");
        assert_int_equal(docs != NULL, rows[i].why == NULL);
        if (docs == NULL)
            continue;
        for (size_t j = 0; j < docs_route_count(docs); j++) {
            const struct galley_route *route = docs_route(docs, j);
            size_t len = strlen(paths);
            assert_string_equal(route->method, "GET");
            assert_true(route->hidden);
            if (strstr(route->path, ".css") == NULL && strstr(route->path, ".js") == NULL)
                snprintf(paths + len, sizeof paths - len, "%s%s", len > 0 ? " " : "", route->path);
            else if (j == 0)
                snprintf(paths, sizeof paths, "%s", route->path);
        }
        assert_string_equal(paths, rows[i].paths);
        assert_string_equal(docs_page(docs), rows[i].shown);
        docs_free(docs);
    }
    docs_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
