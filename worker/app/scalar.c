/* scalar.c - one value converted and judged as Pydantic's lax mode does; see scalar.h.
 * Does:     a function a kind; what is common is quick: whole numbers, strings and bools without a problem.
 * Does not: know dates (moment.c), numerals (number.c) or expressions (pattern.c), or write (scalar_write.c).
 * See:      t/unit/worker/app/scalar.c, scalar.def (what Pydantic 2.14 answered, row by row) */
#include "worker/app/scalar.h"

#include <errno.h>
#include <math.h>
#include <strings.h>

#include "common/bug.h"
#include "worker/app/moment.h"
#include "worker/app/number.h"
#include "worker/app/octets.h"
#include "worker/app/pattern.h"
#include "worker/http/text.h"

/* Everything that reading one value needs. */
struct reading {
    const struct type *type;
    const struct token *token;
    struct arena *arena;
    void *to;
    struct problem *problem;
    int *error;
};

/* ---- what is wrong ---- */

__attribute__((noinline, cold)) static enum problem_kind say(const struct reading *r,
                                                             enum problem_kind kind)
{
    *r->problem = (struct problem){.kind = kind, .type = r->type};
    return kind;
}

__attribute__((noinline, cold)) static enum problem_kind
say_length(const struct reading *r, enum problem_kind kind, size_t limit, size_t actual)
{
    say(r, kind);
    r->problem->limit = limit;
    r->problem->actual = actual;
    return kind;
}

__attribute__((noinline, cold)) static enum problem_kind
say_text(const struct reading *r, enum problem_kind kind, galley_str text)
{
    say(r, kind);
    r->problem->text = text;
    return kind;
}

__attribute__((noinline, cold)) static enum problem_kind out_of_memory(const struct reading *r)
{
    *r->error = -ENOMEM;
    return PROBLEM_NONE;
}

/* ---- bounds ---- */

__attribute__((noinline, cold)) static enum problem_kind say_bound(const struct reading *r,
                                                                   const struct bound *bound)
{
    say(r, bound->kind);
    r->problem->bound = bound;
    return bound->kind;
}

static bool is_multiple_int(int64_t value, int64_t of)
{
    return of == 1 || of == -1 || value % of == 0; /* INT64_MIN % -1 traps */
}

/* As Pydantic does: the nearest multiple may be 1e-9 away. */
static bool is_multiple_float(double value, double of)
{
    volatile double nearest =
        round(value / of) * of; /* rounded by itself, not fused with the difference */
    return fabs(value - nearest) <= 1e-9;
}

static inline bool holds_int(const struct bound *bound, int64_t value)
{
    switch (bound->kind) {
    case PROBLEM_LESS_THAN_EQUAL:
        return value <= bound->whole;
    case PROBLEM_LESS_THAN:
        return value < bound->whole;
    case PROBLEM_GREATER_THAN_EQUAL:
        return value >= bound->whole;
    case PROBLEM_GREATER_THAN:
        return value > bound->whole;
    default:
        return is_multiple_int(value, bound->whole);
    }
}

static inline bool holds_float(const struct bound *bound, double value)
{
    switch (bound->kind) {
    case PROBLEM_LESS_THAN_EQUAL:
        return value <= bound->number;
    case PROBLEM_LESS_THAN:
        return value < bound->number;
    case PROBLEM_GREATER_THAN_EQUAL:
        return value >= bound->number;
    case PROBLEM_GREATER_THAN:
        return value > bound->number;
    default:
        return is_multiple_float(value, bound->number);
    }
}

/* The first bound that the value breaks; NULL if none. */
static inline const struct bound *broken_int(const struct type *type, int64_t value)
{
    for (size_t i = 0; i < type->bound_count; i++)
        if (!holds_int(&type->bounds[i], value))
            return &type->bounds[i];
    return NULL;
}

static inline const struct bound *broken_float(const struct type *type, double value)
{
    for (size_t i = 0; i < type->bound_count; i++)
        if (!holds_float(&type->bounds[i], value))
            return &type->bounds[i];
    return NULL;
}

/* ---- bool, int, float ---- */

static int parse_bool(galley_str text, bool *value)
{
    static const struct {
        galley_str word;
        bool value;
    } words[] = {
        {GALLEY_STR("1"), true},      {GALLEY_STR("0"), false},  {GALLEY_STR("true"), true},
        {GALLEY_STR("false"), false}, {GALLEY_STR("t"), true},   {GALLEY_STR("f"), false},
        {GALLEY_STR("yes"), true},    {GALLEY_STR("no"), false}, {GALLEY_STR("y"), true},
        {GALLEY_STR("n"), false},     {GALLEY_STR("on"), true},  {GALLEY_STR("off"), false},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (text.len == words[i].word.len &&
            strncasecmp(text.data, words[i].word.data, text.len) == 0) {
            *value = words[i].value;
            return 0;
        }
    }
    return -EINVAL;
}

