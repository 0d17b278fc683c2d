/* inputs_compile.c - inputs at load: members become slots, in the order in which they are read; see inputs.h.
 * Does:     order by place, names of header fields, whole-place models taken apart; refuse what cannot come from its place.
 * Does not: see a request, or judge a member by itself (model_check.c does).
 * See:      input_slot.h, t/unit/worker/app/inputs.c */
#include "worker/app/input_slot.h"

#include <stdlib.h>
#include <string.h>

static const enum galley_in places[] = {GALLEY_IN_PATH, GALLEY_IN_QUERY, GALLEY_IN_HEADER,
                                        GALLEY_IN_COOKIE, GALLEY_IN_FORM};

/* Everything that compiling needs. */
struct compiling {
    struct inputs *inputs;
    const galley_str *params;
    size_t param_count;
    struct errmsg *why;
};

static bool is_whole_place(const struct member *member)
{
    return member->type.kind == GALLEY_OBJECT && member->in != GALLEY_IN_BODY;
}

/* What keeps a member of the input or of a whole-place model from coming from `in`, as the end of a sentence. */
static const char *find_obstacle(const struct member *member, enum galley_in in, bool is_nested)
{
    bool is_named_once = in == GALLEY_IN_PATH || in == GALLEY_IN_COOKIE;
    if (in == GALLEY_IN_NOWHERE)
        return "says not where it comes from: PATH, QUERY, HEADER, COOKIE, BODY() or FORM";
    if (in == GALLEY_IN_BODY)
        return member->type.kind == GALLEY_UPLOAD ? "is a file, which only a FORM has" : NULL;
    if (member->count == GALLEY_KEYED)
        return "is a map, which only a BODY() has";
    if (member->type.kind == GALLEY_JSON)
        return "is free-form JSON, which only a BODY() has";
    if (member->type.kind == GALLEY_UPLOAD && in != GALLEY_IN_FORM)
        return "is a file, which only a FORM has";
    if (member->count == GALLEY_MANY && is_named_once)
        return "is a list, which a path or a cookie has not";
    if (member->type.kind == GALLEY_BYTES && member->count == GALLEY_MANY)
        return "is a list of bytes: a list of files is a galley_upload_list";
    if (member->type.kind == GALLEY_OBJECT) {
        if (is_nested || member->count != GALLEY_ONE)
            return "is an object within what comes as names and texts: only a BODY() has those";
        if (in == GALLEY_IN_PATH)
            return "is an object, which a path has not";
        if (member->type.of->form != GALLEY_RECORD || member->type.of->member_count == 0)
            return "is an object without members, or one of several: only a BODY() can be that";
    }
    if (in == GALLEY_IN_PATH && !member->is_required)
        return "is part of the path, so it cannot be absent";
    return NULL;
}

static int refuse(const struct compiling *c, const struct shape *shape, const struct member *member,
                  const char *obstacle)
{
    errmsg_set(c->why, "member %s of %s %s", member->field->name, shape->model->name, obstacle);
    return -1;
}

static int find_param(struct compiling *c, struct slot *slot)
{
    for (size_t i = 0; i < c->param_count; i++) {
        if (c->params[i].len == slot->name.len &&
            memcmp(c->params[i].data, slot->name.data, slot->name.len) == 0) {
            slot->param = (unsigned)i;
            return 0;
        }
    }
    errmsg_set(c->why, "member %s of %s comes from the path, which has no {%s}",
               slot->member->field->name, c->inputs->shape->model->name, slot->name.data);
    return -1;
}

/* Of a member of a header model: x_trace_id is x-trace-id, unless something says otherwise. */
static int set_name(struct slot *slot)
{
    const struct galley_field *field = slot->member->field;
    slot->name = slot->member->name;
    if (slot->model == NULL || slot->in != GALLEY_IN_HEADER || field->alias != NULL ||
        field->keep_underscores || slot->model->member->field->keep_underscores)
        return 0;
    char *copy = strdup(slot->name.data);
    if (copy == NULL)
        return -1;
    for (char *at = copy; *at != '\0'; at++)
        if (*at == '_')
            *at = '-';
    slot->name.data = copy;
    return 0;
}

static int add_slot(struct compiling *c, const struct member *member, enum galley_in in,
                    struct slot_model *model)
{
    struct inputs *inputs = c->inputs;
    const struct shape *shape = model != NULL ? model->shape : inputs->shape;
    struct slot *slot = &inputs->slots[inputs->count];
    const char *obstacle = find_obstacle(member, in, model != NULL);
    if (obstacle != NULL)
        return refuse(c, shape, member, obstacle);
    *slot = (struct slot){.member = member,
                          .in = in,
                          .is_list = member->count == GALLEY_MANY,
                          .shape = shape,
                          .model = model};
    const struct type *type = &member->type;
    slot->is_plain = !slot->is_list && in != GALLEY_IN_FORM && model == NULL;
    slot->is_any_text = type->kind == GALLEY_STRING && type->min_length == 0 &&
                        type->max_length == SIZE_MAX && type->pattern == NULL &&
                        type->literals == NULL;
    if (set_name(slot) < 0) {
        errmsg_set(c->why, "there is no memory");
        return -1;
    }
    inputs->count++;
    for (const struct slot *other = inputs->slots; other < slot; other++)
        if (other->in == in && slot_is_named(in, slot->name, other->name))
            return refuse(c, shape, member, "has the same name there as another member");
    return in == GALLEY_IN_PATH ? find_param(c, slot) : 0;
}

