/* http_plain.c - HTTP/1.1 without TLS or a proxy, answers in memory: what services of one house say to each other.
 * Does:     one connection a handle, kept; connect, send, read the answer, in a straight line on the coroutine.
 * Does not: TLS, HTTP/2, proxies, streams, passwords in URLs, 100-continue: these go by libcurl, and so does whatever asks
 *           for a version. libcurl takes 46,000 instructions for a small call on a kept connection, this 5,000.
 *
 * The connection is watched for reading as long as it lives: while it is idle that tells of its end.
 * See:      http_client.h, RFC 9112 (section 6.3: where an answer ends), t/80-http.t (both ways by the same rows) */
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include <galley/error.h>

#include "common/log.h"
#include "worker/http/h1_chunk.h"
#include "worker/io/http_client.h"

enum { COPIED_BODY_BYTES = 4096, ROOM_BYTES = 4096, TRUSTED_BYTES = 1 << 20, IDLE_MAX_MS = 60000 };

/* How an answer's body ends. */
enum framing { BY_NOTHING, BY_LENGTH, BY_CHUNKS, BY_END };

/* What is being read: in the frame of the call. */
struct answer {
    struct http_handle *handle;
    bool wants_status, is_head_over, is_done;
    bool keeps; /* the connection may be used again */
    bool has_length, has_coding, is_chunked;
    enum framing framing;
    uint64_t left; /* BY_LENGTH */
    struct h1_chunk chunk;
    char *part; /* of a line that has not ended yet */
    size_t part_len, part_room;
};

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

/* ---- the answer: its head ---- */

