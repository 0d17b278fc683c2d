/* call.h - a typed function of the application, called in its color.
 * Does:     run an async one on the request's coroutine, a sync one on a thread of the pool; join what it forgot.
 * Does not: answer (app.c and failure.c do). */
#ifndef GALLEY_WORKER_APP_CALL_H
#define GALLEY_WORKER_APP_CALL_H

#include <galley/app.h>

#include "worker/http/request.h"

/* A sync function, on its thread. */
GALLEY_YIELDS int call_on_thread(const struct galley_route *route, struct galley_request *req,
                                 const void *in, void *out) GALLEY_MUST_USE;

/* What the function returned; -EAGAIN when no thread was to be had; -ECANCELED. */
static inline GALLEY_YIELDS int call_run(const struct galley_route *route,
                                         struct galley_request *req, const void *in, void *out)
{
    int rc = route->async ? route->run(req->co, in, out) : call_on_thread(route, req, in, out);
    coro_join_forgotten(req->co);
    return rc;
}

#endif
