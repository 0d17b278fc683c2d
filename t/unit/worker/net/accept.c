/* accept.c - which listeners are accepted from, and what happens without descriptors. */
#include "bench.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <time.h>

#include "common/log.h"
#include "worker/net/accept.h"

enum { LISTENERS = 3, MOST = 512 };

struct scene {
    struct loop *loop;
    struct accept_set *set;
    struct inherit_listener listeners[LISTENERS];
    struct sockaddr_in addresses[LISTENERS];
    int accepted[MOST], clients[MOST];
    size_t accepted_count, client_count, by_listener[LISTENERS];
    bool is_turned;
    struct rlimit limit;
};

static void on_socket(void *arg, int fd, const struct inherit_listener *listener)
{
    struct scene *scene = arg;
    scene->accepted[scene->accepted_count++] = fd;
    scene->by_listener[listener - scene->listeners]++;
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void make_set(struct scene *scene,
                     void (*callback)(void *, int, const struct inherit_listener *))
{
    scene->set = accept_new(&(struct accept_opts){.loop = scene->loop,
                                                  .listeners = scene->listeners,
                                                  .count = LISTENERS,
                                                  .on_socket = callback,
                                                  .arg = scene});
    assert_non_null(scene->set);
}

static int set_up(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));
    scene->loop = loop_new();
    for (int i = 0; i < LISTENERS; i++)
        scene->listeners[i] = (struct inherit_listener){.fd = bench_listen(&scene->addresses[i]),
                                                        .text = "http://127.0.0.1:0"};
    make_set(scene, on_socket);
    getrlimit(RLIMIT_NOFILE, &scene->limit);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;
    setrlimit(RLIMIT_NOFILE, &scene->limit);
    accept_free(scene->set);
    for (size_t i = 0; i < scene->accepted_count; i++)
        close(scene->accepted[i]);
    for (size_t i = 0; i < scene->client_count; i++)
        close(scene->clients[i]);
    for (int i = 0; i < LISTENERS; i++)
        close(scene->listeners[i].fd);
    loop_free(scene->loop);
    free(scene);
    return 0;
}

static int64_t before_poll(void *arg)
{
    struct scene *scene = arg;
    if (scene->is_turned)
        loop_stop(scene->loop);
    scene->is_turned = true;
    return 20;
}

static void turn(struct scene *scene)
{
    scene->is_turned = false;
    loop_run(scene->loop, before_poll, scene);
}

static void until_accepted(struct scene *scene, size_t count)
{
    int64_t end_ms = clock_now_ms() + patience_ms();
    while (scene->accepted_count < count) {
        assert_true(clock_now_ms() < end_ms);
        turn(scene);
    }
}

static void come(struct scene *scene, int listener, size_t count)
{
    while (count-- > 0)
        scene->clients[scene->client_count++] = bench_connect(&scene->addresses[listener]);
}

static void test_off_at_first(void **state)
{
    struct scene *scene = *state;
    come(scene, 0, 1);
    turn(scene);
    assert_int_equal(scene->accepted_count, 0);
}

static void test_exactly_what_was_ordered(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(accept_listen(scene->set, (uint16_t[]){0, 2, 77}, 3), 0);
    for (int i = 0; i < LISTENERS; i++)
        come(scene, i, 2);
    until_accepted(scene, 4);
    turn(scene);
    assert_int_equal(scene->by_listener[0], 2);
    assert_int_equal(scene->by_listener[1], 0);
    assert_int_equal(scene->by_listener[2], 2);
    assert_int_equal(accept_listen(scene->set, (uint16_t[]){1}, 1), 0);
    come(scene, 0, 1);
    until_accepted(scene, 6);
    turn(scene);
    assert_int_equal(scene->by_listener[1], 2); /* they had waited in the queue */
    assert_int_equal(scene->by_listener[0], 2); /* it waits for another worker */
}

static void test_no_delay(void **state)
{
    struct scene *scene = *state;
    int on = 0;
    assert_int_equal(accept_listen(scene->set, (uint16_t[]){0}, 1), 0);
    come(scene, 0, 1);
    until_accepted(scene, 1);
    assert_int_equal(
        getsockopt(scene->accepted[0], IPPROTO_TCP, TCP_NODELAY, &on, &(socklen_t){sizeof(on)}), 0);
    assert_int_equal(on, 1);
}

