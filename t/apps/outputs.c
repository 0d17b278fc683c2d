/* outputs.c - for the tests: every kind of answer, from handlers of both colors, and every way to fail. */
#include <errno.h>
#include <galley.h>
#include <math.h>
#include <string.h>
#include <time.h>

#define NOTHING (void)co, (void)in

/* ---- kinds ---- */

static int none(galley_async *co, const struct galley_none *in, struct galley_none *out)
{
    NOTHING, (void)out;
    return 0;
}

static int text(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    NOTHING;
    out->text = GALLEY_STR("r\xC3\xA4ksm\xC3\xB6rg\xC3\xA5s");
    return 0;
}

static int no_text(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    NOTHING, (void)out;
    return 0;
}

static int html(galley_sync *co, const struct galley_none *in, struct galley_html *out)
{
    NOTHING;
    out->html = GALLEY_STR("<p>hello");
    return 0;
}

GALLEY_STRUCT(octets_in, (galley_str, type, QUERY, OPTIONAL));
static int octets(galley_async *co, const struct octets_in *in, struct galley_octets *out)
{
    static const uint8_t bytes[] = {0, 1, 254, 255};
    out->bytes = (galley_bytes){bytes, sizeof bytes};
    if (in->type.data != NULL)
        out->type = galley_format(co, "%.*s", GALLEY_STR_ARG(in->type)).data;
    return 0;
}

GALLEY_STRUCT(redirect_in, (galley_str, to, QUERY), (int64_t, status, QUERY, OPTIONAL));
static int redirect(galley_async *co, const struct redirect_in *in, struct galley_redirect *out)
{
    out->location = in->to;
    if (in->status != 0)
        galley_set_status(co, (int)in->status);
    return 0;
}

GALLEY_STRUCT(file_in, (galley_str, path, QUERY), (galley_str, type, QUERY, OPTIONAL));
static int file(galley_async *co, const struct file_in *in, struct galley_file *out)
{
    out->path = galley_format(co, "%.*s", GALLEY_STR_ARG(in->path)).data;
    if (in->type.data != NULL)
        out->type = galley_format(co, "%.*s", GALLEY_STR_ARG(in->type)).data;
    return 0;
}

GALLEY_STRUCT(stream_in, (int64_t, pieces, QUERY), (int64_t, result, QUERY, OPTIONAL));
static int stream(galley_async *co, const struct stream_in *in, struct galley_stream *out)
{
    for (int64_t i = 0; i < in->pieces; i++) {
        galley_str piece = galley_format(co, "piece %lld\n", (long long)i);
        int rc = galley_write(co, out, piece.data, piece.len);
        if (rc < 0)
            return rc;
    }
    return (int)in->result;
}

/* ---- a model with everything ---- */

GALLEY_STRUCT(point, (double, x), (double, y));
struct everything {
    bool yes;
    int32_t small;
    uint32_t large;
    int64_t wide;
    double price, nan;
    galley_str name, nothing;
    galley_uuid id;
    galley_time at, local;
    int64_t *some, *none;
    struct point point;
    galley_int_list ints;
    galley_str_list no_strings;
    GALLEY_LIST(struct point) points;
    int secret;
};
GALLEY_MODEL(everything, (yes), (small), (large), (wide), (price), (nan), (name),
             (nothing, OPTIONAL), (id), (at), (local), (some), (none), (point, OBJECT(point)),
             (ints), (no_strings), (points, LIST_OF(point), .alias = "the \"points\""),
             (secret, INTERNAL));

static int everything(galley_async *co, const struct galley_none *in, struct everything *out)
{
    NOTHING;
    static int64_t seven = 7, ints[] = {1, -2, INT64_MAX};
    static struct point points[] = {{1, 2}, {0.5, 1e-7}};
    *out = (struct everything){
        .yes = true,
        .small = INT32_MIN,
        .large = UINT32_MAX,
        .wide = INT64_MIN,
        .price = 9.99,
        .nan = (double)NAN,
        .name = GALLEY_STR("\"q\"\\\n\x01/\xC3\xA5\xF0\x9F\x98\x80\x7F\xFF"),
        .id = {{0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34, 0x56, 0x78, 0x12, 0x34,
                0x5a, 0xbc}},
        .at = {.seconds = 1700000000, .nanos = 500000000, .has_offset = true},
        .local = {.seconds = -1, .offset_minutes = -150, .has_offset = true},
        .some = &seven,
        .point = {1e16, -0.0},
        .ints = {ints, 3},
        .points = {points, 2},
        .secret = 42,
    };
    return 0;
}

