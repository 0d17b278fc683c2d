/* app.c - an application as a worker runs it; see app.h.
 * Does:     the straight line of a request: route, inputs, handler, output; and what each way of failing is answered.
 * Does not: check declarations at request time: app_new has refused what does not hold.
 * See:      router.h, inputs.h, output.h; docs/ARCHITECTURE.md (the life of a request) */
#include "worker/app/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

#include "common/log.h"
#include "worker/app/call.h"
#include "worker/app/docs.h"
#include "worker/app/failure.h"
#include "worker/app/inputs.h"
#include "worker/app/openapi.h"
#include "worker/app/output.h"
#include "worker/app/router.h"
#include "worker/http/response.h"
#include "worker/http/route_stats.h"
#include "worker/http/server.h"
#include "worker/http/text.h"

/* What a start or stop hook may take at most. */
enum { HOOK_MAX_BYTES = 64 << 20 };

struct endpoint {
    const struct galley_route *route;
    struct route_stats *stats;
    struct inputs *inputs;
    struct output output;
    bool reads_head, reads_body; /* where its input comes from; neither: it is galley_none */
};

/* A model that was asked for by a call, so that it is found without a search. */
enum { KNOWN_SHAPES = 64 };
struct known_shape {
    const struct galley_model *model;
    const struct shape *shape;
};

struct app {
    const struct galley_app *declared;
    struct router *router;
    struct shapes *shapes;
    struct failures *failures;
    struct docs *docs;
    struct route_stats *stats; /* of each endpoint, and behind them of what none matches */
    struct known_shape known[KNOWN_SHAPES]; /* by the model's address */
    size_t count, room;
    struct endpoint endpoints[];
};

/* It is counted with these from now on. */
static inline __attribute__((always_inline)) void count_in(struct galley_request *req,
                                                           struct route_stats *stats)
{
    req->stats = stats;
    if (__builtin_expect(route_stats_begin(stats, req->co), 0))
        req->is_measured = true;
}

/* ---- what is not served ---- */

/* Where the path leads with a slash more or without its last ones, kept relative, with its query; data NULL: nowhere. */
static int other_spelling(const struct app *app, struct galley_request *req, galley_str path,
                          galley_str *location)
{
    galley_str encoded = req->path_encoded;
    *location = (galley_str){0};
    if (path.len <= 1)
        return 0;
    char *other = arena_alloc(&req->arena, path.len + 1);
    char *text = arena_alloc(&req->arena, 3 * (encoded.len + req->query.len) + 4);
    if (other == NULL || text == NULL)
        return -ENOMEM;
    memcpy(other, path.data, path.len);
    size_t len = path.len;
    bool is_ended = other[len - 1] == '/';
    if (!is_ended)
        other[len++] = '/';
    while (is_ended && len > 0 && other[len - 1] == '/')
        len--;
    if (!router_knows(app->router, (galley_str){other, len}))
        return 0;
    while (is_ended && encoded.len > 0 && encoded.data[encoded.len - 1] == '/')
        encoded.len--;
    char *next = text;
    if (encoded.len > 1 && encoded.data[1] == '/') {
        memcpy(next, "/.", 2); /* "//host" would lead to another server (RFC 3986, 4.2) */
        next += 2;
    }
    next = text_put_path(next, encoded);
    if (!is_ended)
        *next++ = '/';
    if (req->query.len > 0)
        *next++ = '?';
    for (size_t i = 0; i < req->query.len; i++)
        next = text_put_url(next, (unsigned char)req->query.data[i]);
    *location = (galley_str){text, (size_t)(next - text)};
    return 0;
}

static GALLEY_YIELDS int answer_no_path(const struct app *app, struct galley_request *req,
                                        galley_str path)
{
    galley_str location;
    int rc = other_spelling(app, req, path, &location);
    if (rc < 0)
        return rc;
    if (location.data == NULL)
        return failure_answer_status(app->failures, req, 404, GALLEY_STR("Not Found"));
    rc = response_set_field(req, GALLEY_STR("location"), location);
    req->status = 307;
    return rc < 0 ? rc : response_send(req, (galley_str){0}, NULL, 0);
}

