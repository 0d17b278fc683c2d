/* http_plain.c - fuzz target: an HTTP/1.1 answer from anybody, whole, byte by byte and in pieces: read the same way.
 * Does:     byte 0 says what was asked, how large the answer may be, and how it is cut; the connection ends behind the rest.
 * Does not: judge what is read: t/unit/worker/io/http_plain_answer.c does.
 * See:      make fuzz; worker/io/http_plain_answer.c */
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

#include "worker/io/http_plain_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { IS_HEAD = 1, IS_SMALL = 2, SMALL_BYTES = 16, LARGE_BYTES = 1 << 20, PARTS_SHIFT = 2 };

/* One reading. */
struct reading {
    struct http_handle handle;
    struct http_answer answer;
    struct arena arena;
    int rc;
    size_t taken; /* of the input, when it was done or given up */
};

static void read_in_parts(struct reading *reading, unsigned how, const uint8_t *data, size_t len,
                          size_t step)
{
    struct http_handle *handle = &reading->handle;
    struct http_answer *answer = &reading->answer;
    memset(reading, 0, sizeof *reading);
    arena_init(&reading->arena, NULL, 0, 8 << 20);
    handle->kind = how & IS_HEAD ? HTTP_HEAD : HTTP_GET;
    handle->body_max = how & IS_SMALL ? SMALL_BYTES : LARGE_BYTES;
    handle->arena = &reading->arena;
    *answer = (struct http_answer){.handle = handle, .wants_status = true};
    while (reading->taken < len && reading->rc == 0 && !answer->is_done) {
        size_t count = len - reading->taken < step ? len - reading->taken : step;
        char *part = malloc(count); /* what is read beyond it is seen */
        memcpy(part, data + reading->taken, count);
        reading->rc = http_answer_take(answer, part, count);
        free(part);
        reading->taken += count;
    }
    if (reading->rc == 0 && !answer->is_done)
        reading->rc = http_answer_end(answer);
    if (reading->rc == 0 && (!answer->is_done || handle->body_len > handle->body_max))
        abort();
    if (answer->keeps && answer->framing == HTTP_BY_END && answer->is_done)
        abort();
}

static bool is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* `bytewise` knows where the answer ends; `other` was cut otherwise. */
static void compare(const struct reading *bytewise, const struct reading *other)
{
    const struct http_handle *a = &bytewise->handle, *b = &other->handle;
    if (bytewise->rc != other->rc)
        abort();
    if (bytewise->rc < 0)
        return;
    if (a->status != b->status || !is_same(a->head, a->head_len, b->head, b->head_len) ||
        !is_same(a->body, a->body_len, b->body, b->body_len))
        abort();
    bool has_more = other->taken > bytewise->taken; /* behind the answer */
    if (other->answer.keeps != (bytewise->answer.keeps && !has_more))
        abort();
    struct galley_http got = {0};
    if (http_fields_parse(&((struct reading *)(uintptr_t)other)->handle, &got) < 0)
        abort();
    for (size_t i = 0; i < got.field_count; i++)
        if (got.fields[i].name.len == 0 ||
            memchr(got.fields[i].value.data, '\n', got.fields[i].value.len) != NULL)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct reading bytewise, other;
    if (len == 0)
        return 0;
    unsigned how = data[0];
    size_t steps[] = {len, 2 + (how >> PARTS_SHIFT) * 3};
    read_in_parts(&bytewise, how, data + 1, len - 1, 1);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        read_in_parts(&other, how, data + 1, len - 1, steps[i]);
        compare(&bytewise, &other);
        arena_release(&other.arena);
    }
    arena_release(&bytewise.arena);
    return 0;
}
