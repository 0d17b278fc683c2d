/* redis.c - for the tests: Redis from handlers; where it is, the environment says. */
#include <galley.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static galley_redis *redis;

static int start(galley_async *co)
{
    const char *timeout = getenv("REDIS_TIMEOUT_MS"), *most = getenv("REDIS_MAX_BYTES"),
               *count = getenv("REDIS_CONNECTIONS"), *waiting = getenv("REDIS_MAX_WAITING");
    return galley_redis_open(co, &redis, .url = getenv("REDIS_URL"),
                             .timeout_ms = timeout ? strtol(timeout, NULL, 10) : 0,
                             .connections = count ? (int)strtol(count, NULL, 10) : 0,
                             .max_waiting = waiting ? (int)strtol(waiting, NULL, 10) : 0,
                             .max_answer_bytes = most ? strtoull(most, NULL, 10) : 0);
}

/* ---- any command, in words ---- */

enum { WORDS_MAX = 32, TEXT_BYTES = 4096 };

struct text {
    char *at, *end;
};

static void print_reply(struct text *out, const struct galley_redis_reply *reply)
{
    size_t room = (size_t)(out->end - out->at);
    int n = 0;
    if (reply == NULL)
        n = snprintf(out->at, room, "nothing");
    else if (reply->kind == GALLEY_REDIS_NULL)
        n = snprintf(out->at, room, "null");
    else if (reply->kind == GALLEY_REDIS_INT)
        n = snprintf(out->at, room, "%lld", (long long)reply->number);
    else if (reply->kind == GALLEY_REDIS_TEXT)
        n = snprintf(out->at, room, "\"%.60s\"%s", reply->text.data,
                     reply->text.len > 60 ? "..." : "");
    else if (reply->kind == GALLEY_REDIS_ERROR)
        n = snprintf(out->at, room, "!%s", reply->text.data);
    else
        n = snprintf(out->at, room, "[");
    out->at += (size_t)n < room ? (size_t)n : room - 1;
    if (reply == NULL || reply->kind != GALLEY_REDIS_LIST)
        return;
    for (size_t i = 0; i < reply->count && out->end - out->at > 100; i++) {
        if (i > 0)
            *out->at++ = ' ';
        print_reply(out, &reply->items[i]);
    }
    snprintf(out->at, 2, "]");
    out->at++;
}

GALLEY_STRUCT(call_in, (galley_str, c, QUERY), (int64_t, timeout_ms, QUERY, DEFAULT(-1)));

/* The words of a command that are parted by blanks. */
static int call_words(galley_async *co, galley_str line, struct galley_redis_reply **reply)
{
    struct galley_redis_arg args[WORDS_MAX];
    size_t count = 0;
    for (size_t at = 0; at < line.len && count < WORDS_MAX; at++) {
        size_t from = at;
        while (at < line.len && line.data[at] != ' ')
            at++;
        args[count++] = galley__redis_str((galley_str){line.data + from, at - from});
    }
    return galley__redis_call(co, redis, reply, args, count, GALLEY_HERE);
}

/* What came, or "error: NUMBER: why". */
static int call(galley_async *co, const struct call_in *in, struct galley_text *out)
{
    struct galley_redis_reply *reply;
    struct galley_scope scope;
    char *text = galley_alloc(co, TEXT_BYTES);
    galley_scope_open(co, &scope, in->timeout_ms);
    int rc = call_words(co, in->c, &reply);
    int closed = galley_scope_close(co, &scope);
    rc = closed < 0 ? closed : rc;
    struct text at = {text, text + TEXT_BYTES};
    if (rc < 0)
        at.at += snprintf(text, TEXT_BYTES, "error %d: %s: %s", rc, galley_error_text(rc),
                          galley_why(co));
    else
        print_reply(&at, reply);
    out->text = (galley_str){text, (size_t)(at.at - text)};
    return 0;
}

/* The same, but what fails is left to Galley. */
static int plain(galley_async *co, const struct call_in *in, struct galley_text *out)
{
    struct galley_redis_reply *reply;
    int rc = call_words(co, in->c, &reply);
    out->text = GALLEY_STR("done");
    return rc;
}

