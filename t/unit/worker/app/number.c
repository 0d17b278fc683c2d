/* t/unit/worker/app/number.c - numbers as Pydantic 2.14 reads and writes them, row by row. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/number.h"

static const struct {
    const char *text;
    int answer;
    int64_t value;
} ints[] = {
    {"1", 0, 1},
    {"+1", 0, 1},
    {"-1", 0, -1},
    {"--1", -EINVAL, 0},
    {"+-1", -EINVAL, 0},
    {"-+1", -EINVAL, 0},
    {"++1", -EINVAL, 0},
    {"1_0", 0, 10},
    {"1__0", -EINVAL, 0},
    {"0__7", 0, 7}, /* underscores among the zeros that lead count for nothing */
    {"-0_0__07_1", 0, -71},
    {"0_", -EINVAL, 0},
    {"0_.0", -EINVAL, 0},
    {"00.0", 0, 0},
    {"_1", -EINVAL, 0},
    {"1_", -EINVAL, 0},
    {"-_1", -EINVAL, 0},
    {"+_1", -EINVAL, 0},
    {"0_1", 0, 1},
    {"0_", -EINVAL, 0},
    {"_0", -EINVAL, 0},
    {"00", 0, 0},
    {"-00", 0, 0},
    {"-0_0", 0, 0},
    {"0_0", 0, 0},
    {"1.", -EINVAL, 0},
    {"1.0", 0, 1},
    {"1.00", 0, 1},
    {"1_0.0", 0, 10},
    {"1.0_0", -EINVAL, 0},
    {"1._0", -EINVAL, 0},
    {"1_.0", -EINVAL, 0},
    {".0", -EINVAL, 0},
    {"0.", -EINVAL, 0},
    {".", -EINVAL, 0},
    {"", -EINVAL, 0},
    {"-", -EINVAL, 0},
    {"+", -EINVAL, 0},
    {"-.0", -EINVAL, 0},
    {"-1.0", 0, -1},
    {"+1.0", 0, 1},
    {"-1_0.0", 0, -10},
    {"007.0", 0, 7},
    {"0_7", 0, 7},
    {"+007", 0, 7},
    {"-007", 0, -7},
    {"-0_7", 0, -7},
    {"+0_7", 0, 7},
    {" 1 ", 0, 1},
    {"\0111\012", 0, 1},
    {"\302\2401\342\200\203", 0, 1},
    {"- 1", -EINVAL, 0},
    {"1 0", -EINVAL, 0},
    {"1e3", -EINVAL, 0},
    {"0x1", -EINVAL, 0},
    {"1,0", -EINVAL, 0},
    {"0-7", -EINVAL, 0}, /* Pydantic takes it for -7 */
    {"9223372036854775808", -ERANGE, 0},
    {"-9223372036854775808", 0, INT64_MIN},
    {"-9223372036854775809", -ERANGE, 0},
    {"99999999999999999999999999", -ERANGE, 0},
    {"0000000000000000000000000000005", 0, 5},
    {"9223372036854775807.0", 0, INT64_MAX},
    {"1.5", -EINVAL, 0},
    {"1.0.0", -EINVAL, 0},
    {"\331\241", -EINVAL, 0},
    {"1_000_000.000", 0, 1000000},
    {"+ 1", -EINVAL, 0},
    {"0000.0000", 0, 0},
    {"0_.0", -EINVAL, 0},
    {"\0341", -EINVAL, 0},
    {"\0131\014", 0, 1},
    {"1\302\205", 0, 1},
};

