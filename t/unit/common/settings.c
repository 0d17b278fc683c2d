/* t/unit/common/settings.c - values, their errors as sentences, sources over sources, and what must
 * go together. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/settings.h"

static const struct setting_row *row_of(const char *name)
{
    const struct setting_row *row = setting_find(name, NULL);
    if (!row)
        fail_msg("no directive %s", name);
    return row;
}

/* The value of a number or switch, whatever its type. */
static uint64_t number_of(const struct settings *settings, const struct setting_row *row)
{
    const void *at = (const char *)settings + row->offset;
    switch (row->type) {
    case SETTING_COUNT:
    case SETTING_BYTES:
        return *(const uint64_t *)at;
    case SETTING_MS:
        return (uint64_t) * (const int64_t *)at;
    case SETTING_BOOL:
        return *(const bool *)at;
    case SETTING_STRING:
    case SETTING_LIST:
        break;
    }
    fail();
    return 0;
}

static void good_values(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        uint64_t result;
    } rows[] = {
        {"workers", "4", 4},
        {"workers", "0", 0},
        {"threads", "1024", 1024},
        {"max_body", "0", 0},
        {"max_body", "123", 123},
        {"max_body", "8k", 8192},
        {"max-body", "16m", 16 << 20},
        {"max_body", "2G", (uint64_t)2 << 30},
        {"head_timeout", "250ms", 250},
        {"head_timeout", "10s", 10000},
        {"head_timeout", "2m", 120000},
        {"head_timeout", "1h", 3600000},
        {"drain_idle", "0", 0},
        {"drain_idle", "0s", 0},
        {"h2c", "false", 0},
        {"h2c", "off", 0},
        {"h2c", "no", 0},
        {"daemon", "yes", 1},
        {"daemon", "on", 1},
        {"daemon", "true", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings settings;
        struct errmsg why = {0};
        settings_init(&settings);
        const struct setting_row *row = row_of(rows[i].name);
        if (settings_set(&settings, row, rows[i].value, "t", &why) < 0)
            fail_msg("%s", why.text);
        if (number_of(&settings, row) != rows[i].result)
            fail_msg("%s = %s", rows[i].name, rows[i].value);
        settings_release(&settings);
    }
}

static void bad_values_get_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *why;
    } rows[] = {
        {"workers", "two", "f:1: workers must be a whole number, not 'two'"},
        {"workers", "", "f:1: workers must be a whole number, not ''"},
        {"workers", "-1", "f:1: workers must be a whole number, not '-1'"},
        {"workers", "4 ", "f:1: workers must be a whole number, not '4 '"},
        {"workers", "1k", "f:1: workers must be a whole number, not '1k'"},
        {"workers", "99999999999999999999",
         "f:1: workers must be a whole number, not '99999999999999999999'"},
        {"workers", "129", "f:1: workers must be 0 to 128, not '129'"},
        {"threads", "0", "f:1: threads must be 1 to 1024, not '0'"},
        {"max_body", "16mb",
         "f:1: max_body must be a size such as 4096, 8k, 16m or 1g, not '16mb'"},
        {"max_body", "17179869184g",
         "f:1: max_body must be a size such as 4096, 8k, 16m or 1g, not '17179869184g'"},
        {"max_head", "17m", "f:1: max_head must be 64 to 16m, not '17m'"},
        {"head_timeout", "10",
         "f:1: head_timeout must be a time such as 250ms, 10s, 5m or 1h, not '10'"},
        {"head_timeout", "s",
         "f:1: head_timeout must be a time such as 250ms, 10s, 5m or 1h, not 's'"},
        {"head_timeout", "0s", "f:1: head_timeout must be 1ms to 1000h, not '0s'"},
        {"head_timeout", "1001h", "f:1: head_timeout must be 1ms to 1000h, not '1001h'"},
        {"h2c", "maybe", "f:1: h2c must be true or false, not 'maybe'"},
        {"log_level", "loud",
         "f:1: log_level must be error, warn, notice, info or debug, not 'loud'"},
        {"log", "a\nb", "f:1: log contains the control byte 0x0a"},
        {"listen", "", "f:1: listen is empty; leave it out instead"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings settings;
        struct errmsg why = {0};
        settings_init(&settings);
        assert_int_equal(settings_set(&settings, row_of(rows[i].name), rows[i].value, "f:1", &why),
                         -EINVAL);
        assert_string_equal(why.text, rows[i].why);
        settings_release(&settings);
    }
}

static void very_long_values_are_refused(void **state)
{
    (void)state;
    static char text[5001];
    memset(text, '1', sizeof(text) - 1);
    for (size_t i = 0; i < setting_row_count; i++) {
        struct settings settings;
        struct errmsg why = {0};
        settings_init(&settings);
        assert_int_equal(settings_set(&settings, &setting_rows[i], text, "f:1", &why), -EINVAL);
        assert_string_not_equal(why.text, "");
        settings_release(&settings);
    }
}

static void defaults_are_the_table(void **state)
{
    (void)state;
    struct settings settings;
    struct errmsg why = {0};
    settings_init(&settings);
    assert_int_equal(settings_finish(&settings, &why), 0);
    assert_int_equal(settings.listen.count, 1);
    assert_string_equal(settings.listen.at[0], "127.0.0.1:8000");
    assert_int_equal(settings.tls_cert.count, 0);
    assert_in_range(settings.workers, 1, 128);
    assert_int_equal(settings.max_body, 16 << 20);
    assert_int_equal(settings.keepalive_timeout, 75000);
    assert_true(settings.h2c);
    assert_false(settings.daemon);
    assert_string_equal(settings.log_level, "notice");
    settings_release(&settings);
    settings_release(&settings);
}

