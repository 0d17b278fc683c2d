/* 24-testing-test.c - the tests of 24-testing.c. */
#include <galley/test.h>

#define TOKEN GALLEY_TEST_HEADERS("X-Token: coneofsilence")

int main(void)
{
    struct galley_test *t = galley_test_start(&galley_app);

    struct galley_reply r = galley_test_request(t, .path = "/items/foo", .headers = TOKEN);
    galley_test_is(t, r.status, 200, "an item");
    galley_test_is(t, r.body,
                   "{\"id\":\"foo\",\"title\":\"Foo\",\"description\":\"There goes my hero\"}",
                   "it is Foo");

    r = galley_test_request(t, .path = "/items/foo", .headers = GALLEY_TEST_HEADERS("X-Token: hailhydra"));
    galley_test_answers(t, r, 400, "{\"detail\":\"Invalid X-Token header\"}", "a wrong token");

    r = galley_test_request(t, .path = "/items/baz", .headers = TOKEN);
    galley_test_answers(t, r, 404, "{\"detail\":\"Item not found\"}", "an item that is not there");

    r = galley_test_request(t, .path = "/items", .headers = TOKEN,
                            .json = "{\"id\":\"bar\",\"title\":\"Bar\"}");
    galley_test_is(t, r.status, 200, "a new item: ten seconds of its clock, none of ours");
    galley_test_json_is(t, r, "description", "null", "without a description");

    r = galley_test_request(t, .path = "/items", .headers = TOKEN, .json = "{\"id\":1}");
    galley_test_is(t, r.status, 422, "an item that is none");
    galley_test_json_is(t, r, "detail.0.loc", "[\"body\",\"id\"]", "its id is wrong");
    galley_test_json_is(t, r, "detail.1.type", "\"missing\"", "and its title missing");

    return galley_test_end(t);
}
