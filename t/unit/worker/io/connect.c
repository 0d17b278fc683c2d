/* t/unit/worker/io/connect.c - connections that are made, refused, not answered, given up. */
#include "unit/worker/coro/world.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <galley/error.h>

#include "worker/io/connect.h"
#include "worker/io/remotes.h"

static struct remotes *remotes;
static int listener;
static uint16_t port;
static struct sockaddr_un unix_address;

static int set_up(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    world_set_up_real(state);
    remotes = remotes_new(world.sched, &world.stats);
    assert_non_null(remotes);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    port = ntohs(address.sin_port);
    unix_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(unix_address.sun_path, sizeof unix_address.sun_path, "/tmp/galley-unit-%d.sock",
             (int)getpid());
    return 0;
}

static int tear_down(void **state)
{
    close(listener);
    unlink(unix_address.sun_path);
    assert_true(remotes_free(remotes));
    return world_tear_down(state);
}

static void connect_and_note(galley_async *co, void *arg)
{
    char memory[1024];
    struct arena arena;
    arena_init(&arena, memory, sizeof memory, 0);
    co->arena = &arena;
    int rc = connect_open(co, arg, "unit.c:1");
    if (rc >= 0) {
        int flags = fcntl(rc, F_GETFL), no_delay = 0;
        socklen_t len = sizeof no_delay;
        (void)getsockopt(rc, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len);
        note("open,%s,%s", flags & O_NONBLOCK ? "nonblocking" : "blocking",
             no_delay ? "nodelay" : "delay");
        close(rc);
    } else {
        note("%s%s%s", rc == -ECONNREFUSED ? "refused" : word(rc), *galley_why(co) ? ": " : "",
             galley_why(co));
    }
    co->arena = NULL;
    arena_release(&arena);
}

static void run(struct connect_opts *opts, const char *expected)
{
    opts->what = "there";
    opts->timeout_ms = opts->timeout_ms ? opts->timeout_ms : 5000;
    world_start("connect", connect_and_note, opts);
    world_loop();
    assert_string_equal(world.trace, expected);
}

static void tcp(void **state)
{
    (void)state;
    run(&(struct connect_opts){.host = "127.0.0.1", .port = port}, "open,nonblocking,nodelay ");
}

static void tcp_refused(void **state)
{
    (void)state;
    close(listener);
    listener = -1;
    run(&(struct connect_opts){.host = "127.0.0.1", .port = port},
        "refused: cannot connect to there: Connection refused (unit.c:1) ");
}

static void listen_on_path(int backlog)
{
    close(listener);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&unix_address, sizeof unix_address),
                     0);
    assert_int_equal(listen(listener, backlog), 0);
}

/* Who comes after these must wait. */
enum { FULL_COUNT = 4 };
static void listen_until_full(int fds[FULL_COUNT])
{
    listen_on_path(0);
    for (int i = 0; i < FULL_COUNT; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (const struct sockaddr *)&unix_address, sizeof unix_address);
    }
}

static void unix_socket(void **state)
{
    (void)state;
    listen_on_path(8);
    run(&(struct connect_opts){.path = unix_address.sun_path}, "open,nonblocking,delay ");
}

static void unix_is_full(void **state)
{
    int fds[FULL_COUNT];
    (void)state;
    listen_until_full(fds);
    run(&(struct connect_opts){.path = unix_address.sun_path, .timeout_ms = 30},
        "ETIMEDOUT: cannot connect to there: Connection timed out (unit.c:1) ");
    for (int i = 0; i < FULL_COUNT; i++)
        close(fds[i]);
}

static void path_too_long(void **state)
{
    char path[200];
    (void)state;
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    run(&(struct connect_opts){.path = path},
        "?: cannot connect to there: File name too long (unit.c:1) ");
}

static void cancelled(void **state)
{
    int fds[FULL_COUNT];
    (void)state;
    listen_until_full(fds);
    struct connect_opts opts = {
        .path = unix_address.sun_path, .timeout_ms = 60000, .what = "there"};
    assert_int_equal(world_start("connect", connect_and_note, &opts), 1);
    sched_cancel_all(world.sched, GALLEY_BY_DISCONNECT);
    world_loop();
    assert_string_equal(world.trace, "ECANCELED ");
    for (int i = 0; i < FULL_COUNT; i++)
        close(fds[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tcp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tcp_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unix_socket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unix_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(path_too_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cancelled, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
