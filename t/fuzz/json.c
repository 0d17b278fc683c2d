/* json.c - fuzz target: JSON text into structs and out again, the words of Python for what it is not, and problems told.
 * Does:     check that reading and json_check agree on what JSON is; that an echo echoes itself; that a struct which was
 *           read is written as a text that reads as the same struct; that the 422 is JSON; that memory stays in bounds.
 * Does not: judge the values: t/unit/worker/app/json_read.c does.
 * See:      make fuzz; worker/app/json_read.c */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <galley/json.h>

#include "unit/worker/app/json_models.h"
#include "worker/app/json_read.h"

GALLEY_STRUCT(in_rich, (struct rich, body, BODY(rich)));
GALLEY_STRUCT(in_node, (struct node, body, BODY(node)));
GALLEY_STRUCT(in_expr, (struct expr, body, BODY(expr)));
GALLEY_STRUCT(in_several, (struct checked, checked, BODY(checked)), (struct home, home, BODY(home)),
              (struct counts, counts, BODY(counts)));

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct loc place = {.key = {"body", 4}};

/* Memory that each run begins in: what a fuzzer allocates it also fills and checks, which is most of its time. */
static char first_piece[64 * 1024], out_piece[2][64 * 1024];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static galley_str text_of(const struct json_out *out)
{
    return (galley_str){out->data, out->len};
}

/* What Python says is wrong stands at a character of the text, or at its end. */
static void check_fault(galley_str text)
{
    size_t offset = SIZE_MAX;
    const char *message = json_fault(text, &offset);
    require(message != NULL && offset <= text.len);
}

static void check_echo(galley_str text)
{
    struct json_out once, twice;
    json_out_init(&once, out_piece[0], sizeof out_piece[0], 16 * text.len + 4096);
    json_out_init(&twice, out_piece[1], sizeof out_piece[1], 16 * text.len + 4096);
    json_echo(&once, text);
    require(once.error == 0 && json_check(text_of(&once)) == 0);
    json_echo(&twice, text_of(&once));
    require(twice.error == 0 && once.len == twice.len &&
            memcmp(once.data, twice.data, once.len) == 0);
    json_out_release(&once);
    json_out_release(&twice);
}

static void walk(galley_json json, unsigned depth)
{
    char room[64];
    galley_str name;
    size_t count = 0;
    galley_json_each(step, json)
    {
        count++;
        require(galley_json_kind(step.value) != GALLEY_JSON_ABSENT || *step.value.data == 'N' ||
                *step.value.data == 'I');
        if (step.quoted.data != NULL &&
            galley_json_to_string(step.quoted, room, sizeof room, &name) == 0)
            require(galley_json_get(json, name).data != NULL);
        if (depth > 0 && count < 4)
            walk(step.value, depth - 1);
    }
    require(count == galley_json_count(json));
}

/* Read, and write again what holds; what was written is read and written as the same. */
static void check_model(const struct shape *shape, galley_str text, int answer, bool is_again)
{
    struct arena arena;
    struct problems problems;
    union {
        struct in_rich rich;
        struct in_node node;
        struct in_several several;
        struct in_expr expr;
    } in;
    const struct member *members[8];
    arena_init(&arena, is_again ? NULL : first_piece, is_again ? 0 : sizeof first_piece,
               10 * text.len + 64 * 1024);
    problems_init(&problems, &arena, text.len);
    memcpy(&in, shape->absent, shape->bytes);
    for (size_t i = 0; i < shape->member_count; i++)
        members[i] = &shape->members[i];
    int status =
        shape->member_count == 1
            ? json_read_member(text, members[0], &in, &arena, &problems, &place)
            : json_read_members(text, members, shape->member_count, &in, &arena, &problems, &place);
    require(status == answer || status == -ENOMEM || (is_again && status == -EMLINK));
    require(arena.total_bytes <= 10 * text.len + 64 * 1024);
    struct json_out out;
    json_out_init(&out, is_again ? NULL : out_piece[0], is_again ? 0 : sizeof out_piece[0],
                  64 * text.len + 256 * 1024);
    if (status == 0 && problems.count > 0) {
        require(!is_again);
        problems_write(&problems, &out);
        require(out.error == 0 && json_check(text_of(&out)) == 0);
    } else if (status == 0 && shape->member_count == 1) {
        const struct shape *body = members[0]->type.of;
        json_write(&out, body, &in, JSON_LEAVE_UNSET | JSON_LEAVE_NONE | JSON_LEAVE_DEFAULTS);
        require(out.error == 0 || out.error == -ELOOP);
        if (out.error == 0 && is_again)
            require(out.len == text.len && memcmp(out.data, text.data, text.len) == 0);
        if (out.error == 0 && !is_again) {
            require(json_check(text_of(&out)) == 0);
            check_model(shape, text_of(&out), 0, true);
        }
    }
    json_out_release(&out);
    arena_release(&arena);
}

static const struct shape *shape_of(const struct galley_model *model)
{
    static struct shapes *shapes;
    struct errmsg why;
    if (shapes == NULL)
        shapes = shapes_new();
    const struct shape *shape = shapes_get(shapes, model, &why);
    require(shape != NULL);
    return shape;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct galley_model *const models[] = {&in_rich_model, &in_node_model,
                                                        &in_several_model, &in_expr_model};
    galley_str text = {(const char *)data, len};
    if (len == 0)
        return 0;
    int answer = json_check(text);
    require(answer == 0 || answer == -EBADMSG || answer == -EILSEQ || answer == -EMLINK);
    if (answer == -EBADMSG)
        check_fault(text);
    if (answer == 0)
        check_echo(text);
    walk((galley_json){text.data, text.len}, 4);
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        check_model(shape_of(models[i]), text, answer, false);
    return 0;
}
