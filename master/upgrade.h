/* upgrade.h - another executable in this one's place, without a lost connection: the side of the master that serves.
 * Does:     start the new master with the listeners, let it serve when it is ready, then drain; else serve on, and say why.
 * Does not: do the new master's part (heir.c). docs/PROTOCOL.md has what they tell each other. */
#ifndef GALLEY_MASTER_UPGRADE_H
#define GALLEY_MASTER_UPGRADE_H

#include <sys/types.h>

#include "common/errmsg.h"
#include "common/loop.h"

/* IDLE; STARTING: the new master starts; HANDING: it was told to serve; ENDING: it failed, and is to go; LEAVING: it
 * serves, and this one drains. */
#define UPGRADE_STATES(X) X(IDLE) X(STARTING) X(HANDING) X(ENDING) X(LEAVING)
enum upgrade_state {
#define X(state) UPGRADE_##state,
    UPGRADE_STATES(X)
#undef X
};

struct master;
struct upgrade {
    char path[4096]; /* what to execute: as this process was started, absolute */
    enum upgrade_state state;
    bool is_pending;
    uint32_t asked_id;   /* newest request */
    uint32_t running_id; /* newest request that the running one answers */
    uint32_t decided_id; /* newest request that is answered */
    pid_t pid;           /* of the new master; 0: none */
    int channel_fd;      /* to it */
    struct loop_event event;
    int64_t
        limit_ms;    /* of the state; STARTING, HANDING: it has failed then; ENDING: it is killed */
    bool stop_noted; /* LEAVING: somebody has asked for what happens anyway */
    struct {
        int64_t at_s; /* wall clock; 0: there was none */
        bool ok;
        char message[sizeof(((struct errmsg *)0)->text)];
        pid_t pid;
    } last;
};

/* At the very start: find out what to execute later. */
void upgrade_init(struct upgrade *upgrade);
/* Ask for one; requests that come while one runs share it. The number to wait for: answered when upgrade.decided_id has
 * reached it. */
uint32_t upgrade_request(struct master *master);
/* Begin, give up: what is due now. `*again_ms` becomes the time of the next look, if it is earlier. */
void upgrade_turn(struct master *master, int64_t now_ms, int64_t *again_ms);
/* A child has exited. */
void upgrade_reap(struct master *master);
/* The server stops: one that runs or waits has failed. */
void upgrade_cancel(struct master *master);
/* A new master starts, or takes over: no reload may begin. */
bool upgrade_is_running(const struct master *master);
/* The new master serves: nothing of it is ours any more. */
bool upgrade_is_leaving(const struct master *master);
/* A new master that failed has not ended yet. */
bool upgrade_is_ending(const struct master *master);
/* A request to stop one that drains for its successor: false the first time, when there is nothing to be done. */
bool upgrade_stop_again(struct master *master);
/* Before the process ends: no new master outlives a start that it did not survive. */
void upgrade_close(struct master *master);

#endif
