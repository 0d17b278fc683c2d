/* t/unit/worker/app/json_read.c - JSON into structs: FastAPI's problems row by row, values, borrowed strings, memory, depth. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "unit/worker/app/json_models.h"
#include "worker/app/json_read.h"
#include "worker/coro/sanitize.h"

GALLEY_STRUCT(in_rich, (struct rich, body, BODY(rich)));
GALLEY_STRUCT(in_checked, (struct checked, body, BODY(checked)));
GALLEY_STRUCT(in_limits, (struct limits, body, BODY(limits)));
GALLEY_STRUCT(in_home, (struct home, body, BODY(home)));
GALLEY_STRUCT(in_node, (struct node, body, BODY(node)));
GALLEY_STRUCT(in_expr, (struct expr, body, BODY(expr)));
GALLEY_STRUCT(in_counts, (struct counts, body, BODY(counts)));
GALLEY_STRUCT(in_pair, (struct cat, left, BODY(cat)), (int64_t, level, BODY(), .ge = 1),
              (struct limits *, right, BODY(limits), OPTIONAL));

static struct shapes *shapes;

static int set_up(void **state)
{
    (void)state;
    shapes = shapes_new();
    return shapes == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    shapes_free(shapes);
    return 0;
}

/* A text that was read, and all that came of it. */
struct reading {
    struct arena arena;
    struct problems problems;
    char *copy; /* the text, on a heap piece of its own size */
    galley_str text;
    void *value;
    int answer;
};

static const struct shape *shape_of(const struct galley_model *model)
{
    struct errmsg why;
    const struct shape *shape = shapes_get(shapes, model, &why);
    if (shape == NULL)
        fail_msg("%s", why.text);
    return shape;
}

static void start_reading(struct reading *reading, const struct shape *shape, const char *text,
                          size_t len)
{
    arena_init(&reading->arena, NULL, 0, 10 * len + 64 * 1024);
    problems_init(&reading->problems, &reading->arena, len);
    reading->copy = malloc(len + 1);
    reading->value = malloc(shape->bytes);
    assert_non_null(reading->copy);
    assert_non_null(reading->value);
    memcpy(reading->copy + 1, text, len);
    reading->text = (galley_str){reading->copy + 1, len};
    memcpy(reading->value, shape->absent, shape->bytes);
}

static void read_text(struct reading *reading, const struct galley_model *model, const char *text,
                      size_t len)
{
    static const struct loc place = {.key = {"body", 4}};
    const struct shape *shape = shape_of(model);
    const struct member *members[8];
    start_reading(reading, shape, text, len);
    for (size_t i = 0; i < shape->member_count; i++)
        members[i] = &shape->members[i];
    if (shape->member_count == 1)
        reading->answer = json_read_member(reading->text, members[0], reading->value,
                                           &reading->arena, &reading->problems, &place);
    else
        reading->answer =
            json_read_members(reading->text, members, shape->member_count, reading->value,
                              &reading->arena, &reading->problems, &place);
}

static void end_reading(struct reading *reading)
{
    arena_release(&reading->arena);
    free(reading->copy);
    free(reading->value);
}

/* Read what is without a problem. */
static void *read_good(struct reading *reading, const struct galley_model *model, const char *text)
{
    read_text(reading, model, text, strlen(text));
    if (reading->answer != 0 || reading->problems.count != 0)
        fail_msg("%s: %d, %zu problems", text, reading->answer, reading->problems.count);
    return reading->value;
}

/* ---- problems ---- */

