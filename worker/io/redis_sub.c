/* redis_sub.c - messages of Redis for those who listen; see galley/redis.h.
 * Does:     one connection a handle for all who subscribe; each channel asked for once, while anybody listens to it; a
 *           message is kept once, for all who have yet to read it; asked for again after a reconnection.
 * Does not: keep what a slow reader leaves lying: the oldest go, and are counted.
 *
 * SUBSCRIBE and UNSUBSCRIBE are answered in order, so each has a place in subs->asks; messages come in between.
 * See:      redis.h, t/96-redis-pubsub.t */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bug.h"
#include "worker/io/redis.h"
#include "worker/io/redis_queue.h"

enum {
    BUCKETS = 256,
    CHANNELS_MAX = 64,    /* of one subscription */
    SCRATCH_BYTES = 4096, /* for the message that is being read; larger ones take the heap */
    ROOM_TIMES = 2        /* memory of a message that is being read, against its limit */
};

/* ---- who listens to what ---- */

struct redis_channel {
    struct list in_bucket;
    struct list listens; /* struct listen.in_channel */
    unsigned asks_due;   /* answers that are to come, of SUBSCRIBE and UNSUBSCRIBE */
    unsigned joins_due;  /* of which of SUBSCRIBE */
    bool is_pattern;
    size_t len;
    char name[];
};

struct ask {
    struct list link; /* in subs->asks */
    struct redis_channel *channel;
    bool is_join;
};

struct listen {
    struct list in_channel;
    struct redis_channel *channel;
    struct galley_redis_sub *sub;
};

struct galley_redis_sub { /* in the arena; what `queue` and `listens` point to is on the heap */
    struct list in_subs;  /* subs->all */
    struct redis_subs *subs;
    galley_async *waiting; /* for a message, or for all channels to be confirmed */
    struct listen *listens;
    size_t listen_count;
    struct redis_queue queue;
    struct redis_message *current;
    int error; /* it was refused, or could not be reached while it began */
    bool is_open, is_beginning;
    char why[REDIS_WHY_BYTES];
};

struct redis_subs {
    struct redis_conn conn; /* first: ops are given this */
    galley_redis *redis;
    struct list all, asks;
    struct arena arena; /* of the message that is being read */
    char scratch[SCRATCH_BYTES];
    struct list buckets[BUCKETS];
};

static struct redis_subs *subs_of(const struct redis_conn *conn)
{
    return (struct redis_subs *)(uintptr_t)conn;
}

static struct list *bucket_of(struct redis_subs *subs, galley_str name)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619u;
    return &subs->buckets[(hash ^ hash >> 16) % BUCKETS];
}

static struct redis_channel *find(struct redis_subs *subs, galley_str name, bool is_pattern)
{
    struct list *bucket = bucket_of(subs, name);
    for (struct list *node = bucket->next; node != bucket; node = node->next) {
        struct redis_channel *channel = LIST_ENTRY(node, struct redis_channel, in_bucket);
        if (channel->len == name.len && channel->is_pattern == is_pattern &&
            !memcmp(channel->name, name.data, name.len))
            return channel;
    }
    return NULL;
}

static void forget_unused(struct redis_channel *channel)
{
    if (!list_is_empty(&channel->listens) || channel->asks_due > 0)
        return;
    list_remove(&channel->in_bucket);
    free(channel);
}

/* Send SUBSCRIBE or UNSUBSCRIBE, if there is a connection: a new one begins with asking for everything. 0, -errno. */
static int ask(struct redis_subs *subs, struct redis_channel *channel, bool is_join)
{
    static const char *const words[2][2] = {{"UNSUBSCRIBE", "SUBSCRIBE"},
                                            {"PUNSUBSCRIBE", "PSUBSCRIBE"}};
    struct redis_conn *conn = &subs->conn;
    const struct galley_redis_arg args[] = {
        galley__redis_text(words[channel->is_pattern][is_join]),
        galley__redis_str((galley_str){channel->name, channel->len})};
    if (conn->state != REDIS_UP)
        return 0;
    struct ask *new = malloc(sizeof *new);
    int rc = new ? redis_write(&conn->out, args, 2) : -ENOMEM;
    if (rc < 0) {
        free(new);
        return rc;
    }
    *new = (struct ask){.channel = channel, .is_join = is_join};
    list_append(&subs->asks, &new->link);
    channel->asks_due++;
    channel->joins_due += is_join;
    redis_conn_send(conn);
    return 0;
}

