/* state.h - struct master, the whole of it, and struct generation; only master/ sees it.
 * Does:     hold what the parts of the master share; it is passed as the first argument.
 * Does not: cross fork (common/inherit.h does). */
#ifndef GALLEY_MASTER_STATE_H
#define GALLEY_MASTER_STATE_H

#include "common/list.h"
#include "common/log.h"
#include "common/loop.h"
#include "master/daemon.h"
#include "master/heir.h"
#include "master/listen.h"
#include "master/logs.h"
#include "master/master.h"
#include "master/metrics_sum.h"
#include "master/pidfile.h"
#include "master/privilege.h"
#include "master/route_table.h"
#include "master/slot.h"
#include "master/tickets.h"
#include "master/upgrade.h"

enum { MASTER_MAX_WORKERS = 128, MASTER_MAX_OLD_GENERATIONS = 2 };

/* TRIAL starts, and replaces the current one when it is ready in every slot; CURRENT serves; OLD drains; FAILED did not
 * become ready and is killed. */
#define GENERATION_STATES(X) X(TRIAL) X(CURRENT) X(OLD) X(FAILED)
enum generation_state {
#define X(state) GENERATION_##state,
    GENERATION_STATES(X)
#undef X
};

/* Everything that one configuration needs; goes away with its last worker. */
struct generation {
    struct list node; /* in master.generations */
    struct list slots;
    int number;
    enum generation_state state;
    struct settings *settings;
    bool owns_settings;
    struct listen_set listen;
    struct inherit_pem *pems;
    size_t pem_count;
    struct privilege privilege;
    struct logs new_logs; /* TRIAL: opened, and in force when it becomes CURRENT */
    size_t workers;       /* how many slots are wanted */
    char title[PROTO_TEXT_BYTES];
    char version[32];
    char docs[64];     /* path of its documentation; "" none */
    struct errmsg why; /* FAILED */
};

/* A reload from its request to its decision. Requests that come meanwhile share one that follows. */
struct reload {
    bool pending;
    uint32_t asked_id;   /* newest request */
    uint32_t running_id; /* newest request that the running one answers */
    uint32_t decided_id; /* newest request that is answered */
    struct generation *trial;
    struct {
        int64_t at_s; /* wall clock; 0: there was none */
        bool ok;
        int generation;
        char message[sizeof(((struct errmsg *)0)->text)];
    } last;
};

enum master_phase { MASTER_STARTING, MASTER_SERVING, MASTER_STOPPING };

struct rpc_server;
struct master {
    const struct master_opts *opts;
    struct loop *loop;
    enum master_phase phase;
    int exit_status;
    int64_t start_ms;
    pid_t pid;

    struct list generations;    /* the oldest first */
    struct generation *current; /* NULL before the first serves */
    int last_generation;
    size_t scaled_to; /* workers by TTIN, TTOU or scale; 0: what the settings say */
    bool paused;      /* WINCH: no workers are wanted */
    struct reload reload;
    struct upgrade upgrade;
    struct heir heir;

    struct list listeners;
    struct logs logs;
    struct tickets tickets;
    struct pidfile pidfile;
    struct daemon daemon;
    struct rpc_server *rpc; /* NULL: no stats socket */

    struct metrics_sum sums;
    uint32_t report_id; /* newest question for reports, and when it was asked */
    int64_t reports_asked_ms;
    uint32_t told_id; /* newest question for coroutines */
    bool told_wanted; /* somebody waits for the answers */
    struct {
        uint32_t asked_id;       /* newest question for routes */
        struct route_table dead; /* what was counted by workers that have ended */
    } routes;
    bool assign_dirty;
    int64_t stop_limit_ms; /* from STOP to KILL */
    int64_t last_turn_ms;
    int64_t away_ms; /* how long the master itself was away before this turn; 0 as a rule */
    int64_t watchdog_ms, watchdog_next_ms;
    struct loop_event signals[10];
};

#define GENERATION_OF(node_) LIST_ENTRY(node_, struct generation, node)
#define SLOT_OF(node_)       LIST_ENTRY(node_, struct slot, node)

#endif
