/* t/unit/master/address.c - the spellings of `listen`, as rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "master/address.h"

static const struct {
    const char *text;
    bool has_cert;
    const char *shown;  /* NULL: refused */
    const char *reason; /* part of the sentence */
} rows[] = {
    {"127.0.0.1:8000", 0, "http://127.0.0.1:8000", NULL},
    {"127.0.0.1:8000", 1, "https://127.0.0.1:8000", NULL},
    {"http://127.0.0.1:8000", 1, "http://127.0.0.1:8000", NULL},
    {"https://127.0.0.1:8000", 1, "https://127.0.0.1:8000", NULL},
    {"https://127.0.0.1:8000", 0, NULL, "tls_cert"},
    {"localhost:80", 0, "http://127.0.0.1:80", NULL},
    {"*:80", 0, "http://0.0.0.0:80", NULL},
    {"0.0.0.0:0", 0, "http://0.0.0.0:0", NULL},
    {"[::1]:8000", 0, "http://[::1]:8000", NULL},
    {"[::]:65535", 1, "https://[::]:65535", NULL},
    {"https://[::1]:1", 1, "https://[::1]:1", NULL},
    {"unix:/run/a.sock", 0, "unix:/run/a.sock", NULL},
    {"unix:/run/a.sock", 1, "unix:/run/a.sock", NULL},
    {"http://unix:/run/a.sock", 1, "unix:/run/a.sock", NULL},
    {"https://unix:/run/a.sock", 1, "https://unix:/run/a.sock", NULL},
    {"https://unix:/run/a.sock", 0, NULL, "tls_cert"},
    {"unix:relative", 0, "unix:relative", NULL},
    {"unix:", 0, NULL, "path is missing"},
    {"unix:/12345678901234567890123456789012345678901234567890123456789012345678901234567890"
     "123456789012345678901234567890",
     0, NULL, "107 bytes"},
    {"", 0, NULL, "HOST:PORT"},
    {":8000", 0, NULL, "HOST:PORT"},
    {"8000", 0, NULL, "HOST:PORT"},
    {"127.0.0.1", 0, NULL, "HOST:PORT"},
    {"127.0.0.1:", 0, NULL, "port"},
    {"127.0.0.1:65536", 0, NULL, "port"},
    {"127.0.0.1:99999999999999999999", 0, NULL, "port"},
    {"127.0.0.1:+80", 0, NULL, "port"},
    {"127.0.0.1:80a", 0, NULL, "port"},
    {"127.0.0.1: 80", 0, NULL, "port"},
    {"127.0.0.1:-1", 0, NULL, "port"},
    {"::1:8000", 0, NULL, "brackets"},
    {"[::1]8000", 0, NULL, "brackets"},
    {"[::g]:80", 0, NULL, "IP address"},
    {"[127.0.0.1]:80", 0, NULL, "IP address"},
    {"[]:80", 0, NULL, "IP address"},
    {"example.com:80", 0, NULL, "IP address"},
    {"127.0.0.1.5:80", 0, NULL, "IP address"},
    {"ftp://127.0.0.1:80", 0, NULL, "scheme"},
    {"HTTP://127.0.0.1:80", 0, NULL, "scheme"},
    {"127.0.0.1:80/", 0, NULL, "port"},
    {"1234567890123456789012345678901234567890123456789012345678901234567890:80", 0, NULL,
     "HOST:PORT"},
};

static void parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address address;
        struct errmsg why = {0};
        char shown[ADDRESS_TEXT_BYTES];
        int error = address_parse(&address, rows[i].text, rows[i].has_cert, &why);
        if ((error == 0) != (rows[i].shown != NULL))
            fail_msg("%s: %d %s", rows[i].text, error, why.text);
        if (error) {
            if (!strstr(why.text, rows[i].reason) || !strstr(why.text, rows[i].text))
                fail_msg("%s: %s", rows[i].text, why.text);
            continue;
        }
        address_format(&address, shown);
        if (strcmp(shown, rows[i].shown))
            fail_msg("%s: %s", rows[i].text, shown);
    }
}

static void same(void **state)
{
    (void)state;
    struct address a, b;
    struct errmsg why = {0};
    assert_int_equal(address_parse(&a, "127.0.0.1:80", false, &why), 0);
    assert_int_equal(address_parse(&b, "https://localhost:80", true, &why), 0);
    assert_true(address_is_same(&a, &b));
    address_set_port(&b, 81);
    assert_false(address_is_same(&a, &b));
    assert_int_equal(address_port(&b), 81);
    assert_int_equal(address_parse(&b, "[::1]:80", false, &why), 0);
    assert_false(address_is_same(&a, &b));
    assert_int_equal(address_parse(&a, "unix:/a", false, &why), 0);
    assert_int_equal(address_parse(&b, "unix:/ab", false, &why), 0);
    assert_false(address_is_same(&a, &b));
    assert_int_equal(address_port(&a), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse),
        cmocka_unit_test(same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
