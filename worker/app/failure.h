/* failure.h - what a request that failed is answered: {"detail": ...} as FastAPI does, or what the application's handler says.
 * Does:     find the handler of a failure (GALLEY_HANDLERS), call it, send its output; the usual answers where there is none.
 * Does not: decide that something failed (app.c does).
 * See:      galley/app.h (the kinds of failure), galley/request.h (galley_fail and its kin) */
#ifndef GALLEY_WORKER_APP_FAILURE_H
#define GALLEY_WORKER_APP_FAILURE_H

#include <galley/app.h>

#include "worker/app/problems.h"
#include "worker/app/shape.h"
#include "worker/http/request.h"

struct failures;

/* The handlers of an application; outputs' shapes come from `shapes`. NULL with a sentence in `why`. */
struct failures *failures_new(const struct galley_app *declared, struct shapes *shapes,
                              struct errmsg *why);
void failures_free(struct failures *failures);

/* All answer the request, which has none yet. 0, or -errno: nobody is there to be told, or the request was cancelled. */

/* The server's own: `status` with a detail that is text. Header fields that were set stay. */
GALLEY_YIELDS int failure_answer_status(const struct failures *failures, struct galley_request *req,
                                        int status, galley_str detail) GALLEY_MUST_USE;

/* What galley_fail, galley_fail_json or galley_raise has noted in the request. */
GALLEY_YIELDS int failure_answer_noted(const struct failures *failures,
                                       struct galley_request *req) GALLEY_MUST_USE;

/* Inputs that do not hold. */
GALLEY_YIELDS int failure_answer_invalid(const struct failures *failures,
                                         struct galley_request *req,
                                         struct problems *problems) GALLEY_MUST_USE;

/* A handler ended with an error that nobody answers, or its output cannot be written. Header fields that it set go. */
GALLEY_YIELDS int failure_answer_crash(const struct failures *failures,
                                       struct galley_request *req) GALLEY_MUST_USE;

/* The status that a handler's own error is answered with: 502, 503 or 504 when a remote side is at fault, else 500. */
int failure_status_of(int error);

#endif
