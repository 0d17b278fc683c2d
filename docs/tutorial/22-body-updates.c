/* 22-body-updates.c - PUT replaces, PATCH changes what was sent. */
#include <galley.h>

GALLEY_STRUCT(item,
    (galley_str, name),
    (galley_str, description, OPTIONAL),
    (double,     price),
    (double,     tax, DEFAULT(10.5)));

/* The same to be changed: all of it optional, and a member that knows what was sent. */
GALLEY_STRUCT(item_patch,
    (galley_sent, sent),
    (galley_str,  name,        OPTIONAL, .min_length = 1),
    (galley_str,  description, OPTIONAL),
    (double,      price,       OPTIONAL, .gt = 0),
    (double,      tax,         OPTIONAL));

static struct item stored(void) /* as if a database had it */
{
    return (struct item){GALLEY_STR("Bar"), GALLEY_STR("The bartenders"), 62, 20.2};
}

GALLEY_STRUCT(put_item_in, (galley_str, id, PATH), (struct item, item, BODY(item)));

static int put_item(galley_async *co, const struct put_item_in *in, struct item *out)
{
    *out = in->item;
    return 0;
}

GALLEY_STRUCT(patch_item_in, (galley_str, id, PATH), (struct item_patch, patch, BODY(item_patch)));

static int patch_item(galley_async *co, const struct patch_item_in *in, struct item *out)
{
    const struct item_patch *patch = &in->patch;
    *out = stored();
    if (patch->name.data != NULL) /* null is no name: as if it had not been sent */
        out->name = patch->name;
    if (galley_was_sent(item_patch, patch, description))
        out->description = patch->description; /* null, if null was sent */
    if (galley_was_sent(item_patch, patch, price))
        out->price = patch->price;
    if (galley_was_sent(item_patch, patch, tax))
        out->tax = patch->tax;
    return 0;
}

GALLEY_APP(.title = "Body updates",
           .routes = GALLEY_ROUTES(
               GALLEY_PUT("/items/{id}", put_item, put_item_in, item),
               GALLEY_PATCH("/items/{id}", patch_item, patch_item_in, item)));
