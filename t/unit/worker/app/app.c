/* t/unit/worker/app/app.c - whole requests through an application, without a socket: a transport that keeps what is sent.
 * The rows of app.def are FastAPI's own answers. */
#include "t/apps/parameters.c"

#include "t/unit/worker/app/world.h"
#include "worker/http/response.h"

struct row {
    const char *name, *method, *target, *fields;
    int status;
    const char *body; /* or "-> location" */
};

static const struct row fastapi_rows[] = {
#include "t/unit/worker/app/app.def"
};

/* What only Galley answers so, or what FastAPI was not asked. */
static const struct row own_rows[] = {
    {"HEAD of a GET route", "HEAD", "/bins/17", "", 200, "{\"value\":17}"},
    {"HEAD, bad input", "HEAD", "/switch", "", 422,
     "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"query\",\"on\"],\"msg\":\"Field required\","
     "\"input\":null}]}"},
    {"no such path", "GET", "/nowhere", "", 404, "{\"detail\":\"Not Found\"}"},
    {"no such path, odd method", "BREW", "/nowhere", "", 404, "{\"detail\":\"Not Found\"}"},
    {"no such method", "POST", "/bins/17", "", 405, "{\"detail\":\"Method Not Allowed\"}"},
    {"OPTIONS is no automatic method", "OPTIONS", "/bins/17", "", 405,
     "{\"detail\":\"Method Not Allowed\"}"},
    {"method before validation", "DELETE", "/bins/x", "", 405,
     "{\"detail\":\"Method Not Allowed\"}"},
    {"encoded letters match literals", "GET", "/%62ins/%31%37", "", 200, "{\"value\":17}"},
    {"address without escapes that are not needed", "GET", "/%62ins/%31%37/?%31", "", 307,
     "-> /bins/17?%31"},
    {"address with those that are", "GET", "/names/%3f%23%25%2Fb%5c%e2%82%ac|/?\"{a}\"&[b]", "",
     307, "-> /names/%3f%23%25%2Fb%5C%E2%82%AC%7C?%22%7Ba%7D%22&[b]"},
    {"cookie between no-break spaces", "GET", "/cookies",
     "Cookie: \xA0session\x85=\xA0 abcd\x85;visits=5\xA0\n", 200,
     "{\"session\":\"abcd\",\"visits\":5}"},
    {"encoded NUL", "GET", "/names/a%00b", "", 400, "{\"detail\":\"Bad Request\"}"},
    {"line break in a path parameter", "GET", "/tree/a%0Ab", "", 404, "{\"detail\":\"Not Found\"}"},
    {"encoded slash in a path parameter", "GET", "/tree/a%2Fb/c", "", 200, "{\"value\":\"a/b/c\"}"},
    {"cut UTF-8", "GET", "/names/%E2%82x", "", 200, "{\"value\":\"\xEF\xBF\xBDx\"}"},
    {"surrogate in UTF-8", "GET", "/names/%ED%A0%80", "", 200,
     "{\"value\":\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}"},
    {"redirect keeps the query", "GET", "/search/?q=a%20b&x=/", "", 307, "-> /search?q=a%20b&x=/"},
    {"redirect with an empty query", "GET", "/search/?", "", 307, "-> /search"},
    {"redirect drops every slash", "GET", "/search///", "", 307, "-> /search"},
    {"redirect of any method", "POST", "/search/", "", 307, "-> /search"},
    {"broken escapes stay", "GET", "/search?q=%zz%4&q=%", "", 200,
     "{\"q\":\"%\",\"limit\":20,\"offset\":0,\"in_stock\":null,\"zone\":null,\"sort\":\"name\"}"},
    {"encoded name of a parameter", "GET", "/switch?%6Fn=1", "", 200, "{\"value\":true}"},
    {"name without a value", "GET", "/switch?on", "", 422,
     "{\"detail\":[{\"type\":\"bool_parsing\",\"loc\":[\"query\",\"on\"],\"msg\":\"Input should be "
     "a valid boolean, unable to interpret input\",\"input\":\"\"}]}"},
    {"empty pairs", "GET", "/switch?&&on=1&", "", 200, "{\"value\":true}"},
    {"field in Latin-1", "GET", "/headers", "X-Trace-Id: \xE5\n", 200,
     "{\"user_agent\":null,\"x_trace_id\":\"\xC3\xA5\",\"x_tag\":[],\"odd_name\":null,"
     "\"x_depth\":0}"},
    {"scalar field twice: the first", "GET", "/headers", "X-Depth: 1\nX-Depth: 2\n", 200,
     "{\"user_agent\":null,\"x_trace_id\":null,\"x_tag\":[],\"odd_name\":null,\"x_depth\":1}"},
    {"cookie twice: the last", "GET", "/cookies", "Cookie: visits=1; visits=2\nCookie: visits=3\n",
     200, "{\"session\":null,\"visits\":3}"},
    {"quoted cookie", "GET", "/cookies", "Cookie: session=\"a\\\"b\\345\\054\"\n", 200,
     "{\"session\":\"a\\\"b\xC3\xA5,\",\"visits\":0}"},
    {"narrow ints", "GET", "/narrow?small=-2147483648&count=10", "", 200,
     "{\"small\":-2147483648,\"count\":10}"},
    {"too small for its type", "GET", "/narrow?small=-2147483649", "", 422,
     "{\"detail\":[{\"type\":\"greater_than_equal\",\"loc\":[\"query\",\"small\"],\"msg\":\"Input "
     "should be greater than or equal to -2147483648\",\"input\":\"-2147483649\",\"ctx\":{\"ge\":"
     "-2147483648}}]}"},
    {"its own bound comes first", "GET", "/narrow?count=4294967296", "", 422,
     "{\"detail\":[{\"type\":\"less_than_equal\",\"loc\":[\"query\",\"count\"],\"msg\":\"Input "
     "should be less than or equal to 10\",\"input\":\"4294967296\",\"ctx\":{\"le\":10}}]}"},
    {"multiples of a float, nearly", "GET", "/ranges?e=0.7500000009", "", 200,
     "{\"a\":5,\"b\":0,\"c\":7,\"d\":1.0,\"e\":0.7500000009}"},
    {"multiples of a float, not quite", "GET", "/ranges?e=261667846166.80927", "", 422,
     "{\"detail\":[{\"type\":\"multiple_of\",\"loc\":[\"query\",\"e\"],\"msg\":\"Input should be a "
     "multiple of 0.25\",\"input\":\"261667846166.80927\",\"ctx\":{\"multiple_of\":0.25}}]}"},
    {"NaN is refused before bounds", "GET", "/ranges?d=nan", "", 422,
     "{\"detail\":[{\"type\":\"finite_number\",\"loc\":[\"query\",\"d\"],\"msg\":\"Input should be "
     "a finite number\",\"input\":\"nan\"}]}"},
};

