/* h2_scan.c - frames in a byte stream, and those a client may not send, a row for each rule.
 * Does:     feed each row whole, byte by byte and cut at every offset.
 * Does not: need a connection or nghttp2; the budgets have rows of their own (h2_budget.c).
 * See:      worker/http/h2_scan.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/http/h2_scan.h"

enum { MAX_FRAMES = 12, END = H2_FLAG_END_STREAM, ALL = H2_FLAG_END_HEADERS };

struct frame {
    unsigned type, flags;
    uint32_t id, len, depends_on;
};

struct row {
    const char *name;
    uint32_t error; /* after the last frame, and none before */
    struct frame frames[MAX_FRAMES];
    int count;
};

#define FRAMES(...)                                                                                \
    .frames = {__VA_ARGS__}, .count = sizeof((struct frame[]){__VA_ARGS__}) / sizeof(struct frame)

static const struct row rows[] = {
    {"streams in order", 0,
     FRAMES({H2_SETTINGS, 0, 0, 0, 0}, {H2_HEADERS, ALL | END, 1, 20, 0},
            {H2_HEADERS, ALL | END, 3, 20, 0}, {H2_HEADERS, ALL, 5, 20, 0},
            {H2_DATA, 0, 5, 70000, 0}, {H2_DATA, END, 5, 0, 0})},
    {"a stream below an earlier one", H2_PROTOCOL_ERROR,
     FRAMES({H2_HEADERS, ALL | END, 5, 20, 0}, {H2_HEADERS, ALL | END, 3, 20, 0})},
    {"the first stream, passed over", H2_PROTOCOL_ERROR,
     FRAMES({H2_HEADERS, ALL | END, 3, 20, 0}, {H2_HEADERS, ALL | END, 1, 20, 0})},
    {"DATA on a stream passed over", H2_PROTOCOL_ERROR,
     FRAMES({H2_HEADERS, ALL | END, 9, 20, 0}, {H2_DATA, 0, 7, 200, 0})},
    {"a reset of a stream passed over is nghttp2's affair", 0,
     FRAMES({H2_HEADERS, ALL | END, 9, 20, 0}, {H2_RST_STREAM, 0, 7, 4, 0})},
    {"trailers", 0,
     FRAMES({H2_HEADERS, ALL, 1, 20, 0}, {H2_DATA, 0, 1, 200, 0},
            {H2_HEADERS, ALL | END, 1, 20, 0})},
    {"HEADERS behind the end", H2_STREAM_CLOSED,
     FRAMES({H2_HEADERS, ALL | END, 1, 20, 0}, {H2_HEADERS, ALL | END, 1, 20, 0})},
    {"DATA behind the end", H2_STREAM_CLOSED,
     FRAMES({H2_HEADERS, ALL | END, 1, 20, 0}, {H2_DATA, END, 1, 20, 0})},
    {"DATA behind trailers", H2_STREAM_CLOSED,
     FRAMES({H2_HEADERS, ALL, 1, 20, 0}, {H2_HEADERS, ALL | END, 1, 20, 0},
            {H2_DATA, END, 1, 20, 0})},
    {"DATA behind the sender's reset", H2_STREAM_CLOSED,
     FRAMES({H2_HEADERS, ALL, 1, 20, 0}, {H2_RST_STREAM, 0, 1, 4, 0}, {H2_DATA, END, 1, 20, 0})},
    {"HEADERS behind the sender's reset", H2_STREAM_CLOSED,
     FRAMES({H2_HEADERS, ALL, 1, 20, 0}, {H2_RST_STREAM, 0, 1, 4, 0},
            {H2_HEADERS, ALL | END, 1, 20, 0})},
    {"a second reset", 0,
     FRAMES({H2_HEADERS, ALL, 1, 20, 0}, {H2_RST_STREAM, 0, 1, 4, 0}, {H2_RST_STREAM, 0, 1, 4, 0})},
    {"WINDOW_UPDATE behind the end", 0,
     FRAMES({H2_HEADERS, ALL | END, 1, 20, 0}, {H2_WINDOW_UPDATE, 0, 1, 4, 0})},
    {"a stream of long ago is nghttp2's affair", 0,
     FRAMES({H2_HEADERS, ALL | END, 1, 20, 0}, {H2_HEADERS, ALL | END, 2001, 20, 0},
            {H2_DATA, 0, 1, 200, 0})},
    {"a leap leaves the streams below it passed over", H2_PROTOCOL_ERROR,
     FRAMES({H2_HEADERS, ALL | END, 1, 20, 0}, {H2_HEADERS, ALL | END, 0x7fffffff, 20, 0},
            {H2_HEADERS, ALL | END, 0x7fffffff - 510, 20, 0})},
    {"a field block in pieces", 0,
     FRAMES({H2_HEADERS, END, 1, 20, 0}, {H2_CONTINUATION, 0, 1, 20, 0},
            {H2_CONTINUATION, ALL, 1, 20, 0})},
    {"PRIORITY", 0, FRAMES({H2_PRIORITY, 0, 3, 5, 1})},
    {"PRIORITY of stream 0", H2_PROTOCOL_ERROR, FRAMES({H2_PRIORITY, 0, 0, 5, 1})},
    {"PRIORITY on itself", H2_PROTOCOL_ERROR, FRAMES({H2_PRIORITY, 0, 3, 5, 3})},
    {"PRIORITY on itself, exclusive", H2_PROTOCOL_ERROR,
     FRAMES({H2_PRIORITY, 0, 3, 5, 0x80000003})},
    {"PRIORITY of a wrong length is nghttp2's affair", 0,
     FRAMES({H2_PRIORITY, 0, 3, 4, 3}, {H2_PRIORITY, 0, 3, 6, 3})},
    {"streams of the server's are nghttp2's affair", 0,
     FRAMES({H2_DATA, END, 2, 200, 0}, {H2_DATA, END, 2, 200, 0})},
    {"a ninth CONTINUATION", H2_ENHANCE_YOUR_CALM,
     FRAMES({H2_HEADERS, END, 1, 20, 0}, {H2_CONTINUATION, 0, 1, 1, 0},
            {H2_CONTINUATION, 0, 1, 1, 0}, {H2_CONTINUATION, 0, 1, 1, 0},
            {H2_CONTINUATION, 0, 1, 1, 0}, {H2_CONTINUATION, 0, 1, 1, 0},
            {H2_CONTINUATION, 0, 1, 1, 0}, {H2_CONTINUATION, 0, 1, 1, 0},
            {H2_CONTINUATION, 0, 1, 1, 0}, {H2_CONTINUATION, 0, 1, 1, 0})},
};