static GALLEY_YIELDS int answer_no_method(const struct app *app, struct galley_request *req,
                                          galley_str path)
{
    enum { ALLOW_BYTES = 512 };
    char *allow = arena_alloc(&req->arena, ALLOW_BYTES);
    if (allow == NULL)
        return -ENOMEM;
    size_t len = router_allow(app->router, path, allow, ALLOW_BYTES);
    int rc = response_set_field(req, GALLEY_STR("allow"), (galley_str){allow, len});
    return rc < 0
               ? rc
               : failure_answer_status(app->failures, req, 405, GALLEY_STR("Method Not Allowed"));
}

/* ---- from inputs to output ---- */

/* A request on the way to its handler. */
struct arrival {
    const struct app *app;
    struct galley_request *req;
    galley_str path;
    int index; /* of its endpoint, or ROUTER_NO_* */
    int rc;    /* of the last step */
    void *in, *out;
    struct problems problems;
};

static GALLEY_YIELDS int read_inputs(struct arrival *a)
{
    galley_str params[ROUTER_MAX_PARAMS];
    router_params(a->app->router, a->index, a->path, params);
    return inputs_read(a->app->endpoints[a->index].inputs, a->req, params, a->in, &a->problems);
}

/* Those of a body: in a frame that is gone when the handler runs. */
__attribute__((noinline)) static GALLEY_YIELDS int read_body_inputs(struct arrival *a)
{
    return read_inputs(a);
}

/* Without a body there is nothing to wait for: on the loop's stack, where memory is warm. */
static GALLEY_YIELDS void read_head_inputs(void *arg)
{
    struct arrival *a = arg;
    a->rc = read_inputs(a);
}

/* What its inputs are not, or why there are none. */
__attribute__((noinline)) static GALLEY_YIELDS int answer_unread(struct arrival *a)
{
    if (a->rc == -EINVAL)
        return failure_answer_invalid(a->app->failures, a->req, &a->problems);
    if (a->rc == REQUEST_FAILED && a->req->is_failed)
        return failure_answer_noted(a->app->failures, a->req);
    return a->rc;
}

/* No thread, no coroutine or no connection was to be had: soon there will be. */
static GALLEY_YIELDS int answer_busy(const struct app *app, struct galley_request *req)
{
    req->out_first = req->out_last = NULL;
    int rc = response_set_field(req, GALLEY_STR("retry-after"), GALLEY_STR("1"));
    return rc < 0
               ? rc
               : failure_answer_status(app->failures, req, 503, GALLEY_STR("Service Unavailable"));
}

/* The handler did what it should not: say so in the log, and to the client no more than FastAPI does. */
static GALLEY_YIELDS int answer_failed(const struct app *app, const struct galley_route *route,
                                       struct galley_request *req, int rc)
{
    const char *why = galley_why(req->co);
    log_line(LOG_LEVEL_ERROR, "handler_failed", "%s %s: %s (%s:%d) ended with %d (%s)%s%s",
             route->method, route->path, route->name, route->file, route->line, rc,
             galley_error_text(rc), why[0] != '\0' ? ": " : "", why);
    if (req->response != RESPONSE_NONE)
        return 0; /* the answer breaks off: the transport tells the client */
    int status = failure_status_of(rc);
    if (status == 503)
        return answer_busy(app, req);
    if (status != 500) {
        req->out_first = req->out_last = NULL;
        return failure_answer_status(
            app->failures, req, status,
            (galley_str){http_reason(status), strlen(http_reason(status))});
    }
    return failure_answer_crash(app->failures, req);
}

/* Answer what the handler has ended with. */
static GALLEY_YIELDS int answer(const struct app *app, const struct endpoint *endpoint,
                                struct galley_request *req, int rc, void *out)
{
    if (rc >= 0) {
        rc = output_send(&endpoint->output, req, out);
        if (rc >= 0 || req->response != RESPONSE_NONE || req->co->cancel_reason)
            return rc;
        if (rc == -EINVAL && endpoint->output.kind == OUTPUT_MODEL)
            return failure_answer_crash(app->failures, req); /* the log has why */
        return answer_failed(app, endpoint->route, req, rc);
    }
    if (req->co->cancel_reason != GALLEY_NOT_CANCELLED && rc != REQUEST_FAILED)
        return rc; /* request_run knows what each reason is answered */
    if (rc == REQUEST_FAILED && req->is_failed && req->response == RESPONSE_NONE)
        return failure_answer_noted(app->failures, req);
    if (rc == -EAGAIN && req->response == RESPONSE_NONE)
        return answer_busy(app, req);
    if (req->body_error < 0 && rc == req->body_error)
        return rc; /* the client's fault: request_run has its status */
    if (req->send_error < 0 && rc == req->send_error)
        return rc; /* the client's fault: there is nobody to be told */
    return answer_failed(app, endpoint->route, req, rc);
}