/* ---- one who listens ---- */

static bool is_confirmed(const struct galley_redis_sub *sub)
{
    if (sub->subs->conn.state != REDIS_UP)
        return false;
    for (size_t i = 0; i < sub->listen_count; i++)
        if (sub->listens[i].channel->joins_due > 0)
            return false;
    return true;
}

static void wake(struct galley_redis_sub *sub)
{
    if (sub->waiting)
        coro_wake(sub->waiting, 1);
}

static void sub_fail(struct galley_redis_sub *sub, int error, const char *why)
{
    sub->error = error;
    size_t len = strnlen(why, sizeof sub->why - 1);
    memcpy(sub->why, why, len);
    sub->why[len] = '\0';
    wake(sub);
}

/* ---- what the connection does with events ---- */

static void publish(struct redis_subs *subs, galley_str listened, bool is_pattern,
                    galley_str channel_name, galley_str data)
{
    struct redis_channel *channel = find(subs, listened, is_pattern);
    if (!channel || list_is_empty(&channel->listens))
        return; /* the last one has just left */
    struct redis_message *message = redis_message_new(channel_name, data);
    for (struct list *node = channel->listens.next; node != &channel->listens; node = node->next) {
        struct galley_redis_sub *sub = LIST_ENTRY(node, struct listen, in_channel)->sub;
        if (message)
            redis_queue_put(&sub->queue, message);
        else
            sub->queue.missed++;
        if (!sub->is_beginning)
            wake(sub);
    }
    redis_message_unref(message);
}

static void tell_listeners(struct redis_channel *channel, int error, const char *why)
{
    for (struct list *node = channel->listens.next; node != &channel->listens; node = node->next) {
        struct galley_redis_sub *sub = LIST_ENTRY(node, struct listen, in_channel)->sub;
        if (error < 0)
            sub_fail(sub, error, why);
        else if (sub->is_beginning && is_confirmed(sub))
            wake(sub);
    }
}

static void refuse(struct redis_subs *subs, struct redis_channel *channel,
                   const struct galley_redis_reply *error)
{
    char why[REDIS_WHY_BYTES];
    snprintf(why, sizeof why, "%s: SUBSCRIBE %.30s: %.70s", subs->redis->url.shown, channel->name,
             error->text.data);
    tell_listeners(channel, redis_error_of(error->text), why);
}

/* The answer to the oldest ask; `refusal`: what it was answered with, or NULL. */
static int answered(struct redis_subs *subs, const struct galley_redis_reply *refusal)
{
    struct list *node = list_take_first(&subs->asks);
    if (!node)
        return -GALLEY_EGARBLED;
    struct ask *oldest = LIST_ENTRY(node, struct ask, link);
    struct redis_channel *channel = oldest->channel;
    channel->asks_due--;
    channel->joins_due -= oldest->is_join;
    if (oldest->is_join && refusal)
        refuse(subs, channel, refusal);
    else if (oldest->is_join)
        tell_listeners(channel, 0, NULL);
    free(oldest);
    forget_unused(channel);
    return 0;
}

static bool is_kind(const struct galley_redis_reply *item, const char *word)
{
    return item->kind == GALLEY_REDIS_TEXT && item->text.len == strlen(word) &&
           !memcmp(item->text.data, word, item->text.len);
}

