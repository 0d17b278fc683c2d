/* model.h - declare a struct once: it is parsed, validated, converted, written and documented.
 * Does:     GALLEY_STRUCT (struct and model from one list) and GALLEY_MODEL (a model of a struct that exists).
 * Does not: run anything: a model is constant data; the worker reads it (worker/app/).
 *
 *     GALLEY_STRUCT(item,
 *         (int64_t,    id,    OPTIONAL, .ge = 1),
 *         (galley_str, name,  .min_length = 1, .max_length = 80),
 *         (double *,   price, OPTIONAL));          // a pointer may be null
 */
#ifndef GALLEY_MODEL_H
#define GALLEY_MODEL_H

#include <galley/each.h>
#include <galley/value.h>

enum galley_kind {
    GALLEY_BOOL = 1,
    GALLEY_INT,
    GALLEY_FLOAT,
    GALLEY_STRING,
    GALLEY_UUID,
    GALLEY_TIME,
    GALLEY_OBJECT
};

/* Where a member of an input comes from. */
enum galley_in {
    GALLEY_IN_BODY,
    GALLEY_IN_PATH,
    GALLEY_IN_QUERY,
    GALLEY_IN_HEADER,
    GALLEY_IN_COOKIE,
    GALLEY_IN_FORM
};

/* One member. `size` is that of the member, or of what a nullable member points to. */
struct galley_field {
    const char *name;  /* as in C */
    const char *alias; /* as on the wire; NULL: the same */
    size_t offset, size;
    enum galley_kind kind;
    enum galley_in in;
    bool nullable;                 /* the member is a pointer, NULL is null */
    bool list;                     /* a GALLEY_LIST member */
    bool is_signed;                /* of an integer */
    bool optional;                 /* may be absent: zero, or default_json */
    bool internal;                 /* not on the wire: neither read nor written */
    const struct galley_model *of; /* of an object, or of a list's elements */
    const char *default_json, *title, *description, *pattern, *example_json;
    long double gt, ge, lt, le, multiple_of; /* GALLEY_NO_BOUND: none; exact for every int64_t */
    size_t min_length, max_length;           /* code points of a string, items of a list */
};

struct galley_model {
    const char *name; /* the struct's tag */
    size_t size;
    const struct galley_field *fields;
    size_t field_count;
};

#define GALLEY_NO_BOUND __builtin_nanl("")

/* Options of a member. */
#define PATH       .in = GALLEY_IN_PATH
#define QUERY      .in = GALLEY_IN_QUERY
#define HEADER     .in = GALLEY_IN_HEADER
#define COOKIE     .in = GALLEY_IN_COOKIE
#define OPTIONAL   .optional = true
#define INTERNAL   .internal = true
#define OBJECT(m)  .of = &m##_model
#define LIST_OF(m) .list = true, .of = &m##_model

/* clang-format off */
#define GALLEY__KIND_OF(x)                                                                         \
    _Generic((x),                                                                                  \
        bool: GALLEY_BOOL,                                                                         \
        bool *: GALLEY_BOOL,                                                                       \
        galley_bool_list: GALLEY_BOOL,                                                             \
        int32_t: GALLEY_INT,                                                                       \
        int64_t: GALLEY_INT,                                                                       \
        uint32_t: GALLEY_INT,                                                                      \
        int32_t *: GALLEY_INT,                                                                     \
        int64_t *: GALLEY_INT,                                                                     \
        uint32_t *: GALLEY_INT,                                                                    \
        galley_int_list: GALLEY_INT,                                                               \
        double: GALLEY_FLOAT,                                                                      \
        double *: GALLEY_FLOAT,                                                                    \
        galley_float_list: GALLEY_FLOAT,                                                           \
        galley_str: GALLEY_STRING,                                                                 \
        galley_str *: GALLEY_STRING,                                                               \
        galley_str_list: GALLEY_STRING,                                                            \
        galley_uuid: GALLEY_UUID,                                                                  \
        galley_uuid *: GALLEY_UUID,                                                                \
        galley_time: GALLEY_TIME,                                                                  \
        galley_time *: GALLEY_TIME,                                                                \
        default: GALLEY_OBJECT)
