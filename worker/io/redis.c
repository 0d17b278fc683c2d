/* redis.c - Redis for handlers: open a handle, call a command; see galley/redis.h.
 * Does:     put commands of many coroutines one behind the other, hand each its reply, keep the place of one that has gone.
 * Does not: touch sockets (redis_conn.c) or bytes of replies (redis_reply.c).
 * See:      redis.h, t/95-redis.t, t/unit/worker/io/redis.c */
#include "worker/io/redis.h"
#include "worker/io/redis_tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/bug.h"

enum {
    CONNECTIONS_MAX = 64,
    WAITING_DEFAULT = 10000,
    WAITING_MAX = 1 << 24,
    PLACES_FIRST = 64,
    TIMEOUT_DEFAULT_MS = 5000,
    CONNECT_MS = 5000,
    ANSWER_DEFAULT_BYTES = 16 << 20,
    WHAT_BYTES =
        56 /* "GET session:5f3a...": who looks on sees the command and its first argument */
};
static const uint64_t ANSWER_MAX_BYTES = UINT64_C(1) << 31;

/* ---- the order of replies ---- */

static struct redis_place *place_at(const struct redis_conn *conn, uint64_t i)
{
    return &conn->places[i & (conn->room - 1)];
}

static bool is_next_sent(const struct redis_conn *conn)
{
    return conn->first != conn->end &&
           place_at(conn, conn->first)->from < redis_conn_sent_bytes(conn);
}

/* Room for one more. 0, -ENOMEM. */
static int reserve_place(struct redis_conn *conn)
{
    if (conn->end - conn->first < conn->room)
        return 0;
    size_t room = conn->room ? conn->room * 2 : PLACES_FIRST;
    struct redis_place *places = calloc(room, sizeof *places);
    if (!places)
        return -ENOMEM;
    for (uint64_t i = conn->first; i != conn->end; i++)
        places[i & (room - 1)] = *place_at(conn, i);
    free(conn->places);
    conn->places = places;
    conn->room = room;
    return 0;
}

static void command_end(struct redis_command *command, int result)
{
    command->is_done = true;
    command->result = result;
    coro_wake(command->co, 0);
}

static void command_reply(struct redis_command *command, const struct redis_reader *reader)
{
    struct galley_redis_reply *reply = reader->root;
    command->reply = reply;
    if (reader->is_short)
        command_end(command, -ENOMEM);
    else if (reply && reply->kind == GALLEY_REDIS_ERROR)
        command_end(command, redis_error_of(reply->text));
    else
        command_end(command, 0);
}

/* ---- what a connection of commands does with events ---- */

static int read_replies(struct redis_conn *conn)
{
    for (;;) {
        if (!redis_reader_is_amid(&conn->reader))
            return 0;
        if (!is_next_sent(conn)) /* nobody has asked for this */
            return -GALLEY_EGARBLED;
        struct redis_command *command = place_at(conn, conn->first)->command;
        int rc = redis_reader_next(&conn->reader, command ? command->co->arena : NULL,
                                   command && command->is_wanted);
        if (rc == 0)
            return 0;
        conn->first++;
        if (rc < 0) {
            if (command)
                command_end(command, rc);
            return rc;
        }
        if (command)
            command_reply(command, &conn->reader);
    }
}

static bool is_wanted(const struct redis_conn *conn)
{
    return conn->first != conn->end;
}

/* Whoever waited in the meantime begins: there is nothing to do but to send. */
static void went_up(struct redis_conn *conn)
{
    (void)conn;
}

/* Those that were sent, whole or in part, are lost; the others stay as they are in the buffer. */
static void broke(struct redis_conn *conn, int error)
{
    uint64_t sent_bytes = redis_conn_sent_bytes(conn);
    for (; is_next_sent(conn); conn->first++) {
        struct redis_command *command = place_at(conn, conn->first)->command;
        if (!command)
            continue;
        command->cause = error;
        command_end(command, -GALLEY_ELOST);
    }
    uint64_t keep_from =
        conn->first != conn->end ? place_at(conn, conn->first)->from : conn->added_bytes;
    buf_consume(&conn->out, (size_t)(keep_from - sent_bytes));
}

static void gave_up(struct redis_conn *conn)
{
    for (; conn->first != conn->end; conn->first++) {
        struct redis_command *command = place_at(conn, conn->first)->command;
        if (command)
            command_end(command, conn->error);
    }
    buf_consume(&conn->out, buf_len(&conn->out));
}

static const struct redis_conn_ops command_ops = {
    .read = read_replies,
    .is_wanted = is_wanted,
    .expects_reply = is_next_sent,
    .went_up = went_up,
    .broke = broke,
    .gave_up = gave_up,
};

