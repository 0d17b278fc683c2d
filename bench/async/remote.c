/* remote.c - the remote API that every peer calls: it answers JSON after 5 milliseconds.
 * Does:     GET /answer, as often as it is asked.
 * Does not: count for any peer: it runs on the other core, beside the load and the database. */
#include <galley.h>

GALLEY_STRUCT(answer, (int64_t, id), (galley_str, name), (int64_t, value));

static int read_answer(galley_async *co, const struct galley_none *in, struct answer *out)
{
    (void)in;
    *out = (struct answer){.id = 17, .name = GALLEY_STR("hex bolt, galvanised"), .value = 7};
    return galley_sleep_ms(co, 5);
}

GALLEY_APP(.title = "Remote",
           .routes = GALLEY_ROUTES(GALLEY_GET("/answer", read_answer, galley_none, answer)));
