/* http_exchange.c - one request and its answer on one easy handle.
 * Does:     set the handle up, changing only what differs from its last exchange; take head and body from libcurl's
 *           callbacks into the arena, within their limits; bring what is streamed up; say what went wrong.
 * Does not: switch coroutines in a callback: these copy, pause, and enqueue who waits.
 *
 * An exchange: IDLE -> STARTING (http_start) -> RUNNING (libcurl has it) -> DONE, which http_stop makes of any of them.
 * See:      http_client.h, RFC 9110, libcurl's curl_easy_setopt(3) */
#include "worker/io/http_client.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

#include "common/bug.h"

enum { HEAD_FIRST_BYTES = 512, BODY_FIRST_BYTES = 1024, BODY_TRUSTED_BYTES = 1 << 20 };

/* ---- libcurl's callbacks ---- */

static void wake(struct http_handle *handle)
{
    if (handle->is_waiting)
        coro_wake(handle->co, 0);
}

bool http_room(struct arena *arena, char **piece, size_t *room, size_t need, size_t first)
{
    if (need <= *room)
        return true;
    size_t wanted = *room > 0 ? *room * 2 : first;
    if (wanted < need)
        wanted = need;
    char *moved = arena_grow(arena, *piece, *room, wanted);
    if (moved == NULL)
        return false;
    *piece = moved;
    *room = wanted;
    return true;
}

static bool head_ended(struct http_handle *handle)
{
    if (handle->status < 200)
        return true; /* an interim answer: another one follows */
    handle->has_head = true;
    handle->is_in_body = true;
    if (handle->request->is_stream)
        wake(handle);
    return true;
}

/* "HTTP/1.1 200 OK" */
static void status_came(struct http_handle *handle, const char *line, size_t len)
{
    const char *space = memchr(line, ' ', len);
    handle->status = 0;
    for (const char *at = space + 1;
         space != NULL && at < line + len && isdigit((unsigned char)*at); at++)
        if (handle->status < 1000)
            handle->status = handle->status * 10 + (*at - '0');
    handle->head_len = 0;
}

/* CURLOPT_HEADERFUNCTION: one line. What comes behind the body is counted, and left out. */
static size_t on_line(char *line, size_t size, size_t len, void *arg)
{
    struct http_handle *handle = arg;
    (void)size;
    handle->head_total += len;
    if (handle->head_total > HTTP_HEAD_MAX_BYTES || ++handle->line_count > HTTP_HEAD_MAX_FIELDS) {
        handle->error = -GALLEY_EANSWER_SIZE;
        return 0;
    }
    if (handle->is_in_body)
        return len;
    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        status_came(handle, line, len);
        return len;
    }
    if (len <= 2 && (line[0] == '\r' || line[0] == '\n'))
        return head_ended(handle) ? len : 0;
    if (!http_room(handle->arena, &handle->head, &handle->head_room, handle->head_len + len,
                   HEAD_FIRST_BYTES)) {
        handle->error = -ENOMEM;
        return 0;
    }
    memcpy(handle->head + handle->head_len, line, len);
    handle->head_len += len;
    return len;
}

