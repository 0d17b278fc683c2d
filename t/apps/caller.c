/* caller.c - calls a remote HTTP side as its query says, and tells what came of it; for t/80 to t/83. */
#include <galley.h>
#include <stdio.h>
#include <string.h>

GALLEY_STRUCT(ask_in, (galley_str, url, QUERY), (galley_str, method, QUERY, OPTIONAL),
              (galley_str, body, QUERY, OPTIONAL), (int64_t, timeout_ms, QUERY, OPTIONAL),
              (int64_t, connect_ms, QUERY, OPTIONAL), (int64_t, retries, QUERY, OPTIONAL),
              (int64_t, redirects, QUERY, OPTIONAL), (int64_t, max, QUERY, OPTIONAL),
              (galley_str, ca, QUERY, OPTIONAL), (bool, any, QUERY, OPTIONAL),
              (galley_str, version, QUERY, OPTIONAL), (galley_str, proxy, QUERY, OPTIONAL),
              (galley_str, secret, QUERY, OPTIONAL), (galley_str, field, QUERY, OPTIONAL),
              (galley_str, value, QUERY, OPTIONAL), (int64_t, times, QUERY, OPTIONAL));
GALLEY_STRUCT(told, (galley_str, error), (int64_t, status), (galley_str, body), (int64_t, length),
              (galley_str, type), (galley_str, url), (galley_str, named), (int64_t, attempts),
              (galley_str, why));
GALLEY_STRUCT(item, (int64_t, id, .ge = 1), (galley_str, name));

