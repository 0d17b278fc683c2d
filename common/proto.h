/* proto.h - what master and worker say to each other, and the frames of the stats socket.
 * docs/PROTOCOL.md is its page.
 * Does:     name the messages; encode and decode them as MessagePack (over common/mp.h), bounds-
 *           checked.
 * Does not: trust: a decoder that finds anything else answers -EBADMSG and leaves nothing half-set.
 *
 * Each message is one datagram (SOCK_SEQPACKET, at most PROTO_MAX_BYTES): the MessagePack
 * notification [2, method, params]. */
#ifndef GALLEY_COMMON_PROTO_H
#define GALLEY_COMMON_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/inherit.h"
#include "common/stats.h"

enum {
    PROTO_MAX_BYTES = 6 * 1024,
    PROTO_MAX_SOCKETS = 256,
    PROTO_TEXT_BYTES = 480,
    PROTO_COROUTINES_BYTES = 960 * 1024, /* what comes beside COROUTINES, at most */
    PROTO_ROUTES_BYTES = 4 * 1024 * 1024 /* and beside ROUTES */
};

/* Worker to master: READY it may be given sockets; FAILED it could not start, with the reason; BEAT the loop turns
 * (every 100 ms); REPORT the numbers (answer to ORDER_REPORT, and every second); COROUTINES what waits (answer to
 * ORDER_COROUTINES), the rows in a sealed memfd beside it, none if there was no memory; ROUTES what was counted of each route, likewise (answer
 * to ORDER_ROUTES, and the last word before DRAINED); DRAINED it has nothing left.
 * Master to worker: LISTEN the whole set of sockets to accept from; DRAIN; STOP cancel and exit; REPORT;
 * LOG_LEVEL; REOPEN take the log descriptors that come with it; TICKETS new session ticket keys; DUMP backtrace to log;
 * COROUTINES tell what waits; ROUTES tell what was counted of each route. */
/* clang-format off */
#define PROTO_KINDS(X)                                                                             \
    X(READY) X(FAILED) X(BEAT) X(REPORT) X(COROUTINES) X(ROUTES) X(DRAINED)                        \
    X(ORDER_LISTEN) X(ORDER_DRAIN) X(ORDER_STOP) X(ORDER_REPORT) X(ORDER_LOG_LEVEL)                \
    X(ORDER_REOPEN) X(ORDER_TICKETS) X(ORDER_DUMP) X(ORDER_COROUTINES) X(ORDER_ROUTES)
enum proto_kind {
#define X(kind) PROTO_##kind,
    PROTO_KINDS(X)
#undef X
    PROTO_KIND_COUNT
};
/* clang-format on */

struct proto_message {
    enum proto_kind kind;
    int slot, generation;                /* in every message of a worker */
    char text[PROTO_TEXT_BYTES];         /* FAILED: why; READY: app title; LOG_LEVEL: its name */
    char version[32];                    /* READY: app version */
    char docs[64];                       /* READY: path of the documentation; "" none */
    uint32_t report_id;                  /* of an order and its answer; 0: unasked */
    uint32_t live_count;                 /* COROUTINES: those that live */
    uint32_t shown_count;                /* COROUTINES, ROUTES: the rows beside */
    struct stats stats;                  /* REPORT */
    uint16_t sockets[PROTO_MAX_SOCKETS]; /* LISTEN: indexes into inherit.listeners */
    size_t socket_count;
    struct inherit_tickets tickets; /* TICKETS */
};

/* The method's name on the wire: "ready", "failed", "beat", "report", "drained", "listen", "drain",
 * "stop", "report_now", "log_level", "reopen", "tickets", "dump", "tell_coroutines", "tell_routes"; a worker's "coroutines" and "routes". */
const char *proto_kind_name(enum proto_kind kind);

/* The message as its datagram in `out` (PROTO_MAX_BYTES); the length, or -EMSGSIZE. */
ssize_t proto_encode(const struct proto_message *message, unsigned char *out)
    __attribute__((warn_unused_result));
/* The message of a datagram. 0; -EBADMSG with *message all zero. */
int proto_decode(struct proto_message *message, const void *data, size_t len)
    __attribute__((warn_unused_result));

/* Send one message on the non-blocking `fd`, with `fd_count` (0 to 2) descriptors beside it. 0,
 * -EAGAIN the peer does not read, -errno. */
int proto_send(int fd, const struct proto_message *message, const int *fds, size_t fd_count)
    __attribute__((warn_unused_result));
/* Receive one message. 1; 0 the peer is gone; -EAGAIN; -EBADMSG (ignored by the caller, and
 * counted). `fds` (room for 2, may be NULL) gets descriptors that came along, -1 for none; they are
 * the caller's to close. */
int proto_receive(int fd, struct proto_message *message, int *fds)
    __attribute__((warn_unused_result));

#endif
