/* places.c - inputs that fill a whole place, checks, odd bodies and odd parts, for t/unit/worker/app/inputs.c.
 * Does:     answer what it read. inputs.def has what FastAPI answers in each case.
 * Does not: make sense as a service. */
#include <errno.h>
#include <stdlib.h>

#include <galley.h>
/* clang-format off */

static const char *check_even(const void *value)
{
    return *(const int64_t *)value % 2 != 0 ? "not even" : NULL;
}
static const char *check_short(const void *value)
{
    return ((const galley_int_list *)value)->count > 2 ? "too many" : NULL;
}

GALLEY_STRUCT(filter, (MODEL, .extra = GALLEY_FORBID),
    (galley_str,      name),
    (int64_t,         limit, DEFAULT(100), .gt = 0, .le = 100),
    (galley_str,      order, DEFAULT("up"), LITERAL("up", "down")),
    (galley_str_list, tags,  DEFAULT([])));
GALLEY_STRUCT(loose,
    (int64_t,         a),
    (galley_int_list, b),
    (galley_str,      c, DEFAULT("x"), .alias = "see"));
static const char *check_span(const void *value);
GALLEY_STRUCT(span, (MODEL, .check = check_span), (int64_t, low), (int64_t, high));
static const char *check_span(const void *value)
{
    const struct span *span = value;
    return span->low > span->high ? "low is above high" : NULL;
}
GALLEY_STRUCT(heads,
    (bool,            save_data),
    (galley_str_list, x_tag,    DEFAULT([])),
    (galley_str,      odd_name, OPTIONAL, .alias = "X-Odd"));
GALLEY_STRUCT(strict_heads, (MODEL, .extra = GALLEY_FORBID), (int64_t, x_token));
GALLEY_STRUCT(crumbs, (MODEL, .extra = GALLEY_FORBID), (galley_str, session), (int64_t, visits, DEFAULT(0)));
GALLEY_STRUCT(sheet,
    (galley_str,      title, .min_length = 2),
    (int64_t,         count, DEFAULT(1)),
    (galley_str_list, tags,  DEFAULT([])),
    (galley_date *,   day,   OPTIONAL));
GALLEY_STRUCT(strict_sheet, (MODEL, .extra = GALLEY_FORBID),
    (galley_str,      title, .min_length = 2),
    (int64_t,         count, DEFAULT(1)),
    (galley_str_list, tags,  DEFAULT([])),
    (galley_date *,   day,   OPTIONAL));

