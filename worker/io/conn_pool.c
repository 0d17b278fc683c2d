/* conn_pool.c - connections that coroutines borrow one at a time; see conn_pool.h.
 * Does:     hand a connection, or the right to open one, from who has it to who has waited longest; keep few idle ones hot.
 * Does not: wait for anything but its turn; opening is the driver's.
 *
 * Whoever waits is in `waiting`, its node in its own frame. What it is granted (a connection; or NULL: a slot, in which it
 * opens one) is counted as its own from then on, so that nothing is free in between and nobody overtakes. One that was
 * cancelled meanwhile gives on what it got.
 * Holds always: while somebody waits none is idle, and somebody who has one will give it back.
 * See:      t/unit/worker/io/conn_pool.c */
#include "worker/io/conn_pool.h"

#include <stdlib.h>

#include <galley/error.h>

#include "common/bug.h"
#include "worker/io/remotes.h"

enum {
    OPEN_DEFAULT = 4,
    WAITING_DEFAULT = 10000,
    LOOK_AFTER_MS = 1000,
    MAX_AGE_MS = 30 * 60 * 1000,
    CLOSE_IDLE_MS = 60 * 1000,
    LINGER_PART = 8,    /* of the time for which a connection is borrowed */
    LINGER_ANSWERS = 2, /* fewer are not worth it */
    PACE_HANDS =
        32, /* the pace is taken over so many times that a connection went from hand to hand */
    RETRY_MS = 1000 /* until another one is opened after a failure, where there are some already */
};

struct conn_pool {
    struct sched *sched;
    struct loop *loop;
    const struct conn_pool_ops *ops;
    void *arg;
    struct conn_pool_opts opts;
    struct conn_pool_stats stats;
    struct stats *worker_stats;
    struct list idle;    /* struct pooled: the last one was given back last */
    struct list waiting; /* struct borrower: the first one has waited longest */
    size_t ready_count;  /* open, borrowed or idle */
    int64_t look_all_until_ms, retry_ms;
    int64_t pace_since_ms, pace_ms; /* what PACE_HANDS took while somebody waited; 0: not known */
    int pace_hands;
    struct loop_timer sweep;
    bool is_sweep_set;
    uint32_t random;
};

struct borrower {
    struct list link;
    galley_async *co;
    struct pooled *conn; /* what it was granted; NULL: a slot */
    bool is_granted;
};

/* Where nobody wants the numbers. */
static struct stats uncounted;

struct conn_pool *conn_pool_new(struct sched *sched, const struct conn_pool_ops *ops, void *arg,
                                const struct conn_pool_opts *opts)
{
    struct conn_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    const struct remotes *remotes = sched_remotes(sched);
    pool->sched = sched;
    pool->loop = sched_loop(sched);
    pool->ops = ops;
    pool->arg = arg;
    pool->opts = *opts;
    pool->worker_stats = remotes ? remotes->stats : &uncounted;
    list_init(&pool->idle);
    list_init(&pool->waiting);
    pool->look_all_until_ms = pool->retry_ms = INT64_MIN;
    pool->random = (uint32_t)clock_now_us() | 1;
    pool->opts.max_open = opts->max_open ?: OPEN_DEFAULT;
    pool->opts.max_waiting = opts->max_waiting ?: WAITING_DEFAULT;
    pool->opts.look_after_ms = opts->look_after_ms ?: LOOK_AFTER_MS;
    pool->opts.max_age_ms = opts->max_age_ms ?: MAX_AGE_MS;
    pool->opts.close_idle_ms = opts->close_idle_ms ?: CLOSE_IDLE_MS;
    pool->opts.kind = opts->kind ?: "connection";
    return pool;
}

/* ---- slots, and who gets them ---- */

