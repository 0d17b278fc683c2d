/* http_plain_answer.c - the reader of http_plain.c; see http_plain_answer.h.
 * Does:     status line, fields, framing; lines end in LF, a CR before it is none of theirs.
 * Does not: give trailers to anybody.
 * See:      http_client.h, worker/http/h1_chunk.h, RFC 9112 (section 6.3: where an answer ends), t/fuzz/http_plain.c */
#include "worker/io/http_plain_answer.h"

#include <errno.h>
#include <string.h>

#include <galley/error.h>

enum { ROOM_BYTES = 4096, TRUSTED_BYTES = 1 << 20 };

/* ---- its head ---- */

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

static int read_length(struct http_answer *answer, galley_str value)
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
static int note_field(struct http_answer *answer, const char *line, size_t len)
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
static int decide(struct http_answer *answer)
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
        answer->framing = HTTP_BY_NOTHING;
    else if (answer->has_coding && !answer->is_chunked)
        return -GALLEY_EGARBLED;
    else if (answer->has_coding)
        answer->framing = HTTP_BY_CHUNKS;
    else
        answer->framing = answer->has_length ? HTTP_BY_LENGTH : HTTP_BY_END;
    if (answer->has_coding && answer->has_length)
        answer->keeps = false; /* one of them may have been meant for somebody else */
    if (answer->framing == HTTP_BY_LENGTH && answer->left > handle->body_max)
        return -GALLEY_EANSWER_SIZE;
    answer->is_done = answer->framing == HTTP_BY_NOTHING ||
                      (answer->framing == HTTP_BY_LENGTH && answer->left == 0);
    if (answer->framing == HTTP_BY_CHUNKS)
        h1_chunk_init(&answer->chunk);
    return 0;
}

/* Nothing that another reader may see otherwise: no folding, no blank before the colon, no CR or NUL anywhere. */
static bool is_field_line(const char *line, size_t len)
{
    const char *colon = memchr(line, ':', len);
    unsigned char first = (unsigned char)line[0];
    return first > ' ' && first < 0x7f && colon != NULL && colon > line && colon[-1] != ' ' &&
           colon[-1] != '\t' && memchr(line, '\r', len) == NULL && memchr(line, '\0', len) == NULL;
}

static int take_line(struct http_answer *answer, const char *line, size_t len)
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
    if (!is_field_line(line, len))
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
static ssize_t take_head(struct http_answer *answer, const char *data, size_t len)
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

/* ---- its body ---- */

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
static int take_chunks(struct http_answer *answer, const char *data, size_t len, size_t *taken)
{
    struct http_handle *handle = answer->handle;
    uint64_t left = handle->body_max - handle->body_len + 1;
    size_t used = 0, room = len < left ? len : (size_t)left;
    if (!http_room(handle->arena, &handle->body, &handle->body_room, handle->body_len + room + 1,
                   ROOM_BYTES))
        return -ENOMEM;
    ssize_t got =
        h1_chunk_decode(&answer->chunk, data, len, handle->body + handle->body_len, room, &used);
    handle->body_len += used;
    if (handle->body_len > handle->body_max)
        return -GALLEY_EANSWER_SIZE;
    if (got < 0)
        return -GALLEY_EGARBLED;
    *taken = (size_t)got;
    answer->is_done = answer->chunk.done;
    return 0;
}

/* What lies in the buffer. 0, -errno; *taken says how much belongs to the answer. */
static int take_body(struct http_answer *answer, const char *data, size_t len, size_t *taken)
{
    struct http_handle *handle = answer->handle;
    *taken = 0;
    if (answer->framing == HTTP_BY_CHUNKS)
        return len > 0 ? take_chunks(answer, data, len, taken) : 0;
    if (answer->framing == HTTP_BY_NOTHING)
        return 0;
    size_t first = ROOM_BYTES;
    if (answer->framing == HTTP_BY_LENGTH) {
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
    if (answer->framing == HTTP_BY_LENGTH) {
        answer->left -= len;
        answer->is_done = answer->left == 0;
    }
    return 0;
}

int http_answer_take(struct http_answer *answer, const char *data, size_t len)
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

int http_answer_end(struct http_answer *answer)
{
    answer->keeps = false;
    if (!answer->is_head_over || answer->framing != HTTP_BY_END)
        return -ECONNRESET;
    answer->is_done = true;
    return 0;
}
