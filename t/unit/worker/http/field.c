/* field.c - the quick ways over paths, values and names find what the table of bytes says.
 * Does:     put every byte at every place of runs of 0 to 40 bytes that end in front of a page that cannot be read.
 * Does not: judge the table: h1_parse.c's rows do.
 * See:      worker/http/field.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "worker/http/field.h"
#include "unit/worker/http/guard.h"

#include <cmocka.h>

enum { RUN_BYTES = 40 };

static const struct row {
    const char *name;
    size_t (*over)(const char *data, size_t pos, size_t end);
    int classes;
    char usual;
} rows[] = {
    {"paths", field_skip_path, FIELD_PATH, 'p'},
    {"values", field_skip_value, FIELD_VALUE, 'v'},
    {"names", field_skip_token, FIELD_TOKEN, 'n'},
    {"names with signs", field_skip_token, FIELD_TOKEN, '-'},
    {"names of what is no letter", field_skip_token, FIELD_TOKEN, '_'},
};

static void agrees_with_the_table(void **state)
{
    const struct row *row = *state;
    for (size_t len = 0; len <= RUN_BYTES; len++) {
        char *data = guard_end() - len;
        memset(data, row->usual, len);
        assert_int_equal(row->over(data, 0, len), len);
        for (size_t at = 0; at < len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                data[at] = (char)byte;
                for (size_t from = 0; from <= at; from += 7)
                    if (row->over(data, from, len) != field_skip(data, from, len, row->classes))
                        fail_msg("byte 0x%02x at %zu of %zu, from %zu: %zu", (unsigned)byte, at,
                                 len, from, row->over(data, from, len));
            }
            data[at] = row->usual;
        }
    }
}

int main(void)
{
    enum { COUNT = sizeof rows / sizeof rows[0] };
    static struct CMUnitTest tests[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){.name = rows[i].name,
                                       .test_func = agrees_with_the_table,
                                       .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("field", tests, NULL, NULL);
}