/* How much room the body gets first: what is announced, as far as that is to be trusted. */
static size_t first_room(struct http_handle *handle)
{
    curl_off_t announced = -1;
    curl_easy_getinfo(handle->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    if (announced <= 0)
        return BODY_FIRST_BYTES;
    if ((uint64_t)announced > handle->body_max)
        handle->error = -GALLEY_EANSWER_SIZE;
    return (size_t)(announced < BODY_TRUSTED_BYTES ? announced : BODY_TRUSTED_BYTES) + 1;
}

static size_t on_stream(struct http_handle *handle, const char *data, size_t len)
{
    if (handle->body_len + len > HTTP_STREAM_BYTES) {
        handle->is_down_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (handle->body_at + handle->body_len + len > HTTP_STREAM_BYTES) {
        memmove(handle->body, handle->body + handle->body_at, handle->body_len);
        handle->body_at = 0;
    }
    memcpy(handle->body + handle->body_at + handle->body_len, data, len);
    handle->body_len += len;
    wake(handle);
    return len;
}

/* CURLOPT_WRITEFUNCTION */
static size_t on_body(char *data, size_t size, size_t len, void *arg)
{
    struct http_handle *handle = arg;
    (void)size;
    if (handle->request->is_stream)
        return on_stream(handle, data, len);
    size_t first = handle->body == NULL ? first_room(handle) : 0;
    if (handle->error == 0 && handle->body_len + len > handle->body_max)
        handle->error = -GALLEY_EANSWER_SIZE;
    if (handle->error == 0 && !http_room(handle->arena, &handle->body, &handle->body_room,
                                         handle->body_len + len + 1, first))
        handle->error = -ENOMEM;
    if (handle->error < 0)
        return 0;
    memcpy(handle->body + handle->body_len, data, len);
    handle->body_len += len;
    return len;
}

/* CURLOPT_READFUNCTION */
static size_t on_upload(char *room, size_t size, size_t count, void *arg)
{
    struct http_handle *handle = arg;
    size_t len = size * count < handle->up_len ? size * count : handle->up_len;
    if (handle->up_len == 0 && !handle->is_up_ended) {
        handle->is_up_paused = true;
        wake(handle);
        return CURL_READFUNC_PAUSE;
    }
    memcpy(room, handle->up + handle->up_at, len);
    handle->up_at += len;
    handle->up_len -= len;
    if (handle->up_len == 0)
        wake(handle);
    return len;
}

/* CURLOPT_PREREQFUNCTION: there is a connection, and the request goes out. A second time: it broke without an answer,
 * and libcurl tries another one, which is not to be done for what may have been done already. */
static int on_connected(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct http_handle *handle = arg;
    (void)remote, (void)local, (void)remote_port, (void)local_port;
    if (handle->was_sent && !handle->is_idempotent) {
        handle->error = -ECONNRESET;
        return CURL_PREREQFUNC_ABORT;
    }
    handle->is_connected = handle->was_sent = true;
    return CURL_PREREQFUNC_OK;
}

/* ---- setting up ---- */

static void set_tls(struct http_handle *handle)
{
    const struct http_origin *origin = handle->origin;
    CURL *easy = handle->easy;
    static const long versions[] = {CURL_HTTP_VERSION_2TLS, CURL_HTTP_VERSION_1_1,
                                    CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE};
    long version = origin->version == 0 && !origin->is_tls ? (long)CURL_HTTP_VERSION_1_1
                                                           : versions[origin->version];
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
    if (version != CURL_HTTP_VERSION_1_1) /* rather one connection than one for each */
        curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    if (!origin->is_tls)
        return;
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* or else the authorities are read each time */
    if (origin->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, origin->ca_file);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (origin->accepts_any) {
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* The easy handle, with what never changes. 0, -ENOMEM. */
static int open_easy(struct http_handle *handle)
{
    const struct http_origin *origin = handle->origin;
    handle->url = curl_url();
    handle->easy = handle->url != NULL ? curl_easy_init() : NULL;
    CURL *easy = handle->easy;
    if (easy == NULL)
        return -ENOMEM;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 1L);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handle->said);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, -1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
    curl_easy_setopt(easy, CURLOPT_READDATA, handle);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, handle);
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_CURLU, handle->url);
    if (rc == CURLE_OK)
        rc = origin->used_proxy != NULL
                 ? curl_easy_setopt(easy, CURLOPT_PROXY, origin->used_proxy)
                 : curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* or it asks the environment */
    if (rc == CURLE_OK && origin->used_proxy != NULL)
        rc = curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    http_set_sockets(handle);
    set_tls(handle);
    return rc == CURLE_OK ? 0 : -ENOMEM;
}

/* "GET http://host:port/path": without what may be a secret. */
static void note_shown(struct http_handle *handle, const char *url)
{
    const char *path = url + handle->origin->prefix_len;
    int len = (int)strcspn(path, "?#");
    if (len > HTTP_SHOWN_BYTES)
        len = HTTP_SHOWN_BYTES;
    snprintf(handle->shown, sizeof handle->shown, "%s %s%.*s", handle->method,
             handle->origin->shown, len, path);
}