static int take_reply(struct redis_subs *subs, const struct galley_redis_reply *reply)
{
    if (!reply)
        return -ENOMEM;
    if (reply->kind == GALLEY_REDIS_ERROR)
        return answered(subs, reply);
    const struct galley_redis_reply *item = reply->items;
    bool is_list = reply->kind == GALLEY_REDIS_LIST;
    if (is_list && reply->count == 3 && is_kind(item, "message") &&
        item[1].kind == GALLEY_REDIS_TEXT && item[2].kind == GALLEY_REDIS_TEXT) {
        publish(subs, item[1].text, false, item[1].text, item[2].text);
        return 0;
    }
    if (is_list && reply->count == 4 && is_kind(item, "pmessage") &&
        item[1].kind == GALLEY_REDIS_TEXT && item[2].kind == GALLEY_REDIS_TEXT &&
        item[3].kind == GALLEY_REDIS_TEXT) {
        publish(subs, item[1].text, true, item[2].text, item[3].text);
        return 0;
    }
    if (is_list && reply->count == 3 &&
        (is_kind(item, "subscribe") || is_kind(item, "psubscribe") ||
         is_kind(item, "unsubscribe") || is_kind(item, "punsubscribe")))
        return answered(subs, NULL);
    return -GALLEY_EGARBLED;
}

static int read_messages(struct redis_conn *conn)
{
    struct redis_subs *subs = subs_of(conn);
    for (;;) {
        int rc = redis_reader_next(&conn->reader, &subs->arena, true);
        if (rc == 0)
            return 0;
        if (rc > 0)
            rc = take_reply(subs, conn->reader.root);
        arena_release(&subs->arena);
        arena_init(&subs->arena, subs->scratch, sizeof subs->scratch,
                   conn->redis->max_answer_bytes * ROOM_TIMES);
        if (rc < 0)
            return rc;
    }
}

static bool is_wanted(const struct redis_conn *conn)
{
    return !list_is_empty(&subs_of(conn)->all);
}

static bool expects_reply(const struct redis_conn *conn)
{
    return !list_is_empty(&subs_of(conn)->asks);
}

/* Call fn for each channel; it may end there. */
static void each_channel(struct redis_subs *subs,
                         void (*fn)(struct redis_subs *subs, struct redis_channel *channel))
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct list *node = subs->buckets[i].next, *next; node != &subs->buckets[i];
             node = next) {
            next = node->next;
            fn(subs, LIST_ENTRY(node, struct redis_channel, in_bucket));
        }
    }
}

static void join_again(struct redis_subs *subs, struct redis_channel *channel)
{
    int rc = ask(subs, channel, true);
    if (rc < 0)
        tell_listeners(channel, rc, galley_error_text(rc));
}

static void went_up(struct redis_conn *conn)
{
    each_channel(subs_of(conn), join_again);
}

static void forget_asks(struct redis_subs *subs, struct redis_channel *channel)
{
    (void)subs;
    channel->asks_due = channel->joins_due = 0;
    forget_unused(channel);
}

static void broke(struct redis_conn *conn, int error)
{
    struct redis_subs *subs = subs_of(conn);
    (void)error;
    for (struct list *node; (node = list_take_first(&subs->asks)) != NULL;)
        free(LIST_ENTRY(node, struct ask, link));
    each_channel(subs, forget_asks);
    buf_consume(&conn->out, buf_len(&conn->out));
    arena_release(&subs->arena);
    arena_init(&subs->arena, subs->scratch, sizeof subs->scratch,
               conn->redis->max_answer_bytes * ROOM_TIMES);
    for (struct list *node = subs->all.next; node != &subs->all; node = node->next) {
        struct galley_redis_sub *sub = LIST_ENTRY(node, struct galley_redis_sub, in_subs);
        if (!sub->is_beginning)
            sub->queue.missed++; /* nobody knows how many */
    }
}

/* Those who listen already wait on; those who begin hear that there is nothing to listen to. */
static void gave_up(struct redis_conn *conn)
{
    struct redis_subs *subs = subs_of(conn);
    for (struct list *node = subs->all.next; node != &subs->all; node = node->next) {
        struct galley_redis_sub *sub = LIST_ENTRY(node, struct galley_redis_sub, in_subs);
        if (sub->is_beginning)
            sub_fail(sub, conn->error, conn->why);
    }
}

