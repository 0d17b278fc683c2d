/* pattern.c - regular expressions on PCRE2, in the dialect of Rust's regex crate; see pattern.h.
 * Does:     translate what the two spell alike and mean differently (\w, \s, \v, \u0041), refuse what only PCRE2 has;
 *           search with the compiled code, then, where that loses its way in backtracking, by states; both on a budget.
 * Does not: run on two threads at a time: a pattern has one scratch, and inputs are read on the worker's loop.
 * See:      pcre2api(3), pcre2callout(3), t/unit/worker/app/pattern.c */
#include "worker/app/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

/* A search may take this many steps (an item tried, a byte passed over), and as many again for each byte of the text. */
enum { STEPS = 1000000, STEPS_PER_BYTE = 8 };
enum {
    PATTERN_MAX_BYTES = 16 * 1024,
    STACK_BYTES = 32 * 1024,
    STACK_MAX_BYTES = 512 * 1024,
    STATES = 2000,
    HEAP_MAX_KIB = 4096
};

struct scratch {
    pcre2_match_data *found;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
    uint64_t exceeded_count; /* searches that were given up */
    size_t steps, last_at;   /* left of the budget; where the last step was */
    int states[STATES];
};

struct pattern {
    pcre2_code *code;
    struct scratch *scratch;
    char *text;
};

/* ---- the dialect ---- */

/* A pattern being translated. */
struct rewriting {
    const char *start, *at, *end;
    char *out;
    size_t out_len, out_bytes;
    bool is_class;  /* within [] */
    bool is_repeat; /* behind *, +, ? or {n} */
    struct errmsg *why;
};

/* What \w, \d and \s mean there; as a part of a class. */
static const char word[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}",
                  digit[] = "\\p{Nd}", space[] = "\\p{White_Space}";

static void emit(struct rewriting *w, const char *text, size_t len)
{
    size_t room = w->out_bytes - w->out_len;
    memcpy(w->out + w->out_len, text, len < room ? len : room);
    w->out_len += len < room ? len : room;
}

static void emit_text(struct rewriting *w, const char *text)
{
    emit(w, text, strlen(text));
}

/* Characters of [start, at). */
static size_t place_of(const char *start, const char *at)
{
    size_t count = 0;
    for (; start < at; start++)
        count += (*start & 0xc0) != 0x80;
    return count;
}

static int refuse(struct rewriting *w, const char *what)
{
    errmsg_set(w->why, "%s is not supported (at character %zu)", what, place_of(w->start, w->at));
    return -1;
}

static bool starts(const struct rewriting *w, const char *text)
{
    size_t len = strlen(text);
    return (size_t)(w->end - w->at) >= len && memcmp(w->at, text, len) == 0;
}

/* A class that \w, \d or \s stands for, or (upper) all that is not in it. */
static void emit_class(struct rewriting *w, const char *members, bool is_upper)
{
    if (!w->is_class)
        emit_text(w, is_upper ? "[^" : "[");
    emit_text(w, members);
    if (!w->is_class)
        emit_text(w, "]");
}

/* \u0041, \U00000041, \u{41} */
static int rewrite_code(struct rewriting *w)
{
    size_t digits = w->at[1] == 'u' ? 4 : 8;
    const char *from = w->at + 2;
    bool is_braced = from < w->end && *from == '{';
    from += is_braced;
    size_t len = 0;
    while (from + len < w->end && isxdigit((unsigned char)from[len]) && (is_braced || len < digits))
        len++;
    if (is_braced ? len == 0 || from + len == w->end || from[len] != '}' : len != digits)
        return refuse(w, "\\u without its digits");
    emit_text(w, "\\x{");
    emit(w, from, len);
    emit_text(w, "}");
    w->at = from + len + is_braced;
    return 0;
}

/* Where a word begins or ends (\b), or neither (\B), with what is a word there. */
static void emit_edge(struct rewriting *w, bool is_upper)
{
    static const char behind[] = "(?<=[", not_behind[] = "(?<![", ahead[] = "])(?=[",
                      not_ahead[] = "])(?![";
    emit_text(w, "(?:");
    emit_text(w, behind);
    emit_text(w, word);
    emit_text(w, is_upper ? ahead : not_ahead);
    emit_text(w, word);
    emit_text(w, "])|");
    emit_text(w, not_behind);
    emit_text(w, word);
    emit_text(w, is_upper ? not_ahead : ahead);
    emit_text(w, word);
    emit_text(w, "]))");
}

