/* h1_chunk.c - every rule of the chunked coding as a row.
 * Does:     decode each row whole, byte by byte, cut in two at every offset, and into outputs of one
 *           byte, always in front of a page that cannot be read; the answer must not change.
 * Does not: read sockets.
 * See:      worker/http/h1_chunk.h; "{8000*a}" stands for 8000 times a */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "worker/http/h1_chunk.h"
#include "unit/worker/http/guard.h"

#include <cmocka.h>

enum { LONG_ROW = 1500, LONG_STEP = 389, MORE = 1 };

struct row {
    const char *name, *text;
    size_t text_len;
    int status;          /* 0: a body, MORE: not yet, else the status of a refusal */
    const char *payload; /* all of it, or what came before the fault; NULL: not compared */
    size_t rest;         /* bytes behind the body */
};

#define ROW(title, code, raw, payload)                                                             \
    {                                                                                              \
        title, raw, sizeof(raw) - 1, code, payload, 0                                              \
    }
#define ROW_REST(title, raw, payload, behind)                                                      \
    {                                                                                              \
        title, raw, sizeof(raw) - 1, 0, payload, behind                                            \
    }
#define LAST "0\r\n\r\n"

static const struct row rows[] = {
#include "unit/worker/http/h1_chunk_rows.inc"
};

struct answer {
    int status; /* as in a row */
    size_t used, payload_len;
    char payload[GUARD_ROOM];
};

/* Feed [text, len) in pieces that end at `cut` (and at every byte, when `step` is 1), with room for
 * at most `room` bytes of payload at a time. */
static void decode(struct answer *answer, const char *text, size_t len, size_t cut, size_t step,
                   size_t room)
{
    struct h1_chunk chunk;
    size_t end = 0;

    h1_chunk_init(&chunk);
    *answer = (struct answer){.status = MORE, .used = 0, .payload_len = 0};
    while (answer->status == MORE && answer->used < len) {
        size_t took;
        if (answer->used == end)
            end = end < cut ? (step ? end + step : cut) : (step ? end + step : len);
        end = end < len ? end : len;
        const char *in = guard_place(text + answer->used, end - answer->used);
        ssize_t result = h1_chunk_decode(&chunk, in, end - answer->used,
                                         answer->payload + answer->payload_len, room, &took);
        assert_true(took <= room);
        answer->payload_len += took;
        if (result == H1_BAD) {
            assert_non_null(chunk.reason);
            answer->status = chunk.status;
            answer->used = 0;
            assert_int_equal(h1_chunk_decode(&chunk, "0", 1, NULL, 0, &took), H1_BAD);
            return;
        }
        assert_true((size_t)result == end - answer->used || chunk.done || took == room);
        answer->used += (size_t)result;
        if (chunk.done)
            answer->status = 0;
    }
}

static void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->used, b->used);
    assert_int_equal(a->payload_len, b->payload_len);
    assert_memory_equal(a->payload, b->payload, a->payload_len);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    static struct answer whole, answer;
    size_t len;
    char *text = guard_expand(row->text, row->text_len, &len);

    decode(&whole, text, len, len, 0, GUARD_ROOM);
    assert_int_equal(whole.status, row->status);
    if (row->status == 0)
        assert_int_equal(whole.used, len - row->rest);
    if (row->payload) {
        assert_int_equal(whole.payload_len, strlen(row->payload));
        assert_memory_equal(whole.payload, row->payload, whole.payload_len);
    }
    decode(&answer, text, len, len, 0, 1);
    assert_same(&answer, &whole);
    decode(&answer, text, len, len, 1, 3);
    assert_same(&answer, &whole);
    for (size_t cut = 1; cut < len; cut += len < LONG_ROW ? 1 : len / 8) {
        decode(&answer, text, len, cut, 0, GUARD_ROOM);
        assert_same(&answer, &whole);
    }
    free(text);
}

/* With no room left for payload, what is not payload is still consumed, up to the end of the body. */
static void full_output_does_not_hide_the_end(void **state)
{
    struct h1_chunk chunk;
    char out[3];
    size_t used;
    (void)state;

    h1_chunk_init(&chunk);
    assert_int_equal(h1_chunk_decode(&chunk, "3\r\nabc\r\n0\r\n\r\nGET", 16, out, 3, &used), 13);
    assert_int_equal(used, 3);
    assert_true(chunk.done);
    assert_int_equal(h1_chunk_decode(&chunk, "GET", 3, out, 3, &used), 0);
    assert_int_equal(used, 0);
}

int main(void)
{
    enum { COUNT = sizeof rows / sizeof rows[0] };
    static struct CMUnitTest tests[COUNT + 1] = {
        cmocka_unit_test(full_output_does_not_hide_the_end),
    };

    for (size_t i = 0; i < COUNT; i++)
        tests[i + 1] = (struct CMUnitTest){.name = rows[i].name,
                                           .test_func = check_row,
                                           .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("h1_chunk", tests, NULL, NULL);
}