static const struct {
    const struct galley_model *model;
    const char *text, *body;
} rows[] = {
#define ROW(model, text, body) {&in_##model##_model, text, body},
#include "json_read.def"
    ROW(pair, "{}",
        "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"left\"],\"msg\":\"Field required\","
        "\"input\":null},{\"type\":\"missing\",\"loc\":[\"body\",\"level\"],\"msg\":\"Field "
        "required\",\"input\":null}]}") ROW(pair, "[1]",
                                            "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\","
                                            "\"left\"],\"msg\":\"Field required\","
                                            "\"input\":null},{\"type\":\"missing\",\"loc\":["
                                            "\"body\",\"level\"],\"msg\":\"Field "
                                            "required\",\"input\":null},{\"type\":\"missing\","
                                            "\"loc\":[\"body\",\"right\"],\"msg\":\"Field "
                                            "required\",\"input\":null}]}")
        ROW(pair,
            "{\"level\":0,\"x\":1,\"left\":{},\"level\":\"y\",\"right\":null,\"left\":{\"kind\":"
            "\"cat\"}}",
            "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"left\",\"lives\"],\"msg\":"
            "\"Field "
            "required\",\"input\":{\"kind\":\"cat\"}},{\"type\":\"int_parsing\",\"loc\":[\"body\","
            "\"level\"],\"msg\":\"Input should be a valid integer, unable to parse string as an "
            "integer\",\"input\":\"y\"}]}") ROW(counts, "[]",
                                                "{\"detail\":[{\"type\":\"dict_type\",\"loc\":["
                                                "\"body\"],\"msg\":\"Input should be a valid "
                                                "dictionary\",\"input\":[]}]}")
            ROW(counts, "{\"a\":\"x\",\"b\":1,\"a\":2}", "ok")
#undef ROW
};

static void answers_as_fastapi(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reading reading;
        struct json_out out;
        json_out_init(&out, NULL, 0, 64 * 1024);
        read_text(&reading, rows[i].model, rows[i].text, strlen(rows[i].text));
        assert_int_equal(reading.answer, 0);
        if (reading.problems.count > 0)
            problems_write(&reading.problems, &out);
        else
            json_literal(&out, "ok");
        assert_int_equal(out.error, 0);
        if (out.len != strlen(rows[i].body) || memcmp(out.data, rows[i].body, out.len) != 0)
            fail_msg("row %zu, %s:\n%.*s\nnot\n%s", i, rows[i].text, (int)out.len, out.data,
                     rows[i].body);
        size_t count = 0;
        for (const struct problem *p = reading.problems.first; p != NULL; p = p->next)
            count++;
        assert_int_equal(count, reading.problems.count);
        json_out_release(&out);
        end_reading(&reading);
    }
}

/* What is wrong anywhere in the text comes before what is wrong with values. */
static void refuses_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int answer;
    } texts[] = {
        {"{\"a\":\"x\"", -EBADMSG},
        {"{\"a\":\"x\"} x", -EBADMSG},
        {"{\"a\":\"x\",}", -EBADMSG},
        {"{\"a\":01}", -EBADMSG},
        {"{\"zz\":[1,]}", -EBADMSG},
        {"{\"a\":\"\xff\"}", -EILSEQ},
        {"{\"zz\":\"\\udead\"}", -EILSEQ},
        {"{\"pets\":[{\"kind\":\"cat\",]}", -EBADMSG},
        {"{\"ints\":[1,2,3,4,[}]}", -EBADMSG},
        {"", -EBADMSG},
        {" ", -EBADMSG},
        {"{\"pets\":[{", -EBADMSG},
        {"{\"d\":nul}", -EBADMSG},
        {"{\"map\":{\"a\"", -EBADMSG},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct reading reading;
        read_text(&reading, &in_rich_model, texts[i].text, strlen(texts[i].text));
        if (reading.answer != texts[i].answer)
            fail_msg("%s: %d, not %d", texts[i].text, reading.answer, texts[i].answer);
        end_reading(&reading);
    }
}

/* A member that is wrong a hundred thousand times, beside as many items that are: in time that grows with the text alone. */
static void drops_what_came_again(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    struct json_out text;
    json_out_init(&text, NULL, 0, 20 * COUNT);
    json_literal(&text, "{\"parts\":[1");
    for (int i = 0; i < COUNT; i++)
        json_literal(&text, ",1");
    json_literal(&text, "]");
    for (int i = 0; i < COUNT; i++)
        json_literal(&text, ",\"a\":\"x\"");
    json_literal(&text, ",\"a\":7}");
    assert_int_equal(text.error, 0);
    struct reading reading;
    read_text(&reading, &in_rich_model, text.data, text.len);
    assert_int_equal(reading.answer, 0);
    assert_true(reading.problems.count > 100);
    for (const struct problem *p = reading.problems.first; p != NULL; p = p->next)
        assert_int_not_equal(p->kind, PROBLEM_INT_PARSING);
    json_out_release(&text);
    end_reading(&reading);
}

