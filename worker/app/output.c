/* output.c - send what a handler made; see output.h.
 * Does:     JSON into what is left of the request's arena, so that small answers cost no allocation.
 * Does not: touch large stack frames before the handler has run. */
#include "worker/app/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "worker/http/response.h"
#include "worker/http/server.h"
#include "worker/http/text.h"

#define MODEL(model, type_)                                                                        \
    GALLEY_API const struct galley_model model = {.name = #type_, .size = sizeof(struct type_)}
MODEL(galley_none_model, galley_none);
MODEL(galley_text_model, galley_text);
MODEL(galley_html_model, galley_html);
MODEL(galley_octets_model, galley_octets);
MODEL(galley_redirect_model, galley_redirect);
MODEL(galley_file_model, galley_file);
MODEL(galley_stream_model, galley_stream);

static const struct {
    const struct galley_model *model;
    enum output_kind kind;
} kinds[] = {
    {&galley_none_model, OUTPUT_NONE},         {&galley_text_model, OUTPUT_TEXT},
    {&galley_html_model, OUTPUT_HTML},         {&galley_octets_model, OUTPUT_OCTETS},
    {&galley_redirect_model, OUTPUT_REDIRECT}, {&galley_file_model, OUTPUT_FILE},
    {&galley_stream_model, OUTPUT_STREAM},
};

/* Content types by the ending of a file's name, as Python's mimetypes and FastAPI's charset rule have them. */
static const struct {
    const char *ending;
    galley_str type;
} types[] = {
    {"html", GALLEY_STR("text/html; charset=utf-8")},
    {"htm", GALLEY_STR("text/html; charset=utf-8")},
    {"css", GALLEY_STR("text/css; charset=utf-8")},
    {"js", GALLEY_STR("text/javascript; charset=utf-8")},
    {"mjs", GALLEY_STR("text/javascript; charset=utf-8")},
    {"txt", GALLEY_STR("text/plain; charset=utf-8")},
    {"c", GALLEY_STR("text/plain; charset=utf-8")},
    {"h", GALLEY_STR("text/plain; charset=utf-8")},
    {"csv", GALLEY_STR("text/csv; charset=utf-8")},
    {"md", GALLEY_STR("text/markdown; charset=utf-8")},
    {"xml", GALLEY_STR("text/xml; charset=utf-8")},
    {"json", GALLEY_STR("application/json")},
    {"pdf", GALLEY_STR("application/pdf")},
    {"wasm", GALLEY_STR("application/wasm")},
    {"zip", GALLEY_STR("application/zip")},
    {"gz", GALLEY_STR("application/gzip")},
    {"tar", GALLEY_STR("application/x-tar")},
    {"png", GALLEY_STR("image/png")},
    {"jpg", GALLEY_STR("image/jpeg")},
    {"jpeg", GALLEY_STR("image/jpeg")},
    {"gif", GALLEY_STR("image/gif")},
    {"webp", GALLEY_STR("image/webp")},
    {"svg", GALLEY_STR("image/svg+xml")},
    {"ico", GALLEY_STR("image/vnd.microsoft.icon")},
    {"mp3", GALLEY_STR("audio/mpeg")},
    {"wav", GALLEY_STR("audio/x-wav")},
    {"mp4", GALLEY_STR("video/mp4")},
    {"webm", GALLEY_STR("video/webm")},
    {"woff", GALLEY_STR("font/woff")},
    {"woff2", GALLEY_STR("font/woff2")},
};

int output_init(struct output *output, const struct galley_route *route, struct shapes *shapes,
                struct errmsg *why)
{
    *output = (struct output){.kind = OUTPUT_MODEL, .bytes = route->out->size};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].model == route->out) {
            output->kind = kinds[i].kind;
            return 0;
        }
    }
    output->leave = (route->exclude_unset ? JSON_LEAVE_UNSET : 0U) |
                    (route->exclude_none ? JSON_LEAVE_NONE : 0U) |
                    (route->exclude_defaults ? JSON_LEAVE_DEFAULTS : 0U);
    output->shape = shapes_get(shapes, route->out, why);
    return output->shape != NULL ? 0 : -1;
}

void output_prepare(const struct output *output, struct galley_request *req, void *out)
{
    if (output->kind == OUTPUT_MODEL)
        memcpy(out, output->shape->absent, output->bytes);
    else
        memset(out, 0, output->bytes);
    if (output->kind == OUTPUT_STREAM)
        ((struct galley_stream *)out)->_request = req;
}

/* The content-type that the handler set, or `usual`. */
static galley_str content_type(const struct galley_request *req, galley_str usual)
{
    return req->wanted_type.data != NULL ? req->wanted_type : usual;
}

int output_send_json(struct galley_request *req, struct json_out *json)
{
    int rc = json->error;
    if (rc == 0)
        rc = response_send(req, content_type(req, GALLEY_STR("application/json")), json->data,
                           json->len);
    json_out_release(json);
    return rc;
}