/* \p{Greek}, \x{1f600}: with their braces. */
static int rewrite_braced(struct rewriting *w)
{
    const char *stop = memchr(w->at, '}', (size_t)(w->end - w->at));
    if (stop == NULL)
        return refuse(w, "a { without its }");
    emit(w, w->at, (size_t)(stop + 1 - w->at));
    w->at = stop + 1;
    return 0;
}

/* At a backslash. */
static int rewrite_escape(struct rewriting *w)
{
    char letter = w->at + 1 < w->end ? w->at[1] : '\0', name[3] = {'\\', letter, '\0'};
    bool is_braced = w->at + 2 < w->end && w->at[2] == '{';
    if (letter == '\0')
        return refuse(w, "a backslash at the end");
    if (letter >= '0' && letter <= '9')
        return refuse(w, "a back-reference");
    if (strchr("gkKGRXCNQEhHVZoce", letter) != NULL ||
        (w->is_class && strchr("WbB", letter) != NULL))
        return refuse(w, name);
    switch (letter) {
    case 'w':
    case 'W':
        emit_class(w, word, letter == 'W');
        break;
    case 'b':
    case 'B':
        emit_edge(w, letter == 'B');
        break;
    case 'd':
    case 'D':
        emit_text(w, letter == 'd' ? digit : "\\P{Nd}");
        break;
    case 's':
    case 'S':
        emit_text(w, letter == 's' ? space : "\\P{White_Space}");
        break;
    case 'v':
        emit_text(w, "\\x0b");
        break;
    case 'u':
    case 'U':
        return rewrite_code(w);
    default:
        if (is_braced && strchr("pPx", letter) != NULL)
            return rewrite_braced(w);
        emit(w, w->at, 2);
        break;
    }
    w->at += 2;
    return 0;
}