/* How fast connections go from hand to hand. */
static void count_hand(struct conn_pool *pool)
{
    if (++pool->pace_hands < PACE_HANDS)
        return;
    int64_t now_ms = loop_now_ms(pool->loop);
    pool->pace_ms = now_ms - pool->pace_since_ms;
    pool->pace_since_ms = now_ms;
    pool->pace_hands = 0;
}

/* To who has waited longest; false: nobody waits. */
static bool grant(struct conn_pool *pool, struct pooled *conn)
{
    struct list *node = list_take_first(&pool->waiting);
    if (node == NULL)
        return false;
    struct borrower *borrower = LIST_ENTRY(node, struct borrower, link);
    borrower->conn = conn;
    borrower->is_granted = true;
    pool->stats.waiting_now--;
    pool->worker_stats->pool_waiting--;
    coro_wake(borrower->co, 0);
    count_hand(pool);
    return true;
}

static void slot_take(struct conn_pool *pool)
{
    pool->stats.open_now++;
    pool->worker_stats->pool_connections_open++;
}

static void slot_free(struct conn_pool *pool)
{
    pool->stats.open_now--;
    pool->worker_stats->pool_connections_open--;
}

/* A slot is not needed any more by who had it: the next one may open there. */
static void slot_give(struct conn_pool *pool)
{
    if (!grant(pool, NULL))
        slot_free(pool);
}

static void idle_remove(struct conn_pool *pool, struct pooled *conn)
{
    list_remove(&conn->link);
    pool->stats.idle_now--;
    pool->worker_stats->pool_connections_idle--;
}

/* Its slot stays taken. */
static void conn_close(struct conn_pool *pool, struct pooled *conn)
{
    pool->ready_count--;
    pool->stats.closed++;
    pool->ops->close(conn);
}

void conn_pool_drop(struct conn_pool *pool, struct pooled *conn)
{
    if (list_is_empty(&conn->link))
        return;
    idle_remove(pool, conn);
    conn_close(pool, conn);
    slot_give(pool);
}

/* Between 9 and 11 tenths of max_age_ms, so that not all end together. */
static int64_t draw_age_ms(struct conn_pool *pool)
{
    pool->random ^= pool->random << 13;
    pool->random ^= pool->random >> 17;
    pool->random ^= pool->random << 5;
    int64_t fifth_ms = pool->opts.max_age_ms / 5;
    return pool->opts.max_age_ms - fifth_ms / 2 + (int64_t)(pool->random % 1024) * fifth_ms / 1024;
}

/* ---- idle ones ---- */

static void sweep(void *arg);

static void set_sweep(struct conn_pool *pool, int64_t now_ms)
{
    if (pool->is_sweep_set || list_is_empty(&pool->idle))
        return;
    const struct pooled *first = LIST_ENTRY(pool->idle.next, struct pooled, link);
    pool->is_sweep_set = true;
    loop_timer_start(pool->loop, &pool->sweep,
                     first->idle_since_ms + pool->opts.close_idle_ms - now_ms, sweep, pool);
}

/* Close those that nobody has borrowed for long: they are at the front. */
static void sweep(void *arg)
{
    struct conn_pool *pool = arg;
    int64_t now_ms = loop_now_ms(pool->loop);
    pool->is_sweep_set = false;
    while (!list_is_empty(&pool->idle)) {
        struct pooled *conn = LIST_ENTRY(pool->idle.next, struct pooled, link);
        if (now_ms - conn->idle_since_ms < pool->opts.close_idle_ms)
            break;
        conn_pool_drop(pool, conn);
    }
    set_sweep(pool, now_ms);
}

static bool is_fit(struct conn_pool *pool, struct pooled *conn, int64_t now_ms)
{
    if (now_ms >= conn->expires_ms)
        return false;
    if (now_ms - conn->idle_since_ms < pool->opts.look_after_ms &&
        now_ms >= pool->look_all_until_ms)
        return true;
    return pool->ops->is_alive(conn);
}

