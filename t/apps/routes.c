/* t/apps/routes.c - for the tests: routes whose numbers are known beforehand. */
#include <galley.h>
#include <string.h>

GALLEY_STRUCT(answer_in, (int64_t, code, PATH, .ge = 200, .le = 599));
/* Whatever status is asked for; over 599 it is 422. */
static int answer(galley_async *co, const struct answer_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("as you wish");
    if (in->code >= 400)
        return galley_fail(co, (int)in->code, "as you wish");
    galley_set_status(co, (int)in->code);
    return 0;
}

GALLEY_STRUCT(sleep_in, (int64_t, ms, QUERY, .ge = 0));
static int sleep_so_long(galley_async *co, const struct sleep_in *in, struct galley_text *out)
{
    out->text = GALLEY_STR("awake");
    return galley_sleep_ms(co, in->ms);
}

GALLEY_STRUCT(bytes_in, (int64_t, bytes, PATH, .ge = 0, .le = 200000));
__attribute__((noinline)) static void use_stack(int64_t bytes)
{
    volatile char frame[1024];
    frame[0] = frame[sizeof frame - 1] = 1;
    if (bytes > (int64_t)sizeof frame)
        use_stack(bytes - (int64_t)sizeof frame);
    frame[1] = frame[0];
}
static int go_deep(galley_async *co, const struct bytes_in *in, struct galley_text *out)
{
    (void)co;
    use_stack(in->bytes);
    out->text = GALLEY_STR("deep");
    return 0;
}

static int take_memory(galley_async *co, const struct bytes_in *in, struct galley_text *out)
{
    char *memory = galley_alloc(co, (size_t)in->bytes + 1);
    if (memory == NULL)
        return galley_fail(co, 503, "no memory");
    memset(memory, 'x', (size_t)in->bytes);
    out->text = GALLEY_STR("much");
    return 0;
}

static int think(galley_sync *rq, const struct galley_none *in, struct galley_text *out)
{
    (void)rq, (void)in;
    out->text = GALLEY_STR("thought");
    return 0;
}

GALLEY_APP(.title = "Routes",
           .routes = GALLEY_ROUTES(GALLEY_GET("/answer/{code}", answer, answer_in, galley_text),
                                   GALLEY_POST("/answer/{code}", answer, answer_in, galley_text),
                                   GALLEY_GET("/sleep", sleep_so_long, sleep_in, galley_text),
                                   GALLEY_GET("/deep/{bytes}", go_deep, bytes_in, galley_text),
                                   GALLEY_GET("/memory/{bytes}", take_memory, bytes_in,
                                              galley_text),
                                   GALLEY_GET("/think", think, galley_none, galley_text)));
