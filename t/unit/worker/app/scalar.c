/* t/unit/worker/app/scalar.c - scalars read, complained of and written as Pydantic 2.14 does, row by row (scalar.def). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/number.h"
#include "worker/app/pattern.h"
#include "worker/app/scalar.h"
#include "worker/http/text.h"

/* What is read ("float gt=0 multiple_of=0.1"), from what (JSON, or " and a text as it is): then its problem's type, msg and
 * ctx, or "" and the value as JSON. */
struct row {
    const char *spec, *input;
    size_t input_len;
    const char *type;
    galley_str told, ctx;
};

#define X(spec, input, type, told, ctx)                                                            \
    {spec, input, sizeof(input) - 1, type, GALLEY_STR(told), GALLEY_STR(ctx)},
static const struct row rows[] = {
#ifdef SCALAR_ROWS /* more rows, for comparing at large */
#include SCALAR_ROWS
#else
#include "scalar.def"
#endif
};
#undef X

static const struct galley_choice colors[] = {{7, "red"}, {-1, "it's"}, {3, "\xC3\xA9\n\\"}},
                                  sizes[] = {{1, NULL}, {2, NULL}, {-5, NULL}};
static const struct galley_enum color_enum = {"color", colors, 3}, size_enum = {"size", sizes, 3};
static const char *const letters[] = {"a", "b\"'", NULL};

static const struct {
    const char *name;
    struct type type;
} kinds[] = {
    {"bool", {.kind = GALLEY_BOOL, .bytes = sizeof(bool)}},
    {"int", {.kind = GALLEY_INT, .is_wide = true, .is_signed = true, .bytes = 8}},
    {"float", {.kind = GALLEY_FLOAT, .bytes = sizeof(double)}},
    {"str", {.kind = GALLEY_STRING, .bytes = sizeof(galley_str)}},
    {"color", {.kind = GALLEY_ENUM, .bytes = sizeof(int), .choices = &color_enum}},
    {"size", {.kind = GALLEY_ENUM, .bytes = sizeof(int), .choices = &size_enum}},
    {"letter", {.kind = GALLEY_STRING, .bytes = sizeof(galley_str), .literals = letters}},
    {"uuid", {.kind = GALLEY_UUID, .bytes = sizeof(galley_uuid)}},
    {"datetime", {.kind = GALLEY_DATETIME, .bytes = sizeof(galley_time)}},
    {"date", {.kind = GALLEY_DATE, .bytes = sizeof(galley_date)}},
    {"time", {.kind = GALLEY_CLOCK, .bytes = sizeof(galley_clock)}},
    {"bytes", {.kind = GALLEY_BYTES, .bytes = sizeof(galley_bytes)}},
};

static const struct {
    const char *name;
    enum problem_kind kind;
} bounds[] = {{"multiple_of", PROBLEM_MULTIPLE_OF},
              {"le", PROBLEM_LESS_THAN_EQUAL},
              {"lt", PROBLEM_LESS_THAN},
              {"ge", PROBLEM_GREATER_THAN_EQUAL},
              {"gt", PROBLEM_GREATER_THAN}};

static void set_option(struct type *type, const char *name, const char *value)
{
    if (strcmp(name, "min_length") == 0) {
        type->min_length = strtoul(value, NULL, 10);
    } else if (strcmp(name, "max_length") == 0) {
        type->max_length = strtoul(value, NULL, 10);
    } else if (strcmp(name, "pattern") == 0) {
        struct errmsg why = {{0}};
        type->pattern = pattern_new(value, &why);
        type->pattern_text = strdup(value);
        if (type->pattern == NULL)
            fail_msg("%s: %s", value, why.text);
    } else {
        for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
            if (strcmp(name, bounds[i].name) == 0)
                type->bounds[type->bound_count++] =
                    (struct bound){.kind = bounds[i].kind,
                                   .whole = type->kind == GALLEY_INT ? strtoll(value, NULL, 10) : 0,
                                   .number = strtod(value, NULL)};
    }
}

/* As shape.c compiles a member. */
static struct type type_of(const char *spec)
{
    char copy[512];
    snprintf(copy, sizeof copy, "%s", spec);
    char *rest, *word = strtok_r(copy, " ", &rest);
    struct type type = {0};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, word) == 0)
            type = kinds[i].type;
    if (type.kind == 0)
        fail_msg("%s names no kind", spec);
    type.max_length = SIZE_MAX;
    while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        set_option(&type, word, value);
    }
    return type;
}