/* ---- values ---- */

static void assert_text(galley_str text, const char *expected)
{
    assert_non_null(text.data);
    if (text.len != strlen(expected) || memcmp(text.data, expected, text.len) != 0)
        fail_msg("%.*s, not %s", (int)text.len, text.data, expected);
}

static void assert_json(galley_json json, const char *expected)
{
    assert_text((galley_str){json.data, json.len}, expected);
}

static void stores_every_kind(void **state)
{
    (void)state;
    struct reading reading;
    const struct node *node =
        &((struct in_node *)read_good(
              &reading, &in_node_model,
              "\xef\xbb\xbf { \"name\" : \"a\\u00e5\\n\", \"any\": { \"x\" : [1, NaN, \" \\\"\"] "
              "}, \"anys\":[1,[],null],"
              "\"named\":{\"k\":{}}, \"next\":{\"next\":null}, \"nodes\":[{\"flag\":true},{}],"
              "\"map\":{\"one\":{\"name\":\"1\"},\"\\u006fne\":{\"name\":\"2\"},\"two\":{}},"
              "\"narrow\":-7,\"natural\":4294967295,\"flag\":\"yes\",\"ints\":[1,2,3,4,5,6,7,8,9,"
              "10],"
              "\"floats\":[1,2.5,-0.0,1e3,0.1],\"words\":[\"\",\"b\"],\"texts\":{\"a\":\"b\"},"
              "\"uuid\":\"00010203-0405-0607-0809-0a0b0c0d0e0f\",\"at\":\"2024-02-29T12:00:00Z\","
              "\"day\":\"2024-02-29\"}"))
             ->body;
    assert_text(node->name, "a\xc3\xa5\n");
    assert_json(node->any, "{\"x\":[1,null,\" \\\"\"]}");
    assert_int_equal(node->anys.count, 3);
    assert_json(node->anys.at[2], "null");
    assert_json(node->named.at[0].value, "{}");
    assert_non_null(node->next);
    assert_null(node->next->next);
    assert_int_equal(node->next->sent.bits, UINT64_C(1) << 5);
    assert_int_equal(node->nodes.count, 2);
    assert_true(node->nodes.at[0].flag);
    assert_int_equal(node->nodes.at[1].sent.bits, 0);
    assert_null(node->nodes.at[1].nodes.at);
    assert_int_equal(node->map.count, 2);
    assert_text(node->map.at[0].key, "one");
    assert_text(node->map.at[0].value.name, "2");
    assert_int_equal(node->narrow, -7);
    assert_int_equal(*node->natural, UINT32_MAX);
    assert_true(node->flag);
    assert_int_equal(node->ints->count, 10);
    assert_int_equal(node->ints->at[9], 10);
    assert_int_equal(node->floats.count, 5);
    assert_true(node->floats.at[0] == 1 && node->floats.at[4] == 0.1);
    assert_text(node->words.at[0], "");
    assert_text(node->texts.at[0].value, "b");
    assert_int_equal(node->uuid->octet[15], 15);
    assert_int_equal(node->day->day, 29);
    assert_null(node->octets);
    end_reading(&reading);
}

static void tells_null_from_empty(void **state)
{
    (void)state;
    struct reading reading;
    const struct node *node =
        &((struct in_node *)read_good(&reading, &in_node_model,
                                      "{\"nodes\":null,\"any\":null,\"ints\":null}"))
             ->body;
    assert_null(node->nodes.at);
    assert_json(node->any, "null");
    assert_null(node->ints);
    assert_true(galley_was_sent(node, node, nodes));
    assert_false(galley_was_sent(node, node, next));
    end_reading(&reading);
    node = &((struct in_node *)read_good(&reading, &in_node_model,
                                         "{\"nodes\":[],\"ints\":[],\"map\":{}}"))
                ->body;
    assert_non_null(node->nodes.at);
    assert_non_null(node->ints);
    assert_non_null(node->ints->at);
    assert_int_equal(node->ints->count + node->nodes.count + node->map.count, 0);
    end_reading(&reading);
}

static bool is_within(galley_str piece, galley_str text)
{
    return piece.data >= text.data && piece.data + piece.len <= text.data + text.len;
}