/* Whether `number` is whole and strictly within what an int64 holds; INT64_MIN itself Pydantic refuses, too. */
static bool is_within(double number)
{
    return number > -0x1p63 && number < 0x1p63;
}

static enum problem_kind read_bool(const struct reading *r)
{
    const struct token *token = r->token;
    bool *to = r->to;
    switch (token->kind) {
    case TOKEN_BOOL:
        *to = token->boolean;
        return PROBLEM_NONE;
    case TOKEN_INT:
        *to = token->whole == 1;
        return token->whole == 0 || token->whole == 1 ? PROBLEM_NONE : say(r, PROBLEM_BOOL_PARSING);
    case TOKEN_FLOAT:
        *to = token->number == 1;
        if (token->number == 0 || token->number == 1)
            return PROBLEM_NONE;
        return say(r, is_within(token->number) && token->number == trunc(token->number)
                          ? PROBLEM_BOOL_PARSING
                          : PROBLEM_BOOL_TYPE);
    case TOKEN_STRING:
        return parse_bool(token->text, to) == 0 ? PROBLEM_NONE : say(r, PROBLEM_BOOL_PARSING);
    default:
        return say(r, PROBLEM_BOOL_TYPE);
    }
}

/* Any token as a whole number: PROBLEM_NONE or why not. */
static enum problem_kind whole_of(const struct token *token, int64_t *whole)
{
    int rc;
    switch (token->kind) {
    case TOKEN_INT:
        *whole = token->whole;
        return PROBLEM_NONE;
    case TOKEN_BOOL:
        *whole = token->boolean;
        return PROBLEM_NONE;
    case TOKEN_BIG:
        return PROBLEM_INT_PARSING_SIZE;
    case TOKEN_FLOAT:
        if (!isfinite(token->number))
            return PROBLEM_FINITE_NUMBER;
        if (token->number != trunc(token->number))
            return PROBLEM_INT_FROM_FLOAT;
        if (!is_within(token->number))
            return PROBLEM_INT_PARSING_SIZE;
        *whole = (int64_t)token->number;
        return PROBLEM_NONE;
    case TOKEN_STRING:
        rc = number_parse_int(token->text, whole);
        return rc == 0         ? PROBLEM_NONE
               : rc == -ERANGE ? PROBLEM_INT_PARSING_SIZE
                               : PROBLEM_INT_PARSING;
    default:
        return PROBLEM_INT_TYPE;
    }
}

static inline void store_int(const struct type *type, void *to, int64_t whole)
{
    if (type->is_wide)
        *(int64_t *)to = whole;
    else
        *(uint32_t *)to = (uint32_t)whole; /* int32_t has the same bits; bounds hold the range */
}

static enum problem_kind read_int(const struct reading *r)
{
    int64_t whole;
    enum problem_kind kind = whole_of(r->token, &whole);
    if (kind != PROBLEM_NONE)
        return say(r, kind);
    store_int(r->type, r->to, whole);
    const struct bound *broken = broken_int(r->type, whole);
    return broken == NULL ? PROBLEM_NONE : say_bound(r, broken);
}

static enum problem_kind read_float(const struct reading *r)
{
    const struct token *token = r->token;
    double number = 0;
    int rc = 0;
    switch (token->kind) {
    case TOKEN_FLOAT:
        number = token->number;
        break;
    case TOKEN_INT:
        number = (double)token->whole;
        break;
    case TOKEN_BOOL:
        number = token->boolean;
        break;
    case TOKEN_BIG:
    case TOKEN_STRING:
        rc = number_parse_float(token->text, &number);
        break;
    default:
        return say(r, PROBLEM_FLOAT_TYPE);
    }
    if (rc == -ENOMEM)
        return out_of_memory(r);
    if (rc < 0)
        return say(r, PROBLEM_FLOAT_PARSING);
    *(double *)r->to = number;
    if (!isfinite(number)) /* a whole number too large for a float is no number to Python */
        return say(r, token->kind == TOKEN_BIG ? PROBLEM_FLOAT_TYPE : PROBLEM_FINITE_NUMBER);
    const struct bound *broken = broken_float(r->type, number);
    return broken == NULL ? PROBLEM_NONE : say_bound(r, broken);
}

/* ---- string, enum ---- */

