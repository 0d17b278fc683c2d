/* t/unit/master/listen.c - groups of sockets, ports in use, UNIX sockets that are stale, living or no sockets at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/listen.h"

static char folder[] = "/tmp/galley-listen-XXXXXX";
static struct list all;

static int set_up(void **state)
{
    (void)state;
    list_init(&all);
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int open_set(struct listen_set *set, char *const *values, size_t count, size_t workers,
                    struct errmsg *why)
{
    struct setting_list list = {.at = (char **)(uintptr_t)values, .count = count};
    *why = (struct errmsg){0};
    return listen_set_open(set, &all, &list, false, workers, why);
}

static struct listen_set set, other;

static void a_group_shares_one_port(void **state)
{
    (void)state;
    struct errmsg why;
    char any[] = "127.0.0.1:0";
    char *values[] = {any, any};
    assert_int_equal(open_set(&set, values, 2, 3, &why), 0);
    assert_int_equal(set.count, 2);
    assert_int_equal(set.socket_count, 2 * LISTEN_MIN_SOCKETS);
    unsigned port = address_port(&set.listeners[0]->bound);
    assert_true(port != 0 && port != address_port(&set.listeners[1]->bound));
    for (size_t i = 0; i < LISTEN_MIN_SOCKETS; i++) {
        struct address bound = {.len = sizeof(bound.sa)};
        assert_int_equal(getsockname(set.sockets[i].fd, &bound.sa.any, &bound.len), 0);
        assert_int_equal(address_port(&bound), port);
        assert_string_equal(set.sockets[i].text, set.texts[0]);
    }
    /* the next generation has the same sockets, in the same order, and more when it has more workers */
    assert_int_equal(open_set(&other, values, 2, 20, &why), 0);
    assert_int_equal(other.socket_count, 40);
    assert_int_equal(other.sockets[0].fd, set.sockets[0].fd);
    assert_int_equal(other.sockets[15].fd, set.sockets[15].fd);
    assert_ptr_equal(other.listeners[1], set.listeners[1]);
    listen_set_close(&set);
    assert_false(list_is_empty(&all));
    listen_set_close(&other);
    assert_true(list_is_empty(&all));
}

static bool listens(int fd)
{
    int on = 0;
    socklen_t len = sizeof(on);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len), 0);
    return on != 0;
}

static void a_group_that_grows_listens_when_its_generation_serves(void **state)
{
    (void)state;
    struct errmsg why;
    char any[] = "127.0.0.1:0";
    char *values[] = {any};
    assert_int_equal(open_set(&set, values, 1, 1, &why), 0);
    assert_true(listens(set.sockets[LISTEN_MIN_SOCKETS - 1].fd));
    assert_int_equal(open_set(&other, values, 1, LISTEN_MIN_SOCKETS + 2, &why), 0);
    assert_false(listens(other.sockets[LISTEN_MIN_SOCKETS].fd)); /* it may still fail */
    listen_set_close(&other);
    assert_int_equal(open_set(&other, values, 1, LISTEN_MIN_SOCKETS + 2, &why), 0);
    assert_int_equal(listen_set_start(&other), 0);
    for (size_t i = 0; i < other.socket_count; i++)
        assert_true(listens(other.sockets[i].fd));
    assert_int_equal(listen_set_start(&other), 0);
    listen_set_close(&set);
    listen_set_close(&other);
}

/* Copies of the descriptors, as another master has them. */
static int adopt(struct list *list, const struct listener *from, const char *as, size_t count,
                 struct errmsg *why)
{
    struct address wanted;
    struct stat file = {.st_dev = from->unix_socket.dev, .st_ino = from->unix_socket.ino};
    int fds[4];
    *why = (struct errmsg){0};
    assert_int_equal(address_parse(&wanted, as, true, why), 0);
    for (size_t i = 0; i < count; i++)
        fds[i] = dup(from->fds[i]);
    return listen_adopt(list, &wanted, fds, count, &file, why);
}

static void another_masters_sockets_are_adopted(void **state)
{
    (void)state;
    struct errmsg why;
    struct list theirs;
    char any[] = "127.0.0.1:0", path[64], *values[] = {any, path}, *only[] = {any};
    int first = dup(0);
    close(first);
    list_init(&theirs);
    snprintf(path, sizeof(path), "unix:%s/adopt", folder);
    assert_int_equal(open_set(&set, values, 2, 1, &why), 0);
    assert_int_equal(adopt(&theirs, set.listeners[0], any, 4, &why), 0);
    assert_int_equal(adopt(&theirs, set.listeners[1], path, 1, &why), 0);
    /* what is no such socket is refused, and closed */
    assert_true(adopt(&theirs, set.listeners[0], path, 1, &why) < 0);
    assert_non_null(strstr(why.text, path));
    assert_true(adopt(&theirs, set.listeners[1], any, 1, &why) < 0);
    assert_true(adopt(&theirs, set.listeners[0], "127.0.0.1:1", 1, &why) < 0);
    assert_true(adopt(&theirs, set.listeners[0], "[::1]:0", 1, &why) < 0);
    /* the port is the same, and the group is filled up */
    struct setting_list list = {.at = values, .count = 2};
    why = (struct errmsg){0};
    assert_int_equal(listen_set_open(&other, &theirs, &list, false, 1, &why), 0);
    assert_string_equal(other.texts[0], set.texts[0]);
    assert_true(listens(other.sockets[3].fd));
    assert_false(listens(other.sockets[4].fd));
    assert_int_equal(listen_set_start(&other), 0);
    listen_set_close(&other);
    assert_int_equal(access(path + 5, F_OK), 0); /* the file was lent */
    /* one that is named no more: its file goes when it is ours */
    assert_int_equal(adopt(&theirs, set.listeners[0], any, 1, &why), 0);
    assert_int_equal(adopt(&theirs, set.listeners[1], path, 1, &why), 0);
    list = (struct setting_list){.at = only, .count = 1};
    assert_int_equal(listen_set_open(&other, &theirs, &list, false, 1, &why), 0);
    listen_keep(&theirs);
    listen_close_unused(&theirs);
    assert_int_equal(access(path + 5, F_OK), -1);
    listen_set_close(&other);
    assert_true(list_is_empty(&theirs));
    listen_set_lend(&set);
    listen_set_close(&set);
    int now = dup(0);
    close(now);
    assert_int_equal(first, now);
}

