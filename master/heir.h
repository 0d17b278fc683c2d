/* heir.h - a master that an older one has started in its place (an upgrade): the new side.
 * Does:     take the inherited sockets, say when all workers are ready, serve when the old master says so or is dead.
 * Does not: start anything (upgrade.c, in the old master). docs/PROTOCOL.md has what they tell each other. */
#ifndef GALLEY_MASTER_HEIR_H
#define GALLEY_MASTER_HEIR_H

#include "common/loop.h"
#include "master/handover.h"

/* NONE: nobody's heir, or not any more; STARTING; READY: told so, waits for GO; DUE: may serve; SERVING: serves, and the
 * old master drains. */
#define HEIR_STATES(X) X(NONE) X(STARTING) X(READY) X(DUE) X(SERVING)
enum heir_state {
#define X(state) HEIR_##state,
    HEIR_STATES(X)
#undef X
};

struct master;
struct heir {
    enum heir_state state;
    pid_t old_pid;
    int channel_fd; /* to the old master; -1: none */
    struct loop_event event;
    int64_t limit_ms;          /* READY: for GO. After a stop: for the old master's end */
    struct unix_socket stats;  /* inherited, until the stats socket or the start takes it */
    struct handover *handover; /* until its listeners are adopted */
};

/* First of all, and once a process: read the variable and remove it. 1: it is an heir; 0; < 0 with a sentence. */
int heir_init(struct heir *heir, struct errmsg *why) __attribute__((warn_unused_result));
/* Make the inherited listeners the master's, watch the channel. 0; < 0 with a sentence. */
int heir_adopt(struct master *master, struct errmsg *why) __attribute__((warn_unused_result));
/* How many workers were asked for at run time where the settings say `workers`; 0: nobody did. */
uint64_t heir_scaled_to(const struct heir *heir, uint64_t workers);
/* The inherited stats socket, if it is at `path`. */
bool heir_take_stats(struct heir *heir, const char *path, struct unix_socket *out);
/* This process may not serve yet: it waits for the old master's word. */
bool heir_is_waiting(const struct heir *heir);
/* Called while all workers are ready: says so to the old master, once. Whether this master may serve now. */
bool heir_may_serve(struct master *master, int64_t now_ms, struct errmsg *why);
/* It serves: tell the old master, and own what was inherited. */
void heir_serves(struct master *master);
/* It cannot: tell the old master why. Harmless for one that is no heir. */
void heir_tell_failure(const struct heir *heir, const char *why);
/* The server stops within `limit_ms`; if `hurry`, the old master is told to do so, too. */
void heir_stop(struct master *master, bool hurry, int64_t limit_ms);
/* The old master still drains. */
bool heir_has_elder(const struct master *master);
void heir_close(struct heir *heir);

#endif
