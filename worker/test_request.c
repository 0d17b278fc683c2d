/* test_request.c - one request of a test: built in memory, run as a served one is, its answer gathered.
 * Does:     method, target, fields, bodies of every kind, cookies, redirects; a transport without a connection.
 * Does not: limit heads, or slow anything down: there is no network here.
 * See:      galley/test.h, worker/http/request.h (struct transport), h1_serve.c (the same for HTTP/1.1) */
#include "worker/test_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/bug.h"
#include "worker/http/field.h"
#include "worker/http/response.h"
#include "worker/http/server.h"
#include "worker/http/target.h"

enum { MAX_REDIRECTS = 20, MAX_FIELDS = 128, ANSWER_MAX_BYTES = 1 << 30 };

#define BOUNDARY "galley-test-boundary"

/* A request as it will be run, and what comes back; in the test's memory. */
struct exchange {
    struct galley_test *t;
    galley_str method, target, body;
    struct http_field fields[MAX_FIELDS];
    size_t field_count;
    size_t body_at; /* read so far */
    struct buf answer;
    struct galley_reply reply;
    bool is_length_known;
    uint64_t length;
};

/* ---- the transport ---- */

static ssize_t read_body(struct galley_request *req, void *buf, size_t len)
{
    struct exchange *exchange = req->stream;
    size_t left = exchange->body.len - exchange->body_at;
    if (len > left)
        len = left;
    if (len == 0)
        return 0;
    memcpy(buf, exchange->body.data + exchange->body_at, len);
    exchange->body_at += len;
    req->body_bytes += len;
    if (req->body_bytes > req->max_body_bytes)
        return req->body_error = -EMSGSIZE;
    return (ssize_t)len;
}

static bool has_content(const struct galley_request *req)
{
    return req->method != HTTP_HEAD && !http_status_is_bodyless(req->status);
}

static int keep_body(struct galley_request *req, const void *data, size_t len, bool is_end)
{
    struct exchange *exchange = req->stream;
    (void)is_end;
    return has_content(req) && len > 0 ? buf_append(&exchange->answer, data, len) : 0;
}

static int keep_head(struct galley_request *req, uint64_t content_length, const void *body,
                     size_t len, bool is_end)
{
    struct exchange *exchange = req->stream;
    struct galley_test *t = exchange->t;
    struct galley_reply *reply = &exchange->reply;
    size_t count = 2;
    for (const struct http_out_field *f = req->out_first; f != NULL; f = f->next)
        count++;
    struct galley_reply_field *field = test_alloc(t, count * sizeof *field);
    reply->status = req->status;
    reply->fields = field;
    if (req->content_type.data != NULL) {
        reply->type = test_dup(t, req->content_type.data, req->content_type.len);
        *field++ = (struct galley_reply_field){GALLEY_STR("content-type"), reply->type};
    }
    if (content_length != HTTP_LENGTH_UNKNOWN && !http_status_is_bodyless(req->status))
        *field++ =
            (struct galley_reply_field){GALLEY_STR("content-length"),
                                        test_format(t, "%llu", (unsigned long long)content_length)};
    for (const struct http_out_field *f = req->out_first; f != NULL; f = f->next)
        *field++ = (struct galley_reply_field){test_dup(t, f->name.data, f->name.len),
                                               test_dup(t, f->value.data, f->value.len)};
    reply->field_count = (size_t)(field - reply->fields);
    return keep_body(req, body, len, is_end);
}

static int keep_file(struct galley_request *req, int file_fd, off_t offset, size_t len)
{
    char piece[4096];
    int rc = 0;
    while (rc == 0 && len > 0) {
        ssize_t n = pread(file_fd, piece, len < sizeof piece ? len : sizeof piece, offset);
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        rc = keep_body(req, piece, (size_t)n, false);
        offset += n;
        len -= (size_t)n;
    }
    return rc;
}

static const struct transport memory_transport = {
    .body_read = read_body,
    .send_head = keep_head,
    .send_body = keep_body,
    .send_file = keep_file,
};

/* ---- the coroutine of a request ---- */

