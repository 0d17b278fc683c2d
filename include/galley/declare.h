/* declare.h - the machinery of model.h: tuples become members, tables of fields and models.
 * Does:     walk each list three times: for the struct, its fields, its (MODEL, ...) options.
 * Does not: mean anything to applications. */
#ifndef GALLEY_DECLARE_H
#define GALLEY_DECLARE_H

#include <galley/each.h>

/* clang-format off */
#define GALLEY__AT(t, f) (((struct t *)0)->f)
#define GALLEY__FIELD2(t, f, ...)                                                                  \
    {.name = #f, .offset = offsetof(struct t, f), .size = sizeof(GALLEY__AT(t, f)),                                                \
     .kind = GALLEY__KIND_OF(GALLEY__AT(t, f)), .count = GALLEY__COUNT_OF(GALLEY__AT(t, f)),       \
     .is_pointer = GALLEY__IS_POINTER(GALLEY__AT(t, f)),                                           \
     .is_wide = GALLEY__IS_WIDE(GALLEY__AT(t, f)),                                                 \
     .is_signed = GALLEY__IS_SIGNED(GALLEY__AT(t, f)),                                             \
     .gt = GALLEY_NO_BOUND, .ge = GALLEY_NO_BOUND, .lt = GALLEY_NO_BOUND, .le = GALLEY_NO_BOUND,   \
     .multiple_of = GALLEY_NO_BOUND, .max_length = SIZE_MAX __VA_OPT__(, ) __VA_ARGS__},

/* What to make of a tuple: (type, name, ...), (name, ...), or (MODEL, ...), which is no member. */
#define GALLEY__PROBE_MODEL      ~, 1
#define GALLEY__SECOND(a, b, ...) b
#define GALLEY__PROBED(...)      GALLEY__SECOND(__VA_ARGS__, 0, )
#define GALLEY__PASTE(a, ...)    a##__VA_ARGS__
#define GALLEY__PASTED(a, ...)   GALLEY__PASTE(a, __VA_ARGS__)
#define GALLEY__IS_MODEL(first, ...) GALLEY__PROBED(GALLEY__PROBE_##first)
#define GALLEY__WHEN_0(...)      __VA_ARGS__
#define GALLEY__WHEN_1(...)
#define GALLEY__BUT_0(...)
#define GALLEY__BUT_1(...)       __VA_ARGS__
#define GALLEY__MEMBERS_ONLY(tuple, ...) GALLEY__PASTED(GALLEY__WHEN_, GALLEY__IS_MODEL tuple)(__VA_ARGS__)

#define GALLEY__DECLARE(t, tuple)    GALLEY__MEMBERS_ONLY(tuple, GALLEY__DECLARE_ tuple)
#define GALLEY__DECLARE_(type, f, ...) type f;
#define GALLEY__NAMED(t, tuple)      GALLEY__MEMBERS_ONLY(tuple, GALLEY__NAMED_(t, GALLEY__UNWRAP tuple))
#define GALLEY__NAMED_(...)          GALLEY__FIELD2(__VA_ARGS__)
#define GALLEY__TYPED(t, tuple)      GALLEY__MEMBERS_ONLY(tuple, GALLEY__TYPED_(t, GALLEY__UNWRAP tuple))
#define GALLEY__TYPED_(...)          GALLEY__TYPED2(__VA_ARGS__)
#define GALLEY__TYPED2(t, type, ...) GALLEY__FIELD2(t, __VA_ARGS__)
#define GALLEY__VET_NAMED(t, tuple)  GALLEY__MEMBERS_ONLY(tuple, GALLEY__VET_NAMED_(t, GALLEY__UNWRAP tuple))
#define GALLEY__VET_NAMED_(...)      GALLEY__VET_NAMED2(__VA_ARGS__)
#define GALLEY__VET_NAMED2(t, f, ...) GALLEY__VET(GALLEY__AT(t, f), #f) GALLEY__VET_OPTIONS(t, f __VA_OPT__(, ) __VA_ARGS__)
#define GALLEY__VET_TYPED(t, tuple)  GALLEY__MEMBERS_ONLY(tuple, GALLEY__VET_TYPED_(t, GALLEY__UNWRAP tuple))
#define GALLEY__VET_TYPED_(...)      GALLEY__VET_TYPED2(__VA_ARGS__)
#define GALLEY__VET_TYPED2(t, type, ...) GALLEY__VET_NAMED2(t, __VA_ARGS__)

/* Options are written twice: into the table of fields, where galley__value is the struct below, which suits every option;
 * and into a function that is never called, where galley__value is the type of the member, without its pointer, so that
 * one which does not suit is an error on the user's line. */
struct galley__suits_all { struct { struct galley__suits_all *value; } *at; };
typedef struct galley__suits_all galley__value;
#define GALLEY__WITHOUT_POINTER(x)                                                                 \
    __typeof__(*__builtin_choose_expr(GALLEY__IS_POINTER(x), (x), (__typeof__(x) *)0))
