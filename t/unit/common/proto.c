/* t/unit/common/proto.c - every kind comes back as it went; nothing else comes through. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/proto.h"

/* A message of `kind` with all that it carries at its largest. */
static void fill(struct proto_message *message, enum proto_kind kind)
{
    memset(message, 0, sizeof(*message));
    message->kind = kind;
    if (kind <= PROTO_DRAINED) {
        message->slot = INT32_MAX;
        message->generation = 77;
    }
    if (kind == PROTO_READY || kind == PROTO_FAILED || kind == PROTO_ORDER_LOG_LEVEL)
        memset(message->text, 'x', sizeof(message->text) - 1);
    if (kind == PROTO_READY) {
        memset(message->version, '1', sizeof(message->version) - 1);
        memset(message->docs, '/', sizeof(message->docs) - 1);
    }
    if (kind == PROTO_REPORT || kind == PROTO_ORDER_REPORT || kind == PROTO_COROUTINES ||
        kind == PROTO_ORDER_COROUTINES || kind == PROTO_ROUTES || kind == PROTO_ORDER_ROUTES)
        message->report_id = UINT32_MAX;
    if (kind == PROTO_COROUTINES) {
        message->live_count = UINT32_MAX;
        message->shown_count = UINT32_MAX - 1;
    }
    if (kind == PROTO_ROUTES)
        message->shown_count = UINT32_MAX;
    if (kind == PROTO_REPORT)
        for (size_t i = 0; i < stat_row_count; i++)
            *stats_at(&message->stats, &stat_rows[i]) = UINT64_MAX - i;
    if (kind == PROTO_ORDER_LISTEN) {
        message->socket_count = PROTO_MAX_SOCKETS;
        for (size_t i = 0; i < PROTO_MAX_SOCKETS; i++)
            message->sockets[i] = (uint16_t)(UINT16_MAX - i);
    }
    if (kind == PROTO_ORDER_TICKETS)
        memset(&message->tickets, 0xA5, sizeof(message->tickets));
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    for (int kind = 0; kind < PROTO_KIND_COUNT; kind++) {
        struct proto_message in, out;
        static unsigned char data[PROTO_MAX_BYTES + 1];
        fill(&in, (enum proto_kind)kind);
        ssize_t len = proto_encode(&in, data);
        assert_in_range(len, 1, PROTO_MAX_BYTES);
        memset(&out, 0xFF, sizeof(out));
        assert_int_equal(proto_decode(&out, data, (size_t)len), 0);
        assert_memory_equal(&in, &out, sizeof(in));
    }
}

static bool is_zero(const void *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((const char *)data)[i])
            return false;
    return true;
}

static void a_byte_too_few_or_too_many_is_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind < PROTO_KIND_COUNT; kind++) {
        struct proto_message in, out;
        static unsigned char data[PROTO_MAX_BYTES + 1];
        fill(&in, (enum proto_kind)kind);
        ssize_t len = proto_encode(&in, data);
        for (ssize_t cut = 0; cut < len; cut++) {
            unsigned char *copy =
                malloc((size_t)cut); /* of that size, so that memory checkers see its end */
            memcpy(copy, data, (size_t)cut);
            if (proto_decode(&out, copy, (size_t)cut) != -EBADMSG || !is_zero(&out, sizeof(out)))
                fail_msg("%s cut to %zd bytes", proto_kind_name(in.kind), cut);
            free(copy);
        }
        data[len] = 0xC0;
        assert_int_equal(proto_decode(&out, data, (size_t)len + 1), -EBADMSG);
    }
}

static void changed_bytes_are_harmless(void **state)
{
    (void)state;
    srandom(3);
    for (int turn = 0; turn < 100000; turn++) {
        struct proto_message in, out;
        static unsigned char data[PROTO_MAX_BYTES];
        fill(&in, (enum proto_kind)(turn % PROTO_KIND_COUNT));
        size_t len = (size_t)proto_encode(&in, data);
        for (int changes = 1 + turn % 4; changes; changes--)
            data[(size_t)random() % len] = (unsigned char)random();
        if (proto_decode(&out, data, len) < 0) {
            assert_true(is_zero(&out, sizeof(out)));
            continue;
        }
        assert_true(out.slot >= 0 && out.generation >= 0);
        assert_true(out.socket_count <= PROTO_MAX_SOCKETS);
        assert_true(strnlen(out.text, sizeof(out.text)) < sizeof(out.text));
        assert_true(strnlen(out.version, sizeof(out.version)) < sizeof(out.version));
    }
}

static void garbage_is_harmless(void **state)
{
    (void)state;
    srandom(4);
    for (int turn = 0; turn < 100000; turn++) {
        struct proto_message out;
        unsigned char data[64];
        size_t len = (size_t)random() % sizeof(data);
        for (size_t i = 0; i < len; i++)
            data[i] = (unsigned char)random();
        assert_int_equal(proto_decode(&out, data, len), -EBADMSG);
    }
}

#define BEAT                                                                                       \
    "\x93\x02\xA4"                                                                                 \
    "beat"                                                                                         \
    "\x91\x82\xA4"                                                                                 \
    "slot"
