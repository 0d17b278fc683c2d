/* t/unit/master/files.c - certificates, ticket keys, logs and the word to systemd: what the master reads and writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "master/logs.h"
#include "master/notify.h"
#include "master/pem.h"
#include "master/tickets.h"

static char folder[] = "/tmp/galley-files-XXXXXX", a[64], b[64];

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(a, sizeof(a), "%s/a", folder);
    snprintf(b, sizeof(b), "%s/b", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(a);
    unlink(b);
    return rmdir(folder);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

static void pem_pairs(void **state)
{
    (void)state;
    struct errmsg why = {0};
    struct inherit_pem *pems;
    size_t count;
    char *certs[] = {a}, *keys[] = {b};
    struct settings settings = {.tls_cert = {.at = certs, .count = 1},
                                .tls_key = {.at = keys, .count = 1}};
    write_text(a, "certificate");
    write_text(b, "key");
    assert_int_equal(pem_read_all(&settings, &pems, &count, &why), 0);
    assert_int_equal(count, 1);
    assert_int_equal(pems[0].cert_len, 11);
    assert_memory_equal(pems[0].cert, "certificate", 12);
    assert_memory_equal(pems[0].key, "key", 4);
    assert_string_equal(pems[0].key_path, b);
    pem_free_all(pems, count);
    settings.tls_key.count = 0;
    assert_true(pem_read_all(&settings, &pems, &count, &why) < 0);
    assert_non_null(strstr(why.text, "in the same order"));
}

static void pem_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *name, *key, *reason;
    } rows[] = {
        {"missing", "/nonexistent/key.pem", "key /nonexistent/key.pem"},
        {"a folder", "/tmp", "not a file"},
        {"a device", "/dev/zero", "not a file"},
        {"empty", NULL, "empty"},
    };
    write_text(a, "certificate");
    write_text(b, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errmsg why = {0};
        struct inherit_pem *pems;
        size_t count;
        char *certs[] = {a}, *keys[] = {rows[i].key ? (char *)(uintptr_t)rows[i].key : b};
        struct settings settings = {.tls_cert = {.at = certs, .count = 1},
                                    .tls_key = {.at = keys, .count = 1}};
        if (pem_read_all(&settings, &pems, &count, &why) == 0 || !strstr(why.text, rows[i].reason))
            fail_msg("%s: %s", rows[i].name, why.text);
        assert_null(pems);
    }
}

static void ticket_rotation(void **state)
{
    (void)state;
    struct tickets tickets;
    assert_int_equal(tickets_init(&tickets, 1000), 0);
    struct inherit_tickets before = tickets.keys;
    assert_memory_not_equal(before.key[0], before.key[1], INHERIT_TICKET_KEY_BYTES);
    assert_false(tickets_rotate(&tickets, 1000 + TICKETS_ROTATE_MS - 1));
    assert_memory_equal(&before, &tickets.keys, sizeof(before));
    assert_true(tickets_rotate(&tickets, 1000 + TICKETS_ROTATE_MS));
    assert_memory_equal(tickets.keys.key[0], before.key[2], INHERIT_TICKET_KEY_BYTES);
    assert_memory_equal(tickets.keys.key[1], before.key[0], INHERIT_TICKET_KEY_BYTES);
    assert_memory_not_equal(tickets.keys.key[2], before.key[2], INHERIT_TICKET_KEY_BYTES);
    assert_false(tickets_rotate(&tickets, 1000 + TICKETS_ROTATE_MS));
}

static void logs_open_and_rotate(void **state)
{
    (void)state;
    struct errmsg why = {0};
    struct privilege privilege = {0};
    struct stat st;
    struct logs logs;
    char empty[] = "";
    struct settings settings = {.log = a, .access_log = empty};
    unlink(a);
    assert_int_equal(logs_open(&logs, &settings, &privilege, &why), 0);
    assert_int_equal(logs.access_fd, -1);
    int fd = logs.log_fd;
    assert_true(fcntl(fd, F_GETFL) & O_APPEND);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(write(fd, "old", 3), 3);
    unlink(b);
    rename(a, b);
    assert_int_equal(logs_reopen(&logs, &settings, &privilege, &why), 0);
    assert_int_equal(logs.log_fd, fd);
    assert_int_equal(write(fd, "fresh", 5), 5);
    assert_int_equal(stat(b, &st), 0);
    assert_int_equal(st.st_size, 3);
    assert_int_equal(stat(a, &st), 0);
    assert_int_equal(st.st_size, 5);
    /* what cannot be reopened stays */
    unlink(a);
    mkdir(a, 0700);
    assert_true(logs_reopen(&logs, &settings, &privilege, &why) < 0);
    assert_non_null(strstr(why.text, a));
    assert_int_equal(write(fd, "x", 1), 1);
    rmdir(a);
    logs_close(&logs);
}

static void logs_are_no_links(void **state)
{
    (void)state;
    struct errmsg why = {0};
    struct privilege privilege = {0}, nobody = {.drop = true, .uid = getuid(), .user = "me"};
    struct logs logs;
    char empty[] = "";
    struct settings settings = {.log = a, .access_log = empty};
    unlink(a);
    assert_int_equal(symlink("/etc/passwd", a), 0);
    assert_true(logs_open(&logs, &settings, &privilege, &why) < 0);
    assert_non_null(strstr(why.text, "symbolic link"));
    unlink(a);
    why = (struct errmsg){0};
    assert_true(logs_open(&logs, &settings, &nobody, &why) < 0); /* the folder is that user's own */
    assert_non_null(strstr(why.text, folder));
    assert_int_equal(access(a, F_OK), -1);
}

static void systemd_is_told(void **state)
{
    (void)state;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char text[64] = "";
    unlink(a);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", a);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "3000000", 1);
    notify_send("READY=1");
    assert_int_equal(recv(fd, text, sizeof(text), 0), -1);
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("NOTIFY_SOCKET", a, 1);
    notify_send("READY=1");
    assert_int_equal(recv(fd, text, sizeof(text), 0), 7);
    assert_string_equal(text, "READY=1");
    assert_int_equal(notify_watchdog_ms(), 1500);
    close(fd);
    notify_send("READY=1"); /* nobody is there: nothing happens */
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pem_pairs),         cmocka_unit_test(pem_refusals),
        cmocka_unit_test(ticket_rotation),   cmocka_unit_test(logs_open_and_rotate),
        cmocka_unit_test(logs_are_no_links), cmocka_unit_test(systemd_is_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
