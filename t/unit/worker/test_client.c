/* t/unit/worker/test_client.c - galley/test.h, tested by itself: an application, its checks, and what failing ones print. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <galley.h>
#include <galley/test.h>

#include "common/loop.h"

static int start_count, stop_count, background_count;
static int pipe_fds[2];

/* ---- the application ---- */

static galley_str text_of(galley_async *co, galley_str text)
{
    return text.data != NULL ? text : galley_format(co, "none");
}

static int show(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    galley_str name, value,
        all = galley_format(co, "%.*s %.*s", GALLEY_STR_ARG(galley_method(co)),
                            GALLEY_STR_ARG(galley_path(co)));
    for (size_t i = 0; galley_header_at(co, i, &name, &value); i++)
        all = galley_format(co, "%.*s|%.*s=%.*s", GALLEY_STR_ARG(all), GALLEY_STR_ARG(name),
                            GALLEY_STR_ARG(value));
    out->text = galley_format(co, "%.*s|?%.*s", GALLEY_STR_ARG(all),
                              GALLEY_STR_ARG(text_of(co, galley_query(co))));
    return 0;
}

static int echo(galley_async *co, const struct galley_none *in, struct galley_stream *out)
{
    char piece[7];
    ssize_t n;
    int rc = 0;
    (void)in;
    while (rc == 0 && (n = galley_body_read(co, piece, sizeof piece)) != 0)
        rc = n < 0 ? (int)n : galley_write(co, out, piece, (size_t)n);
    return rc;
}

GALLEY_STRUCT(ms_in, (int64_t, ms, QUERY));
GALLEY_STRUCT(took, (int64_t, ms), (int64_t, rc));

static int sleep_ms(galley_async *co, const struct ms_in *in, struct took *out)
{
    int64_t start_ms = galley_now_ms(co);
    int rc = galley_sleep_ms(co, in->ms);
    out->ms = galley_now_ms(co) - start_ms;
    return rc;
}

static int block_ms(galley_sync *rq, const struct ms_in *in, struct took *out)
{
    (void)rq;
    nanosleep(&(struct timespec){.tv_nsec = in->ms * 1000000}, NULL);
    *out = (struct took){in->ms, 0};
    return 0;
}

static int write_pipe(galley_sync *rq, int *fd)
{
    (void)rq;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    return write(*fd, "x", 1) == 1 ? 0 : -errno;
}
static int send_pipe(galley_async *co, int *fd)
{
    return galley_to_thread(co, write_pipe, fd);
}

/* Waits for what a thread will write; with ms=0 nobody does. */
static int wait_pipe(galley_async *co, const struct ms_in *in, struct took *out)
{
    char byte;
    int64_t start_ms = galley_now_ms(co);
    galley_task *task = in->ms > 0 ? galley_spawn(co, send_pipe, &pipe_fds[1]) : NULL;
    out->rc = galley_wait_fd(co, pipe_fds[0], GALLEY_READ, in->ms > 0 ? in->ms : 30);
    out->ms = galley_now_ms(co) - start_ms;
    if (in->ms > 0 && (read(pipe_fds[0], &byte, 1) != 1 || galley_await(co, task) < 0))
        return galley_fail(co, 500, "nothing was written");
    return 0;
}

GALLEY_STRUCT(redirect_in, (int64_t, status, QUERY), (galley_str, to, QUERY));
static int redirect(galley_async *co, const struct redirect_in *in, struct galley_redirect *out)
{
    galley_set_status(co, (int)in->status);
    out->location = in->to;
    return 0;
}

static int log_in(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in, (void)out;
    return galley_set_cookie(co, .name = "user", .value = "ann lee") < 0 ||
                   galley_set_cookie(co, .name = "lang", .value = "en") < 0
               ? -EINVAL
               : 0;
}
static int log_out(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in, (void)out;
    return galley_set_cookie(co, .name = "user", .max_age_s = -1);
}

static int break_off(galley_async *co, const struct galley_none *in, struct galley_stream *out)
{
    (void)in;
    int rc = galley_write(co, out, "half", 4);
    return rc < 0 ? rc : -EIO;
}

static int send_file(galley_async *co, const struct galley_none *in, struct galley_file *out)
{
    (void)co, (void)in;
    out->path = "t/unit/worker/test_client.c";
    return 0;
}

static int tick(galley_async *co, int *count)
{
    int rc = 0;
    while ((rc = galley_sleep_ms(co, 999)) == 0) /* the sleep is 1,000 ms by the clock */
        ++*count;
    return rc;
}
static int begin_ticking(galley_async *co, const struct galley_none *in, struct galley_none *out)
{
    (void)in, (void)out;
    return galley_background(co, tick, &background_count);
}

