/* crowd.c - for the tests: coroutines in numbers, and one for each kind of waiting. */
#include <galley.h>
#include <unistd.h>

enum { FOREVER_MS = 3600000 };

static int linger(galley_async *co, int64_t *ms)
{
    return galley_sleep_ms(co, *ms);
}

GALLEY_STRUCT(crowd_in, (int64_t, count, QUERY, .ge = 0));
/* A scope with `count` tasks, which it waits for. */
static int crowd(galley_async *co, const struct crowd_in *in, struct galley_text *out)
{
    struct galley_scope scope;
    int64_t ms = FOREVER_MS;
    galley_scope_open(co, &scope, -1);
    for (int64_t i = 0; i < in->count; i++)
        if (galley_spawn(co, linger, &ms) == NULL)
            galley_scope_cancel(&scope);
    out->text = GALLEY_STR("gone");
    return galley_scope_close(co, &scope);
}

/* Its body, which the client never sends whole. */
static int read_body(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    char byte;
    ssize_t n;
    (void)in;
    while ((n = galley_body_read(co, &byte, 1)) > 0)
        continue;
    out->text = GALLEY_STR("read");
    return (int)n;
}

/* More than a client takes that does not read. */
static int write_much(galley_async *co, const struct galley_none *in, struct galley_stream *out)
{
    static const char much[65536];
    int rc = 0;
    (void)in;
    while (rc == 0)
        rc = galley_write(co, out, much, sizeof much);
    return rc;
}

/* A thread that waits for a byte, and what hands it one when its caller is cancelled: nobody; it looks. */
static int stay(galley_sync *rq, int *unused)
{
    (void)unused;
    while (!galley_is_cancelled(rq))
        usleep(10000);
    return 0;
}

static int use_thread(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    int unused = 0;
    (void)in;
    out->text = GALLEY_STR("done");
    return galley_to_thread(co, stay, &unused);
}

/* Blocks the whole loop, as no handler should. */
static int spin(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("never");
    for (volatile int on = 1; on;)
        continue;
    return 0;
}

static int blocking(galley_sync *rq, const struct galley_none *in, struct galley_text *out)
{
    int unused = 0;
    (void)in;
    out->text = GALLEY_STR("done");
    return stay(rq, &unused);
}

GALLEY_APP(.title = "Crowd",
           .routes = GALLEY_ROUTES(GALLEY_GET("/crowd", crowd, crowd_in, galley_text),
                                   GALLEY_GET("/body", read_body, galley_none, galley_text),
                                   GALLEY_GET("/stream", write_much, galley_none, galley_stream),
                                   GALLEY_GET("/thread", use_thread, galley_none, galley_text),
                                   GALLEY_GET("/blocking", blocking, galley_none, galley_text),
                                   GALLEY_GET("/spin", spin, galley_none, galley_text)));