static struct token token_of(const char *input, size_t len)
{
    struct token token = {.kind = TOKEN_STRING, .text = {input + 1, len - 1}};
    if (*input == '"')
        return token;
    token.kind = *input == 'n' ? TOKEN_NULL : *input == '[' ? TOKEN_LIST : TOKEN_OBJECT;
    if (*input == 't' || *input == 'f')
        return (struct token){.kind = TOKEN_BOOL, .boolean = *input == 't'};
    if (strchr("-0123456789NI", *input) == NULL)
        return token;
    if (strpbrk(input, ".eEN") != NULL || strchr(input, 'I') != NULL)
        return (struct token){.kind = TOKEN_FLOAT, .number = strtod(input, NULL)};
    errno = 0;
    int64_t whole = strtoll(input, NULL, 10);
    return errno == ERANGE ? (struct token){.kind = TOKEN_BIG, .text = {input, len}}
                           : (struct token){.kind = TOKEN_INT, .whole = whole};
}

/* What is wrong as the 422 says it; false if it is not that. */
static bool is_told(const struct row *row, const struct problem *problem, struct arena *arena)
{
    struct problems problems;
    struct galley_invalid invalid;
    problems_init(&problems, arena, row->input_len);
    problems_add(&problems, problem, &(struct loc){NULL, GALLEY_STR("body"), 0});
    assert_int_equal(problems_describe(&problems, &invalid), 0);
    const struct galley_problem *told = &invalid.problems[0];
    galley_str ctx =
        told->ctx.data != NULL ? (galley_str){told->ctx.data, told->ctx.len} : GALLEY_STR("");
    bool is_same = text_is_same((galley_str){row->type, strlen(row->type)}, told->type) &&
                   text_is_same(row->told, told->msg) && text_is_same(row->ctx, ctx);
    if (!is_same)
        print_error("%s, %s: %.*s, %.*s, %.*s\n  but it is %s, %.*s, %.*s\n", row->spec, row->input,
                    GALLEY_STR_ARG(told->type), GALLEY_STR_ARG(told->msg), GALLEY_STR_ARG(ctx),
                    row->type, GALLEY_STR_ARG(row->told), GALLEY_STR_ARG(row->ctx));
    return is_same;
}

static bool is_written(const struct row *row, const struct type *type, const void *value)
{
    struct json_out out;
    json_out_init(&out, NULL, 0, 1 << 20);
    scalar_write(&out, type, value);
    bool is_same = row->type[0] == '\0' && out.error == 0 &&
                   text_is_same(row->told, (galley_str){out.data, out.len});
    if (!is_same)
        print_error("%s, %s: %.*s\n  but it is %s %.*s\n", row->spec, row->input, (int)out.len,
                    out.data, row->type, GALLEY_STR_ARG(row->told));
    json_out_release(&out);
    assert_true(scalar_equals(type, value, value));
    return is_same;
}

static bool holds(const struct row *row, struct arena *arena)
{
    struct type type = type_of(row->spec);
    struct token token = token_of(row->input, row->input_len);
    union {
        galley_str text;
        galley_time time;
        galley_uuid uuid;
        double number;
        int64_t whole;
    } value;
    struct problem problem = {0};
    int error = 0;
    memset(&value, 0xa5, sizeof value);
    enum problem_kind kind = scalar_read(&type, &token, arena, &value, &problem, &error);
    assert_int_equal(error, 0);
    assert_true(kind == PROBLEM_NONE || (problem.kind == kind && problem.type == &type));
    bool is_as_said =
        kind != PROBLEM_NONE ? is_told(row, &problem, arena) : is_written(row, &type, &value);
    pattern_free((struct pattern *)(uintptr_t)type.pattern);
    free((char *)(uintptr_t)type.pattern_text);
    return is_as_said;
}

static void scalars_are_as_pydantic_has_them(void **state)
{
    (void)state;
    size_t differ = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        arena_init(&arena, NULL, 0, 1 << 20);
        differ += !holds(&rows[i], &arena);
        arena_release(&arena);
    }
    if (differ > 0)
        fail_msg("%zu of %zu rows differ", differ, sizeof rows / sizeof rows[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_as_pydantic_has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
