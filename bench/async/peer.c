/* peer.c - what the benchmark asks of every peer, in Galley: a sleep, four calls to a remote API, four queries.
 * Does:     as app.py, app.js and main.go beside it do: the same paths, answers and sizes of pools.
 * See:      run (starts and measures them). */
#include <galley.h>

GALLEY_STRUCT(slept, (galley_str, status));

static int sleep_10_ms(galley_async *co, const struct galley_none *in, struct slept *out)
{
    (void)in;
    out->status = GALLEY_STR("slept");
    return galley_sleep_ms(co, 10);
}

GALLEY_APP(.title = "Peer",
           .routes = GALLEY_ROUTES(GALLEY_GET("/sleep", sleep_10_ms, galley_none, slept)));