static void names_are_found_or_guessed(void **state)
{
    (void)state;
    const char *nearest;
    assert_non_null(setting_find("keepalive_timeout", NULL));
    assert_ptr_equal(setting_find("keepalive-timeout", NULL), row_of("keepalive_timeout"));
    assert_null(setting_find("keepalive", &nearest));
    assert_null(setting_find("wrokers", &nearest));
    assert_string_equal(nearest, "workers");
    assert_null(setting_find("", &nearest));
    assert_null(nearest);
}

static int set(struct settings *settings, const char *name, const char *value)
{
    struct errmsg why = {0};
    return settings_set(settings, row_of(name), value, "t", &why);
}

static void a_later_source_replaces_lists(void **state)
{
    (void)state;
    struct settings settings;
    struct errmsg why = {0};
    settings_init(&settings);
    settings_source_start(&settings); /* the file */
    assert_int_equal(set(&settings, "listen", "a:1"), 0);
    assert_int_equal(set(&settings, "listen", "b:2"), 0);
    assert_int_equal(set(&settings, "workers", "3"), 0);
    setenv("GALLEY_LISTEN", " c:3  d:4 ", 1);
    setenv("GALLEY_MAX_BODY", "1k", 1);
    assert_int_equal(settings_set_from_environment(&settings, &why), 0);
    assert_int_equal(settings.listen.count, 2);
    assert_string_equal(settings.listen.at[0], "c:3");
    assert_string_equal(settings.listen.at[1], "d:4");
    settings_source_start(&settings); /* the command line, without listen */
    assert_int_equal(set(&settings, "workers", "5"), 0);
    assert_int_equal(settings_finish(&settings, &why), 0);
    assert_int_equal(settings.listen.count, 2);
    assert_int_equal(settings.workers, 5);
    assert_int_equal(settings.max_body, 1024);
    setenv("GALLEY_MAX_BODY", "lots", 1);
    assert_int_equal(settings_set_from_environment(&settings, &why), -EINVAL);
    assert_string_equal(why.text, "GALLEY_MAX_BODY: max_body must be a size such as 4096, 8k, 16m "
                                  "or 1g, not 'lots'");
    unsetenv("GALLEY_LISTEN");
    unsetenv("GALLEY_MAX_BODY");
    settings_release(&settings);
}

static void what_must_go_together(void **state)
{
    (void)state;
    static const struct {
        const char *name, *listen, *cert, *key, *why;
    } rows[] = {
        {"both", "https://:1", "c", "k", ""},
        {"plain", "http://:1", NULL, NULL, ""},
        {"no key", ":1", "c", NULL,
         "there are 1 of tls_cert and 0 of tls_key; each certificate needs its key"},
        {"no certificate", ":1", NULL, "k",
         "there are 0 of tls_cert and 1 of tls_key; each certificate needs its key"},
        {"https without", "https://h:1", NULL, NULL,
         "https://h:1 needs a certificate: set tls_cert and tls_key"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings settings;
        struct errmsg why = {0};
        settings_init(&settings);
        assert_int_equal(set(&settings, "listen", rows[i].listen), 0);
        if (rows[i].cert)
            assert_int_equal(set(&settings, "tls_cert", rows[i].cert), 0);
        if (rows[i].key)
            assert_int_equal(set(&settings, "tls_key", rows[i].key), 0);
        int error = settings_finish(&settings, &why);
        assert_int_equal(error, *rows[i].why ? -EINVAL : 0);
        assert_string_equal(why.text, rows[i].why);
        settings_release(&settings);
    }
}

static void lists_are_bounded(void **state)
{
    (void)state;
    struct settings settings;
    settings_init(&settings);
    for (int i = 0; i < 64; i++)
        assert_int_equal(set(&settings, "listen", "a:1"), 0);
    assert_int_equal(set(&settings, "listen", "a:1"), -EINVAL);
    settings_release(&settings);
}

static void the_stats_socket_has_a_place(void **state)
{
    (void)state;
    char path[SETTINGS_PATH_BYTES], expected[SETTINGS_PATH_BYTES], name[200];
    struct errmsg why = {0};
    assert_int_equal(settings_stats_path("my.sock", path, &why), 0);
    assert_string_equal(path, "my.sock");
    memset(name, 'a', sizeof(name));
    name[107] = '\0';
    assert_int_equal(settings_stats_path(name, path, &why), 0);
    name[107] = 'a';
    name[108] = '\0';
    assert_int_equal(settings_stats_path(name, path, &why), -EINVAL);
    assert_int_equal(
        strncmp(why.text, "the path of the stats socket is longer than 107 bytes: aaa", 58), 0);
    why.text[0] = '\0';
    if (geteuid() && access("/run/galley", W_OK | X_OK)) {
        setenv("XDG_RUNTIME_DIR", "/nowhere", 1);
        assert_int_equal(settings_stats_path("", path, &why), 0);
        assert_string_equal(path, "/nowhere/galley.sock");
        unsetenv("XDG_RUNTIME_DIR");
        assert_int_equal(settings_stats_path("", path, &why), 0);
        snprintf(expected, sizeof(expected), "/tmp/galley-%u.sock", (unsigned)geteuid());
        assert_string_equal(path, expected);
    } else {
        assert_int_equal(settings_stats_path_to_ask("", path, &why), 0);
        assert_string_equal(path, "/run/galley/galley.sock");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_values),
        cmocka_unit_test(bad_values_get_sentences),
        cmocka_unit_test(very_long_values_are_refused),
        cmocka_unit_test(defaults_are_the_table),
        cmocka_unit_test(names_are_found_or_guessed),
        cmocka_unit_test(a_later_source_replaces_lists),
        cmocka_unit_test(what_must_go_together),
        cmocka_unit_test(lists_are_bounded),
        cmocka_unit_test(the_stats_socket_has_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