static void describe(struct galley_request *req, const struct exchange *exchange)
{
    galley_str target = exchange->target;
    const char *mark = memchr(target.data, '?', target.len);
    req->method_text = exchange->method;
    req->method = http_method_of(exchange->method);
    req->path_encoded = target;
    if (mark != NULL) {
        req->has_query = true;
        req->path_encoded.len = (size_t)(mark - target.data);
        req->query = (galley_str){mark + 1, target.len - req->path_encoded.len - 1};
    }
    if (memchr(req->path_encoded.data, '%', req->path_encoded.len) == NULL)
        req->path = req->path_encoded;
    req->is_asterisk = target.len == 1 && *target.data == '*';
    req->fields = exchange->fields;
    req->field_count = exchange->field_count;
    req->authority = exchange->fields[0].value;
    req->has_body = exchange->body.len > 0;
    req->content_length = exchange->body.len;
}

static GALLEY_YIELDS void request_main(galley_async *co, void *arg)
{
    struct exchange *exchange = arg;
    struct galley_request req;
    char first[1024];
    request_init(&req, exchange->t->server, co, &memory_transport, exchange, first, sizeof first);
    describe(&req, exchange);
    request_run(&req);
    exchange->reply.is_cut = req.response == RESPONSE_BEGUN;
    request_release(&req);
}

/* ---- what is asked ---- */

/* The target without a fragment, bytes that it may not hold escaped. */
static galley_str escape_target(struct galley_test *t, const char *path)
{
    size_t len = strcspn(path, "#"), used = 0;
    char *text = test_alloc(t, len * 3 + 1);
    for (size_t i = 0; i < len; i++) {
        if (field_is(path[i], FIELD_TARGET))
            text[used++] = path[i];
        else
            used += (size_t)snprintf(text + used, 4, "%%%02X", (unsigned char)path[i]);
    }
    return (galley_str){text, used};
}

static void add_field(struct exchange *exchange, const char *name, galley_str value)
{
    GALLEY_BUG_IF(exchange->field_count == MAX_FIELDS, "more than %d fields", MAX_FIELDS);
    exchange->fields[exchange->field_count++] = (struct http_field){{name, strlen(name)}, value};
}

/* "Name: value" of the caller's, in place of a field of that name that was made here. False: it is none. */
static bool take_header(struct exchange *exchange, const char *header, size_t made_count)
{
    const char *colon = strchr(header, ':');
    galley_str name = {header, colon != NULL ? (size_t)(colon - header) : 0};
    if (name.len == 0 || field_skip(header, 0, name.len, FIELD_TOKEN) != name.len)
        return false;
    galley_str value = {colon + 1, strlen(colon + 1)};
    for (; value.len > 0 && (*value.data == ' ' || *value.data == '\t'); value.len--)
        value.data++;
    while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
        value.len--;
    if (field_skip(value.data, 0, value.len, FIELD_VALUE) != value.len)
        return false;
    for (size_t i = 0; i < made_count; i++) {
        struct http_field *made = &exchange->fields[i];
        if (made->name.len == name.len && strncasecmp(made->name.data, header, name.len) == 0) {
            made->value = value;
            return true;
        }
    }
    GALLEY_BUG_IF(exchange->field_count == MAX_FIELDS, "more than %d fields", MAX_FIELDS);
    exchange->fields[exchange->field_count++] = (struct http_field){name, value};
    return true;
}

static void append(struct buf *buf, const void *data, size_t len)
{
    int rc = len > 0 ? buf_append(buf, data, len) : 0;
    GALLEY_BUG_IF(rc < 0, "no memory for the body of a test");
}

static galley_str multipart(struct galley_test *t, const struct galley_test_part *part)
{
    struct buf buf;
    buf_init(&buf, ANSWER_MAX_BYTES);
    for (; part->name != NULL; part++) {
        galley_str head = test_format(
            t, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"", part->name);
        append(&buf, head.data, head.len);
        if (part->filename != NULL)
            head = test_format(t, "; filename=\"%s\"\r\nContent-Type: %s\r\n\r\n", part->filename,
                               part->type != NULL ? part->type : "application/octet-stream");
        else if (part->type != NULL)
            head = test_format(t, "\r\nContent-Type: %s\r\n\r\n", part->type);
        else
            head = GALLEY_STR("\r\n\r\n");
        append(&buf, head.data, head.len);
        if (part->text != NULL)
            append(&buf, part->text, strlen(part->text));
        else
            append(&buf, part->data.data, part->data.len);
        append(&buf, "\r\n", 2);
    }
    append(&buf, "--" BOUNDARY "--\r\n", sizeof "--" BOUNDARY "--\r\n" - 1);
    galley_str body = test_dup(t, buf_at(&buf), buf_len(&buf));
    buf_release(&buf);
    return body;
}