/* ---- many at once ---- */

GALLEY_STRUCT(many_in, (int64_t, coroutines, QUERY, .ge = 1, .le = 2000),
              (int64_t, each, QUERY, .ge = 1), (int64_t, size, QUERY, DEFAULT(8)));
GALLEY_STRUCT(many_out, (int64_t, right), (int64_t, wrong), (int64_t, failed));

struct worker {
    const struct many_in *in;
    struct many_out *out;
    const char *value;
    int64_t number;
};

/* Writes and reads keys of its own: a reply that belongs to another shows. */
static int work(galley_async *co, struct worker *worker)
{
    for (int64_t i = 0; i < worker->in->each; i++) {
        struct galley_redis_reply *reply;
        char key[64], value[64];
        snprintf(key, sizeof key, "k%lld", (long long)worker->number);
        int len =
            snprintf(value, sizeof value, "%lld.%lld.", (long long)worker->number, (long long)i);
        int rc = i % 2 == 0 ? galley_redis_call(co, redis, NULL, "SET", key, value)
                            : galley_redis_call(co, redis, &reply, "GET", key);
        if (rc < 0)
            worker->out->failed++;
        else if (i % 2 == 0)
            worker->out->right++;
        else {
            snprintf(value, sizeof value, "%lld.%lld.", (long long)worker->number,
                     (long long)i - 1);
            bool is_right =
                reply->kind == GALLEY_REDIS_TEXT && strcmp(reply->text.data, value) == 0;
            *(is_right ? &worker->out->right : &worker->out->wrong) += 1;
        }
        (void)len;
        if (rc == -ECANCELED)
            return rc;
    }
    return 0;
}

static int many(galley_async *co, const struct many_in *in, struct many_out *out)
{
    struct worker *workers = galley_alloc(co, (size_t)in->coroutines * sizeof *workers);
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    for (int64_t i = 0; i < in->coroutines; i++) {
        workers[i] = (struct worker){.in = in, .out = out, .number = i};
        if (galley_spawn(co, work, &workers[i]) == NULL)
            galley_scope_cancel(&scope);
    }
    return galley_scope_close(co, &scope);
}

/* ---- messages, as server-sent events ---- */

GALLEY_STRUCT(events_in, (galley_str, channel, QUERY), (int64_t, pause_ms, QUERY, DEFAULT(0)));

static int events(galley_async *co, const struct events_in *in, struct galley_stream *out)
{
    struct galley_redis_sub *sub;
    struct galley_redis_message message;
    char event[512];
    galley_set_header(co, "Content-Type", "text/event-stream");
    int rc = galley_redis_subscribe(
        co, redis, &sub, galley_format(co, "%.*s", (int)in->channel.len, in->channel.data).data);
    if (rc == 0)
        rc = galley_write(co, out, ": listening\n\n", 13);
    while (rc >= 0 && (rc = galley_redis_receive(co, sub, &message, -1)) > 0) {
        int len =
            snprintf(event, sizeof event, "event: %s\nid: %llu\ndata: %.200s\n\n",
                     message.channel.data, (unsigned long long)message.missed, message.data.data);
        rc = galley_write(co, out, event, (size_t)len);
        if (rc == 0 && in->pause_ms > 0)
            rc = galley_sleep_ms(co, in->pause_ms);
    }
    return rc;
}

GALLEY_STRUCT(publish_in, (galley_str, channel, QUERY), (galley_str, data, QUERY));
static int publish(galley_async *co, const struct publish_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("published");
    return galley_redis_call(co, redis, NULL, "PUBLISH", in->channel, in->data);
}

GALLEY_APP(.title = "Redis", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/call", call, call_in, galley_text),
                                   GALLEY_GET("/plain", plain, call_in, galley_text),
                                   GALLEY_GET("/many", many, many_in, many_out),
                                   GALLEY_GET("/events", events, events_in, galley_stream),
                                   GALLEY_POST("/publish", publish, publish_in, galley_text)));
