/* t/unit/master/channel.c - a worker's word is gossip: rows of messages that are taken, ignored or counted; orders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/channel.h"

static struct master master;
static struct generation generation;
static struct slot slot;
static int worker_fd;

static int set_up(void **state)
{
    int ends[2];
    (void)state;
    memset(&master, 0, sizeof(master));
    memset(&generation, 0, sizeof(generation));
    memset(&slot, 0, sizeof(slot));
    generation.number = 4;
    slot.master = &master;
    slot.generation = &generation;
    slot.number = 2;
    slot.state = SLOT_STARTING;
    master.loop = loop_new();
    master.report_id = 10;
    if (!master.loop || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) < 0)
        return -1;
    slot.channel_fd = ends[0];
    worker_fd = ends[1];
    return channel_start(&master, &slot);
}

static int tear_down(void **state)
{
    (void)state;
    channel_stop(&master, &slot);
    close(worker_fd);
    loop_free(master.loop);
    return 0;
}

static int64_t once(void *arg)
{
    bool *again = arg;
    if (!*again)
        loop_stop(master.loop);
    *again = false;
    return 0;
}

/* One turn of the master's loop. */
static void turn(void)
{
    bool again = true;
    loop_run(master.loop, once, &again);
}

static const struct {
    const char *name;
    enum proto_kind kind;
    int slot, generation;
    enum slot_state before, after;
    bool ignored;
} rows[] = {
    {"ready", PROTO_READY, 2, 4, SLOT_STARTING, SLOT_READY, false},
    {"ready twice", PROTO_READY, 2, 4, SLOT_READY, SLOT_READY, true},
    {"ready while it drains", PROTO_READY, 2, 4, SLOT_DRAINING, SLOT_DRAINING, true},
    {"ready after its death sentence", PROTO_READY, 2, 4, SLOT_KILLED, SLOT_KILLED, true},
    {"another slot's", PROTO_READY, 1, 4, SLOT_STARTING, SLOT_STARTING, true},
    {"another generation's", PROTO_READY, 2, 5, SLOT_STARTING, SLOT_STARTING, true},
    {"a beat", PROTO_BEAT, 2, 4, SLOT_READY, SLOT_READY, false},
    {"a foreign beat", PROTO_BEAT, 3, 4, SLOT_READY, SLOT_READY, true},
    {"failed", PROTO_FAILED, 2, 4, SLOT_STARTING, SLOT_STARTING, false},
    {"drained", PROTO_DRAINED, 2, 4, SLOT_DRAINING, SLOT_DRAINING, false},
    {"an order from below", PROTO_ORDER_STOP, 2, 4, SLOT_READY, SLOT_READY, true},
};

static void words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct proto_message message = {
            .kind = rows[i].kind, .slot = rows[i].slot, .generation = rows[i].generation};
        slot.state = rows[i].before;
        master.sums.master.worker_messages_ignored = 0;
        assert_int_equal(proto_send(worker_fd, &message, NULL, 0), 0);
        turn();
        if (slot.state != rows[i].after ||
            master.sums.master.worker_messages_ignored != rows[i].ignored)
            fail_msg("%s: %s, ignored %d", rows[i].name, slot_state_name(slot.state),
                     (int)master.sums.master.worker_messages_ignored);
    }
    assert_true(slot.drained);
}

static void garbage_is_counted(void **state)
{
    (void)state;
    unsigned char bytes[3000];
    for (size_t i = 0; i < 20; i++) {
        for (size_t k = 0; k < sizeof(bytes); k++)
            bytes[k] = (unsigned char)(k * 7 + i * 31 + k / 13);
        assert_int_equal(send(worker_fd, bytes, 1 + i * 140, 0), (ssize_t)(1 + i * 140));
    }
    for (int i = 0; i < 3; i++)
        turn();
    assert_int_equal(master.sums.master.worker_messages_ignored, 20);
    assert_int_equal(slot.state, SLOT_STARTING);
    assert_int_equal(slot.gone_ms, 0);
}

static void descriptors_that_come_are_closed(void **state)
{
    (void)state;
    struct proto_message message = {.kind = PROTO_BEAT, .slot = 2, .generation = 4};
    int fds[2] = {worker_fd, worker_fd};
    int first = dup(0);
    close(first);
    assert_int_equal(proto_send(worker_fd, &message, fds, 2), 0);
    turn();
    int now = dup(0);
    close(now);
    assert_int_equal(now, first);
}

static void reports_are_bounded(void **state)
{
    (void)state;
    struct proto_message message = {.kind = PROTO_REPORT, .slot = 2, .generation = 4};
    message.report_id = 4000000000u; /* it was never asked for */
    message.stats.requests_total = 5;
    assert_int_equal(proto_send(worker_fd, &message, NULL, 0), 0);
    turn();
    assert_int_equal(slot.report_id, 0);
    assert_int_equal(slot.stats.requests_total, 5);
    message.report_id = 9;
    message.stats.requests_total = 3;
    assert_int_equal(proto_send(worker_fd, &message, NULL, 0), 0);
    turn();
    assert_int_equal(slot.report_id, 9);
    assert_int_equal(slot.stats.requests_total, 5);
}

static void orders_wait_for_a_reader(void **state)
{
    (void)state;
    struct proto_message message = {0};
    int sent = 0;
    do
        channel_order(&slot, PROTO_ORDER_LISTEN);
    while (!channel_flush(&master, &slot) && ++sent < 100000);
    assert_in_range(sent, 1, 99999); /* full at some time, and nothing blocks */
    slot.sockets[0] = 7;
    slot.socket_count = 1;
    channel_order(&slot, PROTO_ORDER_DRAIN);
    assert_true(channel_flush(&master, &slot));
    while (proto_receive(worker_fd, &message, NULL) == 1)
        continue;
    assert_false(channel_flush(&master, &slot));
    assert_int_equal(proto_receive(worker_fd, &message, NULL), 1);
    assert_int_equal(message.kind, PROTO_ORDER_LISTEN); /* with the values of now, and once */
    assert_int_equal(message.socket_count, 1);
    assert_int_equal(message.sockets[0], 7);
    assert_int_equal(proto_receive(worker_fd, &message, NULL), 1);
    assert_int_equal(message.kind, PROTO_ORDER_DRAIN);
    assert_int_equal(proto_receive(worker_fd, &message, NULL), -EAGAIN);
}

static void the_end_is_noticed(void **state)
{
    (void)state;
    struct proto_message message = {
        .kind = PROTO_FAILED, .slot = 2, .generation = 4, .text = "no luck"};
    assert_int_equal(proto_send(worker_fd, &message, NULL, 0), 0);
    shutdown(worker_fd, SHUT_RDWR);
    turn();
    assert_true(slot.gone_ms != 0);
    assert_string_equal(slot.reason, "no luck");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(garbage_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(descriptors_that_come_are_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reports_are_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(orders_wait_for_a_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_end_is_noticed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