static void borrows_what_is_not_escaped(void **state)
{
    (void)state;
    struct reading reading;
    const struct node *node =
        &((struct in_node *)read_good(
              &reading, &in_node_model,
              "{\"name\":\"\xc3\xa5 "
              "plain\",\"words\":[\"\\t\",\"w\"],\"any\":{\"a\":[1]},\"texts\":{\"k\":\"v\"}}"))
             ->body;
    assert_true(is_within(node->name, reading.text));
    assert_true(is_within(node->words.at[1], reading.text));
    assert_false(is_within(node->words.at[0], reading.text));
    assert_true(is_within((galley_str){node->any.data, node->any.len}, reading.text));
    assert_true(is_within(node->texts.at[0].key, reading.text));
    end_reading(&reading);
}

static void picks_the_variant(void **state)
{
    (void)state;
    struct reading reading;
    const struct home *home =
        &((struct in_home *)read_good(
              &reading, &in_home_model,
              "{\"pet\":{\"bark\":\"wow\",\"kind\":\"cat\",\"k\\u0069nd\":\"dog\"}}"))
             ->body;
    assert_int_equal(home->pet.is, pet_is_dog);
    assert_text(home->pet.dog.bark, "wow");
    assert_null(home->pet.dog.part);
    end_reading(&reading);
}

/* The tag of each comes last, behind a large child: looking ahead each time anew would be a hundred times the work. */
static void picks_nested_variants(void **state)
{
    (void)state;
    enum { DEPTH = 120, PAD = 100000 };
    struct json_out text;
    struct reading reading;
    json_out_init(&text, NULL, 0, 1 << 20);
    for (int i = 0; i < DEPTH; i++)
        json_literal(&text, "{\"kind\":\"leaf\",\"child\":");
    json_literal(&text, "{\"k\\u0069nd\":\"leaf\",\"n\":7}");
    for (int i = 0; i < DEPTH; i++) {
        json_literal(&text, ",\"pad\":[0");
        for (int k = 0; k < PAD / DEPTH; k++)
            json_literal(&text, ",0");
        json_literal(&text, ",{\"kind\":1}],\"k\\u0069nd\":\"neg\"}");
    }
    assert_int_equal(text.error, 0);
    read_text(&reading, &in_expr_model, text.data, text.len);
    assert_int_equal(reading.answer, 0);
    assert_int_equal(reading.problems.count, 0);
    const struct expr *expr = &((struct in_expr *)reading.value)->body;
    for (int i = 0; i < DEPTH; i++) {
        assert_int_equal(expr->is, expr_is_neg);
        assert_text(expr->neg.kind, "neg");
        expr = expr->neg.child;
    }
    assert_int_equal(expr->is, expr_is_leaf);
    assert_int_equal(expr->leaf.n, 7);
    end_reading(&reading);

    text.data[text.len - 17] = 'K'; /* now the outermost one's tag is its first */
    read_text(&reading, &in_expr_model, text.data, text.len);
    assert_int_equal(reading.problems.count, 1);
    assert_int_equal(reading.problems.first->kind, PROBLEM_MISSING);
    end_reading(&reading);
    json_out_release(&text);
}

static void reads_several_parameters(void **state)
{
    (void)state;
    struct reading reading;
    const struct in_pair *in = read_good(&reading, &in_pair_model,
                                         "{\"level\":3,\"other\":[{}],\"right\":{\"a\":[4]},"
                                         "\"left\":{\"kind\":\"cat\",\"lives\":9}}");
    assert_int_equal(in->level, 3);
    assert_int_equal(in->left.lives, 9);
    assert_int_equal(in->right->a.at[0], 4);
    end_reading(&reading);
}

/* ---- memory and depth ---- */

/* A list of `count` times `item`, as the member `name`. */
static char *repeat(const char *name, const char *item, size_t count, size_t *len)
{
    size_t item_len = strlen(item);
    char *text = malloc(64 + count * (item_len + 1));
    assert_non_null(text);
    char *next = text + snprintf(text, 64, "{\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        memcpy(next, item, item_len);
        next[item_len] = ',';
        next += item_len + 1;
    }
    next[-1] = ']';
    *next++ = '}';
    *len = (size_t)(next - text);
    return text;
}