#define GALLEY__VET_OPTIONS(t, f, ...)                                                             \
    {                                                                                              \
        typedef GALLEY__WITHOUT_POINTER(GALLEY__AT(t, f)) galley__value;                           \
        (void)(galley__value *)0;                                                                  \
        (void)sizeof((struct galley_field){.name = #f __VA_OPT__(, ) __VA_ARGS__});                \
    }
#define GALLEY__SUITS_ONE(type, t)                                                                 \
    (0 * _Generic((galley__value *)0, struct galley__suits_all *: 0, type *: 0,                    \
                  struct t##_list *: 0, struct t##_map *: 0))
#define GALLEY__SUITS_LIST(type)                                                                   \
    (0 * _Generic(((galley__value *)0)->at, __typeof__(((struct galley__suits_all *)0)->at): 0, type *: 0))
#define GALLEY__SUITS_MAP(type)                                                                    \
    (0 * _Generic(&((galley__value *)0)->at->value, struct galley__suits_all **: 0, type *: 0))
#define GALLEY__OPTIONS(t, tuple)    GALLEY__PASTED(GALLEY__BUT_, GALLEY__IS_MODEL tuple)(GALLEY__OPTIONS_ tuple)
#define GALLEY__OPTIONS_(first, ...) , __VA_ARGS__

/* Element types of lists and maps of t. */
#define GALLEY__CONTAINERS(type, t)                                                                \
    struct t##_list { type *at; size_t count; };                                                   \
    struct t##_entry;                                                                              \
    struct t##_map { struct t##_entry *at; size_t count; };
#define GALLEY__ENTRY(type, t) struct t##_entry { galley_str key; type value; };

#define GALLEY__DESCRIBE(t, each, vet, form_, ...)                                                 \
    GALLEY__ENTRY(struct t, t)                                                                     \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")           \
    _Pragma("GCC diagnostic ignored \"-Wshadow\"")                                                 \
    static const struct galley_model t##_model __attribute__((unused));                            \
    __attribute__((unused)) static inline void galley__vet_##t(void)                               \
    {                                                                                              \
        GALLEY__EACH(vet, t, __VA_ARGS__)                                                          \
    }                                                                                              \
    static const struct galley_field t##_fields[] = {GALLEY__EACH(each, t, __VA_ARGS__)};          \
    static const struct galley_model t##_model = {                                                 \
        .name = #t, .size = sizeof(struct t), .fields = t##_fields,                                \
        .field_count = sizeof t##_fields / sizeof t##_fields[0], .file = __FILE__,                 \
        .line = __LINE__, .form = form_ GALLEY__EACH(GALLEY__OPTIONS, t, __VA_ARGS__)};            \
    _Pragma("GCC diagnostic pop") _Static_assert(sizeof(struct t) > 0, "a model needs a struct")

#define GALLEY__STRUCT(t, form_, ...)                                                              \
    struct t;                                                                                      \
    GALLEY__CONTAINERS(struct t, t)                                                                \
    struct t {                                                                                     \
        GALLEY__EACH(GALLEY__DECLARE, t, __VA_ARGS__)                                              \
    };                                                                                             \
    GALLEY__DESCRIBE(t, GALLEY__TYPED, GALLEY__VET_TYPED, form_, __VA_ARGS__)

#define GALLEY__VARIANT_TAG(t, tuple)     GALLEY__PASTED(t##_is_, GALLEY__UNWRAP tuple),
#define GALLEY__VARIANT_MEMBER(t, tuple)  GALLEY__VARIANT_MEMBER_ tuple
#define GALLEY__VARIANT_MEMBER_(v)        struct v v;
#define GALLEY__VARIANT(t, tuple)         GALLEY__VARIANT_(t, GALLEY__UNWRAP tuple)
#define GALLEY__VARIANT_(...)             GALLEY__VARIANT2(__VA_ARGS__)
#define GALLEY__VARIANT2(t, v)            GALLEY__FIELD2(t, v, .of = &v##_model)

#define GALLEY__ENUM(t, each, ...)                                                                 \
    GALLEY__CONTAINERS(enum t, t)                                                                  \
    GALLEY__ENTRY(enum t, t)                                                                       \
    static const struct galley_choice t##_choices[] = {GALLEY__EACH(each, t, __VA_ARGS__)};        \
    __attribute__((unused)) static const struct galley_enum t##_enum = {                           \
        #t, t##_choices, sizeof t##_choices / sizeof t##_choices[0]}
#define GALLEY__CONSTANT(t, tuple)  GALLEY__CONSTANT_ tuple
#define GALLEY__CONSTANT_(c, n)     c,
#define GALLEY__CHOICE(t, tuple)    GALLEY__CHOICE_ tuple
#define GALLEY__CHOICE_(c, n)       {c, n},
#define GALLEY__NUMBERED(t, tuple)  GALLEY__NUMBERED_ tuple
#define GALLEY__NUMBERED_(c, n)     c = n,
#define GALLEY__NUMBER(t, tuple)    GALLEY__NUMBER_ tuple
#define GALLEY__NUMBER_(c, n)       {c, NULL},
/* clang-format on */

#endif
