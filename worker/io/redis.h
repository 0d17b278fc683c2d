/* redis.h - the insides of a Redis client, shared by worker/io/redis*.c.
 * Does:     one struct each for the handle, a connection, a command on its way, a reader of replies.
 * Does not: belong to anybody else: handlers see galley/redis.h, the worker redis_flush and redis_free_all.
 *
 * A connection: DOWN -> CONNECTING (a coroutine of its own: connect, AUTH, SELECT) -> UP -> DOWN. It is opened when first
 * needed, and again, after a pause that grows, as long as somebody waits.
 * See:      redis.c (commands), redis_conn.c, redis_reply.c (the home of hiredis), redis_sub.c (messages), redis_write.c */
#ifndef GALLEY_WORKER_IO_REDIS_H
#define GALLEY_WORKER_IO_REDIS_H

#include <galley/redis.h>

#include "common/buf.h"
#include "worker/io/redis_url.h"
#include "worker/io/remotes.h"

enum {
    REDIS_IN_BYTES = 16384,
    REDIS_OUT_MAX_BYTES = 64 << 20, /* commands not yet sent, of one connection */
    REDIS_PATIENCE_MS = 1000,       /* how long commands wait for a server that went away */
    REDIS_WHY_BYTES = REDIS_SHOWN_BYTES + 128
};

/* ---- the writer: redis_write.c ---- */

/* Append one command. 0, -EMSGSIZE, -ENOMEM; nothing is appended then. */
int redis_write(struct buf *out, const struct galley_redis_arg *args, size_t count)
    __attribute__((warn_unused_result));
/* Why a command may not go over a connection that many share, as what to do instead; NULL: it may. */
const char *redis_refusal(const struct galley_redis_arg *args, size_t count);

/* ---- the reader: redis_reply.c ---- */

struct redis_reader {
    void *hiredis;
    uint64_t max_bytes;              /* of one reply, on the wire and in memory */
    uint64_t fed_bytes, ended_bytes; /* ever; of which belong to replies that are complete */
    struct arena *arena;             /* where the reply that is being read goes */
    uint64_t built_bytes;
    bool is_started, is_dropped, is_short; /* short: the arena was full, and the reply is dropped */
    int error;
    struct galley_redis_reply *root; /* of the last complete reply; NULL: it was dropped */
};

/* 0, -ENOMEM. */
int redis_reader_init(struct redis_reader *reader, uint64_t max_bytes)
    __attribute__((warn_unused_result));
/* Harmless for one that is zeroed or was released. */
void redis_reader_release(struct redis_reader *reader);
/* 0, -ENOMEM. */
int redis_reader_feed(struct redis_reader *reader, const char *data, size_t len)
    __attribute__((warn_unused_result));
/* The next reply, into `arena`; NULL: it is dropped. An arena that was given for the first part of a reply is given again
 * for the rest, or NULL when it is gone. Of an unwanted reply only an error is built.
 * 1 it is complete: reader->root, reader->is_short; 0 more is needed; -GALLEY_EGARBLED, -GALLEY_EANSWER_SIZE, -ENOMEM: the
 * reader can only be released. */
int redis_reader_next(struct redis_reader *reader, struct arena *arena, bool is_wanted)
    __attribute__((warn_unused_result));
/* Whether there are bytes of a reply that is not complete. */
bool redis_reader_is_amid(const struct redis_reader *reader);
/* What an error reply means: -GALLEY_ENOT_READY or -GALLEY_EREFUSED. */
int redis_error_of(galley_str text);

/* ---- connections: redis_conn.c ---- */

#define REDIS_STATES(X) X(DOWN) X(CONNECTING) X(UP)
enum redis_state {
#define X(state) REDIS_##state,
    REDIS_STATES(X)
#undef X
};

struct redis_conn;
struct redis_conn_ops {
    /* Take the replies that are complete. 0, or why the connection must end (negative). */
    int (*read)(struct redis_conn *conn);
    /* Whether there is a reason to connect (again). */
    bool (*is_wanted)(const struct redis_conn *conn);
    bool (*expects_reply)(const struct redis_conn *conn);
    void (*went_up)(struct redis_conn *conn);
    /* It broke: conn->error, conn->why. What was sent is lost. */
    void (*broke)(struct redis_conn *conn, int error);
    /* An attempt has failed, and those who wait have waited long enough. */
    void (*gave_up)(struct redis_conn *conn);
};

/* One place in the order of replies. */
struct redis_place {
    struct redis_command *command; /* NULL: its waiter has gone, the reply is dropped */
    uint64_t from;                 /* where in all that was ever sent it begins */
};

struct redis_conn {
    galley_redis *redis;
    const struct redis_conn_ops *ops;
    uint8_t state;   /* enum redis_state, set by set_state alone */
    bool has_worked; /* since it is UP: a reply came */
    int fd;
    struct ssl_st *ssl; /* NULL: no TLS */
    struct loop_event event;
    struct loop_timer timer; /* DOWN: to the next attempt */
    struct list dirty;       /* in remotes->unsent */
    struct buf out;
    uint64_t added_bytes; /* ever put into `out` */
    struct redis_reader reader;
    unsigned failures; /* attempts since it last worked */
    int64_t up_since_ms, down_since_ms, retry_at_ms;
    int error; /* the last one, negative */
    char why[REDIS_WHY_BYTES];
    struct redis_place *places; /* a ring: place i at i & (room - 1) */
    size_t room;
    uint64_t first, end;
};

void redis_conn_init(struct redis_conn *conn, galley_redis *redis,
                     const struct redis_conn_ops *ops);
/* Close it at once, nobody waits any more. */
void redis_conn_release(struct redis_conn *conn);
/* Whether nothing speaks against it: it is not in the pause after a failed attempt. */
bool redis_conn_is_usable(const struct redis_conn *conn);
/* See to it that it is, or will be, UP. 0; or why it will not be in time: conn->error. */
int redis_conn_want(struct redis_conn *conn);
/* Something was put into conn->out. */
void redis_conn_send(struct redis_conn *conn);
/* What `broke` was told, in words. Static. */
const char *redis_cause_text(int error);
/* What of `out` has left, of all that was ever added. */
static inline uint64_t redis_conn_sent_bytes(const struct redis_conn *conn)
{
    return conn->added_bytes - buf_len(&conn->out);
}

/* ---- the handle: redis.c ---- */

/* In the frame of who waits. */
struct redis_command {
    galley_async *co;
    struct galley_redis_reply *reply;
    bool is_wanted, is_done;
    int result;
    int cause; /* of a loss */
};

struct redis_subs;

struct galley_redis {
    struct list in_remotes;
    struct remotes *remotes;
    struct redis_url url;
    struct redis_tls *tls; /* NULL: it is spoken to without */
    int64_t timeout_ms, connect_ms;
    uint64_t max_answer_bytes, random;
    size_t max_waiting;      /* of one connection */
    struct redis_subs *subs; /* NULL: nobody has subscribed yet */
    char in[REDIS_IN_BYTES];
    size_t conn_count;
    struct redis_conn conns[];
};

/* Below `below` (> 0). */
uint64_t redis_random(galley_redis *redis, uint64_t below);

/* ---- messages: redis_sub.c ---- */

/* At the worker's end, when nobody listens any more; NULL is harmless. */
void redis_subs_free(struct redis_subs *subs);

/* ---- for the worker ---- */

/* Send what was put into connections since; true if somebody was woken. */
bool redis_flush(struct remotes *remotes);
/* Close all; when every coroutine has ended. */
void redis_free_all(struct remotes *remotes);

#endif