/* The answer does not fit its model: a bug of the application, which its log tells. */
__attribute__((noinline, cold)) static void
blame_output(const struct output *output, const struct galley_request *req, const void *out)
{
    char why[128];
    json_write_fault(output->shape, out, why, sizeof why);
    log_line(LOG_LEVEL_ERROR, "answer_invalid", "%s: %s",
             req->route != NULL ? req->route->name : "?", why);
}

static GALLEY_YIELDS int send_model(const struct output *output, struct galley_request *req,
                                    const void *out)
{
    struct arena *arena = &req->arena;
    struct json_out json;
    json_out_init(&json, arena->next, (size_t)(arena->end - arena->next), OUTPUT_MAX_BYTES);
    json_write(&json, output->shape, out, output->leave);
    if (json.error == -EINVAL)
        blame_output(output, req, out);
    if (!json.is_heap) /* keep what was written: the same bytes, since nothing else was taken */
        (void)arena_alloc(arena, json.len);
    return output_send_json(req, &json);
}

static GALLEY_YIELDS int send_bytes(struct galley_request *req, galley_str usual, const void *data,
                                    size_t len)
{
    return response_send(req, content_type(req, usual), data, data != NULL ? len : 0);
}

/* A URL in a field: what has a meaning in URLs stays, the rest is escaped. */
static GALLEY_YIELDS int send_redirect(struct galley_request *req, galley_str location)
{
    char *copy = arena_alloc(&req->arena, location.len * 3);
    if (copy == NULL)
        return -ENOMEM;
    char *next = copy;
    for (size_t i = 0; i < location.len; i++)
        next = text_put_url(next, (unsigned char)location.data[i]);
    if (req->status == 0)
        req->status = 307;
    int rc =
        response_set_field(req, GALLEY_STR("location"), (galley_str){copy, (size_t)(next - copy)});
    return rc < 0 ? rc : response_send(req, (galley_str){0}, NULL, 0);
}

static galley_str type_of_file(const struct galley_file *file)
{
    if (file->type != NULL)
        return (galley_str){file->type, strlen(file->type)};
    const char *dot = strrchr(file->path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(dot + 1, types[i].ending) == 0)
            return types[i].type;
    return GALLEY_STR("application/octet-stream");
}

static GALLEY_YIELDS int send_file(struct galley_request *req, const struct galley_file *file)
{
    struct stat status;
    if (file->path == NULL)
        return -EINVAL;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP))
        return response_send_detail(req, 404, GALLEY_STR("Not Found"));
    if (fd < 0)
        return -errno;
    int rc;
    if (fstat(fd, &status) < 0)
        rc = -errno;
    else if (!S_ISREG(status.st_mode))
        rc = response_send_detail(req, 404, GALLEY_STR("Not Found"));
    else
        rc = response_send_file(req, content_type(req, type_of_file(file)), fd,
                                (uint64_t)status.st_size);
    close(fd);
    return rc;
}

static GALLEY_YIELDS int end_stream(struct galley_request *req, struct galley_stream *stream)
{
    if (!stream->_begun)
        return send_bytes(req, (galley_str){0}, NULL, 0);
    return req->response == RESPONSE_BEGUN ? response_end(req) : 0;
}

int output_send(const struct output *output, struct galley_request *req, void *out)
{
    switch (output->kind) {
    case OUTPUT_MODEL:
        return send_model(output, req, out);
    case OUTPUT_NONE:
        if (req->status == 0 || req->status == 200)
            req->status = 204;
        return response_send(req, (galley_str){0}, NULL, 0);
    case OUTPUT_TEXT: {
        galley_str text = ((const struct galley_text *)out)->text;
        return send_bytes(req, GALLEY_STR("text/plain; charset=utf-8"), text.data, text.len);
    }
    case OUTPUT_HTML: {
        galley_str html = ((const struct galley_html *)out)->html;
        return send_bytes(req, GALLEY_STR("text/html; charset=utf-8"), html.data, html.len);
    }
    case OUTPUT_OCTETS: {
        const struct galley_octets *octets = out;
        galley_str type = octets->type != NULL ? (galley_str){octets->type, strlen(octets->type)}
                                               : GALLEY_STR("application/octet-stream");
        return send_bytes(req, type, octets->bytes.data, octets->bytes.len);
    }
    case OUTPUT_REDIRECT:
        return send_redirect(req, ((const struct galley_redirect *)out)->location);
    case OUTPUT_FILE:
        return send_file(req, out);
    case OUTPUT_STREAM:
        return end_stream(req, out);
    }
    return -EINVAL;
}

int galley__write(galley_async *co, struct galley_stream *out, const void *data, size_t len,
                  const char *here)
{
    int rc = coro_check(co);
    struct galley_request *req = out->_request;
    if (rc < 0)
        return rc;
    if (req == NULL ||
        (out->_begun ? req->response != RESPONSE_BEGUN : req->response != RESPONSE_NONE))
        return -EINVAL; /* not the stream that the handler was given, or after its end */
    if (!out->_begun) {
        out->_begun = true;
        rc = response_begin(req, content_type(req, (galley_str){0}), HTTP_LENGTH_UNKNOWN);
    }
    co->here = here;
    if (rc == 0)
        rc = response_write(req, data, len);
    co->here = NULL;
    return rc;
}