static const struct redis_conn_ops sub_ops = {
    .read = read_messages,
    .is_wanted = is_wanted,
    .expects_reply = expects_reply,
    .went_up = went_up,
    .broke = broke,
    .gave_up = gave_up,
};

/* ---- begin and end ---- */

static struct redis_subs *subs_get(galley_redis *redis)
{
    struct redis_subs *subs = redis->subs ? redis->subs : calloc(1, sizeof *subs);
    if (!subs || redis->subs)
        return subs;
    subs->redis = redis;
    redis_conn_init(&subs->conn, redis, &sub_ops);
    list_init(&subs->all);
    list_init(&subs->asks);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&subs->buckets[i]);
    arena_init(&subs->arena, subs->scratch, sizeof subs->scratch,
               redis->max_answer_bytes * ROOM_TIMES);
    redis->subs = subs;
    return subs;
}

void redis_subs_free(struct redis_subs *subs)
{
    if (!subs)
        return;
    GALLEY_BUG_IF(!list_is_empty(&subs->all), "somebody listens to redis at the end");
    redis_conn_release(&subs->conn);
    for (struct list *node; (node = list_take_first(&subs->asks)) != NULL;)
        free(LIST_ENTRY(node, struct ask, link));
    each_channel(subs, forget_asks);
    arena_release(&subs->arena);
    free(subs);
}

static int join(struct galley_redis_sub *sub, const char *text)
{
    struct redis_subs *subs = sub->subs;
    galley_str name = {text, strlen(text)};
    bool is_pattern = strpbrk(text, "*?[") != NULL;
    struct redis_channel *channel = find(subs, name, is_pattern);
    if (!channel) {
        channel = calloc(1, sizeof *channel + name.len + 1);
        if (!channel)
            return -ENOMEM;
        channel->is_pattern = is_pattern;
        channel->len = name.len;
        memcpy(channel->name, text, name.len);
        list_init(&channel->listens);
        list_append(bucket_of(subs, name), &channel->in_bucket);
    }
    int rc = list_is_empty(&channel->listens) ? ask(subs, channel, true) : 0;
    if (rc < 0) {
        forget_unused(channel);
        return rc;
    }
    struct listen *listen = &sub->listens[sub->listen_count++];
    listen->sub = sub;
    listen->channel = channel;
    list_append(&channel->listens, &listen->in_channel);
    return 0;
}

static void leave(struct redis_subs *subs, struct listen *listen)
{
    struct redis_channel *channel = listen->channel;
    list_remove(&listen->in_channel);
    if (!list_is_empty(&channel->listens))
        return;
    (void)ask(subs, channel, false); /* without memory its messages come in vain */
    forget_unused(channel);
}

void galley_redis_unsubscribe(galley_async *co, struct galley_redis_sub *sub)
{
    (void)co;
    if (!sub || !sub->is_open)
        return;
    sub->is_open = false;
    for (size_t i = 0; i < sub->listen_count; i++)
        leave(sub->subs, &sub->listens[i]);
    redis_queue_release(&sub->queue);
    redis_message_unref(sub->current);
    sub->current = NULL;
    free(sub->listens);
    list_remove(&sub->in_subs);
    sub->subs->redis->remotes->stats->redis_subscribers--;
    sub_fail(sub, -EINVAL, "the subscription has ended");
}

/* Wait for a wake. What coro_suspend answers. */
static GALLEY_YIELDS int wait_for_it(galley_async *co, struct galley_redis_sub *sub,
                                     int64_t timeout_ms, const char *here)
{
    struct remotes *remotes = sub->subs->redis->remotes;
    int64_t until_ms = timeout_ms < 0 || timeout_ms > INT64_MAX / 2
                           ? INT64_MAX
                           : loop_now_ms(remotes->loop) + timeout_ms + 1;
    sub->waiting = co;
    sched_expect_events(remotes->sched, 1);
    int rc = coro_suspend_for(co, sub->is_beginning ? "redis subscribe" : "redis message",
                              sub->listens[0].channel->name, here, until_ms);
    sched_expect_events(remotes->sched, -1);
    sub->waiting = NULL;
    return rc;
}

