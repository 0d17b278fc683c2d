/* call.c - a typed function of the application that needs a thread; see call.h.
 * Does:     hand a sync function to the pool.
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

int call_on_thread(const struct galley_route *route, struct galley_request *req, const void *in,
                   void *out)
{
    struct sync_call call = {route, in, out};
    return pool_run(req->server->pool, req->co, run_sync, &call);
}
