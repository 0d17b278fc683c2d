/* t/unit/common/symbols.c - names of functions that the linker knows, and of those that only the file does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/symbols.h"

static __attribute__((noinline)) int hidden_from_the_linker(int x)
{
    return x * 3 + 1;
}

static void names(void **state)
{
    struct symbol symbol;
    (void)state;
    assert_true(symbol_find((uintptr_t)hidden_from_the_linker, &symbol));
    assert_string_equal(symbol.name, "hidden_from_the_linker");
    assert_string_equal(symbol.object, "symbols.t");
    assert_true(symbol_find((uintptr_t)hidden_from_the_linker + 1, &symbol));
    assert_string_equal(symbol.name, "hidden_from_the_linker");
    assert_true(symbol_find((uintptr_t)lrand48 + 4, &symbol));
    assert_string_equal(symbol.name, "lrand48");
    assert_non_null(strstr(symbol.object, "libc"));
}

static void nowhere(void **state)
{
    static int data;
    int local;
    struct symbol symbol;
    (void)state;
    assert_false(symbol_find((uintptr_t)&local, &symbol));
    assert_false(symbol_find(0, &symbol));
    assert_true(symbol_find((uintptr_t)&data, &symbol)); /* no code, but in an object */
    assert_string_equal(symbol.name, "");
}

static void words(void **state)
{
    struct symbol symbol = {.name = "grill", .object = "shop.so", .offset = 0x1234};
    char text[64], little[8];
    (void)state;
    symbol_write(&symbol, text, sizeof text);
    assert_string_equal(text, "grill (shop.so+0x1234)");
    symbol_write(&symbol, little, sizeof little);
    assert_string_equal(little, "grill (");
    symbol.name[0] = '\0';
    symbol_write(&symbol, text, sizeof text);
    assert_string_equal(text, "shop.so+0x1234");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(nowhere),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
