/* errors.c - a sensor service: every way a request can fail.
 * The same service as in FastAPI: its recorded answers are t/oracle/cases/errors.jsonl, compared by t/75-oracle.t. */
#include <errno.h>

#include <galley.h>
/* clang-format off */

GALLEY_STRUCT(ok, (bool, ok, DEFAULT(true))); /* an answer starts as its defaults */

/* ---- an error of its own, and who answers it ---- */

/* The path as FastAPI's request.url.path has it: what would end it or is a backslash stays escaped, and breaks are left out. */
static galley_str url_path(galley_async *co)
{
    galley_str path = galley_path(co);
    char *copy = galley_alloc(co, 3 * path.len + 1), *next = copy;
    for (size_t i = 0; i < path.len && copy != NULL; i++) {
        char byte = path.data[i];
        const char *escape = byte == '?' ? "%3F" : byte == '#' ? "%23" : byte == '\\' ? "%5C" : NULL;
        if (escape != NULL)
            for (int j = 0; j < 3; j++)
                *next++ = escape[j];
        else if (byte != '\t' && byte != '\r' && byte != '\n')
            *next++ = byte;
    }
    return (galley_str){copy, (size_t)(next - copy)};
}

GALLEY_STRUCT(out_of_stock, (galley_str, sku), (int64_t, left));
GALLEY_STRUCT(out_of_stock_answer, (galley_str, error), (galley_str, sku), (int64_t, left), (galley_str, path));
static int answer_out_of_stock(galley_async *co, const struct out_of_stock *error, struct out_of_stock_answer *out)
{
    galley_set_header(co, "X-Left", galley_format(co, "%lld", (long long)error->left).data);
    *out = (struct out_of_stock_answer){
        .error = GALLEY_STR("out_of_stock"), .sku = error->sku, .left = error->left, .path = url_path(co)};
    return 0;
}

GALLEY_STRUCT(stock_in, (galley_str, sku, PATH), (int64_t, left, QUERY, DEFAULT(0)));
static int stock(galley_async *co, const struct stock_in *in, struct ok *out)
{
    if (in->left < 1)
        return galley_raise(co, out_of_stock, .sku = in->sku, .left = in->left);
    return 0;
}

/* ---- failing on purpose ---- */

GALLEY_STRUCT(thing_in, (int64_t, thing_id, PATH));
GALLEY_STRUCT(thing, (int64_t, id));
static int thing(galley_async *co, const struct thing_in *in, struct thing *out)
{
    if (in->thing_id > 100) {
        galley_set_header(co, "X-Error", "no-such-thing");
        return galley_fail(co, 404, "Thing not found");
    }
    out->id = in->thing_id;
    return 0;
}

GALLEY_STRUCT(fail_in, (int64_t, code, PATH, .ge = 400, .le = 599));
static int fail(galley_async *co, const struct fail_in *in, struct ok *out)
{
    return galley_fail_status(co, (int)in->code);
}

static int detail_object(galley_async *co, const struct galley_none *in, struct ok *out)
{
    return galley_fail_json(co, 400, GALLEY_JSON_TEXT(
        {"code": 17, "hint": "räksmörgås", "fields": ["a", "b"], "deep": {"n": null}}));
}

static int detail_list(galley_async *co, const struct galley_none *in, struct ok *out)
{
    return galley_fail_json(co, 422, GALLEY_JSON_TEXT(["one", 2, 3.5, true]));
}

static int detail_empty(galley_async *co, const struct galley_none *in, struct ok *out)
{
    return galley_fail_json(co, 400, GALLEY_JSON_TEXT(""));
}

static int retry(galley_async *co, const struct galley_none *in, struct ok *out)
{
    galley_set_header(co, "Retry-After", "120");
    galley_set_header(co, "X-Queue", "7");
    return galley_fail(co, 503, "Busy");
}

static int not_modified(galley_async *co, const struct galley_none *in, struct ok *out)
{
    return galley_fail_status(co, 304);
}

static int crash(galley_async *co, const struct galley_none *in, struct ok *out)
{
    return -ENOSYS; /* an unhandled bug */
}

/* ---- methods and slashes ---- */

GALLEY_STRUCT(delete_in, (int64_t, n, PATH));
static int get_one(galley_async *co, const struct galley_none *in, struct ok *out) { return 0; }
static int get_many(galley_async *co, const struct galley_none *in, struct ok *out) { return 0; }
static int post_many(galley_async *co, const struct galley_none *in, struct ok *out) { return 0; }
static int put_many(galley_async *co, const struct galley_none *in, struct ok *out) { return 0; }
static int delete_one(galley_async *co, const struct delete_in *in, struct ok *out) { return 0; }
static int folder(galley_async *co, const struct galley_none *in, struct ok *out) { return 0; }
static int folder_drop(galley_async *co, const struct galley_none *in, struct ok *out) { return 0; }
static int file(galley_async *co, const struct galley_none *in, struct ok *out) { return 0; }

/* ---- bodies that do not hold ---- */

GALLEY_STRUCT(sensor, (int64_t, id, .ge = 1), (galley_str, name, .min_length = 2, .max_length = 10), (galley_str, unit, OPTIONAL));
GALLEY_STRUCT(sample, (int64_t, t), (double, v));
GALLEY_STRUCT(report,
    (struct sensor,      sensor,  OBJECT(sensor)),
    (struct sample_list, samples, LIST_OF(sample)),
    (galley_str_map,     labels,  DEFAULT({})),
    (bool,               final,   DEFAULT(false)));
