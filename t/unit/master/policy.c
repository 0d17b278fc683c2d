/* t/unit/master/policy.c - every rule of policy.c as a row: a slot, the time, what is to be done and when to look again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "master/policy.h"

enum { NOW = 100000, NEVER = 1000000 };
static const struct policy_limits limits = {
    .start_ms = 30000, .hang_ms = 10000, .drain_ms = 20000, .stop_ms = 5000};

/* Times are ages: how long before NOW. again: how long after NOW; 0: not asked for. */
static const struct {
    const char *name;
    enum slot_state state;
    enum slot_goal goal;
    int since, beat;
    int retry_in; /* BACKOFF: ms from now */
    bool late, drained;
    int gone; /* ms since its channel closed; 0: open */
    enum policy_action action;
    int again;
} rows[] = {
    {"empty, wanted", SLOT_EMPTY, SLOT_GOAL_SERVE, 0, 0, 0, 0, 0, 0, POLICY_SPAWN, 0},
    {"empty, draining", SLOT_EMPTY, SLOT_GOAL_DRAIN, 0, 0, 0, 0, 0, 0, POLICY_FORGET, 0},
    {"empty, killed", SLOT_EMPTY, SLOT_GOAL_KILL, 0, 0, 0, 0, 0, 0, POLICY_FORGET, 0},
    {"backoff, early", SLOT_BACKOFF, SLOT_GOAL_SERVE, 50, 0, 70, 0, 0, 0, POLICY_NONE, 70},
    {"backoff, due", SLOT_BACKOFF, SLOT_GOAL_SERVE, 50, 0, 0, 0, 0, 0, POLICY_SPAWN, 0},
    {"backoff, unwanted", SLOT_BACKOFF, SLOT_GOAL_STOP, 5, 0, 70, 0, 0, 0, POLICY_FORGET, 0},
    {"starting", SLOT_STARTING, SLOT_GOAL_SERVE, 29999, 0, 0, 0, 0, 0, POLICY_NONE, 1},
    {"starting, too long", SLOT_STARTING, SLOT_GOAL_SERVE, 30000, 0, 0, 0, 0, 0, POLICY_KILL, 0},
    {"starting, unwanted", SLOT_STARTING, SLOT_GOAL_DRAIN, 10, 0, 0, 0, 0, 0, POLICY_KILL, 0},
    {"starting, channel closed", SLOT_STARTING, SLOT_GOAL_SERVE, 10, 0, 0, 0, 0, 400, POLICY_NONE,
     600},
    {"starting, closed long ago", SLOT_STARTING, SLOT_GOAL_SERVE, 10, 0, 0, 0, 0, 1000, POLICY_KILL,
     0},
    {"ready", SLOT_READY, SLOT_GOAL_SERVE, 5000, 100, 0, 0, 0, 0, POLICY_NONE, 400},
    {"ready, late", SLOT_READY, SLOT_GOAL_SERVE, 5000, 500, 0, 0, 0, 0, POLICY_LATE, 9500},
    {"ready, known to be late", SLOT_READY, SLOT_GOAL_SERVE, 5000, 600, 0, 1, 0, 0, POLICY_NONE,
     9400},
    {"ready, on time again", SLOT_READY, SLOT_GOAL_SERVE, 5000, 10, 0, 1, 0, 0, POLICY_ON_TIME,
     490},
    {"ready, silent", SLOT_READY, SLOT_GOAL_SERVE, 20000, 10000, 0, 1, 0, 0, POLICY_DUMP, 0},
    {"ready, to drain", SLOT_READY, SLOT_GOAL_DRAIN, 10, 10, 0, 0, 0, 0, POLICY_DRAIN, 0},
    {"ready, to stop", SLOT_READY, SLOT_GOAL_STOP, 10, 10, 0, 0, 0, 0, POLICY_STOP, 0},
    {"ready, to die", SLOT_READY, SLOT_GOAL_KILL, 10, 10, 0, 0, 0, 0, POLICY_KILL, 0},
    {"ready, channel closed", SLOT_READY, SLOT_GOAL_SERVE, 10, 10, 0, 0, 0, 1000, POLICY_KILL, 0},
    {"hung", SLOT_HUNG, SLOT_GOAL_SERVE, 700, 11000, 0, 1, 0, 0, POLICY_NONE, 100},
    {"hung, dumped", SLOT_HUNG, SLOT_GOAL_SERVE, 800, 11000, 0, 1, 0, 0, POLICY_ABORT, 0},
    {"hung, speaks", SLOT_HUNG, SLOT_GOAL_SERVE, 700, 10, 0, 1, 0, 0, POLICY_RECOVER, 0},
    {"hung, to drain", SLOT_HUNG, SLOT_GOAL_DRAIN, 800, 11000, 0, 1, 0, 0, POLICY_ABORT, 0},
    {"hung, to stop", SLOT_HUNG, SLOT_GOAL_STOP, 10, 11000, 0, 1, 0, 0, POLICY_KILL, 0},
    {"aborting", SLOT_ABORTING, SLOT_GOAL_SERVE, 1100, 0, 0, 1, 0, 0, POLICY_NONE, 100},
    {"aborting too long", SLOT_ABORTING, SLOT_GOAL_SERVE, 1200, 0, 0, 1, 0, 0, POLICY_KILL, 0},
    {"draining", SLOT_DRAINING, SLOT_GOAL_DRAIN, 15000, 0, 0, 0, 0, 0, POLICY_NONE, 5000},
    {"drained", SLOT_DRAINING, SLOT_GOAL_DRAIN, 10, 0, 0, 0, 1, 0, POLICY_STOP, 0},
    {"draining too long", SLOT_DRAINING, SLOT_GOAL_DRAIN, 20000, 0, 0, 0, 0, 0, POLICY_STOP, 0},
    {"draining, to stop", SLOT_DRAINING, SLOT_GOAL_STOP, 10, 0, 0, 0, 0, 0, POLICY_STOP, 0},
    {"draining, channel closed", SLOT_DRAINING, SLOT_GOAL_DRAIN, 10, 0, 0, 0, 0, 1000, POLICY_KILL,
     0},
    {"stopping", SLOT_STOPPING, SLOT_GOAL_STOP, 4999, 0, 0, 0, 0, 0, POLICY_NONE, 1},
    {"stopping too long", SLOT_STOPPING, SLOT_GOAL_DRAIN, 5000, 0, 0, 0, 0, 0, POLICY_KILL, 0},
    {"killed", SLOT_KILLED, SLOT_GOAL_KILL, 60000, 0, 0, 0, 0, 0, POLICY_NONE, 0},
};

