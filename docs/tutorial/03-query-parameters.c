/* 03-query-parameters.c - what stands behind the '?': defaults, what may be absent, what must be there. */
#include <galley.h>

GALLEY_STRUCT(list_items_in,
    (int64_t, skip,  QUERY, DEFAULT(0)),
    (int64_t, limit, QUERY, DEFAULT(10)));
GALLEY_STRUCT(page, (int64_t, skip), (int64_t, limit));

static int list_items(galley_async *co, const struct list_items_in *in, struct page *out)
{
    *out = (struct page){.skip = in->skip, .limit = in->limit};
    return 0;
}

GALLEY_STRUCT(read_item_in,
    (galley_str, item_id, PATH),
    (galley_str, q,       QUERY, OPTIONAL),         /* q.data == NULL: not sent */
    (bool,       brief,   QUERY, DEFAULT(false)));
GALLEY_STRUCT(item,
    (galley_str, item_id),
    (galley_str, q,           NULLABLE),
    (galley_str, description, NULLABLE));

static int read_item(galley_async *co, const struct read_item_in *in, struct item *out)
{
    *out = (struct item){.item_id = in->item_id, .q = in->q};
    if (!in->brief)
        out->description = GALLEY_STR("an amazing item with a long description");
    return 0;
}

GALLEY_STRUCT(read_needy_in,
    (galley_str, item_id, PATH),
    (galley_str, needy,   QUERY),                   /* neither OPTIONAL nor DEFAULT: must be there */
    (int64_t *,  limit,   QUERY, OPTIONAL));        /* a pointer may be null */
GALLEY_STRUCT(needy, (galley_str, item_id), (galley_str, needy), (int64_t *, limit));

static int read_needy(galley_async *co, const struct read_needy_in *in, struct needy *out)
{
    *out = (struct needy){.item_id = in->item_id, .needy = in->needy, .limit = in->limit};
    return 0;
}

GALLEY_APP(.title = "Query parameters",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/items", list_items, list_items_in, page),
               GALLEY_GET("/items/{item_id}", read_item, read_item_in, item),
               GALLEY_GET("/needy/{item_id}", read_needy, read_needy_in, needy)));
