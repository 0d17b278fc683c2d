/* http.c - the calls of galley/http.h: one request, its retries and redirects, and streams.
 * Does:     find the way, run exchanges until one is the answer, hand it over; keep a stream's until it is read.
 * Does not: know JSON (worker/app/json_call.c), or what libcurl does (http_exchange.c, http_multi.c).
 * See:      galley/http.h, RFC 9110 sections 9.2.2 (retries), 10.2.3 (Retry-After), 15.4 (redirects), t/80-http.t */
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

#include "worker/io/http_client.h"

enum { BACKOFF_MS = 100, BACKOFF_MAX_MS = 5000, RETRY_AFTER_MAX_MS = 30000 };

/* One call: in its frame. */
struct call {
    galley_async *co;
    struct http_client *client;
    struct galley_http_request request; /* redirects change it */
    const char *url, *first_url;
    const char *here;
    int64_t until_ms;
    int redirects_left, attempts;
    bool is_fresh;              /* no kept connection this time */
    struct http_handle *handle; /* of the exchange that has just ended, or whose head has come */
};

/* What a stream's _call is; in the arena, so that the end of the coroutine finds it. */
struct http_stream {
    struct http_handle *handle; /* NULL: closed */
};

static size_t prefix_of(const char *url)
{
    const char *mark = strstr(url, "://");
    return mark != NULL ? (size_t)(mark - url) + 3 + strcspn(mark + 3, "/?#\\") : 0;
}

static bool is_same_origin(const struct call *call)
{
    size_t len = prefix_of(call->url);
    return call->url == call->first_url ||
           (len == prefix_of(call->first_url) && strncmp(call->url, call->first_url, len) == 0);
}

static void let_go(struct call *call)
{
    if (call->handle == NULL)
        return;
    http_stop(call->handle);
    http_handle_give(call->handle);
    call->handle = NULL;
}

/* 0: "1.1" is 1, "2" is 2; < 0: neither. */
static int version_of(const char *text)
{
    if (text == NULL)
        return 0;
    return strcmp(text, "1.1") == 0 ? 1 : strcmp(text, "2") == 0 ? 2 : -EINVAL;
}

static GALLEY_YIELDS int run_exchange(struct call *call, const struct http_origin *origin)
{
    struct http_handle *handle = call->handle;
    struct curl_slist *fields = NULL;
    handle->is_plain = http_plain_fits(origin, &call->request, call->url);
    int rc = http_begin(call->co, handle, &call->request, call->url, is_same_origin(call), &fields,
                        call->here);
    if (rc < 0)
        return rc;
    if (handle->is_plain) {
        if (call->is_fresh)
            http_plain_close(handle);
        return http_plain_run(handle, call->url, fields, call->until_ms);
    }
    rc = http_prepare(handle, call->url, fields);
    if (rc == 0 && handle->is_fresh != call->is_fresh) {
        curl_easy_setopt(handle->easy, CURLOPT_FRESH_CONNECT, (long)call->is_fresh);
        handle->is_fresh = call->is_fresh;
    }
    return rc < 0 ? rc : http_run(handle, call->until_ms);
}

/* One exchange. 0: there is an answer, in call->handle; or -errno. */
static GALLEY_YIELDS int attempt(struct call *call)
{
    const struct galley_http_request *request = &call->request;
    const struct http_target target = {
        .url = call->url,
        .prefix_len = prefix_of(call->url),
        .proxy = request->proxy,
        .ca_file = request->ca_file,
        .accepts_any = request->accept_any_certificate,
        .version = version_of(request->http_version),
    };
    struct http_origin *origin = NULL;
    if (target.version < 0 || target.prefix_len == 0)
        return coro_fail(call->co, -EINVAL, call->here,
                         target.version < 0 ? "http_version is neither 1.1 nor 2"
                                            : "the URL has no scheme");
    int rc = http_origin_get(call->co, call->client, &target, &origin, call->here);
    if (rc == 0)
        rc = http_origin_resolve(call->co, origin, call->here);
    if (rc == 0)
        rc = http_handle_take(call->co, origin, call->until_ms, &call->handle, call->here);
    if (rc == -ETIMEDOUT)
        rc = coro_fail(call->co, rc, call->here, "%s: no free connection in time", origin->shown);
    if (rc < 0)
        return rc;
    call->attempts++;
    return run_exchange(call, origin);
}