GALLEY_STRUCT(moment, (galley_time, at));
static int too_late(galley_async *co, const struct galley_none *in, struct moment *out)
{
    NOTHING;
    out->at.seconds = INT64_MAX;
    return 0;
}

GALLEY_STRUCT(long_in, (int64_t, n, QUERY, .le = 10000000));
GALLEY_STRUCT(long_answer, (galley_str, text), (int64_t, n));
static int long_model(galley_async *co, const struct long_in *in, struct long_answer *out)
{
    char *text = galley_alloc(co, (size_t)in->n + 1);
    memset(text, 'x', (size_t)in->n);
    *out = (struct long_answer){{text, (size_t)in->n}, in->n};
    return 0;
}

/* ---- status, fields, cookies ---- */

GALLEY_STRUCT(field_in, (galley_str, name, QUERY), (galley_str, value, QUERY),
              (bool, twice, QUERY, OPTIONAL));
GALLEY_STRUCT(result, (int64_t, result));
static int set_field(galley_async *co, const struct field_in *in, struct result *out)
{
    const char *name = galley_format(co, "%.*s", GALLEY_STR_ARG(in->name)).data;
    const char *value = galley_format(co, "%.*s", GALLEY_STR_ARG(in->value)).data;
    out->result = galley_set_header(co, name, value);
    if (in->twice)
        out->result = galley_add_header(co, name, value);
    return 0;
}

static int set_field_sync(galley_sync *rq, const struct field_in *in, struct result *out)
{
    const char *name = galley_format(rq, "%.*s", GALLEY_STR_ARG(in->name)).data;
    const char *value = galley_format(rq, "%.*s", GALLEY_STR_ARG(in->value)).data;
    out->result = galley_set_header(rq, name, value);
    galley_set_status(rq, 202);
    return 0;
}

static int many_fields(galley_async *co, const struct galley_none *in, struct result *out)
{
    (void)in;
    for (int i = 0; i < 2000 && out->result == 0; i++)
        out->result = galley_add_header(co, "x-many", "0123456789012345678901234567890123456789");
    return 0;
}

static int cookies(galley_async *co, const struct galley_none *in, struct result *out)
{
    (void)in;
    out->result = galley_set_cookie(co, .name = "plain", .value = "v1");
    out->result += galley_set_cookie(co, .name = "full", .value = "a b", .max_age_s = 3600,
                                     .path = "/p", .domain = "example.com", .secure = true,
                                     .http_only = true, .same_site = "strict");
    out->result += galley_set_cookie(co, .name = "odd", .value = "a;b,\"\\\xC3\xA5\n");
    out->result += galley_set_cookie(co, .name = "gone", .value = "x", .max_age_s = -1);
    return 0;
}

static int bad_cookies(galley_async *co, const struct galley_none *in, struct result *out)
{
    (void)in;
    out->result += galley_set_cookie(co, .value = "x") == -EINVAL;
    out->result += galley_set_cookie(co, .name = "a b", .value = "x") == -EINVAL;
    out->result += galley_set_cookie(co, .name = "a", .path = "/;x=y") == -EINVAL;
    out->result += galley_set_cookie(co, .name = "a", .domain = "a\r\nb") == -EINVAL;
    return 0;
}

/* ---- failures ---- */

GALLEY_STRUCT(code_in, (int64_t, code, PATH, .ge = 200, .le = 599),
              (galley_str, detail, QUERY, OPTIONAL));
static int fail(galley_async *co, const struct code_in *in, struct result *out)
{
    (void)out;
    if (galley_set_header(co, "X-Why", "because") < 0 ||
        galley_set_header(co, "content-type", "text/css") < 0)
        return -EIO;
    if (in->detail.data != NULL)
        return galley_fail(co, (int)in->code, "%.*s", GALLEY_STR_ARG(in->detail));
    return galley_fail_status(co, (int)in->code);
}

