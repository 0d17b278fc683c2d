/* failure.c - what a request that failed is answered; see failure.h.
 * Does:     one handler at most runs for a request: when it fails itself, the answer is the plain 500.
 * Does not: log what the failure was (app.c does); it logs a handler of failures that failed.
 * See:      call.h, output.h, t/76-failures.t */
#include "worker/app/failure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <galley/error.h>

#include "common/log.h"
#include "worker/app/call.h"
#include "worker/app/json_read.h"
#include "worker/app/json_out.h"
#include "worker/app/output.h"
#include "worker/http/response.h"

struct handler {
    const struct galley_failure_handler *declared;
    struct output output;
};

struct failures {
    size_t count;
    struct handler handlers[];
};

GALLEY_API const struct galley_model galley_failure_model = {.name = "galley_failure",
                                                             .size = sizeof(struct galley_failure)};
GALLEY_API const struct galley_model galley_invalid_model = {.name = "galley_invalid",
                                                             .size = sizeof(struct galley_invalid)};

/* ---- the usual answers ---- */

static GALLEY_YIELDS int send_internal_error(struct galley_request *req)
{
    req->out_first = req->out_last = NULL;
    req->status = 500;
    return response_send(req, GALLEY_STR("text/plain; charset=utf-8"), "Internal Server Error", 21);
}

static void begin_json(struct json_out *out)
{
    json_out_init(out, NULL, 0, OUTPUT_MAX_BYTES);
}

/* The text of `out` in the arena, and `out` released. 0, -errno. */
static int keep_json(struct galley_request *req, struct json_out *out, galley_json *kept)
{
    int rc = out->error;
    if (rc == 0) {
        *kept = (galley_json){arena_dup(&req->arena, out->data, out->len), out->len};
        rc = kept->data != NULL ? 0 : -ENOMEM;
    }
    json_out_release(out);
    return rc;
}

static GALLEY_YIELDS int send_detail(struct galley_request *req, int status, galley_json detail)
{
    struct json_out out;
    begin_json(&out);
    json_literal(&out, "{\"detail\":");
    json_raw(&out, detail.data, detail.len);
    json_literal(&out, "}");
    req->status = status;
    req->wanted_type = (galley_str){0};
    return output_send_json(req, &out);
}

int failure_status_of(int error)
{
    switch (error < 0 ? -error : error) {
#define X(name, status, meaning)                                                                   \
    case GALLEY_##name:                                                                            \
        return status;
        GALLEY_ERRORS(X)
#undef X
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return 503;
    case ECONNRESET:
    case ECONNABORTED:
    case EPROTO:
        return 502;
    case ETIMEDOUT:
        return 504;
    default:
        return 500;
    }
}

/* ---- the application's ---- */

/* Models of one declaration in a header are several constants in memory. */
static bool is_same_model(const struct galley_model *a, const struct galley_model *b)
{
    return a == b || (a->line == b->line && a->size == b->size && strcmp(a->name, b->name) == 0 &&
                      a->file != NULL && b->file != NULL && strcmp(a->file, b->file) == 0);
}

static const struct handler *find_handler(const struct failures *failures,
                                          enum galley_failure_kind kind, int status,
                                          const struct galley_model *model)
{
    const struct handler *any = NULL;
    for (size_t i = 0; i < failures->count; i++) {
        const struct galley_failure_handler *declared = failures->handlers[i].declared;
        if (declared->kind != kind)
            continue;
        if (kind == GALLEY_FAILURE_RAISED ? is_same_model(declared->model, model)
                                          : declared->status == status)
            return &failures->handlers[i];
        if (kind == GALLEY_FAILURE_STATUS && declared->status == 0)
            any = &failures->handlers[i];
    }
    return any;
}

/* Let a handler answer; `status` holds unless it says another. */
static GALLEY_YIELDS int run_handler(const struct handler *handler, struct galley_request *req,
                                     int status, const void *in)
{
    const struct galley_route *route = &handler->declared->route;
    void *out = arena_alloc(&req->arena, handler->output.bytes);
    if (out == NULL)
        return -ENOMEM;
    req->status = route->status != 0 ? route->status : status;
    req->wanted_type = (galley_str){0};
    req->is_failed = false;
    output_prepare(&handler->output, req, out);
    int rc = call_run(route, req, in, out);
    if (rc >= 0)
        rc = output_send(&handler->output, req, out);
    if (rc >= 0 || req->send_error < 0 || req->co->cancel_reason != GALLEY_NOT_CANCELLED)
        return rc;
    log_line(LOG_LEVEL_ERROR, "failure_handler_failed", "%s (%s:%d) ended with %d (%s)",
             route->name, route->file, route->line, rc, strerror(-rc));
    return req->response == RESPONSE_NONE ? send_internal_error(req) : rc;
}

static GALLEY_YIELDS int answer_detail(const struct failures *failures, struct galley_request *req,
                                       int status, galley_json detail)
{
    const struct handler *handler = find_handler(failures, GALLEY_FAILURE_STATUS, status, NULL);
    struct galley_failure failure = {status, detail};
    return handler != NULL ? run_handler(handler, req, status, &failure)
                           : send_detail(req, status, detail);
}

