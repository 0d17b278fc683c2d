/* tcp.c - the plain byte-stream: what each edge says, and that it is said once. */
#include "bench.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static int set_up_family(void **state, int family)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    int fds[2];
    bench->loop = loop_new();
    assert_non_null(bench->loop);
    bench_pair(family, fds);
    bench->peer = fds[1];
    assert_int_equal(tcp_open(&bench->io, bench->loop, fds[0], bench_on_ready), 0);
    BENCH_UNTIL(bench, bench->what != 0);
    assert_int_equal(bench->what, IO_WRITABLE); /* the first edge: there is room */
    assert_int_equal(bench->calls, 1);
    bench_forget(bench);
    *state = bench;
    return 0;
}

static int set_up_tcp(void **state)
{
    return set_up_family(state, AF_INET);
}

static int set_up_unix(void **state)
{
    return set_up_family(state, AF_UNIX);
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    bench->io.ops->close(&bench->io);
    bench->io.ops->close(&bench->io); /* harmless */
    bench_close_peer(bench);
    loop_free(bench->loop);
    free(bench);
    return 0;
}

/* Nothing more is said while nothing changes. */
static void assert_quiet(struct bench *bench)
{
    bench_forget(bench);
    for (int i = 0; i < 3; i++)
        bench_turn(bench);
    assert_int_equal(bench->calls, 0);
}

