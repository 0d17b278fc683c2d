/* t/unit/worker/app/multipart.c - multipart bodies, each whole and in pieces of every size: the same parts come out.
 * What is expected was compared with python-multipart 0.0.34, also for 200,000 generated bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "worker/app/multipart.h"

#define HEAD "Content-Disposition: form-data; name=a\r\n\r\n"
#define END  "\r\n--XbX--\r\n"

/* A tale is a list of parts, "name|filename|type|data;" each, "~" for what is absent, and how it ended: "ok", "cut", "bad" or
 * "nameless". */
static const struct {
    const char *name, *body, *tale;
} rows[] = {
    {"nothing", "", "ok"},
    {"a text", "--XbX\r\n" HEAD "text" END, "a|~|~|text;ok"},
    {"an empty one", "--XbX\r\n" HEAD END, "a|~|~|;ok"},
    {"two", "--XbX\r\n" HEAD "1\r\n--XbX\r\n" HEAD "2" END, "a|~|~|1;a|~|~|2;ok"},
    {"a file",
     "--XbX\r\ncontent-TYPE: text/x; y=z\r\nContent-Disposition: form-data; name=\"f\"; "
     "filename=\"g h\"\r\n\r\n\x01" END,
     "f|g h|text/x; y=z|\x01;ok"},
    {"only the end", "--XbX--\r\n", "ok"},
    {"no line after the end", "--XbX\r\n" HEAD "x\r\n--XbX--", "a|~|~|x;ok"},
    {"what follows the end", "--XbX\r\n" HEAD "x" END "\r\n--XbX\r\n" HEAD, "a|~|~|x;ok"},
    {"lines before", "\r\n\nhello \r\n--XbX\r\n" HEAD "x" END, "a|~|~|x;ok"},
    {"nothing but lines", "\r\n\n", "ok"},
    {"text before", "hello\r\n--XbX\r\n" HEAD "x" END, "bad"},
    {"no line after the first boundary", "--XbX" HEAD "x" END, "bad"},
    {"blanks after a boundary", "--XbX\r\n" HEAD "x\r\n--XbX \t\r\n" HEAD "y" END,
     "a|~|~|x;a|~|~|y;ok"},
    {"blanks and more after a boundary", "--XbX\r\n" HEAD "x\r\n--XbX x\r\n" HEAD "y" END,
     "a|~|~|x;bad"},
    {"much that is no boundary", "--XbX\r\n" HEAD "\r\r\n\r\n-\r\n--\r\n--Xb\r\n--XbY\r--XbX" END,
     "a|~|~|\r\r\n\r\n-\r\n--\r\n--Xb\r\n--XbY\r--XbX;ok"},
    {"a boundary and more is data", "--XbX\r\n" HEAD "\r\n--XbX1\r\n--XbX-\r\n--XbX\r\r" END,
     "a|~|~|\r\n--XbX1\r\n--XbX-\r\n--XbX\r\r;ok"},
    {"no line before the boundary", "--XbX\r\n" HEAD "--XbX--", "a|~|~|--XbX--;cut"},
    {"cut in the first boundary", "--Xb", "cut"},
    {"cut in a head", "--XbX\r\nContent-Dis", "cut"},
    {"cut in the data", "--XbX\r\n" HEAD "x\r\n--X", "a|~|~|x;cut"},
    {"cut before the last dash", "--XbX\r\n" HEAD "x\r\n--XbX-", "a|~|~|x;cut"},
    {"no disposition", "--XbX\r\nX: y\r\n\r\nx" END, "nameless"},
    {"no head", "--XbX\r\n\r\nx" END, "nameless"},
    {"a bare CR in a head", "--XbX\r\nX: a\rb\r\n" HEAD "x" END, "bad"},
    {"a bare LF in a head", "--XbX\r\nX: a\nb\r\n" HEAD "x" END, "a|~|~|x;ok"},
    {"a blank in a field's name", "--XbX\r\nX Y: a\r\n" HEAD "x" END, "bad"},
    {"a field without a name", "--XbX\r\n: a\r\n" HEAD "x" END, "bad"},
    {"a field without a colon", "--XbX\r\nXY\r\n" HEAD "x" END, "bad"},
    {"eight fields", "--XbX\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n" HEAD "x" END,
     "a|~|~|x;ok"},
    {"nine fields", "--XbX\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n" HEAD "x" END,
     "bad"},
    {"the last disposition, the first type",
     "--XbX\r\nContent-Type: 1\r\nContent-Disposition: x; name=q\r\nContent-Type: 2\r\n" HEAD
     "x" END,
     "a|~|1|x;ok"},
};

static void put(char *tale, size_t size, galley_str text)
{
    size_t len = strlen(tale);
    if (text.data == NULL)
        text = GALLEY_STR("~");
    snprintf(tale + len, size - len, "%.*s", GALLEY_STR_ARG(text));
}