/* The one that was given back last; NULL: none is. */
static struct pooled *take_idle(struct conn_pool *pool)
{
    while (!list_is_empty(&pool->idle)) {
        struct pooled *conn = LIST_ENTRY(pool->idle.prev, struct pooled, link);
        if (is_fit(pool, conn, loop_now_ms(pool->loop))) {
            idle_remove(pool, conn);
            return conn;
        }
        conn_pool_drop(pool, conn);
    }
    return NULL;
}

void conn_pool_suspect(struct conn_pool *pool)
{
    pool->look_all_until_ms = loop_now_ms(pool->loop) + pool->opts.look_after_ms;
    for (struct list *node = pool->idle.next, *next; node != &pool->idle; node = next) {
        struct pooled *conn = LIST_ENTRY(node, struct pooled, link);
        next = node->next;
        if (!pool->ops->is_alive(conn))
            conn_pool_drop(pool, conn);
    }
}

/* ---- borrowing ---- */

/* In a slot that is ours. */
static GALLEY_YIELDS int open_one(galley_async *co, struct conn_pool *pool, struct pooled **conn,
                                  const char *here)
{
    int rc = pool->ops->open(co, pool->arg, conn, here);
    if (rc < 0) {
        /* Where others are open those who wait get them; else each of them has to see for itself. */
        if (rc != -ECANCELED)
            pool->retry_ms = loop_now_ms(pool->loop) + RETRY_MS;
        if (rc != -ECANCELED && pool->ready_count > 0)
            slot_free(pool);
        else
            slot_give(pool);
        return rc;
    }
    list_init(&(*conn)->link);
    (*conn)->opened_ms = loop_now_ms(pool->loop);
    (*conn)->expires_ms = (*conn)->opened_ms + draw_age_ms(pool);
    pool->ready_count++;
    pool->stats.opened++;
    pool->worker_stats->pool_opened_total++;
    return 0;
}

static int refuse(galley_async *co, struct conn_pool *pool, int error, const char *here)
{
    if (error == -ECANCELED)
        return error;
    pool->stats.refused++;
    pool->worker_stats->pool_refused_total++;
    if (error == -ETIMEDOUT)
        return coro_fail(co, error, here, "none of %zu %s connections was free within %lld ms",
                         pool->stats.open_now, pool->opts.kind, (long long)pool->opts.max_wait_ms);
    return coro_fail(co, error, here, "%zu wait for a %s connection already",
                     pool->stats.waiting_now, pool->opts.kind);
}

/* The wait for one, first come, first served. 0: a connection or (NULL) a slot is ours. */
static GALLEY_YIELDS int wait_turn(galley_async *co, struct conn_pool *pool, struct pooled **conn,
                                   const char *here)
{
    if (pool->stats.waiting_now >= pool->opts.max_waiting)
        return refuse(co, pool, -GALLEY_EFULL, here);
    struct borrower borrower = {.co = co};
    int64_t until_ms =
        pool->opts.max_wait_ms > 0 ? galley_now_ms(co) + pool->opts.max_wait_ms : INT64_MAX;
    int64_t from_us = clock_now_us();
    list_append(&pool->waiting, &borrower.link);
    if (pool->stats.waiting_now++ == 0) {
        pool->pace_since_ms = loop_now_ms(pool->loop);
        pool->pace_hands = 0;
    }
    pool->worker_stats->pool_waiting++;
    pool->stats.waited++;
    pool->worker_stats->pool_waited_total++;
    int rc = coro_suspend_for(co, "connection", pool->opts.kind, here, until_ms);
    uint64_t took_us = (uint64_t)(clock_now_us() - from_us);
    pool->stats.waited_us += took_us;
    pool->worker_stats->pool_waited_us_total += took_us;
    if (!borrower.is_granted) {
        list_remove(&borrower.link);
        pool->stats.waiting_now--;
        pool->worker_stats->pool_waiting--;
        return refuse(co, pool, rc, here);
    }
    if (coro_check(co) < 0) {
        if (borrower.conn)
            conn_pool_give(pool, borrower.conn, true);
        else
            slot_give(pool);
        return -ECANCELED;
    }
    *conn = borrower.conn;
    return 0;
}

