/* params.c - the lookup service of a warehouse: every kind of path, query, header and cookie parameter.
 * The same service as in FastAPI: its recorded answers are t/oracle/cases/params.jsonl, compared by t/75-oracle.t. */
#include <galley.h>
/* clang-format off */

GALLEY_ENUM(zone, (COLD, "cold"), (DRY, "dry"), (BULK, "bulk"));
GALLEY_INT_ENUM(level, (GROUND, 1), (MIDDLE, 2), (TOP, 3));

GALLEY_STRUCT(int_value, (int64_t, value));
GALLEY_STRUCT(float_value, (double, value));
GALLEY_STRUCT(text_value, (galley_str, value));
GALLEY_STRUCT(bool_value, (bool, value));
GALLEY_STRUCT(zone_value, (enum zone, value, ENUM(zone)));
GALLEY_STRUCT(level_value, (enum level, value, ENUM(level)));
GALLEY_STRUCT(date_value, (galley_date, value));
GALLEY_STRUCT(moment_value, (galley_time, value));
GALLEY_STRUCT(uuid_value, (galley_uuid, value));

/* ---- path ---- */

static int first_bin(galley_async *co, const struct galley_none *in, struct text_value *out)
{
    out->value = GALLEY_STR("first");
    return 0;
}

GALLEY_STRUCT(bin, (int64_t, bin_id, PATH, .title = "Bin number", .ge = 1, .le = 9999));
static int read_bin(galley_async *co, const struct bin *in, struct int_value *out)
{
    out->value = in->bin_id;
    return 0;
}

GALLEY_STRUCT(counter, (int64_t, n, PATH));
static int read_counter(galley_async *co, const struct counter *in, struct int_value *out)
{
    out->value = in->n;
    return 0;
}

GALLEY_STRUCT(shelf, (double, height, PATH, .gt = 0, .lt = 12.5));
static int read_shelf(galley_async *co, const struct shelf *in, struct float_value *out)
{
    out->value = in->height;
    return 0;
}

GALLEY_STRUCT(weight, (double, kg, PATH));
static int read_weight(galley_async *co, const struct weight *in, struct float_value *out)
{
    out->value = in->kg;
    return 0;
}

GALLEY_STRUCT(label, (galley_str, label, PATH, .min_length = 2, .max_length = 8, .pattern = "^[A-Z]"));
static int read_label(galley_async *co, const struct label *in, struct text_value *out)
{
    out->value = in->label;
    return 0;
}

GALLEY_STRUCT(name, (galley_str, name, PATH));
static int read_name(galley_async *co, const struct name *in, struct text_value *out)
{
    out->value = in->name;
    return 0;
}

GALLEY_STRUCT(flag, (bool, on, PATH));
static int read_flag(galley_async *co, const struct flag *in, struct bool_value *out)
{
    out->value = in->on;
    return 0;
}

GALLEY_STRUCT(zone_in, (enum zone, zone, PATH, ENUM(zone)));
static int read_zone(galley_async *co, const struct zone_in *in, struct zone_value *out)
{
    out->value = in->zone;
    return 0;
}

GALLEY_STRUCT(level_in, (enum level, level, PATH, ENUM(level)));
static int read_level(galley_async *co, const struct level_in *in, struct level_value *out)
{
    out->value = in->level;
    return 0;
}

GALLEY_STRUCT(day, (galley_date, day, PATH));
static int read_day(galley_async *co, const struct day *in, struct date_value *out)
{
    out->value = in->day;
    return 0;
}

GALLEY_STRUCT(moment, (galley_time, at, PATH));
static int read_moment(galley_async *co, const struct moment *in, struct moment_value *out)
{
    out->value = in->at;
    return 0;
}

GALLEY_STRUCT(parcel, (galley_uuid, parcel_id, PATH));
static int read_parcel(galley_async *co, const struct parcel *in, struct uuid_value *out)
{
    out->value = in->parcel_id;
    return 0;
}

GALLEY_STRUCT(tree, (galley_str, where, PATH));
static int read_tree(galley_async *co, const struct tree *in, struct text_value *out)
{
    out->value = in->where;
    return 0;
}