/* 0, -ENOMEM. */
static int note_url(struct http_handle *handle, const char *url, bool is_new_method)
{
    bool is_new = handle->url_text == NULL || strcmp(handle->url_text, url) != 0;
    if (is_new) {
        free(handle->url_text);
        handle->url_text = strdup(url);
        handle->has_easy_url = false;
    }
    if (handle->url_text == NULL)
        return -ENOMEM;
    if (is_new || is_new_method)
        note_shown(handle, url);
    return 0;
}

static bool is_method(const char *method)
{
    size_t len = strlen(method);
    if (len == 0 || len >= sizeof(((struct http_handle *)0)->method))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)method[i]) && method[i] != '-' && method[i] != '_')
            return false;
    return true;
}

static bool is_idempotent(const char *method)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

static enum http_kind kind_of(const struct galley_http_request *request, const char *method)
{
    if (request->read != NULL)
        return HTTP_UPLOAD;
    if (strcmp(method, "HEAD") == 0)
        return HTTP_HEAD;
    return request->body.data != NULL || strcmp(method, "POST") == 0 ? HTTP_BODY : HTTP_GET;
}

/* 0, -EINVAL. */
static int note_method(struct http_handle *handle, const char *method, bool *is_new)
{
    enum http_kind kind = kind_of(handle->request, method);
    if (!is_method(method) || (kind == HTTP_HEAD && handle->request->body.len > 0))
        return -EINVAL;
    *is_new = kind != handle->kind || strcmp(method, handle->method) != 0;
    if (*is_new) {
        handle->kind = kind;
        handle->has_easy_method = false;
        memcpy(handle->method, method, strlen(method) + 1);
        handle->is_idempotent = is_idempotent(method);
    }
    return 0;
}

/* 0, -ENOMEM. */
static int set_method(struct http_handle *handle)
{
    const char *method = handle->method;
    enum http_kind kind = handle->kind;
    CURL *easy = handle->easy;
    if (handle->has_easy_method)
        return 0;
    curl_easy_setopt(easy, CURLOPT_UPLOAD, (long)(kind == HTTP_UPLOAD));
    curl_easy_setopt(easy, CURLOPT_NOBODY, (long)(kind == HTTP_HEAD));
    if (kind == HTTP_GET)
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    if (kind == HTTP_BODY)
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    bool is_usual = (kind == HTTP_GET && strcmp(method, "GET") == 0) || kind == HTTP_HEAD ||
                    (kind == HTTP_BODY && strcmp(method, "POST") == 0);
    if (curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, is_usual ? NULL : method) != CURLE_OK)
        return -ENOMEM;
    handle->has_easy_method = true;
    return 0;
}

