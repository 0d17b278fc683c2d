/* model.h - declare a struct once: it is parsed, validated, converted, written and documented.
 * Does:     GALLEY_STRUCT (struct and model from one list), GALLEY_MODEL (of a struct that exists), GALLEY_ROOT,
 *           GALLEY_UNION, GALLEY_ENUM; the options of members and models.
 * Does not: run anything: a model is constant data; the worker reads it (worker/app/).
 *
 *     GALLEY_ENUM(color, (COLOR_RED, "red"), (COLOR_BLUE, "blue"));
 *     GALLEY_STRUCT(item,
 *         (MODEL, .extra = GALLEY_FORBID),                       // of the model itself; where there is anything to say
 *         (galley_str,      name,  .min_length = 1, .max_length = 80),
 *         (int64_t,         count, DEFAULT(1), .ge = 1),
 *         (double *,        price, OPTIONAL),                    // a pointer may be null
 *         (enum color,      color, ENUM(color), DEFAULT("red")),
 *         (struct part_list, parts, LIST_OF(part), OPTIONAL),    // every declaration of `part` makes part_list and part_map
 *         (galley_int_map,  stock, OPTIONAL));
 *
 * What a member may be:  galley/kind.h; each of them also as a pointer (nullable), a list or a map where it has one.
 * Absent from input:     an error, unless OPTIONAL or DEFAULT(json). OPTIONAL alone: a pointer, a string or what is marked
 *                        NULLABLE becomes null, a number 0, a bool false, a list or map empty, an object its own defaults. */
#ifndef GALLEY_MODEL_H
#define GALLEY_MODEL_H

#include <galley/declare.h>
#include <galley/kind.h>

/* Where a member of an input comes from. An object marked with any but BODY is filled from all fields of that place. */
enum galley_in {
    GALLEY_IN_NOWHERE,
    GALLEY_IN_PATH,
    GALLEY_IN_QUERY,
    GALLEY_IN_HEADER,
    GALLEY_IN_COOKIE,
    GALLEY_IN_BODY,
    GALLEY_IN_FORM
};

/* The names of an enum's values. `name` NULL: on the wire it is the number. */
struct galley_choice {
    int value;
    const char *name;
};
struct galley_enum {
    const char *name; /* the enum's tag; Color in schemas for `color` */
    const struct galley_choice *choices;
    size_t count;
};

/* Judges a value that was converted: NULL, or what is wrong with it, as "Value error, ..." tells it. `value` points to
 * what the member holds (for a pointer member: to what it points to; for a list or map: to the whole). */
typedef const char *galley_check(const void *value);

struct galley_field {
    const char *name;    /* as in C */
    const char *alias;   /* as on the wire; NULL: the same; a header's _ become - */
    size_t offset, size; /* of the member itself: of a pointer, list or map, not of what it holds */
    enum galley_kind kind;
    enum galley_count count;
    enum galley_in in;
    bool is_pointer; /* the member points to its value; NULL is null */
    bool is_wide, is_signed;
    bool nullable;                     /* null is allowed, without a pointer: data or at is NULL */
    bool optional;                     /* may be absent */
    bool internal;                     /* not on the wire: neither read nor written */
    bool embed;                        /* a lone body member: a key of the body all the same */
    bool deprecated;                   /* in the documentation */
    bool hidden;                       /* not in the documentation */
    bool keep_underscores;             /* of a header: its name has them */
    const struct galley_model *of;     /* of objects */
    const struct galley_enum *choices; /* of enums */
    const char *const *literals;       /* of a string: the only values, NULL-terminated */
    const char *default_json;          /* NULL: none */
    const char *title, *description, *pattern;
    const char *examples_json;               /* a JSON list */
    long double gt, ge, lt, le, multiple_of; /* GALLEY_NO_BOUND: none; exact for every int64_t */
    size_t min_length,
        max_length; /* code points of a string, octets of bytes, items of a list or map */
    galley_check *check;
};

/* What becomes of members that a model does not know. */
enum galley_extra { GALLEY_IGNORE, GALLEY_FORBID };

enum galley_form {
    GALLEY_RECORD, /* an object with its members */
    GALLEY_BARE,   /* GALLEY_ROOT: on the wire what its one member is */
    GALLEY_TAGGED  /* GALLEY_UNION: one of several objects, told apart by `discriminator` */
};

struct galley_model {
    const char *name; /* the struct's tag */
    size_t size;
    const struct galley_field *fields;
    size_t field_count;
    const char *file;
    int line;
    enum galley_form form;
    const char *discriminator;
    /* Options: (MODEL, ...). */
    const char *wire_name; /* in schemas; NULL: OrderLine for struct order_line */
    const char *title, *description, *examples_json;
    enum galley_extra extra;
    galley_check *check; /* of the whole struct, once its members hold */
};

#define GALLEY_NO_BOUND __builtin_nanl("")

