/* inputs_body.c - what a request's body is to its input: JSON, a form, or the wrong thing; see inputs.h.
 * Does:     receive it; content types; JSON members by json_read.c; what is said of a body that is missing or no JSON.
 * Does not: parse.
 * See:      body.h, form.h */
#include <errno.h>
#include <string.h>

#include "worker/app/body.h"
#include "worker/app/input_slot.h"
#include "worker/app/json_read.h"
#include "worker/http/text.h"

int inputs_receive(struct reading *r)
{
    return r->inputs->body_count > 0 ? body_receive(r->req, &r->body) : form_read(r->req, &r->form);
}

/* Each required member is missing: a key of a body that is none, or the body itself. */
static void complain_missing(struct reading *r, bool even_optional)
{
    const struct inputs *inputs = r->inputs;
    const struct problem problem = {.kind = PROBLEM_MISSING};
    struct loc root = {NULL, GALLEY_STR("body"), 0};
    for (size_t i = 0; i < inputs->body_count; i++) {
        const struct member *member = inputs->bodies[i];
        struct loc key = {&root, member->name, 0};
        if (member->is_required || even_optional)
            problems_add(r->problems, &problem, inputs->is_embedded ? &key : &root);
    }
}

static enum problem_kind type_problem(const struct member *member)
{
    if (member->count == GALLEY_MANY)
        return PROBLEM_LIST_TYPE;
    if (member->count == GALLEY_KEYED)
        return PROBLEM_DICT_TYPE;
    return PROBLEM_MODEL_ATTRIBUTES_TYPE;
}

/* A body that does not say it is JSON is a text, and that is judged as the value. */
static int read_text(struct reading *r)
{
    const struct member *member = r->inputs->bodies[0];
    const struct loc root = {NULL, GALLEY_STR("body"), 0};
    struct token token = {.kind = TOKEN_STRING};
    struct problem problem = {.kind = PROBLEM_NONE, .type = &member->type};
    char *to = r->in + member->offset;
    int error = 0;
    int rc = text_repair(&r->req->arena, r->body, &token.text);
    if (rc < 0)
        return rc;
    if (member->count != GALLEY_ONE || member->type.kind == GALLEY_OBJECT) {
        problem.kind = type_problem(member);
    } else if (member->type.kind == GALLEY_JSON) {
        struct json_out json;
        inputs_begin(r, &json);
        json_string(&json, token.text);
        galley_str *json_text = (galley_str *)(void *)to;
        return inputs_keep(r, &json, json_text);
    } else {
        if (member->is_pointer) {
            void *value = arena_alloc(&r->req->arena, member->type.bytes);
            if (value == NULL)
                return -ENOMEM;
            memcpy(to, &value, sizeof value);
            to = value;
        }
        problem.kind = scalar_read(&member->type, &token, &r->req->arena, to, &problem, &error);
    }
    problem.input_kind = INPUT_TEXT;
    problem.input = token.text;
    if (problem.kind != PROBLEM_NONE)
        problems_add(r->problems, &problem, &root);
    else if (member->check != NULL && error == 0)
        inputs_check(r, member->check, to, &root, INPUT_TEXT, token.text);
    shape_mark_sent(r->inputs->shape, r->in, member->index);
    return error;
}

/* The one problem of a body that is no JSON: what was found elsewhere is not told. */
static int complain_syntax(struct reading *r)
{
    struct loc root = {NULL, GALLEY_STR("body"), 0}, at = {.parent = &root};
    struct problem problem = {
        .kind = PROBLEM_JSON_INVALID, .input_kind = INPUT_JSON, .input = GALLEY_STR("{}")};
    const char *said = json_fault(r->body, &at.index);
    problem.text = (galley_str){said, strlen(said)};
    problems_init(r->problems, &r->req->arena, r->body.len);
    problems_add(r->problems, &problem, &at);
    return r->problems->error < 0 ? r->problems->error : -EINVAL;
}

static int read_json(struct reading *r)
{
    const struct inputs *inputs = r->inputs;
    const struct loc root = {NULL, GALLEY_STR("body"), 0};
    struct arena *arena = &r->req->arena;
    int rc = inputs->is_embedded
                 ? json_read_members(r->body, inputs->bodies, inputs->body_count, r->in, arena,
                                     r->problems, &root)
                 : json_read_member(r->body, inputs->bodies[0], r->in, arena, r->problems, &root);
    if (!inputs->is_embedded)
        shape_mark_sent(inputs->shape, r->in, inputs->bodies[0]->index);
    if (rc == -EBADMSG)
        return complain_syntax(r);
    if (rc == -EILSEQ || rc == -EMLINK)
        return galley__fail(r->req, 400, "There was an error parsing the body");
    if (rc == -ENOMEM && r->problems->count > 0 && json_check(r->body) == 0) {
        problems_end(r->problems); /* what was found is enough */
        r->problems->error = 0;
        return 0;
    }
    return rc;
}

int inputs_read_body(struct reading *r)
{
    if (r->body.len == 0) {
        complain_missing(r, false);
        return 0;
    }
    if (body_is_json(r->req))
        return read_json(r);
    if (!r->inputs->is_embedded)
        return read_text(r);
    complain_missing(r, false);
    return 0;
}