static int read_slot(galley_async *co, const struct counter *in, struct int_value *out)
{
    out->value = in->n;
    return 0;
}

GALLEY_STRUCT(place_in, (int64_t, aisle, PATH, .ge = 0), (int64_t, slot, PATH, .multiple_of = 5));
GALLEY_STRUCT(place, (int64_t, aisle), (int64_t, slot));
static int read_place(galley_async *co, const struct place_in *in, struct place *out)
{
    *out = (struct place){.aisle = in->aisle, .slot = in->slot};
    return 0;
}

/* ---- query ---- */

GALLEY_STRUCT(search_in,
    (galley_str,  q,        QUERY),
    (int64_t,     limit,    QUERY, DEFAULT(20), .ge = 1, .le = 100),
    (int64_t,     offset,   QUERY, DEFAULT(0)),
    (bool *,      in_stock, QUERY, OPTIONAL),
    (enum zone *, zone,     QUERY, OPTIONAL, ENUM(zone)),
    (galley_str,  sort,     QUERY, DEFAULT("name")));
GALLEY_STRUCT(search_echo,
    (galley_str, q), (int64_t, limit), (int64_t, offset), (bool *, in_stock),
    (enum zone *, zone, ENUM(zone)), (galley_str, sort));
static int search(galley_async *co, const struct search_in *in, struct search_echo *out)
{
    *out = (struct search_echo){.q = in->q, .limit = in->limit, .offset = in->offset,
                                .in_stock = in->in_stock, .zone = in->zone, .sort = in->sort};
    return 0;
}

GALLEY_STRUCT(ranges_in,
    (int64_t, a, QUERY, DEFAULT(5), .gt = 0, .lt = 10),
    (int64_t, b, QUERY, DEFAULT(0), .ge = -3, .le = 3),
    (int64_t, c, QUERY, DEFAULT(7), .multiple_of = 7),
    (double,  d, QUERY, DEFAULT(1.0), .gt = 0.5, .le = 2),
    (double,  e, QUERY, DEFAULT(0.5), .multiple_of = 0.25));
GALLEY_STRUCT(ranges, (int64_t, a), (int64_t, b), (int64_t, c), (double, d), (double, e));
static int ranges(galley_async *co, const struct ranges_in *in, struct ranges *out)
{
    *out = (struct ranges){.a = in->a, .b = in->b, .c = in->c, .d = in->d, .e = in->e};
    return 0;
}

GALLEY_STRUCT(texts_in,
    (galley_str, code,       QUERY, .min_length = 3, .max_length = 6, .pattern = "^[a-z]+-[0-9]+$"),
    (galley_str, item_query, QUERY, OPTIONAL, .alias = "item-query", .max_length = 5),
    (galley_str, short_,     QUERY, DEFAULT("x"), .alias = "short", .min_length = 1));
GALLEY_STRUCT(texts, (galley_str, code), (galley_str, item_query, NULLABLE), (galley_str, short_, .alias = "short"));
static int texts(galley_async *co, const struct texts_in *in, struct texts *out)
{
    *out = (struct texts){.code = in->code, .item_query = in->item_query, .short_ = in->short_};
    return 0;
}

GALLEY_STRUCT(lists_in,
    (galley_str_list,   tags,  QUERY, DEFAULT(["new", "sale"])),
    (galley_int_list,   ids,   QUERY, DEFAULT([]), .max_length = 3),
    (struct zone_list,  zones, QUERY, LIST, ENUM(zone), NULLABLE, OPTIONAL),
    (galley_float_list, pair,  QUERY, DEFAULT([0.0, 1.0]), .min_length = 2));
GALLEY_STRUCT(lists,
    (galley_str_list, tags), (galley_int_list, ids), (struct zone_list, zones, LIST, ENUM(zone), NULLABLE),
    (galley_float_list, pair));
static int lists(galley_async *co, const struct lists_in *in, struct lists *out)
{
    *out = (struct lists){.tags = in->tags, .ids = in->ids, .zones = in->zones, .pair = in->pair};
    return 0;
}

