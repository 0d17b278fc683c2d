/* 07-query-models.c - a struct for all query parameters, used by as many routes as want it. */
#include <galley.h>

GALLEY_STRUCT(filter,
    (MODEL, .extra = GALLEY_FORBID),
    (int64_t,         limit,    DEFAULT(100), .gt = 0, .le = 100),
    (int64_t,         offset,   DEFAULT(0), .ge = 0),
    (galley_str,      order_by, DEFAULT("created_at"), LITERAL("created_at", "updated_at")),
    (galley_str_list, tags,     DEFAULT([])));

GALLEY_STRUCT(list_in, (struct filter, filter, QUERY, OBJECT(filter)));

static int list_items(galley_async *co, const struct list_in *in, struct filter *out)
{
    *out = in->filter;
    return 0;
}

GALLEY_APP(.title = "Query models",
           .routes = GALLEY_ROUTES(GALLEY_GET("/items", list_items, list_in, filter)));
