/* t/unit/worker/coro/channel.c - channels: order, limits, closing, cancellation, nothing lost and nothing twice. */
#include <galley/channel.h>

#include "t/unit/worker/coro/world.h"

GALLEY_CHANNEL(numbers, int, 2);
GALLEY_CHANNEL(handovers, int, 0);

struct page {
    char text[3000];
    int number;
};
GALLEY_CHANNEL(pages, struct page, 3);

static struct numbers numbers;
static struct handovers handovers;
static struct pages pages;

/* Who sends or receives what, and when. */
struct party {
    const char *name;
    int64_t at_ms;
    int first, last;
};

static int send_numbers(galley_async *co, struct party *party)
{
    int rc = galley_sleep_ms(co, party->at_ms);
    for (int i = party->first; rc == 0 && i <= party->last; i++) {
        rc = galley_channel_send(co, &numbers, &i);
        note("%s%d:%s", party->name, i, word(rc));
    }
    return rc;
}

static int receive_numbers(galley_async *co, struct party *party)
{
    int number = -1, rc = galley_sleep_ms(co, party->at_ms);
    if (rc < 0)
        return rc;
    while ((rc = galley_channel_receive(co, &numbers, &number)) > 0)
        note("%s=%d", party->name, number);
    note("%s:%s", party->name, word(rc));
    return rc;
}

static int close_numbers(galley_async *co, struct party *party)
{
    int rc = galley_sleep_ms(co, party->at_ms);
    galley_channel_close(co, &numbers);
    galley_channel_close(co, &numbers);
    return rc;
}

static void full_and_drained(galley_async *co, void *arg)
{
    struct party s = {"s", 0, 1, 4}, r = {"r", 10, 0, 0}, c = {"c", 20, 0, 0};
    (void)arg;
    int rc = galley_gather(co, (send_numbers, &s), (receive_numbers, &r), (close_numbers, &c));
    note("%s", word(rc));
}

static void several_senders(galley_async *co, void *arg)
{
    struct party a = {"a", 0, 1, 3}, b = {"b", 1, 11, 12}, r = {"r", 10, 0, 0}, c = {"c", 20, 0, 0};
    (void)arg;
    int rc = galley_gather(co, (send_numbers, &a), (send_numbers, &b), (receive_numbers, &r),
                           (close_numbers, &c));
    note("%s", word(rc));
}

static void several_receivers(galley_async *co, void *arg)
{
    struct party q = {"q", 0, 0, 0}, r = {"r", 1, 0, 0}, s = {"s", 10, 1, 5}, c = {"c", 20, 0, 0};
    (void)arg;
    int rc = galley_gather(co, (receive_numbers, &q), (receive_numbers, &r), (send_numbers, &s),
                           (close_numbers, &c));
    note("%s", word(rc));
}

static void closed_while_senders_wait(galley_async *co, void *arg)
{
    struct party s = {"s", 0, 1, 4}, c = {"c", 5, 0, 0}, r = {"r", 10, 0, 0}, t = {"t", 7, 9, 9};
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *late = galley_spawn(co, receive_numbers, &r);
    int rc = galley_gather(co, (close_numbers, &c), (send_numbers, &s));
    int after = galley_gather(co, (send_numbers, &t));
    int got = galley_await(co, late);
    note("%s %s %s", word(rc), word(after), word(got));
    close_and_note(co, "close", &scope);
}

/* ---- no room at all ---- */

static int hand_over(galley_async *co, struct party *party)
{
    int rc = galley_sleep_ms(co, party->at_ms);
    for (int i = party->first; rc == 0 && i <= party->last; i++) {
        rc = galley_channel_send(co, &handovers, &i);
        note("%s%d:%s@%d", party->name, i, word(rc), (int)(world.now_ms - 1000000));
    }
    return rc;
}

static int take_over(galley_async *co, struct party *party)
{
    int number = -1, rc = 0;
    for (int i = party->first; rc >= 0 && i <= party->last; i++) {
        rc = galley_sleep_ms(co, party->at_ms);
        if (rc == 0)
            rc = galley_channel_receive(co, &handovers, &number);
        note("%s=%d", party->name, rc < 0 ? rc : number);
    }
    return rc;
}

