/* t/unit/worker/app/json_write.c - strings, times and buffers; whole models are in t/70-app.t (GET /everything). */
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

#include "worker/app/json_write.h"

static const struct {
    const char *name, *text, *json;
} strings[] = {
    {"empty", "", "\"\""},
    {"plain", "soup", "\"soup\""},
    {"longer than a word", "the quick brown fox", "\"the quick brown fox\""},
    {"quote and backslash", "a\"b\\c", "\"a\\\"b\\\\c\""},
    {"short forms", "\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
    {"control bytes", "\x01\x1f", "\"\\u0001\\u001f\""},
    {"not control", "\x7f/ ", "\"\x7f/ \""},
    {"control byte at each place of a word", "1234567\x02", "\"1234567\\u0002\""},
    {"UTF-8 stays", "\xC3\xA5\xE2\x82\xAC\xF0\x9F\x98\x80",
     "\"\xC3\xA5\xE2\x82\xAC\xF0\x9F\x98\x80\""},
    {"a lone continuation", "a\x80z", "\"a\xEF\xBF\xBDz\""},
    {"a cut sequence is one", "\xE2\x82", "\"\xEF\xBF\xBD\""},
    {"overlong", "\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"a surrogate", "\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    {"beyond U+10FFFF", "\xF4\x90\x80\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
};

/* Each string from memory that ends with it, into first buffers of every size. */
static void strings_are_escaped(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        size_t len = strlen(strings[i].text);
        char *exact = malloc(len + (len == 0));
        memcpy(exact, strings[i].text, len);
        for (size_t room = 0; room < 48; room++) {
            char *first = malloc(room + (room == 0));
            struct json_out out;
            json_out_init(&out, first, room, 1 << 20);
            json_string(&out, (galley_str){exact, len});
            assert_int_equal(out.error, 0);
            if (out.len != strlen(strings[i].json) ||
                memcmp(out.data, strings[i].json, out.len) != 0)
                fail_msg("%s: %.*s", strings[i].name, (int)out.len, out.data);
            json_out_release(&out);
            free(first);
        }
        free(exact);
    }
}

static void ceilings_hold(void **state)
{
    (void)state;
    char first[8];
    struct json_out out;
    json_out_init(&out, first, sizeof first, 100);
    for (int i = 0; i < 50; i++)
        json_literal(&out, "abc");
    json_string(&out, GALLEY_STR("more"));
    json_int(&out, 1);
    assert_int_equal(out.error, -EMSGSIZE);
    assert_true(out.len <= 100);
    assert_memory_equal(out.data, "abcabcabcabc", 12);
    json_out_release(&out);
}

struct moment {
    galley_time at;
};
static const struct galley_field moment_fields[] = {
    {.name = "at", .offset = 0, .size = sizeof(galley_time), .kind = GALLEY_TIME}};
static const struct galley_model moment_model = {"moment", sizeof(struct moment), moment_fields, 1};

static const struct {
    galley_time time;
    const char *json; /* NULL: refused */
} times[] = {
    {{0, 0, 0, true}, "1970-01-01T00:00:00Z"},
    {{0, 0, 0, false}, "1970-01-01T00:00:00"},
    {{-1, 0, 0, true}, "1969-12-31T23:59:59Z"},
    {{951827696, 0, 0, true}, "2000-02-29T12:34:56Z"},
    {{4107542400, 0, 0, true}, "2100-03-01T00:00:00Z"},
    {{1709210096, 1000, 120, true}, "2024-02-29T14:34:56.000001+02:00"},
    {{1709210096, 999, -570, true}, "2024-02-29T03:04:56-09:30"},
    {{-62135596800, 0, 0, true}, "0001-01-01T00:00:00Z"},
    {{253402300799, 999999999, 0, true}, "9999-12-31T23:59:59.999999Z"},
    {{253402300800, 0, 0, true}, NULL},
    {{-62135596801, 0, 0, true}, NULL},
    {{INT64_MAX, 0, 0, true}, NULL},
    {{INT64_MAX, 0, 840, true}, NULL},
    {{INT64_MIN, 0, -840, true}, NULL},
    {{0, -1, 0, true}, NULL},
};

static void times_are_iso_8601(void **state)
{
    (void)state;
    struct errmsg why = {{0}};
    struct json_writer *writer = json_writer_new(&moment_model, &why);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        char first[128], want[128];
        struct json_out out;
        const struct moment moment = {times[i].time};
        json_out_init(&out, first, sizeof first, 128);
        json_write(&out, writer, &moment);
        assert_int_equal(out.error, times[i].json != NULL ? 0 : -ERANGE);
        if (times[i].json == NULL)
            continue;
        snprintf(want, sizeof want, "{\"at\":\"%s\"}", times[i].json);
        if (out.len != strlen(want) || memcmp(first, want, out.len) != 0)
            fail_msg("%.*s, not %s", (int)out.len, first, want);
    }
    json_writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(times_are_iso_8601),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
