/* json_call.c - models in HTTP calls: the JSON of one as a body, an answer's JSON in another.
 * Does:     write and read by the models' shapes, which are compiled once a worker; say what does not fit.
 * Does not: send (worker/io/http.c does).
 * See:      galley/http.h, json_write.h, json_read.h, t/80-http.t */
#include <errno.h>
#include <string.h>

#include <galley/error.h>
#include <galley/http.h>

#include "worker/app/json_read.h"
#include "worker/app/problems.h"
#include "worker/coro/coro.h"

enum { BODY_MAX_BYTES = 64 << 20 };

/* The shapes of models that calls have named: one thread a process makes them. They live as long as it. */
static const struct shape *shape_of(galley_async *co, const struct galley_model *model,
                                    const char *here)
{
    static struct shapes *shapes;
    struct errmsg why = {{0}};
    const struct shape *shape = NULL;
    if (shapes == NULL)
        shapes = shapes_new();
    if (shapes != NULL)
        shape = shapes_get(shapes, model, &why);
    if (shape == NULL && coro_fail(co, -EINVAL, here, "the model %s: %s", model->name, why.text))
        return NULL;
    return shape;
}

/* The JSON of `value` in the arena. 0, -EINVAL, -ENOMEM. */
static int write_body(galley_async *co, const struct galley_http_request *request,
                      galley_bytes *body, const char *here)
{
    const struct shape *shape = shape_of(co, request->json_model, here);
    struct arena *arena = co->arena;
    struct json_out json;
    if (shape == NULL)
        return -EINVAL;
    json_out_init(&json, arena->next, (size_t)(arena->end - arena->next), BODY_MAX_BYTES);
    json_write(&json, shape, request->json_value, 0);
    int rc = json.error;
    if (rc == 0) {
        const char *text = json.is_heap ? arena_dup(arena, json.data, json.len)
                                        : arena_alloc(arena, json.len); /* where it is already */
        *body = (galley_bytes){(const uint8_t *)text, json.len};
        rc = text != NULL ? 0 : -ENOMEM;
    }
    json_out_release(&json);
    if (rc == -EINVAL) {
        char why[128];
        json_write_fault(shape, request->json_value, why, sizeof why);
        return coro_fail(co, rc, here, "%s cannot be sent: %s", request->json_model->name, why);
    }
    return rc < 0
               ? coro_fail(co, rc, here, "no memory for the JSON of %s", request->json_model->name)
               : 0;
}

int galley__http(galley_async *co, struct galley_http *got,
                 const struct galley_http_request *request, const char *here)
{
    if (request->json_model == NULL || co->arena == NULL)
        return galley__http_send(co, got, request, here);
    struct galley_http_request whole = *request;
    memset(got, 0, sizeof *got);
    int rc = write_body(co, request, &whole.body, here);
    if (rc < 0)
        return rc;
    whole.type = request->type != NULL ? request->type : "application/json";
    return galley__http_send(co, got, &whole, here);
}

/* "price: Input should be greater than 0", of the first problem. Returns the error. */
static int blame(galley_async *co, const struct galley_http *got, struct problems *problems,
                 const char *name, const char *here)
{
    struct galley_invalid said = {0};
    if (problems_describe(problems, &said) < 0 || said.count == 0)
        return coro_fail(co, -GALLEY_EMODEL, here, "the answer does not fit %s", name);
    (void)got;
    const struct galley_problem *first = &said.problems[0];
    return coro_fail(co, -GALLEY_EMODEL, here, "the answer does not fit %s: %.*s: %.*s", name,
                     (int)first->loc.len, first->loc.data, (int)first->msg.len, first->msg.data);
}

static int read_answer(galley_async *co, const struct galley_http *got, void *out,
                       const struct galley_model *model, const char *here)
{
    const struct shape *shape = shape_of(co, model, here);
    if (shape == NULL)
        return -EINVAL;
    const struct member whole = {
        .name = GALLEY_STR("answer"),
        .count = GALLEY_ONE,
        .is_required = true,
        .type = {.kind = GALLEY_OBJECT, .bytes = shape->bytes, .of = shape},
    };
    const struct loc place = {NULL, GALLEY_STR("answer"), 0};
    struct problems problems;
    problems_init(&problems, co->arena, got->body.len);
    memcpy(out, shape->absent, shape->bytes);
    int rc = json_read_member(got->body, &whole, out, co->arena, &problems, &place);
    if (rc == 0 && problems.count == 0)
        return 0;
    if (rc == 0)
        return blame(co, got, &problems, model->name, here);
    if (rc == -ENOMEM)
        return coro_fail(co, rc, here, "no memory for the answer");
    return coro_fail(co, -GALLEY_EMODEL, here, "the answer is no JSON");
}

int galley__http_json(galley_async *co, void *out, const struct galley_model *model,
                      const struct galley_http_request *request, const char *here)
{
    struct galley_http got;
    int rc = galley__http(co, &got, request, here);
    if (rc < 0)
        return rc;
    if (request->is_stream) {
        galley_http_close(co, &got);
        return coro_fail(co, -EINVAL, here, "a stream is not read into %s", model->name);
    }
    if (got.status < 200 || got.status > 299)
        return coro_fail(co, -GALLEY_ESTATUS, here, "%.*s answered %d",
                         (int)strcspn(got.url.data, "?#"), got.url.data, got.status);
    return read_answer(co, &got, out, model, here);
}