/* ---- the answer ---- */

static void close_stream(galley_async *co, struct http_stream *stream)
{
    struct http_handle *handle = stream->handle;
    if (handle == NULL)
        return;
    stream->handle = NULL;
    struct http_client *client = handle->origin->client;
    client->active_count--;
    client->remotes->stats->http_calls_active--;
    http_stop(handle);
    http_handle_give(handle);
    (void)co;
}

static int keep_stream(struct call *call, struct galley_http *got)
{
    struct http_stream *stream = arena_alloc(call->co->arena, sizeof *stream);
    if (stream == NULL || galley_defer(call->co, close_stream, stream) < 0)
        return coro_fail(call->co, -ENOMEM, call->here, "no memory for a stream");
    /* What the caller gave for the call is gone when it returns. */
    struct galley_http_request *copy = arena_alloc(call->co->arena, sizeof *copy);
    if (copy == NULL)
        return coro_fail(call->co, -ENOMEM, call->here, "no memory for a stream");
    *copy = (struct galley_http_request){.is_stream = true};
    stream->handle = call->handle;
    call->handle->request = copy;
    call->handle = NULL;
    got->_call = stream;
    return 0;
}

/* 0, -ENOMEM. */
static int hand_over(struct call *call, struct galley_http *got)
{
    struct http_handle *handle = call->handle;
    const char *path = call->url + handle->origin->prefix_len; /* shown: without a password */
    size_t shown_len = strlen(handle->origin->shown), path_len = strlen(path);
    size_t url_len = shown_len + path_len;
    char *url = arena_alloc(call->co->arena, url_len + 1);
    if (url != NULL)
        memcpy(mempcpy(url, handle->origin->shown, shown_len), path, path_len + 1);
    int rc = url != NULL ? http_fields_parse(handle, got) : -ENOMEM;
    if (rc < 0)
        return coro_fail(call->co, rc, call->here, "no memory for the answer of %s", handle->shown);
    got->status = handle->status;
    got->attempts = call->attempts;
    got->url = (galley_str){url, url_len};
    if (call->request.is_stream)
        return keep_stream(call, got);
    if (handle->body != NULL)
        handle->body[handle->body_len] = '\0';
    got->body =
        handle->body != NULL ? (galley_str){handle->body, handle->body_len} : (galley_str){"", 0};
    return 0;
}

/* ---- once more ---- */

