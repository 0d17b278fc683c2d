/* inputs_compile.c - inputs at load: members become slots, defaults become bytes; see inputs.h.
 * Does:     order, wire names, bounds in the order of judgement, and the struct as it is when nothing is sent.
 * Does not: see a request.
 * See:      input_slot.h, model_check.h */
#include "worker/app/input_slot.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "worker/app/default_json.h"
#include "worker/app/model_check.h"

enum { MEMORY_MAX_BYTES = 1 << 20 };

static const enum galley_in places[] = {GALLEY_IN_PATH, GALLEY_IN_QUERY, GALLEY_IN_HEADER,
                                        GALLEY_IN_COOKIE};

/* A header member's name on the wire: x_trace_id is x-trace-id, an alias is as it is. */
static int set_name(struct inputs *inputs, struct slot *slot, const struct galley_field *field)
{
    const char *name = model_wire_name(field);
    size_t len = strlen(name);
    char *copy = arena_dup(&inputs->memory, name, len);
    if (copy == NULL)
        return -ENOMEM;
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '_' && field->in == GALLEY_IN_HEADER && field->alias == NULL)
            *at = '-';
    slot->name = (galley_str){copy, len};
    return 0;
}

static void add_bound(struct slot *slot, enum problem_kind kind, long double limit)
{
    if (!isnan(limit))
        slot->bounds[slot->bound_count++] = (struct slot_bound){kind, limit};
}

static void set_bounds(struct slot *slot, const struct galley_field *field)
{
    add_bound(slot, PROBLEM_MULTIPLE_OF, field->multiple_of);
    add_bound(slot, PROBLEM_LESS_THAN_EQUAL, field->le);
    add_bound(slot, PROBLEM_LESS_THAN, field->lt);
    add_bound(slot, PROBLEM_GREATER_THAN_EQUAL, field->ge);
    add_bound(slot, PROBLEM_GREATER_THAN, field->gt);
    if (field->kind == GALLEY_INT && !field->list && field->size == sizeof(int32_t)) {
        add_bound(slot, PROBLEM_LESS_THAN_EQUAL, field->is_signed ? INT32_MAX : UINT32_MAX);
        add_bound(slot, PROBLEM_GREATER_THAN_EQUAL, field->is_signed ? INT32_MIN : 0);
    }
}

static int find_param(struct slot *slot, const galley_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i].len == slot->name.len &&
            memcmp(names[i].data, slot->name.data, slot->name.len) == 0) {
            slot->param = i;
            return 0;
        }
    }
    return -1;
}

/* What keeps the member from being an input, as the end of a sentence; NULL if nothing does. */
static const char *find_obstacle(const struct galley_field *field)
{
    if (field->in == GALLEY_IN_BODY)
        return "says not where it comes from: PATH, QUERY, HEADER or COOKIE (bodies are not "
               "supported yet)";
    if (field->in == GALLEY_IN_FORM)
        return "comes from a form, which is not supported yet";
    if (field->kind == GALLEY_OBJECT || field->kind == GALLEY_UUID || field->kind == GALLEY_TIME)
        return "has a type that cannot be a parameter yet";
    if (field->list && (field->in == GALLEY_IN_PATH || field->in == GALLEY_IN_COOKIE))
        return "is a list, which only a query or header parameter can be";
    if (field->in == GALLEY_IN_PATH && (field->optional || field->default_json != NULL))
        return "is part of the path, so it cannot be absent";
    return NULL;
}

static int compile_slot(struct inputs *inputs, const struct galley_model *model,
                        const struct galley_field *field, const galley_str *names, size_t count,
                        struct errmsg *why)
{
    const char *obstacle = find_obstacle(field);
    if (obstacle != NULL) {
        errmsg_set(why, "member %s of %s %s", field->name, model->name, obstacle);
        return -1;
    }
    struct slot *slot = &inputs->slots[inputs->count];
    *slot = (struct slot){.in = field->in,
                          .kind = field->kind,
                          .is_list = field->list,
                          .is_nullable = field->nullable,
                          .is_required = !field->optional && field->default_json == NULL,
                          .is_wide = field->list || field->size == sizeof(int64_t),
                          .offset = field->offset,
                          .value_bytes = field->list ? json_element_bytes(field) : field->size,
                          .min_length = field->min_length,
                          .max_length = field->max_length};
    if (set_name(inputs, slot, field) < 0) {
        errmsg_set(why, "there is no memory");
        return -1;
    }
    if (field->in == GALLEY_IN_PATH && find_param(slot, names, count) < 0) {
        errmsg_set(why, "member %s of %s comes from the path, which has no {%s}", field->name,
                   model->name, slot->name.data);
        return -1;
    }
    set_bounds(slot, field);
    if (field->default_json != NULL &&
        default_json_store(field, slot, &inputs->memory, (char *)(uintptr_t)inputs->absent) < 0) {
        errmsg_set(why, "member %s of %s: its default_json %s is no value of its type", field->name,
                   model->name, field->default_json);
        return -1;
    }
    inputs->count++;
    return 0;
}

/* Each parameter of the path has its member. */
static int check_params(const struct inputs *inputs, const struct galley_model *model,
                        const galley_str *names, size_t count, struct errmsg *why)
{
    for (size_t i = 0; i < count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < inputs->query_at; k++)
            is_there = is_there || inputs->slots[k].param == i;
        if (!is_there) {
            errmsg_set(why, "the path has {%.*s}, but %s has no member for it (marked PATH)",
                       GALLEY_STR_ARG(names[i]), model->name);
            return -1;
        }
    }
    return 0;
}

struct inputs *inputs_new(const struct galley_model *model, const galley_str *param_names,
                          size_t param_count, struct errmsg *why)
{
    struct inputs *inputs = calloc(1, sizeof *inputs + model->field_count * sizeof(struct slot));
    if (inputs == NULL) {
        errmsg_set(why, "there is no memory");
        return NULL;
    }
    arena_init(&inputs->memory, NULL, 0, MEMORY_MAX_BYTES);
    inputs->size = model->size;
    void *absent = arena_alloc(&inputs->memory, model->size);
    if (absent == NULL) {
        errmsg_set(why, "struct %s is larger than 1 MiB", model->name);
        goto free_inputs;
    }
    memset(absent, 0, model->size);
    inputs->absent = absent;
    if (model_check(model, why) < 0)
        goto free_inputs;
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        for (size_t i = 0; i < model->field_count; i++) {
            const struct galley_field *field = &model->fields[i];
            bool is_misplaced = field->in == GALLEY_IN_BODY || field->in == GALLEY_IN_FORM;
            if (field->internal || (field->in != places[p] && !is_misplaced))
                continue;
            if (compile_slot(inputs, model, field, param_names, param_count, why) < 0)
                goto free_inputs;
        }
        if (places[p] == GALLEY_IN_PATH)
            inputs->query_at = inputs->count;
        else if (places[p] == GALLEY_IN_QUERY)
            inputs->header_at = inputs->count;
        else if (places[p] == GALLEY_IN_HEADER)
            inputs->cookie_at = inputs->count;
    }
    if (check_params(inputs, model, param_names, param_count, why) == 0)
        return inputs;

free_inputs:
    inputs_free(inputs);
    return NULL;
}

void inputs_free(struct inputs *inputs)
{
    if (inputs == NULL)
        return;
    arena_release(&inputs->memory);
    free(inputs);
}