static const struct {
    const char *text;
    int answer;
    double value;
} floats[] = {
    {"1", 0, 1.0},
    {"1.", 0, 1.0},
    {".5", 0, 0.5},
    {".", -EINVAL, 0},
    {"1e3", 0, 1000.0},
    {"1E3", 0, 1000.0},
    {"1e+3", 0, 1000.0},
    {"1e", -EINVAL, 0},
    {"e3", -EINVAL, 0},
    {"1_0", 0, 10.0},
    {"1_0.5", 0, 10.5},
    {"1__0", -EINVAL, 0},
    {"_1", -EINVAL, 0},
    {"1_", -EINVAL, 0},
    {"1_.0", 0, 1.0},
    {"1._0", 0, 1.0},
    {"1e1_0", 0, 10000000000.0},
    {"+1", 0, 1.0},
    {"-1", 0, -1.0},
    {"+-1", -EINVAL, 0},
    {"++1", -EINVAL, 0},
    {"-.5", 0, -0.5},
    {"+.5", 0, 0.5},
    {"inf", 0, INFINITY},
    {"-inf", 0, -INFINITY},
    {"+inf", 0, INFINITY},
    {"INF", 0, INFINITY},
    {"infinity", 0, INFINITY},
    {"Infinity", 0, INFINITY},
    {"-Infinity", 0, -INFINITY},
    {"nan", 0, NAN},
    {"NaN", 0, NAN},
    {"-nan", 0, NAN},
    {"+nan", 0, NAN},
    {"infin", -EINVAL, 0},
    {"1e400", 0, INFINITY},
    {"-1e400", 0, -INFINITY},
    {"1e-400", 0, 0.0},
    {"0x10", -EINVAL, 0},
    {"1f", -EINVAL, 0},
    {" 1.5 ", 0, 1.5},
    {"\302\2401.5", 0, 1.5},
    {"1,5", -EINVAL, 0},
    {"", -EINVAL, 0},
    {"-", -EINVAL, 0},
    {"0x1p3", -EINVAL, 0},
    {"nan(1)", -EINVAL, 0},
    {"1 2", -EINVAL, 0},
    {"1.5.5", -EINVAL, 0},
    {"1e5.5", -EINVAL, 0},
    {"\0341", -EINVAL, 0},
    {"1_0e1", 0, 100.0},
    {"-_1", 0, -1.0},
    {"1e_5", 0, 100000.0},
    {"i_nf", 0, INFINITY},
    {"0.1", 0, 0.1},
    {"123456789012345678", 0, 1.2345678901234568e+17},
    {"0.1234567890123456789", 0, 0.12345678901234568},
    {"1e22", 0, 1e+22},
    {"1e23", 0, 1e+23},
    {"9007199254740993", 0, 9007199254740992.0},
    {"4.9e-324", 0, 5e-324},
    {"2.2250738585072011e-308", 0, 2.225073858507201e-308},
    {"1.7976931348623157e308", 0, 1.7976931348623157e+308},
    {"0e400", 0, 0.0},
    {"00001.5", 0, 1.5},
};

/* A float as a model, as `input` and `ctx`, as a message writes it. */
static const struct {
    double value;
    const char *model, *python, *plain;
} spellings[] = {
    {0.0, "0.0", "0.0", "0"},
    {-0.0, "-0.0", "-0.0", "0"},
    {1.0, "1.0", "1.0", "1"},
    {100.0, "100.0", "100.0", "100"},
    {1.5, "1.5", "1.5", "1.5"},
    {0.1, "0.1", "0.1", "0.1"},
    {0.3, "0.3", "0.3", "0.3"},
    {0.30000000000000004, "0.30000000000000004", "0.30000000000000004", "0.30000000000000004"},
    {1e-05, "0.00001", "1e-05", "0.00001"},
    {3e-05, "0.00003", "3e-05", "0.00003"},
    {9.999e-06, "9.999e-6", "9.999e-06", "0.000009999"},
    {1e-06, "1e-6", "1e-06", "0.000001"},
    {1e-07, "1e-7", "1e-07", "0.0000001"},
    {1.5e-07, "1.5e-7", "1.5e-07", "0.00000015"},
    {0.0001, "0.0001", "0.0001", "0.0001"},
    {0.00012, "0.00012", "0.00012", "0.00012"},
    {1000000000000000.0, "1000000000000000.0", "1000000000000000.0", "1000000000000000"},
    {1e+16, "1e+16", "1e+16", "10000000000000000"},
    {1e+17, "1e+17", "1e+17", "100000000000000000"},
    {1.2345678901234568e+17, "1.2345678901234568e+17", "1.2345678901234568e+17",
     "123456789012345680"},
    {9007199254740992.0, "9007199254740992.0", "9007199254740992.0", "9007199254740992"},
    {1e+21, "1e+21", "1e+21", "1000000000000000000000"},
    {1e+22, "1e+22", "1e+22", "10000000000000000000000"},
    {1e+23, "1e+23", "1e+23", "100000000000000000000000"},
    {5.684341886080802e-14, "5.684341886080802e-14", "5.684341886080802e-14",
     "0.00000000000005684341886080802"},
    {5e-324, "5e-324", "5e-324", NULL},
    {2.2250738585072014e-308, "2.2250738585072014e-308", "2.2250738585072014e-308", NULL},
    {1.7976931348623157e+308, "1.7976931348623157e+308", "1.7976931348623157e+308", NULL},
    {12.5, "12.5", "12.5", "12.5"},
    {2.01, "2.01", "2.01", "2.01"},
    {9.99, "9.99", "9.99", "9.99"},
    {0.3333333333333333, "0.3333333333333333", "0.3333333333333333", "0.3333333333333333"},
    {0.6666666666666666, "0.6666666666666666", "0.6666666666666666", "0.6666666666666666"},
    {1e+100, "1e+100", "1e+100", NULL},
    {1234.5678, "1234.5678", "1234.5678", "1234.5678"},
    {999999999999999.9, "999999999999999.9", "999999999999999.9", "999999999999999.9"},
    {9999999999999998.0, "9999999999999998.0", "9999999999999998.0", "9999999999999998"},
    {1.23456789e-15, "1.23456789e-15", "1.23456789e-15", "0.00000000000000123456789"},
    {4.35, "4.35", "4.35", "4.35"},
    {0.615, "0.615", "0.615", "0.615"},
    {1e-10, "1e-10", "1e-10", "0.0000000001"},
    {-3.25, "-3.25", "-3.25", "-3.25"},
    {65536.0, "65536.0", "65536.0", "65536"},
    {1.1805916207174113e+21, "1.1805916207174113e+21", "1.1805916207174113e+21",
     "1180591620717411300000"},
};