static bool is_field(const char *line, size_t len, const char *name, size_t name_len,
                     galley_str *value)
{
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return false;
    size_t at = name_len + 1;
    while (at < len && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (len > at && (line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    *value = (galley_str){line + at, len - at};
    return true;
}

static int read_length(struct answer *answer, galley_str value)
{
    uint64_t length = 0;
    if (value.len == 0 || value.len > 18)
        return -GALLEY_EGARBLED;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return -GALLEY_EGARBLED;
        length = length * 10 + (uint64_t)(value.data[i] - '0');
    }
    if (answer->has_length && answer->left != length)
        return -GALLEY_EGARBLED;
    answer->has_length = true;
    answer->left = length;
    return 0;
}

/* What the framing of the answer depends on. */
static int note_field(struct answer *answer, const char *line, size_t len)
{
    galley_str value;
    switch (line[0] | 0x20) {
    case 'c':
        if (is_field(line, len, "content-length", 14, &value))
            return read_length(answer, value);
        if (is_field(line, len, "connection", 10, &value)) {
            if (value.len == 10 && strncasecmp(value.data, "keep-alive", 10) == 0)
                answer->keeps = true;
            else
                answer->keeps = false; /* close, or what we do not know */
        }
        return 0;
    case 't':
        if (is_field(line, len, "transfer-encoding", 17, &value)) {
            answer->is_chunked =
                !answer->has_coding && value.len == 7 && strncasecmp(value.data, "chunked", 7) == 0;
            answer->has_coding = true;
        }
        return 0;
    default:
        return 0;
    }
}

static bool is_status_line(const char *line, size_t len)
{
    if (len < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ' || (len > 12 && line[12] != ' '))
        return false;
    for (size_t i = 9; i < 12; i++)
        if (line[i] < '0' || line[i] > '9')
            return false;
    return line[9] != '0';
}

/* The head is over: where does the answer end? */
static int decide(struct answer *answer)
{
    struct http_handle *handle = answer->handle;
    int status = handle->status;
    if (status < 200) {
        answer->wants_status = true;
        answer->has_length = answer->has_coding = answer->is_chunked = false;
        return status == 101 ? -GALLEY_EGARBLED : 0;
    }
    answer->is_head_over = handle->has_head = handle->is_in_body = true;
    if (handle->kind == HTTP_HEAD || status == 204 || status == 304)
        answer->framing = BY_NOTHING;
    else if (answer->has_coding && !answer->is_chunked)
        return -GALLEY_EGARBLED;
    else if (answer->has_coding)
        answer->framing = BY_CHUNKS;
    else
        answer->framing = answer->has_length ? BY_LENGTH : BY_END;
    if (answer->has_coding && answer->has_length)
        answer->keeps = false; /* one of them may have been meant for somebody else */
    if (answer->framing == BY_LENGTH && answer->left > handle->body_max)
        return -GALLEY_EANSWER_SIZE;
    answer->is_done =
        answer->framing == BY_NOTHING || (answer->framing == BY_LENGTH && answer->left == 0);
    if (answer->framing == BY_CHUNKS)
        h1_chunk_init(&answer->chunk);
    return 0;
}

static int take_line(struct answer *answer, const char *line, size_t len)
{
    struct http_handle *handle = answer->handle;
    handle->head_total += len;
    if (handle->head_total > HTTP_HEAD_MAX_BYTES || ++handle->line_count > HTTP_HEAD_MAX_FIELDS)
        return -GALLEY_EANSWER_SIZE;
    while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
        len--;
    if (answer->wants_status) {
        if (!is_status_line(line, len))
            return -GALLEY_EGARBLED;
        handle->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
        handle->head_len = 0;
        answer->keeps = line[7] == '1';
        answer->wants_status = false;
        return 0;
    }
    if (len == 0)
        return decide(answer);
    if (line[0] <= ' ' || memchr(line, ':', len) == NULL)
        return -GALLEY_EGARBLED;
    if (!http_room(handle->arena, &handle->head, &handle->head_room, handle->head_len + len + 1,
                   512))
        return -ENOMEM;
    char *end = mempcpy(handle->head + handle->head_len, line, len);
    *end = '\n';
    handle->head_len += len + 1;
    return note_field(answer, line, len);
}

/* Lines from data[0, len), until the head is over. How many bytes were taken, or -errno. */
static ssize_t take_head(struct answer *answer, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len && !answer->is_head_over) {
        const char *end = memchr(data + at, '\n', len - at);
        size_t count = end != NULL ? (size_t)(end - (data + at)) + 1 : len - at;
        const char *line = data + at;
        size_t line_len = count;
        if (answer->part_len > 0 || end == NULL) {
            if (answer->part_len + count > HTTP_HEAD_MAX_BYTES)
                return -GALLEY_EANSWER_SIZE;
            if (!http_room(answer->handle->arena, &answer->part, &answer->part_room,
                           answer->part_len + count, 256))
                return -ENOMEM;
            memcpy(answer->part + answer->part_len, line, count);
            line = answer->part;
            line_len = answer->part_len += count;
        }
        at += count;
        if (end == NULL)
            break;
        answer->part_len = 0;
        int rc = take_line(answer, line, line_len);
        if (rc < 0)
            return rc;
    }
    return (ssize_t)at;
}

/* ---- the answer: its body ---- */

/* Room for `more` bytes of the body, and a NUL. 0; -GALLEY_EANSWER_SIZE, -ENOMEM. */
static int reserve(struct http_handle *handle, size_t more, size_t first)
{
    if (handle->body_len + more > handle->body_max)
        return -GALLEY_EANSWER_SIZE;
    return http_room(handle->arena, &handle->body, &handle->body_room, handle->body_len + more + 1,
                     first + 1)
               ? 0
               : -ENOMEM;
}

/* One byte more than it may be is room enough to find out. */
static int take_chunks(struct answer *answer, const char *data, size_t len, size_t *taken)
{
    struct http_handle *handle = answer->handle;
    uint64_t left = handle->body_max - handle->body_len + 1;
    size_t used = 0, room = len < left ? len : (size_t)left;
    if (!http_room(handle->arena, &handle->body, &handle->body_room, handle->body_len + room + 1,
                   ROOM_BYTES))
        return -ENOMEM;
    ssize_t got =
        h1_chunk_decode(&answer->chunk, data, len, handle->body + handle->body_len, room, &used);
    if (got < 0)
        return -GALLEY_EGARBLED;
    handle->body_len += used;
    *taken = (size_t)got;
    answer->is_done = answer->chunk.done;
    return handle->body_len > handle->body_max ? -GALLEY_EANSWER_SIZE : 0;
}

/* What lies in the buffer. 0, -errno; *taken says how much belongs to the answer. */
static int take_body(struct answer *answer, const char *data, size_t len, size_t *taken)
{
    struct http_handle *handle = answer->handle;
    *taken = 0;
    if (answer->framing == BY_CHUNKS)
        return len > 0 ? take_chunks(answer, data, len, taken) : 0;
    if (answer->framing == BY_NOTHING)
        return 0;
    size_t first = ROOM_BYTES;
    if (answer->framing == BY_LENGTH) {
        first = answer->left < TRUSTED_BYTES ? (size_t)answer->left : TRUSTED_BYTES;
        if (len > answer->left)
            len = (size_t)answer->left;
    }
    int rc = reserve(handle, len, first);
    if (rc < 0)
        return rc;
    memcpy(handle->body + handle->body_len, data, len);
    handle->body_len += len;
    *taken = len;
    if (answer->framing == BY_LENGTH) {
        answer->left -= len;
        answer->is_done = answer->left == 0;
    }
    return 0;
}

static int take(struct answer *answer, const char *data, size_t len)
{
    size_t at = 0, taken = 0;
    int rc = 0;
    if (!answer->is_head_over) {
        ssize_t got = take_head(answer, data, len);
        if (got < 0)
            return (int)got;
        at = (size_t)got;
    }
    if (answer->is_head_over && !answer->is_done)
        rc = take_body(answer, data + at, len - at, &taken);
    if (answer->is_done && at + taken < len)
        answer->keeps = false; /* more than was asked for */
    return rc;
}

/* Its end: is the answer whole? */
static int take_end(struct answer *answer)
{
    answer->keeps = false;
    if (!answer->is_head_over || answer->framing != BY_END)
        return -ECONNRESET;
    answer->is_done = true;
    return 0;
}

static GALLEY_YIELDS int read_answer(struct answer *answer, int64_t until_ms)
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
            rc = take(answer, client->buffer, (size_t)got);
        else if (got == 0)
            rc = take_end(answer);
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
static GALLEY_YIELDS int exchange(struct http_handle *handle, struct answer *answer,
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
    struct answer answer = {.handle = handle, .wants_status = true};
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
