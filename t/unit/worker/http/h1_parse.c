/* h1_parse.c - every rule of the request head as a row.
 * Does:     parse each row whole, byte by byte, and cut in two at every offset, always in front of a
 *           page that cannot be read, and wants the same answer each time.
 * Does not: cover chunked bodies (h1_chunk.c).
 * See:      worker/http/h1_parse.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "worker/http/h1_parse.h"
#include "unit/worker/http/guard.h"

#include <cmocka.h>

enum { LONG_ROW = 1500, LONG_STEP = 389 };

struct row {
    const char *name, *text;
    size_t text_len;
    int status;         /* 0: a head, 1: more, else the status of a refusal */
    const char *parsed; /* of a head: what describe() makes of it, NULL: too long to write down */
    size_t rest;        /* bytes behind the head */
};

#define HEAD(title, raw, summary)                                                                  \
    {                                                                                              \
        title, raw, sizeof(raw) - 1, 0, summary, 0                                                 \
    }
#define HEAD_REST(title, raw, summary, left)                                                       \
    {                                                                                              \
        title, raw, sizeof(raw) - 1, 0, summary, left                                              \
    }
#define MORE(title, raw)                                                                           \
    {                                                                                              \
        title, raw, sizeof(raw) - 1, 1, NULL, 0                                                    \
    }
#define BAD(title, code, raw)                                                                      \
    {                                                                                              \
        title, raw, sizeof(raw) - 1, code, NULL, 0                                                 \
    }
#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" HOST
#define END  "\r\n"

static const struct row rows[] = {
#include "unit/worker/http/h1_parse_rows.inc"
};

/* "GET /path?query authority 1.1 body keep flags fields", the head in one line. */
static void describe(const struct h1_head *head, const char *data, char *out, size_t out_len)
{
    char body[40] = "none";

    if (head->body == H1_BODY_LENGTH)
        snprintf(body, sizeof body, "%llu", (unsigned long long)head->content_length);
    else if (head->body == H1_BODY_CHUNKED)
        snprintf(body, sizeof body, "chunked");
    snprintf(out, out_len, "%.*s %.*s%s%.*s %.*s 1.%d %s %s%s%s%s %u", (int)head->method_len,
             data + head->method_at, (int)head->path_len, data + head->path_at,
             head->has_query ? "?" : "", (int)head->query_len, data + head->query_at,
             (int)head->authority_len, data + head->authority_at, head->minor, body,
             head->keep_alive ? "keep" : "close", head->expect_continue ? "+expect" : "",
             head->is_asterisk ? "+asterisk" : "", head->has_upgrade ? "+upgrade" : "",
             head->field_count);
}

/* Offsets must lie in the head and name what they say. */
static void check_fields(const struct h1_head *head, const char *data, size_t len)
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct h1_field *field = &head->fields[i];
        assert_in_range(field->name_at, 1, len);
        assert_in_range(field->name_at + field->name_len, 1, len);
        assert_int_equal(data[field->name_at + field->name_len], ':');
        assert_in_range(field->value_at + field->value_len, field->name_at, len - 2);
        if (field->value_len > 0) {
            assert_null(memchr(" \t", data[field->value_at], 2));
            assert_null(memchr(" \t", data[field->value_at + field->value_len - 1], 2));
        }
    }
}

struct answer {
    ssize_t result;
    int status;
    char parsed[9000];
};

static void parse(struct answer *answer, const char *text, size_t len, size_t *scanned)
{
    static struct h1_head head;
    const struct h1_limits limits = H1_LIMITS_DEFAULT;
    char *data = guard_place(text, len);

    memset(&head, 0xa5, sizeof head);
    answer->result = h1_parse_head(&head, data, len, scanned, &limits);
    answer->status = answer->result == H1_BAD ? head.status : 0;
    answer->parsed[0] = '\0';
    if (answer->result == H1_BAD)
        assert_non_null(head.reason);
    if (answer->result != H1_MORE)
        assert_int_equal(*scanned, 0);
    if (answer->result <= 0)
        return;
    check_fields(&head, data, (size_t)answer->result);
    describe(&head, data, answer->parsed, sizeof answer->parsed);
}

static void assert_same(const struct answer *a, const struct answer *b)
{
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->status, b->status);
    assert_string_equal(a->parsed, b->parsed);
}

