/* t/unit/common/errmsg.c - sentences are kept, bounded and not cut silently. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/errmsg.h"

static void first_reason_stays(void **state)
{
    (void)state;
    struct errmsg why = {0};
    errmsg_set(&why, "cannot open %s", "x");
    errmsg_set(&why, "later");
    errno = ENOENT;
    errmsg_set_sys(&why, "later");
    assert_string_equal(why.text, "cannot open x");
}

static void system_reason_is_appended(void **state)
{
    (void)state;
    struct errmsg why = {0};
    errno = ENOENT;
    errmsg_set_sys(&why, "cannot open %s", "x");
    assert_string_equal(why.text, "cannot open x: No such file or directory");
    assert_int_equal(errno, ENOENT);
}

static void long_ones_end_in_dots(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t len;
        const char *end; /* of the result */
    } rows[] = {{"one byte left", 510, "aaa"},
                {"fits exactly", 511, "aaa"},
                {"one too many", 512, "a..."},
                {"far too many", 4000, "a..."}};
    static char text[4001];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errmsg why = {0};
        memset(text, 'a', rows[i].len);
        text[rows[i].len] = '\0';
        errmsg_set(&why, "%s", text);
        size_t len = strlen(why.text), end = strlen(rows[i].end);
        if (len != (rows[i].len < 511 ? rows[i].len : 511) ||
            strcmp(why.text + len - end, rows[i].end))
            fail_msg("%s: %zu bytes, ends in %s", rows[i].name, len, why.text + len - end);
        why.text[0] = '\0';
        errno = ENOENT;
        errmsg_set_sys(&why, "%s", text);
        assert_string_equal(why.text + strlen(why.text) - 3, "...");
    }
}

static void no_character_is_cut(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 3; shift++) {
        char text[700];
        struct errmsg why = {0};
        memset(text, 'a', shift);
        for (size_t i = shift; i < sizeof(text) - 4; i += 3)
            memcpy(text + i, "\xE2\x82\xAC", 4); /* the euro sign */
        errmsg_set(&why, "%s", text);
        size_t len = strlen(why.text);
        assert_string_equal(why.text + len - 3, "...");
        assert_int_equal((len - 3 - shift) % 3, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_reason_stays),
        cmocka_unit_test(system_reason_is_appended),
        cmocka_unit_test(long_ones_end_in_dots),
        cmocka_unit_test(no_character_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
