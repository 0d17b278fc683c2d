/* http_plain.c - HTTP/1.1 without TLS or a proxy, answers in memory: what services of one house say to each other.
 * Does:     one connection a handle, kept; connect, send, receive, in a straight line on the coroutine.
 * Does not: TLS, HTTP/2, proxies, streams, passwords in URLs, 100-continue: these go by libcurl, and so does whatever asks
 *           for a version. libcurl takes 46,000 instructions for a small call on a kept connection, this 5,000.
 *
 * The connection is watched for reading as long as it lives: while it is idle that tells of its end.
 * See:      http_client.h, http_plain_answer.c (what is received), t/80-http.t (both ways by the same rows) */
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include <galley/error.h>

#include "common/log.h"
#include "worker/io/http_plain_answer.h"

enum { COPIED_BODY_BYTES = 4096, IDLE_MAX_MS = 60000 };

/* ---- connections ---- */

void http_plain_close(struct http_handle *handle)
{
    struct http_client *client = handle->origin->client;
    if (handle->fd < 0)
        return;
    loop_event_stop(&handle->readable);
    loop_event_stop(&handle->writable);
    handle->is_watched = false;
    close(handle->fd);
    handle->fd = -1;
    client->plain_count--;
    client->remotes->stats->http_connections_open--;
}

static void socket_ready(void *arg, int fd, unsigned what)
{
    struct http_handle *handle = arg;
    (void)fd, (void)what;
    if (handle->is_waiting)
        coro_wake(handle->co, 0);
    else if (handle->state == HTTP_IDLE)
        http_plain_close(handle); /* its end, or what nobody asked for */
}

/* Whether it is to be watched for reading. 0, -errno. */
static int watch(struct http_handle *handle, bool is_watched)
{
    if (handle->is_watched == is_watched)
        return 0;
    handle->is_watched = is_watched;
    if (is_watched)
        return loop_event_start(handle->origin->client->remotes->loop, &handle->readable,
                                handle->fd, LOOP_READ, socket_ready, handle);
    loop_event_stop(&handle->readable);
    return 0;
}

/* Wait for room to send, or for the connection. */
static GALLEY_YIELDS int wait_writable(struct http_handle *handle, int64_t until_ms)
{
    int rc = watch(handle, false); /* what comes meanwhile is for later */
    if (rc == 0)
        rc = loop_event_start(handle->origin->client->remotes->loop, &handle->writable, handle->fd,
                              LOOP_WRITE, socket_ready, handle);
    if (rc == 0)
        rc = http_wait(handle, until_ms);
    loop_event_stop(&handle->writable);
    return rc;
}

