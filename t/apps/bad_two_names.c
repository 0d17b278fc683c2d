/* bad_two_names.c - for the tests: two structs that would have one name in the OpenAPI document. */
#include <galley.h>
/* clang-format off */

GALLEY_STRUCT(order_line, (int64_t, n));
GALLEY_STRUCT(orderLine, (MODEL, .wire_name = "OrderLine"), (int64_t, m));

static int one(galley_async *co, const struct galley_none *in, struct order_line *out)
{
    (void)co, (void)in;
    out->n = 1;
    return 0;
}

static int two(galley_async *co, const struct galley_none *in, struct orderLine *out)
{
    (void)co, (void)in;
    out->m = 1;
    return 0;
}

GALLEY_APP(.title = "Shop", .routes = GALLEY_ROUTES(GALLEY_GET("/one", one, galley_none, order_line),
                                                    GALLEY_GET("/two", two, galley_none, orderLine)));
