/* inputs.h - the typed input of a route: from path, query, header fields, cookies and body into its struct.
 * Does:     compile a model at load (names, order, models that take a whole place); read one request; gather every problem.
 * Does not: judge values (scalar.h, json_read.h) or answer.
 * See:      problems.h (the 422), router.h (the path's values), body.h, form.h */
#ifndef GALLEY_WORKER_APP_INPUTS_H
#define GALLEY_WORKER_APP_INPUTS_H

#include "worker/app/problems.h"
#include "worker/http/request.h"

struct inputs;

/* Compile `model` for a path with these parameters. NULL with a sentence in `why`. `shapes` must outlive it. */
struct inputs *inputs_new(struct shapes *shapes, const struct galley_model *model,
                          const galley_str *param_names, size_t param_count, struct errmsg *why);
void inputs_free(struct inputs *inputs);

/* Whether any of it comes from the body: only then inputs_read may wait. */
bool inputs_have_body(const struct inputs *inputs);

/* Fill the struct at `in` (of the model's size) from the request, its body included, and the path's values; strings and
 * lists lie in the request's memory.
 * 0; -EINVAL: `problems` (not before) has what is wrong; REQUEST_FAILED: the request has what to answer, as after
 * galley_fail (400, 413); -ENOMEM; -ECANCELED; req->body_error. */
GALLEY_YIELDS int inputs_read(const struct inputs *inputs, struct galley_request *req,
                              const galley_str *params, void *in,
                              struct problems *problems) GALLEY_MUST_USE;

#endif
