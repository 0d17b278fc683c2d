/* t/unit/worker/app/form_urlencoded.c - urlencoded bodies and their fields, as Starlette 1.10 has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/form_urlencoded.h"

static const struct {
    const char *name, *body, *fields; /* "name=value|" each */
} rows[] = {
    {"nothing", "", ""},
    {"one", "a=1", "a=1|"},
    {"several", "a=1&b=2&a=3", "a=1|b=2|a=3|"},
    {"ampersands", "&&a=1&&&b=2&", "a=1|b=2|"},
    {"no value", "a&b=&=c&=", "a=|b=|=c|=|"},
    {"semicolons part nothing", "a=1;b=2", "a=1;b=2|"},
    {"equals in a value", "a=b=c", "a=b=c|"},
    {"plus and escapes", "a+b=%31+%2B%c3%a5", "a b=1 +\xC3\xA5|"},
    {"escapes that are none", "a=%zz%4&b=%", "a=%zz%4|b=%|"},
    {"escapes that are no UTF-8", "a=%FF%C3&%ED%A0%80=1",
     "a=\xEF\xBF\xBD\xEF\xBF\xBD|\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD=1|"},
    {"other bytes are Latin-1", "\xE5=\xC3\xA5%C3\xA5%A5",
     "\xC3\xA5=\xC3\x83\xC2\xA5\xEF\xBF\xBD\xC2\xA5\xEF\xBF\xBD|"},
};

static void fields_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct form form = {0};
        struct arena arena;
        const char *why = NULL;
        char found[256] = "";
        arena_init(&arena, NULL, 0, 1 << 20);
        galley_str body = {rows[i].body, strlen(rows[i].body)};
        assert_int_equal(form_urlencoded_parse(body, &form, &arena, &why), 0);
        for (const struct form_field *field = form.first; field != NULL; field = field->next) {
            size_t len = strlen(found);
            assert_null(field->file);
            snprintf(found + len, sizeof found - len, "%.*s=%.*s|", GALLEY_STR_ARG(field->name),
                     GALLEY_STR_ARG(field->text));
        }
        if (strcmp(found, rows[i].fields) != 0)
            fail_msg("%s: \"%s\" instead of \"%s\"", rows[i].name, found, rows[i].fields);
        arena_release(&arena);
    }
}

static void memory_can_end(void **state)
{
    (void)state;
    struct form form = {0};
    struct arena arena;
    const char *why = NULL;
    arena_init(&arena, NULL, 0, 0);
    assert_int_equal(form_urlencoded_parse(GALLEY_STR("a=1"), &form, &arena, &why), -ENOMEM);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found),
        cmocka_unit_test(memory_can_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
