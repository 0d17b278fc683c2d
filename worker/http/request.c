/* request.c - a request from its head to its end, over any transport.
 * Does:     init, run (handle, answer what was left unanswered, defers), count, access log.
 * Does not: frame or route. What a handler may ask is in request_api.c.
 * See:      request.h. */
#include "worker/http/request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bug.h"
#include "common/log.h"
#include "worker/http/response.h"
#include "worker/http/route_stats.h"
#include "worker/http/server.h"

enum { ARENA_MAX_BYTES = 64 << 20, ACCESS_LINE_BYTES = 1024 };

static const struct {
    galley_str text;
    enum http_method method;
} methods[] = {
    {GALLEY_STR("GET"), HTTP_GET},         {GALLEY_STR("HEAD"), HTTP_HEAD},
    {GALLEY_STR("POST"), HTTP_POST},       {GALLEY_STR("PUT"), HTTP_PUT},
    {GALLEY_STR("PATCH"), HTTP_PATCH},     {GALLEY_STR("DELETE"), HTTP_DELETE},
    {GALLEY_STR("OPTIONS"), HTTP_OPTIONS},
};

enum http_method http_method_of(galley_str text)
{
    if (text.len == 3 && memcmp(text.data, "GET", 3) == 0)
        return HTTP_GET;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (text.len == methods[i].text.len &&
            memcmp(text.data, methods[i].text.data, text.len) == 0)
            return methods[i].method;
    return HTTP_OTHER;
}

/* By the library: "rep stos", which the compiler has for so many bytes, is slow to begin. */
static inline void clear(void *at, size_t bytes)
{
    __asm__("" : "+r"(bytes));
    memset(at, 0, bytes);
}

void request_init(struct galley_request *req, struct server *server, galley_async *co,
                  const struct transport *transport, void *stream, void *first, size_t first_bytes)
{
    clear(req, sizeof *req);
    req->co = co;
    req->server = server;
    req->transport = transport;
    req->stream = stream;
    req->max_body_bytes = server->settings->max_body;
    req->started_ticks = loop_now_ticks(server->loop);
    arena_init(&req->arena, first, first_bytes, ARENA_MAX_BYTES);
    co->arena = &req->arena;
    co->request = req;
}

void request_release(struct galley_request *req)
{
    req->co->arena = NULL;
    req->co->request = NULL;
    arena_release(&req->arena);
}

bool request_is_cancelled_by_leaving(const struct galley_request *req)
{
    if (req->on_disconnect != GALLEY_AUTO)
        return req->on_disconnect == GALLEY_CANCEL;
    return req->method == HTTP_GET || req->method == HTTP_HEAD || req->method == HTTP_OPTIONS;
}

/* ---- the end ---- */

/* What to answer when the handler's side has sent nothing. 0: nobody is there to be told. */
static int unanswered_status(const struct galley_request *req)
{
    switch (req->body_error) {
    case 0:
        break;
    case -EMSGSIZE:
        return 413;
    case -E2BIG:
        return 431;
    case -ETIMEDOUT:
        return 408;
    case -ENOMEM:
        return 503;
    default:
        return 400;
    }
    switch ((enum galley_reason)req->co->cancel_reason) {
    case GALLEY_BY_DEADLINE:
        return 504;
    case GALLEY_BY_DISCONNECT:
        return 0;
    case GALLEY_BY_SHUTDOWN:
    case GALLEY_BY_OVERLOAD:
        return 503;
    case GALLEY_NOT_CANCELLED:
    case GALLEY_BY_USER:
    case GALLEY_BY_SIBLING:
        break;
    }
    return 500;
}

static GALLEY_YIELDS void answer_unanswered(struct galley_request *req)
{
    int status = unanswered_status(req);
    if (status == 0)
        return;
    struct galley_scope shield; /* the request may be cancelled; its answer is not */
    int rc = galley_scope_open_shielded(req->co, &shield, req->server->settings->write_timeout);
    if (rc < 0)
        return;
    const char *reason = http_reason(status);
    rc = response_send_detail(req, status, (galley_str){reason, strlen(reason)});
    int closed = galley__scope_close(req->co, &shield, NULL);
    if (rc < 0 || closed < 0)
        log_line(LOG_LEVEL_DEBUG, "answer_lost", "status=%d error=%d", status, rc);
}