static GALLEY_YIELDS int answer_too_large(const struct app *app, struct galley_request *req)
{
    return failure_answer_status(app->failures, req, 413, GALLEY_STR("Content Too Large"));
}

/* What the route says of the request, and room for its input and output. 0, -ENOMEM. */
static int take_route(struct arrival *a, const struct endpoint *endpoint)
{
    struct galley_request *req = a->req;
    const struct galley_route *route = endpoint->route;
    count_in(req, endpoint->stats);
    req->route = route;
    req->on_disconnect = route->on_disconnect;
    if (route->max_body_bytes > 0)
        req->max_body_bytes = route->max_body_bytes;
    if (route->timeout_ms > 0)
        coro_set_deadline(req->co, req->co->started_ms + route->timeout_ms);
    a->in = arena_alloc(&req->arena, route->in->size);
    a->out = arena_alloc(&req->arena, endpoint->output.bytes);
    return a->in != NULL && a->out != NULL ? 0 : -ENOMEM;
}

static GALLEY_YIELDS int run_endpoint(struct arrival *a)
{
    const struct endpoint *endpoint = &a->app->endpoints[a->index];
    struct galley_request *req = a->req;
    a->rc = take_route(a, endpoint);
    if (a->rc < 0)
        return a->rc;
    if (req->content_length != HTTP_LENGTH_UNKNOWN && req->content_length > req->max_body_bytes)
        return answer_too_large(a->app, req);
    if (endpoint->reads_head)
        coro_call_on_loop(req->co, read_head_inputs, a);
    else if (endpoint->reads_body)
        a->rc = read_body_inputs(a);
    if (a->rc != 0)
        return answer_unread(a);
    req->status = endpoint->route->status;
    output_prepare(&endpoint->output, req, a->out);
    int rc = call_run(endpoint->route, req, a->in, a->out);
    return answer(a->app, endpoint, req, rc, a->out);
}

/* Its path was not decoded, or there is no such route. */
__attribute__((noinline)) static GALLEY_YIELDS int answer_unmatched(const struct arrival *a)
{
    const struct app *app = a->app;
    struct galley_request *req = a->req;
    count_in(req, &app->stats[app->room]);
    if (req->is_asterisk) {
        req->status = 204;
        return response_send(req, (galley_str){0}, NULL, 0);
    }
    if (a->rc == -EINVAL)
        return failure_answer_status(app->failures, req, 400, GALLEY_STR("Bad Request"));
    if (a->rc < 0)
        return a->rc;
    return a->index == ROUTER_NO_METHOD ? answer_no_method(app, req, a->path)
                                        : answer_no_path(app, req, a->path);
}

void app_handle(void *arg, struct galley_request *req)
{
    __attribute__((uninitialized)) struct arrival a;
    a.app = arg;
    a.req = req;
    a.path = req->path; /* there already where nothing is escaped */
    a.rc = 0;
    a.index = ROUTER_NO_PATH;
    if (a.path.data == NULL)
        a.rc = text_decode(&req->arena, req->path_encoded, TEXT_ROUTE, &a.path);
    if (a.rc == 0 && !req->is_asterisk)
        a.index = router_find(a.app->router, req->method_text, a.path);
    int rc = a.index >= 0 ? run_endpoint(&a) : answer_unmatched(&a);
    if (rc == -EMSGSIZE && rc == req->body_error && req->response == RESPONSE_NONE)
        rc = answer_too_large(a.app, req);
    if (rc != -ENOMEM)
        return;
    log_line(LOG_LEVEL_ERROR, "no_memory", "for a request of %.*s",
             GALLEY_STR_ARG(req->path_encoded));
    if (req->response == RESPONSE_NONE)
        answer_busy(a.app, req);
}

/* ---- at load ---- */

