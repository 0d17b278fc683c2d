/* 21-operation-configuration.c - what the documentation says of a route. */
#include <galley.h>

GALLEY_STRUCT(item, (galley_str, name), (double, price, .gt = 0));
GALLEY_STRUCT(create_item_in, (struct item, item, BODY(item)));
GALLEY_STRUCT(message, (galley_str, detail));

static int create_item(galley_async *co, const struct create_item_in *in, struct item *out)
{
    *out = in->item;
    return 0;
}

static int read_items(galley_async *co, const struct galley_none *in, struct item *out)
{
    *out = (struct item){.name = GALLEY_STR("Foo"), .price = 42};
    return 0;
}

GALLEY_APP(.title = "Operation configuration",
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/items", create_item, create_item_in, item, .status = 201,
                           .tags = "items", .summary = "Create an item",
                           .description = "Create an item with a **name** and a **price**.",
                           .response_description = "The created item",
                           .responses = GALLEY_RESPONSES({409, &message_model, "There is one already"})),
               GALLEY_GET("/items", read_items, galley_none, item, .tags = "items"),
               GALLEY_GET("/elements", read_items, galley_none, item, .tags = "items",
                          .deprecated = true, .operation_id = "read_elements"),
               GALLEY_GET("/internal", read_items, galley_none, item, .hidden = true)));
