/* t/unit/worker/io/redis_url.c - where a Redis is, from its URL: what is understood, and what is refused. */
#include "worker/io/redis_url.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct understood {
    const char *text, *host, *shown;
    int port, number;
    const char *user, *password, *ca_file; /* NULL: none */
    bool is_tls;
};

static const struct understood good[] = {
    {NULL, "127.0.0.1", "redis://127.0.0.1:6379/0", .port = 6379},
    {"redis://h", "h", "redis://h:6379/0", .port = 6379},
    {"redis://h/", "h", "redis://h:6379/0", .port = 6379},
    {"redis://c.example:7000/12", "c.example", "redis://c.example:7000/12", .port = 7000,
     .number = 12},
    {"redis://[::1]:1/2", "::1", "redis://[::1]:1/2", .port = 1, .number = 2},
    {"redis://[fe80::1]", "fe80::1", "redis://[fe80::1]:6379/0", .port = 6379},
    {"redis://:secret@h", "h", "redis://h:6379/0", .port = 6379, .password = "secret"},
    {"redis://bob:p%40ss%2fw%3A@h:9", "h", "redis://h:9/0", .port = 9, .user = "bob",
     .password = "p@ss/w:"},
    {"redis://bob:a@b@h", "h", "redis://h:6379/0", .port = 6379, .user = "bob", .password = "a@b"},
    {"redis://bob:@h", "h", "redis://h:6379/0", .port = 6379, .user = "bob", .password = ""},
    {"unix:/run/redis.sock", "/run/redis.sock", "unix:/run/redis.sock", .port = 6379},
    {"unix:/run/redis.sock?3", "/run/redis.sock", "unix:/run/redis.sock?3", .port = 6379,
     .number = 3},
    {"rediss://h", "h", "rediss://h:6379/0", .port = 6379, .is_tls = true},
    {"rediss://u:secret@h:7/3", "h", "rediss://h:7/3", .port = 7, .number = 3, .user = "u",
     .password = "secret", .is_tls = true},
    {"rediss://h/?ca_file=/etc/a%20b.pem", "h", "rediss://h:6379/0", .port = 6379,
     .ca_file = "/etc/a b.pem", .is_tls = true},
    {"rediss://[::1]:7/3?ca_file=ca.pem", "::1", "rediss://[::1]:7/3", .port = 7, .number = 3,
     .ca_file = "ca.pem", .is_tls = true},
};

static void understands(void **state)
{
    (void)state;
    for (const struct understood *row = good; row < good + sizeof good / sizeof good[0]; row++) {
        struct redis_url url;
        const char *why = NULL;
        if (redis_url_parse(&url, row->text, &why) != 0)
            fail_msg("%s: %s", row->text, why);
        assert_string_equal(url.host, row->host);
        assert_string_equal(url.shown, row->shown);
        assert_string_equal(url.user, row->user ? row->user : "");
        assert_int_equal(url.has_password, row->password != NULL);
        assert_string_equal(url.password, row->password ? row->password : "");
        assert_string_equal(url.ca_file, row->ca_file ? row->ca_file : "");
        assert_int_equal(url.port, row->port);
        assert_int_equal(url.number, row->number);
        assert_int_equal(url.is_unix, row->host[0] == '/');
        assert_int_equal(url.is_tls, row->is_tls);
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
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
