/* t/unit/common/stats.c - the table of stats.def is whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/stats.h"

static void rows_cover_the_struct(void **state)
{
    (void)state;
    assert_int_equal(stat_row_count * sizeof(uint64_t), sizeof(struct stats));
    for (size_t i = 0; i < stat_row_count; i++) {
        const struct stat_row *row = &stat_rows[i];
        assert_int_equal(row->offset, i * sizeof(uint64_t));
        assert_true(row->help[0] && row->unit[0]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(row->name, stat_rows[j].name);
        size_t len = strlen(row->name);
        if (len > 6 && !strcmp(row->name + len - 6, "_total"))
            assert_int_equal(row->kind, STAT_COUNTER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_cover_the_struct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
