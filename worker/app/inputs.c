/* inputs.c - read one request into the struct of its route; see inputs.h.
 * Does:     go through the slots, hand texts to scalar.c, gather lists, say what is missing.
 * Does not: allocate but for what is decoded, lists and nullable values; look at what nobody asked for; judge.
 * See:      inputs_compile.c (the slots), inputs_source.c, inputs_model.c, inputs_body.c; t/unit/worker/app/app.def
 *           (FastAPI's answers) */
#include "worker/app/inputs.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "worker/app/body.h"
#include "worker/app/input_slot.h"
#include "worker/app/number.h"
#include "worker/http/text.h"

/* ---- what is wrong ---- */

/* A text of its own for each depth of a loc: the place, the name, the index in a list. */
struct place {
    struct loc root, name, item;
};

static const struct loc *locate(struct place *place, const struct slot *slot, size_t index)
{
    place->root = (struct loc){NULL, problems_place(slot->in), 0};
    place->name = (struct loc){&place->root, slot->name, 0};
    place->item = (struct loc){&place->name, {NULL, 0}, index};
    return index == SIZE_MAX ? &place->name : &place->item;
}

/* While it grows it may be there twice, and then it is copied. */
void inputs_begin(const struct reading *r, struct json_out *json)
{
    json_out_init(json, NULL, 0, arena_left(&r->req->arena) / 3);
}

int inputs_keep(const struct reading *r, struct json_out *json, galley_str *text)
{
    char *copy = json->error == 0 ? arena_dup(&r->req->arena, json->data, json->len) : NULL;
    *text = (galley_str){copy, json->len};
    r->req->arena.is_full |= json->error == -EMSGSIZE;
    json_out_release(json);
    return copy != NULL ? 0 : -ENOMEM;
}

/* Of a file, what came with it and no more. */
static void show_file(const galley_upload *file, struct json_out *json)
{
    json_literal(json, "{\"filename\":");
    json_string(json, file->filename);
    json_literal(json, ",\"size\":");
    json_int(json, (int64_t)file->size);
    json_literal(json, "}");
}

int inputs_show(const struct reading *r, enum galley_in in, const struct entry *entry,
                struct json_out *json)
{
    galley_str text;
    if (entry->field != NULL && entry->field->file != NULL) {
        show_file(entry->field->file, json);
        return 0;
    }
    if (inputs_decode(r, in, entry->raw, &text) < 0)
        return -ENOMEM;
    json_string(json, text);
    return 0;
}

void inputs_check(struct reading *r, galley_check *check, const void *value, const struct loc *loc,
                  enum problem_input input_kind, galley_str input)
{
    const char *said = check(value);
    if (said == NULL)
        return;
    const struct problem problem = {.kind = PROBLEM_VALUE_ERROR,
                                    .input_kind = input_kind,
                                    .input = input,
                                    .text = {said, strlen(said)}};
    problems_add(r->problems, &problem, loc);
}

__attribute__((noinline, cold)) static void
complain_missing(struct reading *r, const struct slot *slot, galley_str shown)
{
    struct place place;
    const struct problem problem = {.kind = PROBLEM_MISSING,
                                    .input_kind = shown.data != NULL ? INPUT_JSON : INPUT_NULL,
                                    .input = shown};
    problems_add(r->problems, &problem, locate(&place, slot, SIZE_MAX));
}

__attribute__((noinline, cold)) static int complain(struct reading *r, const struct slot *slot,
                                                    size_t index, const struct entry *entry,
                                                    const void *to, struct problem *problem)
{
    struct place place;
    const galley_upload *file = entry->field != NULL ? entry->field->file : NULL;
    problem->input_kind = INPUT_TEXT;
    problem->input = entry->raw;
    if (file != NULL && slot->member->type.kind == GALLEY_BYTES) {
        const galley_bytes *bytes = to;
        const galley_str content = {(const char *)bytes->data, bytes->len};
        if (text_repair(&r->req->arena, content, &problem->input) < 0)
            return -ENOMEM;
    } else if (file != NULL) {
        struct json_out json;
        inputs_begin(r, &json);
        show_file(file, &json);
        if (inputs_keep(r, &json, &problem->input) < 0)
            return -ENOMEM;
        problem->input_kind = INPUT_JSON;
    } else if (problem->kind == PROBLEM_INT_PARSING_SIZE && problem->type->kind == GALLEY_ENUM) {
        /* FastAPI shows the number that the text was taken for. */
        char *plain = arena_alloc(&r->req->arena, entry->raw.len);
        if (plain == NULL)
            return -ENOMEM;
        problem->input = number_plain(entry->raw, plain);
        problem->input_kind = INPUT_JSON;
    }
    problems_add(r->problems, problem, locate(&place, slot, index));
    return 0;
}