/* ECHO(name, type, PLACE): a handler whose input is one member, which is its answer. */
#define ECHO(name, t, place)                                                                       \
    GALLEY_STRUCT(name##_in, (struct t, of, place, OBJECT(t)));                                    \
    static int name(galley_async *co, const struct name##_in *in, struct t *out)                   \
    {                                                                                              \
        (void)co;                                                                                  \
        *out = in->of;                                                                             \
        return 0;                                                                                  \
    }
#define ECHO_OR_NULL(name, t, ...)                                                                 \
    GALLEY_STRUCT(name##_in, (struct t *, of, OBJECT(t), __VA_ARGS__));                            \
    GALLEY_ROOT(name##_out, (struct t *, of, OBJECT(t)));                                          \
    static int name(galley_async *co, const struct name##_in *in, struct name##_out *out)          \
    {                                                                                              \
        (void)co;                                                                                  \
        out->of = in->of;                                                                          \
        return 0;                                                                                  \
    }
ECHO(filter, filter, QUERY)
ECHO(loose, loose, QUERY)
ECHO_OR_NULL(maybe, loose, QUERY, OPTIONAL)
ECHO_OR_NULL(maybe_strict, filter, QUERY, OPTIONAL)
ECHO_OR_NULL(wanted, loose, QUERY)
ECHO(span, span, QUERY)
ECHO(heads, heads, HEADER)
ECHO(strict_heads, strict_heads, HEADER)
ECHO(crumbs, crumbs, COOKIE)
ECHO(sheet, sheet, FORM)
ECHO(strict_sheet, strict_sheet, FORM)
ECHO_OR_NULL(maybe_sheet, sheet, FORM, OPTIONAL)
ECHO(model, span, BODY())

GALLEY_ROOT(whole, (int64_t, of));
GALLEY_ROOT(wholes, (galley_int_list, of));
GALLEY_ROOT(text, (galley_str, of));

static int list_of(galley_async *co, struct wholes *out, size_t count, const int64_t *values)
{
    out->of.at = galley_alloc(co, (count + 1) * sizeof *values);
    if (out->of.at == NULL)
        return -ENOMEM;
    out->of.count = count;
    for (size_t i = 0; i < count; i++)
        out->of.at[i] = values[i];
    return 0;
}

GALLEY_STRUCT(checked_in,
    (int64_t,         n, QUERY, DEFAULT(0), .check = check_even),
    (galley_int_list, l, QUERY, DEFAULT([]), .check = check_short));
static int checked(galley_async *co, const struct checked_in *in, struct wholes *out)
{
    int rc = list_of(co, out, in->l.count + 1, &in->n);
    for (size_t i = 0; rc == 0 && i < in->l.count; i++)
        out->of.at[i + 1] = in->l.at[i];
    return rc;
}

GALLEY_STRUCT(bytes_in, (galley_uuid, id, QUERY), (galley_date, day, QUERY));
static int bytes(galley_async *co, const struct bytes_in *in, struct text *out)
{
    (void)co, (void)in;
    out->of = GALLEY_STR("ok");
    return 0;
}

/* ---- files ---- */

GALLEY_STRUCT(kept, (galley_str, name, NULLABLE), (galley_str, type, NULLABLE), (int64_t, size));
GALLEY_ROOT(all_kept, (struct kept_list, of, LIST_OF(kept)));
static struct kept keep(const galley_upload *file)
{
    return (struct kept){file->filename, file->content_type, (int64_t)file->size};
}
static int keep_all(galley_async *co, galley_upload_list files, struct all_kept *out)
{
    out->of.at = galley_alloc(co, (files.count + 1) * sizeof *out->of.at);
    if (out->of.at == NULL)
        return -ENOMEM;
    out->of.count = files.count;
    for (size_t i = 0; i < files.count; i++)
        out->of.at[i] = keep(&files.at[i]);
    return 0;
}

GALLEY_STRUCT(file_in, (galley_upload, f, FORM));
static int file(galley_async *co, const struct file_in *in, struct kept *out)
{
    (void)co;
    *out = keep(&in->f);
    return 0;
}
GALLEY_STRUCT(files_in, (galley_upload_list, fs, FORM, .max_length = 2));
static int files(galley_async *co, const struct files_in *in, struct all_kept *out)
{
    return keep_all(co, in->fs, out);
}
GALLEY_STRUCT(files_or_none_in, (galley_upload_list, fs, FORM, DEFAULT([])));
static int files_or_none(galley_async *co, const struct files_or_none_in *in, struct all_kept *out)
{
    return keep_all(co, in->fs, out);
}
GALLEY_STRUCT(content_in, (galley_bytes, f, FORM, .min_length = 2, .max_length = 5));
static int content(galley_async *co, const struct content_in *in, struct whole *out)
{
    (void)co;
    out->of = (int64_t)in->f.len;
    return 0;
}
GALLEY_STRUCT(content_or_none_in, (galley_bytes, f, FORM, OPTIONAL));
static int content_or_none(galley_async *co, const struct content_or_none_in *in, struct whole *out)
{
    (void)co;
    out->of = in->f.data == NULL ? -1 : (int64_t)in->f.len;
    return 0;
}
GALLEY_STRUCT(mixed_in,
    (int64_t,         n, FORM),
    (galley_upload *, f, FORM, OPTIONAL),
    (int64_t,         q, QUERY, DEFAULT(0)),
    (galley_int_list, t, FORM, DEFAULT([])));
static int mixed(galley_async *co, const struct mixed_in *in, struct wholes *out)
{
    return list_of(co, out, 3, (const int64_t[]){in->n, in->q, (int64_t)in->t.count});
}

/* ---- bodies ---- */

GALLEY_STRUCT(int_in, (int64_t, v, BODY()));
static int int_(galley_async *co, const struct int_in *in, struct whole *out)
{
    (void)co;
    out->of = in->v;
    return 0;
}
GALLEY_STRUCT(str_in, (galley_str, v, BODY()));
static int str(galley_async *co, const struct str_in *in, struct text *out)
{
    (void)co;
    out->of = in->v;
    return 0;
}
GALLEY_STRUCT(float_or_none_in, (double *, v, BODY(), OPTIONAL));
GALLEY_ROOT(maybe_float, (double *, of));
static int float_or_none(galley_async *co, const struct float_or_none_in *in, struct maybe_float *out)
{
    (void)co;
    out->of = in->v;
    return 0;
}
GALLEY_STRUCT(bool_in, (bool, v, BODY()));
GALLEY_ROOT(flag, (bool, of));
static int bool_(galley_async *co, const struct bool_in *in, struct flag *out)
{
    (void)co;
    out->of = in->v;
    return 0;
}
GALLEY_STRUCT(list_in, (galley_int_list, v, BODY()));
static int list(galley_async *co, const struct list_in *in, struct wholes *out)
{
    (void)co;
    out->of = in->v;
    return 0;
}
GALLEY_STRUCT(map_in, (galley_int_map, v, BODY()));
GALLEY_ROOT(map_out, (galley_int_map, of));
static int map(galley_async *co, const struct map_in *in, struct map_out *out)
{
    (void)co;
    out->of = in->v;
    return 0;
}
GALLEY_STRUCT(two_in, (int64_t, a, BODY()), (int64_t *, b, BODY(), OPTIONAL), (int64_t, c, BODY(), DEFAULT(5)));
static int two(galley_async *co, const struct two_in *in, struct wholes *out)
{
    return list_of(co, out, 3, (const int64_t[]){in->a, in->b != NULL ? *in->b : 0, in->c});
}
GALLEY_STRUCT(one_embedded_in, (int64_t, a, BODY(), EMBED, DEFAULT(7)));
static int one_embedded(galley_async *co, const struct one_embedded_in *in, struct whole *out)
{
    (void)co;
    out->of = in->a;
    return 0;
}

/* Of which three bytes, "{},", are a struct of 320. */
GALLEY_STRUCT(fat,
    (galley_uuid_list, a, DEFAULT([])), (galley_uuid_list, b, DEFAULT([])), (galley_uuid_list, c, DEFAULT([])), (galley_uuid_list, d, DEFAULT([])),
    (galley_uuid_list, e, DEFAULT([])), (galley_uuid_list, f, DEFAULT([])), (galley_uuid_list, g, DEFAULT([])), (galley_uuid_list, h, DEFAULT([])),
    (galley_uuid_list, i, DEFAULT([])), (galley_uuid_list, j, DEFAULT([])), (galley_uuid_list, k, DEFAULT([])), (galley_uuid_list, l, DEFAULT([])),
    (galley_uuid_list, m, DEFAULT([])), (galley_uuid_list, n, DEFAULT([])), (galley_uuid_list, o, DEFAULT([])), (galley_uuid_list, p, DEFAULT([])),
    (galley_uuid_list, q, DEFAULT([])), (galley_uuid_list, r, DEFAULT([])), (galley_uuid_list, s, DEFAULT([])), (galley_uuid_list, t, DEFAULT([])));
GALLEY_STRUCT(fats_in, (struct fat_list, v, BODY(), LIST_OF(fat)));
static int fats(galley_async *co, const struct fats_in *in, struct whole *out)
{
    (void)co;
    out->of = (int64_t)in->v.count;
    return 0;
}

GALLEY_APP(.routes = GALLEY_ROUTES(
    GALLEY_GET("/filter", filter, filter_in, filter),
    GALLEY_GET("/loose", loose, loose_in, loose),
    GALLEY_GET("/maybe", maybe, maybe_in, maybe_out),
    GALLEY_GET("/maybe-strict", maybe_strict, maybe_strict_in, maybe_strict_out),
    GALLEY_GET("/wanted", wanted, wanted_in, wanted_out),
    GALLEY_GET("/span", span, span_in, span),
    GALLEY_GET("/heads", heads, heads_in, heads),
    GALLEY_GET("/strict-heads", strict_heads, strict_heads_in, strict_heads),
    GALLEY_GET("/crumbs", crumbs, crumbs_in, crumbs),
    GALLEY_GET("/checked", checked, checked_in, wholes),
    GALLEY_GET("/bytes", bytes, bytes_in, text),
    GALLEY_POST("/sheet", sheet, sheet_in, sheet),
    GALLEY_POST("/strict-sheet", strict_sheet, strict_sheet_in, strict_sheet),
    GALLEY_POST("/maybe-sheet", maybe_sheet, maybe_sheet_in, maybe_sheet_out),
    GALLEY_POST("/file", file, file_in, kept),
    GALLEY_POST("/files", files, files_in, all_kept),
    GALLEY_POST("/files-or-none", files_or_none, files_or_none_in, all_kept),
    GALLEY_POST("/content", content, content_in, whole),
    GALLEY_POST("/content-or-none", content_or_none, content_or_none_in, whole),
    GALLEY_POST("/mixed", mixed, mixed_in, wholes),
    GALLEY_POST("/int", int_, int_in, whole),
    GALLEY_POST("/str", str, str_in, text),
    GALLEY_POST("/float-or-none", float_or_none, float_or_none_in, maybe_float),
    GALLEY_POST("/bool", bool_, bool_in, flag),
    GALLEY_POST("/list", list, list_in, wholes),
    GALLEY_POST("/map", map, map_in, map_out),
    GALLEY_POST("/two", two, two_in, wholes),
    GALLEY_POST("/one-embedded", one_embedded, one_embedded_in, whole),
    GALLEY_POST("/fats", fats, fats_in, whole),
    GALLEY_POST("/model", model, model_in, span)));
