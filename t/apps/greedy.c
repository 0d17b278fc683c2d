/* greedy.c - inputs that could cost far more memory than the bytes they come in.
 * Does:     take one of every form that grows; answer with a count.
 * Does not: keep anything.
 * See:      t/unit/worker/app/memory.c, t/78-memory.t */
#include <galley.h>
/* clang-format off */

GALLEY_STRUCT(count, (int64_t, count));

/* ---- bodies ---- */

GALLEY_STRUCT(small, (int64_t, a), (galley_str, b, .max_length = 20), (double *, c, OPTIONAL));
GALLEY_STRUCT(fat,
    (galley_str, s0, OPTIONAL), (galley_str, s1, OPTIONAL), (galley_str, s2, OPTIONAL), (galley_str, s3, OPTIONAL),
    (galley_str, s4, OPTIONAL), (galley_str, s5, OPTIONAL), (galley_str_list, l0, OPTIONAL), (galley_str_list, l1, OPTIONAL),
    (galley_int_map, m0, OPTIONAL), (galley_int_map, m1, OPTIONAL), (int64_t, i0, OPTIONAL), (int64_t, i1, OPTIONAL),
    (galley_time *, t0, OPTIONAL), (galley_time *, t1, OPTIONAL));
GALLEY_STRUCT(strict, (MODEL, .extra = GALLEY_FORBID), (int64_t, n), (galley_str, s, OPTIONAL));
GALLEY_STRUCT(node, (struct node_list, children, LIST_OF(node), OPTIONAL), (int64_t, n, OPTIONAL));
GALLEY_STRUCT(cat, (galley_str, kind, LITERAL("cat")), (int64_t, lives, DEFAULT(9)));
GALLEY_STRUCT(dog, (galley_str, kind, LITERAL("dog")), (struct fat_list, litter, LIST_OF(fat), OPTIONAL));
GALLEY_UNION(pet, kind, (cat), (dog));
GALLEY_ROOT(line, (galley_int_list, of));

