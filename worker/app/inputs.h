/* inputs.h - the typed input of a route: from path, query, header fields and cookies into its struct.
 * Does:     compile a model at load (names, order, bounds, defaults); read one request; report every problem at once.
 * Does not: read bodies. Where a member may come from, this is the list to grow.
 * See:      problems.h (the 422), router.h (the path's values) */
#ifndef GALLEY_WORKER_APP_INPUTS_H
#define GALLEY_WORKER_APP_INPUTS_H

#include "worker/app/problems.h"
#include "worker/http/request.h"

struct inputs;

/* Compile `model` for a path with these parameters. NULL with a sentence without a subject in `why`. */
struct inputs *inputs_new(const struct galley_model *model, const galley_str *param_names,
                          size_t param_count, struct errmsg *why);
void inputs_free(struct inputs *inputs);

/* Fill the struct at `in` (of the model's size) from the request and the path's values; strings and lists lie in the
 * request's arena or in the request itself. 0; -EINVAL: `problems` holds the whole 422 body; -ENOMEM. */
int inputs_read(const struct inputs *inputs, struct galley_request *req, const galley_str *params,
                void *in, struct json_out *problems) GALLEY_MUST_USE;

#endif