static int on_start(galley_async *co)
{
    start_count++;
    return galley_sleep_ms(co, 1000);
}
static void on_stop(galley_async *co)
{
    stop_count += galley_sleep_ms(co, 1000) == 0;
}

GALLEY_APP(.title = "Under test", .on_start = on_start, .on_stop = on_stop,
           .routes = GALLEY_ROUTES(GALLEY_GET("/show", show, galley_none, galley_text),
                                   GALLEY_GET("/caf\xC3\xA9", show, galley_none, galley_text),
                                   GALLEY_POST("/show", show, galley_none, galley_text),
                                   GALLEY_DELETE("/show", show, galley_none, galley_text),
                                   GALLEY_POST("/echo", echo, galley_none, galley_stream,
                                               .max_body_bytes = 1000),
                                   GALLEY_GET("/sleep", sleep_ms, ms_in, took),
                                   GALLEY_GET("/block", block_ms, ms_in, took),
                                   GALLEY_GET("/pipe", wait_pipe, ms_in, took),
                                   GALLEY_GET("/go", redirect, redirect_in, galley_redirect),
                                   GALLEY_POST("/go", redirect, redirect_in, galley_redirect),
                                   GALLEY_POST("/login", log_in, galley_none, galley_text),
                                   GALLEY_POST("/logout", log_out, galley_none, galley_text),
                                   GALLEY_GET("/broken", break_off, galley_none, galley_stream),
                                   GALLEY_GET("/file", send_file, galley_none, galley_file),
                                   GALLEY_POST("/ticks", begin_ticking, galley_none, galley_none)));

static int refuse_to_start(galley_async *co)
{
    int rc = galley_sleep_ms(co, 5000);
    return rc < 0 ? rc : -ENOTCONN;
}
static const struct galley_app broken_app = {
    .abi = GALLEY_ABI, .title = "Broken", .on_start = refuse_to_start};

/* ---- requests and answers ---- */

#define FIELDS "|host=testserver|user-agent=galley-test|accept=*/*"

static void requests(struct galley_test *t)
{
    struct galley_reply r = galley_test_get(t, "/show");
    galley_test_answers(t, r, 200, "GET /show" FIELDS "|?none", "what a plain request is");
    galley_test_is(t, r.type, "text/plain; charset=utf-8", "its type");
    galley_test_header_is(t, r, "Content-Length", "65", "its length");
    galley_test_header_is(t, r, "nothing", NULL, "a field that is not there");
    r = galley_test_request(t, .path = "/show?a b=%20\"&c=\xC3\xA9#part",
                            .headers =
                                GALLEY_TEST_HEADERS("X-Token:  abc \t", "Accept: text/html"));
    galley_test_is(t, r.body,
                   "GET /show|host=testserver|user-agent=galley-test|accept=text/html|X-Token=abc"
                   "|?a%20b=%20\"&c=%C3%A9",
                   "fields of one's own, bytes that are escaped, no fragment");
    galley_test_is(t, galley_test_get(t, "/caf\xC3\xA9").status, 200, "a path in UTF-8");
    galley_test_answers(t, galley_test_get(t, "/show/%00"), 400, "{\"detail\":\"Bad Request\"}",
                        "a target that the server refuses");
    r = galley_test_head(t, "/show");
    galley_test_answers(t, r, 200, "", "HEAD has no body");
    galley_test_header_is(t, r, "content-length", "66", "but a length");
    galley_test_is(t, galley_test_delete(t, "/show").status, 200, "DELETE");
    galley_test_is(t, galley_test_put_json(t, "/show", "{}").status, 405, "PUT is not there");
    galley_test_answers(t, galley_test_get(t, "/nowhere"), 404, "{\"detail\":\"Not Found\"}",
                        "404");
    galley_test_answers(t, galley_test_request(t, .method = "OPTIONS", .path = "*"), 204, "",
                        "OPTIONS *");
    r = galley_test_post_json(t, "/show", "{}");
    galley_test_is(t, r.body,
                   "POST /show" FIELDS "|content-type=application/json|content-length=2|?none",
                   "a JSON body");
    r = galley_test_post_form(t, "/show", "a=1");
    galley_test_is(t, r.body,
                   "POST /show" FIELDS
                   "|content-type=application/x-www-form-urlencoded|content-length=3|?none",
                   "a form");
}

