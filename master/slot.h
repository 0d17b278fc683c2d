/* slot.h - a place for one worker process: its state, and what the master knows of it.
 * Does:     name the states and the moves between them; slot_enter is the only writer of `state`.
 * Does not: decide (policy.c) or act (supervise.c).
 *
 *   EMPTY -> STARTING -> READY -> DRAINING -> STOPPING -> KILLED
 *     ^         |          \-> HUNG -> ABORTING ----------/ |
 *     |         v                                           |
 *     +---- BACKOFF       (any state with a process -> EMPTY or BACKOFF when it has exited) */
#ifndef GALLEY_MASTER_SLOT_H
#define GALLEY_MASTER_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/buf.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/proto.h"
#include "common/stats.h"

/* EMPTY no process; STARTING forked, not ready; READY serves; HUNG silent, a dump was ordered; ABORTING got SIGABRT;
 * DRAINING was told to; STOPPING was told to cancel; KILLED got SIGKILL; BACKOFF waits for its next try. */
#define SLOT_STATES(X)                                                                             \
    X(EMPTY) X(STARTING) X(READY) X(HUNG) X(ABORTING) X(DRAINING) X(STOPPING) X(KILLED) X(BACKOFF)
enum slot_state {
#define X(state) SLOT_##state,
    SLOT_STATES(X)
#undef X
        SLOT_STATE_COUNT
};

/* What its generation wants of it: never less later on. */
enum slot_goal { SLOT_GOAL_SERVE, SLOT_GOAL_DRAIN, SLOT_GOAL_STOP, SLOT_GOAL_KILL };

struct generation;
struct master;
struct slot {
    struct list node; /* in generation.slots */
    struct master *master;
    struct generation *generation;
    int number;
    enum slot_state state;
    enum slot_goal goal;
    int64_t since_ms; /* in this state */
    int64_t born_ms;  /* fork */
    int64_t ready_ms; /* 0: never */
    int64_t beat_ms;  /* last word */
    int64_t retry_ms; /* end of BACKOFF */
    int64_t gone_ms;  /* when its channel was closed from the other side; 0: it was not */
    int failures;     /* in a row */
    bool late;        /* its sockets are with others */
    bool drained;     /* it has nothing left */

    pid_t pid;      /* 0: no process */
    int channel_fd; /* -1: none */
    struct loop_event channel;
    unsigned orders; /* bits of enum proto_kind: state to be sent as soon as the channel takes it */
    uint16_t sockets[PROTO_MAX_SOCKETS];
    size_t socket_count;

    struct stats stats; /* last report, counters never going back */
    int64_t report_ms;
    uint32_t report_id; /* newest answered ORDER_REPORT */
    struct {            /* what it told of its coroutines; see coroutines.h */
        uint32_t id;    /* of the question; 0: nothing yet */
        uint32_t live_count, shown_count;
        struct buf rows;
    } told;
    struct {            /* what it told of its routes; see routes.h */
        uint32_t id;    /* of the newest question it has answered */
        uint32_t count; /* of rows; 0: none were told */
        bool is_last;   /* its last word */
        struct buf rows;
    } routes;
    char reason[PROTO_TEXT_BYTES]; /* FAILED: why */
    struct slot *replaces;         /* to be drained when this one is ready; NULL */
};

const char *slot_state_name(enum slot_state state);
/* Whether the table allows the move. */
bool slot_may_enter(enum slot_state from, enum slot_state to);
/* Move; a move that the table does not have is our bug. */
void slot_enter(struct slot *slot, enum slot_state next, int64_t now_ms);
static inline bool slot_has_process(const struct slot *slot)
{
    return slot->pid > 0;
}
/* Whether a question to its process may be answered soon: one that is late, or about to be killed, is not waited for. */
bool slot_may_answer(const struct slot *slot);

#endif
