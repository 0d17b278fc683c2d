/* inputs.h - the typed input of a route: from path, query, header fields, cookies and body into its struct.
 * Does:     compile a model at load (names, order, bounds, defaults); read one request; gather every problem.
 * Does not: answer (app.c does).
 * See:      problems.h (the 422), router.h (the path's values) */
#ifndef GALLEY_WORKER_APP_INPUTS_H
#define GALLEY_WORKER_APP_INPUTS_H

#include "worker/app/problems.h"
#include "worker/http/request.h"

struct inputs;

/* Compile `model`, whose shape comes from `shapes`, for a path with these parameters. NULL with a sentence in `why`. */
struct inputs *inputs_new(struct shapes *shapes, const struct galley_model *model,
                          const galley_str *param_names, size_t param_count, struct errmsg *why);
void inputs_free(struct inputs *inputs);

/* Fill the struct at `in` (of the model's size) from the request, its body included, and the path's values; strings and
 * lists lie in the request's arena or in the request itself. 0; -EINVAL: `problems` (readied here) has what does not hold;
 * -EILSEQ or -EMLINK: the body cannot be read (400); REQUEST_FAILED as galley_fail; those of galley_body_read; -ENOMEM. */
GALLEY_YIELDS int inputs_read(const struct inputs *inputs, struct galley_request *req,
                              const galley_str *params, void *in,
                              struct problems *problems) GALLEY_MUST_USE;

#endif