GALLEY_STRUCT(report_in, (struct report, r, BODY(report)));
GALLEY_STRUCT(count, (int64_t, count));
static int report(galley_async *co, const struct report_in *in, struct count *out)
{
    out->count = (int64_t)in->r.samples.count;
    return 0;
}

GALLEY_STRUCT(strict, (MODEL, .extra = GALLEY_FORBID), (int64_t, n), (double, x, DEFAULT(0.0)), (galley_str, s, DEFAULT("")));
GALLEY_STRUCT(strict_in, (struct strict, v, BODY(strict)));
static int strict(galley_async *co, const struct strict_in *in, struct strict *out)
{
    *out = in->v;
    return 0;
}

GALLEY_STRUCT(number, (int64_t, n));
GALLEY_STRUCT(number_in, (struct number, v, BODY(number)));
static int post_int(galley_async *co, const struct number_in *in, struct number *out)
{
    *out = in->v;
    return 0;
}

GALLEY_STRUCT(real, (double, x));
GALLEY_STRUCT(real_in, (struct real, v, BODY(real)));
static int post_float(galley_async *co, const struct real_in *in, struct real *out)
{
    *out = in->v;
    return 0;
}

GALLEY_STRUCT(text, (galley_str, s));
GALLEY_STRUCT(text_in, (struct text, v, BODY(text)));
static int post_text(galley_async *co, const struct text_in *in, struct text *out)
{
    *out = in->v;
    return 0;
}

GALLEY_STRUCT(pair_in, (struct number, left, BODY(number)), (struct real, right, BODY(real)));
static int pair(galley_async *co, const struct pair_in *in, struct ok *out)
{
    return 0;
}

GALLEY_STRUCT(list_in, (struct sample_list, v, BODY(sample), LIST));
static int post_list(galley_async *co, const struct list_in *in, struct count *out)
{
    out->count = (int64_t)in->v.count;
    return 0;
}

GALLEY_STRUCT(maybe_in, (struct number *, v, BODY(number), OPTIONAL));
static int maybe(galley_async *co, const struct maybe_in *in, struct count *out)
{
    out->count = in->v == NULL ? -1 : in->v->n;
    return 0;
}

GALLEY_STRUCT(combo_in,
    (int64_t,       cid,    PATH, .ge = 1),
    (int64_t,       page,   QUERY, .ge = 1),
    (double,        x_rate, HEADER, .gt = 0),
    (galley_str,    lang,   COOKIE, .min_length = 2, .max_length = 2),
    (struct strict, body,   BODY(strict)));
GALLEY_STRUCT(combo, (int64_t, id), (int64_t, page), (double, x_rate), (galley_str, lang), (struct strict, body, OBJECT(strict)));
static int combo(galley_async *co, const struct combo_in *in, struct combo *out)
{
    *out = (struct combo){.id = in->cid, .page = in->page, .x_rate = in->x_rate, .lang = in->lang, .body = in->body};
    return 0;
}

GALLEY_APP(.title = "Sensors", .version = "0.3.0",
    .handlers = GALLEY_HANDLERS(GALLEY_ON_RAISED(out_of_stock, answer_out_of_stock, out_of_stock_answer, .status = 409)),
    .routes = GALLEY_ROUTES(
        GALLEY_GET("/things/{thing_id}", thing, thing_in, thing),
        GALLEY_GET("/fail/{code}", fail, fail_in, ok, .description = "Default detail: the reason phrase of the status."),
        GALLEY_GET("/detail/object", detail_object, galley_none, ok),
        GALLEY_GET("/detail/list", detail_list, galley_none, ok),
        GALLEY_GET("/detail/empty", detail_empty, galley_none, ok),
        GALLEY_GET("/retry", retry, galley_none, ok),
        GALLEY_GET("/not-modified", not_modified, galley_none, ok),
        GALLEY_GET("/stock/{sku}", stock, stock_in, ok),
        GALLEY_GET("/crash", crash, galley_none, ok),
        GALLEY_GET("/one", get_one, galley_none, ok),
        GALLEY_GET("/many", get_many, galley_none, ok),
        GALLEY_POST("/many", post_many, galley_none, ok),
        GALLEY_PUT("/many", put_many, galley_none, ok),
        GALLEY_DELETE("/del/{n}", delete_one, delete_in, ok),
        GALLEY_GET("/folder/", folder, galley_none, ok),
        GALLEY_POST("/folder/drop/", folder_drop, galley_none, ok),
        GALLEY_GET("/file", file, galley_none, ok),
        GALLEY_POST("/reports", report, report_in, count),
        GALLEY_POST("/strict", strict, strict_in, strict),
        GALLEY_POST("/int", post_int, number_in, number),
        GALLEY_POST("/float", post_float, real_in, real),
        GALLEY_POST("/text", post_text, text_in, text),
        GALLEY_POST("/pair", pair, pair_in, ok),
        GALLEY_POST("/list", post_list, list_in, count),
        GALLEY_POST("/maybe", maybe, maybe_in, count),
        GALLEY_PUT("/combo/{cid}", combo, combo_in, combo,
                   .description = "One bad value in each place: all of them are reported, in this order.")));
