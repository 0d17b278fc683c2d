/* 04-request-body.c - JSON that a client sends becomes a struct. */
#include <galley.h>

GALLEY_STRUCT(item,
    (galley_str, name),
    (galley_str, description, OPTIONAL),
    (double,     price),
    (double *,   tax, OPTIONAL));

/* The whole body is one item. */
GALLEY_STRUCT(create_item_in, (struct item, item, BODY(item)));
GALLEY_STRUCT(priced, (galley_str, name), (double, price_with_tax));

static int create_item(galley_async *co, const struct create_item_in *in, struct priced *out)
{
    out->name = in->item.name;
    out->price_with_tax = in->item.price + (in->item.tax != NULL ? *in->item.tax : 0);
    return 0;
}

/* Body, path and query together: each member says where it comes from. */
GALLEY_STRUCT(replace_item_in,
    (int64_t,     item_id, PATH),
    (galley_str,  q,       QUERY, OPTIONAL),
    (struct item, item,    BODY(item)));
GALLEY_STRUCT(replaced,
    (int64_t,     item_id),
    (galley_str,  q, NULLABLE),
    (struct item, item, OBJECT(item)));

static int replace_item(galley_async *co, const struct replace_item_in *in, struct replaced *out)
{
    *out = (struct replaced){.item_id = in->item_id, .q = in->q, .item = in->item};
    return 0;
}

GALLEY_APP(.title = "Request body",
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/items", create_item, create_item_in, priced),
               GALLEY_PUT("/items/{item_id}", replace_item, replace_item_in, replaced)));