static void hand_to_hand(galley_async *co, void *arg)
{
    struct party s = {"s", 0, 1, 2}, r = {"r", 10, 1, 3}, t = {"t", 50, 7, 7};
    (void)arg;
    int rc = galley_gather(co, (hand_over, &s), (take_over, &r), (hand_over, &t));
    note("%s", word(rc));
}

/* ---- values of any size ---- */

static int send_pages(galley_async *co, struct party *party)
{
    struct page page;
    for (int i = party->first; i <= party->last; i++) {
        memset(page.text, 'a' + i % 26, sizeof page.text);
        page.number = i;
        int rc = galley_channel_send(co, &pages, &page);
        if (rc < 0)
            return rc;
    }
    galley_channel_close(co, &pages);
    return 0;
}

static int receive_pages(galley_async *co, struct party *party)
{
    struct page page, expected;
    int rc, count = 0;
    while ((rc = galley_channel_receive(co, &pages, &page)) > 0) {
        memset(expected.text, 'a' + page.number % 26, sizeof expected.text);
        count += page.number == party->first + count &&
                 memcmp(page.text, expected.text, sizeof page.text) == 0;
    }
    note("%d", count);
    return rc;
}

static void large_values(galley_async *co, void *arg)
{
    struct party both = {"", 0, 0, 999};
    (void)arg;
    int rc = galley_gather(co, (receive_pages, &both), (send_pages, &both));
    note("%s", word(rc));
}

/* ---- cancellation ---- */

static void in_a_cancelled_scope(galley_async *co, void *arg)
{
    struct galley_scope scope;
    int number = 5;
    (void)arg;
    int sent = galley_channel_send(co, &numbers, &number);
    galley_scope_open(co, &scope, 0);
    number = 6;
    int refused = galley_channel_send(co, &numbers, &number);
    int not_taken = galley_channel_receive(co, &numbers, &number);
    note("%s %s %s", word(sent), word(refused), word(not_taken));
    close_and_note(co, "close", &scope);
    int rc = galley_channel_receive(co, &numbers, &number);
    note("%s %d %d", word(rc), number, (int)numbers.channel._count);
}

static int take_one(galley_async *co, struct party *party)
{
    int number = -1, rc = galley_channel_receive(co, &numbers, &number);
    note("%s:%s=%d %s", party->name, word(rc), number, word(galley_sleep_ms(co, 1)));
    return rc;
}

/* The value was handed over when the cancellation came, or comes to who is cancelled but has not left: it is received. */
static void send_and_cancel(galley_async *co, bool send_first)
{
    struct party a = {"a", 0, 0, 0}, b = {"b", 0, 0, 0};
    struct galley_scope scope;
    int number = 1, next = 2;
    galley_scope_open(co, &scope, -1);
    galley_task *first = galley_spawn(co, take_one, &a), *second = galley_spawn(co, take_one, &b);
    int rc = galley_sleep_ms(co, 1);
    if (!send_first)
        galley_task_cancel(first);
    int sent = galley_channel_send(co, &numbers, &number);
    if (send_first)
        galley_task_cancel(first);
    int also = galley_channel_send(co, &numbers, &next);
    note("%s %s %s", word(rc), word(sent), word(also));
    int got = galley_await(co, first), got_too = galley_await(co, second);
    note("%s %s", word(got), word(got_too));
    close_and_note(co, "close", &scope);
}

static void send_then_cancel(galley_async *co, void *arg)
{
    (void)arg;
    send_and_cancel(co, true);
}

static void cancel_then_send(galley_async *co, void *arg)
{
    (void)arg;
    send_and_cancel(co, false);
}

/* A sender that gives up takes its value with it; the next one's comes in its place. */
static void sender_gives_up(galley_async *co, void *arg)
{
    struct party a = {"a", 0, 1, 3}, b = {"b", 1, 11, 11}, r = {"r", 0, 0, 0}, c = {"c", 5, 0, 0};
    struct galley_scope scope;
    (void)arg;
    galley_scope_open(co, &scope, -1);
    galley_task *first = galley_spawn(co, send_numbers, &a);
    galley_task *second = galley_spawn(co, send_numbers, &b);
    int rc = galley_sleep_ms(co, 5);
    galley_task_cancel(first);
    int gave_up = galley_await(co, first);
    int got = galley_gather(co, (receive_numbers, &r), (close_numbers, &c));
    int sent = galley_await(co, second);
    note("%s %s %s %s", word(rc), word(gave_up), word(got), word(sent));
    close_and_note(co, "close", &scope);
}

