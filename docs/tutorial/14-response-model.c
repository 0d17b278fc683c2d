/* 14-response-model.c - what goes out is what its model says, and nothing else. */
#include <galley.h>

/* The password comes in. */
GALLEY_STRUCT(user_in,
    (galley_str, username),
    (galley_str, password, .min_length = 6),
    (galley_str, full_name, OPTIONAL));
/* It cannot go out: there is no member for it. */
GALLEY_STRUCT(user, (galley_str, username), (galley_str, full_name, OPTIONAL));

GALLEY_STRUCT(create_user_in, (struct user_in, user, BODY(user_in)));

static int create_user(galley_async *co, const struct create_user_in *in, struct user *out)
{
    *out = (struct user){.username = in->user.username, .full_name = in->user.full_name};
    return 0;
}

/* What is null, or as it always is, can be left out. */
GALLEY_STRUCT(item,
    (galley_str,      name),
    (galley_str,      description, OPTIONAL),
    (double,          price),
    (double,          tax,  DEFAULT(10.5)),
    (galley_str_list, tags, DEFAULT([])));
GALLEY_STRUCT(item_id, (galley_str, id, PATH));

static int read_item(galley_async *co, const struct item_id *in, struct item *out)
{
    out->name = in->id; /* an answer starts as its defaults */
    out->price = 50.2;
    return 0;
}

GALLEY_APP(.title = "Response model",
           .routes = GALLEY_ROUTES(
               GALLEY_POST("/users", create_user, create_user_in, user, .status = 201),
               GALLEY_GET("/items/{id}", read_item, item_id, item),
               GALLEY_GET("/items/{id}/brief", read_item, item_id, item, .exclude_none = true),
               GALLEY_GET("/items/{id}/briefest", read_item, item_id, item,
                          .exclude_defaults = true)));
