/* 27-remote-apis.c - calls to a remote API: into a model, several at once, what goes wrong, a stream passed on. */
#include <galley.h>

/* ---- the remote side; of this program, so that there is one ---- */

GALLEY_STRUCT(rate, (galley_str, currency), (double, per_euro, .gt = 0));
GALLEY_STRUCT(currency_in, (galley_str, currency, PATH));

static int serve_rate(galley_async *co, const struct currency_in *in, struct rate *out)
{
    bool is_dollar = galley_str_is(in->currency, "usd");
    if (!is_dollar && !galley_str_is(in->currency, "gbp"))
        return galley_fail(co, 404, "no such currency");
    *out = (struct rate){in->currency, is_dollar ? 1.25 : 0.75};
    return galley_sleep_ms(co, 10);
}

static int serve_slowly(galley_async *co, const struct galley_none *in, struct rate *out)
{
    (void)in;
    *out = (struct rate){GALLEY_STR("usd"), 1.25};
    return galley_sleep_ms(co, 2000);
}

GALLEY_STRUCT(order, (galley_str, item, .min_length = 1), (int64_t, count, .ge = 1));
GALLEY_STRUCT(order_in, (struct order, body, BODY(order)));

static int serve_order(galley_async *co, const struct order_in *in, struct order *out)
{
    (void)co;
    *out = in->body;
    return 0;
}

/* The address of `path` over there. */
static const char *remote(galley_async *co, const char *path)
{
    galley_str host = galley_authority(co);
    return galley_format(co, "http://%.*s/upstream%s", GALLEY_STR_ARG(host), path).data;
}

/* ---- one call ---- */

GALLEY_STRUCT(price_in, (double, euros, QUERY, .ge = 0), (galley_str, currency, QUERY));
GALLEY_STRUCT(price, (double, amount), (galley_str, currency));

static int read_price(galley_async *co, const struct price_in *in, struct price *out)
{
    struct rate rate;
    galley_str path = galley_format(co, "/rates/%.*s", GALLEY_STR_ARG(in->currency));
    int rc = galley_http_get_json(co, &rate, rate, remote(co, path.data), .timeout_ms = 500);
    if (rc < 0)
        return rc;
    *out = (struct price){in->euros * rate.per_euro, rate.currency};
    return 0;
}

/* ---- several at once ---- */

GALLEY_STRUCT(prices, (struct rate, dollar, OBJECT(rate)), (struct rate, pound, OBJECT(rate)));

static int get_dollar(galley_async *co, struct rate *rate)
{
    return galley_http_get_json(co, rate, rate, remote(co, "/rates/usd"), .retries = 2);
}

static int get_pound(galley_async *co, struct rate *rate)
{
    return galley_http_get_json(co, rate, rate, remote(co, "/rates/gbp"), .retries = 2);
}

static int read_prices(galley_async *co, const struct galley_none *in, struct prices *out)
{
    (void)in;
    return galley_gather(co, (get_dollar, &out->dollar), (get_pound, &out->pound));
}

/* ---- what went wrong ---- */

static int read_slow(galley_async *co, const struct galley_none *in, struct rate *out)
{
    (void)in;
    int rc = galley_http_get_json(co, out, rate, remote(co, "/slow"), .timeout_ms = 50);
    if (rc == -ETIMEDOUT)
        return galley_fail(co, 503, "the rates are late, try again");
    return rc;
}

GALLEY_STRUCT(looked, (int64_t, status), (galley_str, type), (galley_str, body));

static int look(galley_async *co, const struct galley_none *in, struct looked *out)
{
    struct galley_http got;
    (void)in;
    int rc = galley_http(co, &got, .method = "GET", .url = remote(co, "/rates/eur"),
                         .fields = GALLEY_FIELDS({"accept-language", "en"}));
    if (rc < 0)
        return rc;
    *out = (struct looked){got.status, got.type, got.body};
    return 0;
}

/* ---- a model there, and back ---- */

static int place_order(galley_async *co, const struct order_in *in, struct order *out)
{
    return galley_http_post_json(co, out, order, remote(co, "/orders"), JSON_OF(order, &in->body));
}

/* ---- a stream ---- */

static int pass_on(galley_async *co, const struct galley_none *in, struct galley_stream *out)
{
    struct galley_http got;
    char piece[4096];
    (void)in;
    int rc = galley_http_get(co, &got, remote(co, "/rates/usd"), .is_stream = true);
    ssize_t len = 0;
    while (rc >= 0 && (len = galley_http_read(co, &got, piece, sizeof piece)) > 0)
        rc = galley_write(co, out, piece, (size_t)len);
    return rc < 0 ? rc : (int)len;
}

GALLEY_APP(.title = "Remote APIs",
           .routes = GALLEY_ROUTES(GALLEY_GET("/upstream/rates/{currency}", serve_rate, currency_in, rate),
                                   GALLEY_GET("/upstream/slow", serve_slowly, galley_none, rate),
                                   GALLEY_POST("/upstream/orders", serve_order, order_in, order),
                                   GALLEY_GET("/price", read_price, price_in, price),
                                   GALLEY_GET("/prices", read_prices, galley_none, prices),
                                   GALLEY_GET("/slow", read_slow, galley_none, rate),
                                   GALLEY_GET("/look", look, galley_none, looked),
                                   GALLEY_POST("/orders", place_order, order_in, order),
                                   GALLEY_GET("/stream", pass_on, galley_none, galley_stream)));