/* ---- call ---- */

/* Of those that are not known to fail the one with the fewest commands on their way; one that is open before others. */
static struct redis_conn *pick(galley_redis *redis)
{
    struct redis_conn *best = &redis->conns[0];
    for (size_t i = 1; i < redis->conn_count; i++) {
        struct redis_conn *conn = &redis->conns[i];
        bool is_usable = redis_conn_is_usable(conn);
        uint64_t waiting = conn->end - conn->first, least = best->end - best->first;
        if (is_usable != redis_conn_is_usable(best)
                ? is_usable
                : waiting < least || (waiting == least && conn->state > best->state))
            best = conn;
    }
    return best;
}

/* Put it behind the others. Its place, or a negative error. */
static int64_t enqueue(struct redis_conn *conn, struct redis_command *command,
                       const struct galley_redis_arg *args, size_t count)
{
    uint64_t from = conn->added_bytes;
    size_t before = buf_len(&conn->out);
    int rc = reserve_place(conn);
    if (rc == 0)
        rc = redis_write(&conn->out, args, count);
    if (rc < 0)
        return rc;
    conn->added_bytes += buf_len(&conn->out) - before;
    *place_at(conn, conn->end) = (struct redis_place){command, from};
    redis_conn_send(conn);
    return (int64_t)conn->end++;
}

/* "GET session:7", cut to what fits, control characters made visible. */
static void print_what(char *out, const struct galley_redis_arg *args, size_t count)
{
    char *at = out, *end = out + WHAT_BYTES - 1;
    memset(out, 0, WHAT_BYTES);
    for (size_t i = 0; i < count && i < 2 && at < end; i++) {
        size_t len = args[i].data ? args[i].len : 1;
        if (i > 0)
            *at++ = ' ';
        len = len < (size_t)(end - at) ? len : (size_t)(end - at);
        at = mempcpy(at, args[i].data ? args[i].data : "#", len);
    }
    for (size_t i = 0; i < WHAT_BYTES; i++) { /* all of it, which the compiler does 16 at a time */
        unsigned char c = (unsigned char)out[i];
        out[i] = (char)(((c - 1u < 0x1f) | (c == 0x7f)) ? '?' : c);
    }
}

/* What went wrong, told to the coroutine. */
static int explain(galley_redis *redis, const struct redis_conn *conn,
                   const struct redis_command *command, const char *what, const char *here)
{
    galley_async *co = command->co;
    const char *shown = redis->url.shown;
    int rc = command->result;
    redis->remotes->stats->redis_failed_total++;
    if (rc == -GALLEY_ELOST)
        return coro_fail(co, rc, here, "the connection to %s was lost after %s was sent: %s", shown,
                         what, redis_cause_text(command->cause));
    if (command->reply)
        return coro_fail(co, rc, here, "%s: %s: %s", shown, what, command->reply->text.data);
    if (rc == -ETIMEDOUT && !command->is_done)
        return coro_fail(co, rc, here, "no answer from %s to %s within %lld ms", shown, what,
                         (long long)redis->timeout_ms);
    if (rc == -ENOMEM || rc == -GALLEY_EFULL || rc == -GALLEY_EANSWER_SIZE ||
        rc == -GALLEY_EGARBLED || rc == -EMSGSIZE)
        return coro_fail(co, rc, here, "%s: %s: %s", shown, what, galley_error_text(rc));
    return coro_fail(co, rc, here, "%s", conn->why);
}

/* Wait for the reply of the command in place `i`. */
static GALLEY_YIELDS int await_reply(galley_redis *redis, struct redis_conn *conn,
                                     struct redis_command *command, uint64_t i, const char *what,
                                     const char *here)
{
    struct sched *sched = redis->remotes->sched;
    int64_t until_ms = redis->timeout_ms < 0
                           ? INT64_MAX
                           : loop_now_ms(redis->remotes->loop) + redis->timeout_ms + 1;
    sched_expect_events(sched, 1);
    redis->remotes->stats->redis_waiting++;
    int rc = coro_suspend_for(command->co, "redis", what, here, until_ms);
    redis->remotes->stats->redis_waiting--;
    sched_expect_events(sched, -1);
    if (command->is_done)
        return command->result;
    place_at(conn, i)->command = NULL; /* its reply, if it comes, is dropped */
    if (rc == -ETIMEDOUT && conn->state != REDIS_UP && conn->error < 0) {
        command->is_done = true; /* that is why, not that it was slow */
        return conn->error;
    }
    return rc;
}