#define GALLEY__IS_NULLABLE(x)                                                                     \
    _Generic((x),                                                                                  \
        bool *: true,                                                                              \
        int32_t *: true,                                                                           \
        int64_t *: true,                                                                           \
        uint32_t *: true,                                                                          \
        double *: true,                                                                            \
        galley_uuid *: true,                                                                       \
        galley_time *: true,                                                                       \
        galley_str *: true,                                                                        \
        default: false)
#define GALLEY__IS_LIST(x)                                                                         \
    _Generic((x),                                                                                  \
        galley_bool_list: true,                                                                    \
        galley_int_list: true,                                                                     \
        galley_float_list: true,                                                                   \
        galley_str_list: true,                                                                     \
        default: false)
#define GALLEY__SIZE_OF(x)                                                                         \
    _Generic((x),                                                                                  \
        bool *: sizeof(bool),                                                                      \
        int32_t *: sizeof(int32_t),                                                                \
        int64_t *: sizeof(int64_t),                                                                \
        uint32_t *: sizeof(uint32_t),                                                              \
        double *: sizeof(double),                                                                  \
        galley_uuid *: sizeof(galley_uuid),                                                        \
        galley_time *: sizeof(galley_time),                                                        \
        galley_str *: sizeof(galley_str),                                                          \
        default: sizeof(x))
#define GALLEY__IS_SIGNED(x) _Generic((x), uint32_t: false, uint32_t *: false, default: true)

#define GALLEY__FIELD(t, tuple)  GALLEY__FIELD_(t, GALLEY__UNWRAP tuple)
#define GALLEY__FIELD_(...)      GALLEY__FIELD2(__VA_ARGS__)
#define GALLEY__AT(t, f)         (((struct t *)0)->f)
#define GALLEY__FIELD2(t, f, ...)                                                                  \
    {.name = #f,                                                                                   \
     .offset = offsetof(struct t, f),                                                              \
     .size = GALLEY__SIZE_OF(GALLEY__AT(t, f)),                                                    \
     .kind = GALLEY__KIND_OF(GALLEY__AT(t, f)),                                                    \
     .nullable = GALLEY__IS_NULLABLE(GALLEY__AT(t, f)),                                            \
     .list = GALLEY__IS_LIST(GALLEY__AT(t, f)),                                                    \
     .is_signed = GALLEY__IS_SIGNED(GALLEY__AT(t, f)),                                             \
     .gt = GALLEY_NO_BOUND,                                                                        \
     .ge = GALLEY_NO_BOUND,                                                                        \
     .lt = GALLEY_NO_BOUND,                                                                        \
     .le = GALLEY_NO_BOUND,                                                                        \
     .multiple_of = GALLEY_NO_BOUND,                                                               \
     .max_length = SIZE_MAX __VA_OPT__(, ) __VA_ARGS__},

#define GALLEY__FIELDS(t, each, ...)                                                               \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")           \
    static const struct galley_field t##_fields[] = {GALLEY__EACH(each, t, __VA_ARGS__)};          \
    static const struct galley_model t##_model = {#t, sizeof(struct t), t##_fields,                \
                                                  sizeof t##_fields / sizeof t##_fields[0]};       \
    _Pragma("GCC diagnostic pop") _Static_assert(sizeof(struct t) > 0, "a model needs a struct")
/* clang-format on */

/* Describes a struct that exists: GALLEY_MODEL(results, (status)); */
#define GALLEY_MODEL(t, ...) GALLEY__FIELDS(t, GALLEY__FIELD, __VA_ARGS__)

/* Declares struct t and describes it: GALLEY_STRUCT(results, (galley_str, status)); */
#define GALLEY_STRUCT(t, ...)                                                                      \
    struct t {                                                                                     \
        GALLEY__EACH(GALLEY__MEMBER, t, __VA_ARGS__)                                               \
    };                                                                                             \
    GALLEY__FIELDS(t, GALLEY__TYPED, __VA_ARGS__)
/* clang-format off */
#define GALLEY__MEMBER(t, tuple)         GALLEY__MEMBER_ tuple
#define GALLEY__MEMBER_(type, f, ...)    type f;
#define GALLEY__TYPED(t, tuple)          GALLEY__TYPED_(t, GALLEY__UNWRAP tuple)
#define GALLEY__TYPED_(...)              GALLEY__TYPED2(__VA_ARGS__)
#define GALLEY__TYPED2(t, type, ...)     GALLEY__FIELD2(t, __VA_ARGS__)
/* clang-format on */

#endif
