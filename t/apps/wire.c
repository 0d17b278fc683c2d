/* wire.c - handlers that treat request bodies in every way there is, for tests of the wire.
 * Does:     read all of the body, none of it, or send it back as it comes; say what the head said.
 * See:      t/30-h1-attacks.t */
#include <galley.h>

static int root(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("root");
    return 0;
}

static int second(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("second");
    return 0;
}

static int query(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    out->text = galley_query(co);
    return 0;
}

static int authority(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in;
    out->text = galley_authority(co);
    return 0;
}

static int read_body(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    char piece[1024];
    long long bytes = 0;
    unsigned sum = 0;
    ssize_t len;

    (void)in;
    while ((len = galley_body_read(co, piece, sizeof piece)) > 0) {
        bytes += len;
        for (ssize_t i = 0; i < len; i++)
            sum = sum * 31 + (unsigned char)piece[i];
    }
    if (len < 0)
        return (int)len;
    out->text = galley_format(co, "read %lld, sum %08x", bytes, sum);
    return 0;
}

static int ignore_body(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)co, (void)in;
    out->text = GALLEY_STR("ignored");
    return 0;
}

static int refuse(galley_async *co, const struct galley_none *in, struct galley_text *out)
{
    (void)in, (void)out;
    return galley_fail(co, 403, "not this one");
}

static int echo(galley_async *co, const struct galley_none *in, struct galley_stream *out)
{
    char piece[1024];
    ssize_t len;

    (void)in;
    while ((len = galley_body_read(co, piece, sizeof piece)) > 0) {
        int result = galley_write(co, out, piece, (size_t)len);
        if (result < 0)
            return result;
    }
    return (int)len;
}

/* More than any socket holds, so that who does not read makes it wait. */
static int large(galley_async *co, const struct galley_none *in, struct galley_stream *out)
{
    static const char piece[64 * 1024];

    (void)in;
    for (int i = 0; i < 256; i++) {
        int result = galley_write(co, out, piece, sizeof piece);
        if (result < 0)
            return result;
    }
    return 0;
}

GALLEY_APP(.title = "Wire",
           .routes = GALLEY_ROUTES(GALLEY_GET("/", root, galley_none, galley_text),
                                   GALLEY_GET("/second", second, galley_none, galley_text),
                                   GALLEY_GET("/query", query, galley_none, galley_text),
                                   GALLEY_GET("/authority", authority, galley_none, galley_text),
                                   GALLEY_GET("/large", large, galley_none, galley_stream),
                                   GALLEY_GET("/read", read_body, galley_none, galley_text),
                                   GALLEY_POST("/", read_body, galley_none, galley_text),
                                   GALLEY_POST("/ignore", ignore_body, galley_none, galley_text),
                                   GALLEY_POST("/refuse", refuse, galley_none, galley_text),
                                   GALLEY_POST("/echo", echo, galley_none, galley_stream)));
