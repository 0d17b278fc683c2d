/* t/unit/master/slot.c - every move of the state machine is in the table, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "master/slot.h"

/* One row a state: the states that may follow, E S R H A D P K B = EMPTY STARTING READY HUNG ABORTING DRAINING STOPPING
 * KILLED BACKOFF. */
static const struct {
    enum slot_state from;
    const char *to;
} rows[] = {
    {SLOT_EMPTY, "SB"},    {SLOT_STARTING, "RKEB"}, {SLOT_READY, "HDPKEB"},
    {SLOT_HUNG, "RAPKEB"}, {SLOT_ABORTING, "KEB"},  {SLOT_DRAINING, "PKE"},
    {SLOT_STOPPING, "KE"}, {SLOT_KILLED, "EB"},     {SLOT_BACKOFF, "SEB"},
};
static const char letters[] = "ESRHADPKB";

static void moves(void **state)
{
    (void)state;
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), SLOT_STATE_COUNT);
    for (size_t i = 0; i < SLOT_STATE_COUNT; i++)
        for (int to = 0; to < SLOT_STATE_COUNT; to++) {
            bool expected = strchr(rows[i].to, letters[to]) != NULL;
            if (slot_may_enter(rows[i].from, (enum slot_state)to) != expected)
                fail_msg("%s -> %s", slot_state_name(rows[i].from),
                         slot_state_name((enum slot_state)to));
        }
}

static void entering(void **state)
{
    (void)state;
    struct slot slot = {.state = SLOT_EMPTY};
    slot_enter(&slot, SLOT_STARTING, 1234);
    assert_int_equal(slot.state, SLOT_STARTING);
    assert_int_equal(slot.since_ms, 1234);
}

static void names(void **state)
{
    (void)state;
    assert_string_equal(slot_state_name(SLOT_READY), "READY");
    assert_string_equal(slot_state_name((enum slot_state)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves),
        cmocka_unit_test(entering),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