__attribute__((noinline, cold)) static void check_one(struct reading *r, const struct slot *slot,
                                                      const void *value, galley_str text)
{
    struct place place;
    inputs_check(r, slot->member->check, value, locate(&place, slot, SIZE_MAX), INPUT_TEXT, text);
}

/* ---- one value ---- */

/* A file, its content or its absence, for a member that wants one. PROBLEM_NONE, or what is wrong. */
static enum problem_kind read_file(struct reading *r, const struct type *type,
                                   const struct entry *entry, void *to, struct problem *problem,
                                   int *error)
{
    const galley_upload *file = entry->field->file;
    galley_bytes bytes = {(const uint8_t *)entry->raw.data, entry->raw.len};
    *problem = (struct problem){.type = type};
    if (type->kind == GALLEY_UPLOAD) {
        if (file == NULL)
            return problem->kind = PROBLEM_UPLOAD;
        *(galley_upload *)to = *file;
        return PROBLEM_NONE;
    }
    if (file != NULL && galley__upload_bytes(r->req, file, &bytes) < 0)
        *error = -ENOMEM;
    *(galley_bytes *)to = bytes;
    problem->actual = bytes.len;
    problem->limit = bytes.len < type->min_length ? type->min_length : type->max_length;
    return problem->kind = bytes.len < type->min_length   ? PROBLEM_BYTES_TOO_SHORT
                           : bytes.len > type->max_length ? PROBLEM_BYTES_TOO_LONG
                                                          : PROBLEM_NONE;
}

/* Convert what came into `to`, or say what is wrong with it. 0, -ENOMEM. */
__attribute__((noinline)) static int convert(struct reading *r, const struct slot *slot,
                                             size_t index, const struct entry *entry, void *to,
                                             bool *is_right)
{
    const struct type *type = &slot->member->type;
    struct problem problem = {.kind = PROBLEM_NONE};
    struct token token = {.kind = TOKEN_STRING};
    enum problem_kind kind;
    int error = 0;
    token.text = entry->raw;
    if (slot->in == GALLEY_IN_FORM && (type->kind == GALLEY_UPLOAD || type->kind == GALLEY_BYTES)) {
        kind = read_file(r, type, entry, to, &problem, &error);
    } else {
        if (slot->in == GALLEY_IN_FORM && entry->field->file != NULL)
            token.kind = TOKEN_OBJECT;
        kind = scalar_read(type, &token, &r->req->arena, to, &problem, &error);
    }
    *is_right = kind == PROBLEM_NONE;
    if (__builtin_expect(kind != PROBLEM_NONE, 0))
        return complain(r, slot, index, entry, to, &problem);
    return error;
}

/* ---- one parameter ---- */

bool inputs_has(const struct reading *r, size_t index)
{
    const struct slot *slot = &r->inputs->slots[index];
    if (slot->in != GALLEY_IN_FORM)
        return r->raw[index].data != NULL;
    const struct form_field *field = r->sent[index - r->inputs->form_at];
    if (field == NULL || slot->is_list)
        return field != NULL;
    return field->file != NULL ? !form_is_empty_file(field) : field->text.len > 0;
}

static inline void mark_sent(const struct slot *slot, char *base)
{
    shape_mark_sent(slot->shape, base, slot->member->index);
}

/* Where the value of `member` is to stand: in its struct, or in memory that the member then points to. NULL without any. */
static inline void *make_room(struct reading *r, const struct member *member, char *base)
{
    void *to = base + member->offset;
    if (!member->is_pointer)
        return to;
    void *value = arena_alloc(&r->req->arena, member->type.bytes);
    *(void **)to = value;
    return value;
}

/* Judge a text again that was found wrong, and say why. */
__attribute__((noinline, cold)) static int complain_text(struct reading *r, const struct slot *slot,
                                                         galley_str text, void *to)
{
    const struct entry entry = {.raw = text};
    bool is_right;
    return convert(r, slot, SIZE_MAX, &entry, to, &is_right);
}