/* [:alpha:] within a class: ASCII alone. */
static int rewrite_named_class(struct rewriting *w)
{
    static const struct {
        const char *name, *members;
    } classes[] = {
        {"[:alnum:]", "0-9A-Za-z"}, {"[:alpha:]", "A-Za-z"},     {"[:ascii:]", "\\x00-\\x7f"},
        {"[:blank:]", "\\t "},      {"[:digit:]", "0-9"},        {"[:cntrl:]", "\\x00-\\x1f\\x7f"},
        {"[:graph:]", "!-~"},       {"[:lower:]", "a-z"},        {"[:print:]", " -~"},
        {"[:upper:]", "A-Z"},       {"[:space:]", "\\t-\\r "},   {"[:punct:]", "!-\\/:-@\\[-`{-~"},
        {"[:word:]", "0-9A-Za-z_"}, {"[:xdigit:]", "0-9A-Fa-f"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (starts(w, classes[i].name)) {
            emit_text(w, classes[i].members);
            w->at += strlen(classes[i].name);
            return 0;
        }
    }
    return refuse(w, "a class within a class");
}

/* At a bracket that opens a class, up to its first member. */
static void rewrite_class_start(struct rewriting *w)
{
    size_t len = 1;
    if (w->at + len < w->end && w->at[len] == '^')
        len++;
    if (w->at + len < w->end && w->at[len] == ']')
        len++;
    emit(w, w->at, len);
    w->at += len;
    w->is_class = true;
}

static int rewrite_in_class(struct rewriting *w)
{
    if (*w->at == '[')
        return rewrite_named_class(w);
    if (starts(w, "&&") || starts(w, "--") || starts(w, "~~"))
        return refuse(w, "an operation on classes");
    w->is_class = *w->at != ']';
    emit(w, w->at++, 1);
    return 0;
}

static int check_group(struct rewriting *w)
{
    static const struct {
        const char *start, *name;
    } refused[] = {
        {"(?=", "look-around"},
        {"(?!", "look-around"},
        {"(?<=", "look-around"},
        {"(?<!", "look-around"},
        {"(?>", "an atomic group"},
        {"(?|", "(?|"},
        {"(?(", "a condition"},
        {"(?#", "a comment"},
        {"(?R", "recursion"},
        {"(?&", "recursion"},
        {"(?P>", "recursion"},
        {"(?P=", "a back-reference"},
        {"(?C", "a callout"},
        {"(*", "(*"},
        {"(?'", "(?'"},
        {"(?+", "recursion"},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (starts(w, refused[i].start))
            return refuse(w, refused[i].name);
    bool is_flag = starts(w, "(?-");
    const char *next = w->at + (is_flag ? 3 : 2);
    if (starts(w, "(?") && next < w->end && isdigit((unsigned char)*next))
        return refuse(w, "recursion");
    return 0;
}

/* Bytes of {n}, {n,} or {n,m}; 0 if there is none. */
static size_t repeat_bytes(const struct rewriting *w)
{
    const char *at = w->at + 1;
    const char *first = at;
    while (at < w->end && isdigit((unsigned char)*at))
        at++;
    if (at == first)
        return 0;
    if (at < w->end && *at == ',')
        at++;
    while (at < w->end && isdigit((unsigned char)*at))
        at++;
    return at < w->end && *at == '}' ? (size_t)(at + 1 - w->at) : 0;
}

static int rewrite_plain(struct rewriting *w)
{
    bool was_repeat = w->is_repeat;
    size_t len = *w->at == '{' ? repeat_bytes(w) : 1;
    if (len == 0)
        return refuse(w, "a { that is not escaped and repeats nothing");
    w->is_repeat = *w->at == '{' || *w->at == '*' || *w->at == '+' || *w->at == '?';
    if (was_repeat && w->is_repeat && *w->at != '?')
        return refuse(w, "a repetition of a repetition");
    if (was_repeat && *w->at == '?')
        w->is_repeat = false;
    emit(w, w->at, len);
    w->at += len;
    return 0;
}

static int rewrite(struct rewriting *w)
{
    while (w->at < w->end) {
        int rc = 0;
        if (*w->at == '\\') {
            rc = rewrite_escape(w);
            w->is_repeat = false;
        } else if (w->is_class) {
            rc = rewrite_in_class(w);
        } else if (*w->at == '[') {
            rewrite_class_start(w);
            w->is_repeat = false;
        } else if (*w->at == '(') {
            rc = check_group(w);
            size_t len = starts(w, "(?") ? 2 : 1; /* this ? repeats nothing */
            emit(w, w->at, rc == 0 ? len : 0);
            w->at += rc == 0 ? len : 0;
            w->is_repeat = false;
        } else {
            rc = rewrite_plain(w);
        }
        if (rc < 0)
            return rc;
    }
    if (w->out_len < w->out_bytes)
        return 0;
    errmsg_set(w->why, "it is too long");
    return -1;
}

/* ---- made ---- */

/* Called before every item of the pattern is tried: pays for it, and for the bytes since the last one. */
static int pay(pcre2_callout_block *block, void *data)
{
    struct scratch *scratch = data;
    size_t at = block->current_position;
    size_t steps = 1 + (at > scratch->last_at ? at - scratch->last_at : scratch->last_at - at);
    scratch->last_at = at;
    if (steps > scratch->steps)
        return PCRE2_ERROR_CALLOUT;
    scratch->steps -= steps;
    return 0;
}

static pcre2_code *compile(const char *text, size_t len, struct errmsg *why)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL) {
        errmsg_set(why, "there is no memory");
        return NULL;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)text, len,
                                         PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY |
                                             PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C,
                                         &code, &offset, context);
    pcre2_compile_context_free(context);
    if (compiled != NULL)
        return compiled;
    PCRE2_UCHAR message[160];
    pcre2_get_error_message(code, message, sizeof message);
    errmsg_set(why, "%s (at character %zu)", (const char *)message,
               place_of(text, text + (offset < len ? offset : len)));
    return NULL;
}