/* Options of a member, besides its designators (.ge = 1, .title = "Bin"). */
#define PATH   .in = GALLEY_IN_PATH
#define QUERY  .in = GALLEY_IN_QUERY
#define HEADER .in = GALLEY_IN_HEADER
#define COOKIE .in = GALLEY_IN_COOKIE
#define FORM   .in = GALLEY_IN_FORM
/* BODY(item) an object; BODY() what its C type says. Several body members are keys of one object, as EMBED makes one. */
#define BODY(...)     .in = GALLEY_IN_BODY __VA_OPT__(, OBJECT(__VA_ARGS__))
#define EMBED         .embed = true
#define OPTIONAL      .optional = true
#define NULLABLE      .nullable = true
#define DEFAULT(...)  .optional = true, .default_json = #__VA_ARGS__
#define EXAMPLES(...) .examples_json = "[" #__VA_ARGS__ "]"
#define INTERNAL      .internal = true
#define OBJECT(m)     .kind = GALLEY_OBJECT, .of = &m##_model + GALLEY__SUITS_ONE(struct m, m)
#define ENUM(e)       .kind = GALLEY_ENUM, .choices = &e##_enum + GALLEY__SUITS_ONE(enum e, e)
#define LIST          .count = GALLEY_MANY
#define LIST_OF(m)    LIST, .kind = GALLEY_OBJECT, .of = &m##_model + GALLEY__SUITS_LIST(struct m)
#define MAP_OF(m)                                                                                  \
    .count = GALLEY_KEYED, .kind = GALLEY_OBJECT, .of = &m##_model + GALLEY__SUITS_MAP(struct m)
#define LITERAL(...)                                                                               \
    .literals = (const char *const[])                                                              \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* Describes a struct that exists: GALLEY_MODEL(results, (status)); */
#define GALLEY_MODEL(t, ...)                                                                       \
    GALLEY__CONTAINERS(struct t, t)                                                                \
    GALLEY__DESCRIBE(t, GALLEY__NAMED, GALLEY__VET_NAMED, GALLEY_RECORD, __VA_ARGS__)

/* Declares struct t and describes it: GALLEY_STRUCT(results, (galley_str, status)); */
#define GALLEY_STRUCT(t, ...) GALLEY__STRUCT(t, GALLEY_RECORD, __VA_ARGS__)

/* The same of one member, which stands alone on the wire: GALLEY_ROOT(counts, (galley_int_map, of)); */
#define GALLEY_ROOT(t, ...)                                                                        \
    GALLEY__STRUCT(t, GALLEY_BARE, __VA_ARGS__);                                                   \
    _Static_assert(sizeof t##_fields == sizeof t##_fields[0], "a GALLEY_ROOT has one member")

/* One of several structs, told apart by the member `tag_` that each has as LITERAL("..."):
 *     GALLEY_STRUCT(cat, (galley_str, kind, LITERAL("cat")), (int64_t, lives)); ...
 *     GALLEY_UNION(pet, kind, (cat), (dog));      // struct pet { enum pet_is is; union { struct cat cat; struct dog dog; }; };
 *     pet.is == pet_is_dog ? pet.dog ... */
/* clang-format off */
#define GALLEY_UNION(t, tag_, ...)                                                                 \
    enum t##_is { GALLEY__EACH(GALLEY__VARIANT_TAG, t, __VA_ARGS__) };                             \
    struct t;                                                                                      \
    GALLEY__CONTAINERS(struct t, t)                                                                \
    struct t { enum t##_is is; union { GALLEY__EACH(GALLEY__VARIANT_MEMBER, t, __VA_ARGS__) }; };  \
    GALLEY__ENTRY(struct t, t)                                                                     \
    static const struct galley_field t##_fields[] = {                                              \
        GALLEY__EACH(GALLEY__VARIANT, t, __VA_ARGS__)};                                            \
    __attribute__((unused)) static const struct galley_model t##_model = {                         \
        .name = #t, .size = sizeof(struct t), .fields = t##_fields,                                \
        .field_count = sizeof t##_fields / sizeof t##_fields[0], .file = __FILE__,                 \
        .line = __LINE__, .form = GALLEY_TAGGED, .discriminator = #tag_}
/* clang-format on */

/* Declares enum t with the names that its values have on the wire, or (GALLEY_INT_ENUM) with their numbers. */
/* clang-format off */
#define GALLEY_ENUM(t, ...)                                                                        \
    enum t { GALLEY__EACH(GALLEY__CONSTANT, t, __VA_ARGS__) };                                     \
    GALLEY__ENUM(t, GALLEY__CHOICE, __VA_ARGS__)
#define GALLEY_INT_ENUM(t, ...)                                                                    \
    enum t { GALLEY__EACH(GALLEY__NUMBERED, t, __VA_ARGS__) };                                     \
    GALLEY__ENUM(t, GALLEY__NUMBER, __VA_ARGS__)
/* clang-format on */

/* Whether `member` of the struct t at `value` was sent, as its galley_sent member has it. */
#define galley_was_sent(t, value, member)                                                          \
    galley__was_sent(&t##_model, (const struct t *){value}, offsetof(struct t, member))
/* Mark it as sent (`exclude_unset` then writes it). */
#define galley_mark_sent(t, value, member)                                                         \
    galley__mark_sent(&t##_model, (struct t *){value}, offsetof(struct t, member))
GALLEY_API bool galley__was_sent(const struct galley_model *model, const void *value,
                                 size_t offset);
GALLEY_API void galley__mark_sent(const struct galley_model *model, void *value, size_t offset);

#endif