static int add_model(struct compiling *c, const struct member *member)
{
    struct inputs *inputs = c->inputs;
    struct slot_model *model = &inputs->models[inputs->model_count++];
    const char *obstacle = find_obstacle(member, member->in, false);
    if (obstacle != NULL)
        return refuse(c, inputs->shape, member, obstacle);
    *model = (struct slot_model){
        .member = member, .shape = member->type.of, .in = member->in, .first = inputs->count};
    for (size_t i = 0; i < model->shape->member_count; i++)
        if (add_slot(c, &model->shape->members[i], member->in, model) < 0)
            return -1;
    model->end = inputs->count;
    return 0;
}

static int add_place(struct compiling *c, enum galley_in in)
{
    const struct shape *shape = c->inputs->shape;
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *member = &shape->members[i];
        if (member->in != in)
            continue;
        int rc = is_whole_place(member) ? add_model(c, member) : add_slot(c, member, in, NULL);
        if (rc < 0)
            return -1;
    }
    return 0;
}

static int add_bodies(struct compiling *c)
{
    struct inputs *inputs = c->inputs;
    const struct shape *shape = inputs->shape;
    for (size_t i = 0; i < shape->member_count; i++) {
        const struct member *member = &shape->members[i];
        const char *obstacle = member->in == GALLEY_IN_NOWHERE || member->in == GALLEY_IN_BODY
                                   ? find_obstacle(member, member->in, false)
                                   : NULL;
        if (obstacle != NULL)
            return refuse(c, inputs->shape, member, obstacle);
        if (member->in != GALLEY_IN_BODY)
            continue;
        if (inputs->count > inputs->form_at)
            return refuse(c, inputs->shape, member,
                          "is a BODY(), and others come from a FORM: it is one of them");
        inputs->bodies[inputs->body_count++] = member;
    }
    inputs->is_embedded =
        inputs->body_count > 1 || (inputs->body_count == 1 && inputs->bodies[0]->field->embed);
    return 0;
}

/* Each parameter of the path has its member. */
static int check_params(const struct compiling *c)
{
    for (size_t i = 0; i < c->param_count; i++) {
        bool is_there = false;
        for (size_t k = 0; k < c->inputs->query_at; k++)
            is_there = is_there || c->inputs->slots[k].param == i;
        if (!is_there) {
            errmsg_set(c->why, "the path has {%.*s}, but %s has no member for it (marked PATH)",
                       GALLEY_STR_ARG(c->params[i]), c->inputs->shape->model->name);
            return -1;
        }
    }
    return 0;
}

static int compile(struct compiling *c)
{
    struct inputs *inputs = c->inputs;
    size_t *const starts[] = {NULL, &inputs->query_at, &inputs->header_at, &inputs->cookie_at,
                              &inputs->form_at};
    if (inputs->shape->form != GALLEY_RECORD || inputs->shape->check != NULL ||
        inputs->shape->forbids_extra) {
        errmsg_set(c->why,
                   "%s is an input, which has no root, no .check and no .extra: they are for the "
                   "models of its members",
                   inputs->shape->model->name);
        return -1;
    }
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        if (starts[p] != NULL)
            *starts[p] = inputs->count;
        if (add_place(c, places[p]) < 0)
            return -1;
    }
    return add_bodies(c) < 0 ? -1 : check_params(c);
}

struct inputs *inputs_new(struct shapes *shapes, const struct galley_model *model,
                          const galley_str *param_names, size_t param_count, struct errmsg *why)
{
    const struct shape *shape = shapes_get(shapes, model, why);
    if (shape == NULL)
        return NULL;
    size_t count = shape->member_count;
    for (size_t i = 0; i < shape->member_count; i++)
        if (is_whole_place(&shape->members[i]))
            count += shape->members[i].type.of->member_count;
    struct inputs *inputs = calloc(1, sizeof *inputs + count * sizeof(struct slot));
    if (inputs != NULL) {
        inputs->shape = shape;
        inputs->models = calloc(shape->member_count + 1, sizeof *inputs->models);
        inputs->bodies = calloc(shape->member_count + 1, sizeof *inputs->bodies);
    }
    struct compiling c = {inputs, param_names, param_count, why};
    if (inputs == NULL || inputs->models == NULL || inputs->bodies == NULL)
        errmsg_set(why, "there is no memory");
    else if (compile(&c) == 0)
        return inputs;
    inputs_free(inputs);
    return NULL;
}

void inputs_free(struct inputs *inputs)
{
    if (inputs == NULL)
        return;
    for (size_t i = 0; i < inputs->count; i++) {
        const struct slot *slot = &inputs->slots[i];
        if (slot->name.data != slot->member->name.data)
            free((char *)(uintptr_t)slot->name.data);
    }
    free(inputs->models);
    free(inputs->bodies);
    free(inputs);
}
