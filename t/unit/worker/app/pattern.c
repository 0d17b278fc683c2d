/* t/unit/worker/app/pattern.c - patterns as Rust's regex has them, row by row (pattern.def); what is refused; what would hang. */
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/log.h"
#include "worker/app/pattern.h"

#ifdef GALLEY_VALGRIND
enum { MOST_SECONDS = 50 };
#else
enum { MOST_SECONDS = 5 };
#endif

enum answer { PATTERN_ABSENT, PATTERN_FOUND, PATTERN_REFUSED };

#define X(pattern, text, answer) {pattern, GALLEY_STR(text), answer},
static const struct {
    const char *pattern;
    galley_str text;
    enum answer answer;
} rows[] = {
#include "pattern.def"
};
#undef X

static const struct {
    const char *pattern, *why;
} refused[] = {
    {"ab(?=c)", "look-around is not supported (at character 2)"},
    {"\xC3\xA9(?<!c)", "look-around is not supported (at character 1)"},
    {"a++", "a repetition of a repetition is not supported (at character 2)"},
    {"a{2}{3}", "a repetition of a repetition is not supported (at character 4)"},
    {"[a&&b]", "an operation on classes is not supported (at character 2)"},
    {"[a[b]]", "a class within a class is not supported (at character 2)"},
    {"[\\W]", "\\W is not supported (at character 1)"},
    {"(a)\\1", "a back-reference is not supported (at character 3)"},
    {"a{,3}", "a { that is not escaped and repeats nothing is not supported (at character 1)"},
    {"\\", "a backslash at the end is not supported (at character 0)"},
    {"(a", "missing closing parenthesis (at character 2)"},
};

/* As pattern_new copies nothing that ends with the text, neither the texts here have a byte to spare. */
static bool is_found(const struct pattern *pattern, galley_str text)
{
    char *exact = malloc(text.len + (text.len == 0));
    memcpy(exact, text.data, text.len);
    bool found = pattern_matches(pattern, (galley_str){exact, text.len});
    free(exact);
    return found;
}

static void patterns_are_found_as_rust_does(void **state)
{
    (void)state;
    size_t differ = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct errmsg why = {{0}};
        struct pattern *pattern = pattern_new(rows[i].pattern, &why);
        enum answer answer = pattern == NULL                   ? PATTERN_REFUSED
                             : is_found(pattern, rows[i].text) ? PATTERN_FOUND
                                                               : PATTERN_ABSENT;
        pattern_free(pattern);
        if (answer == rows[i].answer)
            continue;
        print_error("'%s' in '%.*s': %d, not %d %s\n", rows[i].pattern,
                    GALLEY_STR_ARG(rows[i].text), answer, rows[i].answer, why.text);
        differ++;
    }
    assert_int_equal(differ, 0);
}

static void what_is_refused_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct errmsg why = {{0}};
        assert_null(pattern_new(refused[i].pattern, &why));
        assert_string_equal(why.text, refused[i].why);
    }
    char *endless = calloc(1, 20001);
    struct errmsg why = {{0}};
    memset(endless, 'a', 20000);
    assert_null(pattern_new(endless, &why));
    assert_string_equal(why.text, "it is too long");
    free(endless);
}

/* What backtracking would never end is found by states; what is too long even so is not found. Processor time, since others
 * may be using the machine. */
static void no_pattern_hangs(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        size_t repeated;
        bool is_found;
    } searches[] = {
        {"^(a+)+$", 30, false},
        {"(a|aa)+$", 5000, false},
        {"^(a?){30}a{30}b?$", 30, false},
        {"(a*)*[bc]", 3000, false},
        {"^(a|b|ab)*[cd]", 100000, false},
        {"a.*a.*a.*a.*[bc]", 4000, false},
        {"a*[bc]", 2000000, false},
        {"^(?:a|b)*.$", 200000, true},
        {"(a+)+!", 50, true},
        {"^(a+)+[!?]$", 40, true},
    };
    for (size_t i = 0; i < sizeof searches / sizeof searches[0]; i++) {
        size_t len = searches[i].repeated + 1;
        char *text = malloc(len);
        memset(text, 'a', len);
        text[len - 1] = '!';
        struct errmsg why = {{0}};
        struct pattern *pattern = pattern_new(searches[i].pattern, &why);
        assert_non_null(pattern);
        clock_t before = clock();
        bool found = pattern_matches(pattern, (galley_str){text, len});
        double spent = (double)(clock() - before) / CLOCKS_PER_SEC;
        if (found != searches[i].is_found)
            fail_msg("%s is%s found", searches[i].pattern, found ? "" : " not");
        if (spent > MOST_SECONDS)
            fail_msg("%s takes %.1f s", searches[i].pattern, spent);
        print_message("# %s: %.4f s\n", searches[i].pattern, spent);
        pattern_free(pattern);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_found_as_rust_does),
        cmocka_unit_test(what_is_refused_is_said),
        cmocka_unit_test(no_pattern_hangs),
    };
    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