/* The body, and its content-type (data NULL: none). */
static galley_str make_body(struct galley_test *t, const struct galley_test_request *request,
                            galley_str *type)
{
    *type = (galley_str){0};
    if (request->parts != NULL) {
        *type = GALLEY_STR("multipart/form-data; boundary=" BOUNDARY);
        return multipart(t, request->parts);
    }
    const char *text = request->json != NULL ? request->json : request->form;
    if (request->json != NULL)
        *type = GALLEY_STR("application/json");
    else if (request->form != NULL)
        *type = GALLEY_STR("application/x-www-form-urlencoded");
    if (text != NULL)
        return test_dup(t, text, strlen(text));
    return request->body.len > 0 ? test_dup(t, request->body.data, request->body.len)
                                 : (galley_str){0};
}

static galley_str cookies_line(struct galley_test *t)
{
    galley_str line = {0};
    for (const struct test_cookie *cookie = t->cookies; cookie != NULL; cookie = cookie->next) {
        if (cookie->value.data == NULL)
            continue;
        line = test_format(t, "%.*s%s%.*s=%.*s", line.data != NULL ? (int)line.len : 0,
                           line.data != NULL ? line.data : "", line.data != NULL ? "; " : "",
                           GALLEY_STR_ARG(cookie->name), GALLEY_STR_ARG(cookie->value));
    }
    return line;
}

static struct exchange *prepare(struct galley_test *t, const struct galley_test_request *request,
                                const char *method, const char *path)
{
    struct exchange *exchange = test_alloc(t, sizeof *exchange);
    galley_str type, cookies = cookies_line(t);
    exchange->t = t;
    exchange->body = make_body(t, request, &type);
    exchange->method = test_dup(t, method, strlen(method));
    exchange->target = escape_target(t, path);
    buf_init(&exchange->answer, ANSWER_MAX_BYTES);
    add_field(exchange, "host", GALLEY_STR("testserver"));
    add_field(exchange, "user-agent", GALLEY_STR("galley-test"));
    add_field(exchange, "accept", GALLEY_STR("*/*"));
    if (type.data != NULL)
        add_field(exchange, "content-type", type);
    if (exchange->body.len > 0)
        add_field(exchange, "content-length", test_format(t, "%zu", exchange->body.len));
    if (cookies.data != NULL)
        add_field(exchange, "cookie", cookies);
    size_t made_count = exchange->field_count;
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
        if (!take_header(exchange, test_format(t, "%s", request->headers[i]).data, made_count))
            galley_test_diag(t, "'%s' is no header field: it was left out", request->headers[i]);
    return exchange;
}

/* ---- cookies ---- */

/* Keep, replace or forget (value.data NULL) a cookie. */
static void keep_cookie(struct galley_test *t, galley_str name, galley_str value)
{
    struct test_cookie **at = &t->cookies;
    while (*at != NULL &&
           ((*at)->name.len != name.len || memcmp((*at)->name.data, name.data, name.len) != 0))
        at = &(*at)->next;
    if (*at == NULL) {
        *at = test_alloc(t, sizeof **at);
        (*at)->name = test_dup(t, name.data, name.len);
    }
    (*at)->value = value.data != NULL ? test_dup(t, value.data, value.len) : value;
}

/* Whether Max-Age among the attributes says that the cookie goes. */
static bool is_expired(galley_str attributes)
{
    static const char max_age[] = "max-age=";
    for (size_t i = 0; i + sizeof max_age - 1 < attributes.len; i++)
        if (strncasecmp(attributes.data + i, max_age, sizeof max_age - 1) == 0)
            return strtoll(attributes.data + i + sizeof max_age - 1, NULL, 10) <= 0;
    return false;
}

static void keep_cookies(struct galley_test *t, const struct galley_reply *reply)
{
    for (size_t i = 0; i < reply->field_count; i++) {
        const struct galley_reply_field *field = &reply->fields[i];
        const char *equals = memchr(field->value.data, '=', field->value.len);
        if (field->name.len != 10 || memcmp(field->name.data, "set-cookie", 10) != 0 || !equals)
            continue;
        const char *end = field->value.data + field->value.len;
        const char *stop = memchr(equals, ';', (size_t)(end - equals));
        if (stop == NULL)
            stop = end;
        galley_str name = {field->value.data, (size_t)(equals - field->value.data)};
        galley_str value = {equals + 1, (size_t)(stop - equals - 1)};
        bool is_gone = is_expired((galley_str){stop, (size_t)(end - stop)});
        keep_cookie(t, name, is_gone ? (galley_str){0} : value);
    }
}

