/* remotes.h - what a worker has for calls to remote sides: one struct, its parts made when first needed.
 * Does:     hold the resolver, the HTTP client, the databases and the Redis connections of one worker.
 * Does not: know them: each part belongs to its own files, which alone look inside.
 * See:      resolve.h, conn_pool.h, sql_driver.h; worker/worker.c and worker/test_client.c make and free it. */
#ifndef GALLEY_WORKER_IO_REMOTES_H
#define GALLEY_WORKER_IO_REMOTES_H

#include "common/list.h"
#include "common/stats.h"
#include "worker/coro/coro.h"

struct remotes {
    struct sched *sched;
    struct loop *loop;
    struct stats *stats;
    struct resolver *resolver; /* NULL: not needed yet; so are the others */
    struct http_client *http;
    struct list databases; /* struct sql_db.in_remotes */
    struct list redises;   /* struct galley_redis.in_remotes */
    struct list
        unsent; /* struct redis_conn.dirty: written before each poll, many commands at once */
    bool is_migrating; /* `galley migrate`: databases that are opened are brought up to date */
    /* Told of each database with migrations, with name NULL, then of each that was applied to it; NULL: nobody is. */
    int (*migrated)(void *arg, const char *database, int number, const char *name);
    void *migrated_arg;
};

/* One per worker, after fork; the scheduler finds it again for the calls. NULL with errno. Starts no thread, opens nothing. */
struct remotes *remotes_new(struct sched *sched, struct stats *stats);
/* Close every connection without waiting; when all coroutines have ended. False if a thread is stuck in a call (then leave
 * with _exit). NULL is fine. */
bool remotes_free(struct remotes *remotes);

/* Write what calls have gathered in this turn; before each poll. True: somebody may have been woken by that. */
bool remotes_flush_all(struct remotes *remotes);
static inline bool remotes_flush(struct remotes *remotes)
{
    return !list_is_empty(&remotes->unsent) && remotes_flush_all(remotes);
}

/* How long the next poll may be put off: coroutines queue for connections, whose answers are worth collecting. 0: not at all. */
int64_t remotes_saturated_us(const struct remotes *remotes);
static inline int64_t remotes_linger_us(const struct remotes *remotes)
{
    return remotes->stats->pool_waiting > 0 ? remotes_saturated_us(remotes) : 0;
}

static inline struct remotes *remotes_of(const galley_async *co)
{
    return sched_remotes(co->sched);
}

#endif
