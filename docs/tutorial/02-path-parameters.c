/* 02-path-parameters.c - parts of the path are members of a struct. */
#include <galley.h>

GALLEY_STRUCT(read_item_in, (int64_t, item_id, PATH));
GALLEY_STRUCT(item, (int64_t, item_id));

static int read_item(galley_async *co, const struct read_item_in *in, struct item *out)
{
    out->item_id = in->item_id;
    return 0;
}

/* The order of routes matters: /users/me before /users/{user_id}. */
GALLEY_STRUCT(read_user_in, (galley_str, user_id, PATH));
GALLEY_STRUCT(user, (galley_str, user_id));

static int read_me(galley_async *co, const struct galley_none *in, struct user *out)
{
    out->user_id = GALLEY_STR("the current user");
    return 0;
}

static int read_user(galley_async *co, const struct read_user_in *in, struct user *out)
{
    out->user_id = in->user_id;
    return 0;
}

/* One of a few values. */
GALLEY_ENUM(size, (SMALL, "small"), (MEDIUM, "medium"), (LARGE, "large"));

GALLEY_STRUCT(read_box_in, (enum size, size, PATH, ENUM(size)));
GALLEY_STRUCT(box, (enum size, size, ENUM(size)), (int64_t, liters));

static int read_box(galley_async *co, const struct read_box_in *in, struct box *out)
{
    static const int64_t liters[] = {[SMALL] = 8, [MEDIUM] = 20, [LARGE] = 45};
    out->size = in->size;
    out->liters = liters[in->size];
    return 0;
}

/* A path inside the path. */
GALLEY_STRUCT(read_file_in, (galley_str, file_path, PATH));
GALLEY_STRUCT(file, (galley_str, file_path));

static int read_file(galley_async *co, const struct read_file_in *in, struct file *out)
{
    out->file_path = in->file_path;
    return 0;
}

GALLEY_APP(.title = "Path parameters",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/items/{item_id}", read_item, read_item_in, item),
               GALLEY_GET("/users/me", read_me, galley_none, user),
               GALLEY_GET("/users/{user_id}", read_user, read_user_in, user),
               GALLEY_GET("/boxes/{size}", read_box, read_box_in, box),
               GALLEY_GET("/files/{file_path:path}", read_file, read_file_in, file)));
