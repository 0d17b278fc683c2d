/* bench.h - a loop, one connection of it and its peer, for the units of worker/net.
 * Does:     make connected pairs over TCP and UNIX sockets; turn the loop until something is so.
 * Does not: wait for time: what does not happen within PATIENCE_MS fails the test. */
#ifndef GALLEY_TEST_UNIT_NET_BENCH_H
#define GALLEY_TEST_UNIT_NET_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/loop.h"
#include "worker/net/io.h"

enum { PATIENCE_MS = 20000 };

/* GALLEY_SLOW: factor for slow builds and valgrind. */
static inline int64_t patience_ms(void)
{
    const char *slow = getenv("GALLEY_SLOW");
    return PATIENCE_MS * (slow ? strtol(slow, NULL, 10) : 1);
}

struct bench {
    struct io io; /* first: on_ready finds the bench by it */
    struct loop *loop;
    int peer;
    bool is_turned;
    int calls; /* of on_ready */
    unsigned what;
};

static int64_t bench_before_poll(void *arg)
{
    struct bench *bench = arg;
    if (bench->is_turned)
        loop_stop(bench->loop);
    bench->is_turned = true;
    return 20;
}

/* One turn, or two when the first was taken up by events fired by hand. */
static inline void bench_turn(struct bench *bench)
{
    bench->is_turned = false;
    loop_run(bench->loop, bench_before_poll, bench);
}

#define BENCH_UNTIL(bench, condition)                                                              \
    do {                                                                                           \
        int64_t end_ms = clock_now_ms() + patience_ms();                                           \
        while (!(condition)) {                                                                     \
            assert_true(clock_now_ms() < end_ms);                                                  \
            bench_turn(bench);                                                                     \
        }                                                                                          \
    } while (0)

static inline void bench_on_ready(struct io *io, unsigned what)
{
    struct bench *bench = (struct bench *)(void *)io;
    bench->calls++;
    bench->what |= what;
}

static inline void bench_forget(struct bench *bench)
{
    bench->calls = 0;
    bench->what = 0;
}

/* A listening TCP socket on a free port of 127.0.0.1, and its address. */
static inline int bench_listen(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
    assert_int_equal(listen(fd, 128), 0);
    socklen_t len = sizeof(*address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
    return fd;
}

static inline int bench_connect(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
    return fd;
}

/* fds[0] is ours and non-blocking, fds[1] the peer's and blocking. */
static inline void bench_pair(int family, int fds[2])
{
    if (family == AF_UNIX) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
        return;
    }
    struct sockaddr_in address;
    int listener = bench_listen(&address);
    fds[1] = bench_connect(&address);
    fds[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(fds[0] >= 0);
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    close(listener);
}

static inline void bench_close_peer(struct bench *bench)
{
    if (bench->peer >= 0)
        close(bench->peer);
    bench->peer = -1;
}

static inline void bench_reset_by_peer(struct bench *bench)
{
    struct linger linger = {.l_onoff = 1};
    assert_int_equal(setsockopt(bench->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    bench_close_peer(bench);
}

#endif
