/* request_api.c - what a handler may ask of its request and set on its answer; see galley/request.h.
 * Does:     getters; status, fields, cookies, failure; the request's memory. For coroutines and pool threads alike.
 * Does not: wait (but galley_body_read), send, or let a handler write what belongs to the framing.
 * See:      RFC 9110 sections 5.1 and 5.5, RFC 6265 section 4.1 */
#include <galley/request.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <galley/model.h>

#include "worker/coro/pool.h"
#include "worker/http/field.h"
#include "worker/http/request.h"
#include "worker/http/response.h"
#include "worker/http/text.h"

enum { MAX_FIELD_BYTES = 16 * 1024 };

galley_request *galley__request_of_async(galley_async *co)
{
    return co->request;
}

galley_request *galley__request_of_sync(galley_sync *rq)
{
    return rq->request;
}

/* ---- what came ---- */

galley_str galley__method(const galley_request *req)
{
    return req->method_text;
}

galley_str galley__path(galley_request *req)
{
    if (req->path.data == NULL &&
        text_decode(&req->arena, req->path_encoded, TEXT_PATH, &req->path) < 0)
        req->path = req->path_encoded;
    return req->path;
}

galley_str galley__query(const galley_request *req)
{
    return req->query;
}

galley_str galley__authority(const galley_request *req)
{
    return req->authority;
}

galley_str galley__header(const galley_request *req, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < req->field_count; i++)
        if (req->fields[i].name.len == len && strncasecmp(req->fields[i].name.data, name, len) == 0)
            return req->fields[i].value;
    return (galley_str){0};
}

bool galley__header_at(const galley_request *req, size_t index, galley_str *name, galley_str *value)
{
    if (index >= req->field_count)
        return false;
    *name = req->fields[index].name;
    *value = req->fields[index].value;
    return true;
}

ssize_t galley__body_read(galley_async *co, void *buf, size_t len, const char *here)
{
    struct galley_request *req = co->request;
    int rc = coro_check(co);
    if (rc < 0)
        return rc;
    if (req->body_error < 0)
        return req->body_error;
    if (!req->has_body || len == 0)
        return 0;
    co->here = here;
    ssize_t got = req->transport->body_read(req, buf, len);
    co->here = NULL;
    return got;
}

/* ---- the answer ---- */

void galley__set_status(galley_request *req, int status)
{
    if (status >= 200 && status <= 599)
        req->status = status;
}

static galley_str trim_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    size_t len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return (galley_str){text, len};
}

/* Fields by which the server says how the answer travels, and when. */
static bool is_of_server(galley_str lower)
{
    static const galley_str names[] = {
        GALLEY_STR("content-length"),   GALLEY_STR("transfer-encoding"), GALLEY_STR("connection"),
        GALLEY_STR("keep-alive"),       GALLEY_STR("upgrade"),           GALLEY_STR("te"),
        GALLEY_STR("proxy-connection"), GALLEY_STR("trailer"),           GALLEY_STR("date"),
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].len == lower.len && memcmp(names[i].data, lower.data, lower.len) == 0)
            return true;
    return false;
}

static size_t fields_bytes(const struct galley_request *req)
{
    size_t sum = 0;
    for (const struct http_out_field *at = req->out_first; at != NULL; at = at->next)
        sum += at->name.len + at->value.len;
    return sum;
}

/* Check and copy a field. 0, -EINVAL, -EMSGSIZE, -ENOMEM. */
static int take_field(struct galley_request *req, const char *name, const char *value,
                      galley_str *lower, galley_str *copy)
{
    size_t len = name != NULL ? strlen(name) : 0;
    if (len == 0 || value == NULL)
        return -EINVAL;
    galley_str text = trim_blanks(value);
    for (size_t i = 0; i < len; i++)
        if (!field_is(name[i], FIELD_TOKEN))
            return -EINVAL;
    for (size_t i = 0; i < text.len; i++)
        if (!field_is(text.data[i], FIELD_VALUE))
            return -EINVAL;
    if (len + text.len + fields_bytes(req) > MAX_FIELD_BYTES)
        return -EMSGSIZE;
    char *name_copy = arena_dup(&req->arena, name, len);
    char *value_copy = arena_dup(&req->arena, text.data, text.len);
    if (name_copy == NULL || value_copy == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < len; i++)
        if (name_copy[i] >= 'A' && name_copy[i] <= 'Z')
            name_copy[i] = (char)(name_copy[i] | 0x20);
    *lower = (galley_str){name_copy, len};
    *copy = (galley_str){value_copy, text.len};
    return is_of_server(*lower) ? -EINVAL : 0;
}

