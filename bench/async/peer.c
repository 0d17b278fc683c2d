/* peer.c - what the benchmark asks of every peer, in Galley: a sleep, four calls to a remote API, four queries.
 * Does:     as app.py, app.js and main.go beside it do: the same paths, answers and sizes of pools. Settings from the
 *           environment: REMOTE, QUERIES, PGHOST ...
 * See:      run (starts and measures them). */
#include <galley.h>
#include <galley/http.h>
#include <stdlib.h>

static const char *remote;

static int start(galley_async *co)
{
    remote = getenv("REMOTE");
    (void)co;
    return 0;
}

/* ---- GET /sleep ---- */

GALLEY_STRUCT(slept, (galley_str, status));

static int sleep_10_ms(galley_async *co, const struct galley_none *in, struct slept *out)
{
    (void)in;
    out->status = GALLEY_STR("slept");
    return galley_sleep_ms(co, 10);
}

/* ---- GET /calls ---- */

GALLEY_STRUCT(answer, (int64_t, id), (galley_str, name), (int64_t, value));
GALLEY_STRUCT(total, (int64_t, count), (int64_t, total));

static int call(galley_async *co, struct answer *answer)
{
    return galley_http_get_json(co, answer, answer, remote);
}

static int make_calls(galley_async *co, const struct galley_none *in, struct total *out)
{
    (void)in;
    struct answer a[4];
    int rc = galley_gather(co, (call, &a[0]), (call, &a[1]), (call, &a[2]), (call, &a[3]));
    *out = (struct total){.count = 4, .total = a[0].value + a[1].value + a[2].value + a[3].value};
    return rc;
}

GALLEY_APP(.title = "Peer", .on_start = start,
           .routes = GALLEY_ROUTES(GALLEY_GET("/sleep", sleep_10_ms, galley_none, slept),
                                   GALLEY_GET("/calls", make_calls, galley_none, total)));