static int read_text(struct reading *r, const struct slot *slot, galley_str raw, char *base)
{
    const struct member *member = slot->member;
    struct token token = {.kind = TOKEN_STRING};
    int error = 0;
    token.text = raw;
    if (!(slot->in == GALLEY_IN_QUERY && text_is_plain(raw)) &&
        inputs_decode(r, slot->in, raw, &token.text) < 0)
        return -ENOMEM;
    void *to = make_room(r, member, base);
    if (to == NULL)
        return -ENOMEM;
    enum problem_kind kind = PROBLEM_NONE;
    if (slot->is_any_text)
        *(galley_str *)to = token.text;
    else
        kind = scalar_read(&member->type, &token, &r->req->arena, to, &r->scratch, &error);
    if (__builtin_expect(kind != PROBLEM_NONE, 0))
        error = complain_text(r, slot, token.text, to);
    else if (__builtin_expect(member->check != NULL, 0) && error == 0)
        check_one(r, slot, to, token.text);
    mark_sent(slot, base);
    return error;
}

__attribute__((noinline)) static int read_field(struct reading *r, const struct slot *slot,
                                                const struct form_field *field, char *base)
{
    const struct entry entry = {field->name, field->text, field};
    void *to = make_room(r, slot->member, base);
    bool is_right;
    if (to == NULL)
        return -ENOMEM;
    int rc = convert(r, slot, SIZE_MAX, &entry, to, &is_right);
    if (slot->member->check != NULL && rc == 0 && is_right)
        check_one(r, slot, to, entry.raw);
    mark_sent(slot, base);
    return rc;
}

/* ---- lists ---- */

/* How many values a list has. A count, -ENOMEM. */
static ssize_t count_values(const struct reading *r, const struct slot *slot)
{
    struct cursor cursor = {.in = slot->in};
    struct entry entry;
    ssize_t count = 0;
    int rc;
    while ((rc = inputs_next_of(r, slot, &cursor, &entry)) == 1)
        count++;
    return rc < 0 ? rc : count;
}

static int show_list(const struct reading *r, const struct slot *slot, galley_str *shown)
{
    struct json_out json;
    inputs_begin(r, &json);
    if (inputs_show_list(r, slot, &json) < 0) {
        json_out_release(&json);
        return -ENOMEM;
    }
    return inputs_keep(r, &json, shown);
}

__attribute__((noinline, cold)) static int complain_list(struct reading *r, const struct slot *slot,
                                                         size_t count, enum problem_kind kind,
                                                         const void *list)
{
    const struct member *member = slot->member;
    struct place place;
    struct problem problem = {.kind = kind, .input_kind = INPUT_JSON, .type = &member->type};
    const struct loc *loc = locate(&place, slot, SIZE_MAX);
    if (show_list(r, slot, &problem.input) < 0)
        return -ENOMEM;
    if (kind == PROBLEM_VALUE_ERROR) {
        inputs_check(r, member->check, list, loc, INPUT_JSON, problem.input);
        return 0;
    }
    problem.limit = kind == PROBLEM_LIST_TOO_LONG ? member->max_items : member->min_items;
    problem.actual = count;
    problems_add(r->problems, &problem, loc);
    return 0;
}

/* Convert `count` values into the memory at `at`. 0, -ENOMEM. */
static int convert_items(struct reading *r, const struct slot *slot, size_t count, char *at,
                         bool *are_right)
{
    size_t bytes = slot->member->type.bytes;
    struct cursor cursor = {.in = slot->in};
    struct entry entry;
    *are_right = true;
    for (size_t i = 0; i < count; i++) {
        bool is_right = false;
        int rc = inputs_next_of(r, slot, &cursor, &entry);
        if (rc == 1)
            rc = inputs_decode(r, slot->in, entry.raw, &entry.raw);
        if (rc == 0)
            rc = convert(r, slot, i, &entry, at + i * bytes, &is_right);
        if (rc < 0)
            return rc;
        *are_right = *are_right && is_right;
    }
    return 0;
}

/* Read a list that is not too long. */
static int read_items(struct reading *r, const struct slot *slot, size_t count, char *base)
{
    const struct member *member = slot->member;
    GALLEY_LIST(char) list = {.count = count}, *held = NULL;
    bool are_right;
    list.at = arena_alloc(&r->req->arena, count * member->type.bytes);
    int rc = list.at != NULL ? convert_items(r, slot, count, list.at, &are_right) : -ENOMEM;
    if (rc < 0)
        return rc;
    if (are_right && count < member->min_items)
        return complain_list(r, slot, count, PROBLEM_LIST_TOO_SHORT, NULL);
    if (member->is_pointer) {
        held = arena_alloc(&r->req->arena, sizeof list);
        if (held == NULL)
            return -ENOMEM;
        memcpy(base + member->offset, &held, sizeof held);
    }
    memcpy(held != NULL ? (char *)held : base + member->offset, &list, sizeof list);
    return are_right && member->check != NULL
               ? complain_list(r, slot, count, PROBLEM_VALUE_ERROR, &list)
               : 0;
}

