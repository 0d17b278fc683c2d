/* t/unit/worker/app/octets.c - base64 both ways, by RFC 4648's vectors and by what is refused; UUIDs are in scalar.def. */
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/octets.h"

static const struct {
    const char *text, *octets;
} pairs[] = {{"", ""},
             {"Zg==", "f"},
             {"Zm8=", "fo"},
             {"Zm9v", "foo"},
             {"Zm9vYg==", "foob"},
             {"Zm9vYmE=", "fooba"},
             {"Zm9vYmFy", "foobar"},
             {"+/+/", "\xfb\xff\xbf"}};

static const struct {
    const char *text, *fault;
} refused[] = {
    {"Zm8", "Incorrect padding"},
    {"Zg=", "Incorrect padding"},
    {"Zm9vYg", "Incorrect padding"},
    {"Z", "Invalid base64-encoded string: number of data characters cannot be 1 more than a "
          "multiple of 4"},
    {"Z===", "Invalid base64-encoded string: number of data characters cannot be 1 more than a "
             "multiple of 4"},
    {"=", "Leading padding not allowed"},
    {"====", "Leading padding not allowed"},
    {"Zm9v=", "Excess data after padding"},
    {"Zg==Zg==", "Excess data after padding"},
    {"Zm8=\n", "Excess data after padding"},
    {"Zg===", "Excess data after padding"},
    {"Zg=x", "Discontinuous padding not allowed"},
    {"Zm 8=", "Only base64 data is allowed"},
    {"Zm8-", "Only base64 data is allowed"},
    {"Zm8_", "Only base64 data is allowed"},
    {"\xC3\xA9", "Only base64 data is allowed"},
    {"Zg=!", "Only base64 data is allowed"},
};

static void octets_go_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        uint8_t octets[16];
        char text[16];
        size_t len = 99, octet_count = strlen(pairs[i].octets);
        galley_str from = {pairs[i].text, strlen(pairs[i].text)};
        assert_null(base64_decode(from, octets, &len));
        assert_int_equal(len, octet_count);
        assert_memory_equal(octets, pairs[i].octets, len);
        len = base64_encode(text, (galley_bytes){octets, octet_count});
        assert_int_equal(len, from.len);
        assert_memory_equal(text, from.data, len);
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        uint8_t octets[16];
        size_t len;
        const char *fault =
            base64_decode((galley_str){refused[i].text, strlen(refused[i].text)}, octets, &len);
        if (fault == NULL || strcmp(fault, refused[i].fault) != 0)
            fail_msg("\"%s\": %s", refused[i].text, fault != NULL ? fault : "decoded");
    }
}

/* Every length and every octet; the text has no byte to spare. */
static void all_octets_survive(void **state)
{
    (void)state;
    for (size_t count = 0; count < 300; count++) {
        uint8_t *octets = malloc(count + 1), *back = malloc(count + 3);
        char *text = malloc((count + 2) / 3 * 4 + 1);
        size_t len;
        for (size_t i = 0; i < count; i++)
            octets[i] = (uint8_t)(i * 7 + count);
        len = base64_encode(text, (galley_bytes){octets, count});
        assert_int_equal(len, (count + 2) / 3 * 4);
        assert_null(base64_decode((galley_str){text, len}, back, &len));
        assert_int_equal(len, count);
        assert_memory_equal(back, octets, count);
        free(octets);
        free(back);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_go_both_ways),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(all_octets_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