static void next(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slot slot = {.state = rows[i].state,
                            .goal = rows[i].goal,
                            .since_ms = NOW - rows[i].since,
                            .beat_ms = NOW - rows[i].beat,
                            .retry_ms = NOW + rows[i].retry_in,
                            .late = rows[i].late,
                            .drained = rows[i].drained,
                            .gone_ms = rows[i].gone ? NOW - rows[i].gone : 0};
        int64_t again_ms = NEVER;
        enum policy_action action = policy_next(&slot, &limits, NOW, &again_ms);
        int64_t again = again_ms == NEVER ? 0 : again_ms - NOW;
        if (action != rows[i].action || again != rows[i].again)
            fail_msg("%s: %s, again in %d; expected %s, %d", rows[i].name,
                     policy_action_name(action), (int)again, policy_action_name(rows[i].action),
                     rows[i].again);
    }
}

/* ready: ms before NOW, -1 never. */
static const struct {
    const char *name;
    enum slot_goal goal;
    int ready, failures;
    enum slot_state next;
    int then_failures, delay;
} exits[] = {
    {"unwanted", SLOT_GOAL_DRAIN, 5000, 0, SLOT_EMPTY, 0, 0},
    {"served long", SLOT_GOAL_SERVE, 5000, 3, SLOT_EMPTY, 0, 0},
    {"served shortly", SLOT_GOAL_SERVE, 500, 0, SLOT_EMPTY, 1, 0},
    {"served shortly, often", SLOT_GOAL_SERVE, 500, 3, SLOT_EMPTY, 4, 0},
    {"served shortly, too often", SLOT_GOAL_SERVE, 500, 4, SLOT_BACKOFF, 5, 100},
    {"served shortly, again", SLOT_GOAL_SERVE, 500, 50, SLOT_BACKOFF, 51, 100},
    {"never ready", SLOT_GOAL_SERVE, -1, 0, SLOT_BACKOFF, 1, 100},
    {"never ready, twice", SLOT_GOAL_SERVE, -1, 1, SLOT_BACKOFF, 2, 200},
    {"never ready, 7 times", SLOT_GOAL_SERVE, -1, 6, SLOT_BACKOFF, 7, 6400},
    {"never ready, 8 times", SLOT_GOAL_SERVE, -1, 7, SLOT_BACKOFF, 8, 10000},
    {"never ready, for ever", SLOT_GOAL_SERVE, -1, 1000000, SLOT_BACKOFF, 1000001, 10000},
};

static void after_exit(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        struct slot slot = {.goal = exits[i].goal,
                            .failures = exits[i].failures,
                            .ready_ms = exits[i].ready < 0 ? 0 : NOW - exits[i].ready};
        int failures;
        int64_t retry_ms;
        enum slot_state next_state = policy_after_exit(&slot, NOW, &failures, &retry_ms);
        int64_t delay = retry_ms ? retry_ms - NOW : 0;
        if (next_state != exits[i].next || failures != exits[i].then_failures ||
            delay != exits[i].delay)
            fail_msg("%s: %s, %d failures, %d ms", exits[i].name, slot_state_name(next_state),
                     failures, (int)delay);
    }
}

/* The forks of a worker that never starts, in its first minute. */
static void crash_loop_is_slow(void **state)
{
    (void)state;
    struct slot slot = {.goal = SLOT_GOAL_SERVE};
    int64_t now_ms = NOW;
    int forks = 0;
    for (; now_ms < NOW + 60000; now_ms = slot.retry_ms) {
        forks++;
        policy_after_exit(&slot, now_ms, &slot.failures, &slot.retry_ms);
    }
    assert_in_range(forks, 8, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(next),
        cmocka_unit_test(after_exit),
        cmocka_unit_test(crash_loop_is_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
