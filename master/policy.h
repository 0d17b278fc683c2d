/* policy.h - what to do with a worker's place just now.
 * Does:     decide: (slot, limits, now) -> one action, and when to ask again. Pure.
 * Does not: fork, signal, read a clock, log, or change the slot; supervise.c performs the actions. */
#ifndef GALLEY_MASTER_POLICY_H
#define GALLEY_MASTER_POLICY_H

#include "master/slot.h"

/* NONE; SPAWN a process; KILL it (SIGKILL); ABORT it (SIGABRT, so that it leaves a backtrace); DUMP order a dump, it is
 * HUNG; RECOVER it spoke again; LATE give its sockets to others; ON_TIME give them back; DRAIN, STOP order it;
 * FORGET the place, nobody wants it. */
#define POLICY_ACTIONS(X)                                                                          \
    X(NONE)                                                                                        \
    X(SPAWN) X(KILL) X(ABORT) X(DUMP) X(RECOVER) X(LATE) X(ON_TIME) X(DRAIN) X(STOP) X(FORGET)
enum policy_action {
#define X(action) POLICY_##action,
    POLICY_ACTIONS(X)
#undef X
};

struct policy_limits {
    int64_t start_ms, hang_ms, drain_ms; /* directives */
    int64_t stop_ms;                     /* from STOP to KILL */
};

enum {
    POLICY_LATE_MS = 500,    /* a beat is due every 100 ms */
    POLICY_DUMP_MS = 800,    /* from DUMP to ABORT */
    POLICY_ABORT_MS = 1200,  /* from ABORT to KILL */
    POLICY_STOP_MS = 5000,   /* from STOP to KILL */
    POLICY_GONE_MS = 1000,   /* a process that closed its channel has this long to exit */
    POLICY_BACKOFF_MS = 100, /* after the first failure, doubling */
    POLICY_BACKOFF_MAX_MS = 10000,
    POLICY_STABLE_MS = 1000, /* a worker that was ready this long has not failed */
    POLICY_QUICK_DEATHS = 5, /* from so many deaths sooner than that on, starts come with a pause */
};

/* The action of now. `*again_ms` becomes the time of the next look, if it is earlier. */
enum policy_action policy_next(const struct slot *slot, const struct policy_limits *limits,
                               int64_t now_ms, int64_t *again_ms);

/* After its process has exited: the state to enter; `*failures` and `*retry_ms` are what the slot gets. */
enum slot_state policy_after_exit(const struct slot *slot, int64_t now_ms, int *failures,
                                  int64_t *retry_ms);

const char *policy_action_name(enum policy_action action);

#endif