/* ---- any order ---- */

enum { SEEDS = 1000, SENDERS = 4, RECEIVERS = 3, VALUES = 12, ROOM = 3 };
GALLEY_CHANNEL(parcels, int, ROOM);
GALLEY_CHANNEL(no_room, int, 0);
static struct parcels parcels;
static struct no_room no_room;
static bool has_room;
static bool was_sent[SENDERS * VALUES], was_received[SENDERS * VALUES];
static int last_of[RECEIVERS][SENDERS];
static int sender_index[SENDERS], receiver_index[RECEIVERS];
static unsigned sent_count, received_count, refusal_count, closed_count;

static void check(bool holds, const char *what)
{
    if (!holds)
        fail_msg("%s", what);
}

static int random_sender(galley_async *co, int *index)
{
    for (int i = 0; i < VALUES; i++) {
        struct galley_scope scope;
        int value = *index * VALUES + i;
        galley_scope_open(co, &scope, (int64_t)world_random(8));
        int rc = has_room ? galley_channel_send(co, &parcels, &value)
                          : galley_channel_send(co, &no_room, &value);
        was_sent[value] = rc == 0;
        sent_count += rc == 0;
        refusal_count += rc == -ECANCELED;
        closed_count += rc == -EPIPE;
        value = -1; /* what was sent is a copy */
        if (rc == 0 && world_random(3) == 0)
            rc = galley_sleep_ms(co, (int64_t)world_random(4));
        int closed = galley_scope_close(co, &scope);
        check(closed == 0 || closed == -ETIMEDOUT, "close");
    }
    return 0;
}

static int random_receiver(galley_async *co, int *index)
{
    for (;;) {
        struct galley_scope scope;
        int value = -1;
        galley_scope_open(co, &scope, (int64_t)world_random(8));
        int rc = has_room ? galley_channel_receive(co, &parcels, &value)
                          : galley_channel_receive(co, &no_room, &value);
        if (rc > 0) {
            int *last = &last_of[*index][value / VALUES];
            check(value >= 0 && !was_received[value], "received twice");
            check(value >= *last, "not in the order of sending");
            *last = value;
            was_received[value] = true;
            received_count++;
        } else {
            check(value == -1, "touched");
            refusal_count += rc == -ECANCELED;
        }
        int slept = rc > 0 ? galley_sleep_ms(co, (int64_t)world_random(3)) : 0;
        int closed = galley_scope_close(co, &scope);
        check(slept <= 0 && closed <= 0, "results");
        if (rc == 0)
            return 0;
    }
}

static int send_all(galley_async *co, int *is_early)
{
    int *n = sender_index, rc;
    if (*is_early)
        rc = galley_race(co, (random_sender, &n[0]), (random_sender, &n[1]), (random_sender, &n[2]),
                         (random_sender, &n[3]));
    else
        rc = galley_gather(co, (random_sender, &n[0]), (random_sender, &n[1]),
                           (random_sender, &n[2]), (random_sender, &n[3]));
    if (has_room)
        galley_channel_close(co, &parcels);
    else
        galley_channel_close(co, &no_room);
    return rc;
}

static int close_early(galley_async *co, int *is_early)
{
    int rc = galley_sleep_ms(co, (int64_t)world_random(30));
    if (*is_early && has_room)
        galley_channel_close(co, &parcels);
    return rc;
}

static void exchange(galley_async *co, void *arg)
{
    int *n = receiver_index;
    (void)arg;
    int is_early = world_random(4) == 0;
    int rc =
        galley_gather(co, (send_all, &is_early), (close_early, &is_early), (random_receiver, &n[0]),
                      (random_receiver, &n[1]), (random_receiver, &n[2]));
    check(rc == 0, "exchange");
}

