/* kind.h - what a member's C type says about its values, found by _Generic.
 * Does:     the kind, and whether the member is a pointer, a list or a map; refuses types that have a better one here.
 * Does not: mean anything to applications; model.h is built on it. */
#ifndef GALLEY_KIND_H
#define GALLEY_KIND_H

#include <galley/value.h>

enum galley_kind {
    GALLEY_BOOL = 1,
    GALLEY_INT,      /* int32_t, uint32_t, int64_t */
    GALLEY_FLOAT,    /* double */
    GALLEY_STRING,   /* galley_str */
    GALLEY_ENUM,     /* an enum with a table of names: ENUM(e) */
    GALLEY_UUID,     /* galley_uuid */
    GALLEY_DATETIME, /* galley_time */
    GALLEY_DATE,     /* galley_date */
    GALLEY_CLOCK,    /* galley_clock */
    GALLEY_BYTES,    /* galley_bytes: base64 in JSON, a file's content in a form */
    GALLEY_JSON,     /* galley_json: anything */
    GALLEY_UPLOAD,   /* galley_upload: a file of a form */
    GALLEY_OBJECT,   /* a struct with a model: OBJECT(m) */
    GALLEY_SENT      /* galley_sent: never on the wire */
};

/* How many values a member holds. */
enum galley_count {
    GALLEY_ONE,
    GALLEY_MANY, /* GALLEY_LIST */
    GALLEY_KEYED /* GALLEY_MAP */
};

/* clang-format off */
#define GALLEY__KIND_OF(x)                                                                         \
    _Generic((x),                                                                                  \
        bool: GALLEY_BOOL, bool *: GALLEY_BOOL, galley_bool_list: GALLEY_BOOL,                     \
        galley_bool_list *: GALLEY_BOOL, galley_bool_map: GALLEY_BOOL,                             \
        int32_t: GALLEY_INT, int32_t *: GALLEY_INT, uint32_t: GALLEY_INT, uint32_t *: GALLEY_INT,  \
        int64_t: GALLEY_INT, int64_t *: GALLEY_INT, galley_int_list: GALLEY_INT,                   \
        galley_int_list *: GALLEY_INT, galley_int_map: GALLEY_INT,                                 \
        double: GALLEY_FLOAT, double *: GALLEY_FLOAT, galley_float_list: GALLEY_FLOAT,             \
        galley_float_list *: GALLEY_FLOAT, galley_float_map: GALLEY_FLOAT,                         \
        galley_str: GALLEY_STRING, galley_str *: GALLEY_STRING, galley_str_list: GALLEY_STRING,    \
        galley_str_list *: GALLEY_STRING, galley_str_map: GALLEY_STRING,                           \
        galley_uuid: GALLEY_UUID, galley_uuid *: GALLEY_UUID, galley_uuid_list: GALLEY_UUID,       \
        galley_time: GALLEY_DATETIME, galley_time *: GALLEY_DATETIME,                              \
        galley_time_list: GALLEY_DATETIME,                                                         \
        galley_date: GALLEY_DATE, galley_date *: GALLEY_DATE, galley_date_list: GALLEY_DATE,       \
        galley_clock: GALLEY_CLOCK, galley_clock *: GALLEY_CLOCK,                                  \
        galley_bytes: GALLEY_BYTES, galley_bytes *: GALLEY_BYTES,                                  \
        galley_json: GALLEY_JSON, galley_json_list: GALLEY_JSON, galley_json_map: GALLEY_JSON,     \
        galley_upload: GALLEY_UPLOAD, galley_upload *: GALLEY_UPLOAD,                              \
        galley_upload_list: GALLEY_UPLOAD,                                                         \
        galley_sent: GALLEY_SENT,                                                                  \
        default: GALLEY_OBJECT)
#define GALLEY__COUNT_OF(x)                                                                        \
    _Generic((x),                                                                                  \
        galley_bool_list: GALLEY_MANY, galley_int_list: GALLEY_MANY,                               \
        galley_float_list: GALLEY_MANY, galley_str_list: GALLEY_MANY,                              \
        galley_bool_list *: GALLEY_MANY, galley_int_list *: GALLEY_MANY,                           \
        galley_float_list *: GALLEY_MANY, galley_str_list *: GALLEY_MANY,                          \
        galley_uuid_list: GALLEY_MANY, galley_time_list: GALLEY_MANY,                              \
        galley_date_list: GALLEY_MANY, galley_json_list: GALLEY_MANY,                              \
        galley_upload_list: GALLEY_MANY,                                                           \
        galley_bool_map: GALLEY_KEYED, galley_int_map: GALLEY_KEYED,                               \
        galley_float_map: GALLEY_KEYED, galley_str_map: GALLEY_KEYED,                              \
        galley_json_map: GALLEY_KEYED,                                                             \
        default: GALLEY_ONE)
/* Of whole numbers alone: the others' are known from their kind. */
#define GALLEY__IS_WIDE(x)                                                                         \
    _Generic((x), int32_t: false, int32_t *: false, uint32_t: false, uint32_t *: false, default: true)
#define GALLEY__IS_SIGNED(x) _Generic((x), uint32_t: false, uint32_t *: false, default: true)
/* 5 is what gcc and clang call a pointer (pointer_type_class). */
#define GALLEY__IS_POINTER(x) (__builtin_classify_type(x) == 5)

/* Types that newcomers reach for, each with the one to use. */
#define GALLEY__VET(x, f)                                                                          \
    _Static_assert(_Generic((x), char *: 0, const char *: 0, default: 1),                          \
                   "member " f ": text is a galley_str, not a char *");                            \
    _Static_assert(_Generic((x), float: 0, float *: 0, long double: 0, default: 1),                \
                   "member " f ": a number with a fraction is a double");                          \
    _Static_assert(_Generic((x), uint64_t: 0, unsigned long long: 0, long long: 0, default: 1),    \
                   "member " f ": a whole number is an int64_t, int32_t or uint32_t");             \
    _Static_assert(_Generic((x), short: 0, unsigned short: 0, signed char: 0, unsigned char: 0,    \
                            char: 0, default: 1),                                                  \
                   "member " f ": a whole number is an int64_t, int32_t or uint32_t");
/* clang-format on */

#endif