/* Feed a piece that ends where its memory does. false: it ended badly. */
static bool feed(struct multipart *m, const char *piece, size_t len, char *tale, size_t size)
{
    char *copy = malloc(len);
    memcpy(copy, piece, len);
    const char *at = copy;
    for (;;) {
        switch (multipart_next(m, &at, copy + len)) {
        case MULTIPART_MORE:
            assert_ptr_equal(at, copy + len);
            free(copy);
            return true;
        case MULTIPART_PART:
            put(tale, size, m->name);
            put(tale, size, GALLEY_STR("|"));
            put(tale, size, m->filename);
            put(tale, size, GALLEY_STR("|"));
            put(tale, size, m->content_type);
            put(tale, size, GALLEY_STR("|"));
            break;
        case MULTIPART_DATA:
            assert_true(m->data.len > 0);
            put(tale, size, m->data);
            break;
        case MULTIPART_PART_END:
            put(tale, size, GALLEY_STR(";"));
            break;
        case MULTIPART_END:
            break;
        case MULTIPART_BAD:
        case MULTIPART_NAMELESS:
            put(tale, size,
                m->state == MULTIPART_STATE_OPENED ? GALLEY_STR("nameless") : GALLEY_STR("bad"));
            free(copy);
            return false;
        }
    }
}

static void check(const char *name, const char *body, const char *want, size_t piece)
{
    static struct multipart m;
    char tale[512] = "";
    size_t len = strlen(body);
    bool is_good = true;
    memset(&m, 0xA5, sizeof m);
    assert_int_equal(multipart_init(&m, GALLEY_STR("XbX")), 0);
    for (size_t at = 0; is_good && at < len; at += piece)
        is_good = feed(&m, body + at, len - at < piece ? len - at : piece, tale, sizeof tale);
    if (is_good)
        put(tale, sizeof tale, multipart_may_end(&m) ? GALLEY_STR("ok") : GALLEY_STR("cut"));
    /* What is held back of a body that was cut is a matter of where: the beginning of a boundary is never told. */
    if (strcmp(tale, want) != 0 && strstr(want, "cut") == NULL)
        fail_msg("%s, pieces of %zu: \"%s\" instead of \"%s\"", name, piece, tale, want);
    assert_int_equal(strstr(tale, "cut") != NULL, strstr(want, "cut") != NULL);
}

static void parts_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t piece = 1; piece <= strlen(rows[i].body) + 1; piece++)
            check(rows[i].name, rows[i].body, rows[i].tale, piece);
}

static void lines_have_a_limit(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        char body[8192];
        int len = snprintf(body, sizeof body, "--XbX\r\nX: %0*d\r\n" HEAD "x" END,
                           (int)(MULTIPART_MAX_LINE - 3 + extra), 0);
        assert_true(len > 0 && (size_t)len < sizeof body);
        check("a long line", body, extra ? "bad" : "a|~|~|x;ok", 1000);
    }
}

static void boundaries_have_a_limit(void **state)
{
    (void)state;
    static struct multipart m;
    char boundary[MULTIPART_MAX_BOUNDARY + 1];
    memset(boundary, 'x', sizeof boundary);
    assert_int_equal(multipart_init(&m, (galley_str){boundary, MULTIPART_MAX_BOUNDARY}), 0);
    assert_true(multipart_init(&m, (galley_str){boundary, sizeof boundary}) < 0);
}

static const struct {
    const char *field, *value; /* of its parameter `name`; NULL: none */
} options[] = {
    {"x; name=a", "a"},
    {"x;name=a", "a"},
    {"x ; NAME = a ; b=c", "a"},
    {"x; name=\"a b\"", "a b"},
    {"x; name=\"a;b\"; c", "a;b"},
    {"x; name=\"a\\\"b\\\\c\"", "a\"b\\c"},
    {"x; name=\"a", "\"a"},
    {"x; name=\"", "\""},
    {"x; name=\"\"", ""},
    {"x; name=", ""},
    {"x; name", ""},
    {"x; name=a; name=b", "b"},
    {"x; name*=utf-8''a", NULL},
    {"x; rename=a", NULL},
    {"name=a", NULL},
    {"", NULL},
    {";;; name=a;", "a"},
    {"x; y=\"; name=b\"; name=c", "c"},
};

static void options_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        char room[64];
        galley_str field = {options[i].field, strlen(options[i].field)};
        galley_str value = multipart_option(field, GALLEY_STR("name"), room);
        if ((value.data == NULL) != (options[i].value == NULL) ||
            (value.data != NULL && (value.len != strlen(options[i].value) ||
                                    memcmp(value.data, options[i].value, value.len) != 0)))
            fail_msg("%s: \"%.*s\"", options[i].field, GALLEY_STR_ARG(value));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_told),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(boundaries_have_a_limit),
        cmocka_unit_test(options_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