static void any_order(void **state)
{
    (void)state;
    for (int i = 0; i < SENDERS; i++)
        sender_index[i] = i;
    for (int i = 0; i < RECEIVERS; i++)
        receiver_index[i] = i;
    for (uint64_t i = 1; i <= SEEDS; i++) {
        memset(&parcels, 0, sizeof parcels);
        memset(&no_room, 0, sizeof no_room);
        memset(was_sent, 0, sizeof was_sent);
        memset(was_received, 0, sizeof was_received);
        memset(last_of, 0, sizeof last_of);
        world.seed = i * 0x9e3779b97f4a7c15u;
        has_room = i % 4 != 0;
        world_start("exchange", exchange, NULL);
        world_run();
        if (sched_live_count(world.sched) != 0)
            fail_msg("seed %d: somebody waits for ever", (int)i);
        if (memcmp(was_sent, was_received, sizeof was_sent) != 0)
            fail_msg("seed %d: what was sent is not what was received", (int)i);
    }
    printf("# %u sent, %u received, %u refused, %u closed\n", sent_count, received_count,
           refusal_count, closed_count);
    assert_true(sent_count > 10000 && refusal_count > 1000 && closed_count > 100);
}

static void busy_with_a_channel(galley_async *co, void *arg)
{
    int failures = 0, number = 0;
    (void)arg;
    for (int i = 0; i < 200; i++) {
        failures += galley_channel_send(co, &numbers, &number) < 0;
        failures += galley_channel_receive(co, &numbers, &number) != 1;
    }
    note("busy:%d", failures);
}

static void others_get_a_turn(void **state)
{
    (void)state;
    memset(&numbers, 0, sizeof numbers);
    world_check_turns(busy_with_a_channel);
}

static const struct rule rules[] = {
    {"full, drained, closed", full_and_drained, "s1:0 s2:0 r=1 r=2 r=3 s3:0 s4:0 r=4 r:0 0 ", 21,
     NULL},
    {"several senders, in order of coming", several_senders,
     "a1:0 a2:0 r=1 r=2 r=3 r=11 a3:0 b11:0 b12:0 r=12 r:0 0 ", 21, NULL},
    {"several receivers, in order of coming", several_receivers,
     "s1:0 s2:0 s3:0 s4:0 q=1 q=3 q=4 q=5 r=2 s5:0 q:0 r:0 0 ", 21, NULL},
    {"closed while a sender waits", closed_while_senders_wait,
     "s1:0 s2:0 s3:EPIPE r=1 r=2 r:0 t9:EPIPE EPIPE EPIPE 0 close:0 ", 14, NULL},
    {"no room: from hand to hand", hand_to_hand, "r=1 s1:0@11 r=2 s2:0@22 t7:0@51 r=7 0 ", 51,
     NULL},
    {"large values", large_values, "1000 0 ", 0, NULL},
    {"in a cancelled scope nothing is sent or taken", in_a_cancelled_scope,
     "0 ECANCELED ECANCELED close:ETIMEDOUT 1 5 0 ", 0, NULL},
    {"sent, then cancelled in the same turn", send_then_cancel,
     "0 0 0 a:1=1 ECANCELED b:1=2 0 1 1 close:0 ", 4, NULL},
    {"cancelled, then sent in the same turn", cancel_then_send,
     "0 0 0 a:1=1 ECANCELED b:1=2 0 1 1 close:0 ", 4, NULL},
    {"a sender that gives up takes its value with it", sender_gives_up,
     "a1:0 a2:0 a3:ECANCELED r=1 r=2 r=11 b11:0 r:0 0 ECANCELED 0 0 close:0 ", 12, NULL},
};

static void each_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        void *rule = (void *)(uintptr_t)&rules[i];
        memset(&numbers, 0, sizeof numbers);
        memset(&handovers, 0, sizeof handovers);
        world.now_ms = 1000000;
        world.trace[0] = '\0';
        print_message("# %s\n", rules[i].name);
        check_rule(&rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_rule, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(others_get_a_turn, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(any_order, world_set_up_shuffled, world_tear_down),
    };
    return _cmocka_run_group_tests("tests", tests, sizeof tests / sizeof tests[0], NULL, NULL);
}
