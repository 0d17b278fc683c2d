/* redis.h - Redis for handlers: commands of many coroutines on few connections, publish and subscribe.
 * Does:     send commands in a pipeline, read the replies (RESP2), connect again with backoff.
 * Does not: know what a command means. Commands that would block the shared connection (BLPOP) or change it for all (SELECT,
 *           MULTI) are refused with -EINVAL and a sentence: a transaction is one EVAL, messages are galley_redis_subscribe.
 *
 *     static galley_redis *cache;
 *     static int start(galley_async *co) { return galley_redis_open(co, &cache, .url = "redis://127.0.0.1:6379/0"); }
 *     struct galley_redis_reply *reply;
 *     int rc = galley_redis_call(co, cache, &reply, "SET", in->key, in->value, "EX", 60);
 *
 * Errors: -GALLEY_EREFUSED what Redis answered with an error (galley_why(co) has it); -GALLEY_ENOT_READY it loads its data
 * or takes no more connections; -GALLEY_ELOST the connection broke after the command was sent; -ETIMEDOUT, -ECANCELED (the
 * command may have been done); -ECONNREFUSED, -GALLEY_ENAME, -GALLEY_ETLS; -GALLEY_EFULL, -GALLEY_EGARBLED, -GALLEY_EANSWER_SIZE, -ENOMEM.
 * While the server is away commands wait for it, but not longer than a second after it went: then they fail at once, until
 * an attempt to connect (at least every 2 s, when there are commands) succeeds. */
#ifndef GALLEY_REDIS_H
#define GALLEY_REDIS_H

#include <galley/each.h>
#include <galley/error.h>
#include <galley/value.h>

struct galley_redis;
typedef struct galley_redis galley_redis;

struct galley_redis_opts {
    const char *
        url; /* redis://[[user]:password@]host[:port][/number], unix:/path[?number]; NULL: redis://127.0.0.1:6379/0;
              * over TLS rediss://...[/number][?ca_file=path], verified, by the system's authorities unless there is a file */
    int connections;           /* that share the commands; 0: 1; at most 64 */
    int max_waiting;           /* commands without an answer; 0: 10,000 */
    int64_t timeout_ms;        /* of one command; 0: 5 s; < 0: only the scope's deadline */
    uint64_t max_answer_bytes; /* 0: 16 MiB */
};
/* Connects when first needed: a server that is down does not keep the worker from starting. Belongs to the worker, which
 * closes it at its end. Never waits. 0; -EINVAL a wrong URL or option (galley_why says which); -ENOMEM. */
#define galley_redis_open(co, redis, ...)                                                          \
    galley__redis_open(co, redis, &(struct galley_redis_opts){__VA_ARGS__})
GALLEY_API int galley__redis_open(galley_async *co, galley_redis **redis,
                                  const struct galley_redis_opts *opts) GALLEY_MUST_USE;

enum galley_redis_kind {
    GALLEY_REDIS_NULL,
    GALLEY_REDIS_TEXT, /* a string, a status */
    GALLEY_REDIS_INT,
    GALLEY_REDIS_LIST, /* a set, too; of a hash fields and values in turn */
    GALLEY_REDIS_ERROR /* within a list; alone it is -GALLEY_EREFUSED */
};
/* In the memory of the request. */
struct galley_redis_reply {
    enum galley_redis_kind kind;
    galley_str text; /* of TEXT and ERROR; a NUL stands behind it */
    int64_t number;  /* of INT */
    const struct galley_redis_reply *items;
    size_t count;
};

/* One argument of a command: text, bytes or a number. */
struct galley_redis_arg {
    const void *data; /* NULL: the number */
    size_t len;
    int64_t number;
    double real;
    bool is_real;
};
/* clang-format off */
#define GALLEY__REDIS_ARG(unused, x)                                                               \
    _Generic((x), char *: galley__redis_text, const char *: galley__redis_text,                    \
             galley_str: galley__redis_str, galley_bytes: galley__redis_bytes,                     \
             float: galley__redis_real, double: galley__redis_real, default: galley__redis_int)(x),
/* clang-format on */
static inline struct galley_redis_arg galley__redis_str(galley_str s)
{
    return (struct galley_redis_arg){.data = s.data ? s.data : "", .len = s.len};
}
static inline struct galley_redis_arg galley__redis_bytes(galley_bytes b)
{
    return (struct galley_redis_arg){.data = b.data ? (const void *)b.data : "", .len = b.len};
}
static inline struct galley_redis_arg galley__redis_text(const char *text)
{
    return galley__redis_str((galley_str){text, text ? __builtin_strlen(text) : 0});
}
static inline struct galley_redis_arg galley__redis_int(int64_t number)
{
    return (struct galley_redis_arg){.number = number};
}
static inline struct galley_redis_arg galley__redis_real(double real)
{
    return (struct galley_redis_arg){.real = real, .is_real = true};
}

/* One command; `reply` (a struct galley_redis_reply **) may be NULL, and is NULL after an error. 0, or an error. */
#define galley_redis_call(co, redis, reply, ...)                                                   \
    galley__redis_call(                                                                            \
        co, redis, reply,                                                                          \
        (const struct galley_redis_arg[]){GALLEY__EACH(GALLEY__REDIS_ARG, , __VA_ARGS__)},         \
        sizeof(                                                                                    \
            (const struct galley_redis_arg[]){GALLEY__EACH(GALLEY__REDIS_ARG, , __VA_ARGS__)}) /   \
            sizeof(struct galley_redis_arg),                                                       \
        GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__redis_call(galley_async *co, galley_redis *redis,
                                                struct galley_redis_reply **reply,
                                                const struct galley_redis_arg *args, size_t count,
                                                const char *here) GALLEY_MUST_USE;

/* ---- publish and subscribe ---- */

struct galley_redis_sub;
struct galley_redis_message {
    galley_str channel, data; /* valid until the next receive */
    uint64_t
        missed; /* how many were lost before this one: the connection broke, or the reader was too slow */
};
/* Listen to channels ("orders", or a pattern with * ? [), and come back when Redis knows. It ends with its coroutine, or
 * with galley_redis_unsubscribe. 0, or an error. */
#define galley_redis_subscribe(co, redis, sub, ...)                                                \
    galley__redis_subscribe(co, redis, sub, (const char *const[]){__VA_ARGS__, NULL}, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__redis_subscribe(galley_async *co, galley_redis *redis,
                                                     struct galley_redis_sub **sub,
                                                     const char *const *channels,
                                                     const char *here) GALLEY_MUST_USE;
/* Wait for the next message, at most `timeout_ms` (< 0: only the scope's deadline). 1; 0 the time is over; -ECANCELED;
 * -EBUSY another coroutine waits for it. At most 256 messages or 4 MiB are kept for a slow reader; then the oldest go. */
#define galley_redis_receive(...) galley__redis_receive(__VA_ARGS__, GALLEY_HERE)
GALLEY_API GALLEY_YIELDS int galley__redis_receive(galley_async *co, struct galley_redis_sub *sub,
                                                   struct galley_redis_message *message,
                                                   int64_t timeout_ms,
                                                   const char *here) GALLEY_MUST_USE;
/* Never waits; harmless for one that has ended, or NULL. */
GALLEY_API void galley_redis_unsubscribe(galley_async *co, struct galley_redis_sub *sub);

#endif