static void put_32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static size_t put_frame(uint8_t *out, const struct frame *frame)
{
    put_32(out, frame->len << 8 | frame->type);
    out[4] = (uint8_t)frame->flags;
    put_32(out + 5, frame->id);
    memset(out + H2_FRAME_HEAD_BYTES, 0xff, frame->len); /* looks like no frame head */
    if (frame->type == H2_PRIORITY)
        put_32(out + H2_FRAME_HEAD_BYTES, frame->depends_on);
    return H2_FRAME_HEAD_BYTES + frame->len;
}

static void check(const struct row *row, const struct h2_scan *scan, bool is_fine, const char *how)
{
    if (is_fine != (row->error == 0) || scan->error != row->error)
        fail_msg("%s, %s: error %u, expected %u", row->name, how, scan->error, row->error);
    assert_true((scan->why == NULL) == is_fine);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    static uint8_t stream[128 * 1024];
    size_t len = H2_PREFACE_BYTES, last = 0;
    memcpy(stream, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", H2_PREFACE_BYTES);
    for (int i = 0; i < row->count; i++) {
        last = len;
        len += put_frame(stream + len, &row->frames[i]);
    }
    static struct h2_scan scan;
    h2_scan_init(&scan, 0);
    assert_true(h2_scan_bytes(&scan, stream, last, 0)); /* all but the last frame is fine */
    check(row, &scan, h2_scan_bytes(&scan, stream + last, len - last, 0), "the last frame apart");
    h2_scan_init(&scan, 0);
    bool is_fine = true;
    for (size_t i = 0; i < len && is_fine; i++)
        is_fine = h2_scan_bytes(&scan, stream + i, 1, 0);
    check(row, &scan, is_fine, "byte by byte");
    if (is_fine)
        assert_false(scan.is_in_block);
    for (size_t cut = 0; cut<len; cut += len> 4096 ? 509 : 1) {
        h2_scan_init(&scan, 0);
        check(row, &scan,
              h2_scan_bytes(&scan, stream, cut, 0) &&
                  h2_scan_bytes(&scan, stream + cut, len - cut, 0),
              "cut in two");
    }
}

static void an_open_field_block_is_seen(void **state)
{
    (void)state;
    uint8_t stream[64];
    struct h2_scan scan;
    h2_scan_init(&scan, 0);
    memset(stream, 0, H2_PREFACE_BYTES);
    assert_true(h2_scan_bytes(&scan, stream, H2_PREFACE_BYTES, 0));
    size_t len = put_frame(stream, &(struct frame){H2_HEADERS, END, 1, 20, 0});
    assert_true(h2_scan_bytes(&scan, stream, len, 0));
    assert_true(scan.is_in_block);
    len = put_frame(stream, &(struct frame){H2_CONTINUATION, ALL, 1, 20, 0});
    assert_true(h2_scan_bytes(&scan, stream, len, 0));
    assert_false(scan.is_in_block);
}

int main(void)
{
    enum { COUNT = sizeof rows / sizeof rows[0] };
    static struct CMUnitTest tests[COUNT + 1] = {cmocka_unit_test(an_open_field_block_is_seen)};
    for (size_t i = 0; i < COUNT; i++)
        tests[i + 1] = (struct CMUnitTest){.name = rows[i].name,
                                           .test_func = check_row,
                                           .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("h2_scan", tests, NULL, NULL);
}