static bool is_content_type(galley_str lower)
{
    return lower.len == 12 && memcmp(lower.data, "content-type", 12) == 0;
}

int galley__set_header(galley_request *req, const char *name, const char *value)
{
    galley_str lower, copy;
    int rc = take_field(req, name, value, &lower, &copy);
    if (rc < 0)
        return rc;
    if (!is_content_type(lower))
        return response_set_field(req, lower, copy);
    req->wanted_type = copy;
    return 0;
}

int galley__add_header(galley_request *req, const char *name, const char *value)
{
    galley_str lower, copy;
    int rc = take_field(req, name, value, &lower, &copy);
    if (rc < 0)
        return rc;
    if (is_content_type(lower)) { /* there is one at most */
        req->wanted_type = copy;
        return 0;
    }
    struct http_out_field *field = arena_alloc(&req->arena, sizeof *field);
    if (field == NULL)
        return -ENOMEM;
    *field = (struct http_out_field){NULL, lower, copy};
    struct http_out_field **at = &req->out_first;
    while (*at != NULL)
        at = &(*at)->next;
    *at = req->out_last = field;
    return 0;
}

/* ---- cookies ---- */

/* Bytes of a value that need no quotes, as in Python's http.cookies: tokens and the colon. */
static bool is_cookie_plain(const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        if (!field_is(*at, FIELD_TOKEN) && *at != ':')
            return false;
    return *value != '\0';
}

/* The value, in quotes if need be: \" and \\ and octal for what a cookie cannot hold. The length; text may be NULL. */
static size_t put_cookie_value(char *text, const char *value)
{
    size_t len = 0;
    char scrap[4], *to = text != NULL ? text : scrap;
#define NEXT (text != NULL ? &to[len] : scrap)
    if (is_cookie_plain(value)) {
        len = strlen(value);
        if (text != NULL)
            memcpy(text, value, len);
        return len;
    }
    *NEXT = '"';
    len++;
    for (const char *at = value; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        char *next = NEXT;
        if (byte == '"' || byte == '\\') {
            next[0] = '\\';
            next[1] = (char)byte;
            len += 2;
        } else if (byte < 0x20 || byte >= 0x7F || byte == ',' || byte == ';') {
            next[0] = '\\';
            next[1] = (char)('0' + (byte >> 6));
            next[2] = (char)('0' + (byte >> 3 & 7));
            next[3] = (char)('0' + (byte & 7));
            len += 4;
        } else {
            next[0] = (char)byte;
            len++;
        }
    }
    *NEXT = '"';
#undef NEXT
    return len + 1;
}

/* Whether an attribute's text (NULL: not set) may stand in a cookie. */
static bool is_attribute(const char *text)
{
    for (const char *at = text; at != NULL && *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7F || *at == ';' || *at == ',')
            return false;
    return true;
}

