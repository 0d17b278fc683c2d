/* t/unit/worker/io/redis_url.c - where a Redis is, from its URL: what is understood, and what is refused. */
#include "worker/io/redis_url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static const struct {
    const char *text, *host, *shown, *user, *password;
    int port, number;
} good[] = {
    {NULL, "127.0.0.1", "redis://127.0.0.1:6379/0", "", NULL, 6379, 0},
    {"redis://h", "h", "redis://h:6379/0", "", NULL, 6379, 0},
    {"redis://h/", "h", "redis://h:6379/0", "", NULL, 6379, 0},
    {"redis://cache.example:7000/12", "cache.example", "redis://cache.example:7000/12", "", NULL,
     7000, 12},
    {"redis://[::1]:1/2", "::1", "redis://[::1]:1/2", "", NULL, 1, 2},
    {"redis://[fe80::1]", "fe80::1", "redis://[fe80::1]:6379/0", "", NULL, 6379, 0},
    {"redis://:secret@h", "h", "redis://h:6379/0", "", "secret", 6379, 0},
    {"redis://bob:p%40ss%2fw%3A@h:9", "h", "redis://h:9/0", "bob", "p@ss/w:", 9, 0},
    {"redis://bob:a@b@h", "h", "redis://h:6379/0", "bob", "a@b", 6379, 0},
    {"redis://bob:@h", "h", "redis://h:6379/0", "bob", "", 6379, 0},
    {"unix:/run/redis.sock", "/run/redis.sock", "unix:/run/redis.sock", "", NULL, 6379, 0},
    {"unix:/run/redis.sock?3", "/run/redis.sock", "unix:/run/redis.sock?3", "", NULL, 6379, 3},
};

static void understands_tls(void **state)
{
    static const struct {
        const char *text, *shown, *ca_file;
    } rows[] = {
        {"rediss://h", "rediss://h:6379/0", ""},
        {"rediss://u:secret@h:7/3", "rediss://h:7/3", ""},
        {"rediss://h/?ca_file=/etc/a%20b.pem", "rediss://h:6379/0", "/etc/a b.pem"},
        {"rediss://[::1]:7/3?ca_file=ca.pem", "rediss://[::1]:7/3", "ca.pem"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct redis_url url;
        const char *why = NULL;
        if (redis_url_parse(&url, rows[i].text, &why) != 0)
            fail_msg("%s: %s", rows[i].text, why);
        assert_true(url.is_tls);
        assert_string_equal(url.shown, rows[i].shown);
        assert_string_equal(url.ca_file, rows[i].ca_file);
    }
}

static void understands(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct redis_url url;
        const char *why = NULL;
        if (redis_url_parse(&url, good[i].text, &why) != 0)
            fail_msg("%s: %s", good[i].text, why);
        assert_string_equal(url.host, good[i].host);
        assert_string_equal(url.shown, good[i].shown);
        assert_string_equal(url.user, good[i].user);
        assert_int_equal(url.has_password, good[i].password != NULL);
        assert_string_equal(url.password, good[i].password ? good[i].password : "");
        assert_int_equal(url.port, good[i].port);
        assert_int_equal(url.number, good[i].number);
        assert_int_equal(url.is_unix, good[i].host[0] == '/');
    }
}

static const struct {
    const char *text, *why;
} bad[] = {
    {"", "begins with"},
    {"127.0.0.1:6379", "begins with"},
    {"http://h", "begins with"},
    {"redis://h/1?ca_file=/x", "of rediss:// alone"},
    {"rediss://h/?ca=/x", "comes ca_file="},
    {"rediss://h/?ca_file=", "is empty"},
    {"rediss://h/?ca_file=/%zz", "begins no %XX"},
    {"rediss://h?ca_file=/x", "no name"},
    {"rediss://h/x?ca_file=/x", "number of a database"},
    {"redis://", "no host"},
    {"redis://:p@", "no host"},
    {"redis://:6379", "no host"},
    {"redis://h:", "a port from"},
    {"redis://h:0", "a port from"},
    {"redis://h:65536", "a port from"},
    {"redis://h:99999999999999999999", "a port from"},
    {"redis://h:6379x", "a port from"},
    {"redis://[::1", "without its ]"},
    {"redis://[::1]6379", "a port from"},
    {"redis://[]", "no host"},
    {"redis://h/x", "number of a database"},
    {"redis://h/-1", "number of a database"},
    {"redis://h/1/2", "number of a database"},
    {"redis://h/99999999999999999999", "number of a database"},
    {"redis://h?db=1", "no name"},
    {"redis://secret@h", "a colon and a password"},
    {"redis://u:%zz@h", "%XX"},
    {"redis://u:%4@h", "%XX"},
    {"redis://u:%00@h", "%XX"},
    {"unix:redis.sock", "beginning with /"},
    {"unix:/s?x", "number of a database"},
    {"unix:/s?", "number of a database"},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct redis_url url;
        const char *why = NULL;
        if (redis_url_parse(&url, bad[i].text, &why) != -EINVAL || !strstr(why, bad[i].why))
            fail_msg("%s: %s", bad[i].text, why ? why : "understood");
        assert_null(strstr(why, "secret"));
    }
}

static void refuses_what_is_too_long(void **state)
{
    static const char *const before[] = {"redis://", "redis://u:", "redis://", "unix:/"};
    static const char *const after[] = {"", "@h", ":p@h", ""};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char text[2048] = "";
        struct redis_url url;
        const char *why = NULL;
        size_t len = strlen(before[i]);
        memcpy(text, before[i], len);
        memset(text + len, 'x', 1000);
        memcpy(text + len + 1000, after[i], strlen(after[i]) + 1);
        assert_int_equal(redis_url_parse(&url, text, &why), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands),
        cmocka_unit_test(understands_tls),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