static void test_data_is_one_edge(void **state)
{
    struct bench *bench = *state;
    char buf[16];
    assert_int_equal(write(bench->peer, "hello", 5), 5);
    BENCH_UNTIL(bench, bench->what & IO_READABLE);
    assert_false(bench->what & IO_HANGUP);
    assert_quiet(bench); /* also with the bytes unread */
    assert_int_equal(bench->io.ops->recv(&bench->io, buf, sizeof(buf)), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(bench->io.ops->recv(&bench->io, buf, sizeof(buf)), -EAGAIN);
    assert_false(io_has_more(&bench->io));
    assert_false(io_is_dead(&bench->io));
    assert_quiet(bench);
}

static void test_end_is_one_edge(void **state)
{
    struct bench *bench = *state;
    char buf[16];
    assert_int_equal(shutdown(bench->peer, SHUT_WR), 0);
    BENCH_UNTIL(bench, bench->what & IO_HANGUP);
    assert_int_equal(bench->io.ops->recv(&bench->io, buf, sizeof(buf)), 0);
    assert_quiet(bench);
    assert_false(io_is_dead(&bench->io)); /* half of it is open */
    assert_int_equal(bench->io.ops->send(&bench->io, &(struct iovec){(char[]){"bye"}, 3}, 1), 3);
    assert_int_equal(read(bench->peer, buf, sizeof(buf)), 3);
}

static void test_data_with_end(void **state)
{
    struct bench *bench = *state;
    char buf[16];
    assert_int_equal(write(bench->peer, "last", 4), 4);
    assert_int_equal(shutdown(bench->peer, SHUT_WR), 0);
    BENCH_UNTIL(bench, bench->what & IO_HANGUP);
    assert_true(bench->what & IO_READABLE);
    assert_int_equal(bench->io.ops->recv(&bench->io, buf, sizeof(buf)), 4);
    assert_int_equal(bench->io.ops->recv(&bench->io, buf, sizeof(buf)), 0);
    assert_quiet(bench);
}

static void test_reset(void **state)
{
    struct bench *bench = *state;
    char buf[16] = "x";
    bench_reset_by_peer(bench);
    BENCH_UNTIL(bench, bench->what & IO_READABLE);
    assert_true(io_is_dead(&bench->io));
    assert_int_equal(bench->io.ops->recv(&bench->io, buf, sizeof(buf)), -ECONNRESET);
    ssize_t sent = bench->io.ops->send(&bench->io, &(struct iovec){buf, 1}, 1);
    assert_int_equal(sent, -EPIPE); /* and no SIGPIPE */
    assert_quiet(bench);
}

static void test_peer_that_closed_is_no_signal(void **state)
{
    struct bench *bench = *state;
    char buf[16] = "x";
    struct iovec pieces[2] = {{buf, 1}, {buf, 2}};
    bench_close_peer(bench);
    ssize_t sent;
    do { /* over TCP the first bytes still find room */
        sent = bench->io.ops->send(&bench->io, pieces, 2);
        bench_turn(bench);
    } while (sent > 0);
    assert_true(sent == -EPIPE || sent == -ECONNRESET);
    assert_true(io_is_dead(&bench->io));
}

static void test_pieces_leave_together(void **state)
{
    struct bench *bench = *state;
    static char byte[] = "0123456789";
    struct iovec pieces[3] = {{byte, 2}, {byte + 2, 0}, {byte + 2, 8}};
    char buf[16];
    assert_int_equal(bench->io.ops->send(&bench->io, pieces, 3), 10);
    assert_int_equal(read(bench->peer, buf, sizeof(buf)), 10);
    assert_memory_equal(buf, byte, 10);
    static struct iovec many[1024];
    for (size_t i = 0; i < 1024; i++)
        many[i] = (struct iovec){byte, 1};
    assert_int_equal(bench->io.ops->send(&bench->io, many, 1024), 1024);
}

static void drain_peer(struct bench *bench, size_t len)
{
    static char buf[65536];
    while (len > 0) {
        ssize_t got = read(bench->peer, buf, len < sizeof(buf) ? len : sizeof(buf));
        assert_true(got > 0);
        len -= (size_t)got;
    }
}

static void test_full_then_writable(void **state)
{
    struct bench *bench = *state;
    static char block[65536];
    struct iovec piece = {block, sizeof(block)};
    for (int round = 0; round < 3; round++) {
        size_t total = 0;
        ssize_t sent;
        while ((sent = bench->io.ops->send(&bench->io, &piece, 1)) > 0)
            total += (size_t)sent;
        assert_int_equal(sent, -EAGAIN);
        bench_forget(bench);
        for (int i = 0; i < 12; i++)
            bench_turn(bench);
        assert_true(bench->calls <= 4); /* the network may still take some; no edge a turn */
        drain_peer(bench, total);
        BENCH_UNTIL(bench, bench->what & IO_WRITABLE);
    }
}

static void test_short_send_announces_room(void **state)
{
    struct bench *bench = *state;
    size_t len = 32u << 20;
    char *block = calloc(1, len);
    ssize_t sent = bench->io.ops->send(&bench->io, &(struct iovec){block, len}, 1);
    assert_true(sent > 0 && (size_t)sent < len);
    bench_turn(bench);
    bench_forget(bench);
    drain_peer(bench, (size_t)sent);
    BENCH_UNTIL(bench, bench->what & IO_WRITABLE);
    free(block);
}

static void test_send_file(void **state)
{
    struct bench *bench = *state;
    enum { FILE_BYTES = 3 << 20 };
    int file = memfd_create("file", MFD_CLOEXEC);
    assert_int_equal(ftruncate(file, FILE_BYTES), 0);
    off_t offset = FILE_BYTES - 3;
    assert_int_equal(bench->io.ops->send_file(&bench->io, file, &offset, 100), 3);
    assert_int_equal(offset, FILE_BYTES);
    assert_int_equal(bench->io.ops->send_file(&bench->io, file, &offset, 100), 0); /* shorter */
    drain_peer(bench, 3);

    offset = 0;
    size_t left = 0;
    while (offset < FILE_BYTES) {
        ssize_t sent =
            bench->io.ops->send_file(&bench->io, file, &offset, (size_t)(FILE_BYTES - offset));
        if (sent == -EAGAIN) {
            bench_turn(bench);
            bench_forget(bench);
            drain_peer(bench, left);
            left = 0;
            BENCH_UNTIL(bench, bench->what & IO_WRITABLE);
            continue;
        }
        assert_true(sent > 0 && sent <= 256 * 1024); /* in slices */
        left += (size_t)sent;
    }
    drain_peer(bench, left);
    close(file);
}

static void test_shut_write(void **state)
{
    struct bench *bench = *state;
    char buf[4];
    bench->io.ops->shut_write(&bench->io);
    assert_int_equal(read(bench->peer, buf, sizeof(buf)), 0);
    assert_int_equal(write(bench->peer, "more", 4), 4); /* the other way is open */
    BENCH_UNTIL(bench, bench->what & IO_READABLE);
    assert_int_equal(bench->io.ops->recv(&bench->io, buf, sizeof(buf)), 4);
}

static void test_both_shut_is_dead(void **state)
{
    struct bench *bench = *state;
    bench->io.ops->shut_write(&bench->io);
    bench_close_peer(bench);
    BENCH_UNTIL(bench, bench->what & IO_HANGUP);
    assert_true(io_is_dead(&bench->io));
}

static void test_a_bad_descriptor_is_refused(void **state)
{
    struct bench *bench = *state;
    struct io io = {.fd = -1};
    int file = memfd_create("not pollable", MFD_CLOEXEC);
    assert_true(tcp_open(&io, bench->loop, file, bench_on_ready) < 0);
    assert_int_equal(fcntl(file, F_GETFD), -1); /* closed on failure */
    io.ops->close(&io);
    assert_true(io_is_dead(&io));
}

#define BOTH(test)                                                                                 \
    {#test "_over_tcp", test, set_up_tcp, tear_down, NULL},                                        \
    {                                                                                              \
#test "_over_unix", test, set_up_unix, tear_down, NULL                                     \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_data_is_one_edge),
        BOTH(test_end_is_one_edge),
        BOTH(test_data_with_end),
        {"test_reset", test_reset, set_up_tcp, tear_down, NULL},
        BOTH(test_peer_that_closed_is_no_signal),
        BOTH(test_pieces_leave_together),
        BOTH(test_full_then_writable),
        BOTH(test_short_send_announces_room),
        BOTH(test_send_file),
        BOTH(test_shut_write),
        BOTH(test_both_shut_is_dead),
        {"test_a_bad_descriptor_is_refused", test_a_bad_descriptor_is_refused, set_up_tcp,
         tear_down, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
