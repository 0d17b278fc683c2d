/* parameters.c - a warehouse's lookups: every place and plain kind that a parameter can have.
 * The same paths, names and bounds as a FastAPI program whose answers are recorded in t/unit/worker/app/app.def. */
#include <galley.h>

GALLEY_STRUCT(int_value, (int64_t, value));
GALLEY_STRUCT(float_value, (double, value));
GALLEY_STRUCT(text_value, (galley_str, value));
GALLEY_STRUCT(bool_value, (bool, value));

/* ---- path ---- */

static int first_bin(galley_async *co, const struct galley_none *in, struct text_value *out)
{
    (void)co, (void)in;
    out->value = GALLEY_STR("first");
    return 0;
}

GALLEY_STRUCT(bin_in, (int64_t, bin_id, PATH, .title = "Bin number", .ge = 1, .le = 9999));
static int read_bin(galley_async *co, const struct bin_in *in, struct int_value *out)
{
    (void)co;
    out->value = in->bin_id;
    return 0;
}

GALLEY_STRUCT(number_in, (int64_t, n, PATH));
static int read_number(galley_async *co, const struct number_in *in, struct int_value *out)
{
    (void)co;
    out->value = in->n;
    return 0;
}

GALLEY_STRUCT(shelf_in, (double, height, PATH, .gt = 0, .lt = 12.5));
static int read_shelf(galley_async *co, const struct shelf_in *in, struct float_value *out)
{
    (void)co;
    out->value = in->height;
    return 0;
}

GALLEY_STRUCT(weight_in, (double, kg, PATH));
static int read_weight(galley_async *co, const struct weight_in *in, struct float_value *out)
{
    (void)co;
    out->value = in->kg;
    return 0;
}

GALLEY_STRUCT(label_in, (galley_str, label, PATH, .min_length = 2, .max_length = 8));
static int read_label(galley_async *co, const struct label_in *in, struct text_value *out)
{
    (void)co;
    out->value = in->label;
    return 0;
}

GALLEY_STRUCT(name_in, (galley_str, name, PATH));
static int read_name(galley_sync *rq, const struct name_in *in, struct text_value *out)
{
    (void)rq;
    out->value = in->name;
    return 0;
}

GALLEY_STRUCT(flag_in, (bool, on, PATH));
static int read_flag(galley_async *co, const struct flag_in *in, struct bool_value *out)
{
    (void)co;
    out->value = in->on;
    return 0;
}

GALLEY_STRUCT(tree_in, (galley_str, where, PATH));
static int read_tree(galley_async *co, const struct tree_in *in, struct text_value *out)
{
    (void)co;
    out->value = in->where;
    return 0;
}

GALLEY_STRUCT(place_in, (int64_t, aisle, PATH, .ge = 0), (int64_t, slot, PATH, .multiple_of = 5));
GALLEY_STRUCT(place, (int64_t, aisle), (int64_t, slot));
static int read_place(galley_async *co, const struct place_in *in, struct place *out)
{
    (void)co;
    *out = (struct place){in->aisle, in->slot};
    return 0;
}

/* ---- query ---- */

GALLEY_STRUCT(search_in, (galley_str, q, QUERY),
              (int64_t, limit, QUERY, .default_json = "20", .ge = 1, .le = 100),
              (int64_t, offset, QUERY, OPTIONAL), (bool *, in_stock, QUERY, OPTIONAL),
              (galley_str, zone, QUERY, OPTIONAL),
              (galley_str, sort, QUERY, .default_json = "\"name\""));
GALLEY_STRUCT(search_echo, (galley_str, q), (int64_t, limit), (int64_t, offset), (bool *, in_stock),
              (galley_str, zone, OPTIONAL), (galley_str, sort));
static int search(galley_async *co, const struct search_in *in, struct search_echo *out)
{
    (void)co;
    *out = (struct search_echo){in->q, in->limit, in->offset, in->in_stock, in->zone, in->sort};
    return 0;
}

