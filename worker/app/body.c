/* body.c - a request's body as one piece of memory; see body.h.
 * Does:     a piece of the request's arena for a small body, a heap buffer that grows for others, freed when the request ends.
 * Does not: take more than twice what has come (16 KiB at least).
 * See:      t/78-memory.t, t/79-flat.t; RFC 9110, 8.3 (content types), RFC 6839 (+json) */
#include "worker/app/body.h"

#include <stdlib.h>
#include <string.h>

#include "worker/http/text.h"

enum { SMALL_BYTES = 1024, FIRST_BYTES = 16 * 1024, MAX_MEDIA_TYPE = 128 };

/* A body on the heap, which the request's end frees. */
struct held_body {
    char *data;
    size_t capacity;
};

static void free_body(galley_async *co, struct held_body *held)
{
    (void)co;
    free(held->data);
    held->data = NULL;
}

/* Room for at least one byte more, and no more than what has come once again. 0, -ENOMEM. */
static int grow(const struct galley_request *req, struct held_body *held)
{
    size_t want = held->capacity == 0 ? FIRST_BYTES : held->capacity * 2;
    if (req->content_length != HTTP_LENGTH_UNKNOWN && want > req->content_length)
        want = (size_t)req->content_length;
    char *grown = realloc(held->data, want);
    if (grown == NULL)
        return -ENOMEM;
    held->data = grown;
    held->capacity = want;
    return 0;
}

/* Keep no more than what has come. */
static void give_back(struct held_body *held, size_t len)
{
    char *trimmed = realloc(held->data, len > 0 ? len : 1);
    if (trimmed != NULL)
        *held = (struct held_body){trimmed, len};
}

static GALLEY_YIELDS int receive_small(struct galley_request *req, galley_str *body)
{
    size_t len = (size_t)req->content_length, have = 0;
    char *data = arena_alloc(&req->arena, len);
    if (data == NULL)
        return -ENOMEM;
    while (have < len) {
        ssize_t n = galley__body_read(req->co, data + have, len - have, NULL);
        if (n <= 0)
            return n < 0 ? (int)n : -EBADMSG;
        have += (size_t)n;
        body_allow(req, (size_t)n);
    }
    *body = (galley_str){data, len};
    return 0;
}

int body_receive(struct galley_request *req, galley_str *body)
{
    *body = (galley_str){0};
    if (!req->has_body || req->content_length == 0)
        return 0;
    if (req->content_length <= SMALL_BYTES)
        return receive_small(req, body);
    struct held_body *held = arena_alloc(&req->arena, sizeof *held);
    if (held == NULL)
        return -ENOMEM;
    *held = (struct held_body){0};
    if (galley_defer(req->co, free_body, held) < 0)
        return -ENOMEM;
    size_t len = 0;
    for (;;) {
        if (len == held->capacity && len == req->content_length)
            break;
        if (len == held->capacity && grow(req, held) < 0)
            return -ENOMEM;
        ssize_t n = galley__body_read(req->co, held->data + len, held->capacity - len, NULL);
        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        len += (size_t)n;
        body_allow(req, (size_t)n);
    }
    if (len < held->capacity)
        give_back(held, len);
    *body = (galley_str){held->data, len};
    return 0;
}

galley_str body_media_type(const struct galley_request *req, char *to, size_t size)
{
    galley_str type = galley__header(req, "content-type");
    size_t len = 0;
    while (len < type.len && type.data[len] != ';')
        len++;
    while (len > 0 && (type.data[len - 1] == ' ' || type.data[len - 1] == '\t'))
        len--;
    len = len <= size ? len : 0;
    for (size_t i = 0; i < len; i++) {
        char byte = type.data[i];
        to[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    return (galley_str){to, len};
}

bool body_is_json(const struct galley_request *req)
{
    static const galley_str prefix = GALLEY_STR("application/"), suffix = GALLEY_STR("+json");
    char room[MAX_MEDIA_TYPE];
    galley_str type = body_media_type(req, room, sizeof room);
    if (type.len <= prefix.len || memcmp(type.data, prefix.data, prefix.len) != 0)
        return false;
    galley_str subtype = {type.data + prefix.len, type.len - prefix.len};
    if (text_find(subtype.data, subtype.data + subtype.len, '/') < subtype.data + subtype.len)
        return false;
    return text_is_same(subtype, GALLEY_STR("json")) ||
           (subtype.len >= suffix.len &&
            memcmp(subtype.data + subtype.len - suffix.len, suffix.data, suffix.len) == 0);
}
