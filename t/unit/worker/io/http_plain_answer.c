/* t/unit/worker/io/http_plain_answer.c - HTTP/1.1 answers, good and bad, whole, byte by byte, and cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <galley/error.h>

#include "worker/io/http_plain_answer.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_LINE "Transfer-Encoding: chunked\r\n"
#define EIGHTY  "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"

enum { BODY_MAX_BYTES = 16 };

/* `rc` is of the end where the answer is not whole before it. */
struct row {
    const char *name;
    galley_str bytes;
    int rc, status;
    const char *body, *head;
    bool keeps, is_head;
};
static const struct row rows[] = {
    {"a length", GALLEY_STR(OK_LINE "Content-Length: 5\r\n\r\nhello"), .status = 200,
     .body = "hello", .head = "Content-Length: 5\n", .keeps = true},
    {"a length of nothing", GALLEY_STR(OK_LINE "content-length:0\r\n\r\n"), .status = 200,
     .body = "", .head = "content-length:0\n", .keeps = true},
    {"more than was asked for", GALLEY_STR(OK_LINE "Content-Length: 2\r\n\r\nhello"), .status = 200,
     .body = "he"},
    {"the same length twice",
     GALLEY_STR(OK_LINE "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi"), .status = 200,
     .body = "hi", .keeps = true},
    {"two lengths", GALLEY_STR(OK_LINE "Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"),
     .rc = -GALLEY_EGARBLED},
    {"a list of lengths", GALLEY_STR(OK_LINE "Content-Length: 2, 2\r\n\r\nhi"),
     .rc = -GALLEY_EGARBLED},
    {"a negative length", GALLEY_STR(OK_LINE "Content-Length: -5\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"no length", GALLEY_STR(OK_LINE "Content-Length:\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a length of 19 digits", GALLEY_STR(OK_LINE "Content-Length: 9999999999999999999\r\n\r\n"),
     .rc = -GALLEY_EGARBLED},
    {"a length over the limit", GALLEY_STR(OK_LINE "Content-Length: 17\r\n\r\n"),
     .rc = -GALLEY_EANSWER_SIZE},
    {"a length at the limit", GALLEY_STR(OK_LINE "Content-Length: 16\r\n\r\n0123456789abcdef"),
     .status = 200, .body = "0123456789abcdef", .keeps = true},
    {"cut off in a body", GALLEY_STR(OK_LINE "Content-Length: 5\r\n\r\nhell"), .rc = -ECONNRESET},
    {"cut off in a head", GALLEY_STR(OK_LINE "Content-Le"), .rc = -ECONNRESET},
    {"nothing", GALLEY_STR(""), .rc = -ECONNRESET},
    {"chunks", GALLEY_STR(CHUNKED "\r\n4\r\nfour\r\n3;x=y\r\ntee\r\n1\r\nn\r\n0\r\n\r\n"),
     .status = 200, .body = "fourteen", .keeps = true},
    {"chunks and trailers", GALLEY_STR(CHUNKED "X: 1\r\n\r\n1\r\na\r\n0\r\nX: 2\r\nY: 3\r\n\r\n"),
     .status = 200, .body = "a", .head = "Transfer-Encoding: chunked\nX: 1\n", .keeps = true},
    {"chunks up to the limit", GALLEY_STR(CHUNKED "\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"),
     .status = 200, .body = "0123456789abcdef", .keeps = true},
    {"chunks over the limit",
     GALLEY_STR(CHUNKED "\r\n10\r\n0123456789abcdef\r\n1\r\ng\r\n0\r\n\r\n"),
     .rc = -GALLEY_EANSWER_SIZE},
    {"chunks over the limit, and none behind them",
     GALLEY_STR(CHUNKED "\r\n11\r\n0123456789abcdefg\r\n0\r?"), .rc = -GALLEY_EANSWER_SIZE},
    {"no chunks", GALLEY_STR(CHUNKED "\r\nzz\r\nhalf\r\n"), .rc = -GALLEY_EGARBLED},
    {"cut off in a chunk", GALLEY_STR(CHUNKED "\r\n9\r\nhalf"), .rc = -ECONNRESET},
    {"cut off before the last chunk", GALLEY_STR(CHUNKED "\r\n4\r\nhalf\r\n"), .rc = -ECONNRESET},
    {"chunks and a length", GALLEY_STR(CHUNKED "Content-Length: 3\r\n\r\n4\r\nfour\r\n0\r\n\r\n"),
     .status = 200, .body = "four"},
    {"chunked twice", GALLEY_STR(CHUNKED "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     .rc = -GALLEY_EGARBLED},
    {"another coding", GALLEY_STR(OK_LINE "Transfer-Encoding: gzip\r\n\r\n"),
     .rc = -GALLEY_EGARBLED},
    {"until the end", GALLEY_STR(OK_LINE "\r\nto the end"), .status = 200, .body = "to the end",
     .head = ""},
    {"until the end, over the limit", GALLEY_STR(OK_LINE "\r\n0123456789abcdefg"),
     .rc = -GALLEY_EANSWER_SIZE},
    {"to be closed", GALLEY_STR(OK_LINE "Connection: close\r\nContent-Length: 1\r\n\r\nx"),
     .status = 200, .body = "x"},
    {"an older version", GALLEY_STR("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold"),
     .status = 200, .body = "old"},
    {"an older version that is kept",
     GALLEY_STR("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nold"),
     .status = 200, .body = "old", .keeps = true},
    {"interim answers",
     GALLEY_STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: "
                "7\r\nTransfer-Encoding: x\r\n\r\n" OK_LINE "Content-Length: 4\r\n\r\nlast"),
     .status = 200, .body = "last", .head = "Content-Length: 4\n", .keeps = true},
    {"an interim answer and no other", GALLEY_STR("HTTP/1.1 100 Continue\r\n\r\n"),
     .rc = -ECONNRESET},
    {"switching protocols", GALLEY_STR("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
     .rc = -GALLEY_EGARBLED},
    {"HEAD", GALLEY_STR(OK_LINE "Content-Length: 99\r\n\r\n"), .status = 200, .body = "",
     .keeps = true, .is_head = true},
    {"HEAD, of chunks", GALLEY_STR(CHUNKED "\r\n"), .status = 200, .body = "", .keeps = true,
     .is_head = true},
    {"HEAD with a body", GALLEY_STR(OK_LINE "Content-Length: 1\r\n\r\nx"), .status = 200,
     .body = "", .is_head = true},
    {"204", GALLEY_STR("HTTP/1.1 204 No Content\r\n\r\n"), .status = 204, .body = "", .head = "",
     .keeps = true},
    {"204 with a body", GALLEY_STR("HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx"),
     .status = 204, .body = ""},
    {"304", GALLEY_STR("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n"),
     .status = 304, .body = "", .keeps = true},
    {"lines that end in LF alone, and no phrase",
     GALLEY_STR("HTTP/1.1 200\nContent-Length: 2\n\nok"), .status = 200, .body = "ok",
     .keeps = true},
    {"another protocol", GALLEY_STR("220 mail.example ESMTP\r\n"), .rc = -GALLEY_EGARBLED},
    {"another version", GALLEY_STR("HTTP/2 200\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a status of two digits", GALLEY_STR("HTTP/1.1 99 Low\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a status below 100", GALLEY_STR("HTTP/1.1 099 Low\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a status of four digits", GALLEY_STR("HTTP/1.1 2000 Much\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a folded field", GALLEY_STR(OK_LINE "X: 1\r\n y\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a field without a colon", GALLEY_STR(OK_LINE "nothing\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a field without a name", GALLEY_STR(OK_LINE ": x\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a blank before the colon", GALLEY_STR(OK_LINE "Content-Length : 2\r\n\r\nok"),
     .rc = -GALLEY_EGARBLED},
    {"a tab before the colon", GALLEY_STR(OK_LINE "Content-Length\t: 2\r\n\r\nok"),
     .rc = -GALLEY_EGARBLED},
    {"a name in Latin", GALLEY_STR(OK_LINE "\xe9t\xe9: x\r\n\r\n"), .rc = -GALLEY_EGARBLED},
    {"a CR in a field", GALLEY_STR(OK_LINE "X: a\rContent-Length: 0\r\n\r\n"),
     .rc = -GALLEY_EGARBLED},
    {"a NUL in a field", GALLEY_STR(OK_LINE "X: a\0b\r\n\r\n"), .rc = -GALLEY_EGARBLED},
};

/* One reading. */
static struct http_handle handle;
static struct http_answer answer;
static struct arena arena;

static void begin(bool is_head)
{
    arena_init(&arena, NULL, 0, 1 << 20);
    memset(&handle, 0, sizeof handle);
    handle.kind = is_head ? HTTP_HEAD : HTTP_GET;
    handle.body_max = BODY_MAX_BYTES;
    handle.arena = &arena;
    answer = (struct http_answer){.handle = &handle, .wants_status = true};
}

/* What comes at once, on memory of its own. Nothing more is taken after the answer, as its reader does. */
static int take(const char *data, size_t len)
{
    if (len == 0 || answer.is_done)
        return 0;
    char *part = malloc(len);
    assert_non_null(part);
    memcpy(part, data, len);
    int rc = http_answer_take(&answer, part, len);
    free(part);
    return rc;
}

/* `is_cut`: nothing may stand behind the answer in the same piece. */
static void check_read(const struct row *row, int rc, bool is_cut)
{
    if (rc == 0 && !answer.is_done)
        rc = http_answer_end(&answer);
    if (rc != row->rc)
        fail_msg("%s: %d, not %d", row->name, rc, row->rc);
    if (rc == 0) {
        assert_true(answer.is_done);
        assert_int_equal(handle.status, row->status);
        assert_int_equal(handle.body_len, strlen(row->body));
        assert_memory_equal(handle.body, row->body, handle.body_len);
        if (row->head) {
            assert_int_equal(handle.head_len, strlen(row->head));
            assert_memory_equal(handle.head, row->head, handle.head_len);
        }
        struct galley_http got;
        assert_int_equal(http_fields_parse(&handle, &got), 0); /* none is fine */
        assert_true(got.field_count > 0 || handle.head_len == 0);
        if (row->keeps || !is_cut)
            assert_int_equal(answer.keeps, row->keeps);
    }
    arena_release(&arena);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    const char *data = row->bytes.data;
    size_t len = row->bytes.len;
    for (size_t cut = 0; cut < len; cut++) {
        begin(row->is_head);
        int rc = take(data, cut);
        check_read(row, rc == 0 ? take(data + cut, len - cut) : rc, cut > 0);
    }
    begin(row->is_head);
    int rc = 0;
    for (size_t at = 0; at < len && rc == 0; at++)
        rc = take(data + at, 1);
    check_read(row, rc, true);
}

/* What has no end is given up where the limit is, however it comes. */
static void endless_heads(void **state)
{
    static const struct {
        const char *name, *first, *again;
        size_t taken_max;
    } heads[] = {
        {"fields", OK_LINE, "X: y\r\n", HTTP_HEAD_MAX_FIELDS * 6},
        {"long fields", OK_LINE, "X: " EIGHTY EIGHTY EIGHTY EIGHTY "\r\n",
         HTTP_HEAD_MAX_BYTES + 400},
        {"one field", OK_LINE "X: ", EIGHTY, HTTP_HEAD_MAX_BYTES + 256},
        {"a status line", "HTTP/1.1 200 ", EIGHTY, HTTP_HEAD_MAX_BYTES + 256},
        {"interim answers", "", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
         HTTP_HEAD_MAX_BYTES},
    };
    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        begin(false);
        int rc = take(heads[i].first, strlen(heads[i].first));
        size_t taken = 0, len = strlen(heads[i].again);
        for (; rc == 0 && taken < 1 << 20; taken += len)
            rc = take(heads[i].again, len);
        if (rc != -GALLEY_EANSWER_SIZE || taken > heads[i].taken_max)
            fail_msg("%s: %d after %zu bytes", heads[i].name, rc, taken);
        arena_release(&arena);
    }
}

int main(void)
{
    struct CMUnitTest tests[sizeof rows / sizeof rows[0] + 1] = {{0}};
    size_t count = 0;
    for (; count < sizeof rows / sizeof rows[0]; count++)
        tests[count] = (struct CMUnitTest){rows[count].name, check_row, NULL, NULL,
                                           (void *)(uintptr_t)&rows[count]};
    tests[count++] = (struct CMUnitTest)cmocka_unit_test(endless_heads);
    return _cmocka_run_group_tests("http_plain_answer", tests, count, NULL, NULL);
}
