/* t/unit/worker/app/inputs.c - whole requests through t/apps/places.c: what each place gives, and what is said of it.
 * The rows of inputs.def are FastAPI's own answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <galley/test.h>

#include "t/apps/places.c"

struct row {
    const char *name, *method, *target, *fields, *body;
    size_t body_bytes;
    int status;
    const char *answer;
};

static const struct row fastapi_rows[] = {
#include "t/unit/worker/app/inputs.def"
};

#define MULTIPART        "Content-Type: multipart/form-data; boundary=X\n"
#define PART(head, data) "--X\r\nContent-Disposition: form-data; " head "\r\n\r\n" data "\r\n"
#define BODY_OF(text)    text, sizeof(text) - 1

/* What Galley answers otherwise: bodies that break off are refused, a file in an error is what came with it. */
static const struct row own_rows[] = {
    {"multipart that breaks off in its end", "POST", "/file", MULTIPART,
     BODY_OF(PART("name=f; filename=a", "x") "--X-\r\n"), 400,
     "{\"detail\":\"There was an error parsing the body\"}"},
    {"multipart that breaks off in a boundary", "POST", "/file", MULTIPART,
     BODY_OF(PART("name=f; filename=a", "x") "--"), 400,
     "{\"detail\":\"There was an error parsing the body\"}"},
    {"multipart that breaks off in a head", "POST", "/file", MULTIPART,
     BODY_OF("--X\r\nContent-Dis"), 400, "{\"detail\":\"There was an error parsing the body\"}"},
    {"multipart whose part has no line before the boundary", "POST", "/file", MULTIPART,
     BODY_OF("--X\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n--X--\r\n"), 400,
     "{\"detail\":\"There was an error parsing the body\"}"},
    {"too many files", "POST", "/files", MULTIPART,
     BODY_OF(PART("name=fs; filename=a", "1") PART("name=fs; filename=\"b\\\"\"", "22")
                 PART("name=fs", "t") "--X--"),
     422,
     "{\"detail\":[{\"type\":\"too_long\",\"loc\":[\"body\",\"fs\"],\"msg\":\"List should have at "
     "most 2 "
     "items after validation, not "
     "3\",\"input\":[{\"filename\":\"a\",\"size\":1},{\"filename\":\"b\\\"\","
     "\"size\":2},\"t\"],\"ctx\":{\"field_type\":\"List\",\"max_length\":2,\"actual_length\":3}}]"
     "}"},
    {"a file where a text is wanted", "POST", "/sheet", MULTIPART,
     BODY_OF(PART("name=title; filename=a", "xyz") "--X--"), 422,
     "{\"detail\":[{\"type\":\"string_type\",\"loc\":[\"body\",\"title\"],\"msg\":\"Input should "
     "be a valid "
     "string\",\"input\":{\"filename\":\"a\",\"size\":3}}]}"},
    {"a file that a strict form does not know", "POST", "/strict-sheet", MULTIPART,
     BODY_OF(PART("name=title", "ab") PART("name=x; filename=a", "xyz") "--X--"), 422,
     "{\"detail\":[{\"type\":\"extra_forbidden\",\"loc\":[\"body\",\"x\"],\"msg\":\"Extra inputs "
     "are not "
     "permitted\",\"input\":{\"filename\":\"a\",\"size\":3}}]}"},
};

static void ask(struct galley_test *t, const struct row *row)
{
    enum { MAX_FIELDS = 8 };
    char copy[8192], *fields = copy;
    const char *headers[MAX_FIELDS + 1] = {NULL};
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", row->fields);
    for (char *line; (line = strsep(&fields, "\n")) != NULL && *line != '\0';)
        headers[count++] = line;
    struct galley_reply r =
        galley_test_request(t, .method = row->method, .path = row->target, .headers = headers,
                            .body = {(const uint8_t *)row->body, row->body_bytes}, .stay = true);
    galley_test_is(t, r.status, row->status, row->name);
    galley_test_is(t, r.body, row->answer, row->name);
}

/* ---- large bodies ---- */

/* `before`, `each` repeated, `after`. */
static galley_bytes repeat(const char *before, const char *each, size_t count, const char *after)
{
    size_t len = strlen(before) + strlen(each) * count + strlen(after), at = strlen(before);
    char *text = malloc(len + 1);
    if (text == NULL)
        abort();
    memcpy(text, before, at);
    for (size_t i = 0; i < count; i++, at += strlen(each))
        memcpy(text + at, each, strlen(each));
    memcpy(text + at, after, strlen(after) + 1);
    return (galley_bytes){(uint8_t *)text, len};
}