/* Byte by byte: the answer comes once, and stays; a fresh parse of each prefix agrees. */
static void check_bytewise(const char *text, size_t len, const struct answer *whole)
{
    static struct answer answer, fresh;
    size_t scanned = 0;

    for (size_t n = 0; n <= len; n++) {
        parse(&answer, text, n, &scanned);
        if (len < LONG_ROW || n % LONG_STEP == 0) {
            size_t none = 0;
            parse(&fresh, text, n, &none);
            assert_same(&answer, &fresh);
        }
        if (answer.result == H1_MORE)
            continue;
        assert_same(&answer, whole);
        return;
    }
    assert_int_equal(whole->result, H1_MORE);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    static struct answer whole, answer;
    size_t len, scanned = 0;
    char *text = guard_expand(row->text, row->text_len, &len);

    parse(&whole, text, len, &scanned);
    assert_int_equal(whole.status, row->status == 1 ? 0 : row->status);
    if (row->status == 0) {
        assert_int_equal(whole.result, len - row->rest);
        if (row->parsed)
            assert_string_equal(whole.parsed, row->parsed);
    } else {
        assert_int_equal(whole.result, row->status == 1 ? H1_MORE : H1_BAD);
    }
    check_bytewise(text, len, &whole);
    for (size_t cut = 0; cut <= len; cut += len < LONG_ROW ? 1 : LONG_STEP) {
        scanned = 0;
        parse(&answer, text, cut, &scanned);
        if (answer.result == H1_MORE)
            parse(&answer, text, len, &scanned);
        assert_same(&answer, &whole);
    }
    free(text);
}

static ssize_t parse_within(struct h1_head *head, const char *text, struct h1_limits limits)
{
    size_t scanned = 0, len = strlen(text);
    return h1_parse_head(head, guard_place(text, len), len, &scanned, &limits);
}

/* Limits are exact, and a configuration beyond what the parser holds is cut to what it holds. */
static void limits_are_exact(void **state)
{
    static struct h1_head head;
    const char *text = "GET /abc HTTP/1.1\r\nHost: a\r\nX: 12\r\n\r\n";
    (void)state;

    assert_int_equal(parse_within(&head, text, (struct h1_limits){4, 7, 37, 2}), 37);
    assert_int_equal(parse_within(&head, text, (struct h1_limits){3, 7, 37, 2}), H1_BAD);
    assert_int_equal(head.status, 414);
    assert_int_equal(parse_within(&head, text, (struct h1_limits){4, 6, 37, 2}), H1_BAD);
    assert_int_equal(head.status, 431);
    assert_int_equal(parse_within(&head, text, (struct h1_limits){4, 7, 36, 2}), H1_BAD);
    assert_int_equal(head.status, 431);
    assert_int_equal(parse_within(&head, text, (struct h1_limits){4, 7, 37, 1}), H1_BAD);
    assert_int_equal(head.status, 431);
    assert_int_equal(parse_within(&head, text, (struct h1_limits){-1u, -1u, -1u, -1u}), 37);
    assert_int_equal(parse_within(&head, text, (struct h1_limits){4, 7, 37, 0}), H1_BAD);
    assert_int_equal(parse_within(&head, text, (struct h1_limits){0}), H1_BAD);
}

/* No configuration makes the parser write behind its fields. */
static void fields_have_a_ceiling(void **state)
{
    static struct h1_head head;
    const struct h1_limits limits = {8192, 8192, 1 << 20, 5000};
    size_t len, scanned = 0;
    const char text[] = GET HOST "{127*X: y\r\n}" END, more[] = GET HOST "{128*X: y\r\n}" END;
    char *data = guard_expand(text, sizeof text - 1, &len);
    (void)state;

    assert_int_equal(h1_parse_head(&head, data, len, &scanned, &limits), len);
    assert_int_equal(head.field_count, H1_MAX_FIELDS);
    free(data);
    data = guard_expand(more, sizeof more - 1, &len);
    assert_int_equal(h1_parse_head(&head, data, len, &scanned, &limits), H1_BAD);
    assert_int_equal(head.status, 431);
    free(data);
}

/* A head of 32 kB that comes byte by byte is not looked at again and again. */
static void slow_heads_cost_linear_time(void **state)
{
    static struct h1_head head;
    const struct h1_limits limits = H1_LIMITS_DEFAULT;
    size_t len, scanned = 0;
    const char text[] = GET HOST "X: {8000*y}\r\nX: {8000*y}\r\nX: {8000*y}\r\n" END;
    char *data = guard_expand(text, sizeof text - 1, &len);
    (void)state;

    for (size_t n = 1; n < len; n++) {
        size_t before = scanned & 0xffffff;
        assert_int_equal(h1_parse_head(&head, data, n, &scanned, &limits), H1_MORE);
        assert_true((scanned & 0xffffff) >= before);
        assert_true((scanned & 0xffffff) + sizeof "HTTP/1.1\r\n" >= n);
    }
    assert_int_equal(h1_parse_head(&head, data, len, &scanned, &limits), len);
    free(data);
}

int main(void)
{
    enum { COUNT = sizeof rows / sizeof rows[0] };
    static struct CMUnitTest tests[COUNT + 3] = {
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(fields_have_a_ceiling),
        cmocka_unit_test(slow_heads_cost_linear_time),
    };

    for (size_t i = 0; i < COUNT; i++)
        tests[i + 3] = (struct CMUnitTest){.name = rows[i].name,
                                           .test_func = check_row,
                                           .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("h1_parse", tests, NULL, NULL);
}