static void ints_are_read_as_pydantic_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        int64_t value = 0;
        int rc = number_parse_int((galley_str){ints[i].text, strlen(ints[i].text)}, &value);
        if (rc != ints[i].answer || (rc == 0 && value != ints[i].value))
            fail_msg("\"%s\": %d, %lld", ints[i].text, rc, (long long)value);
    }
}

static void long_numerals_end(void **state)
{
    (void)state;
    static char text[9000];
    int64_t whole;
    double value;
    memset(text, '0', sizeof text);
    assert_int_equal(number_parse_int((galley_str){text, 4300}, &whole), 0);
    assert_int_equal(number_parse_int((galley_str){text, 4301}, &whole), 0);
    text[0] = '1';
    assert_int_equal(number_parse_int((galley_str){text, 4301}, &whole), -ERANGE);
    text[4301] = 'x'; /* nobody gets there */
    assert_int_equal(number_parse_int((galley_str){text, 4302}, &whole), -ERANGE);
    text[4300] = 'x';
    assert_int_equal(number_parse_int((galley_str){text, 4301}, &whole), -EINVAL);
    text[0] = text[4300] = text[4301] = '0';
    text[sizeof text - 1] = '7';
    assert_int_equal(number_parse_float((galley_str){text, sizeof text}, &value), 0);
    assert_true(value == 7);
    memset(text, '9', sizeof text);
    assert_int_equal(number_parse_float((galley_str){text, sizeof text}, &value), 0);
    assert_true(isinf(value));
}

static void floats_are_read_as_pydantic_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        double value = 0;
        int rc = number_parse_float((galley_str){floats[i].text, strlen(floats[i].text)}, &value);
        bool is_same = value == floats[i].value || (isnan(value) && isnan(floats[i].value));
        if (rc != floats[i].answer || (rc == 0 && !is_same))
            fail_msg("\"%s\": %d, %.17g", floats[i].text, rc, value);
    }
}

static uint64_t next_random(uint64_t *bits)
{
    *bits ^= *bits << 13;
    *bits ^= *bits >> 7;
    return *bits ^= *bits << 17;
}