GALLEY_STRUCT(required_list_in, (galley_int_list, ids, QUERY));
GALLEY_STRUCT(required_list, (galley_int_list, ids));
static int required_list(galley_async *co, const struct required_list_in *in, struct required_list *out)
{
    out->ids = in->ids;
    return 0;
}

GALLEY_STRUCT(switch_in, (bool, on, QUERY));
static int switch_(galley_async *co, const struct switch_in *in, struct bool_value *out)
{
    out->value = in->on;
    return 0;
}

GALLEY_STRUCT(times_in, (galley_date, day, QUERY), (galley_time *, at, QUERY, OPTIONAL), (galley_uuid *, parcel, QUERY, OPTIONAL));
GALLEY_STRUCT(times, (galley_date, day), (galley_time *, at), (galley_uuid *, parcel));
static int times(galley_async *co, const struct times_in *in, struct times *out)
{
    *out = (struct times){.day = in->day, .at = in->at, .parcel = in->parcel};
    return 0;
}

GALLEY_STRUCT(old_in,
    (int64_t,   page,  QUERY, DEFAULT(1), .title = "Page", .description = "Page number, from 1", EXAMPLES(1, 2)),
    (int64_t *, p,     QUERY, OPTIONAL, .deprecated = true, .description = "Use page"),
    (bool,      debug, QUERY, DEFAULT(false), .hidden = true));
GALLEY_STRUCT(old_echo, (int64_t, page), (int64_t *, p), (bool, debug));
static int old(galley_async *co, const struct old_in *in, struct old_echo *out)
{
    *out = (struct old_echo){.page = in->page, .p = in->p, .debug = in->debug};
    return 0;
}

GALLEY_STRUCT(filter, (MODEL, .extra = GALLEY_FORBID),
    (int64_t,         limit, DEFAULT(100), .gt = 0, .le = 100),
    (galley_str,      order, DEFAULT("created"), .pattern = "^(created|updated)$"),
    (galley_str_list, tags,  DEFAULT([])));
GALLEY_STRUCT(filtered_in, (struct filter, f, QUERY, OBJECT(filter)));
static int filtered(galley_async *co, const struct filtered_in *in, struct filter *out)
{
    *out = in->f;
    return 0;
}

/* ---- header and cookie ---- */

GALLEY_STRUCT(headers_in,
    (galley_str,      user_agent, HEADER, OPTIONAL),
    (galley_str,      x_trace_id, HEADER, OPTIONAL, .max_length = 12),
    (galley_str_list, x_tag,      HEADER, DEFAULT([])),
    (galley_str,      odd_name,   HEADER, OPTIONAL, .keep_underscores = true),
    (int64_t,         x_depth,    HEADER, DEFAULT(0), .ge = 0, .le = 9));
GALLEY_STRUCT(header_echo,
    (galley_str, user_agent, NULLABLE), (galley_str, x_trace_id, NULLABLE), (galley_str_list, x_tag),
    (galley_str, odd_name, NULLABLE), (int64_t, x_depth));
static int headers(galley_async *co, const struct headers_in *in, struct header_echo *out)
{
    *out = (struct header_echo){.user_agent = in->user_agent, .x_trace_id = in->x_trace_id, .x_tag = in->x_tag,
                                .odd_name = in->odd_name, .x_depth = in->x_depth};
    return 0;
}

GALLEY_STRUCT(tenant_in, (galley_uuid, x_tenant, HEADER), (double, api_version, HEADER, .alias = "X-API-Version", .ge = 1));
GALLEY_STRUCT(tenant_echo, (galley_uuid, tenant), (double, version));
static int required_headers(galley_async *co, const struct tenant_in *in, struct tenant_echo *out)
{
    *out = (struct tenant_echo){.tenant = in->x_tenant, .version = in->api_version};
    return 0;
}