static void bodies(struct galley_test *t)
{
    char large[1001];
    memset(large, 'x', sizeof large);
    struct galley_reply r =
        galley_test_request(t, .path = "/echo", .body = {(const uint8_t *)"a\0long body", 11});
    galley_test_ok(
        t, r.status == 200 && r.body.len == 11 && memcmp(r.body.data, "a\0long body", 11) == 0,
        "a body goes through, whatever is in it");
    galley_test_header_is(t, r, "content-length", NULL, "a stream has no length");
    galley_test_is(t,
                   galley_test_request(t, .path = "/echo", .body = {(uint8_t *)large, 1001}).status,
                   413, "a body over the route's limit");
    galley_test_is(t,
                   galley_test_request(t, .path = "/echo", .body = {(uint8_t *)large, 1000}).status,
                   200, "a body at it");
    r = galley_test_request(
        t, .path = "/echo",
        .parts = GALLEY_TEST_PARTS(
            {.name = "a", .text = "1"},
            {.name = "f", .filename = "a.txt", .type = "text/plain", .text = "hi"},
            {.name = "g", .filename = "b", .data = {(const uint8_t *)"\0", 1}}));
    static const char parts[] =
        "--galley-test-boundary\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
        "--galley-test-boundary\r\nContent-Disposition: form-data; name=\"f\"; "
        "filename=\"a.txt\"\r\n"
        "Content-Type: text/plain\r\n\r\nhi\r\n"
        "--galley-test-boundary\r\nContent-Disposition: form-data; name=\"g\"; filename=\"b\"\r\n"
        "Content-Type: application/octet-stream\r\n\r\n\0\r\n--galley-test-boundary--\r\n";
    galley_test_ok(t, r.body.len == sizeof parts - 1 && memcmp(r.body.data, parts, r.body.len) == 0,
                   "a multipart form");
    r = galley_test_get(t, "/broken");
    galley_test_answers(t, r, 200, "half", "an answer that broke off");
    galley_test_ok(t, r.is_cut, "is known as such");
    r = galley_test_get(t, "/file");
    galley_test_ok(
        t, r.status == 200 && strstr(r.body.data, "t/unit/worker/test_client.c - galley") != NULL,
        "a file");
}

static void redirects_and_cookies(struct galley_test *t)
{
    galley_test_is(t, galley_test_get(t, "/go?status=307&to=/show").status, 200,
                   "a redirect is followed");
    galley_test_is(t, galley_test_get(t, "/go?status=302&to=show").status, 200,
                   "a relative one too");
    galley_test_is(t, galley_test_get(t, "/go?status=302&to=http://testserver/show").status, 200,
                   "one with our name");
    galley_test_is(t, galley_test_get(t, "/go?status=302&to=http://example.org/show").status, 302,
                   "not one that leads away");
    galley_test_is(t,
                   galley_test_request(t, .path = "/go?status=302&to=/show", .stay = true).status,
                   302, "nor with stay");
    galley_test_is(t, galley_test_get(t, "/go?status=302&to=").status, 302, "nor an empty one");
    struct galley_reply r = galley_test_post_form(t, "/go?status=303&to=/show", "a=1");
    galley_test_is(t, r.body, "GET /show" FIELDS "|?none", "303 makes it a GET without a body");
    r = galley_test_post_form(t, "/go?status=307&to=/show", "a=1");
    galley_test_ok(t, strncmp(r.body.data, "POST /show", 10) == 0, "307 keeps method and body");
    r = galley_test_get(t, "/go?status=302&to=/go%3Fstatus=302%26to=/show");
    galley_test_is(t, r.status, 200, "two of them");

    galley_test_is(t, galley_test_post_form(t, "/login", "").status, 200, "cookies are set");
    galley_test_is(t, galley_test_cookie(t, "user"), "\"ann lee\"", "kept as they travel");
    galley_test_is(t, galley_test_get(t, "/show").body,
                   "GET /show" FIELDS "|cookie=user=\"ann lee\"; lang=en|?none", "and sent");
    galley_test_set_cookie(t, "lang", NULL);
    galley_test_is(t, galley_test_post_form(t, "/logout", "").status, 200, "and deleted");
    galley_test_is(t, galley_test_cookie(t, "user"), NULL, "are gone");
    galley_test_is(t, galley_test_get(t, "/show").body, "GET /show" FIELDS "|?none",
                   "and not sent");
}

/* ---- time ---- */

static int sleep_an_hour(galley_async *co, int64_t *ms)
{
    return galley_sleep_ms(co, *ms);
}