static bool is_worth_another(const struct call *call, int rc)
{
    int status = call->handle != NULL ? call->handle->status : 0;
    switch (rc) {
    case 0:
        return status == 502 || status == 503 || status == 504;
    case -ECONNREFUSED:
    case -ECONNRESET:
    case -EHOSTUNREACH:
    case -ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

/* What the server asks for, in ms; 0 if it does not. */
static int64_t retry_after(const struct http_handle *handle)
{
    struct galley_http got = {0};
    if (http_fields_parse((struct http_handle *)(uintptr_t)handle, &got) < 0)
        return 0;
    galley_str value = galley_http_field(&got, "retry-after");
    char text[64] = "", *end = text;
    if (value.data == NULL || value.len >= sizeof text)
        return 0;
    memcpy(text, value.data, value.len);
    long long seconds = strtoll(text, &end, 10);
    if (*end != '\0' || end == text) {
        time_t at = curl_getdate(text, NULL);
        seconds = at > 0 ? (long long)(at - time(NULL)) : 0;
    }
    return seconds <= 0 ? 0 : seconds > 86400 ? 86400000 : seconds * 1000;
}

/* How long to wait before the next attempt; < 0: there is to be none. */
static int64_t pause_before_next(struct call *call, int rc)
{
    const struct http_handle *handle = call->handle;
    if (call->attempts > call->request.retries || call->request.read != NULL || handle == NULL ||
        !handle->is_idempotent || !is_worth_another(call, rc))
        return -1;
    int64_t backoff_ms = BACKOFF_MS << (call->attempts < 7 ? call->attempts - 1 : 6);
    if (backoff_ms > BACKOFF_MAX_MS)
        backoff_ms = BACKOFF_MAX_MS;
    int64_t wait_ms = backoff_ms / 2 + (int64_t)http_random(call->client, (uint64_t)backoff_ms / 2);
    int64_t asked_ms = rc == 0 ? retry_after(handle) : 0;
    if (asked_ms > wait_ms)
        wait_ms = asked_ms;
    bool is_late =
        call->until_ms != INT64_MAX && galley_now_ms(call->co) + wait_ms >= call->until_ms;
    return wait_ms > RETRY_AFTER_MAX_MS || is_late ? -1 : wait_ms;
}

/* A kept connection broke before anything of the answer came: its server may have closed it just then. What may be done
 * twice is done again, on a new one. */
static bool was_stale(const struct call *call, int rc)
{
    const struct http_handle *handle = call->handle;
    long connects = 1;
    if (rc != -ECONNRESET || call->is_fresh || handle == NULL || handle->head_total > 0 ||
        !handle->is_idempotent || call->request.read != NULL)
        return false;
    if (handle->is_plain)
        return handle->was_reused;
    curl_easy_getinfo(handle->easy, CURLINFO_NUM_CONNECTS, &connects);
    return connects == 0;
}

/* Attempts until one is good enough, or there are to be no more. */
static GALLEY_YIELDS int try_until_done(struct call *call)
{
    for (call->attempts = 0;;) {
        int rc = attempt(call);
        if (was_stale(call, rc)) {
            let_go(call);
            call->attempts--;
            call->is_fresh = true;
            rc = attempt(call);
        }
        int64_t wait_ms = pause_before_next(call, rc);
        if (wait_ms < 0)
            return rc;
        let_go(call);
        rc = galley__sleep_ms(call->co, wait_ms, call->here);
        if (rc < 0)
            return rc;
    }
}

/* ---- somewhere else ---- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* What `location` means, seen from the URL that was asked; NULL: nothing. In the arena. */
static const char *resolve_location(struct call *call, galley_str location)
{
    char *relative = arena_dup(call->co->arena, location.data, location.len), *text = NULL;
    CURLU *url = curl_url();
    const char *found = NULL;
    if (relative != NULL && url != NULL &&
        curl_url_set(url, CURLUPART_URL, call->url, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, relative, CURLU_URLENCODE) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
        found = arena_dup(call->co->arena, text, strlen(text));
    curl_free(text);
    curl_url_cleanup(url);
    return found;
}

/* 1: the call goes on at another URL; 0: the answer is the answer; -errno. */
static int redirect(struct call *call)
{
    struct http_handle *handle = call->handle;
    struct galley_http got = {0};
    if (call->request.max_redirects <= 0 || !is_redirect(handle->status))
        return 0;
    if (http_fields_parse(handle, &got) < 0)
        return coro_fail(call->co, -ENOMEM, call->here, "no memory");
    galley_str location = galley_http_field(&got, "location");
    bool keeps_body = handle->status == 307 || handle->status == 308;
    if (location.data == NULL || (keeps_body && call->request.read != NULL))
        return 0;
    if (call->redirects_left-- == 0)
        return coro_fail(call->co, -GALLEY_EGARBLED, call->here, "%s: more than %d redirects",
                         handle->shown, call->request.max_redirects);
    const char *url = resolve_location(call, location);
    if (url == NULL)
        return coro_fail(call->co, -GALLEY_EGARBLED, call->here, "%s: redirected to no URL",
                         handle->shown);
    if (handle->status == 303 || (!keeps_body && strcmp(handle->method, "POST") == 0)) {
        call->request.method = strcmp(handle->method, "HEAD") == 0 ? "HEAD" : "GET";
        call->request.body = (galley_bytes){0};
        call->request.read = NULL;
    }
    call->url = url;
    return 1;
}

/* ---- the calls ---- */

static GALLEY_YIELDS int run(struct call *call, struct galley_http *got)
{
    int rc;
    do {
        let_go(call);
        rc = try_until_done(call);
        if (rc == 0)
            rc = redirect(call);
    } while (rc > 0);
    if (rc == 0)
        rc = hand_over(call, got);
    let_go(call);
    return rc;
}

int galley__http_send(galley_async *co, struct galley_http *got,
                      const struct galley_http_request *request, const char *here)
{
    struct remotes *remotes = remotes_of(co);
    memset(got, 0, sizeof *got);
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    if (request->url == NULL || request->timeout_ms < 0 || request->retries < 0 ||
        co->arena == NULL)
        return coro_fail(co, -EINVAL, here, "an HTTP call without a URL, or with a negative limit");
    struct call call = {
        .co = co,
        .client = http_client_of(remotes),
        .request = *request,
        .url = request->url,
        .first_url = request->url,
        .here = here,
        .until_ms = request->timeout_ms > 0 ? galley_now_ms(co) + request->timeout_ms : INT64_MAX,
        .redirects_left = request->max_redirects,
    };
    if (request->is_stream && request->body.len > 0) /* it may be sent after the return */
        call.request.body.data =
            (const uint8_t *)arena_dup(co->arena, request->body.data, request->body.len);
    if (call.client == NULL || (request->body.len > 0 && call.request.body.data == NULL))
        return coro_fail(co, -ENOMEM, here, "no memory for HTTP calls");
    call.client->active_count++;
    call.client->used_at_ms = clock_now_ms();
    remotes->stats->http_calls_total++;
    remotes->stats->http_calls_active++;
    rc = run(&call, got);
    if (rc < 0 || got->_call == NULL) {
        call.client->active_count--;
        remotes->stats->http_calls_active--;
    }
    if (rc < 0 && rc != -ECANCELED)
        remotes->stats->http_calls_failed++;
    return rc;
}

galley_str galley_http_field(const struct galley_http *got, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < got->field_count; i++)
        if (got->fields[i].name.len == len && strncasecmp(got->fields[i].name.data, name, len) == 0)
            return got->fields[i].value;
    return (galley_str){0};
}

ssize_t galley__http_read(galley_async *co, struct galley_http *got, void *buf, size_t len,
                          const char *here)
{
    struct http_stream *stream = got->_call;
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    if (stream == NULL || stream->handle == NULL)
        return 0;
    struct http_handle *handle = stream->handle;
    handle->co = co;
    handle->here = here;
    while (handle->body_len == 0 && handle->state != HTTP_DONE) {
        if (handle->is_down_paused) {
            http_resume(handle);
            continue;
        }
        rc = http_wait(handle, INT64_MAX);
        if (rc < 0)
            return rc;
    }
    if (handle->body_len == 0) {
        rc = http_failure(handle);
        close_stream(co, stream);
        return rc;
    }
    if (len > handle->body_len)
        len = handle->body_len;
    memcpy(buf, handle->body + handle->body_at, len);
    handle->body_len -= len;
    handle->body_at = handle->body_len > 0 ? handle->body_at + len : 0;
    coro_spend(co);
    return (ssize_t)len;
}

void galley_http_close(galley_async *co, struct galley_http *got)
{
    if (got->_call != NULL)
        close_stream(co, got->_call);
}