static void test_stop_takes_what_waits(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(accept_listen(scene->set, (uint16_t[]){0, 1}, 2), 0);
    come(scene, 0, 70); /* more than one batch */
    come(scene, 1, 3);
    come(scene, 2, 1);
    accept_stop(scene->set);
    assert_int_equal(scene->accepted_count, 73);
    come(scene, 0, 1);
    turn(scene);
    accept_stop(scene->set);
    assert_int_equal(scene->accepted_count, 73);
}

static void switch_off(void *arg, int fd, const struct inherit_listener *listener)
{
    struct scene *scene = arg;
    on_socket(arg, fd, listener);
    assert_int_equal(accept_listen(scene->set, NULL, 0), 0);
}

static void test_switched_off_by_the_callback(void **state)
{
    struct scene *scene = *state;
    accept_free(scene->set);
    make_set(scene, switch_off);
    assert_int_equal(accept_listen(scene->set, (uint16_t[]){0}, 1), 0);
    come(scene, 0, 3);
    until_accepted(scene, 1);
    turn(scene);
    assert_int_equal(scene->accepted_count, 1);
}

static size_t count_lines(int fd)
{
    char text[8192];
    size_t lines = 0;
    for (ssize_t len; (len = read(fd, text, sizeof(text))) > 0;)
        for (ssize_t i = 0; i < len; i++)
            lines += text[i] == '\n';
    return lines;
}

/* Without descriptors: one connection is shed a pause, the loop sleeps, and it goes on when there are some again. */
static void test_no_descriptors(void **state)
{
    struct scene *scene = *state;
    int log[2];
    assert_int_equal(pipe2(log, O_NONBLOCK | O_CLOEXEC), 0);
    log_set_fd(log[1]);
    assert_int_equal(accept_listen(scene->set, (uint16_t[]){0, 1}, 2), 0);
    come(scene, 0, 40);
    int next = dup(0);
    close(next);
    setrlimit(RLIMIT_NOFILE,
              &(struct rlimit){(rlim_t)next + 2, scene->limit.rlim_max}); /* two more, then none */

    struct timespec before, after;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    int64_t start_ms = clock_now_ms(), end_ms = start_ms + 450;
    while (clock_now_ms() < end_ms)
        turn(scene);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    int64_t cpu_us =
        (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000;
    assert_int_equal(scene->accepted_count, 2);
    assert_true(cpu_us < (clock_now_ms() - start_ms) * 500); /* a spinning loop takes twice that */
    size_t lines = count_lines(log[0]);
    assert_true(lines >= 1 && lines <= 1 + (size_t)(clock_now_ms() - start_ms) / 500);

    setrlimit(RLIMIT_NOFILE, &scene->limit);
    int64_t back_ms = clock_now_ms();
    int shed = 0;
    for (size_t i = 0; i < 40; i++) {
        struct tcp_info info;
        socklen_t len = sizeof(info);
        getsockopt(scene->clients[i], IPPROTO_TCP, TCP_INFO, &info, &len);
        shed += info.tcpi_state != TCP_ESTABLISHED;
    }
    assert_in_range(shed, 1,
                    2 * (2 + (size_t)(back_ms - start_ms) / 100)); /* valgrind sheds, too */
    until_accepted(scene, 40 - (size_t)shed);
    assert_true(clock_now_ms() - back_ms < 5000);
    log_set_fd(2);
    close(log[0]);
    close(log[1]);
}

static void test_unix_listener(void **state)
{
    struct scene *scene = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(address);
    struct inherit_listener listener = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_int_equal(bind(listener.fd, (struct sockaddr *)&address, sizeof(sa_family_t)),
                     0); /* autobind */
    assert_int_equal(listen(listener.fd, 8), 0);
    assert_int_equal(getsockname(listener.fd, (struct sockaddr *)&address, &len), 0);
    close(scene->listeners[0].fd);
    scene->listeners[0] = listener;
    accept_free(scene->set);
    make_set(scene, on_socket);
    assert_int_equal(accept_listen(scene->set, (uint16_t[]){0}, 1), 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, len), 0);
    until_accepted(scene, 1);
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_off_at_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_exactly_what_was_ordered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_delay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_takes_what_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_switched_off_by_the_callback, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_descriptors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unix_listener, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