static const struct {
    const char *name, *target, *type, *before, *each;
    size_t count;
    const char *after;
    int status;
    const char *answer;
} large_rows[] = {
    {"1000 fields", "/sheet", "application/x-www-form-urlencoded", "title=ab", "&a=1", 999, "", 200,
     "{\"title\":\"ab\",\"count\":1,\"tags\":[],\"day\":null}"},
    {"1001 fields", "/sheet", "application/x-www-form-urlencoded", "title=ab", "&a=1", 1000, "",
     400, "{\"detail\":\"Too many fields. Maximum number of fields is 1000.\"}"},
    {"a field that is too large", "/sheet", "application/x-www-form-urlencoded", "title", "=",
     1048573, "", 400, "{\"detail\":\"Field exceeded maximum size of 1024KB.\"}"},
    {"1000 parts", "/content-or-none", "multipart/form-data; boundary=X", "",
     "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", 1000, "--X--", 200, "-1"},
    {"1001 parts", "/sheet", "multipart/form-data; boundary=X", "",
     "--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", 1001, "--X--", 400,
     "{\"detail\":\"Too many fields. Maximum number of fields is 1000.\"}"},
    {"1001 files", "/sheet", "multipart/form-data; boundary=X", "",
     "--X\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n1\r\n", 1001, "--X--", 400,
     "{\"detail\":\"Too many files. Maximum number of files is 1000.\"}"},
    {"a text of 1 MiB", "/content-or-none", "multipart/form-data; boundary=X",
     "--X\r\nContent-Disposition: form-data; name=f\r\n\r\n", "x", 1 << 20, "\r\n--X--", 200,
     "1048576"},
    {"a text that is too large", "/content-or-none", "multipart/form-data; boundary=X",
     "--X\r\nContent-Disposition: form-data; name=f\r\n\r\n", "x", (1 << 20) + 1, "\r\n--X--", 400,
     "{\"detail\":\"Part exceeded maximum size of 1024KB.\"}"},
    {"a file in memory", "/content-or-none", "multipart/form-data; boundary=X",
     "--X\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n", "x", 1 << 20, "\r\n--X--",
     200, "1048576"},
    {"a file on disk", "/content-or-none", "multipart/form-data; boundary=X",
     "--X\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\n", "0123456789", 300000,
     "\r\n--X--", 200, "3000000"},
    {"a list of half a million numbers", "/list", "application/json", "[1", ",1", 499999, "]", 200,
     NULL},
    {"fifty objects that are larger than their text", "/fats", "application/json", "[{}", ",{}", 49,
     "]", 200, "50"},
    {"too many objects that are larger than their text", "/fats", "application/json", "[{}", ",{}",
     9999, "]", 413, "{\"detail\":\"Content Too Large\"}"},
    {"what would be shown is too large", "/strict-sheet", "application/x-www-form-urlencoded",
     "x=", "\001", 100000, "", 413, "{\"detail\":\"Content Too Large\"}"},
};

static void ask_large(struct galley_test *t)
{
    for (size_t i = 0; i < sizeof large_rows / sizeof large_rows[0]; i++) {
        char type[128];
        galley_bytes body = repeat(large_rows[i].before, large_rows[i].each, large_rows[i].count,
                                   large_rows[i].after);
        snprintf(type, sizeof type, "Content-Type: %s", large_rows[i].type);
        struct galley_reply r =
            galley_test_request(t, .method = "POST", .path = large_rows[i].target,
                                .headers = GALLEY_TEST_HEADERS(type), .body = body);
        galley_test_is(t, r.status, large_rows[i].status, large_rows[i].name);
        if (large_rows[i].answer != NULL)
            galley_test_is(t, r.body, large_rows[i].answer, large_rows[i].name);
        free((void *)(uintptr_t)body.data);
    }
}

int main(void)
{
    struct galley_test *t = galley_test_start(&galley_app);
    for (size_t i = 0; i < sizeof fastapi_rows / sizeof fastapi_rows[0]; i++)
        ask(t, &fastapi_rows[i]);
    for (size_t i = 0; i < sizeof own_rows / sizeof own_rows[0]; i++)
        ask(t, &own_rows[i]);
    ask_large(t);
    return galley_test_end(t);
}