static const struct {
    const char *name, *data;
    int result;
} datagrams[] = {
    {"as it should be",
     BEAT "\x01\xAA"
          "generation"
          "\x01",
     0},
    {"a request",
     "\x93\x01\xA4"
     "beat"
     "\x91\x82\xA4"
     "slot"
     "\x01\xAA"
     "generation"
     "\x01",
     -EBADMSG},
    {"unknown method",
     "\x93\x02\xA4"
     "bead"
     "\x91\x82\xA4"
     "slot"
     "\x01\xAA"
     "generation"
     "\x01",
     -EBADMSG},
    {"negative slot",
     BEAT "\xFF\xAA"
          "generation"
          "\x01",
     -EBADMSG},
    {"slot over 2^31",
     BEAT "\xCE\x80\x01\x01\x01\xAA"
          "generation"
          "\x01",
     -EBADMSG},
    {"slot is text",
     BEAT "\xA1x\xAA"
          "generation"
          "\x01",
     -EBADMSG},
    {"slot twice",
     BEAT "\x01\xA4"
          "slot"
          "\x01",
     -EBADMSG},
    {"other order",
     "\x93\x02\xA4"
     "beat"
     "\x91\x82\xAA"
     "generation"
     "\x01\xA4"
     "slot"
     "\x01",
     -EBADMSG},
    {"a field more",
     "\x93\x02\xA4"
     "beat"
     "\x91\x83\xA4"
     "slot"
     "\x01\xAA"
     "generation"
     "\x01\xA1x\x01",
     -EBADMSG},
    {"no params",
     "\x93\x02\xA4"
     "beat"
     "\x90",
     -EBADMSG},
};

static void wrong_ones_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(datagrams) / sizeof(datagrams[0]); i++) {
        struct proto_message out;
        int result = proto_decode(&out, datagrams[i].data, strlen(datagrams[i].data));
        if (result != datagrams[i].result)
            fail_msg("%s: %d", datagrams[i].name, result);
    }
}

static void names_are_unique(void **state)
{
    (void)state;
    for (int i = 0; i < PROTO_KIND_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(proto_kind_name((enum proto_kind)i),
                                    proto_kind_name((enum proto_kind)j));
    assert_string_equal(proto_kind_name(PROTO_KIND_COUNT), "unknown");
}

static int pair[2];
static int open_pair(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair);
}

static int close_pair(void **state)
{
    (void)state;
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void descriptors_travel(void **state)
{
    (void)state;
    struct proto_message message;
    struct stat sent, got;
    int fds[2] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open("/dev/zero", O_RDONLY | O_CLOEXEC)};
    int next_fd = dup(fds[0]), came[2];
    close(next_fd);
    fill(&message, PROTO_ORDER_REOPEN);
    for (size_t count = 0; count <= 2; count++) {
        assert_int_equal(proto_send(pair[0], &message, fds, count), 0);
        assert_int_equal(proto_receive(pair[1], &message, came), 1);
        assert_int_equal(message.kind, PROTO_ORDER_REOPEN);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(came[i] >= 0, i < count);
            if (i >= count)
                continue;
            fstat(fds[i], &sent);
            fstat(came[i], &got);
            assert_true(sent.st_rdev == got.st_rdev);
            assert_true(fcntl(came[i], F_GETFD) & FD_CLOEXEC);
            close(came[i]);
        }
    }
    /* nobody takes them, or the message is no message: closed */
    assert_int_equal(proto_send(pair[0], &message, fds, 2), 0);
    assert_int_equal(proto_receive(pair[1], &message, NULL), 1);
    int now_fd = dup(fds[0]);
    assert_int_equal(now_fd, next_fd);
    close(now_fd);
    close(fds[0]);
    close(fds[1]);
}

static void the_socket_tells_what_it_is(void **state)
{
    (void)state;
    struct proto_message message, got;
    int came[2];
    static char large[PROTO_MAX_BYTES + 1];
    assert_int_equal(proto_receive(pair[1], &got, came), -EAGAIN);
    assert_int_equal(write(pair[0], large, sizeof(large)), sizeof(large));
    assert_int_equal(proto_receive(pair[1], &got, came), -EBADMSG);
    assert_int_equal(write(pair[0], "x", 1), 1);
    assert_int_equal(proto_receive(pair[1], &got, came), -EBADMSG);
    fill(&message, PROTO_REPORT);
    int error = 0, count = 0;
    while (count < 100000 && !(error = proto_send(pair[0], &message, NULL, 0)))
        count++;
    assert_int_equal(error, -EAGAIN);
    for (; count; count--) {
        assert_int_equal(proto_receive(pair[1], &got, NULL), 1);
        assert_memory_equal(&got, &message, sizeof(got));
    }
    shutdown(pair[0], SHUT_WR);
    assert_int_equal(proto_receive(pair[1], &got, came), 0);
    close(pair[1]);
    assert_int_equal(proto_send(pair[0], &message, NULL, 0), -EPIPE);
    pair[1] = dup(pair[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(a_byte_too_few_or_too_many_is_refused),
        cmocka_unit_test(changed_bytes_are_harmless),
        cmocka_unit_test(garbage_is_harmless),
        cmocka_unit_test(wrong_ones_are_refused),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test_setup_teardown(descriptors_travel, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(the_socket_tells_what_it_is, open_pair, close_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