static void a_port_in_use_is_refused(void **state)
{
    (void)state;
    struct errmsg why;
    struct list ours = {0};
    char any[] = "127.0.0.1:0", same[64];
    char *values[] = {any};
    char *again[] = {same};
    assert_int_equal(open_set(&set, values, 1, 1, &why), 0);
    snprintf(same, sizeof(same), "127.0.0.1:%u", address_port(&set.listeners[0]->bound));
    list_init(&ours); /* as another server of the same user would */
    struct setting_list list = {.at = again, .count = 1};
    assert_true(listen_set_open(&other, &ours, &list, false, 1, &why) < 0);
    assert_non_null(strstr(why.text, "in use"));
    assert_non_null(strstr(why.text, same));
    assert_non_null(strstr(why.text, "--listen"));
    assert_true(list_is_empty(&ours));
    listen_set_close(&set);
}

static void twice_is_refused(void **state)
{
    (void)state;
    struct errmsg why;
    char path[64];
    snprintf(path, sizeof(path), "unix:%s/twice", folder);
    char *values[] = {path, path};
    assert_true(open_set(&set, values, 2, 1, &why) < 0);
    assert_non_null(strstr(why.text, "twice"));
    assert_true(list_is_empty(&all));
}

static void failure_leaves_nothing(void **state)
{
    (void)state;
    struct errmsg why;
    char good[] = "127.0.0.1:0", bad[] = "203.0.113.1:0";
    char *values[] = {good, bad};
    int first = dup(0);
    close(first);
    assert_true(open_set(&set, values, 2, 1, &why) < 0);
    assert_non_null(strstr(why.text, "no interface"));
    assert_true(list_is_empty(&all));
    int now = dup(0);
    close(now);
    assert_int_equal(first, now);
}

static void too_many_sockets_are_refused(void **state)
{
    (void)state;
    struct errmsg why;
    char any[] = "127.0.0.1:0";
    char *values[LISTEN_MAX_ADDRESSES + 1];
    for (size_t i = 0; i < LISTEN_MAX_ADDRESSES + 1; i++)
        values[i] = any;
    assert_true(open_set(&set, values, LISTEN_MAX_ADDRESSES + 1, 1, &why) < 0);
    assert_int_equal(open_set(&set, values, 20, 1, &why), 0);
    assert_true(set.socket_count <= PROTO_MAX_SOCKETS);
    listen_set_close(&set);
}

static void unix_sockets(void **state)
{
    (void)state;
    struct errmsg why;
    struct stat st;
    char value[80], path[48];
    snprintf(path, sizeof(path), "%s/s", folder);
    snprintf(value, sizeof(value), "unix:%s", path);
    char *values[] = {value};
    assert_int_equal(open_set(&set, values, 1, 4, &why), 0);
    assert_int_equal(set.socket_count, 1);
    assert_true(set.groups[0].shared);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    /* a living server is not pushed out */
    struct unix_socket rival;
    why = (struct errmsg){0};
    assert_true(unix_socket_open(&rival, path, 0600, &why) < 0);
    assert_non_null(strstr(why.text, "another server"));
    listen_set_close(&set);
    assert_int_equal(access(path, F_OK), -1);
}

static void unix_files_of_others(void **state)
{
    (void)state;
    struct errmsg why = {0};
    struct unix_socket mine, theirs;
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "%s/s", folder);
    /* stale: nobody listens */
    assert_int_equal(unix_socket_open(&mine, path, 0660, &why), 0);
    close(mine.fd);
    assert_int_equal(unix_socket_open(&theirs, path, 0660, &why), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    /* a file that was replaced is not removed at the end */
    unlink(path);
    FILE *file = fopen(path, "w");
    fclose(file);
    unix_socket_close(&theirs);
    assert_int_equal(access(path, F_OK), 0);
    /* and one that is no socket is not replaced */
    assert_true(unix_socket_open(&mine, path, 0660, &why) < 0);
    assert_non_null(strstr(why.text, "no socket"));
    assert_int_equal(access(path, F_OK), 0);
    unix_socket_close(&mine);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_shares_one_port),
        cmocka_unit_test(a_group_that_grows_listens_when_its_generation_serves),
        cmocka_unit_test(another_masters_sockets_are_adopted),
        cmocka_unit_test(a_port_in_use_is_refused),
        cmocka_unit_test(twice_is_refused),
        cmocka_unit_test(failure_leaves_nothing),
        cmocka_unit_test(too_many_sockets_are_refused),
        cmocka_unit_test(unix_sockets),
        cmocka_unit_test(unix_files_of_others),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