/* ---- the fixture ---- */

/* One request and what came back. */
struct exchange {
    const struct row *row;
    int status;
    size_t body_len;
    bool is_head_sent, is_ended;
    char body[4096], fields[1024], type[128];
};

static struct exchange now;

static int keep_head(struct galley_request *req, uint64_t content_length, const void *body,
                     size_t len, bool is_end)
{
    size_t used = 0;
    assert_false(now.is_head_sent);
    now.is_head_sent = true;
    now.is_ended = is_end;
    now.status = req->status;
    if (is_end)
        assert_int_equal(content_length, len);
    assert_true(len < sizeof now.body);
    if (len > 0)
        memcpy(now.body, body, len);
    now.body_len = len;
    snprintf(now.type, sizeof now.type, "%.*s", GALLEY_STR_ARG(req->content_type));
    for (const struct http_out_field *f = req->out_first; f != NULL; f = f->next)
        used += (size_t)snprintf(now.fields + used, sizeof now.fields - used, "%.*s: %.*s\n",
                                 GALLEY_STR_ARG(f->name), GALLEY_STR_ARG(f->value));
    return 0;
}

static const struct transport keeping = {.send_head = keep_head};

/* Fill in a request as a transport would. Fields are "Name: value\n" each. */
static void describe(struct galley_request *req, const struct row *row, struct http_field *fields)
{
    const char *mark = strchr(row->target, '?');
    size_t path_len = mark != NULL ? (size_t)(mark - row->target) : strlen(row->target);
    req->method_text = (galley_str){row->method, strlen(row->method)};
    req->path_encoded = (galley_str){row->target, path_len};
    req->has_query = mark != NULL;
    if (mark != NULL)
        req->query = (galley_str){mark + 1, strlen(mark + 1)};
    for (const char *at = row->fields; *at != '\0'; at = strchr(at, '\n') + 1) {
        const char *colon = strchr(at, ':'), *end = strchr(at, '\n');
        fields[req->field_count].name = (galley_str){at, (size_t)(colon - at)};
        fields[req->field_count++].value = (galley_str){colon + 2, (size_t)(end - colon - 2)};
    }
    req->fields = fields;
}