/* 0, -errno. */
static GALLEY_YIELDS int connect_to(struct http_handle *handle,
                                    const struct resolve_address *address, int64_t until_ms)
{
    struct http_client *client = handle->origin->client;
    int on = 1, error = 0;
    socklen_t len = sizeof error;
    handle->fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (handle->fd < 0)
        return -errno;
    client->plain_count++;
    client->remotes->stats->http_connections_open++;
    setsockopt(handle->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int rc = connect(handle->fd, &address->sa, address->len) < 0 ? -errno : 0;
    if (rc == -EINPROGRESS) {
        rc = wait_writable(handle, until_ms);
        if (rc == 0 && getsockopt(handle->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0)
            rc = -error;
    }
    if (rc < 0)
        http_plain_close(handle);
    return rc;
}

static int unreachable(struct http_handle *handle, int rc)
{
    if (rc == -ENETUNREACH || rc == -ENETDOWN || rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
        rc = -EHOSTUNREACH;
    return coro_fail(handle->co, rc, handle->here, "cannot reach %s: %s", handle->origin->shown,
                     galley_error_text(rc));
}

/* One address after the other, all within the time of the request. */
static GALLEY_YIELDS int connect_any(struct http_handle *handle, int64_t until_ms)
{
    const struct galley_http_request *request = handle->request;
    const struct resolved *given = &handle->origin->given;
    int64_t limit_ms = request->connect_timeout_ms > 0 ? request->connect_timeout_ms : 5000;
    int64_t now_ms = galley_now_ms(handle->co), end_ms = now_ms + limit_ms;
    struct resolve_address address;
    int rc = -EHOSTUNREACH;
    if (end_ms > until_ms)
        end_ms = until_ms;
    for (size_t i = 0; i < given->count && rc < 0 && rc != -ECANCELED && rc != -ETIMEDOUT; i++) {
        bool is_last = i + 1 == given->count;
        address = given->at[i];
        rc = connect_to(handle, &address, is_last ? end_ms : now_ms + (end_ms - now_ms) / 2);
        if (rc == -ETIMEDOUT && !is_last)
            rc = -EHOSTUNREACH;
    }
    handle->is_connected = rc == 0;
    handle->was_reused = false;
    return rc < 0 ? unreachable(handle, rc) : 0;
}

/* ---- the request ---- */

/* Copies, and moves `at` on; NULL counts only. */
static void put(char **at, size_t *len, const char *text, size_t text_len)
{
    *len += text_len;
    if (*at != NULL)
        *at = mempcpy(*at, text, text_len);
}

#define PUT(at, len, literal) put(at, len, "" literal, sizeof(literal) - 1)

/* The head, once to count it and once to write it. */
static size_t write_head(const struct http_handle *handle, const char *url,
                         const struct curl_slist *fields, char *at)
{
    const struct http_origin *origin = handle->origin;
    const char *host = strstr(origin->prefix, "://") + 3, *path = url + origin->prefix_len;
    size_t len = 0, path_len = strcspn(path, "#");
    put(&at, &len, handle->method, strlen(handle->method));
    if (path[0] == '/')
        PUT(&at, &len, " ");
    else
        PUT(&at, &len, " /");
    put(&at, &len, path, path_len);
    PUT(&at, &len, " HTTP/1.1\r\nHost: ");
    put(&at, &len, host, strlen(host));
    PUT(&at, &len, "\r\n");
    for (; fields != NULL; fields = fields->next) {
        size_t field_len = strlen(fields->data);
        char last = fields->data[field_len - 1];
        if (last == ':')
            continue; /* libcurl's way of leaving one out */
        put(&at, &len, fields->data, last == ';' ? field_len - 1 : field_len);
        if (last == ';' && memchr(fields->data, ':', field_len) == NULL)
            PUT(&at, &len, ":");
        else if (last == ';')
            PUT(&at, &len, ";");
        PUT(&at, &len, "\r\n");
    }
    if (handle->kind == HTTP_BODY) {
        char number[48];
        int count =
            snprintf(number, sizeof number, "Content-Length: %zu\r\n", handle->request->body.len);
        put(&at, &len, number, (size_t)count);
    }
    PUT(&at, &len, "\r\n");
    return len;
}

/* The bytes of the request: `head`, with the body behind it if it is short. 0, -ENOMEM. */
static int build(struct http_handle *handle, const char *url, const struct curl_slist *fields,
                 galley_bytes *head, galley_bytes *body)
{
    size_t len = write_head(handle, url, fields, NULL);
    *body = handle->kind == HTTP_BODY ? handle->request->body : (galley_bytes){0};
    size_t copied = body->len <= COPIED_BODY_BYTES ? body->len : 0;
    char *bytes = arena_alloc(handle->arena, len + copied);
    if (bytes == NULL)
        return -ENOMEM;
    write_head(handle, url, fields, bytes);
    if (copied > 0)
        memcpy(bytes + len, body->data, copied);
    *head = (galley_bytes){(const uint8_t *)bytes, len + copied};
    if (copied == body->len)
        *body = (galley_bytes){0};
    return 0;
}

static GALLEY_YIELDS int send_all(struct http_handle *handle, galley_bytes bytes, int more,
                                  int64_t until_ms)
{
    int rc = 0;
    while (rc == 0 && bytes.len > 0) {
        ssize_t sent = send(handle->fd, bytes.data, bytes.len, MSG_NOSIGNAL | more);
        if (sent >= 0) {
            bytes.data += sent;
            bytes.len -= (size_t)sent;
        } else if (errno == EAGAIN) {
            rc = wait_writable(handle, until_ms);
        } else if (errno != EINTR) {
            return errno == EPIPE ? -ECONNRESET : -errno;
        }
    }
    return rc;
}

/* ---- the answer ---- */

static GALLEY_YIELDS int read_answer(struct http_answer *answer, int64_t until_ms)
{
    struct http_handle *handle = answer->handle;
    struct http_client *client = handle->origin->client;
    int rc = 0;
    while (rc == 0 && !answer->is_done) {
        rc = http_wait(handle, until_ms);
        if (rc < 0)
            break;
        ssize_t got = recv(handle->fd, client->buffer, sizeof client->buffer, 0);
        if (got > 0)
            rc = http_answer_take(answer, client->buffer, (size_t)got);
        else if (got == 0)
            rc = http_answer_end(answer);
        else if (errno != EAGAIN && errno != EINTR)
            rc = -errno;
    }
    return rc;
}

/* ---- the exchange ---- */

bool http_plain_fits(const struct http_origin *origin, const struct galley_http_request *request,
                     const char *url)
{
    if (origin->is_tls || origin->used_proxy != NULL || origin->version != 0 ||
        origin->has_password || request->read != NULL || request->is_stream)
        return false;
    for (const struct galley_http_field *field = request->fields; field && field->name; field++)
        if (strcasecmp(field->name, "expect") == 0 || strcasecmp(field->name, "host") == 0)
            return false;
    const char *path = url + origin->prefix_len;
    if (strstr(path, "/.") != NULL) /* libcurl takes these out */
        return false;
    for (; *path != '\0'; path++)
        if ((unsigned char)*path <= ' ' || (unsigned char)*path >= 0x7f || *path == '\\')
            return false; /* libcurl says what is wrong with it */
    return true;
}

static int failed(struct http_handle *handle, int rc)
{
    if (rc == -ETIMEDOUT)
        return coro_fail(handle->co, rc, handle->here, "%s: no answer in time", handle->shown);
    if (rc == -GALLEY_EANSWER_SIZE)
        return coro_fail(handle->co, rc, handle->here,
                         handle->has_head ? "%s: the answer is larger than %llu bytes"
                                          : "%s: the head of the answer is too large",
                         handle->shown, (unsigned long long)handle->body_max);
    if (rc == -EPIPE)
        rc = -ECONNRESET;
    return coro_fail(handle->co, rc, handle->here, "%s: %s", handle->shown, galley_error_text(rc));
}

/* Send, and read what is answered; the connection stands. */
static GALLEY_YIELDS int exchange(struct http_handle *handle, struct http_answer *answer,
                                  const char *url, const struct curl_slist *fields,
                                  int64_t until_ms)
{
    galley_bytes head, body;
    int rc = build(handle, url, fields, &head, &body);
    if (rc == 0)
        rc = send_all(handle, head, body.len > 0 ? MSG_MORE : 0, until_ms);
    if (rc == 0)
        rc = send_all(handle, body, 0, until_ms);
    if (rc == -ECONNRESET && handle->was_reused)
        return rc;
    if (rc == 0 || rc == -ECONNRESET) /* it may have answered before it closed */
        rc = watch(handle, true);
    if (rc == 0)
        rc = read_answer(answer, until_ms);
    return rc;
}

int http_plain_run(struct http_handle *handle, const char *url, const struct curl_slist *fields,
                   int64_t until_ms)
{
    struct http_client *client = handle->origin->client;
    struct http_answer answer = {.handle = handle, .wants_status = true};
    int64_t now_ms = loop_now_ms(client->remotes->loop);
    int rc = 0;
    http_note_use(client);
    handle->state = HTTP_RUNNING;
    if (handle->fd >= 0 && now_ms - handle->idle_since_ms > IDLE_MAX_MS)
        http_plain_close(handle);
    handle->was_reused = handle->is_connected = handle->fd >= 0;
    if (handle->fd < 0) {
        rc = connect_any(handle, until_ms);
        if (rc < 0)
            goto done;
    }
    rc = exchange(handle, &answer, url, fields, until_ms);
    if (rc < 0)
        rc = failed(handle, rc);
    if (rc < 0 || !answer.keeps || client->plain_count > HTTP_CONNECTIONS_MAX)
        http_plain_close(handle);
    handle->idle_since_ms = now_ms;
done:
    handle->state = HTTP_DONE;
    return rc;
}
