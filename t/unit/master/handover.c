/* t/unit/master/handover.c - what an old master tells a new one comes back as it was; anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/handover.h"

static struct handover ours, theirs;
static struct buf text;

static void add(const char *address, size_t count, uint64_t ino)
{
    struct errmsg why = {0};
    struct handover_listener *listener = &ours.listeners[ours.listener_count++];
    assert_int_equal(address_parse(&listener->wanted, address, true, &why), 0);
    listener->first = ours.fd_count;
    listener->count = count;
    listener->dev = ino ? UINT64_MAX : 0;
    listener->ino = ino;
    for (size_t i = 0; i < count; i++, ours.fd_count++)
        ours.fds[ours.fd_count] = 10 + (int)ours.fd_count;
}

static void assert_comes_back(void)
{
    struct errmsg why = {0};
    buf_init(&text, HANDOVER_MAX_BYTES);
    assert_int_equal(handover_write(&ours, &text), 0);
    assert_int_equal(handover_read(&theirs, buf_at(&text), &why), 0);
    assert_memory_equal(&ours, &theirs, sizeof(ours));
    buf_release(&text);
}

static void comes_back(void **state)
{
    (void)state;
    memset(&ours, 0, sizeof(ours));
    ours.old_pid = 1;
    ours.new_pid = 4194303;
    ours.channel_fd = 3;
    ours.stats.fd = -1;
    assert_comes_back(); /* nothing but the channel */
    add("http://127.0.0.1:0", 16, 0);
    add("https://[::1]:443", 1, 0);
    add("https://127.0.0.1:0", 128, 0);
    add("unix:/run/a b%41,\n\x01\xff/\xc3\xbc", 1, 42);
    add("https://unix:/s", 1, UINT64_MAX);
    ours.stats.fd = 4;
    ours.stats.dev = 7;
    ours.stats.ino = 8;
    snprintf(ours.stats.path, sizeof(ours.stats.path), "/run/galley/%%\ngalley.sock");
    ours.scaled.workers = 8;
    ours.scaled.of = 2;
    assert_comes_back();
}

static void the_largest_fits(void **state)
{
    char path[130];
    (void)state;
    memset(&ours, 0, sizeof(ours));
    ours.old_pid = ours.new_pid = INT32_MAX;
    ours.channel_fd = INT32_MAX;
    ours.stats.fd = INT32_MAX;
    memset(ours.stats.path, '\n', sizeof(ours.stats.path) - 1);
    for (int i = 0; i < LISTEN_MAX_ADDRESSES; i++) {
        memset(path, '%', sizeof(path));
        snprintf(path, sizeof(path), "https://unix:/%03d", i);
        path[strlen(path)] = '%';
        path[13 + 107] = '\0';
        add(path, 1, UINT64_MAX);
    }
    ours.fd_count = PROTO_MAX_SOCKETS;
    ours.listeners[0].first = 0;
    for (int i = 0; i < PROTO_MAX_SOCKETS; i++)
        ours.fds[i] = INT32_MAX;
    buf_init(&text, HANDOVER_MAX_BYTES);
    assert_int_equal(handover_write(&ours, &text), 0);
    assert_true(buf_len(&text) < HANDOVER_MAX_BYTES / 2);
    buf_release(&text);
}

static void what_a_later_version_adds_is_left_out(void **state)
{
    (void)state;
    struct errmsg why = {0};
    assert_int_equal(
        handover_read(&theirs, "1 5 6 7\nzebra 1 2 3\nscaled 3 2\n\nlisten 9 0 0 :\n", &why),
        -EINVAL);
    why = (struct errmsg){0};
    assert_int_equal(handover_read(&theirs, "1 5 6 7\nzebra 1 2 3\nscaled 3 2\n\n", &why), 0);
    assert_int_equal(theirs.scaled.workers, 3);
    assert_int_equal(theirs.stats.fd, -1);
}