galley_str galley_test_cookie(struct galley_test *t, const char *name)
{
    for (const struct test_cookie *cookie = t->cookies; cookie != NULL; cookie = cookie->next)
        if (cookie->name.len == strlen(name) && memcmp(cookie->name.data, name, strlen(name)) == 0)
            return cookie->value;
    return (galley_str){0};
}

void galley_test_set_cookie(struct galley_test *t, const char *name, const char *value)
{
    keep_cookie(t, (galley_str){name, strlen(name)},
                (galley_str){value, value != NULL ? strlen(value) : 0});
}

/* ---- the request ---- */

/* As the server answers what it does not hand to the application. */
static struct galley_reply refuse(struct galley_test *t)
{
    struct galley_reply_field *field = test_alloc(t, sizeof *field);
    *field =
        (struct galley_reply_field){GALLEY_STR("content-type"), GALLEY_STR("application/json")};
    return (struct galley_reply){.status = 400,
                                 .body = GALLEY_STR("{\"detail\":\"Bad Request\"}"),
                                 .type = field->value,
                                 .fields = field,
                                 .field_count = 1};
}

static struct galley_reply ask(struct galley_test *t, const struct galley_test_request *request,
                               const char *method, const char *path)
{
    struct exchange *exchange = prepare(t, request, method, path);
    t->last_line = test_format(t, "%s %s", method, path);
    t->last_reply = (struct galley_reply){0};
    if (*path != '/' && strcmp(path, "*") != 0) {
        galley_test_diag(t, "the path '%s' does not begin with a slash", path);
        return t->last_reply;
    }
    if (target_path_len(exchange->target.data, exchange->target.len) < 0)
        return t->last_reply = refuse(t);
    int rc = test_run(t, "request", request_main, exchange, t->settings.request_timeout);
    if (rc < 0 || t->is_stuck)
        galley_test_diag(t, "%s %s has no end: %s", method, path,
                         rc < 0 ? "no coroutine is free" : "nothing will wake what it waits for");
    exchange->reply.body =
        test_dup(t, buf_len(&exchange->answer) > 0 ? buf_at(&exchange->answer) : "",
                 buf_len(&exchange->answer));
    if (!t->is_stuck)
        buf_release(&exchange->answer);
    keep_cookies(t, &exchange->reply);
    return t->last_reply = exchange->reply;
}

/* Where a redirect leads within this application, as a path; NULL: elsewhere, or it is none. */
static const char *redirect_of(struct galley_test *t, struct galley_reply reply, const char *path)
{
    static const char here[] = "http://testserver";
    galley_str location = galley_reply_header(reply, "location");
    if (location.len == 0 || (reply.status != 301 && reply.status != 302 && reply.status != 303 &&
                              reply.status != 307 && reply.status != 308))
        return NULL;
    if (location.len > sizeof here && memcmp(location.data, here, sizeof here - 1) == 0)
        return location.data[sizeof here - 1] == '/' ? location.data + sizeof here - 1 : NULL;
    if (strstr(location.data, "://") != NULL || strncmp(location.data, "//", 2) == 0)
        return NULL;
    if (*location.data == '/')
        return location.data;
    size_t folder = strcspn(path, "?#");
    while (folder > 0 && path[folder - 1] != '/')
        folder--;
    return test_format(t, "%.*s%s", (int)folder, path, location.data).data;
}

struct galley_reply galley__test_request(struct galley_test *t,
                                         const struct galley_test_request *request)
{
    struct galley_test_request now = *request;
    bool has_body =
        now.json != NULL || now.form != NULL || now.parts != NULL || now.body.data != NULL;
    const char *method = now.method != NULL ? now.method : has_body ? "POST" : "GET";
    const char *path = now.path != NULL ? now.path : "/";
    for (int i = 0;; i++) {
        struct galley_reply reply = ask(t, &now, method, path);
        const char *next = now.stay || i == MAX_REDIRECTS ? NULL : redirect_of(t, reply, path);
        if (next == NULL)
            return reply;
        bool is_kept = reply.status == 307 || reply.status == 308 || strcmp(method, "HEAD") == 0;
        if (!is_kept && (reply.status == 303 || strcmp(method, "POST") == 0)) {
            method = "GET";
            now = (struct galley_test_request){.headers = now.headers};
        }
        path = next;
    }
}