/* Wait until Redis has confirmed all channels. */
static GALLEY_YIELDS int begin(galley_async *co, struct galley_redis_sub *sub, const char *here)
{
    galley_redis *redis = sub->subs->redis;
    struct redis_conn *conn = &sub->subs->conn;
    int rc = redis_conn_want(conn);
    if (rc < 0)
        return coro_fail(co, rc, here, "%s", conn->why);
    while (!is_confirmed(sub) && sub->error == 0) {
        rc = wait_for_it(co, sub, redis->timeout_ms, here);
        if (rc == -ETIMEDOUT && conn->state != REDIS_UP && conn->error < 0)
            return coro_fail(co, conn->error, here, "%s", conn->why);
        if (rc < 0)
            return coro_fail(co, rc, here, "no answer from %s to SUBSCRIBE within %lld ms",
                             redis->url.shown, (long long)redis->timeout_ms);
    }
    if (sub->error < 0)
        return coro_fail(co, sub->error, here, "%s", sub->why);
    return 0;
}

int galley__redis_subscribe(galley_async *co, galley_redis *redis, struct galley_redis_sub **opened,
                            const char *const *channels, const char *here)
{
    size_t count = 0;
    *opened = NULL;
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    while (channels[count] && count <= CHANNELS_MAX)
        count++;
    if (count == 0 || count > CHANNELS_MAX)
        return coro_fail(co, -EINVAL, here, "a subscription has 1 to %d channels", CHANNELS_MAX);
    struct redis_subs *subs = subs_get(redis);
    struct galley_redis_sub *sub = co->arena ? arena_alloc(co->arena, sizeof *sub) : NULL;
    struct listen *listens = calloc(count, sizeof *listens);
    if (!subs || !sub || !listens || galley_defer(co, galley_redis_unsubscribe, sub) < 0) {
        free(listens);
        return coro_fail(co, -ENOMEM, here, "no memory for a subscription");
    }
    *sub = (struct galley_redis_sub){
        .subs = subs, .listens = listens, .is_open = true, .is_beginning = true};
    list_append(&subs->all, &sub->in_subs);
    redis->remotes->stats->redis_subscribers++;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = join(sub, channels[i]);
    if (rc < 0)
        rc = coro_fail(co, rc, here, "%s: %s", redis->url.shown, galley_error_text(rc));
    else
        rc = begin(co, sub, here);
    sub->is_beginning = false;
    if (rc < 0) {
        galley_redis_unsubscribe(co, sub);
        return rc;
    }
    *opened = sub;
    return 0;
}

int galley__redis_receive(galley_async *co, struct galley_redis_sub *sub,
                          struct galley_redis_message *out, int64_t timeout_ms, const char *here)
{
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    *out = (struct galley_redis_message){.missed = 0};
    if (sub->waiting)
        return coro_fail(co, -EBUSY, here, "another coroutine waits for these messages already");
    redis_message_unref(sub->current);
    sub->current = NULL;
    if (sub->queue.count > 0)
        coro_spend(co);
    while (sub->queue.count == 0 && sub->error == 0) {
        rc = wait_for_it(co, sub, timeout_ms, here);
        if (rc < 0)
            break;
    }
    sub->current = redis_queue_take(&sub->queue, &out->missed);
    if (!sub->current && sub->error < 0)
        return coro_fail(co, sub->error, here, "%s", sub->why);
    if (!sub->current)
        return rc == -ETIMEDOUT ? 0 : rc;
    out->channel = (galley_str){sub->current->bytes, sub->current->channel_len};
    out->data =
        (galley_str){sub->current->bytes + sub->current->channel_len + 1, sub->current->data_len};
    return 1;
}
