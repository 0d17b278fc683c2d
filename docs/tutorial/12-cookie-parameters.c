/* 12-cookie-parameters.c - cookies are members, too. */
#include <galley.h>

GALLEY_STRUCT(read_items_in,
    (galley_str, ads_id, COOKIE, OPTIONAL),
    (int64_t,    visits, COOKIE, DEFAULT(0), .ge = 0));
GALLEY_STRUCT(seen, (galley_str, ads_id, NULLABLE), (int64_t, visits));

static int read_items(galley_async *co, const struct read_items_in *in, struct seen *out)
{
    galley_str count = galley_format(co, "%lld", (long long)in->visits + 1);
    *out = (struct seen){.ads_id = in->ads_id, .visits = in->visits};
    return galley_set_cookie(co, .name = "visits", .value = count.data);
}

GALLEY_APP(.title = "Cookie parameters",
           .routes = GALLEY_ROUTES(GALLEY_GET("/items", read_items, read_items_in, seen)));
