/* h2_headers.c - the head of an HTTP/2 request: its fields, within limits, checked as HTTP/1.1's are.
 * Does:     collect fields into the stream's arena, name what is wrong as a status, join cookies, add Host.
 * Does not: repeat what nghttp2 has checked: names and values, which pseudo-header fields there are and in what order,
 *           connection-specific fields, content-length's digits (its HTTP messaging rules stay on).
 * See:      RFC 9113 section 8, t/unit/worker/http/h2_headers.c */
#include "worker/http/h2.h"

#include <string.h>
#include <strings.h>

#include "worker/http/field.h"
#include "worker/http/target.h"

enum { LINE_OVERHEAD_BYTES = 4 }; /* what a field line has beside name and value in HTTP/1.1 */

static void refuse_head(struct h2_stream *stream, int status)
{
    if (stream->refusal == 0)
        stream->refusal = (uint16_t)status;
}

/* There is no memory for it: too large, or the machine has none. */
static void refuse_for_memory(struct h2_stream *stream)
{
    refuse_head(stream, stream->arena.is_full ? 431 : 503);
}

/* A copy that lives as long as the stream. */
static galley_str keep(struct h2_stream *stream, galley_str text)
{
    char *copy = arena_alloc(&stream->arena, text.len);
    if (copy == NULL) {
        refuse_for_memory(stream);
        return (galley_str){NULL, 0};
    }
    memcpy(copy, text.data, text.len);
    return (galley_str){copy, text.len};
}

static void append_field(struct h2_stream *stream, galley_str name, galley_str value)
{
    if (stream->field_count == stream->field_capacity) {
        size_t capacity = (size_t)stream->field_capacity * 2;
        struct http_field *more = arena_alloc(&stream->arena, capacity * sizeof *more);
        if (more == NULL) {
            refuse_for_memory(stream);
            return;
        }
        memcpy(more, stream->fields, stream->field_count * sizeof *more);
        stream->fields = more;
        stream->field_capacity = (uint16_t)capacity;
    }
    stream->fields[stream->field_count++] = (struct http_field){name, value};
}

static void note_content_length(struct h2_stream *stream, galley_str value)
{
    stream->has_content_length = true;
    stream->content_length = 0;
    for (size_t i = 0; i < value.len; i++)
        stream->content_length = stream->content_length * 10 + (uint64_t)(value.data[i] - '0');
}

/* Fields that say something to the server itself. */
static void note_field(struct h2_stream *stream, galley_str name, galley_str value)
{
    if (name.len != 4 && name.len != 6 && name.len != 14)
        return;
    if (field_equals(name.data, name.len, "host")) {
        if (stream->has_host)
            refuse_head(stream, 400);
        stream->host = value;
        stream->has_host = true;
    } else if (field_equals(name.data, name.len, "cookie")) {
        stream->has_cookies = stream->has_cookie;
        stream->has_cookie = true;
    } else if (field_equals(name.data, name.len, "content-length")) {
        note_content_length(stream, value);
    } else if (field_equals(name.data, name.len, "expect")) {
        stream->is_continue_due = field_equals(value.data, value.len, "100-continue");
        if (!stream->is_continue_due)
            refuse_head(stream, 417);
    }
}

/* nghttp2 lets through the four that a request has, each once. The scheme is what the listener says it is. */
static void add_pseudo(struct h2_stream *stream, char kind, galley_str value)
{
    if (kind == 'p' && value.len > stream->server->limits.target_bytes)
        refuse_head(stream, 414);
    else if (stream->head_bytes > stream->server->limits.head_bytes)
        refuse_head(stream, 431);
    else if (kind == 'p')
        stream->path = keep(stream, value);
    else if (kind == 'm')
        stream->method = keep(stream, value);
    else if (kind == 'a')
        stream->authority = keep(stream, value);
}

void h2_head_add(struct h2_stream *stream, galley_str name, galley_str value)
{
    const struct h1_limits *limits = &stream->server->limits;
    size_t line = name.len + value.len;
    if (stream->refusal != 0)
        return;
    stream->head_bytes += (uint32_t)line + LINE_OVERHEAD_BYTES; /* ends long before it wraps */
    if (name.len > 1 && name.data[0] == ':') {
        add_pseudo(stream, name.data[1], value);
        return;
    }
    if (stream->head_bytes > limits->head_bytes || line > limits->field_bytes ||
        stream->field_count >= limits->field_count) {
        refuse_head(stream, 431);
        return;
    }
    char *copy = arena_alloc(&stream->arena, line);
    if (copy == NULL) {
        refuse_for_memory(stream);
        return;
    }
    memcpy(copy, name.data, name.len);
    memcpy(copy + name.len, value.data, value.len);
    name.data = copy;
    value.data = copy + name.len;
    note_field(stream, name, value);
    append_field(stream, name, value);
}

/* A client may send a field for each cookie; applications know one (RFC 9113 8.2.3). */
static void join_cookies(struct h2_stream *stream)
{
    size_t len = 0;
    for (uint16_t i = 0; i < stream->field_count; i++)
        if (field_equals(stream->fields[i].name.data, stream->fields[i].name.len, "cookie"))
            len += stream->fields[i].value.len + 2;
    char *joined = arena_alloc(&stream->arena, len);
    if (joined == NULL) {
        refuse_for_memory(stream);
        return;
    }
    uint16_t kept = 0;
    struct http_field *first = NULL;
    char *at = joined;
    for (uint16_t i = 0; i < stream->field_count; i++) {
        struct http_field field = stream->fields[i];
        if (!field_equals(field.name.data, field.name.len, "cookie")) {
            stream->fields[kept++] = field;
            continue;
        }
        if (first != NULL) {
            memcpy(at, "; ", 2);
            at += 2;
        } else {
            first = &stream->fields[kept++];
            first->name = field.name;
        }
        memcpy(at, field.value.data, field.value.len);
        at += field.value.len;
    }
    if (first != NULL)
        first->value = (galley_str){joined, (size_t)(at - joined)};
    stream->field_count = kept;
}

/* :authority and Host name the same server, in a form HTTP/1.1 would take. */
static void check_authority(struct h2_stream *stream)
{
    galley_str host = stream->host, *authority = &stream->authority;
    if (authority->data == NULL && stream->has_host)
        *authority = host;
    if (authority->data == NULL || !target_is_authority(authority->data, authority->len)) {
        refuse_head(stream, 400);
        return;
    }
    if (stream->has_host) {
        if (host.len != authority->len || strncasecmp(host.data, authority->data, host.len) != 0)
            refuse_head(stream, 400);
        return;
    }
    append_field(stream, GALLEY_STR("host"), *authority);
}

static void check_path(struct h2_stream *stream)
{
    galley_str path = stream->path;
    bool is_options = stream->method.len == 7 && memcmp(stream->method.data, "OPTIONS", 7) == 0;
    if (is_options && path.len == 1 && path.data[0] == '*')
        return;
    if (path.len == 0 || path.data[0] != '/' || target_path_len(path.data, path.len) < 0) {
        refuse_head(stream, 400);
        return;
    }
    for (size_t i = 0; i < path.len; i++) {
        if (!field_is(path.data[i], FIELD_TARGET)) {
            refuse_head(stream, 400);
            return;
        }
    }
}

void h2_head_end(struct h2_stream *stream)
{
    if (stream->refusal != 0)
        return;
    if (stream->method.len == 7 && memcmp(stream->method.data, "CONNECT", 7) == 0) {
        refuse_head(stream, 501);
        return;
    }
    check_path(stream);
    check_authority(stream);
    if (stream->has_cookies)
        join_cookies(stream);
}