static enum problem_kind read_string(const struct reading *r)
{
    const struct type *type = r->type;
    galley_str text = r->token->text;
    if (type->literals != NULL) {
        for (const char *const *literal = type->literals;
             *literal != NULL && r->token->kind == TOKEN_STRING; literal++) {
            if (strlen(*literal) == text.len && memcmp(*literal, text.data, text.len) == 0) {
                *(galley_str *)r->to = text;
                return PROBLEM_NONE;
            }
        }
        return say(r, PROBLEM_LITERAL);
    }
    if (r->token->kind != TOKEN_STRING)
        return say(r, PROBLEM_STRING_TYPE);
    *(galley_str *)r->to = text;
    /* There are never more characters than bytes, and never fewer than a quarter of them. */
    if (text.len > type->max_length || (text.len + 3) / 4 < type->min_length) {
        size_t count = text_count(text);
        if (count < type->min_length)
            return say_length(r, PROBLEM_STRING_TOO_SHORT, type->min_length, count);
        if (count > type->max_length)
            return say_length(r, PROBLEM_STRING_TOO_LONG, type->max_length, count);
    }
    if (type->pattern != NULL && !pattern_matches(type->pattern, text))
        return say_text(r, PROBLEM_STRING_PATTERN,
                        (galley_str){type->pattern_text, strlen(type->pattern_text)});
    return PROBLEM_NONE;
}

static enum problem_kind read_enum(const struct reading *r)
{
    const struct galley_enum *choices = r->type->choices;
    bool is_named = choices->count > 0 && choices->choices[0].name != NULL;
    int64_t whole = 0;
    if (is_named ? r->token->kind != TOKEN_STRING : whole_of(r->token, &whole) != PROBLEM_NONE) {
        bool is_big =
            r->token->kind == TOKEN_BIG || (r->token->kind == TOKEN_STRING &&
                                            number_parse_int(r->token->text, &whole) == -ERANGE &&
                                            !number_begins_too_long(r->token->text));
        return say(r, is_big && !is_named ? PROBLEM_INT_PARSING_SIZE : PROBLEM_ENUM);
    }
    for (size_t i = 0; i < choices->count; i++) {
        const struct galley_choice *choice = &choices->choices[i];
        if (is_named ? strlen(choice->name) == r->token->text.len &&
                           memcmp(choice->name, r->token->text.data, r->token->text.len) == 0
                     : choice->value == whole) {
            *(int *)r->to = choice->value;
            return PROBLEM_NONE;
        }
    }
    return say(r, PROBLEM_ENUM);
}

/* ---- uuid, bytes ---- */

static enum problem_kind read_uuid(const struct reading *r)
{
    if (r->token->kind != TOKEN_STRING)
        return say(r, PROBLEM_UUID_TYPE);
    if (uuid_parse(r->token->text, r->to) == 0)
        return PROBLEM_NONE;
    char fault[UUID_FAULT_BYTES];
    size_t len = uuid_fault(r->token->text, fault);
    char *kept = arena_dup(r->arena, fault, len);
    return kept != NULL ? say_text(r, PROBLEM_UUID_PARSING, (galley_str){kept, len})
                        : out_of_memory(r);
}

static enum problem_kind read_bytes(const struct reading *r)
{
    if (r->token->kind != TOKEN_STRING)
        return say(r, PROBLEM_BYTES_TYPE);
    galley_str text = r->token->text;
    size_t len;
    uint8_t *octets = arena_alloc(r->arena, text.len / 4 * 3 + 3);
    if (octets == NULL)
        return out_of_memory(r);
    const char *fault = base64_decode(text, octets, &len);
    if (fault != NULL)
        return say_text(r, PROBLEM_BASE64, (galley_str){fault, strlen(fault)});
    *(galley_bytes *)r->to = (galley_bytes){octets, len};
    if (len < r->type->min_length)
        return say_length(r, PROBLEM_BYTES_TOO_SHORT, r->type->min_length, len);
    if (len > r->type->max_length)
        return say_length(r, PROBLEM_BYTES_TOO_LONG, r->type->max_length, len);
    return PROBLEM_NONE;
}

/* ---- dates and times ---- */

static const char year_0[] = "year 0 is out of range";

static enum problem_kind say_fault(const struct reading *r, enum problem_kind kind,
                                   const char *fault)
{
    return say_text(r, kind, (galley_str){fault, strlen(fault)});
}

/* A number beyond int64 as a float, which says whether it is too early or too late. */
static double far_number(galley_str text)
{
    return text.len > 0 && text.data[0] == '-' ? -1e300 : 1e300;
}

