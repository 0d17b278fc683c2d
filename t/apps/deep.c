/* deep.c - handlers that use more stack than there is, call a null pointer, leave tasks and scopes behind. */
#include <errno.h>
#include <galley.h>

static int fathom(int depth)
{
    volatile char locals[1000];
    locals[0] = (char)depth;
    int below = depth < 1 << 30 ? fathom(depth + 1) : 0;
    return below + locals[0];
}

static int deep(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    out->text = galley_format(co, "%d", fathom(0));
    return 0;
}

static int fathom_later(galley_async *co, int *depth)
{
    int rc = galley_sleep_ms(co, 1);
    return rc < 0 ? rc : fathom(*depth);
}

static int deep_task(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    int depth = 0;
    (void)in;
    out->text = GALLEY_STR("never");
    return galley_await(co, galley_spawn(co, fathom_later, &depth));
}

/* Some 100 KiB of stack, then a wait. */
static int dig(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    out->text = galley_format(co, "%d", fathom((1 << 30) - 100));
    return galley_sleep_ms(co, 1500);
}

static int null(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    int (*volatile nothing)(void) = NULL;
    (void)in;
    out->text = galley_format(co, "%d", nothing());
    return 0;
}

static int open_scope(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    struct galley_scope scope;
    (void)in;
    galley_scope_open(co, &scope, 1000);
    out->text = GALLEY_STR("left open");
    return galley_sleep_ms(co, 1);
}

static int plain(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("here");
    return 0;
}

GALLEY_APP(.title = "Deep", .version = "1.0",
           .routes = GALLEY_ROUTES(GALLEY_GET("/", plain, galley_none, galley_text),
                                   GALLEY_GET("/deep", deep, galley_none, galley_text),
                                   GALLEY_GET("/dig", dig, galley_none, galley_text),
                                   GALLEY_GET("/deep-task", deep_task, galley_none, galley_text),
                                   GALLEY_GET("/null", null, galley_none, galley_text),
                                   GALLEY_GET("/open", open_scope, galley_none, galley_text)));