/* What the declaration of a route lacks, as the end of a sentence; NULL if nothing. */
static const char *find_fault(const struct galley_route *route)
{
    if (route->run == NULL || route->in == NULL || route->out == NULL)
        return "it has no handler, input or output: declare it with GALLEY_GET or its kind";
    if (route->status != 0 && (route->status < 200 || route->status > 599))
        return "its status is not within 200 to 599";
    if (route->timeout_ms < 0)
        return "its timeout_ms is negative";
    if (!route->async && route->out == &galley_stream_model)
        return "a stream is written by an async handler";
    return NULL;
}

static int add_endpoint(struct app *app, const struct galley_route *route, struct errmsg *why)
{
    struct endpoint *endpoint = &app->endpoints[app->count];
    const galley_str *names;
    size_t count = router_param_names(app->router, (int)app->count, &names);
    const char *fault = find_fault(route);
    if (fault != NULL) {
        errmsg_set(why, "%s", fault);
        return -1;
    }
    if (output_init(&endpoint->output, route, app->shapes, why) < 0)
        return -1;
    endpoint->route = route;
    endpoint->stats = &app->stats[app->count];
    app->count++; /* from here on it is released with the others */
    endpoint->inputs = inputs_new(app->shapes, route->in, names, count, why);
    if (endpoint->inputs == NULL)
        return -1;
    endpoint->reads_body = inputs_have_body(endpoint->inputs);
    endpoint->reads_head = !endpoint->reads_body && route->in != &galley_none_model;
    return 0;
}

static void blame(const struct galley_route *route, const struct errmsg *fault, struct errmsg *why)
{
    errmsg_set(why, "%s:%d: %s %s: %s", route->file != NULL ? route->file : "?", route->line,
               route->method, route->path, fault->text);
}

/* Route `index` of all: the documentation's own come first, as FastAPI's do. */
static const struct galley_route *route_at(const struct app *app, size_t index)
{
    size_t own = docs_route_count(app->docs);
    return index < own ? docs_route(app->docs, index) : &app->declared->routes[index - own];
}

static struct router *build_router(const struct app *app, struct errmsg *why)
{
    struct errmsg fault = {{0}};
    size_t count = docs_route_count(app->docs) + app->declared->route_count, bad = 0;
    struct router_path *paths = calloc(count + 1, sizeof *paths);
    if (paths == NULL) {
        errmsg_set(why, "there is no memory for %zu routes", count);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        const struct galley_route *route = route_at(app, i);
        if (route->method == NULL || route->path == NULL) {
            errmsg_set(why, "route %zu of %s has no method or no path",
                       i + 1 - docs_route_count(app->docs), app_title(app));
            free(paths);
            return NULL;
        }
        paths[i] = (struct router_path){route->method, route->path};
    }
    struct router *router = router_new(paths, count, &bad, &fault);
    if (router == NULL)
        blame(route_at(app, bad), &fault, why);
    free(paths);
    return router;
}

/* All that an application is, into `app`. 0; -1 with a sentence in `why`. */
static int build(struct app *app, struct errmsg *why)
{
    app->shapes = shapes_new();
    if (app->shapes == NULL) {
        errmsg_set(why, "there is no memory");
        return -1;
    }
    app->router = build_router(app, why);
    app->failures = app->router != NULL ? failures_new(app->declared, app->shapes, why) : NULL;
    if (app->failures == NULL)
        return -1;
    size_t count = docs_route_count(app->docs) + app->declared->route_count;
    for (size_t i = 0; i < count; i++) {
        struct errmsg fault = {{0}};
        if (add_endpoint(app, route_at(app, i), &fault) == 0)
            continue;
        if (shapes_is_at_fault(app->shapes))
            *why = fault;
        else
            blame(route_at(app, i), &fault, why);
        return -1;
    }
    return docs_write(app->docs, app->declared, app->shapes, why);
}