int galley__redis_call(galley_async *co, galley_redis *redis, struct galley_redis_reply **reply,
                       const struct galley_redis_arg *args, size_t count, const char *here)
{
    struct redis_command command = {.co = co, .is_wanted = reply != NULL};
    char what[WHAT_BYTES];
    if (reply)
        *reply = NULL;
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    print_what(what, args, count);
    const char *refusal = redis_refusal(args, count);
    if (refusal)
        return coro_fail(co, -EINVAL, here, "%s %s", what, refusal);
    redis->remotes->stats->redis_commands_total++;
    struct redis_conn *conn = pick(redis);
    if (conn->end - conn->first >= redis->max_waiting)
        command.result = -GALLEY_EFULL;
    else
        command.result = redis_conn_want(conn);
    if (command.result == 0) {
        int64_t i = enqueue(conn, &command, args, count);
        if (i < 0)
            command.result = i == -EMSGSIZE && buf_len(&conn->out) > 0 ? -GALLEY_EFULL : (int)i;
        else
            command.result = await_reply(redis, conn, &command, (uint64_t)i, what, here);
    }
    if (command.result < 0)
        return explain(redis, conn, &command, what, here);
    if (reply)
        *reply = command.reply;
    return 0;
}

/* ---- open and close ---- */

uint64_t redis_random(galley_redis *redis, uint64_t below)
{
    redis->random ^= redis->random << 13;
    redis->random ^= redis->random >> 7;
    redis->random ^= redis->random << 17;
    return redis->random % below;
}

static void seed(galley_redis *redis)
{
    if (getrandom(&redis->random, sizeof redis->random, GRND_NONBLOCK) != sizeof redis->random ||
        redis->random == 0)
        redis->random = (uint64_t)clock_now_us() | 1;
}

/* Defaults and bounds. NULL, or what is wrong. */
static const char *apply(galley_redis *redis, const struct galley_redis_opts *opts)
{
    if (opts->connections < 0 || opts->connections > CONNECTIONS_MAX)
        return "connections are 1 to 64";
    if (opts->max_waiting < 0 || opts->max_waiting > WAITING_MAX)
        return "max_waiting is 1 to 16,777,216";
    if (opts->max_answer_bytes > ANSWER_MAX_BYTES)
        return "max_answer_bytes is at most 2 GiB";
    redis->conn_count = opts->connections ? (size_t)opts->connections : 1;
    redis->max_waiting = (size_t)(opts->max_waiting ? opts->max_waiting : WAITING_DEFAULT);
    redis->max_waiting = (redis->max_waiting + redis->conn_count - 1) / redis->conn_count;
    redis->timeout_ms = opts->timeout_ms ? opts->timeout_ms : TIMEOUT_DEFAULT_MS;
    redis->connect_ms =
        redis->timeout_ms > 0 && redis->timeout_ms < CONNECT_MS ? redis->timeout_ms : CONNECT_MS;
    redis->max_answer_bytes =
        opts->max_answer_bytes ? opts->max_answer_bytes : ANSWER_DEFAULT_BYTES;
    return NULL;
}

int galley__redis_open(galley_async *co, galley_redis **opened,
                       const struct galley_redis_opts *opts)
{
    struct remotes *remotes = remotes_of(co);
    const char *why = NULL;
    size_t count = opts->connections > 0 && opts->connections <= CONNECTIONS_MAX
                       ? (size_t)opts->connections
                       : 1;
    galley_redis *redis = calloc(1, sizeof *redis + count * sizeof redis->conns[0]);
    *opened = NULL;
    if (!redis)
        return -ENOMEM;
    if (redis_url_parse(&redis->url, opts->url, &why) == 0)
        why = apply(redis, opts);
    if (!why && redis->url.is_tls)
        redis->tls = redis_tls_new(redis->url.ca_file, &why);
    if (why) {
        free(redis);
        return coro_fail(co, -EINVAL, NULL, "the URL or options of a Redis: %s", why);
    }
    redis->remotes = remotes;
    seed(redis);
    for (size_t i = 0; i < redis->conn_count; i++)
        redis_conn_init(&redis->conns[i], redis, &command_ops);
    list_append(&remotes->redises, &redis->in_remotes);
    *opened = redis;
    return 0;
}

static void redis_free(galley_redis *redis)
{
    list_remove(&redis->in_remotes);
    redis_subs_free(redis->subs);
    for (size_t i = 0; i < redis->conn_count; i++) {
        redis_conn_release(&redis->conns[i]);
        free(redis->conns[i].places);
    }
    redis_tls_free(redis->tls);
    explicit_bzero(&redis->url, sizeof redis->url);
    free(redis);
}

void redis_free_all(struct remotes *remotes)
{
    while (!list_is_empty(&remotes->redises))
        redis_free(LIST_ENTRY(remotes->redises.next, galley_redis, in_remotes));
}