/* Of a date and time as numbers or text. NULL; what is wrong; `is_typed` false: it is neither. */
static const char *datetime_of(const struct token *token, galley_time *time, bool *is_typed)
{
    *is_typed = true;
    switch (token->kind) {
    case TOKEN_STRING:
        return moment_parse_datetime(token->text, time);
    case TOKEN_INT:
        return moment_from_seconds(token->whole, time);
    case TOKEN_FLOAT:
        return moment_from_number(token->number, time);
    case TOKEN_BIG:
        return moment_from_number(far_number(token->text), time);
    default:
        *is_typed = false;
        return NULL;
    }
}

static enum problem_kind read_datetime(const struct reading *r)
{
    bool is_typed;
    galley_date date;
    const char *fault = datetime_of(r->token, r->to, &is_typed);
    if (!is_typed)
        return say(r, PROBLEM_DATETIME_TYPE);
    if (fault != NULL && r->token->kind != TOKEN_STRING)
        return say_fault(r, PROBLEM_DATETIME_PARSING, fault);
    if (fault != NULL) {
        fault = moment_parse_date(r->token->text, &date);
        if (fault != NULL)
            return say_fault(r, PROBLEM_DATETIME_FROM_DATE, fault);
        moment_from_date(&date, r->to);
    }
    return moment_is_year_0(r->to) ? say_fault(r, PROBLEM_DATETIME_PARSING, year_0) : PROBLEM_NONE;
}

static enum problem_kind read_date(const struct reading *r)
{
    bool is_typed;
    galley_time time;
    galley_date *date = r->to;
    if (r->token->kind != TOKEN_STRING || moment_parse_date(r->token->text, date) != NULL) {
        const char *fault = datetime_of(r->token, &time, &is_typed);
        if (!is_typed)
            return say(r, PROBLEM_DATE_TYPE);
        if (fault != NULL)
            return say_fault(r, PROBLEM_DATE_FROM_DATETIME, fault);
        if (!moment_is_midnight(&time, date))
            return say(r, PROBLEM_DATE_INEXACT);
    }
    return date->year == 0 ? say_fault(r, PROBLEM_DATE_PARSING, year_0) : PROBLEM_NONE;
}

static enum problem_kind read_clock(const struct reading *r)
{
    const struct token *token = r->token;
    const char *fault;
    switch (token->kind) {
    case TOKEN_STRING:
        fault = moment_parse_clock(token->text, r->to);
        break;
    case TOKEN_INT:
        fault = moment_clock_from_seconds(token->whole, r->to);
        break;
    case TOKEN_FLOAT:
        fault = moment_clock_from_number(token->number, r->to);
        break;
    case TOKEN_BIG:
        fault = moment_clock_from_number(far_number(token->text), r->to);
        break;
    default:
        return say(r, PROBLEM_TIME_TYPE);
    }
    return fault == NULL ? PROBLEM_NONE : say_fault(r, PROBLEM_TIME_PARSING, fault);
}

/* ---- any of them ---- */

/* What comes most: a number in JSON that holds. False: it is left to the readers. */
static inline bool read_quickly(const struct type *type, const struct token *token, void *to)
{
    if (token->kind == TOKEN_INT && type->kind == GALLEY_INT) {
        store_int(type, to, token->whole);
        return broken_int(type, token->whole) == NULL;
    }
    if (token->kind == TOKEN_FLOAT && type->kind == GALLEY_FLOAT && isfinite(token->number)) {
        *(double *)to = token->number;
        return broken_float(type, token->number) == NULL;
    }
    return false;
}

enum problem_kind scalar_read(const struct type *type, const struct token *token,
                              struct arena *arena, void *to, struct problem *problem, int *error)
{
    if (read_quickly(type, token, to))
        return PROBLEM_NONE;
    const struct reading r = {type, token, arena, to, problem, error};
    switch (type->kind) {
    case GALLEY_BOOL:
        return read_bool(&r);
    case GALLEY_INT:
        return read_int(&r);
    case GALLEY_FLOAT:
        return read_float(&r);
    case GALLEY_STRING:
        return read_string(&r);
    case GALLEY_ENUM:
        return read_enum(&r);
    case GALLEY_UUID:
        return read_uuid(&r);
    case GALLEY_DATETIME:
        return read_datetime(&r);
    case GALLEY_DATE:
        return read_date(&r);
    case GALLEY_CLOCK:
        return read_clock(&r);
    case GALLEY_BYTES:
        return read_bytes(&r);
    case GALLEY_JSON:
    case GALLEY_UPLOAD:
    case GALLEY_OBJECT:
    case GALLEY_SENT:
        break;
    }
    GALLEY_BUG_IF(true, "kind %d is no scalar", (int)type->kind);
    return PROBLEM_NONE;
}
