/* 24-testing.c - an application with a test of its own: 24-testing-test.c. */
#include <galley.h>

GALLEY_STRUCT(item, (galley_str, id), (galley_str, title), (galley_str, description, OPTIONAL));

GALLEY_STRUCT(read_item_in, (galley_str, item_id, PATH), (galley_str, x_token, HEADER));

static int read_item(galley_async *co, const struct read_item_in *in, struct item *out)
{
    if (!galley_str_is(in->x_token, "coneofsilence"))
        return galley_fail(co, 400, "Invalid X-Token header");
    if (!galley_str_is(in->item_id, "foo"))
        return galley_fail(co, 404, "Item not found");
    *out = (struct item){GALLEY_STR("foo"), GALLEY_STR("Foo"), GALLEY_STR("There goes my hero")};
    return 0;
}

GALLEY_STRUCT(create_item_in, (galley_str, x_token, HEADER), (struct item, item, BODY(item)));

static int create_item(galley_async *co, const struct create_item_in *in, struct item *out)
{
    if (!galley_str_is(in->x_token, "coneofsilence"))
        return galley_fail(co, 400, "Invalid X-Token header");
    int rc = galley_sleep_ms(co, 10000); /* the press is slow */
    *out = in->item;
    return rc;
}

GALLEY_APP(.title = "Testing",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/items/{item_id}", read_item, read_item_in, item),
               GALLEY_POST("/items", create_item, create_item_in, item)));