/* "Mon, 23 Nov 2026 08:44:19 GMT": the moment from which a deleted cookie is gone. */
static galley_str now_text(galley_request *req)
{
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    return galley__format(req, "expires=%.3s, %02d %.3s %d %02d:%02d:%02d GMT; ",
                          days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
                          tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

int galley__set_cookie(galley_request *req, const struct galley_cookie *cookie)
{
    const char *path = cookie->path != NULL ? cookie->path : "/";
    const char *same_site = cookie->same_site != NULL ? cookie->same_site : "lax";
    const char *value = cookie->value != NULL && cookie->max_age_s >= 0 ? cookie->value : "";
    const char *domain = cookie->domain;
    if (cookie->name == NULL || *cookie->name == '\0' || !is_attribute(path) ||
        !is_attribute(same_site) || !is_attribute(domain))
        return -EINVAL;
    for (const char *at = cookie->name; *at != '\0'; at++)
        if (!field_is(*at, FIELD_TOKEN))
            return -EINVAL;
    size_t len = put_cookie_value(NULL, value);
    char *quoted = arena_alloc(&req->arena, len + 1);
    if (quoted == NULL)
        return -ENOMEM;
    quoted[put_cookie_value(quoted, value)] = '\0';
    bool is_deleted = cookie->max_age_s < 0;
    galley_str expires = is_deleted ? now_text(req) : GALLEY_STR("");
    galley_str age = GALLEY_STR("");
    if (cookie->max_age_s != 0)
        age =
            galley__format(req, "Max-Age=%lld; ", is_deleted ? 0LL : (long long)cookie->max_age_s);
    galley_str text = galley__format(
        req, "%s=%s; %s%s%s%.*s%s%.*sPath=%s; SameSite=%s%s", cookie->name, quoted,
        domain != NULL ? "Domain=" : "", domain != NULL ? domain : "", domain != NULL ? "; " : "",
        GALLEY_STR_ARG(expires), cookie->http_only ? "HttpOnly; " : "", GALLEY_STR_ARG(age), path,
        same_site, cookie->secure ? "; Secure" : "");
    if (expires.data == NULL || age.data == NULL || text.data == NULL)
        return -ENOMEM;
    return galley__add_header(req, "set-cookie", text.data);
}

/* ---- failure ---- */

static int note_failure(galley_request *req, int status)
{
    req->is_failed = true;
    req->fail_is_json = false;
    req->fail_status = status >= 200 && status <= 599 ? status : 500;
    req->fail_detail = GALLEY_STR("");
    req->fail_model = NULL;
    return REQUEST_FAILED;
}

static int fail(galley_request *req, int status, galley_str detail)
{
    int rc = note_failure(req, status);
    if (detail.data == NULL || text_repair(&req->arena, detail, &detail) < 0)
        detail = GALLEY_STR("");
    req->fail_detail = detail;
    return rc;
}

/* Formatted into the arena; data NULL when there is no room. */
static galley_str format_text(galley_request *req, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *text = len >= 0 ? arena_alloc(&req->arena, (size_t)len + 1) : NULL;
    if (text != NULL)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text != NULL ? (galley_str){text, (size_t)len} : (galley_str){0};
}

int galley__fail(galley_request *req, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    galley_str detail = format_text(req, format, args);
    va_end(args);
    return fail(req, status, detail);
}

int galley__fail_status(galley_request *req, int status)
{
    const char *reason = http_reason(status);
    return fail(req, status, (galley_str){reason, strlen(reason)});
}

int galley__fail_json(galley_request *req, int status, galley_str text)
{
    int rc = note_failure(req, status);
    const char *copy = text.data != NULL ? arena_dup(&req->arena, text.data, text.len) : NULL;
    req->fail_is_json = true; /* the text of one that is lost is no JSON: a 500 */
    if (copy != NULL)
        req->fail_detail = (galley_str){copy, text.len};
    return rc;
}

int galley__raise(galley_request *req, const struct galley_model *model, const void *error)
{
    int rc = note_failure(req, 500);
    void *copy = arena_dup(&req->arena, error, model->size);
    if (copy == NULL)
        return -ENOMEM;
    req->fail_model = model;
    req->fail_value = copy;
    return rc;
}

/* ---- memory ---- */

void *galley__alloc(galley_request *req, size_t size)
{
    void *memory = arena_alloc(&req->arena, size);
    if (memory != NULL)
        memset(memory, 0, size);
    return memory;
}

galley_str galley__format(galley_request *req, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    galley_str text = format_text(req, format, args);
    va_end(args);
    return text;
}