#define HEAD "1 5 6 7\n"
static void anything_else_is_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "unset it"},
        {"yes", "unset it"},
        {"1", "unset it"},
        {"1 5 6", "unset it"},
        {"1 5 6 7", "unset it"},
        {"1 5 6 2\n", "unset it"},
        {"1 5 6 -1\n", "unset it"},
        {"1 5 6 2147483648\n", "unset it"},
        {"1 5 6 18446744073709551617\n", "unset it"},
        {"1 5  6 7\n", "unset it"},
        {"2 what follows is another version's\n", "version 2"},
        {HEAD "zebra", "unset it"},
        {HEAD "listen ", "unset it"},
        {HEAD "listen 9", "unset it"},
        {HEAD "listen 9 0 0", "unset it"},
        {HEAD "listen 9 0 0 \n", "unset it"},
        {HEAD "listen 9, 0 0 127.0.0.1:1\n", "unset it"},
        {HEAD "listen 9,,10 0 0 127.0.0.1:1\n", "unset it"},
        {HEAD "listen 1,10 0 0 127.0.0.1:1\n", "unset it"},
        {HEAD "listen 9 0 0 127.0.0.1:1", "unset it"},
        {HEAD "listen 9 0 0 example.org:1\n", "unset it"},
        {HEAD "listen 9,10 0 0 unix:/s\n", "unset it"},
        {HEAD "listen 9 0 0 unix:/%\n", "unset it"},
        {HEAD "listen 9 0 0 unix:/%0\n", "unset it"},
        {HEAD "listen 9 0 0 unix:/%00\n", "unset it"},
        {HEAD "listen 9 0 0 unix:/%zz\n", "unset it"},
        {HEAD "stats 1 0 0 /s\n", "unset it"},
        {HEAD "stats 9 0 0 \n", "unset it"},
        {HEAD "stats 9 0 /s\n", "unset it"},
        {HEAD "stats 9 0 0 /0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789\n",
         "unset it"},
        {HEAD "scaled 1\n", "unset it"},
        {HEAD "scaled 1 2 3\n", "unset it"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct errmsg why = {0};
        if (handover_read(&theirs, rows[i].text, &why) != -EINVAL)
            fail_msg("'%s' was taken", rows[i].text);
        if (!strstr(why.text, HANDOVER_VARIABLE) || !strstr(why.text, rows[i].why))
            fail_msg("'%s': %s", rows[i].text, why.text);
    }
}

static void too_many_are_refused(void **state)
{
    struct errmsg why = {0};
    char many[4096] = HEAD;
    size_t len = strlen(many);
    (void)state;
    len += (size_t)snprintf(many + len, sizeof(many) - len, "listen 3");
    for (int i = 1; i < PROTO_MAX_SOCKETS; i++)
        len += (size_t)snprintf(many + len, sizeof(many) - len, ",3");
    snprintf(many + len, sizeof(many) - len, " 0 0 127.0.0.1:1\n");
    assert_int_equal(handover_read(&theirs, many, &why), 0);
    snprintf(many + len, sizeof(many) - len, ",3 0 0 127.0.0.1:1\n");
    assert_int_equal(handover_read(&theirs, many, &why), -EINVAL);
    len = (size_t)snprintf(many, sizeof(many), HEAD);
    for (int i = 0; i < LISTEN_MAX_ADDRESSES + 1; i++)
        len += (size_t)snprintf(many + len, sizeof(many) - len, "listen 3 0 0 127.0.0.1:%d\n", i);
    assert_int_equal(handover_read(&theirs, many, &why), -EINVAL);
}

static void words(void **state)
{
    int ends[2];
    char data[HANDOVER_WORD_BYTES + 1], large[HANDOVER_WORD_BYTES + 100];
    size_t len;
    (void)state;
    memset(large, 'x', sizeof(large));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    assert_int_equal(handover_hear(ends[0], data, &len), -EAGAIN);
    assert_int_equal(handover_say(ends[1], HANDOVER_READY, NULL, 0), 0);
    assert_int_equal(handover_say(ends[1], HANDOVER_FAILED, "why", 3), 0);
    assert_int_equal(handover_say(ends[1], HANDOVER_FAILED, large, sizeof(large)), 0);
    assert_int_equal(handover_hear(ends[0], data, &len), HANDOVER_READY);
    assert_int_equal(len, 0);
    assert_int_equal(handover_hear(ends[0], data, &len), HANDOVER_FAILED);
    assert_string_equal(data, "why");
    assert_int_equal(handover_hear(ends[0], data, &len), HANDOVER_FAILED);
    assert_int_equal(len, HANDOVER_WORD_BYTES); /* cut, not written over */
    assert_int_equal(handover_hear(ends[0], data, &len), -EAGAIN);
    close(ends[1]);
    assert_int_equal(handover_hear(ends[0], data, &len), 0);
    assert_true(handover_say(ends[0], HANDOVER_GO, NULL, 0) < 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(the_largest_fits),
        cmocka_unit_test(what_a_later_version_adds_is_left_out),
        cmocka_unit_test(anything_else_is_refused),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