static void set_body(struct http_handle *handle)
{
    const struct galley_http_request *request = handle->request;
    if (handle->kind == HTTP_BODY) {
        curl_easy_setopt(handle->easy, CURLOPT_POSTFIELDS,
                         request->body.len > 0 ? (const char *)request->body.data : "");
        curl_easy_setopt(handle->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    }
    if (handle->kind == HTTP_UPLOAD)
        curl_easy_setopt(handle->easy, CURLOPT_INFILESIZE_LARGE,
                         (curl_off_t)(request->read_bytes > 0 ? request->read_bytes : -1));
}

/* Tell libcurl where the name is, which it would ask the system otherwise, on a thread of its own. */
static void set_addresses(struct http_handle *handle)
{
    struct http_origin *origin = handle->origin;
    if (origin->is_numeric || origin->is_given)
        return;
    size_t room = sizeof handle->resolve_text;
    int len = snprintf(handle->resolve_text, room, "%s:%u:", origin->name, (unsigned)origin->port);
    for (size_t i = 0; i < origin->given.count; i++) {
        char number[INET6_ADDRSTRLEN];
        resolve_print(&origin->given.at[i], number, sizeof number);
        len += snprintf(handle->resolve_text + len, room - (size_t)len, "%s%s", i > 0 ? "," : "",
                        number);
    }
    GALLEY_BUG_IF((size_t)len >= room, "no room for the addresses of %s", origin->name);
    handle->resolve_node.data = handle->resolve_text;
    curl_easy_setopt(handle->easy, CURLOPT_RESOLVE, &handle->resolve_node);
    origin->is_given = true;
}

static void begin(galley_async *co, struct http_handle *handle,
                  const struct galley_http_request *request, const char *here)
{
    handle->request = request;
    handle->co = co;
    handle->here = here;
    handle->arena = co->arena;
    handle->is_waiting = handle->is_connected = handle->was_sent = false;
    handle->has_head = handle->is_in_body = false;
    handle->is_up_paused = handle->is_up_ended = handle->is_down_paused = false;
    handle->status = handle->error = 0;
    handle->result = CURLE_OK;
    handle->said[0] = '\0';
    handle->head = handle->body = handle->up = NULL;
    handle->head_len = handle->head_room = handle->head_total = handle->line_count = 0;
    handle->body_at = handle->body_len = handle->body_room = 0;
    handle->up_at = handle->up_len = 0;
    handle->body_max = request->max_answer_bytes != 0 ? request->max_answer_bytes : 16 << 20;
}

/* The rooms of streams. */
static bool get_rooms(struct http_handle *handle)
{
    if (handle->request->is_stream)
        handle->body = arena_alloc(handle->arena, HTTP_STREAM_BYTES);
    if (handle->request->read != NULL)
        handle->up = arena_alloc(handle->arena, HTTP_STREAM_BYTES);
    return (!handle->request->is_stream || handle->body != NULL) &&
           (handle->request->read == NULL || handle->up != NULL);
}

int http_begin(galley_async *co, struct http_handle *handle,
               const struct galley_http_request *request, const char *url, bool is_same_origin,
               struct curl_slist **fields, const char *here)
{
    bool has_body = request->body.data != NULL || request->read != NULL, is_new = false;
    begin(co, handle, request, here);
    int rc = note_method(handle,
                         request->method != NULL ? request->method
                         : has_body              ? "POST"
                                                 : "GET",
                         &is_new);
    if (rc < 0)
        return coro_fail(co, rc, here, "a wrong URL or method");
    if (note_url(handle, url, is_new) < 0)
        return coro_fail(co, -ENOMEM, here, "no memory for an HTTP call");
    return http_fields_build(co, request, is_same_origin, fields, here);
}

int http_prepare(struct http_handle *handle, const char *url, struct curl_slist *fields)
{
    int rc = handle->easy != NULL ? 0 : open_easy(handle);
    if (rc == 0)
        rc = set_method(handle);
    if (rc == 0 && !handle->has_easy_url) {
        rc = curl_url_set(handle->url, CURLUPART_URL, url, 0) == CURLUE_OK ? 0 : -EINVAL;
        handle->has_easy_url = rc == 0;
    }
    if (rc < 0 || !get_rooms(handle))
        return coro_fail(handle->co, rc < 0 ? rc : -ENOMEM, handle->here,
                         rc == -EINVAL ? "a wrong URL or method" : "no memory for an HTTP call");
    set_body(handle);
    if (fields != handle->fields_set)
        curl_easy_setopt(handle->easy, CURLOPT_HTTPHEADER, fields);
    handle->fields_set = fields;
    set_addresses(handle);
    return 0;
}

/* ---- running ---- */

int http_wait(struct http_handle *handle, int64_t until_ms)
{
    galley_async *co = handle->co;
    handle->is_waiting = true;
    sched_expect_events(co->sched, +1);
    int rc = coro_suspend_for(co, "http", handle->shown, handle->here, until_ms);
    sched_expect_events(co->sched, -1);
    handle->is_waiting = false;
    return rc;
}

/* Let the caller's `read` bring more, when all it brought has left. 0, or what it failed with. */
static GALLEY_YIELDS int bring(struct http_handle *handle)
{
    const struct galley_http_request *request = handle->request;
    if (request->read == NULL || handle->is_up_ended || handle->up_len > 0)
        return 0;
    ssize_t got = request->read(handle->co, request->read_arg, handle->up, HTTP_STREAM_BYTES);
    if (got < 0)
        return (int)got;
    handle->up_at = 0;
    handle->up_len = (size_t)got;
    handle->is_up_ended = got == 0;
    if (handle->is_up_paused)
        http_resume(handle);
    return 0;
}

static bool is_there(const struct http_handle *handle)
{
    return handle->state == HTTP_DONE || (handle->request->is_stream && handle->has_head &&
                                          (handle->request->read == NULL || handle->is_up_ended));
}

/* Out of time: which time? */
static int too_late(struct http_handle *handle)
{
    return coro_fail(handle->co, -ETIMEDOUT, handle->here,
                     handle->is_connected ? "%s: no answer in time" : "%s: no connection in time",
                     handle->shown);
}

int http_run(struct http_handle *handle, int64_t until_ms)
{
    const struct galley_http_request *request = handle->request;
    int64_t limit_ms = request->connect_timeout_ms > 0 ? request->connect_timeout_ms : 5000;
    int64_t connect_until_ms = galley_now_ms(handle->co) + limit_ms;
    int rc = 0;
    http_start(handle);
    while (rc == 0 && !is_there(handle)) {
        rc = bring(handle);
        if (rc < 0 || is_there(handle) ||
            (request->read != NULL && handle->up_len == 0 && !handle->is_up_ended))
            continue;
        bool is_connecting = !handle->is_connected && connect_until_ms < until_ms;
        rc = http_wait(handle, is_connecting ? connect_until_ms : until_ms);
        if (rc == -ETIMEDOUT && is_connecting && handle->is_connected)
            rc = 0;
        else if (rc == -ETIMEDOUT)
            rc = too_late(handle);
    }
    if (rc < 0)
        http_stop(handle);
    else if (handle->state == HTTP_DONE)
        rc = http_failure(handle);
    return rc;
}

/* ---- what went wrong ---- */

static int error_of_connect(CURL *easy)
{
    long error = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
    switch (error) {
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return -EHOSTUNREACH;
    case ETIMEDOUT:
        return -ETIMEDOUT;
    case ECONNRESET:
        return -ECONNRESET;
    default:
        return -ECONNREFUSED;
    }
}

static int error_of(const struct http_handle *handle)
{
    if (handle->error != 0)
        return handle->error;
    switch ((int)handle->result) {
    case CURLE_OK:
        return 0;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return -GALLEY_ENAME;
    case CURLE_COULDNT_CONNECT:
        return error_of_connect(handle->easy);
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_OUT_OF_MEMORY: /* also what libcurl says of a line of more than 100 KB */
        return handle->is_connected && !handle->has_head ? -GALLEY_EANSWER_SIZE : -ENOMEM;
    case CURLE_URL_MALFORMAT:
        return -EINVAL;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return -GALLEY_ETLS;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return -ECONNRESET;
    case CURLE_RECV_ERROR: /* of chunks that are none, too */
        return strstr(handle->said, "chunked-encoding") != NULL ? -GALLEY_EGARBLED : -ECONNRESET;
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
        return -ECONNRESET;
    default:
        return -GALLEY_EGARBLED;
    }
}

int http_failure(struct http_handle *handle)
{
    int error = error_of(handle);
    if (error == 0)
        return 0;
    if (error == -GALLEY_EANSWER_SIZE)
        return coro_fail(handle->co, error, handle->here,
                         handle->is_in_body ? "%s: the answer is larger than %llu bytes"
                                            : "%s: the head of the answer is too large",
                         handle->shown, (unsigned long long)handle->body_max);
    if (!handle->is_connected &&
        (error == -ECONNREFUSED || error == -EHOSTUNREACH || error == -ETIMEDOUT))
        return coro_fail(handle->co, error, handle->here, "cannot reach %s: %s",
                         handle->origin->shown, galley_error_text(error));
    const char *said = handle->said[0] != '\0' ? handle->said : curl_easy_strerror(handle->result);
    return coro_fail(handle->co, error, handle->here, "%s: %s (%s)", handle->shown,
                     galley_error_text(error), said);
}
