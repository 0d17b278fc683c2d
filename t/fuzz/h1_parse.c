/* h1_parse.c - fuzz target: a head and a chunked body, whole and in pieces, must come out alike.
 * Does:     the first byte picks the limits and the size of the pieces; the rest is one stream.
 * Does not: judge the answers: t/unit/worker/http/ does.
 * See:      make fuzz; the kept corpus is in t/fuzz/corpus/h1_parse */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/http/h1_chunk.h"
#include "worker/http/h1_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const struct h1_limits all_limits[] = {
    {8192, 8192, 32768, 100}, {16, 24, 80, 3}, {64, 64, 256, 128}, {1u << 31, -1u, -1u, -1u}};

struct body {
    ssize_t result;
    int status;
    size_t used, payload_len;
    uint64_t hash;
};

static void check_span(const struct h1_head *head, uint32_t at, uint32_t len, ssize_t head_len)
{
    (void)head;
    MUST((uint64_t)at + len <= (uint64_t)head_len);
}

static void check_head(const struct h1_head *head, ssize_t len)
{
    check_span(head, head->method_at, head->method_len, len);
    check_span(head, head->target_at, head->target_len, len);
    check_span(head, head->path_at, head->path_len, len);
    check_span(head, head->query_at, head->query_len, len);
    check_span(head, head->authority_at, head->authority_len, len);
    MUST(head->method_len > 0 && head->path_len > 0);
    MUST(head->field_count <= H1_MAX_FIELDS);
    MUST(head->minor == 0 || head->authority_len > 0);
    MUST(head->body == H1_BODY_LENGTH || head->content_length == 0);
    for (uint32_t i = 0; i < head->field_count; i++) {
        MUST(head->fields[i].name_len > 0);
        check_span(head, head->fields[i].name_at, head->fields[i].name_len, len);
        check_span(head, head->fields[i].value_at, head->fields[i].value_len, len);
    }
}

/* Decode a body in pieces of `step` bytes with room for `room` bytes of payload. */
static struct body decode(const char *text, size_t len, size_t step, size_t room)
{
    struct body body = {.result = 0, .hash = 14695981039346656037u};
    struct h1_chunk chunk;
    char out[512];

    h1_chunk_init(&chunk);
    while (body.used < len && !chunk.done && body.result >= 0) {
        size_t piece = len - body.used < step ? len - body.used : step, took;
        char *copy = malloc(piece);
        memcpy(copy, text + body.used, piece);
        body.result = h1_chunk_decode(&chunk, copy, piece, out, room, &took);
        free(copy);
        for (size_t i = 0; i < took; i++)
            body.hash = (body.hash ^ (unsigned char)out[i]) * 1099511628211u;
        body.payload_len += took;
        MUST(body.result != 0 || took == room);
        body.used += body.result > 0 ? (size_t)body.result : 0;
    }
    body.status = chunk.status;
    body.used = body.result == H1_BAD ? 0 : body.used;
    body.result = chunk.done;
    return body;
}

static void check_body(const char *text, size_t len, size_t step)
{
    struct body whole = decode(text, len, len, 512), pieces = decode(text, len, step, 1 + step % 7);

    MUST(whole.result == pieces.result && whole.status == pieces.status);
    MUST(whole.used == pieces.used && whole.payload_len == pieces.payload_len);
    MUST(whole.hash == pieces.hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct h1_head whole, pieces;
    size_t scanned = 0, step, used;
    ssize_t expected, result = H1_MORE;

    if (len < 2)
        return 0;
    const struct h1_limits *limits = &all_limits[data[0] & 3];
    const char *text = (const char *)data + 1;
    step = (size_t)(data[0] >> 2) + 1;
    len--;

    memset(&whole, 0xee, sizeof whole);
    expected = h1_parse_head(&whole, text, len, &scanned, limits);
    MUST(expected >= H1_BAD && expected <= (ssize_t)len);
    scanned = 0;
    for (used = 0; used < len && result == H1_MORE;) {
        used = len - used < step ? len : used + step;
        char *copy = malloc(used);
        memcpy(copy, text, used);
        memset(&pieces, 0xee, sizeof pieces);
        result = h1_parse_head(&pieces, copy, used, &scanned, limits);
        free(copy);
    }
    MUST(result == expected);
    if (expected == H1_BAD)
        MUST(whole.status == pieces.status && whole.reason == pieces.reason);
    if (expected <= 0)
        return 0;
    check_head(&whole, expected);
    MUST(memcmp(&whole, &pieces, offsetof(struct h1_head, fields)) == 0);
    MUST(memcmp(whole.fields, pieces.fields, whole.field_count * sizeof whole.fields[0]) == 0);
    if (whole.body == H1_BODY_CHUNKED)
        check_body(text + expected, len - (size_t)expected, step);
    return 0;
}
