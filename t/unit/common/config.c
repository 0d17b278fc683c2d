/* t/unit/common/config.c - galley.conf: what it takes, and the sentences for what it does not. */
#include <errno.h>
#include <fcntl.h>
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

#include "common/config.h"

static char folder[] = "/tmp/galley-config-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    unlink("galley.conf");
    return chdir("/") || rmdir(folder) ? -1 : 0;
}

static int read_text(struct settings *settings, const char *text, size_t len, struct errmsg *why)
{
    int fd = open("galley.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    memset(why, 0, sizeof(*why));
    settings_init(settings);
    return config_read(settings, "galley.conf", why);
}

static void values_arrive(void **state)
{
    (void)state;
    struct settings settings;
    struct errmsg why;
    static const char text[] = "# a comment\n"
                               "workers = 3\n"
                               "listen = \"127.0.0.1:1\"\n"
                               "listen = http://[::1]:2   // another\n"
                               "tls_cert = {\"a.pem\", 'b.pem'}\n"
                               "tls_key = {a.key, b.key}\n"
                               "/* several\n lines */ max_body = 1m\n"
                               "head_timeout=5s\n"
                               "log = \"\"\n"
                               "h2c = off";
    if (read_text(&settings, text, strlen(text), &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(settings.workers, 3);
    assert_int_equal(settings.listen.count, 2);
    assert_string_equal(settings.listen.at[0], "127.0.0.1:1");
    assert_string_equal(settings.listen.at[1], "http://[::1]:2");
    assert_int_equal(settings.tls_cert.count, 2);
    assert_string_equal(settings.tls_cert.at[1], "b.pem");
    assert_string_equal(settings.tls_key.at[0], "a.key");
    assert_int_equal(settings.max_body, 1 << 20);
    assert_int_equal(settings.head_timeout, 5000);
    assert_string_equal(settings.log, "");
    assert_false(settings.h2c);
    assert_int_equal(settings.threads, 8);
    settings_release(&settings);
}

static void mistakes_get_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *why; /* why: how it begins */
    } rows[] = {
        {"bad value", "\n\nworkers = two\n",
         "galley.conf:3: workers must be a whole number, not 'two'"},
        {"bad value, first line", "workers = two", "galley.conf:1: workers must be"},
        {"typo", "\nwrokers = 2\n",
         "galley.conf:2: unknown directive 'wrokers'; did you mean 'workers'?"},
        {"stranger", "zebra = 2\n", "galley.conf:1: unknown directive 'zebra'"},
        {"twice", "workers = 2\n\nworkers = 3\n",
         "galley.conf:3: workers was given already on line 1"},
        {"no value", "workers =\n", "galley.conf:"},
        {"no equals sign", "workers 3\n", "galley.conf:1: "},
        {"open string", "log = \"abc\n", "galley.conf:"},
        {"open list", "listen = {a, b\n", "galley.conf:"},
        {"ends in a backslash", "log = 'a\\",
         "cannot read the configuration galley.conf: it ends in a backslash"},
        {"open comment", "/* abc\n", ""},
        {"empty list value", "listen = \"\"\n",
         "galley.conf:1: listen is empty; leave it out instead"},
        {"a section", "server {\n}\n", "galley.conf:1: unknown directive 'server'"},
        {"a function", "include(\"x\")\n", "galley.conf:1: unknown directive 'include'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings settings;
        struct errmsg why;
        int error = read_text(&settings, rows[i].text, strlen(rows[i].text), &why);
        if (*rows[i].why &&
            (error != -EINVAL || strncmp(why.text, rows[i].why, strlen(rows[i].why))))
            fail_msg("%s: %d %s", rows[i].name, error, why.text);
        settings_release(&settings);
    }
}

static void files_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int result;
        const char *why;
    } rows[] = {
        {"absent.conf", -ENOENT,
         "cannot read the configuration absent.conf: No such file or directory"},
        {"/", -EINVAL, "cannot read the configuration /: it is not a file"},
        {"/dev/zero", -EINVAL, "cannot read the configuration /dev/zero: it is not a file"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings settings;
        struct errmsg why = {0};
        settings_init(&settings);
        assert_int_equal(config_read(&settings, rows[i].path, &why), rows[i].result);
        assert_string_equal(why.text, rows[i].why);
        settings_release(&settings);
    }
}

static void garbage_is_harmless(void **state)
{
    (void)state;
    static const char letters[] = "workers=log{}\"'\\,()+#/*\n \t\x01\xFF$0";
    srandom(5);
    for (int turn = 0; turn < 3000; turn++) {
        char text[60];
        struct settings settings;
        struct errmsg why;
        size_t len = (size_t)random() % sizeof(text);
        for (size_t i = 0; i < len; i++)
            text[i] = letters[(size_t)random() % sizeof(letters)];
        if (read_text(&settings, text, len, &why) < 0)
            assert_string_not_equal(why.text, "");
        settings_release(&settings);
    }
}

static void written_defaults_can_be_read(void **state)
{
    (void)state;
    struct settings settings, defaults;
    struct errmsg why = {0};
    int fd = open("galley.conf", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    config_write_defaults(fd);
    close(fd);
    settings_init(&settings);
    settings_init(&defaults);
    if (config_read(&settings, "galley.conf", &why) < 0)
        fail_msg("%s", why.text);
    assert_int_equal(settings_finish(&settings, &why), 0);
    assert_int_equal(settings_finish(&defaults, &why), 0);
    assert_int_equal(settings.listen.count, 1);
    assert_string_equal(settings.listen.at[0], defaults.listen.at[0]);
    for (size_t i = 0; i < setting_row_count; i++) {
        const struct setting_row *row = &setting_rows[i];
        const char *a = (const char *)&settings + row->offset,
                   *b = (const char *)&defaults + row->offset;
        if (row->type == SETTING_STRING)
            assert_string_equal(*(char *const *)(const void *)a, *(char *const *)(const void *)b);
        else if (row->type != SETTING_LIST)
            assert_memory_equal(a, b, row->type == SETTING_BOOL ? sizeof(bool) : sizeof(uint64_t));
    }
    settings_release(&settings);
    settings_release(&defaults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(mistakes_get_sentences),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(garbage_is_harmless),
        cmocka_unit_test(written_defaults_can_be_read),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