#define TAKES(name, type, member, ...)                                                             \
    GALLEY_STRUCT(name##_in, (type, member, __VA_ARGS__));                                          \
    static int name(galley_async *co, const struct name##_in *in, struct count *out)               \
    {                                                                                              \
        out->count = (int64_t)in->member.count;                                                    \
        return 0;                                                                                  \
    }
#define AS_BODY(m) BODY(m), LIST
TAKES(ints, galley_int_list, v, BODY())
TAKES(floats, galley_float_list, v, BODY())
TAKES(bools, galley_bool_list, v, BODY())
TAKES(strings, galley_str_list, v, BODY())
TAKES(uuids, galley_uuid_list, v, BODY())
TAKES(days, galley_date_list, v, BODY())
TAKES(times, galley_time_list, v, BODY())
TAKES(anys, galley_json_list, v, BODY())
TAKES(int_map, galley_int_map, v, BODY())
TAKES(str_map, galley_str_map, v, BODY())
TAKES(any_map, galley_json_map, v, BODY())
TAKES(smalls, struct small_list, v, AS_BODY(small))
TAKES(fats, struct fat_list, v, AS_BODY(fat))
TAKES(stricts, struct strict_list, v, AS_BODY(strict))
TAKES(pets, struct pet_list, v, AS_BODY(pet))
TAKES(rows, struct line_list, v, AS_BODY(line))
TAKES(short_ints, galley_int_list, v, BODY(), .max_length = 3)

GALLEY_STRUCT(tree_in, (struct node, v, BODY(node)));
static int tree(galley_async *co, const struct tree_in *in, struct count *out)
{
    out->count = (int64_t)in->v.children.count;
    return 0;
}

GALLEY_STRUCT(one_strict_in, (struct strict, v, BODY(strict)));
static int one_strict(galley_async *co, const struct one_strict_in *in, struct count *out)
{
    out->count = in->v.n;
    return 0;
}

GALLEY_STRUCT(any_in, (galley_json, v, BODY()));
static int any(galley_async *co, const struct any_in *in, struct count *out)
{
    out->count = (int64_t)in->v.len;
    return 0;
}

GALLEY_STRUCT(two_in, (galley_int_list, a, BODY()), (galley_str_map, b, BODY()));
static int two(galley_async *co, const struct two_in *in, struct count *out)
{
    out->count = (int64_t)(in->a.count + in->b.count);
    return 0;
}

GALLEY_STRUCT(text_in, (galley_str, v, BODY(), .max_length = 100000000));
static int text(galley_async *co, const struct text_in *in, struct count *out)
{
    out->count = (int64_t)in->v.len;
    return 0;
}

GALLEY_STRUCT(octets_in, (galley_bytes, v, BODY()));
static int octets(galley_async *co, const struct octets_in *in, struct count *out)
{
    out->count = (int64_t)in->v.len;
    return 0;
}

/* ---- forms ---- */

GALLEY_STRUCT(form_in, (galley_str, a, FORM), (int64_t, n, FORM, DEFAULT(0)), (galley_str_list, tags, FORM, OPTIONAL),
              (galley_int_list, ids, FORM, OPTIONAL));
static int form(galley_async *co, const struct form_in *in, struct count *out)
{
    out->count = (int64_t)(in->tags.count + in->ids.count);
    return 0;
}

GALLEY_STRUCT(strict_form_in, (struct strict, v, FORM, OBJECT(strict)));
static int strict_form(galley_async *co, const struct strict_form_in *in, struct count *out)
{
    out->count = in->v.n;
    return 0;
}

GALLEY_STRUCT(files_in, (galley_upload_list, files, FORM, OPTIONAL), (galley_str, a, FORM, OPTIONAL));
static int files(galley_async *co, const struct files_in *in, struct count *out)
{
    out->count = (int64_t)in->files.count;
    return 0;
}

GALLEY_STRUCT(file_bytes_in, (galley_bytes, file, FORM));
static int file_bytes(galley_async *co, const struct file_bytes_in *in, struct count *out)
{
    out->count = (int64_t)in->file.len;
    return 0;
}

/* ---- heads ---- */

GALLEY_STRUCT(query_in, (galley_int_list, ids, QUERY, OPTIONAL), (galley_str_list, tags, QUERY, OPTIONAL),
              (galley_str, q, QUERY, OPTIONAL, .max_length = 5));
static int query(galley_async *co, const struct query_in *in, struct count *out)
{
    out->count = (int64_t)(in->ids.count + in->tags.count);
    return 0;
}

GALLEY_STRUCT(strict_query_in, (struct strict, v, QUERY, OBJECT(strict)));
static int strict_query(galley_async *co, const struct strict_query_in *in, struct count *out)
{
    out->count = in->v.n;
    return 0;
}

GALLEY_STRUCT(strict_cookies_in, (struct strict, v, COOKIE, OBJECT(strict)));
static int strict_cookies(galley_async *co, const struct strict_cookies_in *in, struct count *out)
{
    out->count = in->v.n;
    return 0;
}

GALLEY_STRUCT(strict_headers_in, (struct strict, v, HEADER, OBJECT(strict)), (galley_str_list, x_tag, HEADER, OPTIONAL));
static int strict_headers(galley_async *co, const struct strict_headers_in *in, struct count *out)
{
    out->count = (int64_t)in->x_tag.count;
    return 0;
}

GALLEY_STRUCT(head_in, (galley_str, session, COOKIE, OPTIONAL, .max_length = 3), (galley_int_list, x_id, HEADER, OPTIONAL),
              (galley_str_list, x_tag, HEADER, OPTIONAL));
static int head(galley_async *co, const struct head_in *in, struct count *out)
{
    out->count = (int64_t)(in->x_id.count + in->x_tag.count);
    return 0;
}

#define POST(name) GALLEY_POST("/" #name, name, name##_in, count)
#define GET(name) GALLEY_GET("/" #name, name, name##_in, count)
GALLEY_APP(.title = "Greedy",
    .routes = GALLEY_ROUTES(
        POST(ints), POST(floats), POST(bools), POST(strings), POST(uuids), POST(days), POST(times), POST(anys),
        POST(int_map), POST(str_map), POST(any_map), POST(smalls), POST(fats), POST(stricts), POST(pets), POST(rows),
        POST(short_ints), POST(tree), POST(one_strict), POST(any), POST(two), POST(text), POST(octets), POST(form),
        POST(strict_form), POST(files), POST(file_bytes), GET(query), GET(strict_query), GET(strict_cookies),
        GET(strict_headers), GET(head)));