static int fail_sync(galley_sync *rq, const struct code_in *in, struct result *out)
{
    (void)out;
    return galley_fail(rq, (int)in->code, "no %lld", (long long)in->code);
}

GALLEY_STRUCT(errno_in, (int64_t, value, QUERY));
static int end_with(galley_async *co, const struct errno_in *in, struct result *out)
{
    (void)co, (void)out;
    return (int)in->value;
}

static int end_with_sync(galley_sync *rq, const struct errno_in *in, struct result *out)
{
    (void)rq, (void)out;
    return (int)in->value;
}

/* A failure that a handler takes back: it answers as if nothing had been. */
static int recover(galley_async *co, const struct galley_none *in, struct result *out)
{
    (void)in;
    int rc = galley_fail(co, 404, "not here");
    out->result = rc < 0;
    return 0;
}

/* ---- time ---- */

static int late(galley_async *co, const struct galley_none *in, struct result *out)
{
    (void)in, (void)out;
    return galley_sleep_ms(co, 60000);
}

GALLEY_STRUCT(block_in, (int64_t, ms, QUERY));
static int block(galley_sync *rq, const struct block_in *in, struct result *out)
{
    (void)rq;
    nanosleep(&(struct timespec){in->ms / 1000, in->ms % 1000 * 1000000}, NULL);
    out->result = in->ms;
    return 0;
}

/* ---- what came ---- */

GALLEY_STRUCT(rest_in, (galley_str, rest, PATH));
GALLEY_STRUCT(whoami, (galley_str, method), (galley_str, path), (galley_str, query),
              (galley_str, authority), (galley_str, agent, OPTIONAL));
static int whoami(galley_async *co, const struct rest_in *in, struct whoami *out)
{
    (void)in;
    *out = (struct whoami){galley_method(co), galley_path(co), galley_query(co),
                           galley_authority(co), galley_header(co, "USER-AGENT")};
    return 0;
}

GALLEY_APP(.title = "Outputs",
           .routes =
               GALLEY_ROUTES(GALLEY_GET("/none", none, galley_none, galley_none),
                             GALLEY_POST("/none", none, galley_none, galley_none, .status = 201),
                             GALLEY_GET("/text", text, galley_none, galley_text),
                             GALLEY_GET("/no-text", no_text, galley_none, galley_text),
                             GALLEY_GET("/html", html, galley_none, galley_html),
                             GALLEY_GET("/octets", octets, octets_in, galley_octets),
                             GALLEY_GET("/redirect", redirect, redirect_in, galley_redirect),
                             GALLEY_GET("/file", file, file_in, galley_file),
                             GALLEY_GET("/stream", stream, stream_in, galley_stream),
                             GALLEY_GET("/everything", everything, galley_none, everything),
                             GALLEY_GET("/too-late", too_late, galley_none, moment),
                             GALLEY_GET("/long", long_model, long_in, long_answer),
                             GALLEY_GET("/field", set_field, field_in, result),
                             GALLEY_GET("/field-sync", set_field_sync, field_in, result),
                             GALLEY_GET("/many-fields", many_fields, galley_none, result),
                             GALLEY_GET("/cookies", cookies, galley_none, result),
                             GALLEY_GET("/bad-cookies", bad_cookies, galley_none, result),
                             GALLEY_GET("/fail/{code}", fail, code_in, result),
                             GALLEY_GET("/fail-sync/{code}", fail_sync, code_in, result),
                             GALLEY_GET("/end", end_with, errno_in, result),
                             GALLEY_GET("/end-sync", end_with_sync, errno_in, result),
                             GALLEY_GET("/recover", recover, galley_none, result),
                             GALLEY_GET("/late", late, galley_none, result, .timeout_ms = 100),
                             GALLEY_GET("/block", block, block_in, result),
                             GALLEY_GET("/whoami/{rest:path}", whoami, rest_in, whoami),
                             GALLEY_GET("/open/{rest:path}", whoami, rest_in, whoami)));