struct app *app_new(const struct galley_app *declared, struct errmsg *why)
{
    if (declared->abi != GALLEY_ABI) {
        errmsg_set(
            why,
            "the application was built for ABI %d of Galley, and this is ABI %d: build it again",
            declared->abi, GALLEY_ABI);
        return NULL;
    }
    struct docs *docs = docs_new(declared, why);
    if (docs == NULL)
        return NULL;
    size_t count = docs_route_count(docs) + declared->route_count;
    struct app *app = calloc(1, sizeof *app + count * sizeof app->endpoints[0]);
    struct route_stats *stats = calloc(count + 1, sizeof *stats);
    if (app == NULL || stats == NULL) {
        errmsg_set(why, "there is no memory for %zu routes", count);
        free(app);
        free(stats);
        docs_free(docs);
        return NULL;
    }
    for (size_t i = 0; i <= count; i++)
        route_stats_init(&stats[i]);
    app->stats = stats;
    app->room = count;
    app->declared = declared;
    app->docs = docs;
    if (build(app, why) == 0)
        return app;
    app_free(app);
    return NULL;
}

void app_free(struct app *app)
{
    if (app == NULL)
        return;
    for (size_t i = 0; i < app->count; i++)
        inputs_free(app->endpoints[i].inputs);
    failures_free(app->failures);
    docs_free(app->docs);
    shapes_free(app->shapes);
    router_free(app->router);
    free(app->stats);
    free(app);
}

/* Hooks have memory as requests have: for what their calls to remote sides answer. */
static void begin_hook(galley_async *co, struct arena *memory)
{
    arena_init(memory, NULL, 0, HOOK_MAX_BYTES);
    co->arena = memory;
}

static GALLEY_YIELDS void end_hook(galley_async *co)
{
    coro_join_forgotten(co);
    coro_run_defers(co);
    arena_release(co->arena);
    co->arena = NULL;
    co->why = NULL;
}

int app_start(struct app *app, galley_async *co, struct errmsg *why)
{
    struct arena memory;
    sched_set_app(co->sched, app);
    if (app->declared->on_start == NULL)
        return 0;
    begin_hook(co, &memory);
    int rc = app->declared->on_start(co);
    const char *said = galley_why(co);
    if (rc < 0 && galley_cancel_reason(co) == GALLEY_BY_DEADLINE)
        errmsg_set(why, "start hook of %s was not ready within start_timeout", app_title(app));
    else if (rc < 0)
        errmsg_set(why, "start hook of %s failed: %d (%s)%s%s", app_title(app), rc,
                   galley_error_text(rc), said[0] != '\0' ? ": " : "", said);
    end_hook(co);
    return rc < 0 ? rc : 0;
}

void app_stop(struct app *app, galley_async *co)
{
    struct arena memory;
    if (app->declared->on_stop == NULL)
        return;
    begin_hook(co, &memory);
    app->declared->on_stop(co);
    end_hook(co);
}

static const struct shape *compile_shape(galley_async *co, struct app *app,
                                         const struct galley_model *model, const char *here)
{
    struct errmsg why = {{0}};
    const struct shape *shape = app != NULL ? shapes_get(app->shapes, model, &why) : NULL;
    if (shape == NULL)
        coro_fail(co, EINVAL, here, "%s",
                  app != NULL ? why.text : "models are read where an application runs");
    return shape;
}

const struct shape *app_shape_of(galley_async *co, const struct galley_model *model,
                                 const char *here)
{
    struct app *app = sched_app(co->sched);
    struct known_shape *known =
        app != NULL ? &app->known[((uintptr_t)model >> 6) % KNOWN_SHAPES] : NULL;
    if (known != NULL && known->model == model)
        return known->shape;
    const struct shape *shape = compile_shape(co, app, model, here);
    if (shape != NULL)
        *known = (struct known_shape){model, shape};
    return shape;
}

const char *app_title(const struct app *app)
{
    return app->declared->title != NULL ? app->declared->title : "Galley";
}

const char *app_version(const struct app *app)
{
    return app->declared->version != NULL ? app->declared->version : "0.1.0";
}

size_t app_route_count(const struct app *app)
{
    return app->count;
}

const struct galley_route *app_route(const struct app *app, size_t index,
                                     const struct route_stats **stats)
{
    *stats = &app->stats[index < app->count ? index : app->room];
    return index < app->count ? app->endpoints[index].route : NULL;
}

const struct docs *app_docs(const struct app *app)
{
    return app->docs;
}

const char *app_docs_page(const struct app *app)
{
    return docs_page(app->docs);
}

int app_write_openapi(struct app *app, struct json_out *out, struct errmsg *why)
{
    return openapi_write(out, app->declared, app->shapes, why);
}
