/* problems.c - the 422 body; see problems.h.
 * Does:     a row for each kind: its type, its message with one %, what its ctx calls the limit.
 * Does not: know what was validated.
 * See:      problems.h */
#include "worker/app/problems.h"

#include <string.h>

#include "worker/app/number.h"

enum limit { LIMIT_NONE, LIMIT_BOUND, LIMIT_CHARACTERS, LIMIT_ITEMS };

/* In a message, % stands for the limit, and so does ~ for an s unless the limit is 1. */
static const struct {
    const char *type, *message, *limit_name;
    enum limit limit;
} kinds[PROBLEM_COUNT] = {
    [PROBLEM_MISSING] = {"missing", "Field required", NULL, LIMIT_NONE},
    [PROBLEM_INT_PARSING] =
        {"int_parsing", "Input should be a valid integer, unable to parse string as an integer",
         NULL, LIMIT_NONE},
    [PROBLEM_INT_PARSING_SIZE] =
        {"int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size",
         NULL, LIMIT_NONE},
    [PROBLEM_FLOAT_PARSING] = {"float_parsing",
                               "Input should be a valid number, unable to parse string as a number",
                               NULL, LIMIT_NONE},
    [PROBLEM_FINITE_NUMBER] = {"finite_number", "Input should be a finite number", NULL,
                               LIMIT_NONE},
    [PROBLEM_BOOL_PARSING] = {"bool_parsing",
                              "Input should be a valid boolean, unable to interpret input", NULL,
                              LIMIT_NONE},
    [PROBLEM_MULTIPLE_OF] = {"multiple_of", "Input should be a multiple of %", "multiple_of",
                             LIMIT_BOUND},
    [PROBLEM_LESS_THAN_EQUAL] = {"less_than_equal", "Input should be less than or equal to %", "le",
                                 LIMIT_BOUND},
    [PROBLEM_LESS_THAN] = {"less_than", "Input should be less than %", "lt", LIMIT_BOUND},
    [PROBLEM_GREATER_THAN_EQUAL] = {"greater_than_equal",
                                    "Input should be greater than or equal to %", "ge",
                                    LIMIT_BOUND},
    [PROBLEM_GREATER_THAN] = {"greater_than", "Input should be greater than %", "gt", LIMIT_BOUND},
    [PROBLEM_STRING_TOO_SHORT] = {"string_too_short", "String should have at least % character~",
                                  "min_length", LIMIT_CHARACTERS},
    [PROBLEM_STRING_TOO_LONG] = {"string_too_long", "String should have at most % character~",
                                 "max_length", LIMIT_CHARACTERS},
    [PROBLEM_LIST_TOO_SHORT] = {"too_short",
                                "List should have at least % item~ after validation, not @",
                                "min_length", LIMIT_ITEMS},
    [PROBLEM_LIST_TOO_LONG] = {"too_long",
                               "List should have at most % item~ after validation, not @",
                               "max_length", LIMIT_ITEMS},
};

static void json_text(struct json_out *out, const char *text)
{
    json_string(out, (galley_str){text, strlen(text)});
}

const char *problems_place(enum galley_in in)
{
    switch (in) {
    case GALLEY_IN_PATH:
        return "path";
    case GALLEY_IN_QUERY:
        return "query";
    case GALLEY_IN_HEADER:
        return "header";
    case GALLEY_IN_COOKIE:
        return "cookie";
    case GALLEY_IN_BODY:
    case GALLEY_IN_FORM:
        break;
    }
    return "body";
}

static void write_limit(struct json_out *out, const struct problem *problem, enum float_form form)
{
    if (kinds[problem->kind].limit != LIMIT_BOUND) {
        json_int(out, (int64_t)problem->length);
        return;
    }
    if (!problem->is_float) {
        json_int(out, (int64_t)problem->bound);
        return;
    }
    char *room = json_out_room(out, NUMBER_PLAIN_BYTES);
    if (room != NULL)
        out->len += number_write_float(room, (double)problem->bound, form);
}

static void write_message(struct json_out *out, const struct problem *problem)
{
    const char *at = kinds[problem->kind].message;
    json_literal(out, "\"");
    while (*at != '\0') {
        size_t len = strcspn(at, "%~@");
        json_raw(out, at, len);
        at += len;
        if (*at == '%')
            write_limit(out, problem, FLOAT_PLAIN);
        else if (*at == '~' && problem->length != 1)
            json_literal(out, "s");
        else if (*at == '@')
            json_int(out, (int64_t)problem->actual);
        at += *at != '\0';
    }
    json_literal(out, "\"");
}

static void write_input(struct json_out *out, const struct problem *problem)
{
    enum problem_kind kind = problem->kind;
    if (kind == PROBLEM_MISSING) {
        json_literal(out, "null");
        return;
    }
    if (kinds[kind].limit != LIMIT_ITEMS) {
        json_string(out, *problem->input);
        return;
    }
    json_literal(out, "[");
    for (size_t i = 0; i < problem->input_count; i++) {
        if (i > 0)
            json_literal(out, ",");
        json_string(out, problem->input[i]);
    }
    json_literal(out, "]");
}

static void write_context(struct json_out *out, const struct problem *problem)
{
    json_literal(out, ",\"ctx\":{");
    if (kinds[problem->kind].limit == LIMIT_ITEMS)
        json_literal(out, "\"field_type\":\"List\",");
    json_text(out, kinds[problem->kind].limit_name);
    json_literal(out, ":");
    write_limit(out, problem, FLOAT_PYTHON);
    if (kinds[problem->kind].limit == LIMIT_ITEMS) {
        json_literal(out, ",\"actual_length\":");
        json_int(out, (int64_t)problem->actual);
    }
    json_literal(out, "}");
}

void problems_add(struct json_out *out, const struct problem *problem)
{
    if (out->len == 0)
        json_literal(out, "{\"detail\":[");
    else
        json_literal(out, ",");
    json_literal(out, "{\"type\":");
    json_text(out, kinds[problem->kind].type);
    json_literal(out, ",\"loc\":[");
    json_text(out, problems_place(problem->in));
    json_literal(out, ",");
    json_text(out, problem->name);
    if (problem->index != PROBLEM_NO_INDEX) {
        json_literal(out, ",");
        json_int(out, (int64_t)problem->index);
    }
    json_literal(out, "],\"msg\":");
    write_message(out, problem);
    json_literal(out, ",\"input\":");
    write_input(out, problem);
    if (kinds[problem->kind].limit != LIMIT_NONE)
        write_context(out, problem);
    json_literal(out, "}");
}

void problems_end(struct json_out *out)
{
    json_literal(out, "]}");
}
