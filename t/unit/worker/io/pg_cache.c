/* t/unit/worker/io/pg_cache.c - prepared statements are found by their text, the least recently used one leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "worker/io/pg.h"

enum { TEXT_BYTES = 64 };

static const char *text(char *to, int number)
{
    snprintf(to, TEXT_BYTES, "select %d from item where id = $1", number);
    return to;
}

static struct pg_prepared *add(struct pg_cache *cache, int number, char evicted[PG_NAME_BYTES])
{
    char sql[TEXT_BYTES];
    struct pg_prepared *made = pg_cache_add(cache, text(sql, number), evicted);
    assert_non_null(made);
    return made;
}

static struct pg_prepared *find(struct pg_cache *cache, int number)
{
    char sql[TEXT_BYTES];
    return pg_cache_find(cache, text(sql, number));
}

static void test_found_by_text(void **state)
{
    static const char *const texts[] = {"",          "a",          "select 1",  "select 2",
                                        "select 1 ", "select 1\n", "12345678",  "123456789",
                                        "select 11", "selecu 1",   "1234567 8", "12345678 "};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    struct pg_prepared *made[COUNT];
    struct pg_cache cache;
    char evicted[PG_NAME_BYTES];
    (void)state;
    pg_cache_init(&cache);
    for (size_t i = 0; i < COUNT; i++) {
        assert_null(pg_cache_find(&cache, texts[i]));
        made[i] = pg_cache_add(&cache, texts[i], evicted);
        assert_string_equal(evicted, "");
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(pg_cache_find(&cache, texts[i]), made[i]);
        assert_string_equal(made[i]->sql, texts[i]);
    }
    pg_cache_remove(&cache, made[3]);
    assert_null(pg_cache_find(&cache, texts[3]));
    assert_int_equal(cache.count, COUNT - 1);
    pg_cache_release(&cache);
}

static void test_least_used_leaves(void **state)
{
    struct pg_cache cache;
    char evicted[PG_NAME_BYTES], first[PG_NAME_BYTES];
    (void)state;
    pg_cache_init(&cache);
    for (int i = 0; i < PG_CACHE_MAX; i++) {
        const struct pg_prepared *made = add(&cache, i, evicted);
        assert_string_equal(evicted, "");
        if (i == 1)
            memcpy(first, made->name, sizeof first);
    }
    assert_non_null(find(&cache, 0)); /* used again: 1 is the oldest now */
    add(&cache, 1000, evicted);
    assert_string_equal(evicted, first);
    assert_null(find(&cache, 1));
    assert_non_null(find(&cache, 0));
    assert_int_equal(cache.count, PG_CACHE_MAX);
    pg_cache_release(&cache);
}

static void test_names_are_never_used_twice(void **state)
{
    enum { COUNT = 5000 };
    static char seen[COUNT + 1];
    struct pg_cache cache;
    char evicted[PG_NAME_BYTES];
    (void)state;
    pg_cache_init(&cache);
    for (int i = 0; i < COUNT; i++) {
        unsigned number = 0;
        struct pg_prepared *made = add(&cache, i, evicted);
        assert_int_equal(sscanf(made->name, "g%u", &number), 1);
        assert_true(number > 0 && number <= COUNT && !seen[number]);
        seen[number] = 1;
        if (i % 7 == 0)
            pg_cache_remove(&cache, made);
        assert_true(cache.count <= PG_CACHE_MAX);
    }
    pg_cache_release(&cache);
}

static void test_states(void **state)
{
    static const struct {
        const char *state;
        int error;
    } rows[] = {
        {"23505", GALLEY_ECONSTRAINT}, {"23P01", GALLEY_ECONSTRAINT}, {"40001", GALLEY_ECONFLICT},
        {"40P01", GALLEY_ECONFLICT},   {"40002", GALLEY_EREFUSED},    {"57P01", GALLEY_ENOT_READY},
        {"57P03", GALLEY_ENOT_READY},  {"53300", GALLEY_ENOT_READY},  {"53200", GALLEY_EREFUSED},
        {"08006", GALLEY_ELOST},       {"57014", ETIMEDOUT},          {"42601", GALLEY_EREFUSED},
        {"", GALLEY_EREFUSED},         {NULL, GALLEY_EREFUSED}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(pg_error_of_state(rows[i].state), -rows[i].error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_by_text),
        cmocka_unit_test(test_least_used_leaves),
        cmocka_unit_test(test_names_are_never_used_twice),
        cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
