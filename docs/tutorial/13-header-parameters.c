/* 13-header-parameters.c - header fields: user_agent is User-Agent; some come more than once. */
#include <galley.h>

GALLEY_STRUCT(read_items_in,
    (galley_str,      user_agent,     HEADER, OPTIONAL),
    (galley_str_list, x_token,        HEADER, DEFAULT([])),
    (int64_t,         x_depth,        HEADER, DEFAULT(1), .le = 10),
    (galley_str,      strange_header, HEADER, OPTIONAL, .keep_underscores = true));
GALLEY_STRUCT(fields,
    (galley_str,      user_agent, NULLABLE),
    (galley_str_list, x_token),
    (int64_t,         x_depth),
    (galley_str,      strange_header, NULLABLE));

static int read_items(galley_async *co, const struct read_items_in *in, struct fields *out)
{
    *out = (struct fields){.user_agent = in->user_agent, .x_token = in->x_token,
                           .x_depth = in->x_depth, .strange_header = in->strange_header};
    return 0;
}

GALLEY_APP(.title = "Header parameters",
           .routes = GALLEY_ROUTES(GALLEY_GET("/items", read_items, read_items_in, fields)));