GALLEY_STRUCT(ranges_in, (int64_t, a, QUERY, .default_json = "5", .gt = 0, .lt = 10),
              (int64_t, b, QUERY, .default_json = "0", .ge = -3, .le = 3),
              (int64_t, c, QUERY, .default_json = "7", .multiple_of = 7),
              (double, d, QUERY, .default_json = "1.0", .gt = 0.5, .le = 2),
              (double, e, QUERY, .default_json = "0.5", .multiple_of = 0.25));
GALLEY_STRUCT(range_echo, (int64_t, a), (int64_t, b), (int64_t, c), (double, d), (double, e));
static int ranges(galley_async *co, const struct ranges_in *in, struct range_echo *out)
{
    (void)co;
    *out = (struct range_echo){in->a, in->b, in->c, in->d, in->e};
    return 0;
}

GALLEY_STRUCT(texts_in, (galley_str, code, QUERY, .min_length = 3, .max_length = 6),
              (galley_str, item_query, QUERY, OPTIONAL, .alias = "item-query", .max_length = 5),
              (galley_str, text, QUERY, .alias = "short", .default_json = "\"x\"",
               .min_length = 1));
GALLEY_STRUCT(texts_echo, (galley_str, code), (galley_str, item_query, OPTIONAL),
              (galley_str, text, .alias = "short"));
static int texts(galley_async *co, const struct texts_in *in, struct texts_echo *out)
{
    (void)co;
    *out = (struct texts_echo){in->code, in->item_query, in->text};
    return 0;
}

GALLEY_STRUCT(lists_in, (galley_str_list, tags, QUERY, .default_json = "[\"new\", \"sale\"]"),
              (galley_int_list, ids, QUERY, .default_json = "[]", .max_length = 3),
              (galley_float_list, pair, QUERY, .default_json = "[0.0, 1.0]", .min_length = 2));
GALLEY_STRUCT(lists_echo, (galley_str_list, tags), (galley_int_list, ids),
              (galley_float_list, pair));
static int lists(galley_async *co, const struct lists_in *in, struct lists_echo *out)
{
    (void)co;
    *out = (struct lists_echo){in->tags, in->ids, in->pair};
    return 0;
}

GALLEY_STRUCT(ids_in, (galley_int_list, ids, QUERY));
GALLEY_STRUCT(ids_echo, (galley_int_list, ids));
static int required_list(galley_async *co, const struct ids_in *in, struct ids_echo *out)
{
    (void)co;
    out->ids = in->ids;
    return 0;
}

GALLEY_STRUCT(switch_in, (bool, on, QUERY));
static int read_switch(galley_async *co, const struct switch_in *in, struct bool_value *out)
{
    (void)co;
    out->value = in->on;
    return 0;
}

GALLEY_STRUCT(old_in, (int64_t, page, QUERY, .default_json = "1"), (int64_t *, p, QUERY, OPTIONAL),
              (bool, debug, QUERY, OPTIONAL));
GALLEY_STRUCT(old_echo, (int64_t, page), (int64_t *, p), (bool, debug));
static int old(galley_async *co, const struct old_in *in, struct old_echo *out)
{
    (void)co;
    *out = (struct old_echo){in->page, in->p, in->debug};
    return 0;
}

/* ---- header fields and cookies ---- */

GALLEY_STRUCT(headers_in, (galley_str, user_agent, HEADER, OPTIONAL),
              (galley_str, x_trace_id, HEADER, OPTIONAL, .max_length = 12),
              (galley_str_list, x_tag, HEADER, OPTIONAL),
              (galley_str, odd_name, HEADER, OPTIONAL, .alias = "odd_name"),
              (int64_t, x_depth, HEADER, OPTIONAL, .ge = 0, .le = 9));
GALLEY_STRUCT(header_echo, (galley_str, user_agent, OPTIONAL), (galley_str, x_trace_id, OPTIONAL),
              (galley_str_list, x_tag), (galley_str, odd_name, OPTIONAL), (int64_t, x_depth));
static int headers(galley_async *co, const struct headers_in *in, struct header_echo *out)
{
    (void)co;
    *out =
        (struct header_echo){in->user_agent, in->x_trace_id, in->x_tag, in->odd_name, in->x_depth};
    return 0;
}

GALLEY_STRUCT(tenant_in, (galley_str, x_tenant, HEADER),
              (double, api_version, HEADER, .alias = "X-API-Version", .ge = 1));