/* Count the answer by its class: which one. */
static unsigned count_response(const struct galley_request *req, struct stats *stats)
{
    if (req->response == RESPONSE_NONE)
        return 0;
    if (req->status < 300) {
        stats->responses_2xx++;
        return 2;
    }
    if (req->status < 400) {
        stats->responses_3xx++;
        return 3;
    }
    if (req->status < 500) {
        stats->responses_4xx++;
        return 4;
    }
    stats->responses_5xx++;
    return 5;
}

__attribute__((noinline)) static void count_cancelled(const struct galley_request *req)
{
    if (req->co->cancel_reason == GALLEY_BY_DISCONNECT) {
        req->server->stats->requests_cancelled++;
        if (req->stats != NULL)
            req->stats->cancelled++;
    } else if (req->co->cancel_reason == GALLEY_BY_DEADLINE) {
        req->server->stats->requests_timed_out++;
    }
}

static void count(const struct galley_request *req)
{
    const struct server *server = req->server;
    server->stats->requests_active--;
    if (__builtin_expect(req->co->cancel_reason != GALLEY_NOT_CANCELLED, 0))
        count_cancelled(req);
    unsigned class = count_response(req, server->stats);
    if (req->stats == NULL)
        return;
    uint64_t took_us = ticks_us(&server->ticks, req->started_ticks, ticks_now(&server->ticks));
    route_stats_end(req->stats, class, took_us, req->arena.total_bytes);
}

void request_note_peer(struct galley_request *req, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    socklen_t len = sizeof peer;
    if (req->server->access_log_fd < 0)
        return;
    char *text = arena_alloc(&req->arena, INET6_ADDRSTRLEN);
    if (text == NULL || getpeername(fd, &peer.any, &len) < 0)
        return;
    const void *address = peer.any.sa_family == AF_INET    ? (const void *)&peer.v4.sin_addr
                          : peer.any.sa_family == AF_INET6 ? (const void *)&peer.v6.sin6_addr
                                                           : NULL;
    if (address == NULL)
        req->peer = GALLEY_STR("unix");
    else if (inet_ntop(peer.any.sa_family, address, text, INET6_ADDRSTRLEN) != NULL)
        req->peer = (galley_str){text, strlen(text)};
}

/* One line for the request: client, time, what it asked, status, bytes of the body, milliseconds. Neither version of
 * HTTP lets control bytes into what it quotes. */
__attribute__((noinline)) static void write_access_line(const struct galley_request *req)
{
    enum { MAX_METHOD = 32, MAX_TARGET = 700 }; /* so that all fits into the line */
    char line[ACCESS_LINE_BYTES];
    int status = req->response == RESPONSE_NONE ? 499 : req->status;
    int64_t took_ms = loop_now_ms(req->server->loop) - req->co->started_ms;
    galley_str peer = req->peer.data != NULL ? req->peer : GALLEY_STR("-");
    int method_len = req->method_text.len < MAX_METHOD ? (int)req->method_text.len : MAX_METHOD;
    int target_len = req->path_encoded.len < MAX_TARGET ? (int)req->path_encoded.len : MAX_TARGET;
    int len =
        snprintf(line, sizeof line, "%.*s [%s] \"%.*s %.*s HTTP/%s\" %d %llu %lldms\n",
                 GALLEY_STR_ARG(peer), server_date(req->server), method_len, req->method_text.data,
                 target_len, req->path_encoded.data, req->is_h2 ? "2" : "1.1", status,
                 (unsigned long long)req->sent_bytes, (long long)took_ms);
    GALLEY_BUG_IF(len < 0 || (size_t)len >= sizeof line, "an access line of %d bytes", len);
    if (write(req->server->access_log_fd, line, (size_t)len) != len)
        log_count_lost(); /* which each report carries */
}

void request_run(struct galley_request *req)
{
    struct server *server = req->server;
    server->stats->requests_total++;
    server->stats->requests_active++;
    server->handle(server->app, req);
    coro_join_forgotten(req->co);
    if (req->response == RESPONSE_NONE)
        answer_unanswered(req);
    count(req);
    if (server->access_log_fd >= 0)
        write_access_line(req);
    if (req->co->defers != NULL)
        coro_run_defers(req->co);
    if (req->is_measured)
        route_stats_measured(req->stats, req->co);
}