static void times(struct galley_test *t)
{
    int64_t real_ms = clock_now_ms(), hour_ms = 3600000, day_ms = 24 * hour_ms;
    struct galley_reply r = galley_test_get(t, "/sleep?ms=59000");
    galley_test_answers(t, r, 200, "{\"ms\":59001,\"rc\":0}", "a minute passes at once");
    galley_test_is(t, galley_test_get(t, "/sleep?ms=61000").status, 504,
                   "and so does the deadline");
    int64_t before_ms = galley_test_now_ms(t);
    galley_test_is(t, galley_test_call(t, sleep_an_hour, &(int64_t){1000}), 0,
                   "a call from inside");
    galley_test_is(t, galley_test_now_ms(t) - before_ms, 1001, "takes its time by the clock");
    galley_test_is(t, galley_test_call(t, sleep_an_hour, &hour_ms), -ETIMEDOUT, "at most a minute");
    before_ms = galley_test_now_ms(t);
    galley_test_advance_ms(t, day_ms);
    galley_test_is(t, galley_test_now_ms(t) - before_ms, day_ms, "a day passes");
    galley_test_ok(t, clock_now_ms() - real_ms < 30000, "all that in no time");

    before_ms = galley_test_now_ms(t);
    r = galley_test_get(t, "/block?ms=30");
    galley_test_answers(t, r, 200, "{\"ms\":30,\"rc\":0}", "a sync handler");
    galley_test_ok(t, galley_test_now_ms(t) - before_ms >= 29, "whose time is real");
    r = galley_test_get(t, "/pipe?ms=50000");
    galley_test_json_is(t, r, "rc", "1", "a descriptor becomes ready");
    galley_test_ok(t, galley_reply_int(r, "ms") < 50000, "before its time is over");
    r = galley_test_get(t, "/pipe?ms=0");
    galley_test_json_is(t, r, "rc", "-110", "or does not");
    galley_test_ok(t, galley_reply_int(r, "ms") >= 30, "which takes the time it takes");

    galley_test_is(t, galley_test_request(t, .method = "POST", .path = "/ticks").status, 204,
                   "a background task");
    galley_test_advance_ms(t, 3500);
    galley_test_is(t, background_count, 3, "ticks while time passes");
    galley_test_is(t, galley_test_get(t, "/sleep?ms=1000").status, 200,
                   "and while a request waits");
    galley_test_is(t, background_count, 4, "once a second");
}

/* ---- JSON ---- */

