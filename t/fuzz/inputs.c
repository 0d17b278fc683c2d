/* inputs.c - fuzz target: path, query, header fields and cookies into a typed input, and what is said of them as JSON.
 * Does:     the input is lines: path value, query, then one field a line; the answer must be JSON text in UTF-8.
 * Does not: judge the values: t/unit/worker/app/app.c does.
 * See:      make fuzz; worker/app/inputs.c */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/app/inputs.h"
#include "worker/app/json_write.h"
#include "worker/http/text.h"

enum { MAX_FIELDS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *refuse_seven(const void *value)
{
    return *(const int64_t *)value == 7 ? "is seven" : NULL;
}
GALLEY_ENUM(tint, (TINT_RED, "red"), (TINT_BLUE, "blue"));
GALLEY_STRUCT(bag, (MODEL, .extra = GALLEY_FORBID), (int64_t, m1, .check = refuse_seven),
              (galley_str_list, m2, DEFAULT([]), .max_length = 2), (galley_uuid *, m3, OPTIONAL));
GALLEY_STRUCT(jar, (galley_str, j1, .pattern = "^[a-z]+$"), (galley_date *, j2, OPTIONAL));
GALLEY_STRUCT(pile, (galley_str, x_p1), (galley_int_list, x_p2, DEFAULT([])));
GALLEY_STRUCT(everything_in, (galley_str, place, PATH, .max_length = 9),
              (int64_t, a, QUERY, OPTIONAL, .ge = -5, .le = 5000, .multiple_of = 5),
              (double, b, QUERY, OPTIONAL, .gt = -0.5, .lt = 1e17, .multiple_of = 0.25),
              (bool, c, QUERY, OPTIONAL), (int32_t *, d, QUERY, OPTIONAL),
              (galley_str, e, QUERY, .min_length = 2, .max_length = 5),
              (galley_float_list, f, QUERY, OPTIONAL, .min_length = 2, .max_length = 3),
              (galley_str_list, g, QUERY, OPTIONAL),
              (enum tint, t, QUERY, ENUM(tint), DEFAULT("red")),
              (struct bag *, bag, QUERY, OBJECT(bag), OPTIONAL),
              (struct jar *, jar, COOKIE, OBJECT(jar), OPTIONAL),
              (struct pile, pile, HEADER, OBJECT(pile)), (galley_str, x_text, HEADER, OPTIONAL),
              (galley_int_list, x_list, HEADER, OPTIONAL), (galley_time *, x_at, HEADER, OPTIONAL),
              (galley_str, h, COOKIE, OPTIONAL, .min_length = 1), (uint32_t, i, COOKIE, OPTIONAL));
GALLEY_STRUCT(echo, (galley_str, place), (galley_str, e), (galley_str, x_text, NULLABLE),
              (galley_str, h, NULLABLE), (double, b), (galley_float_list, f), (galley_str_list, g),
              (struct bag *, bag, OBJECT(bag)), (struct jar *, jar, OBJECT(jar)),
              (struct pile, pile, OBJECT(pile)));

static galley_str next_line(galley_str *rest)
{
    const char *start = rest->data, *end = start + rest->len, *stop = text_find(start, end, '\n');
    *rest = stop < end ? (galley_str){stop + 1, (size_t)(end - stop - 1)} : (galley_str){end, 0};
    return (galley_str){start, (size_t)(stop - start)};
}

/* Strings closed, brackets even, no control byte, all of it UTF-8. */
static void check_json(const struct json_out *json)
{
    int depth = 0;
    bool is_string = false;
    const char *at = json->data, *end = at + json->len;
    while (at < end) {
        size_t skip, sequence = text_sequence(at, end, &skip);
        if (sequence == 0 || (unsigned char)*at < 0x20)
            abort();
        if (is_string && *at == '\\')
            at++;
        else if (*at == '"')
            is_string = !is_string;
        else if (!is_string)
            depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        at += sequence;
    }
    if (is_string || depth != 0)
        abort();
}

static void fill(struct galley_request *req, galley_str text, struct http_field *fields)
{
    req->query = next_line(&text);
    while (text.len > 0 && req->field_count < MAX_FIELDS) {
        galley_str line = next_line(&text);
        const char *end = line.data + line.len, *colon = text_find(line.data, end, ':');
        struct http_field *field = &fields[req->field_count++];
        field->name = (galley_str){line.data, (size_t)(colon - line.data)};
        field->value =
            colon < end ? (galley_str){colon + 1, (size_t)(end - colon - 1)} : (galley_str){end, 0};
    }
    req->fields = fields;
}

/* Read the request; what it holds or what is wrong with it must be JSON. */
static void read_and_tell(const struct inputs *inputs, const struct shape *shape,
                          struct galley_request *req, galley_str place)
{
    struct everything_in in;
    struct problems problems;
    struct json_out json;
    json_out_init(&json, NULL, 0, 16 << 20);
    int rc = inputs_read(inputs, req, &place, &in, &problems);
    if (rc != 0 && rc != -EINVAL)
        abort();
    if (rc == 0) {
        const struct echo echo = {in.place, in.e, in.x_text, in.h,   in.b,
                                  in.f,     in.g, in.bag,    in.jar, in.pile};
        json_write(&json, shape, &echo, 0);
    } else {
        problems_write(&problems, &json);
    }
    if (json.error < 0)
        abort();
    check_json(&json);
    json_out_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct shapes *shapes;
    static struct inputs *inputs;
    static const struct shape *shape;
    static const galley_str names[] = {GALLEY_STR("place")};
    struct errmsg why = {{0}};
    if (inputs == NULL) {
        shapes = shapes_new();
        shape = shapes != NULL ? shapes_get(shapes, &echo_model, &why) : NULL;
        inputs = shape != NULL ? inputs_new(shapes, &everything_in_model, names, 1, &why) : NULL;
    }
    if (inputs == NULL) {
        fprintf(stderr, "%s\n", why.text);
        abort();
    }
    struct galley_request req = {0};
    struct http_field fields[MAX_FIELDS];
    galley_str text = {(const char *)data, len}, path = next_line(&text), place;
    arena_init(&req.arena, NULL, 0, 16 << 20);
    fill(&req, text, fields);
    if (text_decode(&req.arena, path, TEXT_ROUTE, &place) == 0)
        read_and_tell(inputs, shape, &req, place);
    arena_release(&req.arena);
    return 0;
}
