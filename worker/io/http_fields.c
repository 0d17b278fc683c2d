/* http_fields.c - field lines: those of a request as libcurl wants them, those of an answer as the caller does.
 * Does:     refuse what is no field, or would frame the request otherwise; pass the trace of the incoming request on; leave
 *           out credentials where a redirect leads to somebody else.
 * Does not: send or receive.
 * See:      RFC 9110 section 5, W3C Trace Context */
#include "worker/io/http_client.h"

#include <ctype.h>
#include <string.h>

#include <galley/error.h>
#include <galley/request.h>

/* libcurl only reads them. */
static struct curl_slist no_expect = {.data = (char[]){"Expect:"}};
static struct curl_slist user_agent_no_type = {
    .data = (char[]){"User-Agent: galley/" GALLEY_VERSION},
    .next = &(struct curl_slist){.data = (char[]){"Content-Type:"}}};
static struct curl_slist user_agent = {.data = (char[]){"User-Agent: galley/" GALLEY_VERSION}};
static struct curl_slist user_agent_no_expect = {
    .data = (char[]){"User-Agent: galley/" GALLEY_VERSION}, .next = &no_expect};

struct list_of_fields {
    galley_async *co;
    struct curl_slist *first, *last;
    int error;
};

static void append(struct list_of_fields *list, galley_str name, galley_str value)
{
    size_t len = name.len + value.len + 3;
    struct curl_slist *node = arena_alloc(list->co->arena, sizeof *node + len);
    if (node == NULL) {
        list->error = -ENOMEM;
        return;
    }
    char *at = (char *)(node + 1);
    *node = (struct curl_slist){.data = at};
    at = mempcpy(at, name.data, name.len);
    *at++ = value.len > 0 ? ':' : ';'; /* libcurl's way to an empty value */
    if (value.len > 0)
        *at++ = ' ';
    at = mempcpy(at, value.data, value.len);
    *at = '\0';
    if (list->last != NULL)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
}

static bool is_name(const char *name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (const char *at = name; *at != '\0'; at++)
        if (!isalnum((unsigned char)*at) && strchr(marks, *at) == NULL)
            return false;
    return name[0] != '\0';
}

static bool is_value(const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' && *at != '\t')
            return false;
    return true;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

/* A field of that name is among the request's own. */
static bool has_field(const struct galley_http_request *request, const char *name)
{
    for (const struct galley_http_field *field = request->fields; field && field->name; field++)
        if (strcasecmp(field->name, name) == 0)
            return true;
    return false;
}

static void append_own(struct list_of_fields *list, const struct galley_http_request *request,
                       bool is_same_origin)
{
    static const char *const framing[] = {"content-length", "transfer-encoding", "connection", "te",
                                          "trailer",        "upgrade",           NULL};
    static const char *const secrets[] = {"authorization", "cookie", "proxy-authorization",
                                          "www-authenticate", NULL};
    for (const struct galley_http_field *field = request->fields; field && field->name; field++) {
        const char *value = field->value != NULL ? field->value : "";
        if (!is_name(field->name) || !is_value(value) || is_one_of(field->name, framing)) {
            list->error = -EINVAL;
            return;
        }
        if (is_same_origin || !is_one_of(field->name, secrets))
            append(list, (galley_str){field->name, strlen(field->name)},
                   (galley_str){value, strlen(value)});
    }
}

static void append_trace(struct list_of_fields *list, const struct galley_http_request *request)
{
    static const char *const names[] = {"traceparent", "tracestate", "x-request-id"};
    const galley_request *incoming = list->co->request;
    for (size_t i = 0; incoming != NULL && i < sizeof names / sizeof names[0]; i++) {
        galley_str value = galley__header(incoming, names[i]);
        if (value.data != NULL && value.len > 0 && !has_field(request, names[i]))
            append(list, (galley_str){names[i], strlen(names[i])}, value);
    }
}

int http_fields_build(galley_async *co, const struct galley_http_request *request,
                      bool is_same_origin, struct curl_slist **made, const char *here)
{
    struct list_of_fields list = {.co = co};
    bool has_body = request->body.data != NULL || request->read != NULL;
    append_own(&list, request, is_same_origin);
    if (has_body && !has_field(request, "content-type") && list.error == 0) {
        const char *type = request->type != NULL ? request->type : "application/octet-stream";
        if (is_value(type))
            append(&list, GALLEY_STR("content-type"), (galley_str){type, strlen(type)});
        else
            list.error = -EINVAL;
    }
    if (!request->no_trace && list.error == 0)
        append_trace(&list, request);
    if (list.error < 0)
        return coro_fail(co, list.error, here,
                         list.error == -EINVAL ? "a field that may not be sent" : "no memory");
    bool is_mute = !has_body || has_field(request, "expect");
    bool is_bare_post =
        !has_body && request->method != NULL && strcmp(request->method, "POST") == 0;
    struct curl_slist *rest = is_bare_post ? &user_agent_no_type
                              : is_mute    ? &user_agent
                                           : &user_agent_no_expect;
    if (has_field(request, "user-agent"))
        rest = is_mute ? NULL : &no_expect;
    if (list.last != NULL)
        list.last->next = rest;
    *made = list.first != NULL ? list.first : rest;
    return 0;
}

/* ---- the answer's ---- */

static galley_str trimmed(char *at, char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
        end--;
    return (galley_str){at, (size_t)(end - at)};
}

int http_fields_parse(struct http_handle *handle, struct galley_http *got)
{
    size_t count = 0;
    got->fields = NULL;
    got->field_count = 0;
    if (handle->head_len == 0)
        return 0;
    char *at = handle->head, *end = at + handle->head_len;
    for (size_t i = 0; i < handle->head_len; i++)
        count += handle->head[i] == '\n';
    struct galley_http_answer_field *fields =
        arena_alloc(handle->arena, (count + 1) * sizeof *fields);
    if (fields == NULL)
        return -ENOMEM;
    got->fields = fields;
    while (at < end) {
        char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end != NULL ? line_end + 1 : end;
        char *colon = memchr(at, ':', (size_t)(line_end - at));
        if (colon != NULL) {
            for (char *letter = at; letter < colon; letter++)
                *letter = (char)tolower((unsigned char)*letter);
            *fields = (struct galley_http_answer_field){{at, (size_t)(colon - at)},
                                                        trimmed(colon + 1, line_end)};
            if (fields->name.len == 12 && memcmp(at, "content-type", 12) == 0 &&
                got->type.data == NULL)
                got->type = fields->value;
            fields++;
            got->field_count++;
        }
        at = line_end;
    }
    return 0;
}
