/* 09-body-fields.c - limits and words for the members of a body. */
#include <galley.h>

GALLEY_STRUCT(item,
    (galley_str, name,        EXAMPLES("Foo")),
    (galley_str, description, OPTIONAL, .title = "The description of the item", .max_length = 30),
    (double,     price,       .gt = 0, .description = "The price must be greater than zero", EXAMPLES(35.4)),
    (double *,   tax,         OPTIONAL, EXAMPLES(3.2)));

GALLEY_STRUCT(create_item_in, (struct item, item, BODY(item)));

static int create_item(galley_async *co, const struct create_item_in *in, struct item *out)
{
    *out = in->item;
    return 0;
}

GALLEY_APP(.title = "Body fields",
           .routes = GALLEY_ROUTES(GALLEY_POST("/items", create_item, create_item_in, item)));