__attribute__((noinline)) static int read_list(struct reading *r, const struct slot *slot,
                                               char *base, galley_str shown)
{
    ssize_t count = count_values(r, slot);
    if (count <= 0) {
        if (count == 0 && slot->member->is_required)
            complain_missing(r, slot, shown);
        return (int)count;
    }
    mark_sent(slot, base);
    if ((size_t)count > slot->member->max_items)
        return complain_list(r, slot, (size_t)count, PROBLEM_LIST_TOO_LONG, NULL);
    return read_items(r, slot, (size_t)count, base);
}

int inputs_read_slot(struct reading *r, size_t index, char *base, galley_str shown)
{
    const struct slot *slot = &r->inputs->slots[index];
    if (slot->in != GALLEY_IN_FORM && !slot->is_list && r->raw[index].data != NULL)
        return read_text(r, slot, r->raw[index], base);
    if (inputs_has(r, index))
        return slot->is_list ? read_list(r, slot, base, shown)
                             : read_field(r, slot, r->sent[index - r->inputs->form_at], base);
    if (slot->member->is_required)
        complain_missing(r, slot, shown);
    return 0;
}

/* ---- the whole ---- */

/* Bytes of the head, as far as it is asked for. */
static size_t head_bytes(const struct inputs *inputs, const struct galley_request *req)
{
    size_t bytes = req->path_encoded.len + req->query.len;
    if (inputs->form_at > inputs->header_at)
        for (size_t f = 0; f < req->field_count; f++)
            bytes += req->fields[f].name.len + req->fields[f].value.len;
    return bytes;
}

/* Bytes that problems may echo. */
static size_t input_bytes(const struct reading *r)
{
    size_t bytes = head_bytes(r->inputs, r->req) + r->body.len;
    for (const struct form_field *field = r->form.first; field != NULL; field = field->next)
        bytes += field->name.len + field->text.len;
    return bytes;
}

static int read_slots(struct reading *r, const galley_str *params)
{
    const struct inputs *inputs = r->inputs;
    int rc = 0;
    size_t i = 0;
    for (; i < inputs->query_at && rc == 0; i++)
        rc = read_text(r, &inputs->slots[i], params[inputs->slots[i].param], r->in);
    if (rc == 0 && i < inputs->count)
        rc = inputs_gather(r);
    while (i < inputs->count && rc == 0) {
        const struct slot_model *model = inputs->slots[i].model;
        if (inputs->slots[i].is_plain && r->raw[i].data != NULL) {
            rc = read_text(r, &inputs->slots[i], r->raw[i], r->in);
            i++;
            continue;
        }
        rc = model != NULL ? inputs_read_model(r, model)
                           : inputs_read_slot(r, i, r->in, (galley_str){0});
        i = model != NULL ? model->end : i + 1;
    }
    return rc;
}

static GALLEY_YIELDS int read_all(struct reading *r, const galley_str *params, bool has_body)
{
    struct problems *problems = r->problems;
    int rc = has_body ? inputs_receive(r) : 0;
    if (rc < 0)
        return rc;
    problems_init(problems, &r->req->arena, input_bytes(r));
    rc = read_slots(r, params);
    if (rc == 0 && r->inputs->body_count > 0)
        rc = inputs_read_body(r);
    if (rc < 0)
        return rc;
    return problems->error < 0 ? problems->error : problems->count > 0 ? -EINVAL : 0;
}

bool inputs_have_body(const struct inputs *inputs)
{
    return inputs->body_count > 0 || inputs->count > inputs->form_at;
}

int inputs_read(const struct inputs *inputs, struct galley_request *req, const galley_str *params,
                void *in, struct problems *problems)
{
    __attribute__((uninitialized)) struct reading r;
    bool has_body = inputs_have_body(inputs);
    size_t ceiling = req->arena.max_bytes;
    memcpy(in, inputs->shape->absent, inputs->shape->bytes);
    if (inputs->count == 0 && !has_body)
        return 0;
    r.inputs = inputs;
    r.req = req;
    r.in = in;
    r.problems = problems;
    r.form.first = NULL;
    r.body = (galley_str){0};
    req->arena.max_bytes = req->arena.total_bytes + INPUT_ARENA_BYTES;
    body_allow(req, head_bytes(inputs, req));
    int rc = read_all(&r, params, has_body);
    if (rc == -EINVAL)
        problems->room_bytes = arena_left(&req->arena);
    req->arena.max_bytes = req->arena.total_bytes + ceiling; /* what comes now is the handler's */
    return rc == -ENOMEM && req->arena.is_full ? galley__fail(req, 413, "Content Too Large") : rc;
}
