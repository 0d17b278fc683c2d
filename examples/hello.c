/* hello.c - the shortest program: one typed endpoint, as README shows it.
 *     curl 'http://127.0.0.1:8000/items/7?q=soup' */
#include <galley.h>

GALLEY_STRUCT(read_item_in, (int64_t, item_id, PATH), (galley_str, q, QUERY, OPTIONAL));
GALLEY_STRUCT(item, (int64_t, item_id), (galley_str, q, OPTIONAL));

static int read_item(galley_async *co, const struct read_item_in *in, struct item *out)
{
    int rc = galley_sleep_ms(co, 10); /* a plain call waits; meanwhile the worker serves others */
    *out = (struct item){.item_id = in->item_id, .q = in->q};
    return rc;
}

GALLEY_APP(.title = "Hello",
           .routes = GALLEY_ROUTES(GALLEY_GET("/items/{item_id}", read_item, read_item_in, item)));
