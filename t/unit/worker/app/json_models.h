/* json_models.h - the models that JSON is read into by tests and fuzzing. */
#ifndef GALLEY_T_JSON_MODELS_H
#define GALLEY_T_JSON_MODELS_H

#include <galley/model.h>

GALLEY_ENUM(color, (COLOR_RED, "red"), (COLOR_GREEN, "green"), (COLOR_BLUE, "blue"));
GALLEY_STRUCT(part, (MODEL, .extra = GALLEY_FORBID),
              (galley_str, sku, .min_length = 3, .max_length = 12),
              (int64_t, qty, .ge = 1, .le = 1000), (double *, price, OPTIONAL, .gt = 0),
              (galley_str_list, tags, OPTIONAL, .max_length = 3));
GALLEY_STRUCT(cat, (galley_str, kind, LITERAL("cat")), (int64_t, lives));
GALLEY_STRUCT(dog, (MODEL, .extra = GALLEY_FORBID), (galley_str, kind, LITERAL("dog")),
              (galley_str, bark), (struct part *, part, OBJECT(part), OPTIONAL));
GALLEY_UNION(pet, kind, (cat), (dog));
GALLEY_STRUCT(rich, (int64_t, a), (double, b), (bool, c, DEFAULT(false)),
              (galley_str, d, .max_length = 4), (galley_str, e, OPTIONAL),
              (enum color, color, ENUM(color), DEFAULT("red")),
              (galley_int_list, ints, OPTIONAL, .min_length = 1, .max_length = 3),
              (galley_int_map, map, OPTIONAL, .min_length = 1, .max_length = 2),
              (struct part, part, OBJECT(part)), (struct part_list, parts, LIST_OF(part), OPTIONAL),
              (struct part_map, partmap, MAP_OF(part), OPTIONAL),
              (struct pet_list, pets, LIST_OF(pet), OPTIONAL, .min_length = 1));

static inline const char *json_models_refuse(const void *value)
{
    (void)value;
    return "no good";
}
static inline const char *json_models_is_two(const void *value);
GALLEY_STRUCT(checked, (MODEL, .extra = GALLEY_FORBID, .check = json_models_is_two),
              (galley_int_list, a, OPTIONAL, .check = json_models_refuse),
              (int64_t *, p, OPTIONAL, .check = json_models_refuse), (int64_t, q, DEFAULT(1)));
static inline const char *json_models_is_two(const void *value)
{
    return ((const struct checked *)value)->q == 2 ? "q is two" : NULL;
}
GALLEY_STRUCT(limits, (galley_int_list, a, OPTIONAL, .min_length = 1, .max_length = 2),
              (galley_int_map, d, OPTIONAL, .min_length = 1, .max_length = 2));
GALLEY_STRUCT(home, (struct pet, pet, OBJECT(pet)));

/* A union that contains itself. */
struct expr;
struct neg {
    galley_str kind;
    struct expr *child;
    galley_json pad;
};
static const struct galley_model expr_model;
GALLEY_STRUCT(leaf, (galley_str, kind, LITERAL("leaf")), (int64_t, n));
GALLEY_MODEL(neg, (kind, LITERAL("neg")), (child, OBJECT(expr)), (pad, OPTIONAL));
GALLEY_UNION(expr, kind, (leaf), (neg));

/* Each kind of member there is. */
GALLEY_STRUCT(node, (galley_sent, sent), (galley_str, name, OPTIONAL), (galley_json, any, OPTIONAL),
              (galley_json_list, anys, OPTIONAL), (galley_json_map, named, OPTIONAL),
              (struct node *, next, OBJECT(node), OPTIONAL),
              (struct node_list, nodes, LIST_OF(node), OPTIONAL, NULLABLE),
              (struct node_map, map, MAP_OF(node), OPTIONAL), (int32_t, narrow, OPTIONAL),
              (uint32_t *, natural, OPTIONAL), (bool, flag, OPTIONAL),
              (galley_int_list *, ints, OPTIONAL), (galley_float_list, floats, OPTIONAL),
              (galley_str_list, words, OPTIONAL), (galley_str_map, texts, OPTIONAL),
              (galley_uuid *, uuid, OPTIONAL), (galley_time *, at, OPTIONAL),
              (galley_date *, day, OPTIONAL), (galley_bytes *, octets, OPTIONAL));
GALLEY_ROOT(counts, (galley_int_map, of));

#endif
