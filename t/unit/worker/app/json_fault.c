/* t/unit/worker/app/json_fault.c - syntax errors in CPython's words and at its offsets, row by row. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/json_read.h"

static const struct {
    const char *text;
    size_t len;
    const char *message;
    size_t offset;
} rows[] = {
#define ROW(text, message, offset) {text, sizeof(text) - 1, message, offset},
#include "json_fault.def"
#undef ROW
};

/* Each text on a heap piece of its own size, so that a sanitizer sees what is read behind it. */
static void says_what_python_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *copy = malloc(rows[i].len + 1);
        assert_non_null(copy);
        char *text = memcpy(copy + 1, rows[i].text, rows[i].len);
        galley_str slice = {text, rows[i].len};
        size_t offset = SIZE_MAX;
        if (json_check(slice) != -EBADMSG)
            fail_msg("row %zu is taken: %s", i, rows[i].text);
        const char *message = json_fault(slice, &offset);
        if (strcmp(message, rows[i].message) != 0 || offset != rows[i].offset)
            fail_msg("row %zu, %s: %s at %zu, not %s at %zu", i, rows[i].text, message, offset,
                     rows[i].message, rows[i].offset);
        free(copy);
    }
}

static const struct {
    const char *name, *text;
    size_t len;
    int answer;
} answers[] = {
#define TEXT(text) text, sizeof(text) - 1
    {"a value", TEXT(" [1] "), 0},
    {"a byte order mark", TEXT("\xef\xbb\xbf{}"), 0},
    {"half a byte order mark", TEXT("\xef\xbb{}"), -EILSEQ},
    {"UTF-16, little end first", TEXT("{\0}\0"), -EILSEQ},
    {"UTF-16, big end first", TEXT("\0{\0}"), -EILSEQ},
    {"UTF-16 of one digit", TEXT("1\0"), -EILSEQ},
    {"three bytes are no UTF-16", TEXT("1\0\0"), -EBADMSG},
    {"a byte of no encoding", TEXT("\"\xff\""), -EILSEQ},
    {"a character cut short", TEXT("\"\xe2\x82\""), -EILSEQ},
    {"an overlong slash", TEXT("\"\xc0\xaf\""), -EILSEQ},
    {"an overlong slash of three", TEXT("\"\xe0\x80\xaf\""), -EILSEQ},
    {"an overlong character of four", TEXT("\"\xf0\x8f\xbf\xbf\""), -EILSEQ},
    {"beyond the last character", TEXT("\"\xf4\x90\x80\x80\""), -EILSEQ},
    {"a surrogate in UTF-8", TEXT("\"\xed\xa0\x80\""), -EILSEQ},
    {"bad bytes outside a string", TEXT("[\xff]"), -EILSEQ},
    {"bad bytes behind a syntax error", TEXT("[1 2 \"\xff\"]"), -EILSEQ},
    {"a high surrogate", TEXT("\"\\ud800\""), -EILSEQ},
    {"a low surrogate", TEXT("\"\\udc00x\""), -EILSEQ},
    {"two high surrogates", TEXT("\"\\ud800\\ud800\""), -EILSEQ},
    {"a pair", TEXT("\"\\ud83d\\ude00\""), 0},
    {"a lone surrogate before a syntax error", TEXT("[\"\\ud800\""), -EBADMSG},
    {"a lone surrogate as a key", TEXT("{\"\\ud800\":1}"), -EILSEQ},
#undef TEXT
};

static void tells_encodings_from_syntax(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        int answer = json_check((galley_str){answers[i].text, answers[i].len});
        if (answer != answers[i].answer)
            fail_msg("%s: %d, not %d", answers[i].name, answer, answers[i].answer);
    }
}

/* Brackets up to the limit, and one beyond; in a numeral as many digits as Python converts, and one more. */
static void knows_its_limits(void **state)
{
    (void)state;
    char text[2 * JSON_MAX_DEPTH + 2];
    for (size_t depth = JSON_MAX_DEPTH; depth <= JSON_MAX_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(json_check((galley_str){text, 2 * depth}),
                         depth > JSON_MAX_DEPTH ? -EMLINK : 0);
    }
    char digits[4302];
    memset(digits, '7', sizeof digits);
    digits[0] = '-';
    assert_int_equal(json_check((galley_str){digits, 4301}), 0);
    assert_int_equal(json_check((galley_str){digits, 4302}), -EILSEQ);
    assert_int_equal(json_check((galley_str){digits + 1, 4301}), -EILSEQ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_python_says),
        cmocka_unit_test(tells_encodings_from_syntax),
        cmocka_unit_test(knows_its_limits),
    };
    return cmocka_run_group_tests_name("json_fault", tests, NULL, NULL);
}
