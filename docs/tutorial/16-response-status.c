/* 16-response-status.c - the status of an answer: declared, or decided while it is made. */
#include <galley.h>

GALLEY_STRUCT(item, (galley_str, name));
GALLEY_STRUCT(create_item_in, (galley_str, name, QUERY));

static int create_item(galley_async *co, const struct create_item_in *in, struct item *out)
{
    out->name = in->name;
    return 0;
}

GALLEY_STRUCT(put_item_in, (galley_str, name, PATH));

static int put_item(galley_async *co, const struct put_item_in *in, struct item *out)
{
    bool is_known = in->name.len == 3; /* as if one had looked */
    if (!is_known)
        galley_set_status(co, 201);
    out->name = in->name;
    return 0;
}

static int delete_item(galley_async *co, const struct put_item_in *in, struct galley_none *out)
{
    return 0;
}

GALLEY_APP(.title = "Response status",
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/items", create_item, create_item_in, item, .status = 201),
               GALLEY_PUT("/items/{name}", put_item, put_item_in, item),
               GALLEY_DELETE("/items/{name}", delete_item, put_item_in, galley_none, .status = 204)));
