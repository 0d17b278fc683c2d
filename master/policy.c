/* policy.c - what to do with a worker's place just now.
 * Does:     (slot, limits, now) -> action. Pure.
 * Does not: fork, signal, read a clock, log.
 * See:      supervise.c (mechanism), t/unit/master/policy.c (every rule as a table row) */
#include "master/policy.h"

const char *policy_action_name(enum policy_action action)
{
    static const char *const names[] = {
#define X(name) [POLICY_##name] = #name,
        POLICY_ACTIONS(X)
#undef X
    };
    return names[action];
}

/* True when `at_ms` has come; else the next look is not later than it. */
static bool is_due(int64_t at_ms, int64_t now_ms, int64_t *again_ms)
{
    if (now_ms >= at_ms)
        return true;
    if (at_ms < *again_ms)
        *again_ms = at_ms;
    return false;
}

static enum policy_action when_due(enum policy_action action, int64_t at_ms, int64_t now_ms,
                                   int64_t *again_ms)
{
    return is_due(at_ms, now_ms, again_ms) ? action : POLICY_NONE;
}

static enum policy_action next_of_ready(const struct slot *slot, const struct policy_limits *limits,
                                        int64_t now_ms, int64_t *again_ms)
{
    if (slot->goal == SLOT_GOAL_DRAIN)
        return POLICY_DRAIN;
    if (slot->goal == SLOT_GOAL_STOP)
        return POLICY_STOP;
    if (is_due(slot->beat_ms + limits->hang_ms, now_ms, again_ms))
        return POLICY_DUMP;
    bool late = is_due(slot->beat_ms + POLICY_LATE_MS, now_ms, again_ms);
    if (late != slot->late)
        return late ? POLICY_LATE : POLICY_ON_TIME;
    return POLICY_NONE;
}

static enum policy_action next_of_hung(const struct slot *slot, int64_t now_ms, int64_t *again_ms)
{
    if (slot->goal == SLOT_GOAL_STOP)
        return POLICY_KILL;
    if (slot->beat_ms > slot->since_ms)
        return POLICY_RECOVER;
    return when_due(POLICY_ABORT, slot->since_ms + POLICY_DUMP_MS, now_ms, again_ms);
}

static enum policy_action next_of_draining(const struct slot *slot,
                                           const struct policy_limits *limits, int64_t now_ms,
                                           int64_t *again_ms)
{
    if (slot->goal == SLOT_GOAL_STOP || slot->drained)
        return POLICY_STOP;
    return when_due(POLICY_STOP, slot->since_ms + limits->drain_ms, now_ms, again_ms);
}

enum policy_action policy_next(const struct slot *slot, const struct policy_limits *limits,
                               int64_t now_ms, int64_t *again_ms)
{
    bool wanted = slot->goal == SLOT_GOAL_SERVE;
    if (slot->state == SLOT_EMPTY)
        return wanted ? POLICY_SPAWN : POLICY_FORGET;
    if (slot->state == SLOT_BACKOFF)
        return wanted ? when_due(POLICY_SPAWN, slot->retry_ms, now_ms, again_ms) : POLICY_FORGET;
    if (slot->state == SLOT_KILLED)
        return POLICY_NONE;
    if (slot->goal == SLOT_GOAL_KILL)
        return POLICY_KILL;
    if (slot->gone_ms && is_due(slot->gone_ms + POLICY_GONE_MS, now_ms, again_ms))
        return POLICY_KILL;
    switch (slot->state) {
    case SLOT_STARTING:
        if (!wanted)
            return POLICY_KILL; /* it has no connection to lose */
        return when_due(POLICY_KILL, slot->since_ms + limits->start_ms, now_ms, again_ms);
    case SLOT_READY:
        return next_of_ready(slot, limits, now_ms, again_ms);
    case SLOT_HUNG:
        return next_of_hung(slot, now_ms, again_ms);
    case SLOT_ABORTING:
        return when_due(POLICY_KILL, slot->since_ms + POLICY_ABORT_MS, now_ms, again_ms);
    case SLOT_DRAINING:
        return next_of_draining(slot, limits, now_ms, again_ms);
    case SLOT_STOPPING:
        return when_due(POLICY_KILL, slot->since_ms + limits->stop_ms, now_ms, again_ms);
    case SLOT_EMPTY:
    case SLOT_BACKOFF:
    case SLOT_KILLED:
    case SLOT_STATE_COUNT:
        break;
    }
    return POLICY_NONE;
}

static int64_t backoff_ms(int failures)
{
    int64_t delay = POLICY_BACKOFF_MS;
    for (int i = 1; i < failures && delay < POLICY_BACKOFF_MAX_MS; i++)
        delay *= 2;
    return delay < POLICY_BACKOFF_MAX_MS ? delay : POLICY_BACKOFF_MAX_MS;
}

enum slot_state policy_after_exit(const struct slot *slot, int64_t now_ms, int *failures,
                                  int64_t *retry_ms)
{
    *failures = slot->failures;
    *retry_ms = 0;
    if (slot->goal != SLOT_GOAL_SERVE)
        return SLOT_EMPTY;
    if (slot->ready_ms && now_ms - slot->ready_ms >= POLICY_STABLE_MS) {
        *failures = 0;
        return SLOT_EMPTY;
    }
    (*failures)++;
    /* One that was ready is replaced at once; when this has become a habit, ten times a second. */
    if (slot->ready_ms && *failures < POLICY_QUICK_DEATHS)
        return SLOT_EMPTY;
    *retry_ms = now_ms + backoff_ms(slot->ready_ms ? 1 : *failures);
    return SLOT_BACKOFF;
}
