/* t/unit/worker/app/openapi_names.c - names and titles, as Python makes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/openapi_parts.h"

static struct errmsg why;
static struct openapi doc = {.why = &why};

static void check(const char *name, galley_str got, const char *want)
{
    if (got.len == strlen(want) && memcmp(got.data, want, got.len) == 0)
        return;
    print_error("%s: '%.*s', not '%s'\n", name, GALLEY_STR_ARG(got), want);
    fail();
}

static void titles(void **state)
{
    static const struct {
        const char *name, *title;
    } rows[] = {
        {"read_item", "Read Item"},
        {"x-trace-id", "X-Trace-Id"},
        {"X-API-Version", "X-Api-Version"},
        {"wireName", "Wirename"},
        {"md5", "Md5"},
        {"a1b", "A1B"},
        {"_x", " X"},
        {"a__b", "A  B"},
        {"räksmörgås", "Räksmörgås"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(rows[i].name, openapi_title(&doc, (galley_str){rows[i].name, strlen(rows[i].name)}),
              rows[i].title);
}

static void type_names(void **state)
{
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"color", "Color"}, {"order_line", "OrderLine"}, {"orderLine", "OrderLine"},
        {"a_b_c", "ABC"},   {"_private", "Private"},     {"x2_y", "X2Y"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(rows[i].name, openapi_type_name(&doc, rows[i].name), rows[i].type);
}

static void operation_ids(void **state)
{
    static const struct {
        const char *method, *name, *path, *shown, *id;
    } rows[] = {
        {"GET", "read_item", "/items/{item_id}", "/items/{item_id}",
         "read_item_items__item_id__get"},
        {"GET", "read_tree", "/tree/{where:path}", "/tree/{where}", "read_tree_tree__where__get"},
        {"POST", "root", "/", "/", "root__post"},
        {"PATCH", "echo", "/p/{a:int}-{b:float}/x.y", "/p/{a}-{b}/x.y", "echo_p__a___b__x_y_patch"},
        {"GET", "time", "/a:b/{c}", "/a:b/{c}", "time_a_b__c__get"},
        {"GET", "soup", "/bröd", "/bröd", "soup_bröd_get"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct galley_route route = {.method = rows[i].method, .name = rows[i].name};
        galley_str path = openapi_path(&doc, rows[i].path);
        check(rows[i].path, path, rows[i].shown);
        check(rows[i].path, openapi_operation_id(&doc, &route, path), rows[i].id);
    }
    const struct galley_route own = {.method = "GET", .name = "a", .operation_id = "my id"};
    check("own", openapi_operation_id(&doc, &own, GALLEY_STR("/")), "my id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(titles),
        cmocka_unit_test(type_names),
        cmocka_unit_test(operation_ids),
    };
    arena_init(&doc.memory, NULL, 0, 1 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&doc.memory);
    return failed;
}