static void request_main(galley_async *co, void *arg)
{
    struct galley_request req;
    struct http_field fields[8];
    char first[1024];
    (void)arg;
    memset(&req, 0, sizeof req);
    req.co = co;
    req.server = world.server;
    req.transport = &keeping;
    arena_init(&req.arena, first, sizeof first, 1 << 20);
    co->arena = &req.arena;
    co->request = &req;
    describe(&req, now.row, fields);
    app_handle(world.server->app, &req);
    co->arena = NULL;
    co->request = NULL;
    arena_release(&req.arena);
}

static void ask(const struct row *row)
{
    memset(&now, 0, sizeof now);
    now.row = row;
    world_run(request_main);
}

static void check(const struct row *row)
{
    const char *location = strncmp(row->body, "-> ", 3) == 0 ? row->body + 3 : NULL;
    char field[512];
    ask(row);
    if (!now.is_ended || now.status != row->status)
        fail_msg("%s: status %d, not %d: %.*s", row->name, now.status, row->status,
                 (int)now.body_len, now.body);
    if (location != NULL) {
        snprintf(field, sizeof field, "location: %s\n", location);
        assert_string_equal(now.fields, field);
        assert_int_equal(now.body_len, 0);
        return;
    }
    if (now.body_len != strlen(row->body) || memcmp(now.body, row->body, now.body_len) != 0)
        fail_msg("%s:\n  got  %.*s\n  want %s", row->name, (int)now.body_len, now.body, row->body);
    assert_string_equal(now.type, "application/json");
}

static void fastapis_answers(void **state)
{
    for (size_t i = 0; i < sizeof fastapi_rows / sizeof fastapi_rows[0]; i++)
        check(&fastapi_rows[i]);
}

static void our_answers(void **state)
{
    for (size_t i = 0; i < sizeof own_rows / sizeof own_rows[0]; i++)
        check(&own_rows[i]);
}

static void allow_is_the_union(void **state)
{
    ask(&(struct row){"", "PUT", "/bins/3", "", 405, ""});
    assert_string_equal(now.fields, "allow: GET, HEAD\n");
}

static void titles_have_defaults(void **state)
{
    (void)state;
    struct errmsg why = {{0}};
    assert_string_equal(app_title(world.server->app), "Warehouse lookups");
    const struct galley_app bare = {.abi = GALLEY_ABI};
    struct app *app = app_new(&bare, &why);
    assert_non_null(app);
    assert_string_equal(app_title(app), "Galley");
    assert_string_equal(app_version(app), "0.1.0");
    app_free(app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fastapis_answers),
        cmocka_unit_test(our_answers),
        cmocka_unit_test(allow_is_the_union),
        cmocka_unit_test(titles_have_defaults),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