static const char *text_of(galley_async *co, galley_str text)
{
    char *copy = text.data != NULL ? galley_alloc(co, text.len + 1) : NULL;
    if (copy != NULL) {
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

static galley_str name_of(int error)
{
    static const struct {
        int error;
        galley_str name;
    } names[] = {
        {0, GALLEY_STR("0")},
#define X(name, status, meaning) {-GALLEY_##name, GALLEY_STR(#name)},
        GALLEY_ERRORS(X)
#undef X
            {-EINVAL, GALLEY_STR("EINVAL")},
        {-ECONNREFUSED, GALLEY_STR("ECONNREFUSED")},
        {-ECONNRESET, GALLEY_STR("ECONNRESET")},
        {-ETIMEDOUT, GALLEY_STR("ETIMEDOUT")},
        {-ECANCELED, GALLEY_STR("ECANCELED")},
        {-EHOSTUNREACH, GALLEY_STR("EHOSTUNREACH")},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].error == error)
            return names[i].name;
    return GALLEY_STR("?");
}

static struct galley_http_request request_of(galley_async *co, const struct ask_in *in,
                                             struct galley_http_field *fields)
{
    size_t count = 0;
    if (in->secret.data != NULL)
        fields[count++] = (struct galley_http_field){"Authorization", text_of(co, in->secret)};
    if (in->field.data != NULL)
        fields[count++] =
            (struct galley_http_field){text_of(co, in->field), text_of(co, in->value)};
    fields[count] = (struct galley_http_field){NULL, NULL};
    return (struct galley_http_request){
        .method = text_of(co, in->method),
        .url = text_of(co, in->url),
        .fields = fields,
        .body = {(const uint8_t *)in->body.data, in->body.len},
        .type = in->body.data != NULL ? "text/plain" : NULL,
        .timeout_ms = in->timeout_ms,
        .connect_timeout_ms = in->connect_ms,
        .retries = (int)in->retries,
        .max_redirects = (int)in->redirects,
        .max_answer_bytes = (uint64_t)in->max,
        .ca_file = text_of(co, in->ca),
        .accept_any_certificate = in->any,
        .http_version = text_of(co, in->version),
        .proxy = text_of(co, in->proxy),
    };
}

static int call(galley_async *co, const struct ask_in *in, struct galley_http *got)
{
    struct galley_http_field fields[3];
    struct galley_http_request request = request_of(co, in, fields);
    return galley__http(co, got, &request, GALLEY_HERE);
}

/* What came of it, whatever it was. */
static int ask(galley_async *co, const struct ask_in *in, struct told *out)
{
    struct galley_http got;
    int rc = call(co, in, &got);
    for (int64_t i = 1; i < in->times && rc == 0; i++)
        rc = call(co, in, &got);
    *out = (struct told){.error = name_of(rc), .why = GALLEY_STR("")};
    out->type = out->url = out->body = out->named = GALLEY_STR("");
    if (rc == -ECANCELED)
        return rc;
    if (rc < 0) {
        out->why = (galley_str){galley_why(co), strlen(galley_why(co))};
        return 0;
    }
    out->status = got.status;
    out->body = (galley_str){got.body.data, got.body.len < 100 ? got.body.len : 100};
    out->length = (int64_t)got.body.len;
    out->url = got.url;
    out->attempts = got.attempts;
    if (got.type.data != NULL)
        out->type = got.type;
    if (galley_http_field(&got, "X-Named").data != NULL)
        out->named = galley_http_field(&got, "X-Named");
    return 0;
}

/* What a handler answers that does not care. */
static int pass(galley_async *co, const struct ask_in *in, struct told *out)
{
    struct galley_http got;
    *out = (struct told){0};
    out->error = out->body = out->type = out->url = out->why = out->named = GALLEY_STR("");
    return call(co, in, &got);
}

/* `times` calls at once. */
struct one_of {
    const struct ask_in *in;
    int64_t good;
};
static int one(galley_async *co, struct one_of *arg)
{
    struct galley_http got;
    int rc = call(co, arg->in, &got);
    arg->good += rc == 0 && got.status == 200;
    return 0;
}
static int many(galley_async *co, const struct ask_in *in, struct told *out)
{
    struct one_of arg = {in, 0};
    struct galley_scope scope;
    galley_scope_open(co, &scope, -1);
    for (int64_t i = 0; i < in->times; i++) {
        galley_task *task = galley_spawn(co, one, &arg);
        if (task == NULL)
            break;
    }
    int rc = galley_scope_close(co, &scope);
    *out = (struct told){.error = name_of(rc), .length = arg.good};
    out->body = out->type = out->url = out->why = out->named = GALLEY_STR("");
    return rc;
}

/* In a scope of its own: whose time is up? */
static int scoped(galley_async *co, const struct ask_in *in, struct told *out)
{
    struct galley_http got;
    struct galley_scope scope;
    galley_scope_open(co, &scope, 50);
    int rc = call(co, in, &got);
    int closed = galley_scope_close(co, &scope);
    *out = (struct told){.error = name_of(rc), .body = name_of(closed)};
    out->type = out->url = out->why = out->named = GALLEY_STR("");
    return 0;
}

/* ---- models ---- */

static int get_item(galley_async *co, const struct ask_in *in, struct item *out)
{
    return galley_http_get_json(co, out, item, text_of(co, in->url));
}

static int post_item(galley_async *co, const struct ask_in *in, struct item *out)
{
    struct item sent = {.id = 7, .name = GALLEY_STR("seven")};
    return galley_http_post_json(co, out, item, text_of(co, in->url), JSON_OF(item, &sent));
}

/* ---- streams ---- */

struct source {
    int64_t left;
};
static ssize_t bring(galley_async *co, void *arg, void *buf, size_t len)
{
    struct source *source = arg;
    if (galley_checkpoint(co) < 0)
        return -ECANCELED;
    if ((int64_t)len > source->left)
        len = (size_t)source->left;
    memset(buf, 'x', len);
    source->left -= (int64_t)len;
    return (ssize_t)len;
}

/* `times` bytes up; chunked if `max` is 0. */
static int up(galley_async *co, const struct ask_in *in, struct told *out)
{
    struct galley_http got;
    struct source source = {in->times};
    int rc = galley_http(co, &got, .method = "POST", .url = text_of(co, in->url), .read = bring,
                         .read_arg = &source, .read_bytes = in->max);
    *out = (struct told){.error = name_of(rc), .status = got.status, .body = got.body};
    out->type = out->url = out->named = GALLEY_STR("");
    out->why = (galley_str){galley_why(co), strlen(galley_why(co))};
    if (rc < 0)
        out->body = GALLEY_STR("");
    return 0;
}

/* How many bytes come down; `times` > 0: no more than so many are read. */
static int down(galley_async *co, const struct ask_in *in, struct told *out)
{
    struct galley_http got;
    char buf[20000];
    ssize_t len = 0;
    int rc = galley_http_get(co, &got, text_of(co, in->url), .is_stream = true);
    *out = (struct told){.status = got.status};
    out->type = out->url = out->why = out->named = out->body = GALLEY_STR("");
    while (rc == 0 && (in->times == 0 || out->length < in->times) &&
           (len = galley_http_read(co, &got, buf, sizeof buf)) > 0)
        out->length += len;
    out->error = name_of(rc < 0 ? rc : len < 0 ? (int)len : 0);
    return 0;
}

GALLEY_APP(.title = "Caller",
           .routes = GALLEY_ROUTES(
               GALLEY_GET("/ask", ask, ask_in, told), GALLEY_GET("/pass", pass, ask_in, told),
               GALLEY_GET("/short", pass, ask_in, told, .timeout_ms = 100),
               GALLEY_GET("/scoped", scoped, ask_in, told), GALLEY_GET("/many", many, ask_in, told),
               GALLEY_GET("/item", get_item, ask_in, item),
               GALLEY_POST("/item", post_item, ask_in, item), GALLEY_GET("/up", up, ask_in, told),
               GALLEY_GET("/down", down, ask_in, told)));