int failure_answer_status(const struct failures *failures, struct galley_request *req, int status,
                          galley_str detail)
{
    if (find_handler(failures, GALLEY_FAILURE_STATUS, status, NULL) == NULL)
        return response_send_detail(req, status, detail);
    struct json_out out;
    galley_json text;
    begin_json(&out);
    json_string(&out, detail);
    int rc = keep_json(req, &out, &text);
    return rc < 0 ? rc : answer_detail(failures, req, status, text);
}

static GALLEY_YIELDS int answer_raised(const struct failures *failures, struct galley_request *req)
{
    const struct galley_model *model = req->fail_model;
    const struct handler *handler = find_handler(failures, GALLEY_FAILURE_RAISED, 0, model);
    if (handler == NULL) {
        log_line(LOG_LEVEL_ERROR, "raised_unanswered", "%s raised %s, which no handler answers",
                 req->route != NULL ? req->route->name : "?", model->name);
        return failure_answer_crash(failures, req);
    }
    req->out_first = req->out_last = NULL;
    return run_handler(handler, req, 500, req->fail_value);
}

int failure_answer_noted(const struct failures *failures, struct galley_request *req)
{
    if (req->fail_model != NULL)
        return answer_raised(failures, req);
    if (!req->fail_is_json)
        return failure_answer_status(failures, req, req->fail_status, req->fail_detail);
    if (json_check(req->fail_detail) < 0) {
        log_line(LOG_LEVEL_ERROR, "detail_invalid", "%s: galley_fail_json was given no JSON",
                 req->route != NULL ? req->route->name : "?");
        return failure_answer_crash(failures, req);
    }
    struct json_out out;
    galley_json text;
    begin_json(&out);
    json_echo(&out, req->fail_detail);
    int rc = keep_json(req, &out, &text);
    return rc < 0 ? rc : answer_detail(failures, req, req->fail_status, text);
}

int failure_answer_invalid(const struct failures *failures, struct galley_request *req,
                           struct problems *problems)
{
    const struct handler *handler = find_handler(failures, GALLEY_FAILURE_INVALID, 0, NULL);
    if (handler == NULL) {
        struct json_out out;
        begin_json(&out);
        problems_write(problems, &out);
        req->status = 422;
        return output_send_json(req, &out);
    }
    struct galley_invalid invalid;
    int rc = problems_describe(problems, &invalid);
    return rc < 0 ? rc : run_handler(handler, req, 422, &invalid);
}

int failure_answer_crash(const struct failures *failures, struct galley_request *req)
{
    const struct handler *handler = find_handler(failures, GALLEY_FAILURE_CRASH, 0, NULL);
    struct galley_failure failure = {
        500, {"\"Internal Server Error\"", sizeof "\"Internal Server Error\"" - 1}};
    req->out_first = req->out_last = NULL;
    return handler != NULL ? run_handler(handler, req, 500, &failure) : send_internal_error(req);
}

/* ---- at load ---- */

/* What the declaration of a handler lacks, as the end of a sentence; NULL if nothing. */
static const char *find_fault(const struct galley_app *declared, size_t index)
{
    const struct galley_failure_handler *it = &declared->handlers[index];
    if (it->route.run == NULL || it->route.in == NULL || it->route.out == NULL)
        return "it has no handler, input or output: declare it with GALLEY_ON_STATUS or its kind";
    if (it->kind == GALLEY_FAILURE_STATUS && it->status != 0 &&
        (it->status < 200 || it->status > 599))
        return "its status is not within 200 to 599";
    if (it->route.status != 0 && (it->route.status < 200 || it->route.status > 599))
        return "the status of its answer is not within 200 to 599";
    if (!it->route.async && it->route.out == &galley_stream_model)
        return "a stream is written by an async handler";
    for (size_t i = 0; i < index; i++)
        if (declared->handlers[i].kind == it->kind && declared->handlers[i].status == it->status &&
            declared->handlers[i].model == it->model)
            return "there is another handler of the same failure before it";
    return NULL;
}

struct failures *failures_new(const struct galley_app *declared, struct shapes *shapes,
                              struct errmsg *why)
{
    struct failures *failures =
        calloc(1, sizeof *failures + declared->handler_count * sizeof failures->handlers[0]);
    if (failures == NULL) {
        errmsg_set(why, "there is no memory for %zu handlers", declared->handler_count);
        return NULL;
    }
    for (size_t i = 0; i < declared->handler_count; i++) {
        const struct galley_route *route = &declared->handlers[i].route;
        struct handler *handler = &failures->handlers[failures->count++];
        struct errmsg fault = {{0}};
        const char *text = find_fault(declared, i);
        handler->declared = &declared->handlers[i];
        if (text != NULL)
            errmsg_set(&fault, "%s", text);
        if (text != NULL || output_init(&handler->output, route, shapes, &fault) < 0) {
            errmsg_set(why, "%s:%d: the handler of a failure, %s: %s",
                       route->file != NULL ? route->file : "?", route->line,
                       route->name != NULL ? route->name : "?", fault.text);
            failures_free(failures);
            return NULL;
        }
    }
    return failures;
}

void failures_free(struct failures *failures)
{
    free(failures);
}
