/* 06-numeric-validation.c - limits of numbers, in the path and elsewhere. */
#include <galley.h>

GALLEY_STRUCT(read_item_in,
    (int64_t,    item_id, PATH,  .title = "The ID of the item to get", .ge = 0, .le = 1000),
    (double,     size,    QUERY, .gt = 0, .lt = 10.5),
    (int64_t,    step,    QUERY, DEFAULT(5), .multiple_of = 5),
    (galley_str, q,       QUERY, OPTIONAL));
GALLEY_STRUCT(item, (int64_t, item_id), (double, size), (int64_t, step), (galley_str, q, NULLABLE));

static int read_item(galley_async *co, const struct read_item_in *in, struct item *out)
{
    *out = (struct item){.item_id = in->item_id, .size = in->size, .step = in->step, .q = in->q};
    return 0;
}

GALLEY_APP(.title = "Numeric validation",
           .routes = GALLEY_ROUTES(GALLEY_GET("/items/{item_id}", read_item, read_item_in, item)));