GALLEY_STRUCT(tenant_echo, (galley_str, tenant), (double, version));
static int required_headers(galley_async *co, const struct tenant_in *in, struct tenant_echo *out)
{
    (void)co;
    *out = (struct tenant_echo){in->x_tenant, in->api_version};
    return 0;
}

GALLEY_STRUCT(cookies_in, (galley_str, session, COOKIE, OPTIONAL, .min_length = 4),
              (int64_t, visits, COOKIE, OPTIONAL));
GALLEY_STRUCT(cookie_echo, (galley_str, session, OPTIONAL), (int64_t, visits));
static int cookies(galley_async *co, const struct cookies_in *in, struct cookie_echo *out)
{
    (void)co;
    *out = (struct cookie_echo){in->session, in->visits};
    return 0;
}

GALLEY_STRUCT(ads_in, (int64_t, ads_id, COOKIE, .gt = 0));
static int required_cookie(galley_async *co, const struct ads_in *in, struct int_value *out)
{
    (void)co;
    out->value = in->ads_id;
    return 0;
}

GALLEY_STRUCT(all_in, (galley_str, theme, COOKIE, .max_length = 5), (galley_str, x_unit, HEADER),
              (int64_t, page, QUERY, .ge = 1), (int64_t, shop, PATH));
GALLEY_STRUCT(all_echo, (int64_t, shop), (int64_t, page), (galley_str, x_unit),
              (galley_str, theme));
static int all_sources(galley_async *co, const struct all_in *in, struct all_echo *out)
{
    (void)co;
    *out = (struct all_echo){in->shop, in->page, in->x_unit, in->theme};
    return 0;
}

/* Narrower than 64 bits: the type's own range is a bound. */
GALLEY_STRUCT(narrow_in, (int32_t, small, QUERY, OPTIONAL),
              (uint32_t, count, QUERY, OPTIONAL, .le = 10));
GALLEY_STRUCT(narrow, (int32_t, small), (uint32_t, count));
static int narrow_ints(galley_async *co, const struct narrow_in *in, struct narrow *out)
{
    (void)co;
    *out = (struct narrow){in->small, in->count};
    return 0;
}

GALLEY_APP(.title = "Warehouse lookups",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/bins/first", first_bin, galley_none, text_value),
               GALLEY_GET("/bins/{bin_id}", read_bin, bin_in, int_value),
               GALLEY_GET("/counters/{n}", read_number, number_in, int_value),
               GALLEY_GET("/shelves/{height}", read_shelf, shelf_in, float_value),
               GALLEY_GET("/weights/{kg}", read_weight, weight_in, float_value),
               GALLEY_GET("/labels/{label}", read_label, label_in, text_value),
               GALLEY_GET("/names/{name}", read_name, name_in, text_value),
               GALLEY_GET("/flags/{on}", read_flag, flag_in, bool_value),
               GALLEY_GET("/tree/{where:path}", read_tree, tree_in, text_value),
               GALLEY_GET("/slots/{n:int}", read_number, number_in, int_value),
               GALLEY_GET("/aisles/{aisle}/slots/{slot}", read_place, place_in, place),
               GALLEY_GET("/search", search, search_in, search_echo),
               GALLEY_GET("/ranges", ranges, ranges_in, range_echo),
               GALLEY_GET("/texts", texts, texts_in, texts_echo),
               GALLEY_GET("/lists", lists, lists_in, lists_echo),
               GALLEY_GET("/lists/required", required_list, ids_in, ids_echo),
               GALLEY_GET("/switch", read_switch, switch_in, bool_value),
               GALLEY_GET("/old", old, old_in, old_echo),
               GALLEY_GET("/headers", headers, headers_in, header_echo),
               GALLEY_GET("/headers/required", required_headers, tenant_in, tenant_echo),
               GALLEY_GET("/cookies", cookies, cookies_in, cookie_echo),
               GALLEY_GET("/cookies/required", required_cookie, ads_in, int_value),
               GALLEY_GET("/shops/{shop}/all", all_sources, all_in, all_echo),
               GALLEY_GET("/narrow", narrow_ints, narrow_in, narrow)));
