/* slot.c - the states of a worker's place, and the one function that changes them.
 * Does:     check each move against the table, stamp its time.
 * Does not: fork, signal or decide.
 * See:      policy.c (when), t/unit/master/slot.c (every move as a row) */
#include "master/slot.h"

#include "common/bug.h"

static const char *const state_names[SLOT_STATE_COUNT] = {
#define X(state) [SLOT_##state] = #state,
    SLOT_STATES(X)
#undef X
};

#define TO(state) (1u << SLOT_##state)
static const unsigned may_enter[SLOT_STATE_COUNT] = {
    [SLOT_EMPTY] = TO(STARTING) | TO(BACKOFF), /* BACKOFF: fork failed */
    [SLOT_STARTING] = TO(READY) | TO(KILLED) | TO(EMPTY) | TO(BACKOFF),
    [SLOT_READY] = TO(HUNG) | TO(DRAINING) | TO(STOPPING) | TO(KILLED) | TO(EMPTY) | TO(BACKOFF),
    [SLOT_HUNG] = TO(READY) | TO(ABORTING) | TO(STOPPING) | TO(KILLED) | TO(EMPTY) | TO(BACKOFF),
    [SLOT_ABORTING] = TO(KILLED) | TO(EMPTY) | TO(BACKOFF),
    [SLOT_DRAINING] = TO(STOPPING) | TO(KILLED) | TO(EMPTY),
    [SLOT_STOPPING] = TO(KILLED) | TO(EMPTY),
    [SLOT_KILLED] = TO(EMPTY) | TO(BACKOFF),
    [SLOT_BACKOFF] = TO(STARTING) | TO(EMPTY) | TO(BACKOFF),
};

const char *slot_state_name(enum slot_state state)
{
    return (unsigned)state < SLOT_STATE_COUNT ? state_names[state] : "unknown";
}

bool slot_may_enter(enum slot_state from, enum slot_state to)
{
    return (may_enter[from] >> to & 1u) != 0;
}

void slot_enter(struct slot *slot, enum slot_state next, int64_t now_ms)
{
    GALLEY_BUG_IF(!slot_may_enter(slot->state, next), "slot %d: %s -> %s", slot->number,
                  slot_state_name(slot->state), slot_state_name(next));
    slot->state = next;
    slot->since_ms = now_ms;
}

bool slot_may_answer(const struct slot *slot)
{
    bool is_running = slot->state == SLOT_READY || slot->state == SLOT_DRAINING ||
                      slot->state == SLOT_STOPPING || slot->state == SLOT_STARTING;
    return is_running && !slot->late && !slot->gone_ms;
}