/* The arena of a reading holds no more than 10 bytes for each of the text, and 64 KiB. */
static void costs_little_memory(void **state)
{
    (void)state;
    static const struct {
        const char *name, *item;
    } lists[] = {
        {"ints", "7"},
        {"floats", "0.5"},
        {"words", "\"\""},
        {"words", "\"\\n\""},
        {"anys", "{}"},
        {"anys", "[ ]"},
        {"words", "\"a word of usual length\""},
    };
    static const size_t counts[] = {1, 10, 1000, 100000, 1000000};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
            struct reading reading;
            size_t len;
            char *text = repeat(lists[i].name, lists[i].item, counts[k], &len);
            read_text(&reading, &in_node_model, text, len);
            if (reading.answer != 0)
                fail_msg("%zu of %s: %d", counts[k], lists[i].item, reading.answer);
            assert_true(reading.arena.total_bytes <= 10 * len + 64 * 1024);
            end_reading(&reading);
            free(text);
        }
}

/* Structs that are much larger than their text end at the ceiling, with an answer. */
static void stops_at_the_ceiling(void **state)
{
    (void)state;
    struct reading reading;
    size_t len;
    char *text = repeat("nodes", "{}", 100000, &len);
    read_text(&reading, &in_node_model, text, len);
    assert_int_equal(reading.answer, -ENOMEM);
    assert_true(reading.arena.total_bytes <= 10 * len + 64 * 1024);
    end_reading(&reading);
    free(text);
}

static void *read_deep(void *argument)
{
    struct reading *reading = argument;
    char text[16 * JSON_MAX_DEPTH + 64] = "", *next = text;
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        next += snprintf(next, 16, i % 3 == 2 ? "{\"map\":" : "{\"next\":");
    next += snprintf(next, 16, "1");
    for (int i = 0; i < JSON_MAX_DEPTH; i++)
        *next++ = '}';
    read_text(reading, &in_node_model, text, (size_t)(next - text));
    return NULL;
}

/* As deep as may be, in half of the stack that a request has; the problem at the end names every step. */
static void needs_little_stack(void **state)
{
    (void)state;
    enum {
        STACK_BYTES = CORO_ASAN ? 512 * 1024 : 128 * 1024
    }; /* a sanitizer's frames are larger */
    struct reading reading;
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, read_deep, &reading), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    assert_int_equal(reading.answer, 0);
    assert_int_equal(reading.problems.count, 1);
    size_t depth = 0;
    for (const struct loc *loc = reading.problems.first->loc; loc != NULL; loc = loc->parent)
        depth++;
    assert_int_equal(depth, 1 + JSON_MAX_DEPTH);
    end_reading(&reading);
}

static void counts_levels(void **state)
{
    (void)state;
    char text[4 * JSON_MAX_DEPTH + 64];
    for (size_t lists = JSON_MAX_DEPTH - 1; lists <= JSON_MAX_DEPTH; lists++) {
        struct reading reading;
        size_t len = (size_t)snprintf(text, 64, "{\"any\":");
        memset(text + len, '[', lists);
        memset(text + len + lists, ']', lists);
        text[len + 2 * lists] = '}';
        read_text(&reading, &in_node_model, text, len + 2 * lists + 1);
        assert_int_equal(reading.answer, lists < JSON_MAX_DEPTH ? 0 : -EMLINK);
        end_reading(&reading);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_fastapi),
        cmocka_unit_test(refuses_texts),
        cmocka_unit_test(drops_what_came_again),
        cmocka_unit_test(stores_every_kind),
        cmocka_unit_test(tells_null_from_empty),
        cmocka_unit_test(borrows_what_is_not_escaped),
        cmocka_unit_test(picks_the_variant),
        cmocka_unit_test(picks_nested_variants),
        cmocka_unit_test(reads_several_parameters),
        cmocka_unit_test(costs_little_memory),
        cmocka_unit_test(stops_at_the_ceiling),
        cmocka_unit_test(needs_little_stack),
        cmocka_unit_test(counts_levels),
    };
    return cmocka_run_group_tests_name("json_read", tests, set_up, tear_down);
}