static struct scratch *scratch_new(const pcre2_code *code)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (scratch == NULL)
        return NULL;
    scratch->found = pcre2_match_data_create_from_pattern(code, NULL);
    scratch->limits = pcre2_match_context_create(NULL);
    if (scratch->limits != NULL) {
        pcre2_set_callout(scratch->limits, pay, scratch);
        pcre2_set_heap_limit(scratch->limits, HEAP_MAX_KIB);
        scratch->stack = pcre2_jit_stack_create(STACK_BYTES, STACK_MAX_BYTES, NULL);
        if (scratch->stack != NULL)
            pcre2_jit_stack_assign(scratch->limits, NULL, scratch->stack);
    }
    return scratch;
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    if (pattern->scratch != NULL) {
        pcre2_match_data_free(pattern->scratch->found);
        pcre2_match_context_free(pattern->scratch->limits);
        pcre2_jit_stack_free(pattern->scratch->stack);
        free(pattern->scratch);
    }
    pcre2_code_free(pattern->code);
    free(pattern->text);
    free(pattern);
}

static bool is_complete(const struct pattern *pattern)
{
    const struct scratch *scratch = pattern->scratch;
    return pattern->text != NULL && scratch != NULL && scratch->found != NULL &&
           scratch->limits != NULL;
}

struct pattern *pattern_new(const char *text, struct errmsg *why)
{
    size_t len = strlen(text);
    struct rewriting w = {.start = text, .at = text, .end = text + len, .why = why};
    w.out_bytes = PATTERN_MAX_BYTES;
    w.out = malloc(w.out_bytes);
    struct pattern *pattern = calloc(1, sizeof *pattern);
    if (w.out == NULL || pattern == NULL) {
        errmsg_set(why, "there is no memory");
        goto fail;
    }
    if (rewrite(&w) < 0)
        goto fail;
    pattern->code = compile(w.out, w.out_len, why);
    if (pattern->code == NULL)
        goto fail;
#ifndef GALLEY_VALGRIND /* compiled code reads whole words, beyond a text's end, which valgrind takes for a mistake */
    if (pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE) < 0)
        log_line(LOG_LEVEL_DEBUG, "pattern_interpreted", "pattern=%s", text);
#endif
    pattern->text = strdup(text);
    pattern->scratch = scratch_new(pattern->code);
    if (!is_complete(pattern)) {
        errmsg_set(why, "there is no memory");
        goto fail;
    }
    free(w.out);
    return pattern;

fail:
    free(w.out);
    pattern_free(pattern);
    return NULL;
}

/* ---- searched ---- */

static void fill_budget(struct scratch *scratch, size_t len)
{
    scratch->steps = STEPS + len * STEPS_PER_BYTE;
    scratch->last_at = 0;
}

/* All of its states at once, a byte after the other: what backtracks without end is quick here. */
__attribute__((noinline, cold)) static int search_by_states(const struct pattern *pattern,
                                                            galley_str text)
{
    struct scratch *scratch = pattern->scratch;
    fill_budget(scratch, text.len);
    return pcre2_dfa_match(pattern->code, (PCRE2_SPTR)text.data, text.len, 0,
                           PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST, scratch->found, scratch->limits,
                           scratch->states, STATES);
}

/* Told when it happens for the 1st, 2nd, 4th, 8th ... time. */
__attribute__((noinline, cold)) static void give_up(const struct pattern *pattern, int rc)
{
    uint64_t count = ++pattern->scratch->exceeded_count;
    if ((count & (count - 1)) == 0)
        log_line(LOG_LEVEL_WARN, "pattern_limit", "pattern=%s error=%d count=%llu", pattern->text,
                 rc, (unsigned long long)count);
}

bool pattern_matches(const struct pattern *pattern, galley_str text)
{
    struct scratch *scratch = pattern->scratch;
    fill_budget(scratch, text.len);
    int rc = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.len, 0, PCRE2_NO_UTF_CHECK,
                         scratch->found, scratch->limits);
    if (__builtin_expect(rc < 0 && rc != PCRE2_ERROR_NOMATCH, 0))
        rc = search_by_states(pattern, text);
    if (__builtin_expect(rc < 0 && rc != PCRE2_ERROR_NOMATCH, 0))
        give_up(pattern, rc);
    return rc >= 0;
}