GALLEY_STRUCT(cookies_in, (galley_str, session, COOKIE, OPTIONAL, .min_length = 4), (int64_t, visits, COOKIE, DEFAULT(0)));
GALLEY_STRUCT(cookie_echo, (galley_str, session, NULLABLE), (int64_t, visits));
static int cookies(galley_async *co, const struct cookies_in *in, struct cookie_echo *out)
{
    *out = (struct cookie_echo){.session = in->session, .visits = in->visits};
    return 0;
}

GALLEY_STRUCT(required_cookie_in, (int64_t, ads_id, COOKIE, .gt = 0));
static int required_cookie(galley_async *co, const struct required_cookie_in *in, struct int_value *out)
{
    out->value = in->ads_id;
    return 0;
}

GALLEY_STRUCT(all_in,
    (int64_t,    shop,   PATH),
    (int64_t,    page,   QUERY, .ge = 1),
    (galley_str, x_unit, HEADER, .pattern = "^(kg|lb)$"),
    (galley_str, theme,  COOKIE, .max_length = 5));
GALLEY_STRUCT(all_echo, (int64_t, shop), (int64_t, page), (galley_str, x_unit), (galley_str, theme));
static int all_sources(galley_async *co, const struct all_in *in, struct all_echo *out)
{
    *out = (struct all_echo){.shop = in->shop, .page = in->page, .x_unit = in->x_unit, .theme = in->theme};
    return 0;
}

GALLEY_APP(.title = "Warehouse lookups", .version = "1.2.0", .description = "Finds bins, shelves and parcels.",
    .routes = GALLEY_ROUTES(
        GALLEY_GET("/bins/first", first_bin, galley_none, text_value,
                   .description = "The fixed path is declared before the parameter, so it wins."),
        GALLEY_GET("/bins/{bin_id}", read_bin, bin, int_value),
        GALLEY_GET("/counters/{n}", read_counter, counter, int_value),
        GALLEY_GET("/shelves/{height}", read_shelf, shelf, float_value),
        GALLEY_GET("/weights/{kg}", read_weight, weight, float_value),
        GALLEY_GET("/labels/{label}", read_label, label, text_value),
        GALLEY_GET("/names/{name}", read_name, name, text_value),
        GALLEY_GET("/flags/{on}", read_flag, flag, bool_value),
        GALLEY_GET("/zones/{zone}", read_zone, zone_in, zone_value),
        GALLEY_GET("/levels/{level}", read_level, level_in, level_value),
        GALLEY_GET("/days/{day}", read_day, day, date_value),
        GALLEY_GET("/moments/{at}", read_moment, moment, moment_value),
        GALLEY_GET("/parcels/{parcel_id}", read_parcel, parcel, uuid_value),
        GALLEY_GET("/tree/{where:path}", read_tree, tree, text_value),
        GALLEY_GET("/slots/{n:int}", read_slot, counter, int_value,
                   .description = "The converter in the path decides: no match is 404, not 422."),
        GALLEY_GET("/aisles/{aisle}/slots/{slot}", read_place, place_in, place),
        GALLEY_GET("/search", search, search_in, search_echo),
        GALLEY_GET("/ranges", ranges, ranges_in, ranges),
        GALLEY_GET("/texts", texts, texts_in, texts),
        GALLEY_GET("/lists", lists, lists_in, lists),
        GALLEY_GET("/lists/required", required_list, required_list_in, required_list),
        GALLEY_GET("/switch", switch_, switch_in, bool_value, .name = "switch"),
        GALLEY_GET("/times", times, times_in, times),
        GALLEY_GET("/old", old, old_in, old_echo),
        GALLEY_GET("/filter", filtered, filtered_in, filter,
                   .description = "All query parameters come from one struct; unknown ones are refused."),
        GALLEY_GET("/headers", headers, headers_in, header_echo),
        GALLEY_GET("/headers/required", required_headers, tenant_in, tenant_echo),
        GALLEY_GET("/cookies", cookies, cookies_in, cookie_echo),
        GALLEY_GET("/cookies/required", required_cookie, required_cookie_in, int_value),
        GALLEY_GET("/shops/{shop}/all", all_sources, all_in, all_echo)));