/* After a failure only now and then, where there are others to wait for. */
static bool may_open(const struct conn_pool *pool)
{
    return pool->stats.open_now < pool->opts.max_open &&
           (pool->ready_count == 0 || loop_now_ms(pool->loop) >= pool->retry_ms);
}

/* 0: a connection or (NULL) a slot is ours. */
static GALLEY_YIELDS int take(galley_async *co, struct conn_pool *pool, struct pooled **conn,
                              const char *here)
{
    *conn = NULL;
    if (!list_is_empty(&pool->waiting))
        return wait_turn(co, pool, conn, here);
    *conn = take_idle(pool);
    if (*conn)
        return 0;
    if (!may_open(pool))
        return wait_turn(co, pool, conn, here);
    slot_take(pool);
    return 0;
}

int conn_pool_take(galley_async *co, struct conn_pool *pool, struct pooled **conn, const char *here)
{
    int rc = coro_check(co);
    do {
        if (rc == 0)
            rc = take(co, pool, conn, here);
        if (rc < 0)
            return rc;
        if (*conn)
            break;
        rc = open_one(co, pool, conn, here);
        if (rc == -GALLEY_ENOT_READY && pool->ready_count > 0)
            rc = 0; /* the server takes no more: there are some to wait for */
    } while (rc < 0 || *conn == NULL);
    pool->stats.taken++;
    pool->worker_stats->pool_taken_total++;
    return 0;
}

/* After a failure others wait though there are slots: one of them may try. */
static void retry(struct conn_pool *pool)
{
    if (list_is_empty(&pool->waiting) || !may_open(pool))
        return;
    slot_take(pool);
    (void)grant(pool, NULL);
}

void conn_pool_give(struct conn_pool *pool, struct pooled *conn, bool is_reusable)
{
    int64_t now_ms = loop_now_ms(pool->loop);
    GALLEY_BUG_IF(!list_is_empty(&conn->link), "a %s connection is given back twice",
                  pool->opts.kind);
    if (!is_reusable || now_ms >= conn->expires_ms) {
        conn_close(pool, conn);
        slot_give(pool);
        return;
    }
    if (!grant(pool, conn)) {
        conn->idle_since_ms = now_ms;
        list_append(&pool->idle, &conn->link);
        pool->stats.idle_now++;
        pool->worker_stats->pool_connections_idle++;
        set_sweep(pool, now_ms);
        return;
    }
    retry(pool);
}

int64_t conn_pool_linger_us(const struct conn_pool *pool)
{
    int64_t count = (int64_t)pool->ready_count; /* all are borrowed */
    if (pool->stats.waiting_now == 0 || count < LINGER_PART * LINGER_ANSWERS)
        return 0;
    int64_t us = pool->pace_ms * 1000 * count / (PACE_HANDS * LINGER_PART);
    return us < CONN_POOL_LINGER_MAX_US ? us : CONN_POOL_LINGER_MAX_US;
}

const struct conn_pool_stats *conn_pool_stats(const struct conn_pool *pool)
{
    return &pool->stats;
}

void conn_pool_free(struct conn_pool *pool)
{
    if (pool == NULL)
        return;
    GALLEY_BUG_IF(!list_is_empty(&pool->waiting), "%zu wait for a %s connection at the end",
                  pool->stats.waiting_now, pool->opts.kind);
    while (!list_is_empty(&pool->idle))
        conn_pool_drop(pool, LIST_ENTRY(pool->idle.next, struct pooled, link));
    GALLEY_BUG_IF(pool->stats.open_now > 0, "%zu %s connections are borrowed at the end",
                  pool->stats.open_now, pool->opts.kind);
    loop_timer_stop(&pool->sweep);
    free(pool);
}