/* Any numeral: read as libc does, whichever way it takes. */
static void floats_are_rounded_as_libc_does(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252ULL;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        uint64_t digits = next_random(&bits) >> (next_random(&bits) % 64);
        int power = (int)(next_random(&bits) % 64) - 40, point = (int)(next_random(&bits) % 20);
        if (i % 3 == 0) /* half way between two floats, and next to it */
            digits =
                (((digits | UINT64_C(1) << 63) >> 10) << 10 | 0x400) + next_random(&bits) % 3 - 1;
        if (i % 2 == 0)
            snprintf(text, sizeof text, "%llue%d", (unsigned long long)digits, power);
        else
            snprintf(text, sizeof text, "-%llu.%0*llu", (unsigned long long)(digits % 100000),
                     point, (unsigned long long)(digits >> (63 - 3 * point)));
        double value = 0;
        assert_int_equal(number_parse_float((galley_str){text, strlen(text)}, &value), 0);
        if (value != strtod(text, NULL))
            fail_msg("%s is read as %.17g", text, value);
    }
}

static void ints_are_written(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 7, -7, 10, 99, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[NUMBER_BYTES + 1], want[32];
        text[number_write_int(text, values[i])] = '\0';
        snprintf(want, sizeof want, "%lld", (long long)values[i]);
        assert_string_equal(text, want);
    }
}

static void check_spelling(double value, enum float_form form, const char *want)
{
    char text[NUMBER_PLAIN_BYTES + 1];
    if (want == NULL)
        return;
    text[number_write_float(text, value, form)] = '\0';
    assert_string_equal(text, want);
}

static void floats_are_spelled_three_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        check_spelling(spellings[i].value, FLOAT_MODEL, spellings[i].model);
        check_spelling(spellings[i].value, FLOAT_PYTHON, spellings[i].python);
        check_spelling(spellings[i].value, FLOAT_PLAIN, spellings[i].plain);
    }
}

static size_t digit_count(const char *text)
{
    size_t count = 0, zeros = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && count == 0))
            continue;
        zeros = *text == '0' ? zeros + 1 : 0;
        count++;
    }
    return count - zeros;
}

/* Any double: what is written reads back as it, and no decimal of fewer digits would. */
static void floats_are_shortest_and_exact(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252ULL;
    for (int i = 0; i < 20000; i++) {
        char text[NUMBER_BYTES + 1], plain[NUMBER_PLAIN_BYTES + 1], fewer[40];
        double value;
        next_random(&bits);
        memcpy(&value, &bits, sizeof value);
        if (i % 3 == 1)
            value = (double)(int64_t)(bits % 100000000) / (i % 2 ? 1000 : 64);
        if (i % 3 == 2)
            value = ldexp(1, (int)(bits % 2098) - 1074);
        if (!isfinite(value) || value == 0)
            continue;
        size_t len = number_write_float(text, value, FLOAT_MODEL);
        assert_true(len <= NUMBER_BYTES);
        text[len] = '\0';
        len = number_write_float(plain, value, FLOAT_PLAIN);
        assert_true(len <= NUMBER_PLAIN_BYTES);
        plain[len] = '\0';
        if (strtod(text, NULL) != value || strtod(plain, NULL) != value)
            fail_msg("%.17g is written %s and %s", value, text, plain);
        size_t digits = digit_count(text);
        if (digits > 1) {
            snprintf(fewer, sizeof fewer, "%.*e", (int)digits - 2, value);
            if (strtod(fewer, NULL) == value)
                fail_msg("%s is longer than %s", text, fewer);
        }
    }
}

/* A whole number beyond int64 is shown as the number that the text was taken for. */
static void large_numbers_are_plain(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain;
    } rows[] = {
        {"99999999999999999999", "99999999999999999999"},
        {" -1_000_000_000_000_000_000_000 ", "-1000000000000000000000"},
        {"+0009223372036854775808.000", "9223372036854775808"},
        {"-0_0_99999999999999999999", "-99999999999999999999"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char room[64];
        int64_t value;
        galley_str text = {rows[i].text, strlen(rows[i].text)}, plain = number_plain(text, room);
        assert_int_equal(number_parse_int(text, &value), -ERANGE);
        assert_int_equal(plain.len, strlen(rows[i].plain));
        assert_memory_equal(plain.data, rows[i].plain, plain.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ints_are_read_as_pydantic_does),
        cmocka_unit_test(long_numerals_end),
        cmocka_unit_test(floats_are_read_as_pydantic_does),
        cmocka_unit_test(floats_are_rounded_as_libc_does),
        cmocka_unit_test(large_numbers_are_plain),
        cmocka_unit_test(ints_are_written),
        cmocka_unit_test(floats_are_spelled_three_ways),
        cmocka_unit_test(floats_are_shortest_and_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
