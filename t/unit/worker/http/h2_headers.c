/* h2_headers.c - heads of HTTP/2 requests: what is refused with which status, and what a handler gets to see.
 * Does:     add fields as nghttp2 hands them over, end the head, compare status and fields.
 * Does not: need a connection; what nghttp2 itself refuses is in t/63-h2-limits.t.
 * See:      worker/http/h2_headers.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/http/h2.h"

enum { MAX_LINES = 12 };

struct row {
    const char *name;
    int status; /* 0: to a handler */
    const char *lines
        [MAX_LINES];    /* "name=value"; a target and :authority of "a" come first, unless named */
    const char *fields; /* what a handler sees, as "name=value," each; NULL: not looked at */
};

static const struct row rows[] = {
    {"a plain one", 0, {"x=y"}, "x=y,host=a,"},
    {"no field at all", 0, {NULL}, "host=a,"},
    {"Host, the same but for case", 0, {"host=A"}, "host=A,"},
    {"Host, another", 400, {"host=b"}, NULL},
    {"Host, longer", 400, {"host=a.b"}, NULL},
    {"Host twice", 400, {"host=a", "host=a"}, NULL},
    {"Host alone", 0, {":authority=-", "host=b:80"}, "host=b:80,"},
    {"no authority", 400, {":authority=-"}, NULL},
    {"userinfo", 400, {":authority=me@a"}, NULL},
    {"a port too large", 400, {":authority=a:65536"}, NULL},
    {"an IPv6 address", 0, {":authority=[::1]:80"}, "host=[::1]:80,"},
    {"one cookie", 0, {"cookie=a=1"}, "cookie=a=1,host=a,"},
    {"cookies apart",
     0,
     {"x=1", "cookie=a=1", "y=2", "cookie=b=2", "cookie=c", "z=3"},
     "x=1,cookie=a=1; b=2; c,y=2,z=3,host=a,"},
    {"an empty cookie", 0, {"cookie=", "cookie=a"}, "cookie=; a,host=a,"},
    {"100-continue", 0, {"expect=100-Continue"}, NULL},
    {"another expectation", 417, {"expect=tea"}, NULL},
    {"OPTIONS *", 0, {":method=OPTIONS", ":path=*"}, NULL},
    {"GET *", 400, {":path=*"}, NULL},
    {"a relative path", 400, {":path=x"}, NULL},
    {"a space in the path", 400, {":path=/a b"}, NULL},
    {"a broken escape", 400, {":path=/%4"}, NULL},
    {"an escaped NUL", 400, {":path=/%00"}, NULL},
    {"an escape in the query is the handler's affair", 0, {":path=/?%4"}, NULL},
    {"CONNECT", 501, {":method=CONNECT"}, NULL},
};

struct head {
    struct server *server;
    struct h2_stream stream;
};

static void head_init(struct head *head)
{
    head->server = calloc(1, sizeof *head->server);
    assert_non_null(head->server);
    head->server->limits = H1_LIMITS_DEFAULT;
    memset(&head->stream, 0, sizeof head->stream);
    head->stream.server = head->server;
    head->stream.fields = head->stream.first_fields;
    head->stream.field_capacity = H2_FIRST_FIELDS;
    arena_init(&head->stream.arena, head->stream.first, sizeof head->stream.first, 1 << 20);
}

static void head_release(struct head *head)
{
    arena_release(&head->stream.arena);
    free(head->server);
}

/* In a copy that ends where the heap ends, and is gone afterwards. */
static void add(struct head *head, const char *name, size_t name_len, const char *value,
                size_t value_len)
{
    char *name_copy = malloc(name_len), *value_copy = malloc(value_len);
    memcpy(name_copy, name, name_len);
    memcpy(value_copy, value, value_len);
    h2_head_add(&head->stream, (galley_str){name_copy, name_len},
                (galley_str){value_copy, value_len});
    free(name_copy);
    free(value_copy);
}

static void add_line(struct head *head, const char *line)
{
    const char *mark = strchr(line + 1, '=');
    if (strcmp(mark, "=-") != 0)
        add(head, line, (size_t)(mark - line), mark + 1, strlen(mark + 1));
}

static bool has_line(const struct row *row, const char *name)
{
    for (int i = 0; i < MAX_LINES && row->lines[i] != NULL; i++)
        if (strncmp(row->lines[i], name, strlen(name)) == 0)
            return true;
    return false;
}

static void check_row(void **state)
{
    static const char *const target[] = {":method=GET", ":scheme=http", ":path=/", ":authority=a"};
    const struct row *row = *state;
    struct head head;
    head_init(&head);
    for (size_t i = 0; i < sizeof target / sizeof target[0]; i++) {
        char name[16] = "";
        memcpy(name, target[i], strcspn(target[i], "="));
        if (!has_line(row, name))
            add_line(&head, target[i]);
    }
    for (int i = 0; i < MAX_LINES && row->lines[i] != NULL; i++)
        add_line(&head, row->lines[i]);
    h2_head_end(&head.stream);
    assert_int_equal(head.stream.refusal, row->status);
    if (row->fields != NULL) {
        char fields[256] = "";
        size_t len = 0;
        for (int i = 0; i < head.stream.field_count; i++) {
            const struct http_field *field = &head.stream.fields[i];
            len += (size_t)snprintf(fields + len, sizeof fields - len, "%.*s=%.*s,",
                                    GALLEY_STR_ARG(field->name), GALLEY_STR_ARG(field->value));
        }
        assert_string_equal(fields, row->fields);
    }
    head_release(&head);
}

/* Limits: at them it passes, beyond them it does not. */
static void limits_hold(void **state)
{
    (void)state;
    static char text[9000];
    memset(text, 'v', sizeof text);
    text[0] = '/';
    static const struct {
        const char *name;
        size_t bytes;
        int count, status;
    } cases[] = {
        {":path", 8192, 1, 0}, {":path", 8193, 1, 414}, {"x", 8191, 1, 0}, {"x", 8192, 1, 431},
        {"x", 1, 100, 0},      {"x", 1, 101, 431},      {"x", 8000, 4, 0}, {"x", 8000, 5, 431},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct head head;
        head_init(&head);
        add_line(&head, ":method=GET");
        add_line(&head, ":authority=a");
        if (cases[i].name[0] != ':')
            add_line(&head, ":path=/");
        for (int k = 0; k < cases[i].count; k++)
            add(&head, cases[i].name, strlen(cases[i].name), text, cases[i].bytes);
        h2_head_end(&head.stream);
        if (head.stream.refusal != cases[i].status)
            fail_msg("%d times %s of %zu bytes: %d, expected %d", cases[i].count, cases[i].name,
                     cases[i].bytes, head.stream.refusal, cases[i].status);
        head_release(&head);
    }
}

static void a_length_is_read(void **state)
{
    (void)state;
    struct head head;
    head_init(&head);
    add_line(&head, "content-length=12345678901");
    assert_true(head.stream.has_content_length);
    assert_true(head.stream.content_length == 12345678901);
    head_release(&head);
}

int main(void)
{
    enum { COUNT = sizeof rows / sizeof rows[0] };
    static struct CMUnitTest tests[COUNT + 2] = {cmocka_unit_test(limits_hold),
                                                 cmocka_unit_test(a_length_is_read)};
    for (size_t i = 0; i < COUNT; i++)
        tests[i + 2] = (struct CMUnitTest){.name = rows[i].name,
                                           .test_func = check_row,
                                           .initial_state = (void *)(uintptr_t)&rows[i]};
    return cmocka_run_group_tests_name("h2_headers", tests, NULL, NULL);
}
