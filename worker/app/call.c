/* call.c - a typed function of the application, called in its color; see call.h.
 * Does:     know that a sync function needs a thread.
 * Does not: look at what it returned. */
#include "worker/app/call.h"

#include "worker/coro/pool.h"
#include "worker/http/server.h"

struct sync_call {
    const struct galley_route *route;
    const void *in;
    void *out;
};

static int run_sync(galley_sync *rq, void *arg)
{
    const struct sync_call *call = arg;
    return call->route->run(rq, call->in, call->out);
}

int call_run(const struct galley_route *route, struct galley_request *req, const void *in,
             void *out)
{
    int rc;
    if (route->async) {
        rc = route->run(req->co, in, out);
    } else {
        struct sync_call call = {route, in, out};
        rc = pool_run(req->server->pool, req->co, run_sync, &call);
    }
    coro_join_forgotten(req->co);
    return rc;
}
