/* 28-redis.c - counters, a cache, a ranking and events, all of them shared by every worker: kept in Redis. */
#include <galley.h>
#include <stdio.h>
#include <stdlib.h>

static galley_redis *redis;

static int start(galley_async *co)
{
    return galley_redis_open(co, &redis, .url = getenv("REDIS_URL"));
}

GALLEY_STRUCT(page_in, (galley_str, page, PATH, .max_length = 80));
GALLEY_STRUCT(visits, (galley_str, page), (int64_t, visits));

static int count_visit(galley_async *co, const struct page_in *in, struct visits *out)
{
    struct galley_redis_reply *reply;
    int rc = galley_redis_call(co, redis, &reply, "ZINCRBY", "visits", 1, in->page);
    if (rc < 0)
        return rc;
    *out = (struct visits){in->page, strtoll(reply->text.data, NULL, 10)};
    return 0;
}

GALLEY_ROOT(ranking, (struct visits_list, all, LIST_OF(visits)));

static int most_visited(galley_async *co, const struct galley_none *in, struct ranking *out)
{
    struct galley_redis_reply *reply;
    int rc = galley_redis_call(co, redis, &reply, "ZREVRANGE", "visits", 0, 2, "WITHSCORES");
    if (rc < 0)
        return rc;
    struct visits *rows = galley_alloc(co, (reply->count / 2 + 1) * sizeof *rows);
    for (size_t i = 0; i + 1 < reply->count; i += 2) {
        const struct galley_redis_reply *score = &reply->items[i + 1];
        rows[i / 2] = (struct visits){reply->items[i].text, strtoll(score->text.data, NULL, 10)};
    }
    out->all = (struct visits_list){rows, reply->count / 2};
    return 0;
}

GALLEY_STRUCT(forecast_in, (galley_str, city, PATH, .max_length = 80));
GALLEY_STRUCT(forecast, (galley_str, text), (bool, from_cache));

static int read_forecast(galley_async *co, const struct forecast_in *in, struct forecast *out)
{
    const galley_str key = galley_format(co, "forecast:%.*s", GALLEY_STR_ARG(in->city));
    struct galley_redis_reply *cached;
    int rc = galley_redis_call(co, redis, &cached, "GET", key);
    if (rc == 0 && cached->kind == GALLEY_REDIS_TEXT) {
        *out = (struct forecast){cached->text, true};
        return 0;
    }
    rc = galley_sleep_ms(co, 50); /* the weather is not easily foretold */
    if (rc < 0)
        return rc;
    *out = (struct forecast){galley_format(co, "rain in %.*s", GALLEY_STR_ARG(in->city)), false};
    rc = galley_redis_call(co, redis, NULL, "SET", key, out->text, "EX", 60);
    return rc == -ECANCELED ? rc : 0; /* without a cache it is slower, that is all */
}

GALLEY_STRUCT(event_in, (galley_str, text, QUERY, .max_length = 200));
GALLEY_STRUCT(event_out, (int64_t, listeners));

static int publish(galley_async *co, const struct event_in *in, struct event_out *out)
{
    struct galley_redis_reply *reply;
    int rc = galley_redis_call(co, redis, &reply, "PUBLISH", "events", in->text);
    if (rc == 0)
        out->listeners = reply->number;
    return rc;
}

static int listen_to_events(galley_async *co, const struct galley_none *in,
                            struct galley_stream *out)
{
    struct galley_redis_sub *sub;
    struct galley_redis_message message;
    char event[512]; /* used again for each: the request's memory would grow as long as it listens */
    galley_set_header(co, "Content-Type", "text/event-stream");
    int rc = galley_redis_subscribe(co, redis, &sub, "events");
    while (rc >= 0) {
        rc = galley_redis_receive(co, sub, &message, 15000);
        int len = snprintf(event, sizeof event, "%s%.200s\n\n", rc > 0 ? "data: " : ": still here",
                           rc > 0 ? message.data.data : "");
        if (rc >= 0)
            rc = galley_write(co, out, event, (size_t)len);
    }
    return rc;
}

GALLEY_APP(.title = "Redis", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_POST("/visits/{page}", count_visit, page_in, visits),
                                   GALLEY_GET("/visits", most_visited, galley_none, ranking),
                                   GALLEY_GET("/forecast/{city}", read_forecast, forecast_in, forecast),
                                   GALLEY_POST("/events", publish, event_in, event_out),
                                   GALLEY_GET("/events", listen_to_events, galley_none, galley_stream)));
