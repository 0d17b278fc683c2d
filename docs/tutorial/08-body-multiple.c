/* 08-body-multiple.c - several things in one body. */
#include <galley.h>

GALLEY_STRUCT(item, (galley_str, name), (double, price));
GALLEY_STRUCT(user, (galley_str, username), (galley_str, full_name, OPTIONAL));

/* More than one BODY: each is a key of one JSON object. A single number can be one, too. */
GALLEY_STRUCT(update_item_in,
    (int64_t,     item_id,    PATH),
    (struct item, item,       BODY(item)),
    (struct user, user,       BODY(user)),
    (int64_t,     importance, BODY(), .gt = 0));
GALLEY_STRUCT(updated,
    (int64_t,     item_id),
    (struct item, item, OBJECT(item)),
    (struct user, user, OBJECT(user)),
    (int64_t,     importance));

static int update_item(galley_async *co, const struct update_item_in *in, struct updated *out)
{
    *out = (struct updated){.item_id = in->item_id, .item = in->item, .user = in->user,
                            .importance = in->importance};
    return 0;
}

/* A lone one is the whole body, unless it is to be a key all the same. */
GALLEY_STRUCT(embedded_in, (struct item, item, BODY(item), EMBED));

static int create_item(galley_async *co, const struct embedded_in *in, struct item *out)
{
    *out = in->item;
    return 0;
}

GALLEY_APP(.title = "Body with several parameters",
           .routes = GALLEY_ROUTES(
               GALLEY_PUT("/items/{item_id}", update_item, update_item_in, updated),
               GALLEY_POST("/items", create_item, embedded_in, item)));