static void values(struct galley_test *t)
{
    static const struct {
        const char *body, *path, *want;
    } rows[] = {
        {"{\"a\":1,\"b\":[10,{\"c\":\"x\"}],\"\":2}", "a", "1"},
        {"{\"a\":1,\"b\":[10,{\"c\":\"x\"}]}", "b", "[10,{\"c\":\"x\"}]"},
        {"{\"a\":1,\"b\":[10,{\"c\":\"x\"}]}", "b.0", "10"},
        {"{\"a\":1,\"b\":[10,{\"c\":\"x\"}]}", "b.1.c", "\"x\""},
        {"{\"a\":1,\"b\":[10,{\"c\":\"x\"}]}", "b.2", NULL},
        {"{\"a\":1,\"b\":[10,{\"c\":\"x\"}]}", "c", NULL},
        {"{\"a\":1}", "a.b", NULL},
        {" { \"a\" : [ 1 , 2 ] } ", "a.1", "2"},
        {"{\"x\":\"}\\\"{\",\"y\":null}", "y", "null"},
        {"[[],{},[1]]", "2.0", "1"},
        {"[1]", "", "[1]"},
        {"7", "", "7"},
        {"", "", NULL},
        {"{\"a\"", "a", NULL},
        {"{\"a\":", "a", NULL},
        {"{\"a\":\"", "a", NULL},
        {"[1,2", "", NULL},
        {"[1}", "", NULL},
        {"]", "", NULL},
        {"[", "0", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct galley_reply reply = {.body = {rows[i].body, strlen(rows[i].body)}};
        galley_test_is(t, galley_reply_json(reply, rows[i].path), rows[i].want, rows[i].body);
    }
}

/* ---- what fails: in a child, whose output is compared ---- */

static int failing_checks(void)
{
    struct galley_test *t = galley_test_start(&galley_app);
    struct galley_reply r = galley_test_get(t, "/sleep?ms=x");
    galley_test_is(t, r.status, 200, "a #status");
    galley_test_is(t, r.body, NULL, "a text");
    galley_test_is(t, "two\nlines", "one", "another");
    galley_test_answers(t, r, 204, "", "an answer");
    galley_test_ok(t, false, "a truth");
    galley_test_ok(t, true, "fine");
    return galley_test_end(t);
}

static int nothing_checked(void)
{
    return galley_test_end(galley_test_start(&galley_app));
}

static int no_start(void)
{
    return galley_test_end(galley_test_start(&broken_app));
}

static int no_such_file(void)
{
    return galley_test_end(galley_test_load("nowhere.so"));
}

static int headers_that_are_none(void)
{
    struct galley_test *t = galley_test_start(&galley_app);
    struct galley_reply r = galley_test_request(
        t, .path = "show", .headers = GALLEY_TEST_HEADERS("none", "b d: x", "X: a\nb", ": x"));
    galley_test_is(t, r.status, 0, "a path without its slash");
    return galley_test_end(t);
}

#define LAST                                                                                       \
    "#   last: GET /sleep?ms=x answered 422\n"                                                     \
    "#         {\"detail\":[{\"type\":\"int_parsing\",\"loc\":[\"query\",\"ms\"],\"msg\":\"Input " \
    "should be a "                                                                                 \
    "valid integer, unable to parse string as an integer\",\"input\":\"x\"}]}\n"
#define BODY_TEXT                                                                                  \
    "'{\"detail\":[{\"type\":\"int_parsing\",\"loc\":[\"query\",\"ms\"],\"msg\":\"Input should "   \
    "be a valid "                                                                                  \
    "integer, unable to parse string as an integer\",\"input\":\"x\"}]}'\n"

static const struct {
    const char *name;
    int (*run)(void);
    int status;
    const char *out; /* "@" stands for the file and line of a check */
} failures[] = {
    {"failing checks", failing_checks, 1,
     "not ok 1 - a \\#status\n@#    got: 422\n#   want: 200\n" LAST
     "not ok 2 - a text\n@#    got: " BODY_TEXT "#   want: nothing\n" LAST
     "not ok 3 - another\n@#    got: 'two\n# lines'\n#   want: 'one'\n" LAST
     "not ok 4 - an answer\n@#    got: 422\n#         " BODY_TEXT "#   want: 204\n#         ''\n"
     "not ok 5 - a truth\n@" LAST "ok 6 - fine\n# 5 of 6 checks failed\n1..6\n"},
    {"no check at all", nothing_checked, 1, "# nothing was checked\n1..0\n"},
    {"a start hook that fails", no_start, 1,
     "Bail out! start hook of Broken failed: -107 (Transport endpoint is not connected)\n"},
    {"a file that is not there", no_such_file, 1,
     "Bail out! cannot load the application nowhere.so: No such file or directory\n"},
    {"fields that are none", headers_that_are_none, 0,
     "# 'none' is no header field: it was left out\n# 'b d: x' is no header field: it was left "
     "out\n# 'X: a\n# b' is no header field: it was left out\n# ': x' is no header field: it was "
     "left out\n# the path 'show' does not begin with a slash\nok 1 - a path without its slash\n"
     "1..1\n"},
};

/* The child's output, with "@" for where each check stands; NUL-terminated. */
static void read_output(int fd, char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;
    while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    for (char *at = text; (at = strstr(at, "#   failed at " __FILE__ ":")) != NULL; at++) {
        char *end = strchr(at, '\n');
        *at = '@';
        memmove(at + 1, end + 1, strlen(end + 1) + 1);
    }
}

static void check_failure(struct galley_test *t, size_t i)
{
    static char text[65536];
    int fds[2], status = 0;
    fflush(stdout);
    pid_t pid = pipe(fds) == 0 ? fork() : -1;
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        exit(failures[i].run());
    }
    close(fds[1]);
    read_output(fds[0], text, sizeof text);
    close(fds[0]);
    waitpid(pid, &status, 0);
    galley_test_is(t, text, failures[i].out, failures[i].name);
    galley_test_ok(t, WIFEXITED(status), "and it ends");
    galley_test_is(t, WEXITSTATUS(status), failures[i].status, "with its status");
}

int main(void)
{
    if (pipe(pipe_fds) < 0)
        return 1;
    struct galley_test *t = galley_test_start(&galley_app);
    galley_test_is(t, start_count, 1, "the start hook has run");
    requests(t);
    bodies(t);
    redirects_and_cookies(t);
    times(t);
    values(t);
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        check_failure(t, i);
    galley_test_is(t, stop_count, 0, "the stop hook has not run");
    int status = galley_test_end(t);
    if (stop_count != 1)
        printf("# the stop hook did not run\n");
    return stop_count == 1 ? status : 1;
}
