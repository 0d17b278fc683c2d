/* t/unit/worker/http/text.c - decoding, repairing, counting and trimming text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "worker/http/text.h"

static const struct {
    const char *name, *text;
    enum text_escapes escapes;
    int answer;
    const char *decoded; /* '|' stands for TEXT_SLASH */
} rows[] = {
    {"nothing to do", "soup", TEXT_QUERY, 0, "soup"},
    {"empty", "", TEXT_QUERY, 0, ""},
    {"plus in a query", "a+b", TEXT_QUERY, 0, "a b"},
    {"plus in a path", "a+b", TEXT_PATH, 0, "a+b"},
    {"escapes", "%61%2B%20%c3%A5", TEXT_QUERY, 0, "a+ \xC3\xA5"},
    {"slash in a path", "a%2Fb/c", TEXT_PATH, 0, "a/b/c"},
    {"slash in a route", "a%2fb/c", TEXT_ROUTE, 0, "a|b/c"},
    {"NUL in a route", "a%00", TEXT_ROUTE, -EINVAL, NULL},
    {"no escape", "%zz%4%", TEXT_QUERY, 0, "%zz%4%"},
    {"escape of an escape", "%2561", TEXT_QUERY, 0, "%61"},
    {"bytes that are no text", "%FF%FE", TEXT_QUERY, 0, "\xEF\xBF\xBD\xEF\xBF\xBD"},
    {"a cut sequence before a letter", "%E2%82z", TEXT_PATH, 0, "\xEF\xBF\xBDz"},
    {"a cut sequence before another", "%F0%9F%98%C3%A5", TEXT_PATH, 0, "\xEF\xBF\xBD\xC3\xA5"},
    {"raw bytes", "long enough\xFFto be looked at", TEXT_QUERY, 0,
     "long enough\xEF\xBF\xBDto be looked at"},
};

static void escapes_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arena arena;
        galley_str decoded;
        size_t len = strlen(rows[i].text);
        char *exact = malloc(len + (len == 0)), want[64];
        memcpy(exact, rows[i].text, len);
        arena_init(&arena, NULL, 0, 1 << 16);
        int rc = text_decode(&arena, (galley_str){exact, len}, rows[i].escapes, &decoded);
        assert_int_equal(rc, rows[i].answer);
        if (rc == 0) {
            snprintf(want, sizeof want, "%s", rows[i].decoded);
            for (char *at = want; (at = strchr(at, '|')) != NULL;)
                *at = TEXT_SLASH;
            size_t want_len = strlen(rows[i].decoded);
            if (decoded.len != want_len || memcmp(decoded.data, want, want_len) != 0)
                fail_msg("%s: %.*s", rows[i].name, GALLEY_STR_ARG(decoded));
        }
        arena_release(&arena);
        free(exact);
    }
}

static void without_memory_nothing_is_lost_silently(void **state)
{
    (void)state;
    struct arena arena;
    galley_str text;
    arena_init(&arena, NULL, 0, 0);
    assert_int_equal(text_decode(&arena, GALLEY_STR("soup"), TEXT_QUERY, &text), 0);
    assert_int_equal(text_decode(&arena, GALLEY_STR("%20"), TEXT_QUERY, &text), -ENOMEM);
    assert_int_equal(text_from_latin1(&arena, GALLEY_STR("\xE5"), &text), -ENOMEM);
    assert_int_equal(text_repair(&arena, GALLEY_STR("\xE5"), &text), -ENOMEM);
    arena_release(&arena);
}

static void latin1_becomes_utf8(void **state)
{
    (void)state;
    struct arena arena;
    galley_str text;
    arena_init(&arena, NULL, 0, 1 << 16);
    assert_int_equal(text_from_latin1(&arena, GALLEY_STR("r\xE4ksm\xF6rg\xFF\x80"), &text), 0);
    assert_int_equal(text.len, 14);
    assert_memory_equal(text.data, "r\xC3\xA4ksm\xC3\xB6rg\xC3\xBF\xC2\x80", 14);
    assert_int_equal(text_count(text), 10);
    arena_release(&arena);
}

static void spaces_are_trimmed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *trimmed;
    } spaces[] = {
        {"", ""},
        {" \t\r\n\v\f", ""},
        {" a b ", "a b"},
        {"\xC2\xA0x\xC2\x85", "x"},
        {"\xE2\x80\x83\xE3\x80\x80x\xE2\x80\xA8\xE1\x9A\x80", "x"},
        {"\xE2\x80\x8Bx\xE2\x80\x8B", "\xE2\x80\x8Bx\xE2\x80\x8B"}, /* of no width: no space */
        {"\x1Cx", "\x1Cx"},
    };
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        galley_str trimmed = text_trim((galley_str){spaces[i].text, strlen(spaces[i].text)});
        assert_int_equal(trimmed.len, strlen(spaces[i].trimmed));
        assert_memory_equal(trimmed.data, spaces[i].trimmed, trimmed.len);
    }
}

static void urls_are_given_back(void **state)
{
    (void)state;
    static const struct {
        const char *path, *given;
    } urls[] = {
        {"/a/b", "/a/b"},
        {"", ""},
        {"/%61%7E%2B%28", "/a~+("},
        {"/%2F%2f%3F%23%25", "/%2F%2f%3F%23%25"}, /* would be read otherwise */
        {"/%c3%a5%5c%7f%0a", "/%C3%A5%5C%7F%0A"},
        {"/\"<>\\^`{|}\xC3", "/%22%3C%3E%5C%5E%60%7B%7C%7D%C3"},
        {"/%zz%4", "/%zz%4"},
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        char given[64];
        const char *end = text_put_path(given, (galley_str){urls[i].path, strlen(urls[i].path)});
        assert_int_equal(end - given, strlen(urls[i].given));
        assert_memory_equal(given, urls[i].given, (size_t)(end - given));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(without_memory_nothing_is_lost_silently),
        cmocka_unit_test(latin1_becomes_utf8),
        cmocka_unit_test(spaces_are_trimmed),
        cmocka_unit_test(urls_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
